//! Connections as a proxy, a slow client and a stranger use them, byte by byte.
//!
//! None of it depends on the engine: it runs on SQLite alone.

use std::time::Duration;

use crypto_orders::config::Network;
use crypto_orders::domain::access::Tier;
use crypto_orders::domain::time::Span;
use crypto_orders::provider::signature::sign;
use reqwest::Method;
use serde_json::json;
use tokio::time::timeout;

use crate::engines::{Engine, run};
use crate::harness::wire::Wire;
use crate::harness::{IPN_SECRET, TestApp, eventually, order_body, payment};
use crate::pay::link_of;

/// Which requests of one account may wait at once: an eighth of a thousand.
const WAITERS_OF_ACCOUNT_MAX: usize = 125;
/// Which bodies of IPNs may be arriving from one address that is not known.
const ARRIVING_OF_STRANGER_MAX: usize = 64;

async fn wire(app: &TestApp) -> Wire {
    Wire::open(app.app.local_addr()).await
}

/// The head of a `POST` with these further lines.
fn post(path: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("POST {path} HTTP/1.1\r\nhost: here\r\n{lines}\r\n")
}

const CHECKOUT: &str = "/v1/billing/crypto-checkout";
const JSON: &str = "content-type: application/json";
const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n";
const HALF_HEAD: &str = "GET /healthz HTTP/1.1\r\n";

#[test]
fn a_refusal_of_a_large_body_reads_on_before_it_closes() {
    run(async {
        let app = TestApp::spawn(Engine::Sqlite).await;
        let key = format!("authorization: Bearer {}", app.customer);
        let signature = format!("x-nowpayments-sig: {}", "0".repeat(128));
        let body = " ".repeat(900_000);
        let (length, chunked) = (format!("content-length: {}", body.len()), "transfer-encoding: chunked".to_owned());
        let in_chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        for (path, lines, code) in [
            (CHECKOUT, vec![key.as_str(), JSON], 413),
            (CHECKOUT, vec![JSON], 401),
            (CHECKOUT, vec![key.as_str(), "content-type: text/plain"], 415),
            ("/v1/nowhere", vec![], 404),
            ("/v1/webhooks/nowpayments", vec![], 401),
            ("/v1/webhooks/nowpayments", vec![signature.as_str()], 413),
            ("/admin/sign-in", vec![], 403),
        ] {
            for (framing, sent) in [(&length, &body), (&chunked, &in_chunks)] {
                let lines: Vec<&str> = lines.iter().copied().chain([framing.as_str()]).collect();
                let mut wire = wire(&app).await;
                wire.send(post(path, &lines)).await;
                wire.send(sent).await;
                let answer = wire.answer().await.expect("an answer");
                assert_eq!(answer.code(), code, "{path} {lines:?}: {}", answer.text);
                assert_eq!(answer.header("connection"), Some("close"), "{path} {lines:?}");
                assert_eq!(wire.end().await, b"", "{path} {lines:?}");
            }
        }
    });
}

#[test]
fn a_refusal_of_a_body_that_has_arrived_keeps_the_connection() {
    run(async {
        let app = TestApp::spawn(Engine::Sqlite).await;
        let mut wire = wire(&app).await;
        for framing in ["content-length: 2\r\n\r\n{}", "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"] {
            let head = format!("POST {CHECKOUT} HTTP/1.1\r\nhost: here\r\n{framing}");
            wire.send(head).await;
            let refused = wire.answer().await.expect("an answer");
            assert_eq!((refused.code(), refused.header("connection")), (401, None), "{framing}");
        }
        wire.send("GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n").await;
        assert_eq!(wire.answer().await.expect("an answer").code(), 200);
    });
}

#[test]
fn a_client_that_asks_first_sends_its_body_only_if_it_is_wanted() {
    run(async {
        let app = TestApp::spawn(Engine::Sqlite).await;
        let key = format!("authorization: Bearer {}", app.customer);
        let ask = "expect: 100-continue";
        for (lines, code) in [
            (vec![JSON, "content-length: 100", ask], "401"),
            (vec![&key, JSON, "content-length: 900000", ask], "413"),
            (vec![&key, "content-type: text/plain", "content-length: 100", ask], "415"),
        ] {
            let mut wire = wire(&app).await;
            wire.send(post(CHECKOUT, &lines)).await;
            let head = wire.head().await.expect("an answer");
            assert!(head.starts_with(&format!("HTTP/1.1 {code} ")), "{lines:?}: {head}");
        }
        let mut wire = wire(&app).await;
        for _ in 0..2 {
            let body = order_body().to_string();
            wire.send(post(CHECKOUT, &[&key, JSON, &format!("content-length: {}", body.len()), ask])).await;
            assert_eq!(wire.head().await.as_deref(), Some("HTTP/1.1 100 Continue"));
            wire.send(body).await;
            assert_eq!(wire.answer().await.expect("an answer").code(), 201);
        }
    });
}

