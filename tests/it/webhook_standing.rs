//! Endpoints for webhooks that are paused, pinged, disabled or deleted, and what becomes of what waits for them.
//!
//! How they are made and changed is in `webhooks.rs`. Nothing is sent here.

use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{TestApp, payment, sql};
use crate::webhooks::{ask, change, disable, made, shown, text, write};

on_both_engines![
    a_paused_endpoint_is_told_nothing_new_until_it_is_active_again,
    a_ping_is_queued_with_its_event_whatever_the_endpoint_listens_to,
    a_deleted_endpoint_is_gone_and_what_waited_for_it_is_given_up,
    what_is_being_attempted_is_left_to_whoever_attempts_it,
    a_disabled_endpoint_says_when_and_why_and_what_to_do,
];

const FAILED: &str = "crypto.order.failed";

/// An order that was paid, of which endpoints are told.
async fn paid(app: &TestApp) -> String {
    let order = app.order().await;
    assert_eq!(app.ipn(&payment(&order, &format!("pay-of-{order}"), "finished")).await.code(), 200);
    order
}

/// `status attempts error` of each delivery to an endpoint, sorted.
fn deliveries(app: &TestApp, id: &str) -> Vec<String> {
    let query = format!(
        "select status || ' ' || attempts || ' ' || coalesce(last_error, '-') || \
         case when due_at is null then '' else ' due' end from webhook_deliveries where webhook_id = '{id}'"
    );
    let mut rows = sql::lines(app.engine(), &app.database.url, &query);
    rows.sort();
    rows
}

async fn a_paused_endpoint_is_told_nothing_new_until_it_is_active_again(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.automatic = false).await;
    let id = text(&made(&app).await["id"]).to_owned();
    paid(&app).await;
    change(&app, &id, &json!({ "active": false })).await;
    paid(&app).await;
    assert_eq!(deliveries(&app, &id), ["pending 0 - due"], "what waited goes on waiting");
    let told = ask(&app, Method::POST, &format!("{id}/test")).await.problem(400, "bad-request");
    assert_eq!(told, "The webhook endpoint is paused. Set active to true before you test it.");
    change(&app, &id, &json!({ "active": true })).await;
    paid(&app).await;
    assert_eq!(deliveries(&app, &id).len(), 2);
    change(&app, &id, &json!({ "events": [FAILED] })).await;
    paid(&app).await;
    assert_eq!(deliveries(&app, &id).len(), 2, "it does not listen to such events any more");
}

async fn a_ping_is_queued_with_its_event_whatever_the_endpoint_listens_to(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.automatic = false).await;
    let id = text(&made(&app).await["id"]).to_owned();
    change(&app, &id, &json!({ "events": [FAILED] })).await;
    let answer = ask(&app, Method::POST, &format!("{id}/test")).await;
    assert_eq!(answer.code(), 202, "{}", answer.text);
    let ping = answer.json();
    let (delivery, event) = (text(&ping["delivery_id"]), text(&ping["event_id"]));
    assert!(delivery.starts_with("wdl_"), "{ping}");
    assert_eq!(ping, json!({ "delivery_id": delivery, "event_id": event, "event_type": "test.ping" }));
    let body = app.sql(&format!("select body from outbox_events where id = '{event}'")).await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let expected = json!({
        "id": event, "type": "test.ping", "created_at": "2026-05-12T12:00:00.000Z", "data": { "webhook_id": id },
    });
    assert_eq!(body, expected);
    let queued =
        format!("select webhook_id || ' ' || event_id || ' ' || turn from webhook_deliveries where id = '{delivery}'");
    assert_eq!(app.sql(&queued).await, format!("{id} {event} replay"));
    assert_eq!(deliveries(&app, &id), ["pending 0 - due"]);
}

