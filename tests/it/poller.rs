//! What the provider is asked on our own account: how often, about whom, and what becomes of the answers.
//!
//! Most tests have the provider's answers in their hands ([`teller`]); the simulator plays the rest. The schedule
//! itself is tested in `src/domain/polling/tests.rs`.

mod crowd;
mod expiry;
mod hastened;
mod paid;
pub mod teller;

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use crypto_orders::config::Settings;
use crypto_orders::domain::money::Coin;
use crypto_orders::domain::time::{Span, Timestamp};
use crypto_orders::provider::simulator::{Pace, Scenario, Silence, Target};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{TestApp, payment, sql, told};
use teller::{Mood, Says, Teller};

on_both_engines![
    with_ipns_switched_off_every_paid_order_becomes_paid_by_polling,
    ten_thousand_unsettled_orders_are_asked_about_at_the_pace_and_none_is_forgotten,
    a_deposit_whose_ipn_was_lost_is_found_and_completes_its_order,
    asked_too_often_the_provider_is_left_alone_as_long_as_it_says,
    a_payment_that_the_provider_knows_under_another_order_moves_nothing,
    an_order_that_was_cancelled_is_asked_about_for_seven_days,
    late_money_that_a_poll_finds_reopens_its_order,
    money_for_a_cancelled_order_is_raised_once_however_often_it_is_found,
    an_order_without_a_payment_gets_one_when_the_provider_is_back,
    switched_off_it_asks_nothing_by_itself,
    what_a_clock_far_ahead_has_written_keeps_nobody_from_asking,
    how_a_payment_is_paid_that_an_ipn_bound_first_is_learned_by_polling,
];

on_postgres![two_nodes_share_the_pace_and_never_ask_about_one_order_twice];

/// A node at a provider in our hands, with so many bound orders: `(order, payment)`. They are from before the
/// provider was configured.
pub async fn unpaid(
    engine: Engine,
    count: usize,
    set: impl FnOnce(&mut Settings),
) -> (TestApp, Teller, Vec<[String; 2]>) {
    let app = TestApp::spawn(engine).await;
    let mut orders = Vec::new();
    for nth in 0..count {
        let (order, id) = (app.order().await, (1_001 + nth).to_string());
        assert_eq!(told(&app, &order, [id.as_str(), "waiting"], json!({})).await, "pending");
        orders.push([order, id]);
    }
    let teller = Teller::start().await;
    let app = app.restart(|settings| {
        teller.tells(settings);
        set(settings);
    });
    (app.await, teller, orders)
}

async fn status(app: &TestApp, order: &str) -> Value {
    app.look(order).await["status"].clone()
}

/// The open items of a kind, as `(order, payment, count)`.
async fn raised(app: &TestApp, kind: &str) -> Vec<(Value, Value, Value)> {
    let answer = app.admin(&format!("/attention?kind={kind}")).await.json();
    let items = answer["data"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| (item["order_id"].clone(), item["payment_id"].clone(), item["count"].clone())).collect()
}

async fn with_ipns_switched_off_every_paid_order_becomes_paid_by_polling(engine: Engine) {
    // By hand alone: a pass of the timer's between the provider's step and ours would be another story.
    let app = TestApp::simulated_with(engine, |settings| settings.poller.interval = Span::hours(1)).await;
    app.simulator().silence(Silence::On);
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(app.order().await);
    }
    // One pays at once, the others in the course of the window, the last in its last minutes.
    let pays_at = [0, 5, 13, 20, 26, 31, 39, 57];
    let mut found_at = HashMap::new();
    for minute in 0..90 {
        for (order, _) in orders.iter().zip(pays_at).filter(|(_, at)| *at == minute) {
            app.simulator().pay(Target::Order(order), Scenario::Success, Pace::AsScripted).expect("a plan");
        }
        app.advance(Span::minutes(1)).await;
        for order in &orders {
            if !found_at.contains_key(order) && status(&app, order).await == "paid" {
                found_at.insert(order.clone(), minute + 1);
            }
        }
    }
    for (order, paid_at) in orders.iter().zip(pays_at) {
        // The longest that the schedule lets pass is a quarter of the age: within the window, ten minutes here.
        let waited = found_at.get(order).expect("it is paid") - paid_at;
        assert!(waited <= 2 + 11, "{order} waited {waited} minutes");
        assert!(!app.steps(order).await.iter().any(|step| step.starts_with("failed")), "{order}");
    }
    // One item for the whole service, however many orders there were.
    let unannounced = app.app.poller().expect("a poller").counters.unannounced.load(Ordering::Relaxed);
    assert_eq!(raised(&app, "ipn_silence").await, [(Value::Null, Value::Null, json!(unannounced))]);
    assert!(0 < unannounced);
}

