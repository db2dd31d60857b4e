//! An operator settles an order with what arrived: which orders, by which money, and once only.

use crypto_orders::domain::time::Span;
use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp, told};

on_both_engines![
    each_status_has_its_answer,
    every_kind_of_recorded_money_suffices_and_nothing_less,
    an_acceptance_is_an_event_an_announcement_and_an_audited_write,
    a_payment_can_be_named_if_it_is_the_orders_own,
    what_an_operator_may_not_ask_for_is_refused_and_leaves_no_trace,
    an_acceptance_is_remembered_and_amounts_that_fall_short_are_no_news,
    money_in_another_coin_is_kept_in_the_ledger_apart_from_the_sum,
    an_acceptance_while_the_rest_arrives_pays_once,
    two_operators_at_once_accept_once,
];

on_postgres![two_nodes_at_once_accept_once];

async fn accept(app: &TestApp, order: &str, body: &Value) -> Answer {
    app.admin_call(Method::POST, &format!("/{order}/accept"), body).await
}

fn because() -> Value {
    json!({ "reason": "Treasury has the money." })
}

async fn cancelled(app: &TestApp) -> String {
    let order = app.order().await;
    let path = format!("/v1/billing/crypto-orders/{order}/cancel");
    assert_eq!(app.call(Method::POST, &path, &json!({})).await.code(), 200);
    order
}

/// A partial order: 0.2 of 0.5 eth have arrived.
async fn partial(app: &TestApp, id: &str) -> String {
    let order = app.order().await;
    assert_eq!(told(app, &order, [id, "partially_paid"], json!({ "actually_paid": 0.2 })).await, "partial");
    order
}

/// Asserts a 409 that names this state and field, and answers its sentence.
fn conflict(answer: &Answer, field: &str) -> String {
    let detail = answer.problem(409, "conflict");
    let problem = answer.json();
    assert_eq!([&problem["resource"], &problem["field"]], ["crypto_order", field], "{problem}");
    detail
}

async fn each_status_has_its_answer(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let [swept, confirming, paid] = [app.order().await, app.order().await, app.order().await];
    told(&app, &confirming, ["1001", "confirming"], json!({ "actually_paid": 0 })).await;
    told(&app, &paid, ["1002", "finished"], json!({})).await;
    let failed = app.order().await;
    told(&app, &failed, ["1003", "failed"], json!({ "actually_paid": 0 })).await;
    let cancelled = cancelled(&app).await;
    app.clock.advance(Span::hours(1));
    app.admin_call(Method::POST, "/sweep-expired", &json!({})).await;
    let refusals = [
        (&confirming, "confirming", "its payment is still on its way"),
        (&paid, "paid", "it is settled already"),
        (&failed, "failed", "no money is recorded for it"),
        (&cancelled, "cancelled", "no money is recorded for it"),
        (&swept, "failed", "no money is recorded for it"),
    ];
    for (order, state, why) in refusals {
        let before = app.look(order).await;
        let detail = conflict(&accept(&app, order, &because()).await, "status");
        assert!(detail.starts_with(&format!("Order is in state \"{state}\"")) && detail.contains(why), "{detail}");
        assert_eq!(app.look(order).await, before);
    }
    let fresh = app.order().await;
    let detail = conflict(&accept(&app, &fresh, &because()).await, "status");
    assert!(detail.contains("\"pending\"") && detail.contains("apply-ipn"), "{detail}");
    assert_eq!(app.sql("select count(*) from audit_log where action = 'crypto_order.accepted'").await, "0");

    let partial = partial(&app, "1004").await;
    let accepted = accept(&app, &partial, &because()).await;
    assert_eq!((accepted.code(), &accepted.json()["status"]), (200, &json!("paid")), "{}", accepted.text);
    assert_eq!(accepted.json(), app.look(&partial).await);
}

