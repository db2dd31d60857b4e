//! The commands of the program, on both engines, beside a running server and without one.
//!
//! `cli_start.rs` has what `serve` does at its start and end, `cli_refusals.rs` what ends with an exit code.

use crypto_orders::clock::Clock;
use crypto_orders::domain::ids::OrderId;
use crypto_orders::domain::time::Span;
use crypto_orders::store::{Opener, Store};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{TestApp, order_body};
use crate::harness_program::{Server, Site, eventually};

on_both_engines![
    keys_made_beside_a_running_server_work_at_once,
    a_key_that_is_revoked_by_the_command_line_is_soon_refused_by_a_running_server,
    accounts_and_keys_are_listed_without_their_secrets,
    an_ipn_that_is_sent_by_the_command_line_moves_an_order_to_paid,
    an_ipn_with_another_price_moves_nothing,
    a_sweep_by_the_command_line_is_seen_by_a_running_server,
    a_sweep_needs_no_server,
];

/// An account made by the program.
fn account(site: &Site) -> String {
    let made = site.run(&["accounts", "create", "--name", "Acme", "--tier", "enterprise", "--json"]).json();
    let id = text(&made["account_id"]);
    assert_eq!(made, json!({ "account_id": id }));
    id
}

/// A key made by the program: its id and its plaintext.
fn key(site: &Site, whose: &[&str]) -> [String; 2] {
    let made = site.run(&[&["keys", "create", "--json"], whose].concat()).json();
    let [id, plaintext] = [text(&made["id"]), text(&made["plaintext"])];
    assert_eq!(made, json!({ "id": id, "plaintext": plaintext }));
    [id, plaintext]
}

