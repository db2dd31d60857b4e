//! One key, one order: however many callers, nodes, restarts and changed minds.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crypto_orders::config::OnMismatch;
use crypto_orders::domain::access::Tier;
use crypto_orders::domain::time::Span;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp, order_body, payment};
use crate::log;

on_both_engines![
    five_hundred_callers_of_one_key_make_one_order,
    a_replay_shows_the_order_as_it_is_now,
    another_body_replays_the_original_and_is_counted_and_logged,
    a_key_and_its_counters_outlive_a_restart,
    where_settings_say_so_another_body_is_refused_and_what_differs_is_named,
    a_key_is_forgotten_after_its_retention_and_its_counters_are_not,
    a_key_past_its_retention_is_free_before_the_sweeper_comes_by,
    a_key_is_trimmed_unquoted_and_the_first_of_several,
    a_key_that_breaks_the_rule_is_refused,
    a_request_that_fails_validation_does_not_consume_its_key,
    one_key_of_two_accounts_makes_two_orders,
    an_operator_sees_the_keys_of_one_customer,
    a_caller_that_hangs_up_does_not_keep_the_key,
];

on_postgres![five_hundred_callers_of_one_key_at_two_nodes_make_one_order, a_used_key_replays_on_the_other_node];

fn order_of(answer: &Answer) -> String {
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.json()["order_id"].as_str().expect("an order id").to_owned()
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("1")
}

fn other_body() -> Value {
    json!({ "product": "team_manual", "price_cents": 24900, "price_currency": "USD" })
}

async fn metrics(app: &TestApp) -> Value {
    let answer = app.admin("/idempotency-metrics").await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    answer.json()
}

fn counted(first_writes: u32, replays: u32, body_mismatches: u32) -> Value {
    json!({ "first_writes": first_writes, "replays": replays, "body_mismatches": body_mismatches })
}

/// A second node that serves the same customer.
async fn another_node(app: &TestApp) -> TestApp {
    let mut other = app.beside(|_| {}).await;
    other.customer.clone_from(&app.customer);
    other
}

fn one_order_and_all_others_replays(answers: &[Answer]) {
    let first = order_of(&answers[0]);
    assert!(answers.iter().all(|answer| order_of(answer) == first));
    assert_eq!(answers.iter().filter(|answer| is_replay(answer)).count(), answers.len() - 1);
}

async fn five_hundred_callers_of_one_key_make_one_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let answers = join_all((0..500).map(|_| app.checkout(Some("one-key")))).await;
    one_order_and_all_others_replays(&answers);
    assert_eq!(metrics(&app).await, counted(1, 499, 0));
    assert_eq!(app.sql("select count(*) from orders").await, "1");
}

async fn five_hundred_callers_of_one_key_at_two_nodes_make_one_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let other = another_node(&app).await;
    let at = |turn: u32| if turn.is_multiple_of(2) { &app } else { &other };
    let answers = join_all((0..500).map(|turn| at(turn).checkout(Some("one-key")))).await;
    one_order_and_all_others_replays(&answers);
    assert_eq!(metrics(&app).await, counted(1, 499, 0));
    assert_eq!(metrics(&other).await, counted(1, 499, 0));
    assert_eq!(app.sql("select count(*) from orders").await, "1");
}

async fn a_used_key_replays_on_the_other_node(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let other = another_node(&app).await;
    let order = order_of(&app.checkout(Some("k")).await);
    let again = other.checkout_of(&other_body(), Some("k")).await;
    assert_eq!((order_of(&again), is_replay(&again)), (order, true));
    assert_eq!(metrics(&app).await, counted(1, 1, 1));
}

async fn a_replay_shows_the_order_as_it_is_now(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = order_of(&app.checkout(Some("k")).await);
    app.ipn(&payment(&order, "1001", "finished")).await;
    let again = app.checkout(Some("k")).await;
    assert_eq!((order_of(&again), is_replay(&again)), (order, true));
    assert_eq!(again.json()["status"], "paid");
    assert_eq!((&again.json()["payment_id"], &again.json()["expires_at"]), (&Value::Null, &Value::Null));
}

async fn another_body_replays_the_original_and_is_counted_and_logged(engine: Engine) {
    log::keep();
    let app = TestApp::spawn(engine).await;
    let first = app.checkout(Some("k")).await;
    let again = app.checkout_of(&other_body(), Some("k")).await;
    assert!(is_replay(&again));
    assert_eq!(again.json(), first.json());
    assert_eq!(metrics(&app).await, counted(1, 1, 1));

    let order = order_of(&first);
    let lines = log::lines("crypto_checkout_idempotency_body_mismatch", &order);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].level, tracing::Level::WARN);
    let field = |name: &str| lines[0].fields.get(name).map(String::as_str).unwrap_or_default();
    assert_eq!((field("account_id"), field("order_id")), (app.account.to_string().as_str(), order.as_str()));
    let attempted = [field("attempted_product"), field("attempted_price_cents"), field("attempted_price_currency")];
    assert_eq!(attempted, ["team_manual", "24900", "USD"]);
}