async fn every_kind_of_recorded_money_suffices_and_nothing_less(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let nothing = json!({ "actually_paid": 0 });
    let child = json!({ "parent_payment_id": "1", "actually_paid": 0.1, "pay_amount": 0.1 });
    let other_coin = json!({ "pay_currency": "btc", "actually_paid": 0.01 });
    let (silent, some) = (json!({ "actually_paid": null }), json!({ "actually_paid": 0.1 }));
    // What is told of an order that was cancelled, and whether it can be accepted then.
    let cases: [(&[(&str, &Value)], bool); 11] = [
        (&[], false),
        (&[("finished", &nothing)], false),
        (&[("waiting", &nothing)], false),
        (&[("confirming", &silent)], false),
        (&[("failed", &nothing)], false),
        (&[("confirming", &some)], true),
        (&[("finished", &json!({}))], true),
        (&[("finished", &silent)], true),
        (&[("partially_paid", &silent)], true),
        (&[("failed", &some)], true),
        (&[("waiting", &nothing), ("finished", &other_coin)], true),
    ];
    for (number, (reports, accepted)) in cases.into_iter().enumerate() {
        let (order, id) = (cancelled(&app).await, format!("20{number}"));
        for (word, fields) in reports {
            assert_eq!(told(&app, &order, [&id, word], (*fields).clone()).await, "cancelled");
        }
        let answer = accept(&app, &order, &because()).await;
        assert_eq!(answer.code(), if accepted { 200 } else { 409 }, "{reports:?}: {}", answer.text);
    }
    // A further deposit alone, for an order that no payment is bound to.
    let order = cancelled(&app).await;
    told(&app, &order, ["3001", "finished"], child).await;
    let accepted = accept(&app, &order, &because()).await.json();
    assert_eq!([&accepted["status"], &accepted["payment_id"]], [&json!("paid"), &Value::Null], "{accepted}");
    // Failed by the provider's own word, with money.
    let order = app.order().await;
    assert_eq!(told(&app, &order, ["3002", "failed"], some).await, "failed");
    assert_eq!(accept(&app, &order, &because()).await.json()["status"], "paid");
}

async fn an_acceptance_is_an_event_an_announcement_and_an_audited_write(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = partial(&app, "1001").await;
    app.clock.advance(Span::seconds(90));
    let answer = accept(&app, &order, &json!({ "reason": "Zu wenig, aber gut. ✓" })).await;
    let envelope = answer.json();
    assert_eq!(app.steps(&order).await, ["pending/create", "partial/ipn", "paid/ipn"]);
    let event = &envelope["events"][2];
    assert_eq!([&event["payment_id"], &event["at"]], ["1001", "2026-05-12T12:01:30.000Z"], "{event}");
    assert!(event["actor"].as_str().is_some_and(|actor| actor.starts_with("key_")), "{event}");
    assert_eq!(event["provider_status"], Value::Null, "no word of the provider's made it");
    assert_eq!([&envelope["paid_at"], &envelope["payment_id"]], ["2026-05-12T12:01:30.000Z", "1001"]);

    let bodies = app.outbox(&order).await;
    let types: Vec<_> = bodies.iter().map(|body| &body["type"]).collect();
    assert_eq!(types, ["crypto.order.partial", "crypto.order.paid"]);
    let data = json!({ "order_id": order, "product": "solo_manual", "price_cents": 7900, "price_currency": "USD",
        "payment_id": "1001", "paid_at": "2026-05-12T12:01:30.000Z" });
    assert_eq!(&bodies[1]["data"], &data);

    let audited = app.walk("/v1/admin/audit-log", 50).await;
    assert_eq!(audited.len(), 1, "{audited:?}");
    let input = json!({ "reason": "Zu wenig, aber gut. ✓", "payment_id": null });
    assert_eq!((&audited[0]["input"], &audited[0]["target"]), (&input, &json!(order)));
    assert_eq!((&audited[0]["action"], &audited[0]["actor"]), (&json!("crypto_order.accepted"), &event["actor"]));
    assert_eq!(audited[0]["result"], json!({ "outcome": "applied", "status": "paid" }));
    let totals = "select status || ' ' || sum(orders) || ' ' || sum(cents) from order_totals where day = '' \
                  group by status having sum(orders) <> 0";
    assert_eq!(app.sql(totals).await, "paid 1 7900");
    // The customer reads a payment like any other.
    let shown = app.get(&format!("/v1/billing/crypto-orders/{order}")).await;
    assert_eq!((&shown.json()["status"], shown.text.contains("key_")), (&json!("paid"), false));
}

