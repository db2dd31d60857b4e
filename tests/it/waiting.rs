//! Waiting for an order's next change: `GET …/{order_id}?wait=&since=`.

use crypto_orders::domain::access::Scope;
use reqwest::Method;
use serde_json::json;

use crate::engines::Engine;
use crate::harness::{TestApp, eventually, payment};

on_both_engines![
    what_is_newer_already_is_answered_at_once,
    a_change_answers_everybody_who_waits_for_it,
    a_change_on_another_node_is_seen_too,
    what_is_no_wait_is_refused_before_anything_else,
    a_shutdown_answers_those_who_wait,
];

const ORDERS: &str = "/v1/billing/crypto-orders";
/// As long as it may be: an answer that comes before is due to something else.
const LONG: &str = "wait=30";

async fn what_is_newer_already_is_answered_at_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let shown = app.get(&format!("{ORDERS}/{order}")).await;
    for query in ["wait=30&since=2026-05-12T11:59:59.999Z", "wait=30&since=2026-05-12T11:00:00%2B00:00", "wait=0"] {
        let answer = app.get(&format!("{ORDERS}/{order}?{query}")).await;
        assert_eq!((answer.code(), &answer.text), (200, &shown.text), "{query}");
    }
    // Without a wait `since` asks for nothing.
    let at_once = app.get(&format!("{ORDERS}/{order}?since=2030-01-01T00:00:00Z")).await;
    assert_eq!(at_once.text, shown.text);
    let in_vain = app.get(&format!("{ORDERS}/{order}?wait=1&since=2030-01-01T00:00:00Z")).await;
    assert_eq!((in_vain.code(), &in_vain.text), (200, &shown.text), "when the time is up, what is");
}

async fn a_change_answers_everybody_who_waits_for_it(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let other = app.order().await;
    let since = app.look(&order).await["updated_at"].as_str().unwrap_or_default().to_owned();
    let path = format!("{ORDERS}/{order}?{LONG}&since={since}");
    let change = async {
        let note = json!({"customer_note": "not what they wait for"});
        assert_eq!(app.call(Method::PATCH, &format!("{ORDERS}/{other}"), &note).await.code(), 200);
        app.ipn(&payment(&order, "31", "confirming")).await
    };
    let (one, two, told) = tokio::join!(app.get(&path), app.get(&path), change);
    assert_eq!(told.json()["order_state"], "confirming");
    for answer in [one, two] {
        assert_eq!((answer.code(), &answer.json()["status"]), (200, &json!("confirming")), "{}", answer.text);
    }
    // A note is a change as well.
    let since = app.look(&order).await["updated_at"].as_str().unwrap_or_default().to_owned();
    let path = format!("{ORDERS}/{order}?{LONG}&since={since}");
    let own = format!("{ORDERS}/{order}");
    let note = json!({"customer_note": "soon"});
    let (waited, noted) = tokio::join!(app.get(&path), app.call(Method::PATCH, &own, &note));
    assert_eq!((waited.code(), waited.json()), (200, noted.json()));
}

async fn a_change_on_another_node_is_seen_too(engine: Engine) {
    // One server has a SQLite file.
    let Engine::Postgres(_) = engine else { return };
    let app = TestApp::spawn(engine).await;
    let beside = app.beside(|_| {}).await;
    let order = app.order().await;
    let since = app.look(&order).await["updated_at"].as_str().unwrap_or_default().to_owned();
    let path = format!("{ORDERS}/{order}?{LONG}&since={since}");
    let body = payment(&order, "32", "finished");
    let (waited, told) = tokio::join!(app.get(&path), beside.ipn(&body));
    assert_eq!(told.json()["order_state"], "paid");
    assert_eq!((waited.code(), &waited.json()["status"]), (200, &json!("paid")), "{}", waited.text);
}

async fn what_is_no_wait_is_refused_before_anything_else(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    for wait in ["31", "-1", "1.5", "", "ten", "%2B5", "99999999999999999999"] {
        let answer = app.get(&format!("{ORDERS}/{order}?wait={wait}")).await;
        assert_eq!(answer.problem(400, "bad-request"), "wait must be an integer between 0 and 30.", "{wait}");
    }
    let since = app.get(&format!("{ORDERS}/{order}?{LONG}&since=yesterday")).await;
    assert!(since.problem(400, "bad-request").starts_with("since must be an RFC 3339 time"));
    let nobodys = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";
    let none = app.get(&format!("{ORDERS}/{nobodys}?{LONG}")).await;
    assert_eq!(none.problem(404, "not-found"), format!("No crypto order with id \"{nobodys}\"."));
}

async fn a_shutdown_answers_those_who_wait(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let shown = app.get(&format!("{ORDERS}/{order}")).await;
    // The key is new, so the note of its first use shows that the request is being served.
    let key = app.key(&[Scope::ReadBilling]).await;
    let request = app.request(Method::GET, &format!("{ORDERS}/{order}?{LONG}")).bearer_auth(&key);
    let waiting = tokio::spawn(async move {
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    });
    let store = app.store.clone();
    let account = app.account;
    eventually("the request to be served", || {
        let store = store.clone();
        async move {
            let keys = store.keys_list(Some(account)).await.expect("keys");
            keys.into_iter().find(|key| key.scopes == [Scope::ReadBilling]).filter(|key| key.last_used_at.is_some())
        }
    })
    .await;
    app.app.stop().await;
    assert_eq!(waiting.await.expect("it was answered"), (200, shown.text));
}
