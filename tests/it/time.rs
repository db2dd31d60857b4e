//! The clock: what it ends and when, what it leaves alone, and what evidence makes of its guesses.

use crypto_orders::domain::lifecycle::LatePayments;
use crypto_orders::domain::time::Span;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp, payment};

on_both_engines![
    an_order_expires_at_the_end_of_its_window_and_not_a_moment_before,
    money_on_its_way_is_neither_expired_nor_swept,
    a_cancel_counts_inside_the_window_and_is_an_expiry_after_it,
    switched_off_the_timer_leaves_expiry_to_the_sweep_by_hand,
    a_sweep_by_hand_sweeps_and_is_audited,
    a_sweep_takes_no_more_than_its_limit_and_says_so,
    a_dry_run_tells_and_changes_nothing,
    a_sweep_of_an_age_that_makes_no_sense_is_refused,
    late_money_reopens_what_only_the_clock_failed,
    where_settings_say_so_late_money_is_only_recorded,
    the_providers_own_guess_is_reopened_and_its_knowledge_is_not,
    silence_is_raised_once_and_again_after_news,
    more_than_a_page_of_due_orders_expire_in_one_look,
    a_transition_to_paid_or_failed_writes_one_event_for_the_merchant,
    a_reopened_order_tells_both_of_its_ends,
];

async fn told(app: &TestApp, order: &str, id: &str, word: &str) -> Value {
    let answer = app.ipn(&payment(order, id, word)).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    answer.json()["order_state"].clone()
}

async fn cancel(app: &TestApp, order: &str) -> Answer {
    app.call(Method::POST, &format!("/v1/billing/crypto-orders/{order}/cancel"), &json!({})).await
}

async fn sweep(app: &TestApp, body: Value) -> Answer {
    app.admin_call(Method::POST, "/sweep-expired", &body).await
}

async fn status(app: &TestApp, order: &str) -> Value {
    app.look(order).await["status"].clone()
}

async fn an_order_expires_at_the_end_of_its_window_and_not_a_moment_before(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    assert_eq!(app.look(&order).await["expires_at"], "2026-05-12T13:00:00.000Z");
    app.advance(Span::seconds(59 * 60 + 59)).await;
    assert_eq!(status(&app, &order).await, "pending");
    app.advance(Span::millis(999)).await;
    assert_eq!(status(&app, &order).await, "pending");
    app.advance(Span::millis(1)).await;
    let look = app.look(&order).await;
    assert_eq!([&look["status"], &look["failure_reason"]], ["failed", "expired"]);
    assert_eq!([&look["updated_at"], &look["events"][1]["at"]], ["2026-05-12T13:00:00.000Z"; 2]);
    assert_eq!(look["expires_at"], Value::Null);
    assert_eq!(app.steps(&order).await, ["pending/create", "failed/expired"]);
    // Once is enough.
    app.advance(Span::hours(1)).await;
    assert_eq!(app.look(&order).await, look);
}

async fn money_on_its_way_is_neither_expired_nor_swept(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (confirming, partial) = (app.order().await, app.order().await);
    told(&app, &confirming, "1001", "confirming").await;
    told(&app, &partial, "1002", "partially_paid").await;
    app.advance(Span::hours(48)).await;
    assert_eq!(sweep(&app, json!({})).await.json()["expired"], 0);
    assert_eq!(status(&app, &confirming).await, "confirming");
    assert_eq!(status(&app, &partial).await, "partial");
}

