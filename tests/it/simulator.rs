//! The provider in the box: its routes with their odd types, its scenarios, its signatures, on the port
//! of the service.
//!
//! What the service makes of it is told in the tests of checkout, poller and ledger.

use crypto_orders::domain::time::Span;
use crypto_orders::provider::simulator::{Pace, Scenario, Target};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp};

on_both_engines![a_payment_made_at_the_simulator_drives_its_order_to_paid,];

/// A request to the provider's routes with an API key.
async fn ask(app: &TestApp, method: Method, path: &str, body: &Value) -> Answer {
    let request = app.request(method, &format!("/simulator/v1{path}")).header("x-api-key", "k");
    app.send(request.body(body.to_string())).await
}

/// A creation for this order as the service asks for it.
fn wanted(app: &TestApp, order: &str, coin: &str) -> Value {
    json!({
        "price_amount": 79,
        "price_currency": "usd",
        "pay_currency": coin,
        "order_id": order,
        "ipn_callback_url": format!("{}/v1/webhooks/nowpayments", app.base()),
    })
}

async fn a_payment_made_at_the_simulator_drives_its_order_to_paid(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    let order = app.order().await;
    let made = ask(&app, Method::POST, "/payment", &wanted(&app, &order, "btc")).await;
    assert_eq!(made.code(), 201, "{}", made.text);
    app.simulator().pay(Target::Order(&order), Scenario::Success, Pace::AsScripted).expect("a plan");
    app.advance(Span::minutes(3)).await;
    let words: Vec<_> = app.simulator().told().iter().map(|told| (told.word, told.answer)).collect();
    let expected = ["waiting", "confirming", "confirmed", "sending", "finished"].map(|word| (word, Some(200)));
    assert_eq!(words, expected);
    assert_eq!(app.look(&order).await["status"], "paid");
}
