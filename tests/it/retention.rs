//! What one customer can make the service keep: bounded by pings a minute, bytes of an answer, and a retention.
//!
//! What the retention removes is gone from the lists, and from nothing else: events stay, counts stay true, and a
//! catch-up knows what was confirmed.

use crypto_orders::config::Settings;
use crypto_orders::domain::time::Span;
use crypto_orders::domain::webhook::endpoint::Endpoint;
use reqwest::Method;
use serde_json::{Value, json};

use crate::archive::{engines, exported, imported};
use crate::courier::{local, run, value};
use crate::engines::Engine;
use crate::harness::sink::{Reply, Sink};
use crate::harness::{Answer, TestApp, payment};

on_both_engines![
    delivered_deliveries_go_after_thirty_days_and_nothing_is_sent_again,
    a_ping_goes_with_its_event_whatever_became_of_it,
    what_was_given_up_stays_unless_its_retention_is_set,
    only_what_is_over_goes_page_by_page,
    what_was_confirmed_is_known_wherever_the_database_is_moved,
    an_endpoint_takes_ten_pings_a_minute,
    little_is_kept_of_the_answer_that_confirms,
];

const LONG_AGO: &str = "2026-05-01T00:00:00.000Z";
const MONTH: Span = Span::hours(30 * 24);

/// A paid order, told at once.
async fn paid(app: &TestApp, number: usize) -> String {
    let order = app.order().await;
    assert_eq!(app.ipn(&payment(&order, &format!("71000{number}"), "finished")).await.code(), 200);
    app.app.wake_courier().await;
    order
}

async fn ping(app: &TestApp, endpoint: &Endpoint) -> Answer {
    let answer = app.call(Method::POST, &format!("/v1/webhooks/{}/test", endpoint.id), &json!({})).await;
    app.app.wake_courier().await;
    answer
}

/// Lets so much time pass, and the sweeper look.
async fn after(app: &TestApp, span: Span) {
    app.clock.advance(span);
    app.app.wake_sweeper().await;
}

async fn listed(app: &TestApp, endpoint: &Endpoint) -> Vec<Value> {
    let page = app.get(&format!("/v1/webhooks/{}/deliveries", endpoint.id)).await.json();
    page["data"].as_array().expect("data").clone()
}

async fn counts(app: &TestApp, endpoint: &Endpoint) -> Value {
    app.get(&format!("/v1/webhooks/{}", endpoint.id)).await.json()["delivery_counts"].clone()
}

async fn caught_up(app: &TestApp, endpoint: &Endpoint) -> Value {
    let path = format!("/v1/webhooks/{}/catch-up", endpoint.id);
    let answer = app.call(Method::POST, &path, &json!({ "since": LONG_AGO })).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    app.app.wake_courier().await;
    answer.json()["event_count"].clone()
}

async fn delivered_deliveries_go_after_thirty_days_and_nothing_is_sent_again(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, local).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    paid(&app, 1).await;
    after(&app, Span::hours(1)).await;
    paid(&app, 2).await;
    let delivered = json!({ "delivered": 2, "failed": 0, "dlq": 0 });
    let old = listed(&app, &endpoint).await[1]["id"].as_str().expect("an id").to_owned();
    after(&app, Span::millis(MONTH.as_millis() - 3_600_001)).await;
    assert_eq!((listed(&app, &endpoint).await.len(), counts(&app, &endpoint).await), (2, delivered.clone()));
    after(&app, Span::millis(1)).await;
    assert_eq!(listed(&app, &endpoint).await.len(), 1, "to the millisecond");
    let replay = app.call(Method::POST, &format!("/v1/webhook-deliveries/{old}/replay"), &json!({})).await;
    assert_eq!(replay.code(), 404, "{}", replay.text);
    after(&app, Span::hours(1)).await;
    assert_eq!(listed(&app, &endpoint).await, Vec::<Value>::new());
    assert_eq!(counts(&app, &endpoint).await, delivered, "they were delivered all the same");
    assert_eq!(value(&app, "select count(*) from outbox_events"), "2", "events stay");
    assert_eq!(caught_up(&app, &endpoint).await, 0, "what was confirmed is not sent again");
    assert_eq!(sink.got().len(), 2);
    // An endpoint that has never heard of them still catches up on all.
    let second = app.endpoint(sink.url("/second")).await;
    assert_eq!((caught_up(&app, &second).await, sink.got_at("/second").len()), (json!(2), 2));
}

