//! When a delivery is attempted next, or was last: a time in every state, since clients read it as one.

use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::courier::{local, run, standing};
use crate::engines::Engine;
use crate::harness::sink::{Reply, Sink};
use crate::harness::{TestApp, payment};

on_both_engines![
    a_delivery_tells_when_its_newest_attempt_was_due_once_it_is_under_way_or_over,
    a_lease_that_is_taken_over_leaves_when_the_attempt_was_due,
    what_ended_before_this_was_kept_has_a_time_too,
];

/// The one delivery, as its customer sees it.
async fn seen(app: &TestApp) -> Value {
    let hook = app.get("/v1/webhooks").await.json()["data"][0]["id"].as_str().expect("an endpoint").to_owned();
    let page = app.get(&format!("/v1/webhooks/{hook}/deliveries")).await.json();
    let rows = page["data"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{page}");
    rows[0].clone()
}

async fn queued(engine: Engine, sink: &Sink, automatic: bool) -> TestApp {
    let app = TestApp::spawn_with(engine, |settings| {
        local(settings);
        settings.webhooks.automatic = automatic;
    });
    let app = app.await;
    app.endpoint(sink.url("/hook")).await;
    let order = app.order().await;
    assert_eq!(app.ipn(&payment(&order, "710001", "finished")).await.code(), 200);
    app
}

async fn a_delivery_tells_when_its_newest_attempt_was_due_once_it_is_under_way_or_over(engine: Engine) {
    let sink = Sink::start().await;
    sink.next("/hook", Reply::with(503, "Retry-After: 600"));
    let app = queued(engine, &sink, true).await;
    let first = app.clock.now();
    app.app.wake_courier().await;
    let failed = seen(&app).await;
    let second = first.after(Span::minutes(10));
    assert_eq!((&failed["status"], &failed["next_attempt_at"]), (&json!("failed"), &json!(second)), "{failed}");
    app.advance(Span::minutes(11)).await;
    let delivered = seen(&app).await;
    let expected = (&json!("delivered"), &json!(second), &json!(app.clock.now()), &json!(false));
    let told = ["status", "next_attempt_at", "delivered_at", "discarded"].map(|field| &delivered[field]);
    assert_eq!((told[0], told[1], told[2], told[3]), expected, "{delivered}");

    run(&app, "update webhook_deliveries set status = 'dlq', delivered_at = null");
    let dead = seen(&app).await;
    assert_eq!((&dead["status"], &dead["next_attempt_at"]), (&json!("dlq"), &json!(second)), "{dead}");
    let discard = format!("/v1/admin/webhook-dlq/{}/discard", dead["id"].as_str().expect("an id"));
    let discarded = app.send(app.request(Method::POST, &discard).bearer_auth(&app.operator)).await.json();
    let told = ["status", "discarded", "next_attempt_at"].map(|field| discarded[field].clone());
    assert_eq!(told, [json!("failed"), json!(true), json!(second)], "{discarded}");
    let replay = format!("/v1/webhook-deliveries/{}/replay", dead["id"].as_str().expect("an id"));
    let again = app.call(Method::POST, &replay, &json!({})).await.json();
    assert_eq!((&again["discarded"], &again["next_attempt_at"]), (&json!(false), &json!(app.clock.now())), "{again}");
}

async fn a_lease_that_is_taken_over_leaves_when_the_attempt_was_due(engine: Engine) {
    let sink = Sink::start().await;
    let app = queued(engine, &sink, false).await;
    let due = app.clock.now();
    let until = due.after(Span::seconds(60)).micros();
    run(
        &app,
        &format!(
            "update webhook_deliveries set status = 'in_flight', lease = 'dead', attempt_due_at = due_at, due_at = {until}"
        ),
    );
    let held = seen(&app).await;
    assert_eq!((&held["status"], &held["next_attempt_at"]), (&json!("in_flight"), &json!(due)), "{held}");
    let app = app.restart(local).await;
    app.advance(Span::seconds(60)).await;
    assert_eq!(standing(&app), ["delivered/1"]);
    assert_eq!(seen(&app).await["next_attempt_at"], json!(due));
}

async fn what_ended_before_this_was_kept_has_a_time_too(engine: Engine) {
    let sink = Sink::start().await;
    let app = queued(engine, &sink, false).await;
    let row = seen(&app).await;
    let confirmed = app.clock.now().after(Span::hours(1));
    for (status, delivered, time) in [
        ("delivered", confirmed.micros().to_string(), json!(confirmed)),
        ("dlq", "null".to_owned(), row["created_at"].clone()),
        ("failed", "null".to_owned(), row["created_at"].clone()),
    ] {
        run(
            &app,
            &format!("update webhook_deliveries set status = '{status}', due_at = null, delivered_at = {delivered}"),
        );
        let old = seen(&app).await;
        assert_eq!((&old["status"], &old["next_attempt_at"]), (&json!(status), &time), "{old}");
        assert_eq!(old["discarded"], json!(status == "failed"), "{old}");
    }
}