async fn a_key_and_its_counters_outlive_a_restart(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = order_of(&app.checkout(Some("k")).await);
    app.checkout(Some("k")).await;
    app.checkout_of(&other_body(), Some("k")).await;
    let before = metrics(&app).await;
    assert_eq!(before, counted(1, 2, 1));
    let app = app.restart(|_| {}).await;
    assert_eq!(metrics(&app).await, before);
    let again = app.checkout_of(&other_body(), Some("k")).await;
    assert_eq!((order_of(&again), is_replay(&again)), (order, true));
    assert_eq!(metrics(&app).await, counted(1, 3, 2));
}

async fn where_settings_say_so_another_body_is_refused_and_what_differs_is_named(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.idempotency.on_mismatch = OnMismatch::Reject).await;
    let order = order_of(&app.checkout(Some("k")).await);
    let mut cheaper = order_body();
    cheaper["price_cents"] = json!(1);
    for (body, field) in [(other_body(), "product"), (cheaper, "price_cents")] {
        let refused = app.checkout_of(&body, Some("k")).await;
        refused.problem(422, "idempotency-mismatch");
        assert_eq!(refused.json()["field"], field);
        assert!(!is_replay(&refused));
    }
    assert_eq!(metrics(&app).await, counted(1, 0, 2));
    assert_eq!(order_of(&app.checkout(Some("k")).await), order);
}

async fn a_key_is_forgotten_after_its_retention_and_its_counters_are_not(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.idempotency.retention = Some(Span::hours(24))).await;
    let first = order_of(&app.checkout(Some("k")).await);
    app.advance(Span::millis(24 * 3_600_000 - 1)).await;
    assert_eq!(order_of(&app.checkout(Some("k")).await), first);
    app.advance(Span::millis(2)).await;
    let anew = app.checkout(Some("k")).await;
    assert_ne!(order_of(&anew), first);
    assert!(!is_replay(&anew));
    assert_eq!(order_of(&app.checkout(Some("k")).await), order_of(&anew));
    assert_eq!(metrics(&app).await, counted(2, 2, 0));
}

async fn a_key_past_its_retention_is_free_before_the_sweeper_comes_by(engine: Engine) {
    let keep_a_day = |settings: &mut crypto_orders::config::Settings| {
        settings.idempotency.retention = Some(Span::hours(24));
        settings.sweeper.interval = Span::hours(1_000);
    };
    let app = TestApp::spawn_with(engine, keep_a_day).await;
    let first = order_of(&app.checkout(Some("k")).await);
    app.clock.advance(Span::hours(24));
    // Nothing of it is in memory then: the claim itself must find that the row is old.
    let app = app.restart(keep_a_day).await;
    let anew = app.checkout(Some("k")).await;
    assert_ne!(order_of(&anew), first);
    assert!(!is_replay(&anew));
    assert_eq!(app.sql("select order_id from idempotency_keys").await, order_of(&anew));
}

async fn a_key_is_trimmed_unquoted_and_the_first_of_several(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = order_of(&app.checkout(Some("k-1")).await);
    for same in ["\"k-1\"", "  k-1  ", "\t\"k-1\" "] {
        assert_eq!(order_of(&app.checkout(Some(same)).await), order, "{same:?}");
    }
    let request = app.request(Method::POST, "/v1/billing/crypto-checkout").bearer_auth(&app.customer);
    let request = request.header("Idempotency-Key", "k-1").header("Idempotency-Key", "k-2");
    let request = request.header("Content-Type", "application/json").body(order_body().to_string());
    assert_eq!(order_of(&app.send(request).await), order);
    for none in ["", "   "] {
        let answer = app.checkout(Some(none)).await;
        assert_ne!(order_of(&answer), order, "{none:?}");
        assert!(!is_replay(&answer));
    }
    // The longest there is.
    let longest = "k".repeat(255);
    let order = order_of(&app.checkout(Some(&longest)).await);
    assert_eq!(order_of(&app.checkout(Some(&longest)).await), order);
    assert_eq!(metrics(&app).await, counted(2, 5, 0));
}