/// A connection on which one request was answered.
async fn kept_open(app: &TestApp) -> Wire {
    let mut wire = wire(app).await;
    wire.send(HEALTH).await;
    assert_eq!(wire.answer().await.expect("an answer").code(), 200);
    wire
}

/// All of it at once, because it takes real time: ten seconds for the slowest.
#[test]
fn what_never_ends_arriving_is_ended() {
    run(async {
        let app = TestApp::spawn(Engine::Sqlite).await;
        let key = format!("authorization: Bearer {}", app.customer);
        let origin = format!("origin: {}", app.base());
        let form = "content-type: application/x-www-form-urlencoded";
        let half = |path: &'static str, lines: Vec<String>| {
            let app = &app;
            async move {
                let mut wire = wire(app).await;
                let lines: Vec<&str> = lines.iter().map(String::as_str).chain(["content-length: 9"]).collect();
                wire.send(format!("{}{{", post(path, &lines))).await;
                let late = wire.answer().await.expect("an answer");
                let sentence = "The request body was not complete within 10 seconds.";
                assert!(late.code() == 400 && late.text.contains(sentence), "{path}: {}", late.text);
                assert_eq!(late.header("connection"), Some("close"), "{path}");
                wire.end().await;
            }
        };
        let later_head = async {
            let mut wire = kept_open(&app).await;
            wire.send(HALF_HEAD).await;
            assert_eq!(wire.end().await, b"");
        };
        let first_head = async {
            let mut wire = wire(&app).await;
            wire.send(HALF_HEAD).await;
            assert_eq!(wire.answer().await.expect("an answer").code(), 400);
            assert_eq!(wire.end().await, b"");
        };
        let silence = async { assert_eq!(wire(&app).await.end().await, b"") };
        let left_body = async {
            let mut wire = wire(&app).await;
            wire.send(post("/v1/nowhere", &["transfer-encoding: chunked"])).await;
            assert_eq!(wire.answer().await.expect("an answer").code(), 404);
            assert_eq!(wire.end().await, b"");
        };
        let mut kept = kept_open(&app).await;
        let checkout = half(CHECKOUT, vec![key, JSON.to_owned()]);
        let sign_in = half("/admin/sign-in", vec![origin, form.to_owned()]);
        tokio::join!(checkout, sign_in, first_head, silence, later_head, left_body);
        // Meanwhile a connection has waited for its next request for longer than a head may take.
        kept.send(HEALTH).await;
        assert_eq!(kept.answer().await.expect("the connection was kept").code(), 200);
    });
}

#[test]
fn a_connection_waits_for_its_next_request_as_long_as_the_setting_says() {
    run(async {
        let app = TestApp::spawn_with(Engine::Sqlite, |settings| settings.keep_alive = Span::seconds(1)).await;
        assert_eq!(kept_open(&app).await.end().await, b"");
    });
}

/// The head of a request that waits for a change.
fn waiting(path: &str, key: &str) -> String {
    format!("GET {path}?wait=30 HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {key}\r\n\r\n")
}

#[test]
fn one_account_has_an_eighth_of_the_places_for_waiting_and_a_client_that_leaves_gives_its_own_back() {
    run(async {
        let app = TestApp::spawn(Engine::Sqlite).await;
        let path = format!("/v1/billing/crypto-orders/{}", app.order().await);
        let mut waiters = Vec::new();
        for _ in 0..=WAITERS_OF_ACCOUNT_MAX {
            let mut waiter = wire(&app).await;
            waiter.send(waiting(&path, &app.customer)).await;
            waiters.push(waiter);
        }
        let ask = async || app.get(&format!("{path}?wait=1")).await;
        // All but one have a place, so only that one is answered.
        let heads = waiters.iter_mut().map(|waiter| Box::pin(waiter.head()));
        let (head, refused, _) = futures_util::future::select_all(heads).await;
        assert!(head.as_ref().is_some_and(|head| head.starts_with("HTTP/1.1 503 ")), "{head:?}");
        waiters.remove(refused);
        assert_eq!(ask().await.code(), 503);
        let (_, stranger) = app.stranger(Tier::Enterprise).await;
        let placed =
            crate::harness::json_body(app.request(Method::POST, CHECKOUT), &order_body()).bearer_auth(&stranger);
        let other = app.send(placed).await.json()["order_id"].as_str().expect("an order").to_owned();
        let other =
            app.request(Method::GET, &format!("/v1/billing/crypto-orders/{other}?wait=1")).bearer_auth(&stranger);
        assert_eq!(app.send(other).await.code(), 200, "another account waits all the same");

        // Who only closes its sending side gets an answer at once.
        let mut first = waiters.remove(0);
        first.close_sending().await;
        let answered = timeout(Duration::from_secs(20), first.answer()).await.expect("before the wait is over");
        assert_eq!(answered.expect("an answer").code(), 200);
        drop(waiters);
        let free = || async { (ask().await.code() == 200).then_some(()) };
        timeout(Duration::from_secs(20), eventually("the places are free", free))
            .await
            .expect("before the wait is over");
    });
}