async fn a_cancel_counts_inside_the_window_and_is_an_expiry_after_it(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let (early, late) = (app.order().await, app.order().await);
    app.clock.advance(Span::millis(3_599_999));
    let cancelled = cancel(&app, &early).await;
    assert_eq!((cancelled.code(), &cancelled.json()["status"]), (200, &json!("cancelled")));
    app.clock.advance(Span::millis(1));
    let expired = cancel(&app, &late).await;
    assert_eq!((expired.code(), &expired.json()["status"]), (200, &json!("failed")));
    assert_eq!(expired.json()["failure_reason"], "expired");
    assert_eq!(app.steps(&early).await, ["pending/create", "cancelled/cancel"]);
    assert_eq!(app.steps(&late).await, ["pending/create", "failed/expired"]);
    for (order, state) in [(early, "cancelled"), (late, "failed")] {
        let again = cancel(&app, &order).await;
        let detail = again.problem(409, "conflict");
        let sentence = "can no longer be cancelled. Crypto payments are non-refundable; contact support if you need \
                        to discuss reconciliation.";
        assert_eq!(detail, format!("Order is in state \"{state}\" and {sentence}"));
        assert_eq!([&again.json()["resource"], &again.json()["field"]], ["crypto_order", "status"]);
    }
}

async fn switched_off_the_timer_leaves_expiry_to_the_sweep_by_hand(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let order = app.order().await;
    app.advance(Span::hours(5)).await;
    assert_eq!(status(&app, &order).await, "pending");
    assert_eq!(sweep(&app, json!({})).await.json()["order_ids"], json!([order]));
    assert_eq!(app.steps(&order).await, ["pending/create", "failed/swept"]);
}

/// An app whose timer is off, with orders that are 100, 90 and 59 minutes old.
async fn with_ages(engine: Engine) -> (TestApp, [String; 3]) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let first = app.order().await;
    app.clock.advance(Span::minutes(10));
    let second = app.order().await;
    app.clock.advance(Span::minutes(31));
    let third = app.order().await;
    app.clock.advance(Span::minutes(59));
    (app, [first, second, third])
}

async fn a_sweep_by_hand_sweeps_and_is_audited(engine: Engine) {
    let (app, [first, second, third]) = with_ages(engine).await;
    let swept = sweep(&app, json!({ "older_than_minutes": 100 })).await;
    assert_eq!(swept.code(), 200, "{}", swept.text);
    assert!(swept.text.contains("\"older_than_hours\":1.666666,"), "{}", swept.text);
    let answer = swept.json();
    assert_eq!(
        [&answer["order_ids"], &answer["expired"], &answer["capped"]],
        [&json!([first]), &json!(1), &json!(false)]
    );
    let answer = sweep(&app, json!({})).await.json();
    assert_eq!([&answer["order_ids"], &answer["older_than_hours"]], [&json!([second]), &json!(1)]);
    assert_eq!(status(&app, &third).await, "pending");

    let look = app.look(&first).await;
    assert_eq!([&look["status"], &look["failure_reason"], &look["events"][1]["source"]], ["failed", "swept", "swept"]);
    assert!(look["events"][1]["actor"].as_str().is_some_and(|actor| actor.starts_with("key_")));
    let shown = app.get(&format!("/v1/billing/crypto-orders/{first}")).await.json();
    assert_eq!([&shown["failure_reason"], &shown["events"][1]["source"]], ["expired", "expired"]);
    let audited = app.sql("select action || ' ' || target from audit_log order by at, target").await;
    let mut expected = [first, second].map(|order| format!("crypto_order.swept {order}"));
    expected.sort();
    assert_eq!(audited, expected.join("\n"));
}

async fn a_sweep_takes_no_more_than_its_limit_and_says_so(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    join_all((0..5).map(|_| app.order())).await;
    app.clock.advance(Span::hours(1));
    for (expired, capped) in [(2, true), (2, true), (1, false), (0, false)] {
        let answer = sweep(&app, json!({ "limit": 2 })).await.json();
        assert_eq!([&answer["expired"], &answer["capped"]], [&json!(expired), &json!(capped)], "{answer}");
    }
}

async fn a_dry_run_tells_and_changes_nothing(engine: Engine) {
    let (app, [first, second, _]) = with_ages(engine).await;
    let answer = sweep(&app, json!({ "dry_run": true })).await.json();
    assert_eq!([&answer["order_ids"], &answer["expired"]], [&json!([first, second]), &json!(2)]);
    assert_eq!(status(&app, &first).await, "pending");
    assert_eq!(app.sql("select count(*) from audit_log").await, "0");
}

