//! What is queued for merchants gets there: once, in order, again after a failure, whoever else hangs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crypto_orders::config::{Reach, Settings};
use crypto_orders::domain::time::{Span, Timestamp};
use crypto_orders::domain::webhook::endpoint::{DeliveryCounts, Endpoint, Standing};
use reqwest::Method;
use serde_json::Value;

use crate::engines::Engine;
use crate::harness::sink::{Reply, Sink};
use crate::harness::{TestApp, eventually, payment};

on_both_engines![
    a_paid_order_is_told_once_with_the_bytes_of_its_event,
    the_schedule_ends_in_the_dead_letters_with_the_same_bytes_each_time,
    a_later_event_of_an_order_waits_for_the_earlier_one,
    an_endpoint_that_hangs_delays_nobody_else,
    an_endpoint_that_says_it_is_gone_is_disabled_and_what_waits_for_it_is_given_up,
    the_fiftieth_failure_in_a_row_disables_an_endpoint,
    a_success_that_comes_late_leaves_what_an_endpoint_was_disabled_for,
    a_receiver_may_put_the_next_attempt_off,
    what_a_dead_node_had_leased_is_taken_over_when_its_lease_has_run_out,
    what_waits_for_a_paused_endpoint_goes_on_waiting,
    what_is_caught_up_on_comes_oldest_first_and_goes_on_after_a_failure,
    an_attempt_whose_lease_was_lost_is_not_counted,
];
on_postgres![two_nodes_never_make_one_attempt_at_a_time];

/// Endpoints may be on this machine.
pub fn local(settings: &mut Settings) {
    settings.webhooks.reach = Reach::Local;
}

async fn paid(app: &TestApp, number: usize) -> String {
    let order = app.order().await;
    let answer = app.ipn(&payment(&order, &format!("71000{number}"), "finished")).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    order
}

/// Changes something behind the service's back.
pub fn run(app: &TestApp, statement: &str) {
    crate::harness::sql::run(app.engine(), &app.database.url, statement).expect("it is changed");
}

/// `status/attempts` of all deliveries, in the order of their events.
pub fn standing(app: &TestApp) -> Vec<String> {
    let query = "select status || '/' || attempts from webhook_deliveries order by event_at, id";
    crate::harness::sql::lines(app.engine(), &app.database.url, query)
}

/// Moves the time to when the one delivery that waits is due; answers for how many milliseconds it had to wait.
async fn until_due(app: &TestApp) -> i64 {
    let due = value(app, "select due_at from webhook_deliveries where due_at is not null");
    let due = Timestamp::from_micros(due.parse().expect("something waits"));
    let wait = due.since(app.clock.now());
    app.advance(wait).await;
    wait.as_millis()
}

/// The one value that a query answers.
pub fn value(app: &TestApp, query: &str) -> String {
    crate::harness::sql::value(app.engine(), &app.database.url, query)
}

/// The endpoint's counts, which are what counting its deliveries gives.
pub async fn counts(app: &TestApp, endpoint: &Endpoint) -> DeliveryCounts {
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
    assert_eq!(body["id"], got[0].event());
    assert_eq!(body["data"]["order_id"], order);
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
}

async fn the_schedule_ends_in_the_dead_letters_with_the_same_bytes_each_time(engine: Engine) {
    let sink = Sink::start().await;
    sink.always("/hook", Reply::Say { code: 500, headers: Vec::new(), body: "no\u{fc}".to_owned() });
    let app = TestApp::spawn_with(engine, local).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    paid(&app, 1).await;
    app.app.wake_courier().await;
    for (made, minutes) in [(1, 1), (2, 5), (3, 15), (4, 30), (5, 60)] {
        assert_eq!(standing(&app), [format!("failed/{made}")]);
        assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 0, failed: 1, dlq: 0 });
        let waited = until_due(&app).await;
        assert!((minutes * 60_000..=minutes * 69_000).contains(&waited), "{minutes} min: {waited} ms");
    }
    assert_eq!(standing(&app), ["dlq/6"]);
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 0, failed: 0, dlq: 1 });
    let kept = "select last_response_status || last_response_excerpt || last_error from webhook_deliveries";
    assert_eq!(value(&app, kept), "500no\u{fc}The endpoint answered 500.");
    app.advance(Span::hours(24)).await;
    let got = sink.got();
    assert_eq!(got.len(), 6);
    assert!(got.iter().all(|one| one.body == got[0].body), "{got:?}");
    let mut signatures: Vec<&str> = got.iter().map(|got| got.header("x-driftstack-signature")).collect();
    signatures.dedup();
    assert_eq!(signatures.len(), 6, "each attempt is signed anew");
    assert_eq!(app.endpoint_now(&endpoint).await.health.consecutive_failures, 6);
}