#[test]
fn a_page_that_is_closed_gives_its_place_back_without_any_news() {
    run(async {
        let app = TestApp::spawn(Engine::Sqlite).await;
        let events = format!("{}/events", link_of(&app, &app.order().await));
        let listen = format!("GET {events} HTTP/1.1\r\nhost: here\r\n\r\n");
        let mut pages = Vec::new();
        loop {
            let mut page = wire(&app).await;
            page.send(&listen).await;
            let head = page.head().await.expect("an answer");
            if head.starts_with("HTTP/1.1 503 ") {
                break;
            }
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            pages.push(page);
        }
        drop(pages);
        let place = || async {
            let answer = app.request(Method::GET, &events).send().await.expect("an answer");
            (answer.status() == 200).then_some(())
        };
        timeout(Duration::from_secs(15), eventually("a place is free again", place)).await.expect("before any news");
    });
}

/// A node behind a proxy on this machine, which tells whose requests it passes on.
async fn proxied() -> TestApp {
    TestApp::spawn_with(Engine::Sqlite, |settings| {
        let address = "127.0.0.1".parse().expect("an address");
        settings.trusted_proxies = vec![Network { address, prefix_bits: 32 }];
    })
    .await
}

/// The first byte of an IPN's body from this address, under a signature that will not verify.
async fn half_ipn(app: &TestApp, address: &str) -> Wire {
    let mut wire = wire(app).await;
    let signature = format!("x-nowpayments-sig: {}", "0".repeat(128));
    let lines = [signature.as_str(), &format!("x-forwarded-for: {address}"), "content-length: 100"];
    wire.send(format!("{}{{", post("/v1/webhooks/nowpayments", &lines))).await;
    wire
}

#[test]
fn half_bodies_of_strangers_leave_the_provider_its_lane() {
    run(async {
        let app = proxied().await;
        let order = app.order().await;
        let mut strangers = Vec::new();
        let mut refused = false;
        for _ in 0..ARRIVING_OF_STRANGER_MAX * 4 {
            let mut stranger = half_ipn(&app, "198.51.100.7").await;
            // Only a refusal comes at once; a body that has a place is waited for.
            if let Ok(answer) = timeout(Duration::from_millis(1), stranger.head()).await {
                refused = answer.expect("an answer").starts_with("HTTP/1.1 503 ");
                break;
            }
            strangers.push(stranger);
        }
        assert!(refused, "one address has no more than its share");
        assert!(strangers.len() >= ARRIVING_OF_STRANGER_MAX / 2, "{}", strangers.len());
        let body = payment(&order, "91", "finished");
        assert_eq!(app.ipn(&body).await.json(), json!({ "received": true, "order_state": "paid" }));
    });
}

#[test]
fn an_address_whose_ipns_have_verified_has_places_that_are_kept_from_strangers() {
    run(async {
        let app = proxied().await;
        let provider = "198.51.100.8";
        let body = payment(&app.order().await, "92", "finished").to_string();
        let signature = sign(IPN_SECRET, body.as_bytes()).expect("a secret");
        let ipn = app.request(Method::POST, "/v1/webhooks/nowpayments").header("x-forwarded-for", provider);
        let answer = app.send(ipn.header("x-nowpayments-sig", signature).body(body)).await;
        assert_eq!(answer.json(), json!({ "received": true, "order_state": "paid" }));
        // More at once than any stranger may have, and each of them is read to its end.
        let mut arriving = Vec::new();
        for _ in 0..ARRIVING_OF_STRANGER_MAX + 8 {
            arriving.push(half_ipn(&app, provider).await);
        }
        for mut wire in arriving {
            wire.send(" ".repeat(99)).await;
            let answer = wire.answer().await.expect("an answer");
            assert_ne!(answer.code(), 503, "{}", answer.text);
        }
    });
}
