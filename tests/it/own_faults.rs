//! A fault of the program's own in a task that everything hangs on: it ends what the task was at, and not the task.
//!
//! Each is made in the middle of the work (`faults.rs`); afterwards the service does the same work well, without
//! a restart. What a fault on a delivery's way does is in `courier_lost.rs`.

use crypto_orders::domain::time::Span;
use crypto_orders::provider::simulator::{Pace, Scenario, Silence, Target};
use reqwest::Method;
use serde_json::{Value, json};

use crate::courier::{local, run, standing};
use crate::engines::Engine;
use crate::faults::Fault;
use crate::harness::responder::{Act, Said};
use crate::harness::sink::Sink;
use crate::harness::{TestApp, told};
use crate::log;
use crate::plans::record::Record;

on_both_engines![
    a_writer_that_meets_a_fault_leaves_nothing_half_written_and_takes_the_next_order,
    a_loader_that_meets_a_fault_reads_the_next_order,
    a_list_that_meets_a_fault_leaves_nothing_open_that_the_next_one_meets,
    a_poller_that_meets_a_fault_asks_again,
    a_sweeper_that_meets_a_fault_ends_the_order_in_its_next_pass,
    a_courier_that_meets_a_fault_sends_in_its_next_round,
    a_recorder_that_meets_a_fault_has_the_delivery_sent_again,
];

/// Lets statements be heard and the log be kept; before the service starts.
fn listen() {
    log::keep();
    Record::prepare();
}

/// How many orders there are.
fn orders(app: &TestApp) -> String {
    app.database.sql("select count(*) from orders")
}

/// Has every change of a row of this table refused, if this holds of it, until the answer is dropped.
fn refusing<'a>(app: &'a TestApp, table: &'static str, condition: &str) -> Refusing<'a> {
    run(
        app,
        &match app.engine() {
            Engine::Sqlite => format!(
                "create trigger refuse before update on {table} when {condition} \
                 begin select raise(abort, 'refused'); end"
            ),
            Engine::Postgres(_) => format!(
                "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$; \
                 create trigger refuse before update on {table} for each row when ({condition}) \
                 execute function refuse()"
            ),
        },
    );
    Refusing { app, table }
}

struct Refusing<'a> {
    app: &'a TestApp,
    table: &'static str,
}

impl Drop for Refusing<'_> {
    fn drop(&mut self) {
        match self.app.engine() {
            Engine::Sqlite => run(self.app, "drop trigger refuse"),
            Engine::Postgres(_) => {
                run(self.app, &format!("drop trigger refuse on {}; drop function refuse()", self.table));
            }
        }
    }
}

async fn a_writer_that_meets_a_fault_leaves_nothing_half_written_and_takes_the_next_order(engine: Engine) {
    listen();
    let app = TestApp::spawn(engine).await;
    // In the middle of a group: its orders are written, their logs are not.
    let fault = Fault::at_statement(&app.database.url, &["insert into", "order_events"]);
    app.checkout(Some("key")).await.problem(503, "feature-unavailable");
    fault.was_survived_by("writer").await;
    assert_eq!(orders(&app), "0");
    assert_eq!(app.send(app.request(Method::GET, "/readyz")).await.code(), 200);
    let taken = app.checkout(Some("key")).await;
    assert_eq!(taken.code(), 201, "{}", taken.text);
    assert_eq!(orders(&app), "1");
}

async fn a_loader_that_meets_a_fault_reads_the_next_order(engine: Engine) {
    listen();
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    // A fresh node has no order in memory.
    let app = app.restart(|_| {}).await;
    let path = format!("/v1/billing/crypto-orders/{order}");
    let fault = Fault::at_statement(&app.database.url, &["select", "order_events", &order]);
    app.get(&path).await.problem(503, "feature-unavailable");
    fault.was_survived_by("loader").await;
    let read = app.get(&path).await;
    assert_eq!((read.code(), &read.json()["order_id"]), (200, &json!(order)), "{}", read.text);
    assert_eq!(app.send(app.request(Method::GET, "/readyz")).await.code(), 200);
}

