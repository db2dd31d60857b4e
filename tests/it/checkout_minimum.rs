//! The least that can be paid in a coin: known before anything is written, asked seldom, never in a replay's way.

use crypto_orders::domain::time::Span;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::checkout_payments::{address, order_of};
use crate::engines::Engine;
use crate::harness::responder::{Act, Responder, Said};
use crate::harness::simulated::through;
use crate::harness::{Answer, TestApp, eventually, order_body};

on_both_engines![
    a_price_below_the_minimum_is_refused_in_words_and_leaves_its_key_unused,
    a_coin_that_the_provider_does_not_know_is_refused,
    callers_that_waited_for_a_refused_one_try_for_themselves,
    a_minimum_is_asked_once_in_ten_minutes,
    a_used_key_is_replayed_whatever_the_minimum_is,
    a_minimum_that_nobody_tells_stands_in_no_way,
    a_question_that_is_refused_for_another_reason_stands_in_no_way,
    a_minimum_that_is_told_too_late_is_known_to_the_next_checkout,
];

/// The questions, as the wire sees them.
const MINIMUM: &str = "GET /simulator/v1/min-amount";
const COINS: &str = "GET /simulator/v1/currencies";

fn body_in(coin: &str) -> Value {
    let mut body = order_body();
    body["pay_currency"] = json!(coin);
    body
}

fn minimum(fiat: &str) -> Said {
    let body = r#"{"currency_from":"btc","currency_to":"btc","min_amount":0.0015,"fiat_equivalent":FIAT}"#;
    Said::new(200, body.replace("FIAT", fiat))
}

fn complaint(answer: &Answer) -> Value {
    assert_eq!(answer.problem(400, "validation-failed"), "One or more fields failed validation.");
    answer.json()["issues"].clone()
}

fn too_little() -> Value {
    let sentence = "pay_currency btc has a minimum of 94.20 USD; solo_manual costs 79.00 USD. Choose another coin.";
    json!({ "fieldErrors": { "pay_currency": [sentence] }, "formErrors": [] })
}

/// A node whose provider asks so much for a bitcoin payment.
async fn asking(engine: Engine, fiat: &str) -> (TestApp, Responder) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    wire.always(&format!("{MINIMUM}?currency_from=btc&"), minimum(fiat));
    (app, wire)
}

async fn nothing_is_written(app: &TestApp) {
    assert_eq!(app.sql("select count(*) from orders").await, "0");
    assert_eq!(app.sql("select count(*) from idempotency_keys").await, "0");
}

async fn a_price_below_the_minimum_is_refused_in_words_and_leaves_its_key_unused(engine: Engine) {
    let (app, _wire) = asking(engine, "94.2").await;
    for key in [Some("k"), None] {
        assert_eq!(complaint(&app.checkout_of(&body_in("btc"), key).await), too_little());
    }
    nothing_is_written(&app).await;
    let other = app.checkout_of(&body_in("eth"), Some("k")).await;
    assert!(address(&other).is_some(), "{}", other.text);
    assert_eq!(other.header("idempotent-replayed"), None);
}

async fn a_coin_that_the_provider_does_not_know_is_refused(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    for _ in 0..2 {
        let refused = app.checkout_of(&body_in("xyz"), Some("k")).await;
        let sentence = "pay_currency xyz is not offered.";
        assert_eq!(complaint(&refused)["fieldErrors"]["pay_currency"], json!([sentence]));
    }
    assert_eq!(wire.seen(MINIMUM), 1);
    nothing_is_written(&app).await;
}

