//! Money: whose a payment is, what it is worth, and that seen money never vanishes from sight.

use crypto_orders::domain::lifecycle::ZeroReceived;
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{TestApp, told};

on_both_engines![
    one_payment_settles_one_order_only,
    a_payment_named_with_another_order_is_a_mismatch_by_every_way_in,
    an_ipn_of_another_price_binds_nothing,
    an_ipn_without_an_order_finds_it_by_its_payment,
    a_child_never_binds_and_is_raised,
    a_child_completes_a_partial_order,
    what_arrives_is_weighed_with_its_tolerance_and_to_the_last_digit,
    another_coin_is_no_payment_of_the_order,
    a_zero_settles_in_the_sandbox_and_nowhere_else,
    an_amount_that_nothing_is_owed_for_does_not_settle,
    money_in_a_failed_payment_is_raised,
    a_paid_order_that_is_told_failed_stays_paid_and_is_raised,
    money_for_a_cancelled_order_is_raised,
    an_operator_bears_witness,
    an_operators_word_is_heard_even_where_it_moves_nothing,
    what_an_operator_may_not_say_is_refused,
    the_totals_are_the_sums_of_the_orders_after_any_history,
];

async fn one_payment_settles_one_order_only(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (first, second) = (app.order().await, app.order().await);
    assert_eq!(told(&app, &first, ["1001", "finished"], json!({})).await, "paid");
    assert_eq!(told(&app, &second, ["1001", "finished"], json!({})).await, "pending");
    assert_eq!(app.raised(&second).await, ["payment_mismatch 1001 1"]);
    assert_eq!(app.look(&second).await["payment_id"], Value::Null);
    assert_eq!(app.ipns("1001").await, ["applied 1", "mismatch 1"]);
    // Nor does a second payment settle the first order again.
    assert_eq!(told(&app, &first, ["1002", "finished"], json!({})).await, "paid");
    assert_eq!(app.raised(&first).await, ["payment_mismatch 1002 1"]);
    assert_eq!(app.look(&first).await["payment_id"], "1001");
    // The second order is still open to its own.
    assert_eq!(told(&app, &second, ["1003", "finished"], json!({})).await, "paid");
}

async fn a_payment_named_with_another_order_is_a_mismatch_by_every_way_in(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (first, second) = (app.order().await, app.order().await);
    told(&app, &first, ["1001", "confirming"], json!({})).await;
    // As the parent of a child that names the second order.
    let child = json!({ "parent_payment_id": "1001" });
    assert_eq!(told(&app, &second, ["1002", "finished"], child).await, "pending");
    assert_eq!(app.raised(&second).await, ["payment_mismatch 1002 1"]);
    // With the name of an order that is not ours: the payment's order is left alone.
    assert_eq!(told(&app, "somebody-elses", ["1001", "finished"], json!({})).await, "confirming");
    assert_eq!(app.raised(&first).await, ["payment_mismatch 1001 1"]);
    // At an operator's word.
    let said = json!({ "payment_id": "1001", "provider_status": "finished" });
    let answer = app.admin_call(Method::POST, &format!("/{second}/apply-ipn"), &said).await.json();
    assert_eq!((&answer["outcome"], &answer["status"]), (&json!("mismatch"), &json!("pending")));
    assert_eq!(app.steps(&second).await, ["pending/create"]);
}

async fn an_ipn_of_another_price_binds_nothing(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let wrong = [
        json!({ "price_amount": 78.99 }),
        json!({ "price_amount": 7900 }),
        json!({ "price_currency": "eur" }),
        json!({ "price_amount": "79.000000000000000001" }),
    ];
    for price in wrong {
        assert_eq!(told(&app, &order, ["1001", "finished"], price).await, "pending");
    }
    assert_eq!(app.raised(&order).await, ["price_mismatch 1001 4"]);
    assert!(app.payments(&order).await.is_empty());
    let right = json!({ "price_amount": "79.00", "price_currency": "USD" });
    assert_eq!(told(&app, &order, ["1001", "finished"], right).await, "paid");
    // Absent, it is not compared.
    let other = app.order().await;
    let silent = json!({ "price_amount": null, "price_currency": null });
    assert_eq!(told(&app, &other, ["1002", "finished"], silent).await, "paid");
}

