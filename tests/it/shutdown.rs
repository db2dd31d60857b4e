//! The orderly end: what is under way is answered, nothing acknowledged is lost, and nobody holds it up.

use std::io::{Read, Write};
use std::net::TcpStream;

use diesel::connection::SimpleConnection;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::engines::Engine;
use crate::harness::door::{Door, eventually};
use crate::harness::load::{Load, OnRefusal, settle};
use crate::harness::process::{Installed, Process};
use crate::harness::sql::{assert_whole, sqlite};

/// The whole of it, by the promise of the operators' manual; a second more than the server needs at worst.
const END_SECONDS_MAX: u64 = 10;

on_both_engines![
    a_server_told_to_end_under_load_ends_well_and_loses_nothing,
    whoever_waits_for_a_change_is_answered_when_the_server_ends,
    balancers_take_notice_before_a_server_ends,
];

async fn a_server_told_to_end_under_load_ends_well_and_loses_nothing(engine: Engine) {
    let installed = Installed::new(engine).await;
    for signal in ["TERM", "INT"] {
        let server = installed.start().await;
        let load = Load::start(&installed.door, signal, OnRefusal::GoHome);
        load.reached(60).await;
        server.signal(signal);
        ends_well(server).await;
        let bills = load.finish().await;
        let again = installed.start().await;
        settle(&installed.door, &bills).await;
        again.signal(signal);
        ends_well(again).await;
        assert_whole(installed.engine, &installed.database.url);
    }
}

async fn whoever_waits_for_a_change_is_answered_when_the_server_ends(engine: Engine) {
    let installed = Installed::new(engine).await;
    let server = installed.start().await;
    let order = order(&installed.door).await;
    let waiter = waiter(&installed.door, &order).await;
    // Its connection is idle, and stays so.
    let idle = idle_connection(&installed.door);
    server.signal("TERM");
    ends_well(server).await;
    let answer = waiter.await.expect("a waiter").expect("an answer");
    assert_eq!((answer.0, &answer.1["order_id"]), (200, &Value::from(order)));
    drop(idle);
}

async fn balancers_take_notice_before_a_server_ends(engine: Engine) {
    let installed = Installed::new(engine).await;
    let mut command = installed.command();
    command.env("CRYPTO_ORDERS_SHUTDOWN_DELAY", "5m");
    let server = installed.run(command).await;
    assert_eq!(installed.door.get("/readyz").await.expect("an answer").code(), 200);
    server.signal("TERM");
    let stopping = installed.door.until("/readyz", 503).await;
    assert_eq!(stopping.problem(503, "feature-unavailable"), "This node is about to stop.");
    let placed = installed.door.checkout("last").await.expect("an answer");
    assert_eq!((placed.code(), placed.header("connection")), (201, Some("close")), "{}", placed.text);
    assert_eq!(installed.door.get("/healthz").await.expect("an answer").code(), 200);
    // Who does not want to wait says so again.
    server.signal("TERM");
    ends_well(server).await;
    assert_whole(installed.engine, &installed.database.url);
}

/// The signals are the system's, whatever the engine.
#[test]
fn signals_that_mean_no_stop_change_nothing() {
    actix::System::new().block_on(async {
        let installed = Installed::new(Engine::Sqlite).await;
        let server = installed.start().await;
        for name in ["HUP", "USR1", "USR2"] {
            server.signal(name);
            let told = format!("signal=\"SIG{name}\"");
            eventually("the signal was logged", async || server.log().contains(&told).then_some(())).await;
            assert_eq!(installed.door.get("/healthz").await.expect("an answer").code(), 200);
        }
        server.signal("TERM");
        ends_well(server).await;
    });
}

/// On SQLite a request can be held for certain: somebody else has the file's lock.
#[test]
fn a_request_in_the_server_s_hands_is_answered_before_it_ends() {
    actix::System::new().block_on(async {
        let installed = Installed::new(Engine::Sqlite).await;
        let server = installed.start().await;
        let order = order(&installed.door).await;
        let waiter = waiter(&installed.door, &order).await;
        let mut other = sqlite(&installed.database.url);
        other.batch_execute("begin immediate").expect("the lock");
        let door = installed.door.clone();
        let checkout = actix::spawn(async move { door.checkout("held").await });
        for _ in 0..5 {
            assert_eq!(installed.door.get("/healthz").await.expect("an answer").code(), 200);
        }
        server.signal("TERM");
        // That the waiter is answered shows that the server is at its end.
        waiter.await.expect("a waiter").expect("an answer");
        other.batch_execute("rollback").expect("the lock is given back");
        let answer = checkout.await.expect("a request").expect("an answer");
        assert_eq!(answer.code(), 201, "{}", answer.text);
        ends_well(server).await;
        assert_whole(Engine::Sqlite, &installed.database.url);
    });
}

/// Ends with 0, and not only because it was cut off after its patience.
async fn ends_well(mut server: Process) {
    let bound = std::time::Duration::from_secs(END_SECONDS_MAX);
    let status = tokio::time::timeout(bound, server.ended()).await.expect("an end within the promise");
    assert!(status.success(), "{status}: {}", server.log());
}

async fn order(door: &Door) -> String {
    let answer = door.checkout("first").await.expect("an answer");
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.json()["order_id"].as_str().expect("an order").to_owned()
}

/// A request that waits for the next change of an order; answers its status and body.
async fn waiter(door: &Door, order: &str) -> JoinHandle<Option<(u16, Value)>> {
    let path = format!("/v1/billing/crypto-orders/{order}?wait=30");
    let waits = door.clone();
    let waiter = actix::spawn(async move { waits.get(&path).await.map(|answer| (answer.code(), answer.json())) });
    for _ in 0..5 {
        assert_eq!(door.get("/healthz").await.expect("an answer").code(), 200);
    }
    assert!(!waiter.is_finished(), "nobody waits");
    waiter
}

/// A connection that has had one answer and asks for nothing more.
fn idle_connection(door: &Door) -> TcpStream {
    let address = door.base.trim_start_matches("http://");
    let mut idle = TcpStream::connect(address).expect("a connection");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").expect("a request");
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    idle
}