/// Lets so many intervals of five seconds pass; answers what was asked in each.
async fn intervals(nodes: &[&TestApp], teller: &Teller, count: usize) -> Vec<Vec<String>> {
    let mut asked = Vec::new();
    for _ in 0..count {
        nodes[0].clock.advance(Span::seconds(5));
        futures_util::future::join_all(nodes.iter().map(|node| node.app.wake_poller())).await;
        asked.push(teller.asked());
    }
    asked
}

/// Asserts that no minute of these intervals has more questions than the pace and what may have been saved up.
fn assert_paced(asked: &[Vec<String>], per_minute: usize) {
    for minute in asked.windows(12) {
        let questions: usize = minute.iter().map(Vec::len).sum();
        assert!(questions <= per_minute + per_minute / 12, "{questions} questions in a minute");
    }
}

async fn ten_thousand_unsettled_orders_are_asked_about_at_the_pace_and_none_is_forgotten(engine: Engine) {
    let teller = Teller::start().await;
    let app = TestApp::spawn_with(engine, |settings| {
        teller.tells(settings);
        settings.poller.per_minute = 1_200;
    });
    let app = app.await;
    app.app.wake_poller().await;
    let payments = crowd::put(&app, 10_000);
    // Ten thousand at 1 200 a minute are eight minutes and a third.
    let asked = intervals(&[&app], &teller, 101).await;
    assert_paced(&asked, 1_200);
    let all: Vec<&String> = asked.iter().flatten().collect();
    let place: HashMap<&String, usize> = all.iter().enumerate().rev().map(|(place, id)| (*id, place)).collect();
    // Everybody had a turn, and one alone: longest due first, as exactly as four at once can be.
    assert_eq!((all.len(), place.len()), (10_000, 10_000));
    for (expected, payment) in payments.iter().enumerate() {
        assert!(place[payment].abs_diff(expected) <= 20, "{payment} at {} for {expected}", place[payment]);
    }
    assert_eq!(app.database.sql("select count(*) from provider_work"), "10000");
}

async fn two_nodes_share_the_pace_and_never_ask_about_one_order_twice(engine: Engine) {
    let teller = Teller::start().await;
    let set = |settings: &mut Settings| {
        teller.tells(settings);
        settings.poller.per_minute = 240;
    };
    let app = TestApp::spawn_with(engine, set).await;
    let other = app.beside(set).await;
    crowd::put(&app, 1_000);
    let asked = intervals(&[&app, &other], &teller, 54).await;
    assert_paced(&asked, 240);
    let mut all: Vec<String> = asked.into_iter().flatten().collect();
    assert_eq!(all.len(), 1_000);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 1_000);
    for node in [&app, &other] {
        let questions = node.app.poller().expect("a poller").counters.questions.load(Ordering::Relaxed);
        assert!(0 < questions, "both nodes ask");
    }
}

async fn a_deposit_whose_ipn_was_lost_is_found_and_completes_its_order(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |_| {}).await;
    let [order, id] = &orders[0];
    let mut parent = payment(order, id, "partially_paid");
    parent["actually_paid"] = json!(0.3);
    parent["payment_extra_ids"] = json!([2_001]);
    let mut child = payment(order, "2001", "finished");
    child["actually_paid"] = json!(0.2);
    teller.says(id, Says::Body(parent));
    teller.says("2001", Says::Body(child));
    app.advance(Span::minutes(2)).await;
    assert_eq!(app.steps(order).await, ["pending/create", "partial/ipn", "paid/ipn"]);
    assert_eq!(raised(&app, "child_payment").await, [(json!(order), json!("2001"), json!(1))]);
}

async fn asked_too_often_the_provider_is_left_alone_as_long_as_it_says(engine: Engine) {
    let (app, teller, _) = unpaid(engine, 6, |_| {}).await;
    teller.mood(Mood::Busy(120));
    app.advance(Span::minutes(2)).await;
    // Those that were being asked just then.
    let asked = teller.asked().len();
    assert!((1..=4).contains(&asked), "{asked}");
    teller.mood(Mood::There);
    app.advance(Span::seconds(60)).await;
    app.advance(Span::seconds(59)).await;
    assert_eq!(teller.asked(), Vec::<String>::new());
    app.advance(Span::seconds(1)).await;
    app.advance(Span::seconds(5)).await;
    let mut asked = teller.asked();
    asked.sort();
    assert_eq!(asked, ["1001", "1002", "1003", "1004", "1005", "1006"]);
}

async fn a_payment_that_the_provider_knows_under_another_order_moves_nothing(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 2, |_| {}).await;
    let [[ours, id], [foreign, foreign_id]] = [&orders[0], &orders[1]];
    // One names an order of ours, the other one that is none.
    teller.says(id, Says::Body(payment(foreign, id, "finished")));
    teller.says(foreign_id, Says::Body(payment("shop-7", foreign_id, "finished")));
    app.advance(Span::minutes(2)).await;
    for [order, id] in &orders {
        assert_eq!(app.steps(order).await, ["pending/create"]);
        let items = raised(&app, "payment_mismatch").await;
        assert!(items.contains(&(json!(order), json!(id), json!(1))), "{items:?}");
    }
    assert_eq!(status(&app, ours).await, "pending");
}