async fn an_ipn_without_an_order_finds_it_by_its_payment(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    told(&app, &order, ["1001", "confirming"], json!({})).await;
    assert_eq!(told(&app, "", ["1001", "partially_paid"], json!({ "actually_paid": 0.2 })).await, "partial");
    let child = json!({ "order_id": null, "parent_payment_id": 1001, "actually_paid": 0.3, "pay_amount": 0.3 });
    assert_eq!(told(&app, "", ["1002", "finished"], child).await, "paid");
}

async fn a_child_never_binds_and_is_raised(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let child = json!({ "parent_payment_id": 1001, "pay_amount": 0.1, "actually_paid": 0.1 });
    assert_eq!(told(&app, &order, ["1002", "finished"], child).await, "pending");
    assert_eq!(app.look(&order).await["payment_id"], Value::Null);
    assert_eq!(app.raised(&order).await, ["child_payment 1002 1"]);
    assert_eq!(app.payments(&order).await, ["1002 child 0.1"]);
    assert_eq!(app.ipns("1002").await, ["child 1"]);
    // Its parent binds when its own time comes; the child's dust of another coin counts for nothing.
    let dust = json!({ "parent_payment_id": 1001, "pay_currency": "usdtbsc", "pay_amount": 13, "actually_paid": 13 });
    told(&app, &order, ["1003", "finished"], dust).await;
    assert_eq!(told(&app, &order, ["1001", "partially_paid"], json!({ "actually_paid": 0 })).await, "partial");
    assert_eq!(app.look(&order).await["payment_id"], "1001");
}

async fn a_child_completes_a_partial_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    assert_eq!(told(&app, &order, ["1001", "partially_paid"], json!({ "actually_paid": 0.2 })).await, "partial");
    let child = |paid: &str| json!({ "parent_payment_id": 1001, "actually_paid": paid, "pay_amount": paid });
    assert_eq!(told(&app, &order, ["1002", "finished"], child("0.2")).await, "partial");
    assert_eq!(told(&app, &order, ["1002", "finished"], child("0.2949")).await, "partial");
    assert_eq!(told(&app, &order, ["1003", "finished"], child("0.0001")).await, "paid");
    assert_eq!(app.steps(&order).await, ["pending/create", "partial/ipn", "paid/ipn"]);
    assert_eq!(app.raised(&order).await, ["child_payment 1002 2", "child_payment 1003 1", "underpaid 1001 1"]);
    assert_eq!(app.look(&order).await["payment_id"], "1001");
    assert_eq!(app.payments(&order).await, ["1001 bound 0.2", "1002 child 0.2949", "1003 child 0.0001"]);
}

async fn what_arrives_is_weighed_with_its_tolerance_and_to_the_last_digit(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let cases = [
        ("0.494999999999999999", "partial", Some("underpaid")),
        ("0.495", "paid", None),
        ("0.5", "paid", None),
        ("0.505", "paid", None),
        ("0.505000000000000001", "paid", Some("overpaid")),
        ("50", "paid", Some("overpaid")),
    ];
    for (number, (received, state, raised)) in cases.into_iter().enumerate() {
        let (order, id) = (app.order().await, format!("400{number}"));
        assert_eq!(
            told(&app, &order, [&id, "finished"], json!({ "actually_paid": received })).await,
            state,
            "{received}"
        );
        let expected: Vec<_> = raised.iter().map(|kind| format!("{kind} {id} 1")).collect();
        assert_eq!(app.raised(&order).await, expected, "{received}");
        assert_eq!(app.payments(&order).await, [format!("{id} bound {received}")]);
    }
}

async fn another_coin_is_no_payment_of_the_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    told(&app, &order, ["1001", "confirming"], json!({})).await;
    assert_eq!(told(&app, &order, ["1001", "finished"], json!({ "pay_currency": "btc" })).await, "partial");
    assert_eq!(app.raised(&order).await, ["currency_mismatch 1001 1"]);
    assert_eq!(told(&app, &order, ["1001", "finished"], json!({ "pay_currency": "ETH" })).await, "paid");
}

