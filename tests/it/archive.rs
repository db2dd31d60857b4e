//! The database as a file: exported beside a running server, imported elsewhere, the same afterwards.
//!
//! `archive_refusals.rs` has what an import and a seed refuse, `archive_webhooks.rs` what an archive holds of
//! webhooks, `seed.rs` what a seed makes.

use crypto_orders::domain::access::{Scope, Tier};
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::archive_webhooks;
use crate::engines::{Database, Engine};
use crate::harness::sql::assert_whole;
use crate::harness::{TestApp, eventually, migrate, payment};
use crate::harness_program::Site;
use crate::postgres::Cluster;

on_both_engines![
    an_export_goes_into_either_engine_and_comes_out_the_same,
    the_service_goes_on_where_the_imported_one_was,
    what_is_imported_is_whole,
    a_table_is_the_operators_list,
    a_window_has_its_orders_and_nothing_else,
    a_file_is_never_half_there_and_never_replaced_unasked,
];

/// A place for commands on this database.
pub fn at(url: &str) -> Site {
    Site::empty().with("DATABASE_URL", url)
}

/// What `export --format jsonl` writes.
pub fn exported(url: &str) -> String {
    at(url).run(&["export", "--format", "jsonl"]).printed()
}

/// A fresh database of this engine.
pub async fn fresh(engine: Engine) -> Database {
    tokio::task::spawn_blocking(move || engine.database(migrate)).await.expect("a database")
}

/// Imports an archive into a fresh database.
pub async fn imported(engine: Engine, archive: &str) -> Database {
    let database = fresh(engine).await;
    let site = at(&database.url);
    std::fs::write(site.folder.join("archive.jsonl"), archive).expect("a file");
    let ended = site.run(&["import", "archive.jsonl"]);
    assert_eq!(ended.stderr, "", "nothing is told in a pipe");
    ended.printed();
    database
}

/// Both engines, or SQLite alone where there is no PostgreSQL.
pub fn engines() -> Vec<Engine> {
    [Some(Engine::Sqlite), Cluster::shared().map(Engine::Postgres)].into_iter().flatten().collect()
}

fn id(answer: &Value) -> String {
    answer["order_id"].as_str().expect("an order").to_owned()
}

async fn tell(app: &TestApp, body: Value) {
    let answer = app.ipn(&body).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
}

/// A service with some of everything that can happen, all of it through its doors.
async fn lived_in(engine: Engine) -> TestApp {
    let app = TestApp::spawn(engine).await;
    // A key with replays and a mismatch, paid in two steps, its last IPN told twice.
    let paid = id(&app.checkout(Some("cart-1")).await.json());
    app.checkout(Some("cart-1")).await;
    let other = json!({ "product": "team_manual", "price_cents": 24900, "price_currency": "USD" });
    app.checkout_of(&other, Some("cart-1")).await;
    tell(&app, payment(&paid, "101", "confirming")).await;
    app.advance(Span::seconds(30)).await;
    tell(&app, payment(&paid, "101", "finished")).await;
    tell(&app, payment(&paid, "101", "finished")).await;
    noted(&app).await;
    // Short, and the rest as a child of many digits.
    let short = id(&app.checkout(None).await.json());
    let mut half = payment(&short, "102", "partially_paid");
    half["actually_paid"] = json!(0.25);
    tell(&app, half).await;
    let body = format!(
        r#"{{"actually_paid":0.250000000000000001,"order_id":"{short}","parent_payment_id":102,"pay_currency":"eth","payment_id":"np_child","payment_status":"finished"}}"#
    );
    assert_eq!(app.ipn_raw(&body).await.code(), 200);
    // Cancelled, then paid late all the same; and an IPN of nobody.
    let cancelled = id(&app.checkout(Some("cart-3")).await.json());
    app.call(Method::POST, &format!("/v1/billing/crypto-orders/{cancelled}/cancel"), &json!({})).await;
    tell(&app, payment(&cancelled, "103", "finished")).await;
    tell(&app, payment("ord_00000000000000000000000000000000", "104", "finished")).await;
    tell(&app, payment("SHOP-1", "105", "a word of its own")).await;
    tell(&app, json!({ "id": "5000000714", "status": "FINISHED", "amount": "10.5" })).await;
    // Expired and reopened; and left to be swept by hand.
    let late = id(&app.checkout(Some("\"\"cart-4\"\"")).await.json());
    app.advance(Span::minutes(61)).await;
    settled_late(&app, &late).await;
    app.order().await;
    app.clock.advance(Span::minutes(61));
    app.admin_call(Method::POST, "/sweep-expired", &json!({ "older_than_minutes": 60 })).await;
    app.stranger(Tier::Free).await;
    app.key(&[Scope::ReadBilling]).await;
    app.order().await;
    resolve_one(&app).await;
    archive_webhooks::told(&app).await;
    // The index follows the commits.
    let found = || async { Some(app.admin("?search=%CF%89mega").await).filter(|answer| answer.text.contains("ord_")) };
    eventually("the note is found", found).await;
    app
}

