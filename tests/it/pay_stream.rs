//! The buyer's page kept up to date: `GET /pay/{token}/events`.
//!
//! What the page shows is in `pay.rs`.

use std::cell::Cell;

use crypto_orders::config::Descriptors;
use crypto_orders::domain::access::Tier;
use crypto_orders::domain::time::Span;
use reqwest::{Method, Response};
use serde_json::json;

use crate::engines::{Engine, run};
use crate::harness::{TestApp, eventually, json_body, order_body, payment, told};
use crate::pay::{link_of, seen};

on_both_engines![
    a_page_goes_from_waiting_to_paid_without_being_asked_again,
    a_page_that_is_opened_late_begins_with_what_is,
    a_shutdown_ends_every_stream_at_once,
    one_order_leaves_the_others_their_places,
];

on_postgres![what_another_node_changes_is_sent_too];

/// Among how many accounts all pages are shared out.
const ACCOUNTS: usize = 8;
/// How many of them may be one order's.
const STREAMS_OF_ORDER_MAX: usize = 16;

/// A page that listens.
struct Listening {
    answer: Response,
    read: String,
}

impl Listening {
    async fn to(app: &TestApp, path: &str) -> Self {
        let answer = app.request(Method::GET, &format!("{path}/events")).send().await.expect("an answer");
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        assert_eq!(answer.status(), 200);
        assert_eq!(header("content-type").as_deref(), Some("text/event-stream"));
        assert_eq!(header("cache-control").as_deref(), Some("no-store"));
        assert!(header("x-request-id").is_some() && header("x-frame-options").is_some());
        Self { answer, read: String::new() }
    }