async fn a_zero_settles_in_the_sandbox_and_nowhere_else(engine: Engine) {
    let zero = || json!({ "actually_paid": 0 });
    let live = TestApp::spawn(engine).await;
    let order = live.order().await;
    assert_eq!(told(&live, &order, ["1001", "finished"], zero()).await, "partial");
    assert_eq!(live.raised(&order).await, ["underpaid 1001 1"]);

    let sandbox = |settings: &mut crypto_orders::config::Settings| {
        settings.orders.rules.zero_received = ZeroReceived::Unknown;
    };
    let sandbox = TestApp::spawn_with(engine, sandbox).await;
    let order = sandbox.order().await;
    assert_eq!(told(&sandbox, &order, ["1001", "finished"], zero()).await, "paid");
    assert!(sandbox.raised(&order).await.is_empty());
    let short = sandbox.order().await;
    let almost_nothing = json!({ "actually_paid": "0.00000001" });
    assert_eq!(told(&sandbox, &short, ["1002", "finished"], almost_nothing).await, "partial");
}

async fn an_amount_that_nothing_is_owed_for_does_not_settle(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    assert_eq!(told(&app, &order, ["1001", "finished"], json!({ "pay_amount": null })).await, "partial");
    assert_eq!(app.raised(&order).await, ["underpaid 1001 1"]);
    // Without any amount there is nothing to compare.
    let trusted = app.order().await;
    let silent = json!({ "pay_amount": null, "actually_paid": null });
    assert_eq!(told(&app, &trusted, ["1002", "finished"], silent).await, "paid");
    let short = json!({ "actually_paid": 0.1 });
    assert_eq!(told(&app, &trusted, ["1002", "partially_paid"], short).await, "paid");
    assert_eq!(app.raised(&trusted).await, ["underpaid 1002 1"]);
}

async fn money_in_a_failed_payment_is_raised(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (poor, rich, half) = (app.order().await, app.order().await, app.order().await);
    assert_eq!(told(&app, &poor, ["1001", "failed"], json!({ "actually_paid": 0 })).await, "failed");
    assert!(app.raised(&poor).await.is_empty());
    assert_eq!(told(&app, &rich, ["1002", "failed"], json!({ "actually_paid": 0.01 })).await, "failed");
    assert_eq!(app.raised(&rich).await, ["failed_with_money 1002 1"]);
    told(&app, &half, ["1003", "partially_paid"], json!({ "actually_paid": 0.3 })).await;
    assert_eq!(told(&app, &half, ["1003", "refunded"], json!({ "actually_paid": null })).await, "failed");
    assert_eq!(app.raised(&half).await, ["failed_with_money 1003 1", "underpaid 1003 1"]);
    let look = app.look(&half).await;
    assert_eq!((&look["failure_reason"], &look["status"]), (&json!("ipn"), &json!("failed")));
}

async fn a_paid_order_that_is_told_failed_stays_paid_and_is_raised(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    told(&app, &order, ["1001", "finished"], json!({})).await;
    for word in ["failed", "refunded", "expired"] {
        assert_eq!(told(&app, &order, ["1001", word], json!({ "actually_paid": 0 })).await, "paid", "{word}");
    }
    assert_eq!(app.raised(&order).await, ["paid_then_failed 1001 3"]);
    assert_eq!(app.steps(&order).await, ["pending/create", "paid/ipn"]);
    assert_eq!(app.outbox(&order).await.len(), 1);
}

async fn money_for_a_cancelled_order_is_raised(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    app.call(Method::POST, &format!("/v1/billing/crypto-orders/{order}/cancel"), &json!({})).await;
    assert_eq!(told(&app, &order, ["1001", "waiting"], json!({})).await, "cancelled");
    assert!(app.raised(&order).await.is_empty());
    assert_eq!(told(&app, &order, ["1001", "finished"], json!({})).await, "cancelled");
    assert_eq!(app.raised(&order).await, ["late_payment 1001 1"]);
    // The payment leaves its trace.
    assert_eq!(app.look(&order).await["payment_id"], "1001");
    assert_eq!(app.steps(&order).await, ["pending/create", "cancelled/cancel"]);
}

async fn an_operator_bears_witness(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let said = json!({ "payment_id": "1001", "provider_status": "finished" });
    let answer = app.admin_call(Method::POST, &format!("/{order}/apply-ipn"), &said).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    let envelope = answer.json();
    assert_eq!([&envelope["status"], &envelope["payment_id"], &envelope["outcome"]], ["paid", "1001", "applied"]);
    assert_eq!(envelope["applied"], true);
    let event = &envelope["events"][1];
    assert_eq!([&event["source"], &event["provider_status"], &event["payment_id"]], ["ipn", "finished", "1001"]);
    assert!(event["actor"].as_str().is_some_and(|actor| actor.starts_with("key_")), "{event}");
    let audited = "select action || ' ' || target || ' ' || input || ' ' || (actor is not null) from audit_log";
    let input = r#"{"payment_id":"1001","provider_status":"finished"}"#;
    let yes = if matches!(engine, Engine::Sqlite) { "1" } else { "true" };
    assert_eq!(app.sql(audited).await, format!("crypto_order.ipn_applied {order} {input} {yes}"));
}