async fn a_later_event_of_an_order_waits_for_the_earlier_one(engine: Engine) {
    let sink = Sink::start().await;
    sink.always("/hook", Reply::Close);
    let app = TestApp::spawn_with(engine, local).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    let order = app.order().await;
    app.advance(Span::hours(2)).await;
    let answer = app.ipn(&payment(&order, "71", "finished")).await;
    assert_eq!(answer.json()["order_state"], "paid", "{}", answer.text);
    app.app.wake_courier().await;
    assert_eq!(standing(&app), ["failed/1", "pending/0"]);
    sink.always("/hook", Reply::code(204));
    app.advance(Span::seconds(69)).await;
    let kinds: Vec<String> = sink.got().iter().map(|got| got.kind().to_owned()).collect();
    assert_eq!(kinds, ["crypto.order.failed", "crypto.order.failed", "crypto.order.paid"]);
    assert_eq!(standing(&app), ["delivered/2", "delivered/1"]);
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 2, failed: 0, dlq: 0 });
}

async fn an_endpoint_that_hangs_delays_nobody_else(engine: Engine) {
    let sink = Sink::start().await;
    sink.always("/hang", Reply::Hang);
    let app = TestApp::spawn_with(engine, local).await;
    app.endpoint(sink.url("/hang")).await;
    app.endpoint(sink.url("/well")).await;
    for number in 0..5 {
        paid(&app, number).await;
    }
    eventually("all of it at the other one", || async { (sink.got_at("/well").len() == 5).then_some(()) }).await;
    assert_eq!(sink.got_at("/hang").len(), 1, "one attempt at a time, and that one hangs");
}

async fn an_endpoint_that_says_it_is_gone_is_disabled_and_what_waits_for_it_is_given_up(engine: Engine) {
    let sink = Sink::start().await;
    sink.always("/hook", Reply::code(410));
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.automatic = false).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    for number in 0..3 {
        paid(&app, number).await;
    }
    let app = app.restart(local).await;
    app.app.wake_courier().await;
    assert_eq!(
        (sink.got().len(), standing(&app)),
        (1, vec!["dlq/1".to_owned(), "dlq/0".to_owned(), "dlq/0".to_owned()])
    );
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 0, failed: 0, dlq: 3 });
    assert_eq!(app.endpoint_now(&endpoint).await.standing, Standing::Disabled { at: app.clock.now() });
    paid(&app, 4).await;
    assert_eq!(standing(&app).len(), 3, "nothing more is queued for it");
}

async fn the_fiftieth_failure_in_a_row_disables_an_endpoint(engine: Engine) {
    let sink = Sink::start().await;
    sink.always("/hook", Reply::code(404));
    let app = TestApp::spawn_with(engine, local).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    run(&app, "update webhook_endpoints set consecutive_failures = 48");
    paid(&app, 1).await;
    app.app.wake_courier().await;
    assert_eq!(app.endpoint_now(&endpoint).await.standing, Standing::Active);
    paid(&app, 2).await;
    app.app.wake_courier().await;
    assert_eq!(app.endpoint_now(&endpoint).await.standing, Standing::Disabled { at: app.clock.now() });
    assert_eq!(standing(&app), ["dlq/1", "dlq/1"]);
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 0, failed: 0, dlq: 2 });
}

async fn a_success_that_comes_late_leaves_what_an_endpoint_was_disabled_for(engine: Engine) {
    let sink = Sink::start().await;
    sink.always("/hook", Reply::Late { code: 200, after: Duration::from_millis(300) });
    let app = TestApp::spawn_with(engine, local).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    paid(&app, 1).await;
    eventually("the attempt", || async { (sink.got().len() == 1).then_some(()) }).await;
    crate::webhooks::disable(&app, &endpoint.id.to_string(), 50);
    app.app.wake_courier().await;
    assert_eq!(standing(&app), ["delivered/1"]);
    assert_eq!(app.endpoint_now(&endpoint).await.health.consecutive_failures, 50);
    let refused =
        app.send(app.request(Method::POST, &format!("/v1/webhooks/{}/test", endpoint.id)).bearer_auth(&app.customer));
    let told = refused.await.problem(409, "conflict");
    assert!(told.contains("after 50 failed attempts in a row"), "{told}");
}