async fn an_order_that_was_cancelled_is_asked_about_for_seven_days(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |_| {}).await;
    let path = format!("/v1/billing/crypto-orders/{}/cancel", orders[0][0]);
    assert_eq!(app.call(Method::POST, &path, &json!({})).await.code(), 200);
    let start = app.clock.now();
    let mut asked_at: Vec<Timestamp> = Vec::new();
    for _ in 0..(9 * 24) {
        app.advance(Span::hours(1)).await;
        asked_at.extend(teller.asked().iter().map(|_| app.clock.now()));
    }
    let seven_days = Span::hours(7 * 24);
    assert_eq!(asked_at.last().map(|last| last.since(start)), Some(seven_days));
    let gaps = asked_at.windows(2).map(|two| two[1].since(two[0]));
    assert!(gaps.max() <= Some(Span::hours(7)), "{asked_at:?}");
    assert_eq!(app.database.sql("select count(*) from provider_work"), "0");
}

async fn late_money_that_a_poll_finds_reopens_its_order(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |_| {}).await;
    let [order, id] = &orders[0];
    app.advance(Span::hours(1)).await;
    assert_eq!(app.steps(order).await, ["pending/create", "failed/expired"]);
    app.advance(Span::hours(48)).await;
    teller.says(id, Says::Body(payment(order, id, "finished")));
    app.advance(Span::hours(6)).await;
    assert_eq!(app.steps(order).await, ["pending/create", "failed/expired", "paid/ipn"]);
    assert_eq!(raised(&app, "ipn_silence").await, [(Value::Null, Value::Null, json!(1))]);
}

async fn money_for_a_cancelled_order_is_raised_once_however_often_it_is_found(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |_| {}).await;
    let [order, id] = &orders[0];
    let path = format!("/v1/billing/crypto-orders/{order}/cancel");
    assert_eq!(app.call(Method::POST, &path, &json!({})).await.code(), 200);
    teller.says(id, Says::Body(payment(order, id, "finished")));
    for _ in 0..20 {
        app.advance(Span::hours(1)).await;
    }
    assert!(3 < teller.asked().len());
    assert_eq!(raised(&app, "late_payment").await, [(json!(order), json!(id), json!(1))]);
    assert_eq!(app.steps(order).await, ["pending/create", "cancelled/cancel"]);
}

async fn an_order_without_a_payment_gets_one_when_the_provider_is_back(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    app.simulator().script_next(Scenario::HtmlError);
    let answer = app.checkout(None).await.json();
    assert_eq!((&answer["provider"], &answer["payment_id"]), (&json!("stub"), &Value::Null));
    let order = answer["order_id"].as_str().expect("an order id");
    for _ in 0..10 {
        app.advance(Span::minutes(1)).await;
    }
    assert_eq!(app.simulator().payments_of(order).len(), 1);
    assert!(app.look(order).await["payment_id"].is_string());
}

async fn switched_off_it_asks_nothing_by_itself(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |settings| settings.poller.automatic = false).await;
    app.advance(Span::minutes(59)).await;
    assert_eq!(teller.asked(), Vec::<String>::new());
    // The sweeper looks before it ends an order all the same.
    app.advance(Span::minutes(1)).await;
    assert_eq!(teller.asked(), [orders[0][1].as_str()]);
    assert_eq!(app.steps(&orders[0][0]).await, ["pending/create", "failed/expired"]);
}

async fn what_a_clock_far_ahead_has_written_keeps_nobody_from_asking(engine: Engine) {
    let (app, teller, orders) = unpaid(engine, 1, |_| {}).await;
    app.app.wake_poller().await;
    teller.asked();
    let far = app.clock.now().after(Span::hours(1_000)).micros();
    let statement = format!(
        "update provider_pace set next_at = {far}; update provider_work set claim = 'another', claimed_until = {far}"
    );
    sql::run(app.engine(), &app.database.url, &statement).expect("rows as another node writes them");
    app.advance(Span::minutes(2)).await;
    assert_eq!(teller.asked(), [orders[0][1].as_str()]);
}

async fn how_a_payment_is_paid_that_an_ipn_bound_first_is_learned_by_polling(engine: Engine) {
    let coin = Coin::parse("eth").expect("a coin");
    let (app, teller, orders) = unpaid(engine, 1, |settings| settings.orders.pay_currency = Some(coin)).await;
    let [order, id] = &orders[0];
    let mut told = payment(order, id, "waiting");
    told["pay_address"] = json!("0xabc1001");
    teller.says(id, Says::Body(told));
    app.advance(Span::minutes(2)).await;
    assert_eq!(app.database.sql("select pay_address from order_payments"), "0xabc1001");
    assert_eq!(status(&app, order).await, "pending");
}