    /// What the next event carries; none when the stream has ended.
    async fn next(&mut self) -> Option<String> {
        loop {
            while let Some((event, rest)) = self.read.split_once("\n\n") {
                let lines: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
                let data = lines.join("\n");
                self.read = rest.to_owned();
                if !data.is_empty() {
                    return Some(data);
                }
            }
            let chunk = self.answer.chunk().await.expect("the stream is whole")?;
            self.read.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    /// The next event, which says this, and is what asking anew answers.
    async fn says(&mut self, app: &TestApp, path: &str, sentence: &str) {
        let told = self.next().await.expect("an event");
        assert!(told.contains(sentence), "{sentence} in {told}");
        let now = seen(app, &format!("{path}/now")).await.text;
        assert_eq!(told.trim(), now.trim());
    }
}

async fn a_page_goes_from_waiting_to_paid_without_being_asked_again(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let order = app.order().await;
    let [id] = app.simulator().payments_of(&order)[..] else { panic!("one payment") };
    let id = id.to_string();
    let coin = json!({ "pay_currency": "btc", "pay_amount": "0.00122957", "actually_paid": "0.00122957" });
    let path = link_of(&app, &order);
    let mut pages = [Listening::to(&app, &path).await, Listening::to(&app, &path).await];
    for page in &mut pages {
        page.says(&app, &path, "Waiting for your payment of exactly 0.00122957 BTC.").await;
    }
    for (word, sentence) in [
        ("confirming", "Your payment has been seen and is being confirmed."),
        ("finished", "Paid: your payment has arrived. Thank you."),
    ] {
        told(&app, &order, [&id, word], coin.clone()).await;
        for page in &mut pages {
            page.says(&app, &path, sentence).await;
        }
    }
}

async fn a_page_that_is_opened_late_begins_with_what_is(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (order, other) = (app.order().await, app.order().await);
    let path = link_of(&app, &order);
    app.advance(Span::minutes(61)).await;
    let mut page = Listening::to(&app, &path).await;
    page.says(&app, &path, "so this order is closed").await;
    // Another order's change is no news here; this one's is, also after it was given up.
    told(&app, &other, ["61", "finished"], json!({})).await;
    told(&app, &order, ["62", "finished"], json!({})).await;
    page.says(&app, &path, "Paid: your payment has arrived.").await;
}

async fn a_shutdown_ends_every_stream_at_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let path = link_of(&app, &app.order().await);
    let mut pages = [Listening::to(&app, &path).await, Listening::to(&app, &path).await];
    for page in &mut pages {
        page.says(&app, &path, "There is no address to pay to yet.").await;
    }
    let listening = tokio::spawn(async move {
        for page in &mut pages {
            assert_eq!(page.next().await, None, "an end, and a clean one");
        }
    });
    app.app.stop().await;
    listening.await.expect("they ended");
}

async fn what_another_node_changes_is_sent_too(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let beside = app.beside(|_| {}).await;
    let order = app.order().await;
    let path = link_of(&app, &order);
    let mut page = Listening::to(&app, &path).await;
    page.says(&app, &path, "There is no address to pay to yet.").await;
    assert_eq!(beside.ipn(&payment(&order, "71", "finished")).await.code(), 200);
    page.says(&app, &path, "Paid: your payment has arrived.").await;
}

async fn one_order_leaves_the_others_their_places(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let [order, other] = [app.order().await, app.order().await];
    let path = link_of(&app, &order);
    let mut pages = Vec::new();
    for _ in 0..STREAMS_OF_ORDER_MAX {
        pages.push(Listening::to(&app, &path).await);
    }
    refused(&app, &path).await;
    refused(&app, &path).await;
    Listening::to(&app, &link_of(&app, &other)).await;
    // All that have a place hear of a change.
    told(&app, &order, ["81", "confirming"], json!({})).await;
    for page in &mut pages {
        assert!(page.next().await.is_some_and(|first| first.contains("There is no address to pay to yet.")));
        page.says(&app, &path, "Your payment has been seen and is being confirmed.").await;
    }
    pages.truncate(STREAMS_OF_ORDER_MAX / 2);
    is_free_again(&app, &order).await;
}

/// The bounds are the node's, whatever the engine.
#[test]
fn so_many_pages_listen_an_eighth_for_each_account_and_no_more_until_one_goes() {
    run(async {
        let descriptors = Descriptors::new(1_024);
        let app = TestApp::spawn_with(Engine::Sqlite, |settings| settings.descriptors = descriptors).await;
        let share = descriptors.streams_max().div_ceil(ACCOUNTS);
        let mut pages = Vec::new();
        let (mut account, mut opened) = (app.customer.clone(), 0);
        while pages.len() < descriptors.streams_max() {
            let order = order_of(&app, &account).await;
            let path = link_of(&app, &order);
            let free = share.min(opened + STREAMS_OF_ORDER_MAX) - opened;
            for _ in 0..free.min(descriptors.streams_max() - pages.len()) {
                pages.push(Listening::to(&app, &path).await);
            }
            opened += free;
            if opened == share {
                refused(&app, &link_of(&app, &order_of(&app, &account).await)).await;
                (account, opened) = (app.stranger(Tier::Enterprise).await.1, 0);
            }
        }
        let (_, stranger) = app.stranger(Tier::Enterprise).await;
        let path = link_of(&app, &order_of(&app, &stranger).await);
        refused(&app, &path).await;
        // Whoever finds no place asks, and programs wait all the same.
        assert_eq!(seen(&app, &format!("{path}/now")).await.code(), 200);
        let order = app.order().await;
        assert_eq!(app.get(&format!("/v1/billing/crypto-orders/{order}?wait=1")).await.code(), 200);
        drop(pages);
        is_free_again(&app, &order).await;
    });
}

/// An order of the account whose key this is.
async fn order_of(app: &TestApp, key: &str) -> String {
    let request = json_body(app.request(Method::POST, "/v1/billing/crypto-checkout"), &order_body()).bearer_auth(key);
    app.send(request).await.json()["order_id"].as_str().expect("an order").to_owned()
}

/// A page finds no place to listen from, and is told when to come again.
async fn refused(app: &TestApp, path: &str) {
    let refused = seen(app, &format!("{path}/events")).await;
    refused.problem(503, "feature-unavailable");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
}

/// A connection that nobody reads any more is noticed when something is sent to it.
async fn is_free_again(app: &TestApp, order: &str) {
    let events = format!("{}/events", link_of(app, order));
    let sent = Cell::new(0);
    let place = || async {
        sent.set(sent.get() + 1);
        let note = json!({ "customer_note": format!("change {}", sent.get()) });
        let own = format!("/v1/billing/crypto-orders/{order}");
        assert_eq!(app.call(Method::PATCH, &own, &note).await.code(), 200);
        let answer = app.request(Method::GET, &events).send().await.expect("an answer");
        (answer.status() == 200).then_some(())
    };
    eventually("a place is free again", place).await;
}
