//! The operators' statistics: every figure is what counting the orders one by one gives.
//!
//! What counts as right is worked out here from the orders as they lie in the database. That no figure is
//! won by scanning them is shown in `plans.rs`.

use std::collections::BTreeMap;

use crypto_orders::config::Settings;
use crypto_orders::domain::catalogue::{Catalogue, ProductCode};
use crypto_orders::domain::money::{Currency, Price};
use crypto_orders::domain::time::{Span, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::TestApp;
use crate::harness::sql::run;

on_both_engines![
    an_empty_database_has_its_zeros,
    each_figure_is_that_of_the_orders_made,
    an_order_changes_its_bucket_to_the_millisecond,
    an_order_dated_in_the_future_is_young,
    days_are_those_of_utc_and_today_is_the_last,
    a_number_of_days_out_of_range_is_refused,
    after_any_history_the_figures_are_those_of_the_orders,
    totals_kept_before_the_sum_over_all_days_was_are_taken_over,
];
on_postgres![what_several_nodes_have_counted_is_summed];

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// What is sold: one product costs next to nothing, and two of them are not paid in dollars.
const PRICES: [(&str, i64, &str); 4] =
    [("solo", 7900, "USD"), ("team", 24_900, "USD"), ("tea", 500, "JPY"), ("salt", 1, "KWD")];

/// A node without a timer: orders stay pending until a test says otherwise.
async fn spawn(engine: Engine) -> TestApp {
    TestApp::spawn_with(engine, |settings| sell(settings, &PRICES)).await
}

fn sell(settings: &mut Settings, prices: &[(&str, i64, &str)]) {
    settings.sweeper.automatic = false;
    let priced = prices.iter().map(|(product, cents, currency)| {
        let currency = Currency::parse(currency).expect("a currency");
        (ProductCode::parse(product).expect("a product"), Price { cents: *cents, currency })
    });
    settings.orders.catalogue = Catalogue::new(priced.collect());
}

/// Buys a product at the catalogue's price, whatever the client says.
async fn buy(app: &TestApp, product: &str) -> String {
    let answer = app.checkout_of(&json!({"product": product, "price_cents": 1, "price_currency": "USD"}), None).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.json()["order_id"].as_str().expect("an order").to_owned()
}

/// The provider's word on an order, without amounts.
async fn tell(app: &TestApp, order: &str, word: &str) {
    let payment = format!("pay-{order}");
    let answer = app.ipn(&json!({"payment_id": payment, "payment_status": word, "order_id": order})).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
}

async fn ask(app: &TestApp, path: &str) -> Value {
    let answer = app.admin(path).await;
    assert_eq!(answer.code(), 200, "{path}: {}", answer.text);
    answer.json()
}

/// An order as the database has it.
struct Counted {
    status: String,
    product: String,
    currency: String,
    cents: i64,
    created_at: i64,
    paid_at: Option<i64>,
}

/// All orders, times in milliseconds.
fn counted(app: &TestApp) -> Vec<Counted> {
    let columns = "status || ' ' || product || ' ' || price_currency || ' ' || price_cents || ' ' || \
                   (created_at / 1000) || ' ' || coalesce(paid_at / 1000, -1)";
    let lines = app.database.sql(&format!("select {columns} from orders"));
    let number = |text: &str| text.parse::<i64>().expect("a number");
    let order = |line: &str| {
        let [status, product, currency, cents, created_at, paid_at]: [&str; 6] =
            line.split(' ').collect::<Vec<_>>().try_into().expect("six columns");
        Counted {
            status: status.to_owned(),
            product: product.to_owned(),
            currency: currency.to_owned(),
            cents: number(cents),
            created_at: number(created_at),
            paid_at: Some(number(paid_at)).filter(|at| *at >= 0),
        }
    };
    lines.lines().map(order).collect()
}

fn stats_of(orders: &[Counted]) -> Value {
    let mut by_status: BTreeMap<&str, i64> =
        ["pending", "confirming", "partial", "paid", "failed", "cancelled"].map(|status| (status, 0)).into();
    let (mut revenue, mut count) = (BTreeMap::<&str, i64>::new(), BTreeMap::<&str, i64>::new());
    let mut by_product = BTreeMap::<&str, BTreeMap<&str, i64>>::new();
    let mut waited = 0;
    for order in orders {
        *by_status.entry(&order.status).or_default() += 1;
        if order.status == "paid" {
            *revenue.entry(&order.currency).or_default() += order.cents;
            *by_product.entry(&order.product).or_default().entry(&order.currency).or_default() += order.cents;
            *count.entry(&order.product).or_default() += 1;
            waited += order.paid_at.expect("it was paid") - order.created_at;
        }
    }
    let (total, paid) = (orders.len(), by_status["paid"]);
    json!({
        "total": total, "scanned": total, "truncated": false, "by_status": by_status,
        "paid_revenue_cents": revenue, "paid_revenue_by_product": by_product, "paid_count_by_product": count,
        "paid_sample": paid, "avg_time_to_paid_ms": waited.checked_div(paid),
    })
}

fn pending_age_of(orders: &[Counted], now: Timestamp) -> Value {
    let pending: Vec<&Counted> = orders.iter().filter(|order| order.status == "pending").collect();
    let aged = |from: i64, to: i64| {
        pending.iter().filter(|order| (from..to).contains(&(now.millis() - order.created_at))).count()
    };
    let mut value = BTreeMap::<&str, i64>::new();
    for order in &pending {
        *value.entry(&order.currency).or_default() += order.cents;
    }
    json!({
        "buckets": {
            "under_1h": aged(i64::MIN, HOUR), "h1_to_6h": aged(HOUR, 6 * HOUR),
            "h6_to_24h": aged(6 * HOUR, DAY), "over_24h": aged(DAY, i64::MAX),
        },
        "pending_value_cents": value, "total": pending.len(), "scanned": pending.len(), "truncated": false,
    })
}

fn daily_of(orders: &[Counted], now: Timestamp, days: i64) -> Value {
    let first = now.before(Span::millis((days - 1) * DAY)).day();
    let mut rows = BTreeMap::<(String, &str), i64>::new();
    for order in orders {
        let day = Timestamp::from_millis(order.created_at).day();
        if first <= day && day <= now.day() {
            *rows.entry((day, &order.status)).or_default() += 1;
        }
    }
    let row = |((date, status), count)| json!({"date": date, "status": status, "count": count});
    json!({"days": days, "rows": rows.into_iter().map(row).collect::<Vec<_>>(), "truncated": false})
}

/// Asserts that all figures are those of the orders.
async fn assert_right(app: &TestApp) {
    let (orders, now) = (counted(app), app.clock.now());
    assert_eq!(ask(app, "/stats").await, stats_of(&orders));
    assert_eq!(ask(app, "/pending-age").await, pending_age_of(&orders, now));
    assert_eq!(ask(app, "/daily").await, daily_of(&orders, now, 7));
    for days in [1, 2, 90] {
        assert_eq!(ask(app, &format!("/daily?days={days}")).await, daily_of(&orders, now, days));
    }
}

async fn an_empty_database_has_its_zeros(engine: Engine) {
    let app = spawn(engine).await;
    let stats = json!({
        "total": 0, "scanned": 0, "truncated": false, "paid_sample": 0, "avg_time_to_paid_ms": null,
        "by_status": {"pending": 0, "confirming": 0, "partial": 0, "paid": 0, "failed": 0, "cancelled": 0},
        "paid_revenue_cents": {}, "paid_revenue_by_product": {}, "paid_count_by_product": {},
    });
    assert_eq!(ask(&app, "/stats").await, stats);
    let ages = json!({
        "buckets": {"under_1h": 0, "h1_to_6h": 0, "h6_to_24h": 0, "over_24h": 0},
        "pending_value_cents": {}, "total": 0, "scanned": 0, "truncated": false,
    });
    assert_eq!(ask(&app, "/pending-age").await, ages);
    assert_eq!(ask(&app, "/daily").await, json!({"days": 7, "rows": [], "truncated": false}));
}

async fn each_figure_is_that_of_the_orders_made(engine: Engine) {
    let app = spawn(engine).await;
    let mut orders = Vec::new();
    for product in ["solo", "solo", "team", "tea", "salt", "solo", "team", "tea"] {
        orders.push(buy(&app, product).await);
    }
    app.advance(Span::millis(1_001)).await;
    for (order, word) in orders.iter().zip(["finished", "finished", "confirming", "finished", "partially_paid"]) {
        tell(&app, order, word).await;
    }
    tell(&app, &orders[5], "failed").await;
    assert_eq!(
        app.call(Method::POST, &format!("/v1/billing/crypto-orders/{}/cancel", orders[6]), &json!({})).await.code(),
        200
    );
    // The product costs something else now, in another currency: what was paid was paid in the old one.
    let app = app.restart(|settings| sell(settings, &[("tea", 450, "EUR")])).await;
    let dear = buy(&app, "tea").await;
    app.advance(Span::millis(2_000)).await;
    tell(&app, &dear, "finished").await;
    let stats = json!({
        "total": 9, "scanned": 9, "truncated": false,
        "by_status": {"pending": 1, "confirming": 1, "partial": 1, "paid": 4, "failed": 1, "cancelled": 1},
        "paid_revenue_cents": {"USD": 15_800, "JPY": 500, "EUR": 450},
        "paid_revenue_by_product": {"solo": {"USD": 15_800}, "tea": {"JPY": 500, "EUR": 450}},
        "paid_count_by_product": {"solo": 2, "tea": 2},
        "paid_sample": 4, "avg_time_to_paid_ms": 1_250,
    });
    assert_eq!(ask(&app, "/stats").await, stats);
    let rows = [("cancelled", 1), ("confirming", 1), ("failed", 1), ("paid", 4), ("partial", 1), ("pending", 1)];
    let rows = rows.map(|(status, count)| json!({"date": "2026-05-12", "status": status, "count": count}));
    assert_eq!(ask(&app, "/daily?days=1").await, json!({"days": 1, "rows": rows, "truncated": false}));
    let ages = ask(&app, "/pending-age").await;
    assert_eq!((&ages["total"], &ages["pending_value_cents"]), (&json!(1), &json!({"JPY": 500})));
    assert_right(&app).await;
}

async fn an_order_changes_its_bucket_to_the_millisecond(engine: Engine) {
    let app = spawn(engine).await;
    buy(&app, "solo").await;
    let mut age = 0;
    for (at, bucket) in [
        (0, "under_1h"),
        (HOUR - 1, "under_1h"),
        (HOUR, "h1_to_6h"),
        (6 * HOUR - 1, "h1_to_6h"),
        (6 * HOUR, "h6_to_24h"),
        (DAY - 1, "h6_to_24h"),
        (DAY, "over_24h"),
        (4_000 * DAY, "over_24h"),
    ] {
        app.advance(Span::millis(at - age)).await;
        age = at;
        let mut buckets = json!({"under_1h": 0, "h1_to_6h": 0, "h6_to_24h": 0, "over_24h": 0});
        buckets[bucket] = json!(1);
        assert_eq!(ask(&app, "/pending-age").await["buckets"], buckets, "at {at} ms");
    }
}

async fn an_order_dated_in_the_future_is_young(engine: Engine) {
    let app = spawn(engine).await;
    buy(&app, "solo").await;
    // Another node's clock is ahead.
    run(engine, &app.database.url, "update orders set created_at = created_at + 90000000000").expect("a later date");
    let ages = ask(&app, "/pending-age").await;
    assert_eq!((&ages["buckets"]["under_1h"], &ages["total"]), (&json!(1), &json!(1)));
    assert_eq!(ages, pending_age_of(&counted(&app), app.clock.now()));
}

async fn days_are_those_of_utc_and_today_is_the_last(engine: Engine) {
    let app = spawn(engine).await;
    buy(&app, "solo").await;
    // One millisecond before midnight, at midnight, and six days after that.
    for span in [12 * HOUR - 1, 1, 6 * DAY] {
        app.advance(Span::millis(span)).await;
        buy(&app, "solo").await;
    }
    let dates = async |path: &str| {
        let rows = ask(&app, path).await["rows"].as_array().cloned().expect("rows");
        rows.iter().map(|row| format!("{} {}", row["date"].as_str().expect("a date"), row["count"])).collect::<Vec<_>>()
    };
    assert_eq!(dates("/daily").await, ["2026-05-13 1", "2026-05-19 1"]);
    assert_eq!(dates("/daily?days=8").await, ["2026-05-12 2", "2026-05-13 1", "2026-05-19 1"]);
    assert_eq!(dates("/daily?days=1").await, ["2026-05-19 1"]);
    app.advance(Span::millis(83 * DAY)).await;
    assert_eq!(dates("/daily?days=90").await, ["2026-05-13 1", "2026-05-19 1"]);
    // What another node's clock has dated tomorrow is not one of the last days.
    run(engine, &app.database.url, "update order_totals set day = '2026-08-11' where day = '2026-05-19'")
        .expect("a day");
    assert_eq!(dates("/daily?days=90").await, ["2026-05-13 1"]);
}

async fn a_number_of_days_out_of_range_is_refused(engine: Engine) {
    let app = spawn(engine).await;
    for days in ["0", "91", "-1", "7.5", "", "seven", "%2B7", "99999999999999999999"] {
        let answer = app.admin(&format!("/daily?days={days}")).await;
        assert_eq!(answer.problem(400, "bad-request"), "days must be an integer between 1 and 90.", "{days}");
    }
    for days in [1, 90] {
        assert_eq!(ask(&app, &format!("/daily?days={days}")).await["days"], days);
    }
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    Buy(usize),
    Tell(prop::sample::Index, &'static str),
    Cancel(prop::sample::Index),
    Wait(i64),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let words = vec!["waiting", "confirming", "partially_paid", "finished", "finished", "failed", "expired"];
    let spans = vec![1, 999, HOUR / 2, HOUR, 5 * HOUR, 23 * HOUR, DAY, 10 * DAY];
    prop_oneof![
        8 => (0..PRICES.len()).prop_map(Step::Buy),
        8 => (any::<prop::sample::Index>(), prop::sample::select(words)).prop_map(|(order, word)| Step::Tell(order, word)),
        1 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        4 => prop::sample::select(spans).prop_map(Step::Wait),
        1 => Just(Step::Sweep),
    ]
}

async fn take(app: &TestApp, step: &Step, orders: &mut Vec<String>) {
    match step {
        Step::Buy(product) => orders.push(buy(app, PRICES[*product].0).await),
        Step::Wait(millis) => app.advance(Span::millis(*millis)).await,
        Step::Sweep => {
            let body = json!({"older_than_hours": 20, "limit": 3});
            assert_eq!(app.admin_call(Method::POST, "/sweep-expired", &body).await.code(), 200);
        }
        Step::Tell(..) | Step::Cancel(_) if orders.is_empty() => {}
        Step::Tell(order, word) => tell(app, order.get::<String>(orders), word).await,
        Step::Cancel(order) => {
            let path = format!("/v1/billing/crypto-orders/{}/cancel", order.get::<String>(orders));
            let answer = app.call(Method::POST, &path, &json!({})).await;
            assert!([200, 409].contains(&answer.code()), "{}", answer.text);
        }
    }
}

async fn after_any_history_the_figures_are_those_of_the_orders(engine: Engine) {
    let app = spawn(engine).await;
    let mut runner = TestRunner::deterministic();
    let history = prop::collection::vec(step(), 120).new_tree(&mut runner).expect("a history").current();
    let mut orders = Vec::new();
    for (number, step) in history.iter().enumerate() {
        take(&app, step, &mut orders).await;
        if number % 10 == 9 {
            assert_right(&app).await;
        }
    }
    let statuses = ask(&app, "/stats").await["by_status"].clone();
    let seen = statuses.as_object().expect("an object").values().filter(|count| **count != json!(0)).count();
    assert!(seen >= 5, "the history reaches most statuses: {statuses}");
}

async fn totals_kept_before_the_sum_over_all_days_was_are_taken_over(engine: Engine) {
    let app = spawn(engine).await;
    for (product, word) in [("solo", "waiting"), ("tea", "finished"), ("solo", "finished"), ("team", "confirming")] {
        let order = buy(&app, product).await;
        app.advance(Span::millis(20 * HOUR)).await;
        tell(&app, &order, word).await;
    }
    let before = [ask(&app, "/stats").await, ask(&app, "/pending-age").await, ask(&app, "/daily").await];
    let url = app.database.url.clone();
    let app = app.restart(|settings| {
        sell(settings, &PRICES);
        run(engine, &url, &first_release(engine)).expect("the schema of the first release");
        // A second node has moved an order that the first had made.
        run(engine, &url, SECOND_SHARD).expect("totals of a second writer");
    });
    let app = app.await;
    let after = [ask(&app, "/stats").await, ask(&app, "/pending-age").await, ask(&app, "/daily").await];
    assert_eq!(after, before);
    assert_eq!(app.database.sql("select count(*) from order_totals where day = '' and shard = 1"), "1");
    buy(&app, "salt").await;
    assert_right(&app).await;
}

/// Takes the database back to the first release, which kept no sum over all days.
fn first_release(engine: Engine) -> String {
    let down = match engine {
        Engine::Sqlite => include_str!("../../migrations/sqlite/2026-06-01-000000_admin_api/down.sql"),
        Engine::Postgres(_) => include_str!("../../migrations/postgres/2026-06-01-000000_admin_api/down.sql"),
    };
    format!("{down}; delete from __diesel_schema_migrations where version = '20260601000000';")
}

/// One pending order more under one writer, and one less under another.
const SECOND_SHARD: &str = "
    insert into order_totals (day, status, product, currency, shard, orders, cents, paid_after_ms)
        values ('2026-05-12', 'pending', 'solo', 'USD', 1, -1, -7900, 0);
    update order_totals set orders = orders + 1, cents = cents + 7900
        where day = '2026-05-12' and status = 'pending' and product = 'solo' and shard = 0;
";

async fn what_several_nodes_have_counted_is_summed(engine: Engine) {
    let one = spawn(engine).await;
    let other = one.beside(|settings| sell(settings, &PRICES)).await;
    for (product, word) in [("solo", "finished"), ("team", "confirming"), ("tea", "finished"), ("solo", "waiting")] {
        let order = buy(&one, product).await;
        one.advance(Span::millis(90_000)).await;
        tell(&other, &order, word).await;
        buy(&other, product).await;
    }
    assert_eq!(one.database.sql("select count(distinct shard) from order_totals where day = ''"), "2");
    for node in [&one, &other] {
        assert_right(node).await;
    }
    assert_eq!(ask(&one, "/stats").await["total"], 8);
}