async fn a_ping_goes_with_its_event_whatever_became_of_it(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, local).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    assert_eq!(ping(&app, &endpoint).await.code(), 202);
    sink.always("/hook", Reply::code(500));
    assert_eq!(ping(&app, &endpoint).await.code(), 202);
    run(&app, "update webhook_deliveries set status = 'dlq', due_at = null where status = 'failed'");
    run(&app, "update webhook_endpoints set failed = 0, dlq = 1");
    paid(&app, 1).await;
    assert_eq!(counts(&app, &endpoint).await, json!({ "delivered": 1, "failed": 1, "dlq": 1 }));
    after(&app, MONTH).await;
    assert_eq!(value(&app, "select count(*) from outbox_events where order_id = ''"), "0");
    let left = listed(&app, &endpoint).await;
    assert_eq!((left.len(), &left[0]["event_type"]), (1, &json!("crypto.order.paid")), "it waits, and stays");
    assert_eq!(counts(&app, &endpoint).await, json!({ "delivered": 1, "failed": 1, "dlq": 0 }));
    assert_eq!(value(&app, "select count(*) from confirmed_events"), "0", "nobody asks for a ping again");
}

async fn what_was_given_up_stays_unless_its_retention_is_set(engine: Engine) {
    for (kept, left) in [(None, 2), (Some(MONTH), 0)] {
        let sink = Sink::start().await;
        sink.always("/hook", Reply::code(500));
        let set = |settings: &mut Settings| {
            local(settings);
            settings.retention.undelivered = kept;
        };
        let app = TestApp::spawn_with(engine, set).await;
        let endpoint = app.endpoint(sink.url("/hook")).await;
        paid(&app, 1).await;
        paid(&app, 2).await;
        run(&app, "update webhook_deliveries set status = 'dlq', due_at = null");
        run(&app, "update webhook_endpoints set failed = 0, dlq = 2");
        let discarded = listed(&app, &endpoint).await[0]["id"].as_str().expect("an id").to_owned();
        let path = format!("/v1/admin/webhook-dlq/{discarded}/discard");
        assert_eq!(app.send(app.request(Method::POST, &path).bearer_auth(&app.operator)).await.code(), 200);
        let before = json!({ "delivered": 0, "failed": 1, "dlq": 1 });
        assert_eq!(counts(&app, &endpoint).await, before);
        after(&app, MONTH).await;
        assert_eq!(listed(&app, &endpoint).await.len(), left);
        let none = json!({ "delivered": 0, "failed": 0, "dlq": 0 });
        assert_eq!(counts(&app, &endpoint).await, if left == 0 { none } else { before });
        // It was never confirmed, so whoever asks is sent it.
        sink.always("/hook", Reply::code(200));
        assert_eq!(caught_up(&app, &endpoint).await, 2);
        assert_eq!(counts(&app, &endpoint).await, json!({ "delivered": 2, "failed": 0, "dlq": 0 }));
    }
}

