//! Orders that are paid: which questions still follow, and what is found by them.

use crypto_orders::domain::time::{Span, Timestamp};
use reqwest::Method;
use serde_json::json;

use super::teller::{Mood, Says, Teller};
use super::{raised, status, unpaid};
use crate::engines::Engine;
use crate::harness::{TestApp, payment, told};

on_both_engines![
    a_second_deposit_that_the_paying_answer_names_is_taken_and_raised,
    a_look_before_the_expiry_takes_the_second_deposit_too,
    of_very_many_deposits_the_later_looks_take_those_that_the_first_could_not,
    a_paid_order_is_asked_about_an_hour_a_day_three_and_seven_days_after_it_was_paid,
    a_second_deposit_and_a_refund_whose_ipns_were_lost_are_found_and_raised_once,
    a_refund_of_the_deposit_that_completed_an_order_is_found,
    an_order_that_was_settled_by_hand_is_asked_about_an_hour_later,
    orders_that_were_paid_before_have_the_looks_that_are_left_and_older_ones_none,
    a_look_at_a_paid_order_that_found_no_answer_is_repeated_after_an_hour,
];

on_postgres![two_nodes_ask_once_about_a_paid_order];

/// What the provider says of a payment that settled in full and has further deposits.
fn finished_with(order: &str, id: &str, children: &[u32]) -> Says {
    let mut told = payment(order, id, "finished");
    told["payment_extra_ids"] = json!(children);
    Says::Body(told)
}

/// An order that an IPN has paid.
async fn paid(engine: Engine) -> (TestApp, Teller, [String; 2]) {
    let (app, teller, orders) = unpaid(engine, 1, |_| {}).await;
    let [order, id] = &orders[0];
    app.advance(Span::minutes(2)).await;
    teller.asked();
    assert_eq!(told(&app, order, [id.as_str(), "finished"], json!({})).await, "paid");
    let pair = orders[0].clone();
    (app, teller, pair)
}

/// Goes on by so many steps and answers how long after the start something was asked.
async fn asked_after(app: &TestApp, teller: &Teller, start: Timestamp, steps: (usize, Span)) -> Vec<i64> {
    let mut asked = Vec::new();
    for _ in 0..steps.0 {
        app.advance(steps.1).await;
        asked.extend(teller.asked().iter().map(|_| app.clock.now().since(start).as_millis() / 60_000));
    }
    asked
}

async fn a_second_deposit_that_the_paying_answer_names_is_taken_and_raised(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |_| {}).await;
    let [order, id] = &orders[0];
    teller.says(id, finished_with(order, id, &[2_001]));
    teller.says("2001", Says::Body(payment(order, "2001", "finished")));
    app.advance(Span::minutes(2)).await;
    assert_eq!(status(&app, order).await, "paid");
    assert_eq!(raised(&app, "child_payment").await, [(json!(order), json!("2001"), json!(1))]);
    assert_eq!(teller.asked(), [id.as_str(), "2001"]);
}

async fn a_look_before_the_expiry_takes_the_second_deposit_too(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |settings| settings.poller.automatic = false).await;
    let [order, id] = &orders[0];
    teller.says(id, finished_with(order, id, &[2_001]));
    teller.says("2001", Says::Body(payment(order, "2001", "finished")));
    app.advance(Span::hours(1)).await;
    assert_eq!(status(&app, order).await, "paid");
    assert_eq!(raised(&app, "child_payment").await, [(json!(order), json!("2001"), json!(1))]);
}

async fn of_very_many_deposits_the_later_looks_take_those_that_the_first_could_not(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |_| {}).await;
    let [order, id] = &orders[0];
    let children: Vec<u32> = (2_001..=2_010).collect();
    teller.says(id, finished_with(order, id, &children));
    for child in &children {
        teller.says(&child.to_string(), Says::Body(payment(order, &child.to_string(), "finished")));
    }
    app.advance(Span::minutes(2)).await;
    // One look costs eight questions at the most.
    assert_eq!((teller.asked().len(), raised(&app, "child_payment").await.len()), (8, 7));
    app.advance(Span::minutes(5)).await;
    app.advance(Span::hours(1)).await;
    assert_eq!(raised(&app, "child_payment").await.len(), 10);
}

async fn a_paid_order_is_asked_about_an_hour_a_day_three_and_seven_days_after_it_was_paid(engine: Engine) {
    let (app, teller, [order, id]) = paid(engine).await;
    let paid_at = app.clock.now();
    let minutes = asked_after(&app, &teller, paid_at, (13, Span::minutes(5))).await;
    assert_eq!(minutes, [60]);
    let app = app.restart(|settings| teller.tells(settings)).await;
    let minutes = asked_after(&app, &teller, paid_at, (9 * 24, Span::hours(1))).await;
    let hours: Vec<i64> = minutes.iter().map(|minutes| minutes / 60).collect();
    assert_eq!(hours, [24, 72, 168], "{minutes:?}");
    assert_eq!(app.database.sql("select count(*) from provider_work"), "0");
    // Nothing came, and nothing was written.
    assert_eq!(app.steps(&order).await, ["pending/create", "paid/ipn"]);
    assert_eq!(raised(&app, "ipn_silence").await, []);
    assert_eq!(app.look(&order).await["payment_id"], id.as_str());
}

