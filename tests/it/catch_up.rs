//! What an endpoint has missed is queued for it: everything that it has not confirmed, once, oldest first.

use crypto_orders::config::Reach;
use crypto_orders::domain::access::Tier;
use crypto_orders::domain::ids::WebhookId;
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::deliveries::{catch_up, counts, endpoint, set, stand, told};
use crate::engines::Engine;
use crate::harness::sink::{Reply, Sink};
use crate::harness::sql::lines;
use crate::harness::{Answer, TestApp};

on_both_engines![
    an_endpoint_catches_up_on_what_it_has_not_confirmed_oldest_first,
    only_what_it_subscribes_to_of_its_own_account_since_then_is_caught_up_on,
    a_catch_up_goes_through_more_events_than_one_piece_of_it,
    after_an_hour_of_downtime_each_missed_event_comes_once_and_oldest_first,
    an_endpoint_that_is_over_catches_up_on_nothing,
    a_catch_up_needs_a_time_that_has_been,
];

async fn ask(app: &TestApp, hook: WebhookId, body: Value) -> Answer {
    app.call(Method::POST, &format!("/v1/webhooks/{hook}/catch-up"), &body).await
}

/// How many events a catch-up since then is about.
async fn count(app: &TestApp, hook: WebhookId, since: &str, dry_run: bool) -> Value {
    let answer = ask(app, hook, json!({ "since": since, "dry_run": dry_run })).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!([&body["webhook_id"], &body["dry_run"]], [&json!(hook.to_string()), &json!(dry_run)], "{body}");
    assert!(body["since"].as_str().is_some_and(|told| told[..19] == since[..19]), "{body}");
    body["event_count"].clone()
}

const LONG_AGO: &str = "2026-05-01T00:00:00.000Z";

/// The orders of the deliveries that wait, in the order in which they are due.
fn waiting(app: &TestApp, turn: &str) -> Vec<String> {
    let query = format!(
        "select order_id from webhook_deliveries where status = 'pending' and turn = '{turn}' and attempts = 0 \
         and due_at = event_at order by due_at, event_at, id"
    );
    lines(app.engine(), &app.database.url, &query)
}

async fn an_endpoint_catches_up_on_what_it_has_not_confirmed_oldest_first(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let hook = endpoint(&app, app.account).await;
    let mut orders = Vec::new();
    for _ in 0..5 {
        orders.push(told(&app).await);
    }
    assert_eq!(catch_up(&app, hook).await, 5);
    let states = [("failed", 2), ("dlq", 6), ("delivered", 1), ("in_flight", 1), ("pending", 0)];
    for (order, (status, attempts)) in orders.iter().zip(states) {
        let id = app.sql(&format!("select id from webhook_deliveries where order_id = '{order}'")).await;
        stand(&app, &id, status, attempts);
    }
    // Discarded: failed, and never to be attempted again.
    set(&app, "update webhook_deliveries set due_at = null where status = 'failed'");
    set(&app, "update webhook_deliveries set turn = 'in_order'");
    orders.push(told(&app).await);
    assert_eq!(counts(&app, hook).await, "1/2/1");

    assert_eq!(count(&app, hook, LONG_AGO, true).await, 3);
    assert_eq!(counts(&app, hook).await, "1/2/1", "a rehearsal writes nothing");
    assert_eq!(waiting(&app, "catch_up"), Vec::<String>::new());
    assert_eq!(count(&app, hook, LONG_AGO, false).await, 3);
    assert_eq!(waiting(&app, "catch_up"), [orders[0].clone(), orders[1].clone(), orders[5].clone()]);
    assert_eq!(counts(&app, hook).await, "1/1/0");
    for dry_run in [false, true] {
        assert_eq!(count(&app, hook, LONG_AGO, dry_run).await, 0);
    }
    let left = "select count(*) from webhook_deliveries where turn = 'in_order'";
    assert_eq!(app.sql(left).await, "3", "what was confirmed or is on its way is left alone");
}

async fn only_what_it_subscribes_to_of_its_own_account_since_then_is_caught_up_on(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let (account, stranger) = app.stranger(Tier::Enterprise).await;
    // Made before the endpoint was, and the strangers' endpoint hears nothing of it.
    let first = told(&app).await;
    let (hook, foreign) = (endpoint(&app, app.account).await, endpoint(&app, account).await);
    let second = told(&app).await;
    let failed = app.order().await;
    app.clock.advance(Span::hours(2));
    assert_eq!(app.admin_call(Method::POST, "/sweep-expired", &json!({})).await.code(), 200);
    assert_eq!(app.look(&failed).await["status"], "failed");
    set(&app, "update webhook_endpoints set events = 'crypto.order.paid'");
    // A ping is no one's order's.
    set(
        &app,
        &format!(
            "insert into outbox_events (id, account_id, order_id, event_type, body, created_at) \
             select '00000000-0000-7000-8000-000000000000', account_id, '', 'test.ping', '', created_at \
             from outbox_events where order_id = '{second}'"
        ),
    );
    let path = format!("/v1/webhooks/{foreign}/catch-up");
    let theirs = app.request(Method::POST, &path).header("Content-Type", "application/json").bearer_auth(&stranger);
    let theirs = app.send(theirs.body(json!({ "since": LONG_AGO }).to_string())).await;
    assert_eq!(theirs.json()["event_count"], 0, "{}", theirs.text);
    let paid_at = app.look(&second).await["paid_at"].as_str().expect("a time").to_owned();
    assert_eq!(count(&app, hook, &paid_at, true).await, 1, "the time itself is part of it");
    assert_eq!(count(&app, hook, &paid_at.replace('Z', "+00:00"), true).await, 1);
    assert_eq!(count(&app, hook, LONG_AGO, true).await, 2);
    set(&app, "update webhook_endpoints set events = 'crypto.order.paid crypto.order.failed'");
    assert_eq!(count(&app, hook, &app.clock.now().to_string(), false).await, 1);
    assert_eq!(waiting(&app, "catch_up"), [failed.as_str()]);
    assert_eq!(count(&app, hook, LONG_AGO, false).await, 2);
    assert_eq!(waiting(&app, "catch_up"), [first, second, failed]);
    assert_eq!(counts(&app, hook).await, "0/0/0");
}