async fn only_what_is_over_goes_page_by_page(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let endpoint = app.endpoint("https://93.184.215.14/hook".to_owned()).await;
    let now = app.clock.now().micros();
    // More than two pages of what is over, and one of each that is not.
    let rows = (0..1_200).map(|n| (n, "delivered", "null".to_owned())).chain(
        [("pending", 1_200), ("in_flight", 1_201), ("failed", 1_202)]
            .map(|(status, n)| (n, status, (now + 100 * MONTH.as_millis() * 1_000).to_string())),
    );
    let rows: Vec<String> = rows
        .map(|(n, status, due)| {
            let delivered = if status == "delivered" { now.to_string() } else { "null".to_owned() };
            format!(
                "('wdl_00000000-0000-7000-8000-{n:012x}', '{}', '00000000-0000-7000-8000-{n:012x}', 'ord_{n:032x}', \
                 'crypto.order.paid', {now}, 'in_order', '{status}', 1, {due}, '', {delivered}, {now})",
                endpoint.id
            )
        })
        .collect();
    let columns = "id, webhook_id, event_id, order_id, event_type, event_at, turn, status, attempts, due_at, lease, \
                   delivered_at, created_at";
    for some in rows.chunks(300) {
        run(&app, &format!("insert into webhook_deliveries ({columns}) values {}", some.join(", ")));
    }
    after(&app, MONTH).await;
    let left = "select count(*) || '/' || min(status) from webhook_deliveries where status <> 'delivered'";
    assert_eq!(value(&app, "select count(*) from webhook_deliveries where status = 'delivered'"), "0");
    assert_eq!(value(&app, left), "3/failed");
    assert_eq!(value(&app, "select count(*) from confirmed_events"), "1200");
}

async fn what_was_confirmed_is_known_wherever_the_database_is_moved(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, local).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    paid(&app, 1).await;
    after(&app, MONTH).await;
    let url = app.database.url.clone();
    let archive = tokio::task::spawn_blocking(move || exported(&url)).await.expect("an archive");
    assert!(archive.contains("\"webhook_confirmed\":[{\"event_id\":"), "{archive}");
    for other in engines() {
        let database = imported(other, &archive).await;
        let known = database.sql("select count(*) || webhook_id from confirmed_events group by webhook_id");
        assert_eq!(known, format!("1{}", endpoint.id));
        let url = database.url.clone();
        assert_eq!(tokio::task::spawn_blocking(move || exported(&url)).await.expect("an archive"), archive);
    }
}

async fn an_endpoint_takes_ten_pings_a_minute(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let endpoint = app.endpoint("https://93.184.215.14/hook".to_owned()).await;
    let other = app.endpoint("https://93.184.215.14/other".to_owned()).await;
    let path = |endpoint: &Endpoint| format!("/v1/webhooks/{}/test", endpoint.id);
    let asked = async |endpoint: &Endpoint| app.call(Method::POST, &path(endpoint), &json!({})).await;
    assert_eq!(asked(&endpoint).await.code(), 202);
    app.clock.advance(Span::seconds(20));
    for _ in 0..9 {
        assert_eq!(asked(&endpoint).await.code(), 202);
    }
    app.clock.advance(Span::millis(500));
    let refused = asked(&endpoint).await;
    assert_eq!(refused.problem(429, "rate-limited"), "A webhook endpoint takes at most 10 test pings a minute.");
    assert_eq!((&refused.json()["retry_after_seconds"], refused.header("retry-after")), (&json!(40), Some("40")));
    assert_eq!(asked(&other).await.code(), 202, "each endpoint for itself");
    app.clock.advance(Span::seconds(40));
    assert_eq!(asked(&endpoint).await.code(), 202, "the first of them is a minute old");
    assert_eq!(asked(&endpoint).await.code(), 429);
    app.clock.advance(Span::seconds(20));
    assert_eq!(asked(&endpoint).await.code(), 202);
}

async fn little_is_kept_of_the_answer_that_confirms(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, local).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    let long = "\u{e9}".repeat(5_000);
    for (code, characters) in [(200, 128), (500, 4_096)] {
        sink.always("/hook", Reply::Say { code, headers: Vec::new(), body: long.clone() });
        assert_eq!(ping(&app, &endpoint).await.code(), 202);
        let newest = listed(&app, &endpoint).await.remove(0);
        assert_eq!(newest["last_response_excerpt"].as_str().map(|text| text.chars().count()), Some(characters));
        app.clock.advance(Span::seconds(1));
    }
}
