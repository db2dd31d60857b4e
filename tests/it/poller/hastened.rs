//! Evidence that moves an order also says when the provider is asked next, at the latest.

use crypto_orders::domain::time::Span;
use serde_json::json;

use super::teller::Says;
use super::{status, unpaid};
use crate::engines::Engine;
use crate::harness::{payment, told};

on_both_engines![an_ipn_that_reopens_an_order_brings_the_next_question_nearer];

async fn an_ipn_that_reopens_an_order_brings_the_next_question_nearer(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |_| {}).await;
    let [order, id] = &orders[0];
    for _ in 0..5 {
        app.advance(Span::hours(12)).await;
    }
    assert_eq!(status(&app, order).await, "failed");
    // By now hours pass between two questions; and of what comes next no IPN will tell.
    assert_eq!(told(&app, order, [id.as_str(), "confirming"], json!({})).await, "confirming");
    teller.says(id, Says::Body(payment(order, id, "finished")));
    app.advance(Span::minutes(3)).await;
    assert_eq!(status(&app, order).await, "paid");
}
