//! `kill -9` of the real server at each point on the way of a webhook: every event arrives, in its order's order, and
//! a receiver that drops repeats by their id sees each once.
//!
//! A lease that a dead server left behind runs out with time; here its end is moved by hand, in the database.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::process::Command;

use reqwest::Method;
use serde_json::json;

use crate::engines::Engine;
use crate::harness::door::eventually;
use crate::harness::load::{Load, OnRefusal, settle};
use crate::harness::process::{Installed, Process};
use crate::harness::responder::{Act, Asked, Responder, Said};
use crate::harness::sql::{assert_whole, lines, run, value};
use crate::harness::{json_body, payment};

/// Where the endpoint is.
const HOOK: &str = "POST /hook";
/// How often the server is killed in the storm.
const KILLS: usize = 6;

on_both_engines![
    an_event_outlives_a_kill_after_its_commit,
    an_event_outlives_a_kill_after_its_lease,
    an_event_outlives_a_kill_after_it_was_sent,
    an_event_outlives_a_kill_before_its_record,
    every_event_arrives_whenever_the_server_is_killed,
];

/// A server with an endpoint, and the receiver behind it.
struct Scene {
    installed: Installed,
    receiver: Responder,
}

impl Scene {
    async fn new(engine: Engine) -> Self {
        let receiver = Responder::start().await;
        receiver.always(HOOK, Said::new(200, "ok"));
        Self { installed: Installed::new(engine.durable()).await, receiver }
    }

    /// The server, sending or holding back what is queued.
    async fn start(&self, sends: &str) -> Process {
        let mut command: Command = self.installed.command();
        command.env("CRYPTO_ORDERS_WEBHOOKS_ALLOW_LOCAL", "on").env("CRYPTO_ORDERS_WEBHOOKS_AUTOMATIC", sends);
        self.installed.run(command).await
    }

    /// Makes the endpoint, at the receiver.
    async fn listen(&self) {
        let door = &self.installed.door;
        let url = format!("{}/hook", self.receiver.origin());
        let body = json!({ "url": url, "events": ["crypto.order.paid", "crypto.order.failed"] });
        let request = door.client.request(Method::POST, format!("{}/v1/webhooks", door.base));
        let answer = door.send(json_body(request, &body).bearer_auth(&door.customer)).await.expect("an answer");
        assert_eq!(answer.code(), 201, "{}", answer.text);
    }

    /// An order that fails, and is paid after all: two events.
    async fn two_events(&self) {
        let door = &self.installed.door;
        let order = door.checkout("key").await.expect("an answer").json()["order_id"].clone();
        for word in ["expired", "finished"] {
            let ipn = payment(order.as_str().expect("an id"), "5000000001", word);
            assert_eq!(door.ipn(&ipn).await.expect("an answer").code(), 200);
        }
    }

    fn sql(&self, statement: &str) {
        run(self.installed.engine, &self.installed.database.url, statement).expect("the database takes it");
    }

    fn count(&self, rows: &str) -> usize {
        let query = format!("select count(*) from {rows}");
        value(self.installed.engine, &self.installed.database.url, &query).parse().expect("a number")
    }

    /// Starts the server after the kill, once nobody holds a lease any more, and waits until all is recorded.
    async fn recover(&self) -> Process {
        self.sql("update webhook_deliveries set due_at = 1000 where status = 'in_flight'");
        let server = self.start("on").await;
        let done = async || (self.count("webhook_deliveries where status <> 'delivered'") == 0).then_some(());
        eventually("everything is delivered", done).await;
        server
    }

    /// What the receiver got, each event once, in the order of first arrival.
    fn heard(&self) -> Vec<Asked> {
        let mut bodies = BTreeMap::new();
        let mut first = Vec::new();
        for asked in self.receiver.asked(HOOK) {
            let id = asked.header("webhook-id").expect("each names its event").to_owned();
            let known = bodies.entry(id).or_insert_with(|| {
                first.push(asked.clone());
                asked.body.clone()
            });
            assert_eq!(*known, asked.body, "the same bytes at every attempt");
        }
        first
    }

    /// Asserts that the order's two events arrived, each and in order, and so many requests in all at the least.
    fn both_arrived(&self, requests_min: usize) {
        let types: Vec<String> = self
            .heard()
            .iter()
            .map(|asked| asked.header("x-driftstack-event-type").unwrap_or_default().into())
            .collect();
        assert_eq!(types, ["crypto.order.failed", "crypto.order.paid"]);
        assert!(requests_min <= self.receiver.seen(HOOK), "{}", self.receiver.seen(HOOK));
    }
}

async fn an_event_outlives_a_kill_after_its_commit(engine: Engine) {
    let scene = Scene::new(engine).await;
    let server = scene.start("off").await;
    scene.listen().await;
    scene.two_events().await;
    server.kill();
    assert_eq!((scene.receiver.seen(HOOK), scene.count("webhook_deliveries where status = 'pending'")), (0, 2));
    let _server = scene.recover().await;
    scene.both_arrived(2);
    assert_eq!(scene.receiver.seen(HOOK), 2, "nothing was sent before the kill, and nothing twice");
}