async fn callers_that_waited_for_a_refused_one_try_for_themselves(engine: Engine) {
    let (app, wire) = asking(engine, "94.2").await;
    let (low, fine) = (body_in("btc"), body_in("eth"));
    let bodies = (0..20).map(|turn| if turn % 4 == 3 { &fine } else { &low });
    let answers = join_all(bodies.map(|body| app.checkout_of(body, Some("one-key")))).await;
    let mut shown: Vec<_> = answers.iter().filter(|answer| answer.code() == 201).collect();
    for answer in answers.iter().filter(|answer| answer.code() != 201) {
        assert_eq!(complaint(answer), too_little());
    }
    let first = shown.pop().expect("an order");
    assert!(shown.len() >= 4, "all that could be paid, and who came after them");
    assert!(shown.iter().all(|answer| order_of(answer) == order_of(first) && address(answer) == address(first)));
    assert_eq!(app.simulator().payments_of(&order_of(first)).len(), 1);
    // Where the coin that can be paid came first, nobody asks about the other.
    assert!(wire.seen(&format!("{MINIMUM}?currency_from=btc")) <= 1);
}

async fn a_minimum_is_asked_once_in_ten_minutes(engine: Engine) {
    let (app, wire) = asking(engine, "94.2").await;
    let body = body_in("btc");
    join_all((0..10).map(|_| app.checkout_of(&body, None))).await;
    assert_eq!(wire.seen(MINIMUM), 1);
    app.advance(Span::minutes(10)).await;
    assert_eq!(app.checkout_of(&body_in("BTC"), None).await.code(), 400);
    assert_eq!(wire.seen(MINIMUM), 2);
    let asked = wire.asked(MINIMUM);
    assert!(asked[0].line.contains("currency_to=btc"), "{}", asked[0].line);
    assert!(asked[0].line.contains("fiat_equivalent=usd"), "{}", asked[0].line);
}

async fn a_used_key_is_replayed_whatever_the_minimum_is(engine: Engine) {
    let (app, wire) = asking(engine, "10").await;
    let placed = app.checkout_of(&body_in("btc"), Some("k")).await;
    let app = app.restart(through(&wire)).await;
    // Neither this process remembers the key, nor would it take the price.
    wire.upon(MINIMUM, Act::Answer(minimum("94.2")));
    for _ in 0..2 {
        let again = app.checkout_of(&body_in("btc"), Some("k")).await;
        assert_eq!(again.header("idempotent-replayed"), Some("1"));
        assert_eq!((order_of(&again), address(&again)), (order_of(&placed), address(&placed)));
    }
}

async fn a_minimum_that_nobody_tells_stands_in_no_way(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    wire.upon(MINIMUM, Act::Answer(Said::new(200, r#"{"currency_from":"btc","currency_to":"btc","min_amount":9}"#)));
    assert!(address(&app.checkout_of(&body_in("btc"), None).await).is_some());
    wire.upon(MINIMUM, Act::Silence);
    assert!(address(&app.checkout_of(&body_in("eth"), None).await).is_some());
}

async fn a_question_that_is_refused_for_another_reason_stands_in_no_way(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    let refused = Said::new(400, r#"{"statusCode":400,"code":"BAD_REQUEST","message":"payout coin not found"}"#);
    wire.always(MINIMUM, refused);
    for coin in ["btc", "eth", "btc"] {
        assert!(address(&app.checkout_of(&body_in(coin), None).await).is_some());
    }
    assert_eq!(app.checkout_of(&body_in("xyz"), None).await.code(), 400);
    assert_eq!((wire.seen(MINIMUM), wire.seen(COINS)), (3, 1), "each is remembered");
    // Where the provider does not say which coins it takes, the order is written and its payment refused.
    app.advance(Span::minutes(10)).await;
    wire.always(COINS, Said::new(404, "{}"));
    assert_eq!(address(&app.checkout_of(&body_in("xyz"), None).await), None);
}

async fn a_minimum_that_is_told_too_late_is_known_to_the_next_checkout(engine: Engine) {
    let (app, wire) = asking(engine, "94.2").await;
    wire.upon(MINIMUM, Act::Silence);
    assert!(address(&app.checkout_of(&body_in("btc"), None).await).is_some(), "nobody waits for it");
    // The question is asked again though whoever asked it first is gone.
    eventually("the question again", async || (wire.seen(MINIMUM) == 2).then_some(())).await;
    assert_eq!(complaint(&app.checkout_of(&body_in("btc"), None).await), too_little());
    assert_eq!(wire.seen(MINIMUM), 2);
}