async fn a_deleted_endpoint_is_gone_and_what_waited_for_it_is_given_up(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.automatic = false).await;
    let id = text(&made(&app).await["id"]).to_owned();
    let other = text(&made(&app).await["id"]).to_owned();
    for _ in 0..3 {
        paid(&app).await;
    }
    // One that was attempted, as the courier leaves it.
    let newest = format!("select max(id) from webhook_deliveries where webhook_id = '{id}'");
    let newest = app.sql(&newest).await;
    write(&app, &format!("update webhook_deliveries set status = 'failed', attempts = 2 where id = '{newest}'"));
    write(&app, &format!("update webhook_endpoints set failed = 1 where id = '{id}'"));
    for _ in 0..2 {
        assert_eq!(ask(&app, Method::DELETE, &id).await.code(), 204);
    }
    let given_up =
        ["dlq 0 The endpoint was deleted.", "dlq 0 The endpoint was deleted.", "dlq 2 The endpoint was deleted."];
    assert_eq!(deliveries(&app, &id), given_up);
    let counts = format!("select delivered || ' ' || failed || ' ' || dlq from webhook_endpoints where id = '{id}'");
    assert_eq!(app.sql(&counts).await, "0 0 3");
    assert_eq!(deliveries(&app, &other), vec!["pending 0 - due"; 3], "another endpoint's wait on");
    paid(&app).await;
    assert_eq!(deliveries(&app, &id).len(), 3, "nothing more is queued");
    for answer in [
        ask(&app, Method::GET, &id).await,
        change(&app, &id, &json!({ "active": true })).await,
        ask(&app, Method::POST, &format!("{id}/rotate-secret")).await,
        ask(&app, Method::POST, &format!("{id}/test")).await,
    ] {
        assert_eq!(answer.problem(404, "not-found"), format!("No webhook endpoint with id \"{id}\"."));
    }
}

async fn what_is_being_attempted_is_left_to_whoever_attempts_it(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.automatic = false).await;
    let id = text(&made(&app).await["id"]).to_owned();
    paid(&app).await;
    let until = app.clock.now().after(Span::minutes(1)).micros();
    let leased = format!("update webhook_deliveries set status = 'in_flight', lease = 'x', due_at = {until}");
    write(&app, &leased);
    assert_eq!(ask(&app, Method::DELETE, &id).await.code(), 204);
    assert_eq!(deliveries(&app, &id), ["in_flight 0 - due"]);
    app.clock.advance(Span::minutes(1));
    assert_eq!(ask(&app, Method::DELETE, &id).await.code(), 204);
    assert_eq!(deliveries(&app, &id), ["dlq 0 The endpoint was deleted."], "its lease has run out");
}

async fn a_disabled_endpoint_says_when_and_why_and_what_to_do(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for (failures, why) in [(50, "after 50 failed attempts in a row"), (1, "because it answered 410 (Gone)")] {
        let id = text(&made(&app).await["id"]).to_owned();
        disable(&app, &id, failures);
        let seen = shown(&app, &id).await;
        assert_eq!((&seen["active"], text(&seen["disabled_at"])), (&json!(false), "2026-05-12T12:00:00.000Z"));
        let told = format!(
            "The webhook endpoint was disabled at 2026-05-12T12:00:00.000Z {why}, and stays so. Create a new endpoint, \
             then catch up on it since that time."
        );
        for answer in [
            change(&app, &id, &json!({ "active": true })).await,
            ask(&app, Method::POST, &format!("{id}/rotate-secret")).await,
            ask(&app, Method::POST, &format!("{id}/test")).await,
        ] {
            assert_eq!(answer.problem(409, "conflict"), told);
            assert_eq!(answer.json()["resource"], "webhook_endpoint");
            assert_eq!(answer.json()["field"], "disabled_at");
        }
        assert_eq!(ask(&app, Method::DELETE, &id).await.code(), 204, "it can still be deleted");
        ask(&app, Method::GET, &id).await.problem(404, "not-found");
    }
}