async fn a_key_that_breaks_the_rule_is_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let endless = "k".repeat(256);
    for wrong in ["two words", "\"\"", "schlüssel", endless.as_str()] {
        let answer = app.checkout(Some(wrong)).await;
        answer.problem(400, "validation-failed");
        let sentence = json!(["Idempotency-Key must be 1-255 ASCII chars (no whitespace)."]);
        assert_eq!(answer.json()["issues"]["formErrors"], sentence, "{wrong:?}");
    }
    assert_eq!(app.sql("select count(*) from orders").await, "0");
}

async fn a_request_that_fails_validation_does_not_consume_its_key(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for field in ["product", "price_cents", "price_currency"] {
        let mut body = order_body();
        body[field] = json!("-");
        app.checkout_of(&body, Some("k")).await.problem(400, "validation-failed");
    }
    let answer = app.checkout(Some("k")).await;
    assert_eq!((answer.code(), is_replay(&answer)), (201, false));
    assert_eq!(metrics(&app).await, counted(1, 0, 0));
}

async fn one_key_of_two_accounts_makes_two_orders(engine: Engine) {
    let mut app = TestApp::spawn(engine).await;
    let ours = order_of(&app.checkout(Some("k")).await);
    (_, app.customer) = app.stranger(Tier::Free).await;
    let theirs = app.checkout(Some("k")).await;
    assert_ne!(order_of(&theirs), ours);
    assert!(!is_replay(&theirs));
}

async fn an_operator_sees_the_keys_of_one_customer(engine: Engine) {
    let mut app = TestApp::spawn(engine).await;
    let ours = app.account;
    let first = order_of(&app.checkout(Some("k-1")).await);
    app.clock.advance(Span::seconds(5));
    app.checkout_of(&other_body(), Some("k-1")).await;
    let second = order_of(&app.checkout(Some("k-2")).await);
    (_, app.customer) = app.stranger(Tier::Free).await;
    app.checkout(Some("k-1")).await;
    app.checkout(Some("k-1")).await;

    assert_eq!(metrics(&app).await, counted(3, 2, 1));
    let newer = json!({
        "key": "k-2", "order_id": second, "replays": 0, "body_mismatches": 0,
        "first_seen_at": "2026-05-12T12:00:05.000Z", "last_seen_at": "2026-05-12T12:00:05.000Z",
    });
    let older = json!({
        "key": "k-1", "order_id": first, "replays": 1, "body_mismatches": 1,
        "first_seen_at": "2026-05-12T12:00:00.000Z", "last_seen_at": "2026-05-12T12:00:05.000Z",
    });
    for account in [ours.to_string(), format!("acc_{ours}")] {
        let all = app.admin(&format!("/idempotency-metrics?account_id={account}")).await.json();
        assert_eq!(all["keys"], json!([newer, older]));
        assert_eq!([&all["first_writes"], &all["replays"], &all["body_mismatches"]], [2, 1, 1]);
    }
    let page = app.admin(&format!("/idempotency-metrics?account_id={ours}&limit=1")).await.json();
    assert_eq!((&page["keys"], &page["has_more"]), (&json!([newer]), &json!(true)));
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let page = app.admin(&format!("/idempotency-metrics?account_id={ours}&limit=1&cursor={cursor}")).await.json();
    assert_eq!((&page["keys"], &page["has_more"]), (&json!([older]), &json!(false)));
}

/// Sends a checkout, whole or in part, and hangs up without waiting for the answer.
fn hang_up(app: &TestApp, key: &str, bytes_kept: impl Fn(usize) -> usize) {
    let body = order_body().to_string();
    let head = format!(
        "POST /v1/billing/crypto-checkout HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {}\r\n\r\n",
        app.customer,
        body.len()
    );
    let request = format!("{head}{body}");
    let mut stream = TcpStream::connect(app.app.local_addr()).expect("the service listens");
    stream.write_all(&request.as_bytes()[..bytes_kept(request.len())]).expect("the request is sent");
}

async fn a_caller_that_hangs_up_does_not_keep_the_key(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for round in 0..20 {
        let key = format!("k-{round}");
        hang_up(&app, &key, |whole| whole - 5);
        hang_up(&app, &key, |whole| whole);
        let callers = join_all((0..10).map(|_| app.checkout(Some(&key))));
        // A held key would hold them for ever.
        let answers = tokio::time::timeout(Duration::from_secs(20), callers).await.expect("every caller is answered");
        let order = order_of(&answers[0]);
        assert!(answers.iter().all(|answer| order_of(answer) == order));
        hang_up(&app, &key, |whole| whole);
    }
    assert_eq!(app.sql("select count(*) from orders").await, "20");
}