async fn a_sweep_of_an_age_that_makes_no_sense_is_refused(engine: Engine) {
    let (app, [first, ..]) = with_ages(engine).await;
    for wrong in [
        json!({ "older_than_hours": 2, "older_than_minutes": 120 }),
        json!({ "older_than_minutes": 59 }),
        json!({ "older_than_minutes": 525_601 }),
        json!({ "older_than_hours": 0 }),
        json!({ "older_than_hours": 8761 }),
        json!({ "older_than_hours": "2" }),
        json!({ "limit": 0 }),
        json!({ "limit": 501 }),
    ] {
        sweep(&app, wrong).await.problem(400, "validation-failed");
    }
    assert_eq!(status(&app, &first).await, "pending");
    let longer = |settings: &mut crypto_orders::config::Settings| settings.orders.pay_window = Span::hours(2);
    let app = TestApp::spawn_with(engine, longer).await;
    sweep(&app, json!({ "older_than_hours": 1 })).await.problem(400, "validation-failed");
    assert_eq!(sweep(&app, json!({})).await.json()["older_than_hours"], 2);
}

async fn late_money_reopens_what_only_the_clock_failed(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let (swept, expired) = (app.order().await, app.order().await);
    app.clock.advance(Span::hours(1));
    assert_eq!(cancel(&app, &expired).await.json()["failure_reason"], "expired");
    sweep(&app, json!({})).await;
    for (order, id, by) in [(swept, "1001", "failed/swept"), (expired, "1002", "failed/expired")] {
        assert_eq!(told(&app, &order, id, "waiting").await, "failed");
        assert_eq!(told(&app, &order, id, "confirming").await, "confirming");
        assert_eq!(told(&app, &order, id, "finished").await, "paid");
        assert_eq!(app.steps(&order).await, ["pending/create", by, "confirming/ipn", "paid/ipn"]);
        let look = app.look(&order).await;
        assert_eq!((&look["failure_reason"], &look["paid_at"]), (&Value::Null, &json!("2026-05-12T13:00:00.000Z")));
        assert_eq!(app.raised(&order).await, [format!("late_payment {id} 1")]);
    }
}

async fn where_settings_say_so_late_money_is_only_recorded(engine: Engine) {
    let record = |settings: &mut crypto_orders::config::Settings| {
        settings.orders.rules.late_payments = LatePayments::Record;
    };
    let app = TestApp::spawn_with(engine, record).await;
    let order = app.order().await;
    app.advance(Span::hours(1)).await;
    assert_eq!(told(&app, &order, "1001", "finished").await, "failed");
    assert_eq!(app.raised(&order).await, ["late_payment 1001 1"]);
    assert_eq!(app.steps(&order).await, ["pending/create", "failed/expired"]);
    assert_eq!(app.look(&order).await["payment_id"], "1001");
}

async fn the_providers_own_guess_is_reopened_and_its_knowledge_is_not(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (guessed, known) = (app.order().await, app.order().await);
    assert_eq!(told(&app, &guessed, "1001", "expired").await, "failed");
    assert_eq!(app.look(&guessed).await["failure_reason"], "ipn");
    assert_eq!(told(&app, &guessed, "1001", "finished").await, "paid");
    assert_eq!(told(&app, &known, "1002", "failed").await, "failed");
    assert_eq!(told(&app, &known, "1002", "finished").await, "failed");
    assert_eq!(app.raised(&known).await, ["failed_with_money 1002 1", "late_payment 1002 1"]);
}

