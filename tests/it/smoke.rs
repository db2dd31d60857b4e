//! The main job once through: a checkout, an IPN, and what the log says.

use serde_json::json;

use crate::engines::Engine;
use crate::harness::{TestApp, payment};

on_both_engines![a_paid_order_is_created_once_and_paid_once];

async fn a_paid_order_is_created_once_and_paid_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let first = app.checkout(Some("key-1")).await;
    assert_eq!((first.code(), first.header("idempotent-replayed")), (201, None), "{}", first.text);
    let again = app.checkout(Some("key-1")).await;
    assert_eq!((again.code(), again.header("idempotent-replayed")), (201, Some("1")), "{}", again.text);
    assert_eq!(again.json(), first.json());
    let order = first.json()["order_id"].as_str().unwrap_or_default().to_owned();

    let answer = app.ipn(&payment(&order, "5745459419", "finished")).await;
    assert_eq!(answer.json(), json!({ "received": true, "order_state": "paid" }));
    assert_eq!(app.steps(&order).await, ["pending/create", "paid/ipn"]);
    assert_eq!(app.look(&order).await["payment_id"], "5745459419");
}
