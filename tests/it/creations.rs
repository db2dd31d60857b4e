//! Payments that could not be made: what an operator is told of it, how a 429 pauses them, and that no account uses up
//! what the provider takes of all.

use crypto_orders::config::Settings;
use crypto_orders::domain::access::Tier;
use crypto_orders::domain::ids::OrderId;
use crypto_orders::domain::time::Span;
use crypto_orders::store::work::{Claim, ProviderWork};
use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};

use crate::checkout_payments::{address, order_of};
use crate::engines::Engine;
use crate::harness::responder::{Act, Responder, Said};
use crate::harness::{TestApp, order_body};

on_both_engines![
    a_row_forgets_what_is_in_doubt_no_more,
    an_order_without_an_address_is_raised_after_two_minutes_with_the_providers_reason,
    it_is_raised_where_the_provider_cannot_be_reached_and_the_poller_is_off,
    an_order_of_which_nobody_says_in_which_coin_is_raised,
    an_address_that_comes_later_resolves_what_was_raised,
    an_order_that_is_cancelled_or_has_its_address_in_time_is_not_raised,
    a_payment_at_another_price_is_raised_at_once_and_never_shown,
    after_a_429_no_payment_is_asked_for_as_long_as_the_provider_says,
    a_429_that_names_no_time_pauses_payments_for_half_a_minute,
    one_account_leaves_the_others_their_share_of_the_provider,
    questions_about_ever_new_coins_count_against_the_share_too,
];

on_postgres![two_nodes_raise_an_order_without_an_address_once];

const CREATE: &str = "POST /simulator/v1/payment";
const MINIMUM: &str = "GET /simulator/v1/min-amount";

/// The items of this kind about an order.
async fn items(app: &TestApp, order: &str, state: &str, kind: &str) -> Vec<Value> {
    let path = format!("/attention?order_id={order}&state={state}&kind={kind}");
    app.admin(&path).await.json()["data"].as_array().cloned().expect("items")
}

/// The open items about orders without an address, as `(count, detail)`.
async fn unaddressed(app: &TestApp, order: &str) -> Vec<(Value, String)> {
    let found = items(app, order, "open", "order_without_address").await;
    let detail = |item: &Value| item["detail"].as_str().unwrap_or_default().to_owned();
    found.iter().map(|item| (item["count"].clone(), detail(item))).collect()
}

/// Places an order that gets no address, and asserts that it is raised once, after two minutes, for this reason.
async fn assert_raised(app: &TestApp, reason: &str) {
    let placed = app.checkout(None).await;
    assert_eq!((address(&placed), &placed.json()["provider"]), (None, &json!("stub")), "{reason}");
    let order = order_of(&placed);
    app.advance(Span::seconds(60)).await;
    app.advance(Span::seconds(59)).await;
    assert_eq!(unaddressed(app, &order).await, [], "{reason}");
    app.advance(Span::seconds(1)).await;
    for _ in 0..2 {
        let found = unaddressed(app, &order).await;
        assert!(found.len() == 1 && found[0].0 == 1 && found[0].1.contains(reason), "{reason}: {found:?}");
        app.advance(Span::minutes(5)).await;
    }
    let operator = app.signed_in().await;
    for page in ["/admin/attention".to_owned(), format!("/admin/orders/{order}")] {
        assert!(operator.page(&page).await.contains(reason), "{page}: {reason}");
    }
}

async fn an_order_without_an_address_is_raised_after_two_minutes_with_the_providers_reason(engine: Engine) {
    let refused = r#"{"statusCode":400,"code":"AMOUNT_MINIMAL_ERROR","message":"too little"}"#;
    for (code, body, reason) in [
        (400, refused, "AMOUNT_MINIMAL_ERROR: too little"),
        (429, "{}", "asked too often"),
        (502, "<html>away</html>", "HTTP 502"),
        (201, &rounded().to_string(), "over 79.01 USD where 79.00 USD was asked for"),
    ] {
        let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
        wire.always(CREATE, Said::new(code, body));
        assert_raised(&app, reason).await;
    }
}

async fn it_is_raised_where_the_provider_cannot_be_reached_and_the_poller_is_off(engine: Engine) {
    // Nobody listens on port 1.
    let away = |settings: &mut Settings| {
        settings.nowpayments.url = Some("http://127.0.0.1:1/v1".to_owned());
        settings.poller.automatic = false;
    };
    let app = TestApp::simulated_with(engine, away).await;
    assert_raised(&app, "cannot be reached").await;
}