async fn a_catch_up_goes_through_more_events_than_one_piece_of_it(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let hook = endpoint(&app, app.account).await;
    // Many of one moment, over the ends of the pieces.
    let rows: Vec<String> = (0..700)
        .map(|n| {
            let at = app.clock.now().before(Span::seconds(700 - n / 300)).micros();
            format!(
                "('00000000-0000-7000-8000-{n:012x}', '{}', 'ord_{n:032x}', 'crypto.order.paid', '', {at})",
                app.account
            )
        })
        .collect();
    let columns = "(id, account_id, order_id, event_type, body, created_at)";
    set(&app, &format!("insert into outbox_events {columns} values {}", rows.join(", ")));
    assert_eq!(count(&app, hook, LONG_AGO, true).await, 700);
    assert_eq!(count(&app, hook, LONG_AGO, false).await, 700);
    let expected: Vec<String> = (0..700).map(|n| format!("ord_{n:032x}")).collect();
    let queued = lines(engine, &app.database.url, "select order_id from webhook_deliveries order by due_at, event_id");
    assert_eq!(queued, expected);
    assert_eq!(count(&app, hook, LONG_AGO, false).await, 0);
}

async fn after_an_hour_of_downtime_each_missed_event_comes_once_and_oldest_first(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.reach = Reach::Local).await;
    let hook = app.endpoint(sink.url("/hook")).await.id;
    let confirmed = told(&app).await;
    app.app.wake_courier().await;
    let since = app.clock.now().to_string();
    sink.always("/hook", Reply::Close);
    let mut missed = Vec::new();
    for _ in 0..6 {
        missed.push(told(&app).await);
        app.advance(Span::minutes(9)).await;
    }
    sink.always("/hook", Reply::code(200));
    let before = sink.got().len();
    assert!(6 < before, "what fails is tried again: {before}");
    let rehearsed = count(&app, hook, &since, true).await;
    assert_eq!((rehearsed.clone(), sink.got().len()), (json!(6), before));
    assert_eq!(count(&app, hook, &since, false).await, rehearsed);
    app.app.wake_courier().await;
    let sent: Vec<String> = sink.got().split_off(before).iter().map(|got| order_of(&got.body)).collect();
    assert_eq!(sent, missed);
    assert!(!sent.contains(&confirmed));
    assert_eq!(counts(&app, hook).await, "7/0/0");
    app.advance(Span::hours(2)).await;
    assert_eq!(sink.got().len(), before + 6);
    assert_eq!(count(&app, hook, LONG_AGO, false).await, 0);
}

/// The order that an event tells of.
fn order_of(body: &str) -> String {
    let body: Value = serde_json::from_str(body).expect("JSON");
    body["data"]["order_id"].as_str().expect("an order").to_owned()
}

async fn an_endpoint_that_is_over_catches_up_on_nothing(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let hook = endpoint(&app, app.account).await;
    told(&app).await;
    set(&app, "update webhook_endpoints set status = 'disabled', disabled_at = 1");
    for dry_run in [true, false] {
        let refused = ask(&app, hook, json!({ "since": LONG_AGO, "dry_run": dry_run })).await;
        let told = refused.problem(409, "conflict");
        assert!(told.contains("disabled") && told.contains("Create a new endpoint"), "{told}");
    }
    set(&app, "update webhook_endpoints set status = 'deleted', deleted_at = 1");
    let told = ask(&app, hook, json!({ "since": LONG_AGO })).await.problem(404, "not-found");
    assert_eq!(told, format!("No webhook endpoint with id \"{hook}\"."));
    assert_eq!(app.sql("select count(*) from webhook_deliveries").await, "0");
}

async fn a_catch_up_needs_a_time_that_has_been(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let hook = endpoint(&app, app.account).await;
    let not_a_time = "since must be an RFC 3339 time such as 2026-05-12T13:00:00.000Z or 2026-05-12T15:00:00+02:00.";
    for (body, told) in [
        (json!({}), "since is required."),
        (json!({ "since": null }), "since is required."),
        (json!({ "since": "yesterday" }), not_a_time),
        (json!({ "since": 7 }), not_a_time),
        (json!({ "since": app.clock.now().after(Span::millis(1)) }), "since must not be in the future."),
    ] {
        let refused = ask(&app, hook, body.clone()).await;
        refused.problem(400, "validation-failed");
        assert_eq!(refused.json()["issues"]["fieldErrors"], json!({ "since": [told] }), "{body}");
    }
    let refused = ask(&app, hook, json!({ "since": LONG_AGO, "dry_run": "yes" })).await;
    assert_eq!(refused.json()["issues"]["fieldErrors"]["dry_run"][0], "dry_run must be true or false, not a string.");
    let malformed = app.call(Method::POST, "/v1/webhooks/whk_1/catch-up", &json!({ "since": LONG_AGO })).await;
    assert_eq!(malformed.problem(400, "bad-request"), "Invalid id format. Expected \"whk_<uuid>\".");
    assert_eq!(ask(&app, hook, json!({ "since": app.clock.now() })).await.code(), 200);
}