async fn a_payment_can_be_named_if_it_is_the_orders_own(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (order, other) = (partial(&app, "1001").await, partial(&app, "1002").await);
    let child = json!({ "parent_payment_id": "1001", "actually_paid": 0.1, "pay_amount": 0.1 });
    told(&app, &order, ["1003", "finished"], child).await;
    let naming = |payment: &str| json!({ "reason": "It is here.", "payment_id": payment });
    for stranger in ["1002", "9999", "1001 x", "100"] {
        conflict(&accept(&app, &order, &naming(stranger)).await, "payment_id");
    }
    assert_eq!(app.look(&order).await["status"], "partial");
    let accepted = accept(&app, &order, &naming("1003")).await.json();
    assert_eq!([&accepted["payment_id"], &accepted["events"][2]["payment_id"]], ["1001", "1003"], "{accepted}");
    let accepted = accept(&app, &other, &naming("1002")).await.json();
    assert_eq!([&accepted["status"], &accepted["events"][2]["payment_id"]], ["paid", "1002"]);
    let inputs: Vec<Value> = app.walk("/v1/admin/audit-log", 50).await.iter().map(|row| row["input"].clone()).collect();
    assert!(inputs.contains(&naming("1003")) && inputs.contains(&naming("1002")), "{inputs:?}");
}

async fn what_an_operator_may_not_ask_for_is_refused_and_leaves_no_trace(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = partial(&app, "1001").await;
    for nobody in [format!("ord_{}", "0".repeat(32)), "nonsense".to_owned()] {
        let told = accept(&app, &nobody, &because()).await.problem(404, "not-found");
        assert_eq!(told, format!("No crypto order with id \"{nobody}\"."));
    }
    let wrong = [
        json!({}),
        json!({ "payment_id": "1001" }),
        json!({ "reason": "" }),
        json!({ "reason": null }),
        json!({ "reason": 7 }),
        json!({ "reason": "a\u{0}b" }),
        json!({ "reason": "ü".repeat(501) }),
        json!({ "reason": "yes", "payment_id": "" }),
        json!({ "reason": "yes", "payment_id": 1001 }),
        json!({ "reason": "yes", "payment_id": " 1001" }),
        json!({ "reason": "yes", "payment_id": "x".repeat(129) }),
        json!([]),
    ];
    for body in wrong {
        accept(&app, &order, &body).await.problem(400, "validation-failed");
    }
    let path = format!("/v1/admin/crypto-orders/{order}/accept");
    app.call(Method::POST, &path, &because()).await.problem(403, "forbidden");
    assert_eq!(app.look(&order).await["status"], "partial");
    assert_eq!(app.walk("/v1/admin/audit-log", 50).await, Vec::<Value>::new());
    let longest = json!({ "reason": "ü".repeat(500), "payment_id": null });
    assert_eq!(accept(&app, &order, &longest).await.code(), 200);
}

async fn an_acceptance_is_remembered_and_amounts_that_fall_short_are_no_news(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = partial(&app, "1001").await;
    assert_eq!(accept(&app, &order, &because()).await.code(), 200);
    let app = app.restart(|_| {}).await;
    let before = app.look(&order).await;
    for (word, paid) in [("partially_paid", 0.21), ("finished", 0.22), ("partially_paid", 0.23)] {
        assert_eq!(told(&app, &order, ["1001", word], json!({ "actually_paid": paid })).await, "paid");
    }
    assert_eq!(app.raised(&order).await, ["underpaid 1001 1"], "from when it was partial");
    assert_eq!(app.look(&order).await["events"], before["events"]);
    // Weeks of silence are no stall any more; a take-back is news all the same.
    app.advance(Span::hours(24 * 30)).await;
    assert_eq!(app.raised(&order).await, ["underpaid 1001 1"]);
    assert_eq!(told(&app, &order, ["1001", "refunded"], json!({})).await, "paid");
    assert_eq!(app.raised(&order).await, ["paid_then_failed 1001 1", "underpaid 1001 1"]);
    assert_eq!(app.outbox(&order).await.len(), 2, "when it was partial, and when it was paid");
}