fn customer_key(site: &Site) -> [String; 2] {
    key(site, &["--account", &account(site), "--scope", "account_owner"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// An order made over HTTP.
async fn order(server: &Server, key: &str) -> String {
    let answer = server.post("/v1/billing/crypto-checkout", key, &order_body()).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    text(&answer.json()["order_id"])
}

async fn keys_made_beside_a_running_server_work_at_once(engine: Engine) {
    let site = Site::on(engine).await;
    let server = site.serve(&[]);
    let [_, customer] = customer_key(&site);
    let [_, operator] = key(&site, &["--admin"]);

    let order = order(&server, &customer).await;
    assert_eq!(server.get(&format!("/v1/billing/crypto-orders/{order}"), &customer).await.code(), 200);
    assert_eq!(server.get(&format!("/v1/admin/crypto-orders/{order}"), &operator).await.code(), 200);
    server.get(&format!("/v1/admin/crypto-orders/{order}"), &customer).await.problem(403, "forbidden");
    server.get(&format!("/v1/billing/crypto-orders/{order}"), &operator).await.problem(403, "forbidden");
}

async fn a_key_that_is_revoked_by_the_command_line_is_soon_refused_by_a_running_server(engine: Engine) {
    let site = Site::on(engine).await;
    let server = site.serve(&[]);
    let [id, plaintext] = customer_key(&site);
    assert_eq!(server.get("/v1/billing/crypto-orders", &plaintext).await.code(), 200);

    assert!(site.run(&["keys", "revoke", &id]).printed().contains(&id));
    let refused = eventually("the revoked key is refused", async || {
        Some(server.get("/v1/billing/crypto-orders", &plaintext).await).filter(|answer| answer.code() != 200)
    });
    refused.await.problem(401, "revoked-key");
    let listed = site.run(&["keys", "list"]).printed();
    let row = listed.lines().find(|line| line.contains(&id));
    assert!(row.is_some_and(|row| row.contains("revoked")), "{listed}");
}

async fn accounts_and_keys_are_listed_without_their_secrets(engine: Engine) {
    let site = Site::on(engine).await;
    let account = account(&site);
    let [id, plaintext] = key(&site, &["--account", &account, "--scope", "read:billing", "--expires", "90d", "--test"]);
    let [operator, secret] = key(&site, &["--admin", "--name", "night shift"]);
    assert!(plaintext.starts_with("ds_test_") && secret.starts_with("ds_admin_"));

    let accounts = site.run(&["accounts", "list", "--json"]).json();
    assert_eq!(accounts["data"][0]["account_id"], account);
    assert_eq!((&accounts["data"][0]["name"], &accounts["data"][0]["tier"]), (&json!("Acme"), &json!("enterprise")));
    assert!(site.run(&["accounts", "list"]).printed().contains(&account));

    let keys = site.run(&["keys", "list", "--json"]).json();
    let [first, second] = [&keys["data"][0], &keys["data"][1]];
    assert_eq!((&first["id"], &first["scopes"]), (&json!(id), &json!(["read:billing"])));
    assert_eq!((&first["account_id"], first["expires_at"].is_string()), (&json!(account), true));
    assert_eq!(
        (&second["id"], &second["account_id"], &second["name"]),
        (&json!(operator), &Value::Null, &json!("night shift"))
    );
    let table = site.run(&["keys", "list", "--account", &account]).printed();
    assert!(table.contains(&id) && !table.contains(&operator), "{table}");
    for shown in [keys.to_string(), table] {
        assert!(!shown.contains(&plaintext) && !shown.contains(&secret), "{shown}");
    }
}

async fn an_ipn_that_is_sent_by_the_command_line_moves_an_order_to_paid(engine: Engine) {
    let site = Site::on(engine).await;
    let server = site.serve(&["--provider", "none"]);
    let [_, customer] = customer_key(&site);
    let order = order(&server, &customer).await;
    let send = |status: &str| {
        let price = ["--price-amount", "79", "--price-currency", "usd"];
        let coin = ["--pay-amount", "0.5", "--actually-paid", "0.5", "--pay-currency", "eth"];
        let to = ["ipn", "send", "--order", &order, "--status", status, "--listen", &server.address];
        site.run(&[&to[..], &price[..], &coin[..]].concat()).json()
    };
    assert_eq!(send("confirming"), json!({ "received": true, "order_state": "confirming" }));
    assert_eq!(send("finished"), json!({ "received": true, "order_state": "paid" }));
    assert_eq!(send("finished"), json!({ "received": true, "order_state": "paid" }));

    let shown = server.get(&format!("/v1/billing/crypto-orders/{order}"), &customer).await.json();
    let events = shown["events"].as_array().cloned().unwrap_or_default();
    let steps: Vec<[&Value; 2]> = events.iter().map(|event| [&event["status"], &event["source"]]).collect();
    assert_eq!(json!(steps), json!([["pending", "create"], ["confirming", "ipn"], ["paid", "ipn"]]));
    assert_eq!(shown["paid_at"], events[2]["at"]);
}

async fn an_ipn_with_another_price_moves_nothing(engine: Engine) {
    let site = Site::on(engine).await;
    let server = site.serve(&["--provider", "none"]);
    let [_, customer] = customer_key(&site);
    let order = order(&server, &customer).await;
    let send = ["ipn", "send", "--order", &order, "--status", "finished", "--listen", &server.address];
    let answer = site.run(&[&send[..], &["--price-amount", "7.90", "--price-currency", "usd"]].concat()).json();
    assert_eq!(answer, json!({ "received": true, "order_state": "pending" }));

    let stranger = site.run(&[&send[..], &["--secret", "not-the-server-s-secret"]].concat()).refusal(1);
    assert!(stranger.contains("401") && stranger.contains("another IPN secret"), "{stranger}");
    let shown = server.get(&format!("/v1/billing/crypto-orders/{order}"), &customer).await.json();
    assert_eq!((&shown["status"], &shown["payment_id"]), (&json!("pending"), &Value::Null));
}

/// A server whose clock stands two hours back, with an order; it never sweeps by itself.
async fn two_hours_ago(engine: Engine) -> (TestApp, String) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    app.clock.advance(Clock::system().now().before(Span::hours(2)).since(app.clock.now()));
    let order = app.order().await;
    (app, order)
}

/// A place for commands on the database of a server of this process.
fn beside(app: &TestApp) -> Site {
    Site::empty().with("DATABASE_URL", &app.database.url)
}

async fn a_sweep_by_the_command_line_is_seen_by_a_running_server(engine: Engine) {
    let (app, order) = two_hours_ago(engine).await;
    let site = beside(&app);
    let sweep = |more: &[&str]| site.run(&[&["sweep", "--json"], more].concat()).json();

    let tried = sweep(&["--dry-run"]);
    assert_eq!((&tried["expired"], &tried["dry_run"], &tried["order_ids"]), (&json!(1), &json!(true), &json!([order])));
    assert_eq!(sweep(&["--older-than", "3h"])["order_ids"], json!([]));
    assert_eq!(app.look(&order).await["status"], "pending");

    let swept = sweep(&["--older-than", "60m"]);
    assert_eq!((&swept["expired"], &swept["capped"], &swept["order_ids"]), (&json!(1), &json!(false), &json!([order])));
    assert_eq!(app.look(&order).await["failure_reason"], "swept");
    // What the server remembered of the order is stale, and never decides.
    let cancel = format!("/v1/billing/crypto-orders/{order}/cancel");
    app.call(Method::POST, &cancel, &json!({})).await.problem(409, "conflict");
    assert_eq!(app.steps(&order).await, ["pending/create", "failed/swept"]);
    assert_eq!(sweep(&[])["expired"], 0);
    let listed = app.walk("/v1/admin/audit-log", 9).await;
    assert_eq!(listed.len(), 1, "what was only tried, or found nothing, is not on it: {listed:?}");
    assert_eq!([&listed[0]["action"], &listed[0]["target"]], [&json!("crypto_order.swept"), &json!(order)]);
    assert_eq!([&listed[0]["actor"], &listed[0]["ip"]], [&Value::Null; 2]);
}

async fn a_sweep_needs_no_server(engine: Engine) {
    let (app, order) = two_hours_ago(engine).await;
    let site = beside(&app);
    app.app.stop().await;
    assert!(site.run(&["sweep", "--dry-run"]).printed().contains("would sweep 1 order(s)"));
    let told = site.run(&["sweep", "--older-than", "60m"]).printed();
    assert!(told.contains("swept 1 order(s)") && told.contains(&order), "{told}");

    let (url, id) = (app.database.url.clone(), OrderId::parse(&order).expect("an order id"));
    let opening = tokio::task::spawn_blocking(move || Store::open(&url, Clock::system(), Opener::Command));
    let store = opening.await.expect("an end").expect("a store");
    let stored = store.order_load(id).await.expect("an answer").expect("an order");
    assert_eq!(stored.status.name().as_str(), "failed");
}