async fn silence_is_raised_once_and_again_after_news(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (confirming, partial) = (app.order().await, app.order().await);
    told(&app, &confirming, "1001", "confirming").await;
    told(&app, &partial, "1002", "partially_paid").await;
    app.advance(Span::millis(24 * 3_600_000 - 1)).await;
    assert!(app.raised(&confirming).await.is_empty());
    app.advance(Span::millis(1)).await;
    assert_eq!(app.raised(&confirming).await, ["stalled 1001 1"]);
    app.advance(Span::hours(48)).await;
    assert_eq!(app.raised(&confirming).await, ["stalled 1001 1"]);
    assert_eq!(told(&app, &confirming, "1001", "sending").await, "confirming");
    app.advance(Span::millis(24 * 3_600_000 - 1)).await;
    assert_eq!(app.raised(&confirming).await, ["stalled 1001 1"]);
    app.advance(Span::millis(1)).await;
    assert_eq!(app.raised(&confirming).await, ["stalled 1001 2"]);
    // Four days are gone: a partial order has three more.
    app.advance(Span::millis(3 * 24 * 3_600_000 - 1)).await;
    assert_eq!(app.raised(&partial).await, ["underpaid 1002 1"]);
    app.advance(Span::millis(1)).await;
    assert_eq!(app.raised(&partial).await, ["stalled 1002 1", "underpaid 1002 1"]);
    assert_eq!(app.steps(&partial).await, ["pending/create", "partial/ipn"]);
}

async fn more_than_a_page_of_due_orders_expire_in_one_look(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for _ in 0..12 {
        join_all((0..100).map(|_| app.order())).await;
    }
    app.advance(Span::hours(1)).await;
    let counted = app
        .sql("select status || ' ' || failure_reason || ' ' || count(*) from orders group by status, failure_reason")
        .await;
    assert_eq!(counted, "failed expired 1200");
    assert_eq!(app.sql("select count(*) from order_events where source = 'expired'").await, "1200");
    assert_eq!(app.sql("select count(distinct order_id) from outbox_events").await, "1200");
}

async fn a_transition_to_paid_or_failed_writes_one_event_for_the_merchant(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let orders = join_all((0..4).map(|_| app.order())).await;
    let [paid, failed, cancelled, expired] = &orders[..] else { panic!("four orders") };
    cancel(&app, cancelled).await;
    app.clock.advance(Span::seconds(1));
    told(&app, paid, "1001", "confirming").await;
    told(&app, paid, "1001", "finished").await;
    told(&app, paid, "1001", "finished").await;
    told(&app, failed, "1002", "failed").await;
    app.advance(Span::hours(1)).await;
    let common = |order: &String, payment: Value| json!({ "order_id": order, "product": "solo_manual", "price_cents": 7900, "price_currency": "USD", "payment_id": payment });
    let mut of_paid = common(paid, json!("1001"));
    of_paid["paid_at"] = json!("2026-05-12T12:00:01.000Z");
    let mut of_failed = common(failed, json!("1002"));
    (of_failed["reason"], of_failed["failed_at"]) = (json!("ipn"), json!("2026-05-12T12:00:01.000Z"));
    let mut of_expired = common(expired, json!(null));
    (of_expired["reason"], of_expired["failed_at"]) = (json!("expired"), json!("2026-05-12T13:00:01.000Z"));
    let cases = [(paid, "paid", of_paid), (failed, "failed", of_failed), (expired, "failed", of_expired)];
    for (order, word, data) in cases {
        let bodies = app.outbox(order).await;
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        assert_eq!([&bodies[0]["data"], &bodies[0]["type"]], [&data, &json!(format!("crypto.order.{word}"))]);
        assert_eq!(bodies[0]["created_at"], app.look(order).await["updated_at"]);
        let id = app.sql(&format!("select id from outbox_events where order_id = '{order}'")).await;
        assert_eq!(bodies[0]["id"], id);
        assert_eq!(bodies[0].as_object().map(serde_json::Map::len), Some(4));
    }
    assert!(app.outbox(cancelled).await.is_empty());
    let accounts = app.sql("select distinct account_id from outbox_events").await;
    assert_eq!(accounts, app.account.to_string());
}

async fn a_reopened_order_tells_both_of_its_ends(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let order = app.order().await;
    app.clock.advance(Span::hours(1));
    sweep(&app, json!({})).await;
    app.clock.advance(Span::hours(1));
    told(&app, &order, "1001", "finished").await;
    let bodies = app.outbox(&order).await;
    let types: Vec<_> = bodies.iter().map(|body| body["type"].as_str().unwrap_or_default()).collect();
    assert_eq!(types, ["crypto.order.failed", "crypto.order.paid"]);
    assert_eq!(bodies[0]["data"]["reason"], "swept");
}