async fn an_operators_word_is_heard_even_where_it_moves_nothing(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    told(&app, &order, ["1001", "finished"], json!({})).await;
    let before = app.look(&order).await;
    for (word, outcome) in [("confirming", "ignored"), ("finished", "refreshed"), ("spending", "unknown_status")] {
        let said = json!({ "payment_id": "1001", "provider_status": word });
        let answer = app.admin_call(Method::POST, &format!("/{order}/apply-ipn"), &said).await.json();
        assert_eq!((&answer["applied"], &answer["outcome"]), (&json!(false), &json!(outcome)), "{word}");
        assert_eq!(answer["status"], "paid");
    }
    assert_eq!(app.look(&order).await["events"], before["events"]);
    assert_eq!(app.sql("select count(*) from audit_log").await, "3");
}

async fn what_an_operator_may_not_say_is_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let said = json!({ "payment_id": "1001", "provider_status": "finished" });
    let nobody = format!("ord_{}", "0".repeat(32));
    let answer = app.admin_call(Method::POST, &format!("/{nobody}/apply-ipn"), &said).await;
    assert_eq!(answer.problem(404, "not-found"), format!("No crypto order with id \"{nobody}\"."));
    let wrong = [
        json!({ "provider_status": "finished" }),
        json!({ "payment_id": "1001" }),
        json!({ "payment_id": 1001, "provider_status": "finished" }),
        json!({ "payment_id": "x".repeat(129), "provider_status": "finished" }),
        json!({ "payment_id": "a\nb", "provider_status": "finished" }),
    ];
    for body in wrong {
        let answer = app.admin_call(Method::POST, &format!("/{order}/apply-ipn"), &body).await;
        answer.problem(400, "validation-failed");
    }
    let path = format!("/v1/admin/crypto-orders/{order}/apply-ipn");
    app.call(Method::POST, &path, &said).await.problem(403, "forbidden");
    assert_eq!(app.sql("select count(*) from audit_log").await, "0");
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % sides).expect("small")
    }
}

async fn the_totals_are_the_sums_of_the_orders_after_any_history(engine: Engine) {
    const WORDS: [&str; 7] = ["waiting", "confirming", "sending", "partially_paid", "finished", "failed", "expired"];
    let app = TestApp::spawn(engine).await;
    let mut dice = Dice(42);
    let mut orders = Vec::new();
    for step in 0..250 {
        let product = ["solo_manual", "team_manual"][dice.roll(2)];
        if orders.is_empty() || dice.roll(4) == 0 {
            let body = json!({ "product": product, "price_cents": 1, "price_currency": "USD" });
            let order = app.checkout_of(&body, None).await.json()["order_id"].as_str().expect("an id").to_owned();
            orders.push(order);
        }
        let number = dice.roll(u64::try_from(orders.len()).expect("few"));
        let order = &orders[number];
        let path = format!("/v1/billing/crypto-orders/{order}/cancel");
        match dice.roll(8) {
            0 => drop(app.call(Method::POST, &path, &json!({})).await),
            1 => app.advance(Span::minutes(7)).await,
            _ => {
                let silent = json!({ "price_amount": null, "updated_at": 1_778_587_200_000_u64 + step });
                told(&app, order, [&format!("50{number}"), WORDS[dice.roll(7)]], silent).await;
            }
        }
    }
    let columns = "status || ' ' || product || ' '";
    let kept = app
        .sql(&format!(
            "select {columns} || sum(orders) || ' ' || sum(cents) || ' ' || sum(paid_after_ms) from order_totals
         where day <> '' group by status, product having sum(orders) <> 0 order by 1"
        ))
        .await;
    let counted = app
        .sql(&format!(
            "select {columns} || count(*) || ' ' || sum(price_cents) || ' '
         || coalesce(sum((paid_at - created_at) / 1000), 0) from orders group by status, product order by 1"
        ))
        .await;
    assert_eq!(kept, counted);
    // Not all of one kind.
    assert!(8 <= counted.lines().count(), "{counted}");
}