async fn an_event_outlives_a_kill_after_its_lease(engine: Engine) {
    let scene = Scene::new(engine).await;
    let full = Full::start().await;
    let server = scene.start("on").await;
    scene.listen().await;
    // A connection to it is never made: the server is held between its lease and its request.
    scene.sql(&format!("update webhook_endpoints set url = '{}/hook'", full.origin));
    scene.two_events().await;
    let leased = async || (scene.count("webhook_deliveries where status = 'in_flight'") == 1).then_some(());
    eventually("the first event is leased", leased).await;
    server.kill();
    assert_eq!((scene.receiver.seen(HOOK), scene.count("webhook_deliveries where status = 'in_flight'")), (0, 1));
    scene.sql(&format!("update webhook_endpoints set url = '{}/hook'", scene.receiver.origin()));
    let _server = scene.recover().await;
    scene.both_arrived(2);
}

async fn an_event_outlives_a_kill_after_it_was_sent(engine: Engine) {
    let scene = Scene::new(engine).await;
    scene.receiver.upon(HOOK, Act::Silence);
    let server = scene.start("on").await;
    scene.listen().await;
    scene.two_events().await;
    eventually("the receiver has it", async || (!scene.receiver.asked(HOOK).is_empty()).then_some(())).await;
    server.kill();
    assert_eq!(scene.receiver.seen(HOOK), 1, "the later event waits for the earlier");
    let _server = scene.recover().await;
    scene.both_arrived(3);
}

async fn an_event_outlives_a_kill_before_its_record(engine: Engine) {
    let scene = Scene::new(engine).await;
    let server = scene.start("on").await;
    scene.listen().await;
    // The receiver confirms, and the database refuses to hear of it.
    scene.sql(refuse_records(engine));
    scene.two_events().await;
    eventually("the receiver has it", async || (!scene.receiver.asked(HOOK).is_empty()).then_some(())).await;
    server.kill();
    assert_eq!(scene.count("webhook_deliveries where status = 'delivered'"), 0, "nothing was recorded");
    scene.sql(match engine {
        Engine::Sqlite => "drop trigger refuse_records",
        Engine::Postgres(_) => "drop trigger refuse_records on webhook_deliveries",
    });
    let _server = scene.recover().await;
    scene.both_arrived(3);
}

async fn every_event_arrives_whenever_the_server_is_killed(engine: Engine) {
    let scene = Scene::new(engine).await;
    let door = &scene.installed.door;
    let mut server = scene.start("on").await;
    scene.listen().await;
    for kill in 0..KILLS {
        let load = Load::start(door, &format!("kill-{kill}"), OnRefusal::GoHome);
        load.reached(a_random_moment()).await;
        server.kill();
        let bills = load.finish().await;
        scene.sql("update webhook_deliveries set due_at = 1000 where status = 'in_flight'");
        server = scene.start("on").await;
        settle(door, &bills).await;
    }
    server.kill();
    let server = scene.recover().await;
    drop(server);
    let (engine, url) = (scene.installed.engine, &scene.installed.database.url);
    assert_whole(engine, url);
    let told: BTreeSet<String> = lines(engine, url, "select id as detail from outbox_events").into_iter().collect();
    let heard = scene.heard();
    let heard: BTreeSet<String> =
        heard.iter().map(|asked| asked.header("webhook-id").unwrap_or_default().to_owned()).collect();
    assert!(KILLS * 5 < told.len(), "the kills met next to no events: {}", told.len());
    assert_eq!(heard, told, "every event arrived, and nothing else");
}

/// Keeps deliveries from being recorded as confirmed.
fn refuse_records(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "create trigger refuse_records before update on webhook_deliveries when new.status = 'delivered' \
             begin select raise(abort, 'refused'); end"
        }
        Engine::Postgres(_) => {
            "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$; \
             create trigger refuse_records before update on webhook_deliveries for each row \
             when (new.status = 'delivered') execute function refuse()"
        }
    }
}

/// A listener whose queue of connections is full, so that no further one is made.
struct Full {
    origin: String,
    _listener: tokio::net::TcpListener,
    _waiting: Vec<tokio::net::TcpStream>,
}

impl Full {
    async fn start() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let listener = socket.listen(1).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut waiting = Vec::new();
        let patience = std::time::Duration::from_millis(500);
        while let Ok(stream) = tokio::time::timeout(patience, tokio::net::TcpStream::connect(address)).await {
            waiting.push(stream.expect("a connection"));
        }
        Self { origin: format!("http://{address}"), _listener: listener, _waiting: waiting }
    }
}

/// After how many acknowledged requests the power goes: a different one each time.
fn a_random_moment() -> usize {
    usize::try_from(20 + RandomState::new().hash_one(0) % 100).expect("a small number")
}
