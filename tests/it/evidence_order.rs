//! Reports that come out of order, money that nobody can place, and money that comes late: by IPN, by poll, by hand.
//!
//! Each rule over random orders of arrival is in `src/domain/lifecycle/ranking.rs`.

use crypto_orders::domain::lifecycle::LateRate;
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{TestApp, sql, told};

on_both_engines![
    a_full_payment_dated_before_an_earlier_report_pays_its_order,
    an_older_failure_moves_nothing_and_tells_nobody,
    an_operators_word_is_ranked_like_any_other,
    money_under_a_word_that_is_not_known_is_kept_raised_and_can_be_accepted,
    a_wrong_coin_leaves_the_order_partial_past_its_window_and_can_be_accepted,
    a_short_payment_is_raised_and_announced_at_once_and_per_larger_sum,
    a_late_payment_is_raised_and_one_that_is_worth_too_little_is_partial,
];

/// The time of a report, in milliseconds after the time at which the tests begin.
fn dated(app: &TestApp, millis: i64) -> Value {
    json!({ "updated_at": app.clock.now().millis() + millis })
}

fn with(mut fields: Value, more: &Value) -> Value {
    let (fields_of, more) = (fields.as_object_mut().expect("fields"), more.as_object().expect("fields"));
    fields_of.extend(more.clone());
    fields
}

async fn failures(app: &TestApp) -> String {
    app.sql("select count(*) from outbox_events where event_type = 'crypto.order.failed'").await
}

async fn a_full_payment_dated_before_an_earlier_report_pays_its_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for (nth, word) in ["waiting", "confirming", "confirmed", "sending"].into_iter().enumerate() {
        let (order, payment) = (app.order().await, format!("100{nth}"));
        let first = with(json!({ "actually_paid": 0 }), &dated(&app, 2_000));
        told(&app, &order, [&payment, word], first).await;
        let full = with(json!({ "actually_paid": 0.5 }), &dated(&app, 0));
        assert_eq!(told(&app, &order, [&payment, "finished"], full).await, "paid", "{word}");
        assert_eq!(app.raised(&order).await, [""; 0], "{word}");
        assert_eq!(app.payments(&order).await, [format!("{payment} bound 0.5")], "{word}");
    }
}

async fn an_older_failure_moves_nothing_and_tells_nobody(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for (nth, word) in ["failed", "expired", "refunded"].into_iter().enumerate() {
        let (order, payment) = (app.order().await, format!("100{nth}"));
        let confirming = with(json!({ "actually_paid": 0 }), &dated(&app, 0));
        assert_eq!(told(&app, &order, [&payment, "confirming"], confirming).await, "confirming");
        let older = with(json!({ "actually_paid": 0 }), &dated(&app, -1));
        assert_eq!(told(&app, &order, [&payment, word], older).await, "confirming", "{word}");
        assert_eq!(app.ipns(&payment).await, ["applied 1", "ignored 1"]);
        let full = with(json!({ "actually_paid": 0.5 }), &dated(&app, 5));
        assert_eq!(told(&app, &order, [&payment, "finished"], full).await, "paid");
        let older = with(json!({ "actually_paid": 0, "price_amount": "79.0" }), &dated(&app, 4));
        assert_eq!(told(&app, &order, [&payment, word], older).await, "paid");
        assert_eq!(app.raised(&order).await, [""; 0], "{word}");
    }
    assert_eq!(failures(&app).await, "0");
}

async fn an_operators_word_is_ranked_like_any_other(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let part = with(json!({ "actually_paid": 0.2 }), &dated(&app, 0));
    assert_eq!(told(&app, &order, ["1001", "partially_paid"], part).await, "partial");
    let replay = |word: &'static str| json!({ "payment_id": "1001", "provider_status": word });
    let path = format!("/{order}/apply-ipn");
    let lower = app.admin_call(Method::POST, &path, &replay("confirming")).await.json();
    assert_eq!((&lower["outcome"], &lower["status"]), (&json!("ignored"), &json!("partial")));
    let higher = app.admin_call(Method::POST, &path, &replay("finished")).await.json();
    assert_eq!((&higher["outcome"], &higher["status"]), (&json!("applied"), &json!("paid")));
}

