//! What was lost on the way: rows that cannot be read, hands that never came back, leases that two had.
//!
//! What is told when all goes well, and after failures, is in `courier.rs`.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crypto_orders::domain::ids::DeliveryId;
use crypto_orders::domain::time::Span;
use crypto_orders::domain::webhook::delivery::Next;
use crypto_orders::domain::webhook::endpoint::DeliveryCounts;
use crypto_orders::store::courier::AttemptRecord;
use crypto_orders::webhooks::names::Names;
use serde_json::json;

use crate::courier::{counts, local, queue, run, standing, value};
use crate::engines::Engine;
use crate::harness::sink::Sink;
use crate::harness::{TestApp, told};

on_both_engines![
    what_cannot_be_read_is_given_up_and_does_not_hold_up_what_is_behind_it,
    what_a_lost_hand_caught_up_on_does_not_wait_for_an_order_that_failed,
    two_leases_of_one_delivery_are_counted_as_one_attempt,
    a_fault_of_our_own_on_the_way_loses_no_event_and_stops_nothing,
];

async fn what_cannot_be_read_is_given_up_and_does_not_hold_up_what_is_behind_it(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.automatic = false).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    let events: Vec<String> = [2, 4, 6].into_iter().map(|number| queue(&app, &endpoint, number, "in_order")).collect();
    run(&app, &format!("update webhook_deliveries set event_type = 'nonsense' where event_id = '{}'", events[0]));
    run(
        &app,
        &format!(
            "update webhook_deliveries set status = 'failed', attempts = 2 where event_id = '{event}'; \
             delete from outbox_events where id = '{event}'; update webhook_endpoints set failed = 1",
            event = events[1]
        ),
    );
    let app = app.restart(local).await;
    app.app.wake_courier().await;
    let got: Vec<String> = sink.got().iter().map(|got| got.event().to_owned()).collect();
    assert_eq!(got, events[2..]);
    assert_eq!(standing(&app), ["dlq/0", "dlq/2", "delivered/1"]);
    let told = "select distinct last_error from webhook_deliveries where status = 'dlq' and due_at is null";
    assert_eq!(value(&app, told), "The delivery could not be read.");
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 1, failed: 0, dlq: 2 });
}

async fn what_a_lost_hand_caught_up_on_does_not_wait_for_an_order_that_failed(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.automatic = false).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    // The second is of the first one's order.
    let events: Vec<String> =
        [2, 3, 4, 6].into_iter().map(|number| queue(&app, &endpoint, number, "catch_up")).collect();
    let now = app.clock.now();
    let (later, run_out) = (now.after(Span::minutes(5)).micros(), now.before(Span::seconds(1)).micros());
    run(
        &app,
        &format!(
            "update webhook_deliveries set status = 'failed', attempts = 1, turn = 'in_order', due_at = {later} \
             where event_id = '{}'; update webhook_endpoints set failed = 1; \
             update webhook_deliveries set status = 'in_flight', lease = 'dead', due_at = {run_out} \
             where event_id in ('{}', '{}')",
            events[0], events[1], events[2]
        ),
    );
    let app = app.restart(local).await;
    app.app.wake_courier().await;
    let got = |sink: &Sink| sink.got().iter().map(|got| got.event().to_owned()).collect::<Vec<_>>();
    assert_eq!(got(&sink), events[2..]);
    app.advance(Span::minutes(5)).await;
    assert_eq!(got(&sink), [&events[2..], &events[..2]].concat());
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 4, failed: 0, dlq: 0 });
}

async fn two_leases_of_one_delivery_are_counted_as_one_attempt(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.automatic = false).await;
    let endpoint = app.endpoint("https://hooks.example/in".to_owned()).await;
    let event = queue(&app, &endpoint, 2, "in_order");
    run(&app, "update webhook_deliveries set status = 'in_flight', lease = 'new'");
    let attempt = |lease: &str, next: Next| AttemptRecord {
        delivery: DeliveryId::parse(&format!("wdl_{event}")).expect("an id"),
        webhook: endpoint.id,
        lease: lease.to_owned(),
        attempts: 1,
        next,
        status: None,
        excerpt: None,
        error: None,
        at: app.clock.now(),
    };
    let attempts = [attempt("old", Next::Again { at: app.clock.now() }), attempt("new", Next::Delivered)];
    app.store.attempts_record(attempts.into()).await.expect("they are recorded");
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 1, failed: 0, dlq: 0 });
    let health = app.endpoint_now(&endpoint).await.health;
    assert_eq!((health.consecutive_failures, health.last_failure_at), (0, None));
}

async fn a_fault_of_our_own_on_the_way_loses_no_event_and_stops_nothing(engine: Engine) {
    let sink = Sink::start().await;
    let asked = AtomicUsize::new(0);
    let names = Names::Told(Arc::new(move |_| {
        assert!(asked.fetch_add(1, Ordering::SeqCst) > 0, "the fault that this test makes");
        vec![Ipv4Addr::LOCALHOST.into()]
    }));
    let app = TestApp::spawn_named(engine, names, local).await;
    app.endpoint(sink.url("/hook").replace("127.0.0.1", "hooks.example")).await;
    let order = app.order().await;
    assert_eq!(told(&app, &order, ["1001", "finished"], json!({})).await, "paid");
    app.app.wake_courier().await;
    assert_eq!(sink.got().len(), 0);
    // It is taken over like what a dead node had, once its lease has run out.
    app.advance(Span::seconds(61)).await;
    assert_eq!(sink.got().len(), 1);
}
