//! A checkout with a provider behind it: one payment per order, its address shown, and an answer in time whatever
//! the provider does.

use crypto_orders::config::Settings;
use crypto_orders::domain::time::Span;
use crypto_orders::provider::simulator::Scenario;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::responder::{Act, Said};
use crate::harness::simulated::through;
use crate::harness::{Answer, START, TestApp, eventually, order_body, payment};

on_both_engines![
    a_checkout_tells_where_to_pay_and_how_much_in_the_provider_s_own_digits,
    a_coin_with_a_memo_shows_it,
    many_uses_of_one_key_at_once_make_one_payment,
    a_silent_provider_makes_a_stub_that_the_next_use_finishes,
    a_payment_made_in_silence_is_found_after_a_restart,
    a_checkout_under_way_at_the_end_is_answered_and_finished_after_the_next_start,
    a_provider_that_is_away_makes_a_stub_that_the_next_use_finishes,
    a_refusal_is_raised_and_a_retry_may_name_another_coin,
    a_refused_api_key_is_no_end_of_checkouts,
    too_many_requests_make_a_stub_that_the_next_use_finishes,
    an_answer_about_another_order_is_not_shown,
    a_payment_that_its_ipn_bound_first_is_shown_by_the_next_use,
    an_order_that_is_no_longer_pending_shows_no_address,
    an_order_whose_window_has_ended_gets_no_payment,
    an_operator_cannot_apply_the_payment_of_another_order,
    an_operator_applies_a_further_deposit_as_one_and_no_payment_at_another_price,
];

on_postgres![many_uses_of_one_key_at_two_nodes_make_one_payment];

/// The creation, as the wire sees it.
const CREATE: &str = "POST /simulator/v1/payment";

/// The address of an answer, which has all payment fields or none.
pub fn address(answer: &Answer) -> Option<String> {
    assert_eq!(answer.code(), 201, "{}", answer.text);
    let told = answer.json();
    let fields = ["payment_id", "payment_address", "pay_currency", "pay_amount"];
    let known = fields.iter().filter(|name| !told[**name].is_null()).count();
    assert!(known == 0 || known == fields.len(), "{told}");
    if known > 0 {
        assert_eq!(told["provider"], "nowpayments", "{told}");
    }
    told["payment_address"].as_str().map(str::to_owned)
}

/// The order of an answer.
pub fn order_of(answer: &Answer) -> String {
    answer.json()["order_id"].as_str().expect("an order id").to_owned()
}

fn body_in(coin: &str) -> Value {
    let mut body = order_body();
    body["pay_currency"] = json!(coin);
    body
}