async fn an_order_of_which_nobody_says_in_which_coin_is_raised(engine: Engine) {
    let app = TestApp::simulated_with(engine, |settings| settings.orders.pay_currency = None).await;
    assert_raised(&app, "pay_currency").await;
}

async fn an_address_that_comes_later_resolves_what_was_raised(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    for _ in 0..2 {
        wire.upon(CREATE, Act::Answer(Said::new(502, "<html>away</html>")));
    }
    let order = order_of(&app.checkout(None).await);
    app.advance(Span::minutes(1)).await;
    app.advance(Span::minutes(1)).await;
    assert_eq!(unaddressed(&app, &order).await.len(), 1);
    let app = app.restart(crate::harness::simulated::through(&wire)).await;
    app.advance(Span::minutes(1)).await;
    app.advance(Span::minutes(1)).await;
    assert!(app.look(&order).await["payment_id"].is_string());
    assert_eq!(unaddressed(&app, &order).await, []);
    let resolved = items(&app, &order, "resolved", "order_without_address").await;
    assert_eq!((resolved.len(), &resolved[0]["resolved_by"]), (1, &Value::Null), "{resolved:?}");
    assert!(resolved[0]["resolution_note"].as_str().is_some_and(|note| note.contains("has its address")));
    app.advance(Span::minutes(10)).await;
    assert_eq!(unaddressed(&app, &order).await, []);
}

async fn an_order_that_is_cancelled_or_has_its_address_in_time_is_not_raised(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    let addressed = app.checkout(None).await;
    assert!(address(&addressed).is_some());
    for _ in 0..2 {
        wire.upon(CREATE, Act::Answer(Said::new(502, "<html>away</html>")));
    }
    let [late, cancelled] = [order_of(&app.checkout(None).await), order_of(&app.checkout(None).await)];
    let path = format!("/v1/billing/crypto-orders/{cancelled}/cancel");
    assert_eq!(app.call(Method::POST, &path, &json!({})).await.code(), 200);
    for _ in 0..4 {
        app.advance(Span::minutes(1)).await;
    }
    assert!(app.look(&late).await["payment_id"].is_string());
    for order in [order_of(&addressed), late, cancelled] {
        assert_eq!(app.raised(&order).await, Vec::<String>::new());
    }
}

/// A payment that was made at a price other than the one that was asked for.
fn rounded() -> Value {
    json!({
        "payment_id": "999", "payment_status": "waiting", "pay_address": "bc1qrounded", "price_amount": 79.01,
        "price_currency": "usd", "pay_amount": "0.00122957", "pay_currency": "btc",
    })
}

async fn a_payment_at_another_price_is_raised_at_once_and_never_shown(engine: Engine) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    wire.upon(CREATE, Act::Answer(Said::new(201, rounded().to_string())));
    let placed = app.checkout(None).await;
    assert_eq!(address(&placed), None);
    let found = items(&app, &order_of(&placed), "open", "create_refused").await;
    let reason = "the provider made a payment over 79.01 USD where 79.00 USD was asked for";
    assert_eq!((found.len(), &found[0]["detail"], &found[0]["count"]), (1, &json!(reason), &json!(1)), "{found:?}");
}

/// A provider that answers the next creation with this 429.
async fn impatient(engine: Engine, said: Said) -> (TestApp, Responder) {
    let (app, wire) = TestApp::wired_with(engine, |_| {}).await;
    wire.upon(CREATE, Act::Answer(said));
    (app, wire)
}

async fn after_a_429_no_payment_is_asked_for_as_long_as_the_provider_says(engine: Engine) {
    let (app, wire) = impatient(engine, Said::new(429, "{}").with("retry-after", "90")).await;
    let first = app.checkout(Some("one")).await;
    let second = app.checkout(Some("two")).await;
    for answer in [&first, &second, &app.checkout(Some("one")).await] {
        assert_eq!((address(answer), &answer.json()["provider"]), (None, &json!("stub")));
    }
    app.advance(Span::seconds(60)).await;
    app.advance(Span::seconds(29)).await;
    assert_eq!((address(&app.checkout(Some("two")).await), wire.seen(CREATE)), (None, 1));
    // The poller makes both, one after the other.
    for _ in 0..6 {
        app.advance(Span::seconds(1)).await;
    }
    for order in [order_of(&first), order_of(&second)] {
        assert!(app.look(&order).await["payment_id"].is_string());
        assert_eq!(app.raised(&order).await, Vec::<String>::new());
    }
    assert_eq!(wire.seen(CREATE), 3);
}