/// Money for an order that the clock had failed: unclear at first, then settled with what it was worth.
async fn settled_late(app: &TestApp, late: &str) {
    tell(app, payment(late, "106", "on_hold")).await;
    let mut settled = payment(late, "106", "finished");
    let worth = json!({ "actually_paid_at_fiat": 78.9, "outcome_amount": 78.5, "outcome_currency": "usdttrc20",
        "fee": { "currency": "usdttrc20", "depositFee": 0.25, "serviceFee": 0.15, "withdrawalFee": 0 } });
    settled.as_object_mut().expect("an object").extend(worth.as_object().expect("fields").clone());
    tell(app, settled).await;
}

/// An order with notes that a file could break over.
async fn noted(app: &TestApp) {
    let note = "first \"line\"\nsecond, with 💶 and Ωmega\u{2028}=1+1\\u0000";
    let noted = id(&app.checkout(Some("cart-2")).await.json());
    let path = format!("/v1/billing/crypto-orders/{noted}");
    assert_eq!(app.call(Method::PATCH, &path, &json!({ "customer_note": note })).await.code(), 200);
    let support = json!({ "internal_note": "=\tsupport\r\n" });
    let path = format!("/{noted}/internal-note");
    assert_eq!(app.admin_call(Method::PATCH, &path, &support).await.code(), 200);
}

/// One open item is resolved, as an operator's call leaves it.
async fn resolve_one(app: &TestApp) {
    let (url, engine) = (app.database.url.clone(), app.engine());
    let resolved = "update attention_items set resolved_at = last_at + 1000, resolution_note = 'seen', \
        resolved_by = 'key_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b' where kind = 'child_payment'";
    let other = "update order_payments set other_coin = 'bnb', other_received = '0.10' where payment_id = 'np_child'";
    let run = move || [resolved, other].map(|sql| crate::harness::sql::run(engine, &url, sql));
    let done = tokio::task::spawn_blocking(run).await.expect("the database is asked");
    assert_eq!(done, [Ok(()), Ok(())]);
}

/// What is derived and in no record: totals, and what the search finds by.
async fn derived(database: &Database) -> Vec<String> {
    let queries = [
        "select day || '|' || status || '|' || product || '|' || currency || '|' || sum(orders) || '|' || sum(cents)
         || '|' || sum(paid_after_ms) from order_totals group by day, status, product, currency
         having sum(orders) <> 0 order by 1",
        "select account_id || '|' || sum(first_writes) || '|' || sum(replays) || '|' || sum(body_mismatches)
         from idempotency_totals group by account_id order by 1",
        "select day || '|' || witness || '|' || sum(moves) || '|' || sum(lag_ms) || '|' || sum(under_10s) || '|' ||
         sum(s10_to_1m) || '|' || sum(m1_to_10m) || '|' || sum(over_10m) from witness_totals
         group by day, witness order by 1",
    ];
    queries.iter().map(|query| database.sql(query)).collect()
}

async fn an_export_goes_into_either_engine_and_comes_out_the_same(engine: Engine) {
    let app = lived_in(engine).await;
    let archive = exported(&app.database.url);
    let kinds = [
        "archive",
        "service_secret",
        "account",
        "api_key",
        "webhook_endpoint",
        "order",
        "unmatched_ipn",
        "webhook_ping",
    ];
    for kind in kinds.into_iter().chain(["attention", "audit_entry", "end"]) {
        assert!(archive.contains(&format!("{{\"kind\":\"{kind}\"")), "{kind}");
    }
    for held in ["np_child", "0.250000000000000001", "\"other_coin\":\"bnb\"", "\"replays\":2", "\"times_seen\":2"] {
        assert!(archive.contains(held), "{held} in {archive}");
    }
    assert!(!archive.contains(&app.customer) && !archive.contains(&app.operator), "keys are there as hashes");
    for target in engines() {
        let database = imported(target, &archive).await;
        assert_eq!(exported(&database.url), archive);
        assert_eq!(derived(&database).await, derived(&app.database).await);
    }
}

