//! What is queued for merchants gets there: once, in order, again after a failure, whoever else hangs.

use crypto_orders::config::{Reach, Settings};
use crypto_orders::domain::time::Span;
use crypto_orders::domain::webhook::endpoint::{DeliveryCounts, Endpoint};
use serde_json::Value;

use crate::engines::Engine;
use crate::harness::sink::{Reply, Sink};
use crate::harness::{TestApp, payment};

on_both_engines![a_paid_order_is_told_once_with_the_bytes_of_its_event];

/// Endpoints may be on this machine.
fn local(settings: &mut Settings) {
    settings.webhooks.reach = Reach::Local;
}

async fn paid(app: &TestApp, number: usize) -> String {
    let order = app.order().await;
    let answer = app.ipn(&payment(&order, &format!("71000{number}"), "finished")).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    order
}

/// The one value that a query answers.
fn value(app: &TestApp, query: &str) -> String {
    crate::harness::sql::value(app.engine(), &app.database.url, query)
}

/// The endpoint's counts, which are what counting its deliveries gives.
async fn counts(app: &TestApp, endpoint: &Endpoint) -> DeliveryCounts {
    let counts = app.endpoint_now(endpoint).await.counts;
    for (count, status) in [
        (counts.delivered, "status = 'delivered'"),
        (counts.failed, "(status = 'failed' or (status = 'in_flight' and attempts > 0))"),
        (counts.dlq, "status = 'dlq'"),
    ] {
        let query =
            format!("select count(*) from webhook_deliveries where webhook_id = '{}' and {status}", endpoint.id);
        assert_eq!(value(app, &query), count.to_string(), "{status}");
    }
    counts
}

async fn a_paid_order_is_told_once_with_the_bytes_of_its_event(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, local).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    let order = paid(&app, 1).await;
    app.app.wake_courier().await;
    let got = sink.got();
    assert_eq!(got.len(), 1, "{got:?}");
    let body: Value = serde_json::from_str(&got[0].body).expect("JSON");
    assert_eq!((got[0].kind(), body["type"].as_str()), ("crypto.order.paid", Some("crypto.order.paid")));
    assert_eq!(
        (got[0].event(), body["data"]["order_id"].as_str()),
        (body["id"].as_str().unwrap(), Some(order.as_str()))
    );
    assert_eq!(got[0].body, value(&app, "select body from outbox_events"));
    assert_eq!(got[0].header("user-agent"), "driftstack-webhooks/1.0");
    assert!(got[0].header("x-driftstack-signature").starts_with("t=1778587200,v1="), "{:?}", got[0]);
    assert_eq!(value(&app, "select status || attempts || lease from webhook_deliveries"), "delivered1");
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 1, failed: 0, dlq: 0 });
    app.advance(Span::hours(2)).await;
    assert_eq!(sink.got().len(), 1);
    sink.always("/hook", Reply::code(500));
    paid(&app, 2).await;
    app.app.wake_courier().await;
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 1, failed: 1, dlq: 0 });
    app.app.stop().await;
}