async fn a_receiver_may_put_the_next_attempt_off(engine: Engine) {
    let sink = Sink::start().await;
    sink.next("/hook", Reply::with(429, "Retry-After: 600"));
    sink.next("/hook", Reply::with(503, "Retry-After: 86400"));
    let app = TestApp::spawn_with(engine, local).await;
    app.endpoint(sink.url("/hook")).await;
    paid(&app, 1).await;
    app.app.wake_courier().await;
    assert_eq!(until_due(&app).await, 600_000);
    assert_eq!(until_due(&app).await, 3_600_000);
    assert_eq!(standing(&app), ["delivered/3"]);
}

async fn what_a_dead_node_had_leased_is_taken_over_when_its_lease_has_run_out(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.automatic = false).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    paid(&app, 1).await;
    let until = app.clock.now().after(Span::seconds(60)).micros();
    run(&app, &format!("update webhook_deliveries set status = 'in_flight', lease = 'dead', due_at = {until}"));
    let app = app.restart(local).await;
    app.advance(Span::seconds(59)).await;
    assert_eq!((sink.got().len(), standing(&app)), (0, vec!["in_flight/0".to_owned()]));
    app.advance(Span::seconds(1)).await;
    assert_eq!((sink.got().len(), standing(&app)), (1, vec!["delivered/1".to_owned()]));
    assert_eq!(app.app.courier().counters().taken_over.load(Ordering::Relaxed), 1);
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 1, failed: 0, dlq: 0 });
}

async fn what_waits_for_a_paused_endpoint_goes_on_waiting(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.automatic = false).await;
    app.endpoint(sink.url("/hook")).await;
    paid(&app, 1).await;
    run(&app, "update webhook_endpoints set status = 'paused'");
    let app = app.restart(local).await;
    app.advance(Span::hours(48)).await;
    assert_eq!((sink.got().len(), standing(&app)), (0, vec!["pending/0".to_owned()]));
    run(&app, "update webhook_endpoints set status = 'active'");
    app.app.wake_courier().await;
    assert_eq!(standing(&app), ["delivered/1"]);
}

/// Queues an event of this number for an endpoint, some seconds after the test's beginning.
pub fn queue(app: &TestApp, endpoint: &Endpoint, number: usize, turn: &str) -> String {
    let (webhook, account) = (endpoint.id, app.account);
    let event = format!("00000000-0000-7000-8000-{number:012}");
    let order = format!("00000000-0000-7000-9000-{:012}", number / 2);
    let at = app.clock.now().micros() - 1_000_000_000 + i64::try_from(number).expect("a number");
    let body = format!("{{\"id\":\"{event}\"}}");
    run(
        app,
        &format!(
            "insert into outbox_events (id, account_id, order_id, event_type, body, created_at) \
             values ('{event}', '{account}', '{order}', 'crypto.order.paid', '{body}', {at}); \
             insert into webhook_deliveries (id, webhook_id, event_id, order_id, event_type, event_at, turn, status, \
             attempts, due_at, lease, created_at) values ('wdl_{event}', '{webhook}', '{event}', '{order}', \
             'crypto.order.paid', {at}, '{turn}', 'pending', 0, {at}, '', {at})"
        ),
    );
    event
}

async fn what_is_caught_up_on_comes_oldest_first_and_goes_on_after_a_failure(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.automatic = false).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    let events: Vec<String> = (0..40).map(|number| queue(&app, &endpoint, number, "catch_up")).collect();
    // One in the middle fails once: the other event of its order waits for it, all others go on.
    for _ in 0..20 {
        sink.next("/hook", Reply::code(200));
    }
    sink.next("/hook", Reply::code(500));
    let app = app.restart(local).await;
    app.app.wake_courier().await;
    let got = |sink: &Sink| sink.got().iter().map(|got| got.event().to_owned()).collect::<Vec<_>>();
    let expected: Vec<String> = [&events[..21], &events[22..]].concat();
    assert_eq!(got(&sink), expected);
    app.advance(Span::seconds(69)).await;
    assert_eq!(got(&sink), [&expected[..], &events[20..22]].concat());
    assert_eq!(sink.at_once_most(), 1);
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts { delivered: 40, failed: 0, dlq: 0 });
}