async fn a_second_deposit_and_a_refund_whose_ipns_were_lost_are_found_and_raised_once(engine: Engine) {
    let (app, teller, [order, id]) = paid(engine).await;
    teller.says(&id, finished_with(&order, &id, &[2_001]));
    teller.says("2001", Says::Body(payment(&order, "2001", "finished")));
    app.advance(Span::minutes(5)).await;
    app.advance(Span::minutes(55)).await;
    let deposit = [(json!(order), json!("2001"), json!(1))];
    assert_eq!(raised(&app, "child_payment").await, deposit);
    teller.says(&id, Says::Body(payment(&order, &id, "refunded")));
    for _ in 0..8 {
        app.advance(Span::hours(24)).await;
    }
    assert_eq!(raised(&app, "paid_then_failed").await, [(json!(order), json!(id), json!(1))]);
    assert_eq!(raised(&app, "child_payment").await, deposit);
    assert_eq!(app.steps(&order).await, ["pending/create", "paid/ipn"]);
}

async fn a_refund_of_the_deposit_that_completed_an_order_is_found(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |_| {}).await;
    let [order, id] = &orders[0];
    let part = |id: &str, word: &str, received: f64| {
        let mut told = payment(order, id, word);
        told["actually_paid"] = json!(received);
        told
    };
    let mut first = part(id, "partially_paid", 0.3);
    first["payment_extra_ids"] = json!([2_001]);
    teller.says(id, Says::Body(first));
    teller.says("2001", Says::Body(part("2001", "finished", 0.2)));
    app.advance(Span::minutes(2)).await;
    assert_eq!(status(&app, order).await, "paid");
    teller.says("2001", Says::Body(part("2001", "refunded", 0.2)));
    app.advance(Span::minutes(10)).await;
    app.advance(Span::hours(1)).await;
    // The item that was raised for the deposit is raised again, with the new word of the payment.
    assert_eq!(raised(&app, "child_payment").await, [(json!(order), json!("2001"), json!(2))]);
    let item = &app.admin("/attention?kind=child_payment").await.json()["data"][0];
    assert_eq!(item["payment"]["provider_status"], "refunded", "{item}");
}

async fn an_order_that_was_settled_by_hand_is_asked_about_an_hour_later(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |_| {}).await;
    let [order, id] = &orders[0];
    let path = format!("/v1/billing/crypto-orders/{order}/cancel");
    assert_eq!(app.call(Method::POST, &path, &json!({})).await.code(), 200);
    teller.says(id, Says::Body(payment(order, id, "finished")));
    for _ in 0..8 {
        app.advance(Span::hours(12)).await;
    }
    // By now hours pass between two questions.
    let because = json!({ "reason": "Treasury has the money." });
    assert_eq!(app.admin_call(Method::POST, &format!("/{order}/accept"), &because).await.code(), 200);
    teller.asked();
    assert_eq!(asked_after(&app, &teller, app.clock.now(), (13, Span::minutes(5))).await, [60]);
}

async fn orders_that_were_paid_before_have_the_looks_that_are_left_and_older_ones_none(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let paid = async |id: &str| {
        let order = app.order().await;
        assert_eq!(told(&app, &order, [id, "finished"], json!({})).await, "paid");
    };
    paid("1001").await;
    app.clock.advance(Span::hours(5 * 24));
    paid("1002").await;
    app.clock.advance(Span::hours(2 * 24));
    paid("1003").await;
    // Nobody was asked while no provider was configured.
    assert_eq!(app.database.sql("select count(*) from provider_work"), "0");
    let teller = Teller::start().await;
    let app = app.restart(|settings| teller.tells(settings)).await;
    app.app.wake_poller().await;
    assert_eq!((teller.asked(), app.database.sql("select count(*) from provider_work").as_str()), (vec![], "2"));
    app.advance(Span::hours(1)).await;
    assert_eq!(teller.asked(), ["1003"]);
    app.advance(Span::hours(23)).await;
    let mut asked = teller.asked();
    asked.sort();
    assert_eq!(asked, ["1002", "1003"]);
}

async fn a_look_at_a_paid_order_that_found_no_answer_is_repeated_after_an_hour(engine: Engine) {
    let (app, teller, [_, id]) = paid(engine).await;
    let paid_at = app.clock.now();
    app.advance(Span::minutes(5)).await;
    teller.says(&id, Says::Nothing);
    app.advance(Span::minutes(55)).await;
    assert!(!teller.asked().is_empty());
    teller.mood(Mood::There);
    teller.says(&id, Says::Unknown);
    // What the provider does not know any more is asked for at the next of the looks.
    let minutes = asked_after(&app, &teller, paid_at, (24 * 6, Span::minutes(10))).await;
    assert_eq!(minutes, [120, 24 * 60]);
}

async fn two_nodes_ask_once_about_a_paid_order(engine: Engine) {
    let (app, teller, _) = paid(engine).await;
    let other = app.beside(|settings| teller.tells(settings)).await;
    app.clock.advance(Span::minutes(5));
    futures_util::future::join(app.app.wake_poller(), other.app.wake_poller()).await;
    assert_eq!(teller.asked(), Vec::<String>::new());
    app.clock.advance(Span::minutes(55));
    futures_util::future::join(app.app.wake_poller(), other.app.wake_poller()).await;
    assert_eq!(teller.asked().len(), 1);
}
