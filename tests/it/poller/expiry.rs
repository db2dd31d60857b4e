//! Look before you fail: what the clock does to an order once the provider was asked, or could not be.

use std::sync::atomic::Ordering;

use crypto_orders::config::Settings;
use crypto_orders::domain::lifecycle::LatePayments;
use crypto_orders::domain::time::Span;
use serde_json::json;

use super::teller::{Mood, Says};
use super::{crowd, status, unpaid};
use crate::engines::Engine;
use crate::harness::{TestApp, payment};

on_both_engines![
    what_was_paid_in_the_last_minute_is_found_before_the_window_ends,
    money_on_its_way_at_the_end_of_the_window_keeps_the_order_open,
    with_the_provider_away_orders_end_within_two_minutes_and_it_is_hardly_asked,
    while_the_provider_wants_to_be_left_alone_orders_wait_for_their_turn,
    an_order_whose_turn_never_comes_ends_after_two_minutes,
    many_orders_that_end_do_not_keep_others_from_being_asked_about,
    where_late_money_is_only_recorded_an_order_waits_for_an_answer,
    where_no_answer_ever_comes_an_order_waits_for_a_day_and_no_longer,
    orders_that_wait_for_an_answer_are_in_nobodys_way,
];

/// Only the sweeper looks.
fn by_the_clock_alone(settings: &mut Settings) {
    settings.poller.automatic = false;
}

/// The same, and what was ended stays so.
fn only_recording(settings: &mut Settings) {
    by_the_clock_alone(settings);
    settings.orders.rules.late_payments = LatePayments::Record;
}

async fn what_was_paid_in_the_last_minute_is_found_before_the_window_ends(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 2, by_the_clock_alone).await;
    let [paid, id] = &orders[0];
    app.advance(Span::minutes(59)).await;
    teller.says(id, Says::Body(payment(paid, id, "finished")));
    app.advance(Span::minutes(1)).await;
    assert_eq!(app.steps(paid).await, ["pending/create", "paid/ipn"]);
    assert_eq!(app.steps(&orders[1][0]).await, ["pending/create", "failed/expired"]);
    // Each was asked about once, and the end came at its minute.
    assert_eq!(teller.asked().len(), 2);
    assert_eq!(app.look(&orders[1][0]).await["updated_at"], "2026-05-12T13:00:00.000Z");
}

async fn money_on_its_way_at_the_end_of_the_window_keeps_the_order_open(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, by_the_clock_alone).await;
    let [order, id] = &orders[0];
    teller.says(id, Says::Body(payment(order, id, "confirming")));
    app.advance(Span::hours(1)).await;
    app.advance(Span::hours(1)).await;
    assert_eq!(app.steps(order).await, ["pending/create", "confirming/ipn"]);
}

async fn with_the_provider_away_orders_end_within_two_minutes_and_it_is_hardly_asked(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 12, by_the_clock_alone).await;
    teller.mood(Mood::Away);
    app.advance(Span::hours(1)).await;
    let mut asked = teller.asked();
    asked.sort();
    asked.dedup();
    assert!((3..=6).contains(&asked.len()), "{asked:?}");
    // Those that it was asked about end on time; the others have their turn later, but not for ever.
    for [order, id] in &orders {
        assert_eq!(status(&app, order).await == "failed", asked.contains(id), "{id}");
    }
    app.advance(Span::minutes(2)).await;
    for [order, _] in &orders {
        assert_eq!(app.steps(order).await, ["pending/create", "failed/expired"]);
    }
}

async fn while_the_provider_wants_to_be_left_alone_orders_wait_for_their_turn(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 2, by_the_clock_alone).await;
    let [[paid, paid_id], [unpaid, _]] = [&orders[0], &orders[1]];
    teller.mood(Mood::Busy(60));
    app.advance(Span::hours(1)).await;
    teller.mood(Mood::There);
    teller.says(paid_id, Says::Body(payment(paid, paid_id, "finished")));
    app.advance(Span::seconds(59)).await;
    assert_eq!([status(&app, paid).await, status(&app, unpaid).await], ["pending", "pending"]);
    app.advance(Span::seconds(1)).await;
    assert_eq!(app.steps(paid).await, ["pending/create", "paid/ipn"]);
    assert_eq!(app.steps(unpaid).await, ["pending/create", "failed/expired"]);
}

async fn an_order_whose_turn_never_comes_ends_after_two_minutes(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, by_the_clock_alone).await;
    teller.mood(Mood::Busy(600));
    app.advance(Span::hours(1)).await;
    app.advance(Span::seconds(119)).await;
    assert_eq!(status(&app, &orders[0][0]).await, "pending");
    app.advance(Span::seconds(1)).await;
    assert_eq!(app.steps(&orders[0][0]).await, ["pending/create", "failed/expired"]);
}

async fn many_orders_that_end_do_not_keep_others_from_being_asked_about(engine: Engine) {
    // Two questions in each interval of five seconds, while forty orders end.
    let (app, teller, orders) = unpaid(engine, 40, |settings| settings.poller.per_minute = 24).await;
    let others = crowd::put(&app, 30);
    app.advance(Span::hours(1)).await;
    for [order, _] in &orders {
        assert_eq!(status(&app, order).await, "failed");
    }
    for _ in 0..6 {
        app.advance(Span::seconds(5)).await;
    }
    let asked = teller.asked();
    let of_others = asked.iter().filter(|id| others.contains(*id)).count();
    assert!(6 <= of_others, "{of_others}");
}

async fn where_late_money_is_only_recorded_an_order_waits_for_an_answer(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 2, only_recording).await;
    let [[paid, paid_id], [unpaid, _]] = [&orders[0], &orders[1]];
    teller.mood(Mood::Away);
    app.advance(Span::hours(1)).await;
    app.advance(Span::hours(20)).await;
    assert_eq!([status(&app, paid).await, status(&app, unpaid).await], ["pending", "pending"]);
    teller.mood(Mood::There);
    teller.says(paid_id, Says::Body(payment(paid, paid_id, "finished")));
    app.advance(Span::minutes(6)).await;
    assert_eq!(app.steps(paid).await, ["pending/create", "paid/ipn"]);
    assert_eq!(app.steps(unpaid).await, ["pending/create", "failed/expired"]);
}

async fn where_no_answer_ever_comes_an_order_waits_for_a_day_and_no_longer(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, only_recording).await;
    let [order, id] = &orders[0];
    teller.says(id, Says::Unknown);
    app.advance(Span::hours(24)).await;
    app.advance(Span::seconds(3_599)).await;
    assert_eq!(status(&app, order).await, "pending");
    app.advance(Span::seconds(1)).await;
    assert_eq!(app.steps(order).await, ["pending/create", "failed/expired"]);
}

async fn orders_that_wait_for_an_answer_are_in_nobodys_way(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 8, only_recording).await;
    // Of the longest due nothing is ever said.
    for [_, id] in &orders[..6] {
        teller.says(id, Says::Nothing);
    }
    app.advance(Span::hours(1)).await;
    app.advance(Span::seconds(1)).await;
    app.advance(Span::seconds(1)).await;
    let ended = async |app: &TestApp, order: &str| status(app, order).await == json!("failed");
    for (nth, [order, _]) in orders.iter().enumerate() {
        assert_eq!(ended(&app, order).await, 6 <= nth, "{nth}");
    }
    assert_eq!(app.app.sweeper().counters.failures.load(Ordering::Relaxed), 0);
}