async fn a_429_that_names_no_time_pauses_payments_for_half_a_minute(engine: Engine) {
    let (app, wire) = impatient(engine, Said::new(429, "{}")).await;
    assert_eq!(address(&app.checkout(None).await), None);
    app.clock.advance(Span::seconds(29));
    assert_eq!((address(&app.checkout(None).await), wire.seen(CREATE)), (None, 1));
    app.clock.advance(Span::seconds(1));
    assert!(address(&app.checkout(None).await).is_some());
}

/// A node with limits, where its own account is of the tier `free`; and the key of another account.
async fn shared(engine: Engine) -> (TestApp, Responder, String) {
    let (mut app, wire) = TestApp::wired_with(engine, |settings| settings.rate_limits.enabled = true).await;
    let other = std::mem::take(&mut app.customer);
    app.customer = app.stranger(Tier::Free).await.1;
    (app, wire, other)
}

async fn one_account_leaves_the_others_their_share_of_the_provider(engine: Engine) {
    let (mut app, wire, other) = shared(engine).await;
    let placed = join_all((0..60).map(|_| app.checkout(None))).await;
    let with_address = placed.iter().filter(|answer| address(answer).is_some()).count();
    let requests = wire.seen(CREATE) + wire.seen(MINIMUM);
    assert!((1..=20).contains(&with_address) && requests <= 20, "{with_address} of {requests}");
    let noisy = std::mem::replace(&mut app.customer, other);
    assert!(address(&app.checkout(None).await).is_some(), "another account has its own share");
    // The orders that wait have their turn, one in three seconds; and the other account has its address meanwhile.
    for _ in 0..50 {
        app.advance(Span::seconds(3)).await;
    }
    assert!(address(&app.checkout(None).await).is_some());
    let bound = app.database.sql("select count(*) from orders where payment_id is not null");
    assert_eq!((bound.as_str(), noisy.is_empty()), ("62", false));
    assert_eq!(app.database.sql("select count(*) from attention_items"), "0");
}

async fn questions_about_ever_new_coins_count_against_the_share_too(engine: Engine) {
    let (app, wire, _) = shared(engine).await;
    for number in 0..30 {
        let mut body = order_body();
        body["pay_currency"] = json!(format!("coin{number}"));
        app.checkout_of(&body, None).await;
    }
    let requests = wire.seen(CREATE) + wire.seen(MINIMUM);
    assert!(requests <= 20, "{requests}");
}

async fn two_nodes_raise_an_order_without_an_address_once(engine: Engine) {
    let away = |settings: &mut Settings| settings.nowpayments.url = Some("http://127.0.0.1:1/v1".to_owned());
    let app = TestApp::simulated_with(engine, away).await;
    let other = app.beside(away).await;
    let order = order_of(&app.checkout(None).await);
    app.clock.advance(Span::minutes(2));
    join(app.app.wake_poller(), other.app.wake_poller()).await;
    let found = unaddressed(&app, &order).await;
    assert!(found.len() == 1 && found[0].0 == 1, "{found:?}");
}

async fn a_row_forgets_what_is_in_doubt_no_more(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let id = OrderId::parse(&app.order().await).expect("an id");
    let claim = Claim { token: "ours".to_owned(), until: app.clock.now().after(Span::minutes(1)) };
    let row = app.store.work_claim(id, claim).await.expect("the store").expect("nobody else asks");
    let at = Some(app.clock.now());
    let doubtful = ProviderWork { asked_at: at, last_error: Some("refused".to_owned()), raise_at: at, ..row };
    let settled = ProviderWork { asked_at: None, last_error: None, raise_at: None, ..doubtful.clone() };
    let nulls = "select count(asked_at) + count(last_error) + count(raise_at) from provider_work";
    for (row, told) in [(doubtful, "3"), (settled, "0")] {
        assert!(app.store.work_update("ours".to_owned(), row).await.expect("the store"));
        assert_eq!(app.database.sql(nulls), told);
    }
}