async fn a_list_that_meets_a_fault_leaves_nothing_open_that_the_next_one_meets(engine: Engine) {
    listen();
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let fault = Fault::at_statement(&app.database.url, &["select", "order_events", &order]);
    app.get("/v1/billing/crypto-orders").await.problem(503, "feature-unavailable");
    fault.was_survived_by("reader").await;
    app.order().await;
    // Whichever connection it is that reads, it sees what is there now.
    for _ in 0..16 {
        let listed = app.get("/v1/billing/crypto-orders").await;
        assert_eq!(listed.code(), 200, "{}", listed.text);
        assert_eq!(listed.json()["orders"].as_array().map(Vec::len), Some(2), "{}", listed.text);
    }
}

async fn a_poller_that_meets_a_fault_asks_again(engine: Engine) {
    listen();
    let (app, wire) = TestApp::wired_with(engine, |settings| settings.poller.interval = Span::hours(1)).await;
    app.simulator().silence(Silence::On);
    let order = app.order().await;
    app.simulator().pay(Target::Order(&order), Scenario::Success, Pace::AsScripted).expect("a plan");
    wire.upon(
        "GET /simulator/v1/payment/",
        Act::Answer(Said::new(404, r#"{"statusCode":404,"code":"NOT_FOUND","message":"Payment not found"}"#)),
    );
    // While it holds the order's claim.
    let fault = Fault::at_sentence("the provider told nothing");
    app.advance(Span::minutes(5)).await;
    fault.was_survived_by("poller").await;
    assert_eq!(app.look(&order).await["status"], "pending");
    app.advance(Span::minutes(5)).await;
    assert_eq!(app.look(&order).await["status"], "paid");
}

async fn a_sweeper_that_meets_a_fault_ends_the_order_in_its_next_pass(engine: Engine) {
    listen();
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let refusing = refusing(&app, "orders", "1 = 1");
    let fault = Fault::at_sentence("a due order could not be told");
    app.advance(Span::minutes(61)).await;
    fault.was_survived_by("sweeper").await;
    drop(refusing);
    assert_eq!(app.look(&order).await["status"], "pending");
    app.advance(Span::seconds(5)).await;
    assert_eq!(app.steps(&order).await, ["pending/create", "failed/expired"]);
}

/// A paid order, and the endpoint that is to hear of it.
async fn announced(app: &TestApp, sink: &Sink) {
    app.endpoint(sink.url("/hook")).await;
    let order = app.order().await;
    assert_eq!(told(app, &order, ["1001", "finished"], json!({})).await, "paid");
}

async fn a_courier_that_meets_a_fault_sends_in_its_next_round(engine: Engine) {
    listen();
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, local).await;
    let refusing = refusing(&app, "webhook_deliveries", "1 = 1");
    let fault = Fault::at_sentence("due deliveries could not be leased; trying again");
    announced(&app, &sink).await;
    app.app.wake_courier().await;
    fault.was_survived_by("courier").await;
    drop(refusing);
    app.app.wake_courier().await;
    assert_eq!((sink.got().len(), standing(&app)), (1, vec!["delivered/1".to_owned()]));
}

async fn a_recorder_that_meets_a_fault_has_the_delivery_sent_again(engine: Engine) {
    listen();
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, local).await;
    let refusing = refusing(&app, "webhook_deliveries", "new.status = 'delivered'");
    let fault = Fault::at_sentence("attempts could not be recorded; trying again");
    announced(&app, &sink).await;
    app.app.wake_courier().await;
    fault.was_survived_by("courier").await;
    drop(refusing);
    assert_eq!((sink.got().len(), standing(&app)), (1, vec!["in_flight/0".to_owned()]));
    // Nobody knows what came of it, so it is made again once its lease has run out.
    app.advance(Span::seconds(61)).await;
    let events: Vec<String> = sink.got().iter().map(|got| got.event().to_owned()).collect();
    assert_eq!((events.len(), standing(&app)), (2, vec!["delivered/1".to_owned()]));
    assert_eq!(events[0], events[1], "the same event");
    assert_eq!(Value::from(sink.twice_at_once()), json!([]));
}