async fn money_in_another_coin_is_kept_in_the_ledger_apart_from_the_sum(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = cancelled(&app).await;
    told(&app, &order, ["1001", "waiting"], json!({})).await;
    let ledger = "select coalesce(other_coin, '-') || ' ' || coalesce(other_received, '-') || ' ' || coin || ' ' || \
                  received || ' ' || provider_status from order_payments";
    assert_eq!(app.sql(ledger).await, "- - eth 0 waiting");
    let in_btc = |paid: &str| json!({ "pay_currency": "BTC", "actually_paid": paid });
    let said =
        [("0.0100", "0.0100"), ("0.0200000000000000001", "0.0200000000000000001"), ("0.01", "0.0200000000000000001")];
    for (paid, kept) in said {
        told(&app, &order, ["1001", "finished"], in_btc(paid)).await;
        assert_eq!(app.sql(ledger).await, format!("btc {kept} eth 0 waiting"));
    }
    // Read back after a restart, it still counts as money.
    let app = app.restart(|_| {}).await;
    assert_eq!(accept(&app, &order, &because()).await.json()["status"], "paid");
    assert_eq!(app.sql(ledger).await, "btc 0.0200000000000000001 eth 0 waiting");
}

/// Asserts that an order was paid once: one event, one announcement.
async fn paid_once(app: &TestApp, order: &str) {
    assert_eq!(app.steps(order).await, ["pending/create", "partial/ipn", "paid/ipn"]);
    let paid = app.outbox(order).await.iter().filter(|body| body["type"] == "crypto.order.paid").count();
    assert_eq!(paid, 1);
}

async fn audited(app: &TestApp, order: &str) -> usize {
    app.walk(&format!("/v1/admin/audit-log?target={order}"), 50).await.len()
}

async fn an_acceptance_while_the_rest_arrives_pays_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for round in 0..15 {
        let id = format!("40{round}");
        let order = partial(&app, &id).await;
        let (accepted, state) =
            join(accept(&app, &order, &because()), told(&app, &order, [&id, "finished"], json!({}))).await;
        assert_eq!(state, "paid");
        paid_once(&app, &order).await;
        if accepted.code() == 200 {
            assert_eq!(audited(&app, &order).await, 1);
        } else {
            conflict(&accepted, "status");
            assert_eq!(audited(&app, &order).await, 0);
        }
    }
}

async fn two_operators_at_once_accept_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for round in 0..10 {
        let order = partial(&app, &format!("50{round}")).await;
        let answers = join_all((0..4).map(async |_| accept(&app, &order, &because()).await)).await;
        one_of(&answers);
        paid_once(&app, &order).await;
        assert_eq!(audited(&app, &order).await, 1);
    }
}

/// Asserts that one of them did it and all others were told that it is done.
fn one_of(answers: &[Answer]) {
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.code() == 200);
    assert_eq!(done.len(), 1);
    for answer in refused {
        assert!(conflict(answer, "status").contains("settled already"));
    }
}

async fn two_nodes_at_once_accept_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let other = app.beside(|_| {}).await;
    for round in 0..15 {
        let id = format!("60{round}");
        let order = partial(&app, &id).await;
        let (one, two) = join(accept(&app, &order, &because()), accept(&other, &order, &because())).await;
        one_of(&[one, two]);
        paid_once(&other, &order).await;
        assert_eq!(audited(&app, &order).await, 1);

        let id = format!("{id}-rest");
        let order = partial(&app, &id).await;
        let rest = told(&other, &order, [&id, "finished"], json!({}));
        let (accepted, state) = join(accept(&app, &order, &because()), rest).await;
        assert_eq!(state, "paid");
        paid_once(&app, &order).await;
        assert_eq!(audited(&app, &order).await, usize::from(accepted.code() == 200));
        assert_eq!(app.look(&order).await, other.look(&order).await);
    }
}