async fn a_checkout_tells_where_to_pay_and_how_much_in_the_provider_s_own_digits(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let placed = app.checkout_of(&body_in("BTC"), Some("k")).await;
    let (address, order) = (address(&placed).expect("an address"), order_of(&placed));
    let [id] = app.simulator().payments_of(&order)[..] else { panic!("one payment") };
    // 79 / 64250.5, rounded up at the eighth digit.
    assert!(placed.text.contains(r#""pay_amount":0.00122957,"#), "{}", placed.text);
    assert_eq!(
        placed.json(),
        json!({
            "order_id": order, "product": "solo_manual", "price_cents": 7900, "price_currency": "USD",
            "status": "pending", "provider": "nowpayments", "payment_id": id.to_string(),
            "payment_address": address, "pay_currency": "btc", "pay_amount": 0.001_229_57,
            "payin_extra_id": null, "network": "btc", "expires_at": "2026-05-12T13:00:00.000Z", "created_at": START,
            "pay_url": placed.json()["pay_url"],
        })
    );
    let again = app.checkout_of(&body_in("btc"), Some("k")).await;
    assert_eq!((again.text, again.headers.get("idempotent-replayed").is_some()), (placed.text, true));
    let seen = app.look(&order).await;
    assert_eq!((&seen["payment_id"], &seen["status"]), (&json!(id.to_string()), &json!("pending")));
    assert_eq!(app.steps(&order).await, ["pending/create"]);
}

async fn a_coin_with_a_memo_shows_it(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let placed = app.checkout_of(&body_in("xrp"), None).await;
    assert!(address(&placed).is_some());
    assert!(placed.json()["payin_extra_id"].as_str().is_some_and(|memo| !memo.is_empty()), "{}", placed.text);
}

async fn many_uses_of_one_key_at_once_make_one_payment(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let answers = join_all((0..20).map(|_| app.checkout(Some("one-key")))).await;
    one_payment_shown_to_all(&app, &answers);
}

async fn many_uses_of_one_key_at_two_nodes_make_one_payment(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let mut other = app.beside(|_| {}).await;
    other.customer.clone_from(&app.customer);
    let at = |turn: u32| if turn.is_multiple_of(2) { &app } else { &other };
    let answers = join_all((0..20).map(|turn| at(turn).checkout(Some("one-key")))).await;
    one_payment_shown_to_all(&app, &answers);
}

/// All who asked were shown the same order with the same address, and nothing else was made.
fn one_payment_shown_to_all(app: &TestApp, answers: &[Answer]) {
    let (order, shown) = (order_of(&answers[0]), address(&answers[0]));
    assert!(shown.is_some());
    for answer in answers {
        assert_eq!((order_of(answer), address(answer)), (order.clone(), shown.clone()), "{}", answer.text);
    }
    assert_eq!(app.simulator().payments_of(&order).len(), 1);
}

/// A checkout that gets no address, and what the next use of its key gets once the claim has run out.
async fn finished_by_the_next_use(app: &TestApp, key: &str) -> String {
    let placed = app.checkout(Some(key)).await;
    assert_eq!((address(&placed), &placed.json()["provider"]), (None, &json!("stub")));
    app.advance(Span::seconds(31)).await;
    let again = app.checkout(Some(key)).await;
    assert!(address(&again).is_some(), "{}", again.text);
    assert_eq!(order_of(&again), order_of(&placed));
    order_of(&placed)
}

async fn a_silent_provider_makes_a_stub_that_the_next_use_finishes(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    app.simulator().script_next(Scenario::TimeOutUnmade);
    let order = finished_by_the_next_use(&app, "k").await;
    assert_eq!(app.simulator().payments_of(&order).len(), 1);
}

async fn a_payment_made_in_silence_is_found_after_a_restart(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    app.simulator().script_next(Scenario::TimeOut);
    let placed = app.checkout(Some("k")).await;
    assert_eq!(address(&placed), None);
    let order = order_of(&placed);
    app.simulator().let_go();
    let app = app.restart(|_| {}).await;
    app.advance(Span::seconds(31)).await;
    let again = app.checkout(Some("k")).await;
    assert!(address(&again).is_some(), "{}", again.text);
    let made: Vec<_> = app.simulator().payments_of(&order).iter().map(u64::to_string).collect();
    assert_eq!(made, [again.json()["payment_id"].as_str().unwrap_or_default()]);
}

async fn a_checkout_under_way_at_the_end_is_answered_and_finished_after_the_next_start(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    wire.upon(CREATE, Act::Silence);
    let request = app.request(Method::POST, "/v1/billing/crypto-checkout").bearer_auth(&app.customer);
    let request = request.header("Idempotency-Key", "k").header("Content-Type", "application/json");
    let under_way = actix::spawn(request.body(order_body().to_string()).send());
    eventually("the creation", async || (wire.seen(CREATE) == 1).then_some(())).await;
    let app = app.restart(through(&wire)).await;
    let answered = under_way.await.expect("a request").expect("an answer");
    assert_eq!(answered.status(), 201);
    let answered: Value = serde_json::from_str(&answered.text().await.expect("a body")).expect("JSON");
    assert_eq!((&answered["provider"], &answered["payment_address"]), (&json!("stub"), &json!(null)));
    app.advance(Span::seconds(31)).await;
    let again = app.checkout(Some("k")).await;
    assert!(address(&again).is_some(), "{}", again.text);
    assert_eq!(order_of(&again), answered["order_id"]);
}

async fn a_provider_that_is_away_makes_a_stub_that_the_next_use_finishes(engine: Engine) {
    // Nobody listens on port 1.
    let away = |settings: &mut Settings| settings.nowpayments.url = Some("http://127.0.0.1:1/v1".to_owned());
    let app = TestApp::simulated_with(engine, away).await;
    let placed = app.checkout(Some("k")).await;
    assert_eq!((address(&placed), &placed.json()["provider"]), (None, &json!("stub")));
    // It was certainly not asked: nothing has to run out.
    let app = app.restart(|_| {}).await;
    let again = app.checkout(Some("k")).await;
    assert!(address(&again).is_some(), "{}", again.text);
    assert_eq!(app.simulator().payments_of(&order_of(&placed)).len(), 1);
    assert!(app.raised(&order_of(&placed)).await.is_empty());
}

async fn a_refusal_is_raised_and_a_retry_may_name_another_coin(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    let no = r#"{"status":false,"statusCode":400,"code":"AMOUNT_MINIMAL_ERROR","message":"too little"}"#;
    for _ in 0..2 {
        wire.upon(CREATE, Act::Answer(Said::new(400, no)));
    }
    let placed = app.checkout_of(&body_in("btc"), Some("k")).await;
    let order = order_of(&placed);
    assert_eq!((address(&placed), &placed.json()["provider"]), (None, &json!("stub")));
    assert_eq!(app.raised(&order).await, ["create_refused  1"]);
    assert_eq!(address(&app.checkout_of(&order_body(), Some("k")).await), None);
    assert_eq!(app.raised(&order).await, ["create_refused  2"]);
    let asked = wire.asked(CREATE);
    assert!(asked[1].body.contains(r#""pay_currency":"btc""#), "a retry that names none: {}", asked[1].body);
    let again = app.checkout_of(&body_in("eth"), Some("k")).await;
    assert!(address(&again).is_some());
    assert_eq!((order_of(&again), &again.json()["pay_currency"]), (order, &json!("eth")));
}

async fn a_refused_api_key_is_no_end_of_checkouts(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    let no = r#"{"status":false,"statusCode":403,"code":"INVALID_API_KEY","message":"Invalid api key"}"#;
    wire.upon(CREATE, Act::Answer(Said::new(403, no)));
    let placed = app.checkout(None).await;
    assert_eq!(address(&placed), None);
    assert_eq!(app.raised(&order_of(&placed)).await, ["create_refused  1"]);
}

async fn too_many_requests_make_a_stub_that_the_next_use_finishes(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    app.simulator().script_next(Scenario::RateLimited);
    let placed = app.checkout(Some("k")).await;
    assert_eq!(address(&placed), None);
    // Nothing was made, so no claim has to run out; but the provider wants to be left alone for a while.
    assert_eq!(address(&app.checkout(Some("k")).await), None);
    app.clock.advance(Span::seconds(60));
    assert!(address(&app.checkout(Some("k")).await).is_some());
    assert_eq!(app.simulator().payments_of(&order_of(&placed)).len(), 1);
}

async fn an_answer_about_another_order_is_not_shown(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    let other = app.checkout(None).await;
    let strange = json!({
        "payment_id": "999", "payment_status": "waiting", "pay_address": "bc1qother", "price_amount": 79,
        "price_currency": "usd", "pay_amount": "0.00122957", "pay_currency": "btc", "order_id": order_of(&other),
    });
    wire.upon(CREATE, Act::Answer(Said::new(201, strange.to_string())));
    let order = finished_by_the_next_use(&app, "k").await;
    assert_eq!(app.simulator().payments_of(&order).len(), 1);
}

async fn a_payment_that_its_ipn_bound_first_is_shown_by_the_next_use(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |settings| settings.nowpayments.login = None).await;
    wire.upon(CREATE, Act::CutBeforeAnswer);
    let placed = app.checkout(Some("k")).await;
    assert_eq!(address(&placed), None);
    let order = order_of(&placed);
    let [id] = app.simulator().payments_of(&order)[..] else { panic!("one payment") };
    let mut told = payment(&order, &id.to_string(), "waiting");
    told["pay_currency"] = json!("btc");
    told["pay_amount"] = json!(0.001_229_57);
    assert_eq!(app.ipn(&told).await.json()["order_state"], "pending");
    app.advance(Span::seconds(31)).await;
    let again = app.checkout(Some("k")).await;
    assert!(address(&again).is_some(), "{}", again.text);
    assert_eq!(again.json()["payment_id"], id.to_string());
    assert_eq!(app.simulator().payments_of(&order).len(), 1);
}

async fn an_order_that_is_no_longer_pending_shows_no_address(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let placed = app.checkout(Some("k")).await;
    let order = order_of(&placed);
    assert!(address(&placed).is_some());
    let cancelled = app.call(Method::POST, &format!("/v1/billing/crypto-orders/{order}/cancel"), &json!({})).await;
    assert_eq!(cancelled.code(), 200, "{}", cancelled.text);
    let again = app.checkout(Some("k")).await;
    assert_eq!((address(&again), &again.json()["status"]), (None, &json!("cancelled")));
    assert_eq!(app.simulator().payments_of(&order).len(), 1);
}

async fn an_order_whose_window_has_ended_gets_no_payment(engine: Engine) {
    let app = TestApp::simulated_with(engine, |settings| settings.sweeper.automatic = false).await;
    app.simulator().script_next(Scenario::RateLimited);
    let placed = app.checkout(Some("k")).await;
    app.clock.advance(Span::minutes(60));
    let again = app.checkout(Some("k")).await;
    assert_eq!((address(&again), &again.json()["status"]), (None, &json!("pending")));
    assert!(app.simulator().payments_of(&order_of(&placed)).is_empty());
}

async fn an_operator_cannot_apply_the_payment_of_another_order(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    wire.upon(CREATE, Act::Answer(Said::new(400, r#"{"statusCode":400,"message":"no"}"#)));
    let unpaid = order_of(&app.checkout(None).await);
    // A payment of another order that this service does not know: made for it elsewhere.
    let elsewhere = format!("ord_{}", "0".repeat(12) + "7" + &"8".repeat(19));
    let wish = json!({
        "price_amount": 79, "price_currency": "usd", "pay_currency": "btc", "order_id": elsewhere,
        "ipn_callback_url": format!("{}/v1/webhooks/nowpayments", app.base()),
    });
    let request = app.request(Method::POST, "/simulator/v1/payment").header("x-api-key", "simulator");
    let foreign = app.send(request.body(wish.to_string())).await.json();
    let foreign = foreign["payment_id"].as_str().expect("a payment");
    let said = json!({ "payment_id": foreign, "provider_status": "finished" });
    let answer = app.admin_call(Method::POST, &format!("/{unpaid}/apply-ipn"), &said).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    let told = answer.json();
    assert_eq!((&told["outcome"], &told["status"]), (&json!("mismatch"), &json!("pending")));
}

async fn an_operator_applies_a_further_deposit_as_one_and_no_payment_at_another_price(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    wire.upon(CREATE, Act::Answer(Said::new(400, r#"{"statusCode":400,"message":"no"}"#)));
    let unpaid = order_of(&app.checkout(None).await);
    let bought = order_of(&app.checkout(None).await);
    let [parent] = app.simulator().payments_of(&bought)[..] else { panic!("one payment") };
    let says = |id: &str, told: Value| {
        let mut report = json!({ "payment_id": id, "payment_status": "finished", "price_amount": 79,
            "price_currency": "usd", "pay_amount": 0.002, "actually_paid": 0.002, "pay_currency": "btc" });
        report.as_object_mut().expect("an object").extend(told.as_object().expect("an object").clone());
        wire.always(&format!("GET /simulator/v1/payment/{id}"), Said::new(200, report.to_string()));
    };
    let apply = async |order: &str, id: &str| {
        let said = json!({ "payment_id": id, "provider_status": "finished" });
        let answer = app.admin_call(Method::POST, &format!("/{order}/apply-ipn"), &said).await.json();
        (answer["outcome"].clone(), answer["status"].clone())
    };
    // The further deposit of a payment that nobody here knows, of one that is another order's, and of this one's.
    says("child-1", json!({ "order_id": unpaid, "parent_payment_id": "parent-1" }));
    assert_eq!(apply(&unpaid, "child-1").await, (json!("child"), json!("pending")));
    says("child-2", json!({ "parent_payment_id": parent.to_string() }));
    assert_eq!(apply(&unpaid, "child-2").await, (json!("mismatch"), json!("pending")));
    assert_eq!(apply(&bought, "child-2").await, (json!("child"), json!("pending")));
    let ledger = app.payments(&bought).await;
    assert!(ledger.iter().any(|row| row.starts_with("child-2 child ")), "{ledger:?}");
    // Nothing is told of whose it is, but it was asked for at another price.
    says("cheap-1", json!({ "price_amount": 1 }));
    assert_eq!(apply(&unpaid, "cheap-1").await, (json!("mismatch"), json!("pending")));
    assert!(app.raised(&unpaid).await.iter().any(|raised| raised.starts_with("price_mismatch")));
    says("right-1", json!({}));
    assert_eq!(apply(&unpaid, "right-1").await, (json!("applied"), json!("paid")));
}