async fn an_attempt_whose_lease_was_lost_is_not_counted(engine: Engine) {
    let sink = Sink::start().await;
    sink.always("/hook", Reply::Late { code: 200, after: Duration::from_millis(300) });
    let app = TestApp::spawn_with(engine, local).await;
    let endpoint = app.endpoint(sink.url("/hook")).await;
    paid(&app, 1).await;
    eventually("the attempt", || async { (sink.got().len() == 1).then_some(()) }).await;
    run(&app, "update webhook_deliveries set lease = 'somebody else'");
    app.app.wake_courier().await;
    assert_eq!(standing(&app), ["in_flight/0"]);
    assert_eq!(counts(&app, &endpoint).await, DeliveryCounts::default());
    assert_eq!(app.endpoint_now(&endpoint).await.health.last_success_at, None);
}

/// How many events the two nodes share, two of each order; and how many of them another endpoint catches up on.
const EVENTS: usize = 10_000;
const CAUGHT_UP: usize = 1_000;

async fn two_nodes_never_make_one_attempt_at_a_time(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn(engine).await;
    let [usual, catching_up] = [app.endpoint(sink.url("/usual")).await, app.endpoint(sink.url("/late")).await];
    let (account, now) = (app.account, app.clock.now().micros());
    let queue = |endpoint: &Endpoint, turn: &str, events: usize| {
        format!(
            "insert into webhook_deliveries (id, webhook_id, event_id, order_id, event_type, event_at, turn, status, \
             attempts, due_at, lease, created_at) select 'wdl_' || md5(e.id || '{turn}')::uuid, '{}', e.id, e.order_id, \
             e.event_type, e.created_at, '{turn}', 'pending', 0, e.created_at, '', {now} from outbox_events e \
             order by e.created_at limit {events}; ",
            endpoint.id
        )
    };
    let events = format!(
        "insert into outbox_events (id, account_id, order_id, event_type, body, created_at) \
         select md5('event' || i)::uuid, '{account}', 'ord_' || md5('order' || i / 2), 'crypto.order.paid', \
         '{{\"number\":' || i || '}}', {now} - 1000 * ({EVENTS} - i) from generate_series(0, {EVENTS} - 1) i; "
    );
    let queued = [queue(&usual, "in_order", EVENTS), queue(&catching_up, "catch_up", CAUGHT_UP)].concat();
    run(&app, &format!("{events}{queued}"));
    let nodes = [app.beside(local).await, app.beside(local).await];
    tokio::join!(nodes[0].app.wake_courier(), nodes[1].app.wake_courier());
    // One that has nothing left to do does not wait for what the other one is at.
    nodes[0].app.wake_courier().await;
    nodes[1].app.wake_courier().await;
    assert_eq!(sink.twice_at_once(), Vec::<String>::new());
    let numbers = |path: &str| -> Vec<usize> {
        let number = |body: &str| serde_json::from_str::<Value>(body).expect("JSON")["number"].as_u64();
        sink.got_at(path)
            .iter()
            .map(|got| usize::try_from(number(&got.body).expect("a number")).expect("few"))
            .collect()
    };
    let usually = numbers("/usual");
    let mut seen = vec![false; EVENTS];
    for number in &usually {
        assert!(!std::mem::replace(&mut seen[*number], true), "{number} came twice");
        assert!(number % 2 == 0 || seen[number - 1], "{number} came before the earlier event of its order");
    }
    assert_eq!(usually.len(), EVENTS);
    assert_eq!(numbers("/late"), (0..CAUGHT_UP).collect::<Vec<_>>(), "oldest first, by whichever node");
    for (endpoint, events) in [(&usual, EVENTS), (&catching_up, CAUGHT_UP)] {
        let expected = DeliveryCounts { delivered: i64::try_from(events).expect("few"), failed: 0, dlq: 0 };
        assert_eq!(counts(&app, endpoint).await, expected);
    }
    let made = nodes.map(|node| node.app.courier().counters().attempts.load(Ordering::Relaxed));
    assert!(made.iter().all(|made| *made > 0), "both take part: {made:?}");
}