async fn money_under_a_word_that_is_not_known_is_kept_raised_and_can_be_accepted(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let held = json!({ "actually_paid": 0.5 });
    assert_eq!(told(&app, &order, ["1001", "on_hold"], held).await, "pending");
    assert_eq!(app.raised(&order).await, ["unknown_status 1001 1"]);
    assert_eq!(app.look(&order).await["payment_id"], "1001");
    let kept = "select unclear_status || ' ' || unclear_received || ' ' || unclear_coin from order_payments";
    assert_eq!(app.sql(kept).await, "on_hold 0.5 eth");
    app.advance(Span::minutes(61)).await;
    assert_eq!(app.look(&order).await["status"], "failed");
    let accepted = app.admin_call(Method::POST, &format!("/{order}/accept"), &json!({ "reason": "It is here." })).await;
    assert_eq!((accepted.code(), &accepted.json()["status"]), (200, &json!("paid")));
}

async fn a_wrong_coin_leaves_the_order_partial_past_its_window_and_can_be_accepted(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    told(&app, &order, ["1001", "waiting"], json!({ "actually_paid": 0 })).await;
    let usdt = json!({ "parent_payment_id": 1001, "pay_currency": "usdttrc20", "pay_amount": 79, "actually_paid": 79,
        "actually_paid_at_fiat": 78.98 });
    assert_eq!(told(&app, &order, ["1002", "finished"], usdt).await, "partial");
    assert_eq!(app.raised(&order).await, ["child_payment 1002 1", "currency_mismatch 1002 1"]);
    app.advance(Span::minutes(61)).await;
    assert_eq!(app.look(&order).await["status"], "partial");
    assert_eq!(failures(&app).await, "0");
    let accepted = app.admin_call(Method::POST, &format!("/{order}/accept"), &json!({ "reason": "79 USDT." })).await;
    assert_eq!((accepted.code(), &accepted.json()["status"]), (200, &json!("paid")));
}

async fn a_short_payment_is_raised_and_announced_at_once_and_per_larger_sum(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    for (paid, at) in [(0.2, 0), (0.2, 1), (0.3, 2)] {
        let part = with(json!({ "actually_paid": paid }), &dated(&app, at));
        assert_eq!(told(&app, &order, ["1001", "partially_paid"], part).await, "partial");
    }
    assert_eq!(app.raised(&order).await, ["underpaid 1001 2"]);
    let query = "select body from outbox_events order by created_at, id";
    let bodies = sql::lines(app.engine(), &app.database.url, query);
    let told: Vec<Value> = bodies.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect();
    let sums: Vec<_> = told.iter().map(|event| [&event["data"]["received"], &event["data"]["missing"]]).collect();
    assert_eq!(sums, [[&json!("0.2"), &json!("0.3")], [&json!("0.3"), &json!("0.2")]]);
    let data = &told[0]["data"];
    assert_eq!((&told[0]["type"], &data["pay_currency"]), (&json!("crypto.order.partial"), &json!("eth")));
    assert_eq!((&data["order_id"], &data["payment_id"]), (&json!(order), &json!("1001")));
    assert!(data["partial_at"].is_string(), "{data}");
}

async fn a_late_payment_is_raised_and_one_that_is_worth_too_little_is_partial(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let worth = |amount: f64| {
        json!({ "outcome_amount": amount, "outcome_currency": "usdttrc20",
        "fee": { "currency": "usdttrc20", "depositFee": 0.5, "serviceFee": 0.5, "withdrawalFee": 0 } })
    };
    let orders = [app.order().await, app.order().await, app.order().await];
    app.advance(Span::minutes(61)).await;
    // 79 USD less 5 % is 75.05, of which 1 is the provider's fee.
    assert_eq!(told(&app, &orders[0], ["1001", "finished"], worth(74.05)).await, "paid");
    assert_eq!(app.raised(&orders[0]).await, ["late_payment 1001 1"]);
    assert_eq!(told(&app, &orders[1], ["1002", "finished"], worth(74.04)).await, "partial");
    assert_eq!(app.raised(&orders[1]).await, ["worth_less 1002 1"]);
    let app = app.restart(|settings| settings.orders.rules.late_rate = LateRate::Accept).await;
    assert_eq!(told(&app, &orders[2], ["1003", "finished"], worth(39.1)).await, "paid");
    assert_eq!(app.raised(&orders[2]).await, ["late_payment 1003 1"]);
}