async fn the_service_goes_on_where_the_imported_one_was(engine: Engine) {
    let app = lived_in(engine).await;
    let before = app.checkout(Some("cart-1")).await;
    let archive = exported(&app.database.url);
    for target in engines() {
        let database = imported(target, &archive).await;
        let mut moved = TestApp::over(target, database, app.clock.clone()).await;
        moved.customer.clone_from(&app.customer);
        moved.operator.clone_from(&app.operator);
        for path in ["", "?status=paid", "?search=%CF%89mega", "?payment_id=np_child", "/idempotency-metrics"] {
            let [there, here] = [app.admin(path).await, moved.admin(path).await];
            assert_eq!((here.code(), here.json()), (200, there.json()), "{path}");
        }
        let orders = "/v1/billing/crypto-orders";
        assert_eq!(moved.get(orders).await.json(), app.get(orders).await.json());

        let replayed = moved.checkout(Some("cart-1")).await;
        assert_eq!(replayed.header("idempotent-replayed"), Some("1"), "{}", replayed.text);
        let at_home = replayed.text.replace(moved.base(), app.base());
        assert_eq!(at_home, before.text, "the same page for the buyer, too");
        let paid = id(&before.json());
        tell(&moved, payment(&paid, "101", "finished")).await;
        assert_eq!(moved.ipns("101").await, ["applied 1", "applied 3"]);
        assert_eq!(moved.steps(&paid).await, app.steps(&paid).await);
        // A new order joins the old ones, in the totals too.
        moved.order().await;
        assert_eq!(moved.admin("?limit=1").await.json()["orders"][0]["status"], "pending");
    }
}

async fn what_is_imported_is_whole(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for number in 0..4 {
        let order = id(&app.checkout(Some(&format!("key-{number}"))).await.json());
        if number > 1 {
            tell(&app, payment(&order, &format!("20{number}"), "finished")).await;
        }
    }
    let database = imported(engine, &exported(&app.database.url)).await;
    let url = database.url.clone();
    tokio::task::spawn_blocking(move || assert_whole(engine, &url)).await.expect("it is whole");
}

async fn a_table_is_the_operators_list(engine: Engine) {
    let app = lived_in(engine).await;
    let request = app.request(Method::GET, "/v1/admin/crypto-orders.csv?all=1").bearer_auth(&app.operator);
    let over_http = app.send(request).await;
    let site = at(&app.database.url);
    let by_command = site.run(&["export", "--format", "csv"]);
    assert_eq!(by_command.stderr, "", "no progress bar in a pipe");
    // What is printed is read line by line here, and loses its returns.
    assert_eq!(by_command.printed(), over_http.text.replace("\r\n", "\n"));
    site.run(&["export", "--format", "csv", "--output", "orders.csv"]).printed();
    assert_eq!(std::fs::read_to_string(site.folder.join("orders.csv")).expect("a file"), over_http.text);
}

async fn a_window_has_its_orders_and_nothing_else(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut orders = Vec::new();
    for number in 0..3 {
        orders.push(id(&app.checkout(Some(&format!("key-{number}"))).await.json()));
        app.clock.advance(Span::minutes(1));
    }
    let window = ["--created-after", "2026-05-12T12:01:00Z", "--created-before", "2026-05-12T12:02:00Z"];
    let site = at(&app.database.url);
    let archive = site.run(&[&["export", "--format", "jsonl"], &window[..]].concat()).printed();
    let lines: Vec<Value> = archive.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 3, "{archive}");
    assert_eq!(lines[0], json!({ "kind": "archive", "format": 3, "complete": false }));
    assert_eq!(
        (&lines[1]["order"]["id"], &lines[1]["order"]["created_at"]),
        (&json!(orders[1]), &json!("2026-05-12T12:01:00.000Z"))
    );
    assert_eq!(lines[1]["idempotency_keys"][0]["key"], "key-1");
    assert_eq!(lines[2], json!({ "kind": "end", "records": 1 }));

    let table = site.run(&[&["export", "--format", "csv"], &window[..]].concat()).printed();
    assert!(table.contains(&orders[1]) && table.lines().count() == 2, "{table}");
    let backwards = ["--created-after", "2026-05-13T00:00:00Z", "--created-before", "2026-05-13T00:00:00Z"];
    site.run(&[&["export", "--format", "csv"], &backwards[..]].concat()).refusal(2);
}

async fn a_file_is_never_half_there_and_never_replaced_unasked(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    app.order().await;
    let site = at(&app.database.url);
    let export = |more: &[&str]| site.run(&[&["export", "--format", "jsonl", "--output", "a.jsonl"], more].concat());
    assert!(export(&[]).printed().starts_with("wrote a.jsonl; "));
    let first = std::fs::read_to_string(site.folder.join("a.jsonl")).expect("a file");
    assert_eq!(first, exported(&app.database.url));

    app.order().await;
    assert!(export(&[]).refusal(2).contains("--force"));
    assert_eq!(std::fs::read_to_string(site.folder.join("a.jsonl")).expect("a file"), first);
    assert!(export(&["--force"]).printed().starts_with("wrote a.jsonl; "));
    let second = std::fs::read_to_string(site.folder.join("a.jsonl")).expect("a file");
    assert!(second.len() > first.len() && second.ends_with("}\n"));
    let left: Vec<_> = std::fs::read_dir(&site.folder).expect("a folder").collect();
    assert_eq!(left.len(), 1, "nothing else is left: {left:?}");
    assert!(
        site.run(&["export", "--format", "csv", "--output", "no/such/folder.csv"]).refusal(1).contains("folder.csv")
    );
}
