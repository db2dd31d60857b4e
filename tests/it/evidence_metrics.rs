//! By whose word orders move, in numbers: the counters are what counting the lines of the logs gives.
//!
//! What counts as right is worked out here from the logs as they lie in the database. A poll is no request
//! that can be sent, so its commits are handed to the store as an order's actor would. What the lines
//! themselves say is shown in `witnesses.rs`.

use std::collections::BTreeMap;

use crypto_orders::domain::evidence::{Evidence, NamedPrice, Ownership, PaymentWorth, ProviderWord, Witness};
use crypto_orders::domain::ids::{OrderId, PaymentId};
use crypto_orders::domain::lifecycle::{Input, Moment, Rules, decide};
use crypto_orders::domain::time::{Span, Timestamp};
use crypto_orders::store::changeset::{Changeset, Committed, OrderChange};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{START, TestApp, told};

on_both_engines![
    nothing_has_moved_in_an_empty_database,
    each_move_counts_for_its_witness_and_nothing_else_does,
    an_ipn_that_moves_nothing_counts_nothing,
    the_lag_is_taken_from_each_form_of_the_providers_time,
    a_lag_changes_its_bucket_to_the_millisecond,
    a_move_belongs_to_the_day_on_which_it_was_made,
    a_number_of_days_out_of_range_is_refused,
    after_any_history_the_figures_are_those_of_the_logs,
];
on_postgres![what_several_nodes_have_counted_is_summed];

const RULES: Rules = Rules::SHIPPED;
const DAY: i64 = 86_400_000;

/// A node without a timer: orders stay pending until a test says otherwise.
pub async fn spawn(engine: Engine) -> TestApp {
    TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await
}

pub async fn metrics(app: &TestApp, query: &str) -> Value {
    let answer = app.admin(&format!("/evidence-metrics{query}")).await;
    assert_eq!(answer.code(), 200, "{query}: {}", answer.text);
    answer.json()
}

/// An IPN about an order's payment, with the provider's time if there is one.
pub async fn tell(app: &TestApp, order: &str, word: &str, updated_at: Option<Value>) -> Value {
    let fields = updated_at.map_or_else(|| json!({}), |at| json!({ "updated_at": at }));
    told(app, order, [&format!("pay-{order}"), word], fields).await
}

/// What the provider's API says of an order's payment when it is asked.
pub async fn poll(app: &TestApp, order: &str, word: &str, provider_at: Option<Timestamp>) {
    let (id, now) = (OrderId::parse(order).expect("an id"), app.clock.now());
    let before = app.store.order_load(id).await.expect("the store").expect("an order");
    let evidence = Evidence {
        witness: Witness::Poll,
        order_id: Some(id),
        payment_id: PaymentId::parse(&format!("pay-{order}")).expect("an id"),
        parent_payment_id: None,
        word: ProviderWord::parse(word),
        price: NamedPrice { amount: None, currency: None },
        pay_amount: None,
        actually_paid: None,
        coin: None,
        provider_at,
        worth: PaymentWorth::default(),
    };
    let input = Input::Evidence(Box::new(evidence), Ownership::Free);
    let decision = decide(&before, &input, &Moment { now, rules: RULES }).expect("evidence is never refused");
    if decision.changes(&before) {
        let mut set = Changeset::new(now);
        set.order = Some(OrderChange { before: Some(before), after: decision.order });
        assert_eq!(app.store.commit(set).await, Ok(Committed::Done));
    }
}

pub async fn replay(app: &TestApp, order: &str, word: &str) {
    let body = json!({ "payment_id": format!("pay-{order}"), "provider_status": word });
    assert_eq!(app.admin_call(Method::POST, &format!("/{order}/apply-ipn"), &body).await.code(), 200);
}

async fn cancel(app: &TestApp, order: &str) -> u16 {
    app.call(Method::POST, &format!("/v1/billing/crypto-orders/{order}/cancel"), &json!({})).await.code()
}

async fn sweep(app: &TestApp) {
    let body = json!({ "older_than_hours": 20, "limit": 3 });
    assert_eq!(app.admin_call(Method::POST, "/sweep-expired", &body).await.code(), 200);
}

/// Moves with the times that the provider gave of them, in milliseconds of lag.
#[derive(Default)]
struct Counted {
    moves: i64,
    lags: Vec<i64>,
}

impl Counted {
    fn lag(&self) -> Value {
        let within = |from: i64, to: i64| self.lags.iter().filter(|lag| (from..to).contains(lag)).count();
        let samples = i64::try_from(self.lags.len()).expect("a number");
        json!({
            "samples": samples, "avg_ms": self.lags.iter().sum::<i64>().checked_div(samples),
            "under_10s": within(0, 10_000), "s10_to_1m": within(10_000, 60_000),
            "m1_to_10m": within(60_000, 600_000), "over_10m": within(600_000, i64::MAX),
        })
    }
}

/// The figures, from every line of every log.
pub fn counted(app: &TestApp, days: i64) -> Value {
    let query = "select witness || ' ' || (at / 1000) || ' ' || coalesce(provider_at / 1000, -1) \
                 from order_events where witness is not null";
    let today = app.clock.now();
    let first = today.before(Span::millis((days - 1) * DAY)).day();
    let mut all = BTreeMap::from(["ipn", "operator", "poll"].map(|witness| (witness.to_owned(), Counted::default())));
    let mut of_days = BTreeMap::<(String, String), Counted>::new();
    for line in app.database.sql(query).lines() {
        let [witness, at, known_at]: [&str; 3] = line.split(' ').collect::<Vec<_>>().try_into().expect("three columns");
        let [at, known_at] = [at, known_at].map(|text| text.parse::<i64>().expect("a number"));
        let day = Timestamp::from_millis(at).day();
        let of_day =
            (first <= day && day <= today.day()).then(|| of_days.entry((day, witness.to_owned())).or_default());
        for counted in [Some(all.entry(witness.to_owned()).or_default()), of_day].into_iter().flatten() {
            counted.moves += 1;
            counted.lags.extend((known_at >= 0).then_some((at - known_at).max(0)));
        }
    }
    let row = |((date, witness), counted): (&(String, String), &Counted)| json!({ "date": date, "witness": witness, "moves": counted.moves, "lag": counted.lag() });
    json!({
        "days": days,
        "moves": all.iter().map(|(witness, counted)| (witness.clone(), counted.moves)).collect::<BTreeMap<_, _>>(),
        "lag": all.iter().map(|(witness, counted)| (witness.clone(), counted.lag())).collect::<BTreeMap<_, _>>(),
        "rows": of_days.iter().map(row).collect::<Vec<_>>(),
    })
}

/// Asserts that all figures are those of the logs, and that evidence alone has witnesses.
pub async fn assert_right(app: &TestApp) {
    for days in [1, 7, 90] {
        assert_eq!(metrics(app, &format!("?days={days}")).await, counted(app, days));
    }
    let odd = "select count(*) from order_events where (source = 'ipn') <> (witness is not null)";
    assert_eq!(app.database.sql(odd), "0");
}

async fn nothing_has_moved_in_an_empty_database(engine: Engine) {
    let app = spawn(engine).await;
    let none = json!({
        "samples": 0, "avg_ms": null, "under_10s": 0, "s10_to_1m": 0, "m1_to_10m": 0, "over_10m": 0,
    });
    let zeros = json!({
        "days": 7, "rows": [], "moves": { "ipn": 0, "poll": 0, "operator": 0 },
        "lag": { "ipn": none, "poll": none, "operator": none },
    });
    assert_eq!(metrics(&app, "").await, zeros);
}

async fn each_move_counts_for_its_witness_and_nothing_else_does(engine: Engine) {
    let app = spawn(engine).await;
    let mut orders = Vec::new();
    for _ in 0..6 {
        orders.push(app.order().await);
    }
    tell(&app, &orders[0], "confirming", None).await;
    tell(&app, &orders[0], "finished", None).await;
    poll(&app, &orders[1], "finished", None).await;
    replay(&app, &orders[2], "finished").await;
    tell(&app, &orders[3], "partially_paid", None).await;
    let reason = json!({ "reason": "close enough" });
    assert_eq!(app.admin_call(Method::POST, &format!("/{}/accept", orders[3]), &reason).await.code(), 200);
    assert_eq!(cancel(&app, &orders[4]).await, 200);
    app.advance(Span::hours(21)).await;
    sweep(&app).await;
    assert_eq!(app.steps(&orders[5]).await, ["pending/create", "failed/swept"]);
    let late = app.order().await;
    app.advance(Span::hours(2)).await;
    assert_eq!(cancel(&app, &late).await, 200);
    assert_eq!(app.steps(&late).await, ["pending/create", "failed/expired"]);
    assert_eq!(metrics(&app, "").await["moves"], json!({ "ipn": 3, "poll": 1, "operator": 2 }));
    assert_right(&app).await;
}

async fn an_ipn_that_moves_nothing_counts_nothing(engine: Engine) {
    let app = spawn(engine).await;
    let order = app.order().await;
    for updated_at in [None, None, Some(json!(START))] {
        assert_eq!(tell(&app, &order, "finished", updated_at).await, "paid");
    }
    tell(&app, &order, "confirming", None).await;
    tell(&app, "ord_00000000000000000000000000000000", "finished", None).await;
    assert_eq!(metrics(&app, "").await["moves"], json!({ "ipn": 1, "poll": 0, "operator": 0 }));
    assert_eq!(app.database.sql("select count(*) from witness_totals"), "2");
}

async fn the_lag_is_taken_from_each_form_of_the_providers_time(engine: Engine) {
    let app = spawn(engine).await;
    let known_at = Timestamp::parse(START).expect("a time");
    let millis = known_at.millis();
    let forms = [json!(millis), json!(millis.to_string()), json!(START)];
    for (seconds, form) in [2, 40, 3_000].into_iter().zip(forms) {
        let order = app.order().await;
        app.clock.advance(Span::seconds(seconds));
        tell(&app, &order, "finished", Some(form)).await;
    }
    // A clock ahead of ours took no time; no time at all, and one that cannot be read, are no samples.
    let ahead = app.clock.now().after(Span::minutes(5)).to_string();
    for updated_at in [Some(json!(ahead)), None, Some(json!("yesterday"))] {
        let order = app.order().await;
        tell(&app, &order, "finished", updated_at).await;
    }
    let lag = json!({
        "samples": 4, "avg_ms": (2_000 + 42_000 + 3_042_000) / 4,
        "under_10s": 2, "s10_to_1m": 1, "m1_to_10m": 0, "over_10m": 1,
    });
    let told = metrics(&app, "").await;
    assert_eq!((&told["moves"]["ipn"], &told["lag"]["ipn"]), (&json!(6), &lag));
    assert_eq!(told["rows"], json!([{ "date": "2026-05-12", "witness": "ipn", "moves": 6, "lag": lag }]));
}

async fn a_lag_changes_its_bucket_to_the_millisecond(engine: Engine) {
    let app = spawn(engine).await;
    app.advance(Span::hours(1)).await;
    let mut buckets = json!({ "under_10s": 0, "s10_to_1m": 0, "m1_to_10m": 0, "over_10m": 0 });
    for (lag, bucket) in [
        (0, "under_10s"),
        (9_999, "under_10s"),
        (10_000, "s10_to_1m"),
        (59_999, "s10_to_1m"),
        (60_000, "m1_to_10m"),
        (599_999, "m1_to_10m"),
        (600_000, "over_10m"),
    ] {
        let order = app.order().await;
        poll(&app, &order, "finished", Some(app.clock.now().before(Span::millis(lag)))).await;
        buckets[bucket] = json!(buckets[bucket].as_i64().expect("a number") + 1);
        let told = metrics(&app, "").await["lag"]["poll"].clone();
        for name in ["under_10s", "s10_to_1m", "m1_to_10m", "over_10m"] {
            assert_eq!(told[name], buckets[name], "{name} after {lag} ms");
        }
    }
}

async fn a_move_belongs_to_the_day_on_which_it_was_made(engine: Engine) {
    let app = spawn(engine).await;
    let order = app.order().await;
    tell(&app, &order, "confirming", None).await;
    // One millisecond before midnight, and at midnight.
    app.advance(Span::millis(DAY / 2 - 1)).await;
    tell(&app, &order, "partially_paid", None).await;
    app.advance(Span::millis(1)).await;
    tell(&app, &order, "finished", None).await;
    let dates = async |query: &str| {
        let rows = metrics(&app, query).await["rows"].as_array().cloned().expect("rows");
        rows.iter().map(|row| format!("{} {}", row["date"].as_str().expect("a date"), row["moves"])).collect::<Vec<_>>()
    };
    assert_eq!(dates("").await, ["2026-05-12 2", "2026-05-13 1"]);
    assert_eq!(dates("?days=1").await, ["2026-05-13 1"]);
    app.advance(Span::millis(89 * DAY)).await;
    assert_eq!(dates("?days=90").await, ["2026-05-13 1"]);
    assert_eq!(metrics(&app, "").await["moves"]["ipn"], 3, "since the counters began");
}

async fn a_number_of_days_out_of_range_is_refused(engine: Engine) {
    let app = spawn(engine).await;
    for days in ["0", "91", "-1", "seven", ""] {
        let answer = app.admin(&format!("/evidence-metrics?days={days}")).await;
        assert_eq!(answer.problem(400, "bad-request"), "days must be an integer between 1 and 90.", "{days}");
    }
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    Buy,
    Tell(prop::sample::Index, &'static str, Option<i64>),
    Poll(prop::sample::Index, &'static str, Option<i64>),
    Replay(prop::sample::Index, &'static str),
    Accept(prop::sample::Index),
    Cancel(prop::sample::Index),
    Wait(i64),
    Sweep,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let order = any::<prop::sample::Index>;
    let words = vec!["waiting", "confirming", "partially_paid", "finished", "finished", "failed", "expired"];
    let word = || prop::sample::select(words.clone());
    let lag = || prop::option::weighted(0.8, prop_oneof![-60_000..10_000_i64, 0..3_000_000_i64]);
    prop_oneof![
        8 => Just(Step::Buy),
        8 => (order(), word(), lag()).prop_map(|(order, word, lag)| Step::Tell(order, word, lag)),
        4 => (order(), word(), lag()).prop_map(|(order, word, lag)| Step::Poll(order, word, lag)),
        2 => (order(), word()).prop_map(|(order, word)| Step::Replay(order, word)),
        1 => order().prop_map(Step::Accept),
        1 => order().prop_map(Step::Cancel),
        4 => prop::sample::select(vec![1, 999, DAY / 24, DAY, 9 * DAY]).prop_map(Step::Wait),
        1 => Just(Step::Sweep),
        1 => Just(Step::Restart),
    ]
}

async fn take(app: TestApp, step: &Step, orders: &mut Vec<String>) -> TestApp {
    let known_at = |lag: &Option<i64>| lag.map(|lag| Timestamp::from_millis(app.clock.now().millis() - lag));
    match step {
        Step::Restart => return app.restart(|settings| settings.sweeper.automatic = false).await,
        Step::Buy => orders.push(app.order().await),
        Step::Wait(millis) => app.advance(Span::millis(*millis)).await,
        Step::Sweep => sweep(&app).await,
        _ if orders.is_empty() => {}
        Step::Tell(order, word, lag) => {
            let updated_at = known_at(lag).map(|at| json!(at.millis()));
            tell(&app, order.get::<String>(orders), word, updated_at).await;
        }
        Step::Poll(order, word, lag) => poll(&app, order.get::<String>(orders), word, known_at(lag)).await,
        Step::Replay(order, word) => replay(&app, order.get::<String>(orders), word).await,
        Step::Accept(order) => {
            let path = format!("/{}/accept", order.get::<String>(orders));
            let answer = app.admin_call(Method::POST, &path, &json!({ "reason": "seen" })).await;
            assert!([200, 409].contains(&answer.code()), "{}", answer.text);
        }
        Step::Cancel(order) => assert!([200, 409].contains(&cancel(&app, order.get::<String>(orders)).await)),
    }
    app
}

async fn after_any_history_the_figures_are_those_of_the_logs(engine: Engine) {
    let mut app = spawn(engine).await;
    let mut runner = TestRunner::deterministic();
    let history = prop::collection::vec(step(), 150).new_tree(&mut runner).expect("a history").current();
    let mut orders = Vec::new();
    for (number, step) in history.iter().enumerate() {
        app = take(app, step, &mut orders).await;
        if number % 10 == 9 {
            assert_right(&app).await;
        }
    }
    let told = metrics(&app, "").await;
    for witness in ["ipn", "poll", "operator"] {
        assert!(told["moves"][witness].as_i64().is_some_and(|moves| moves > 2), "the history reaches all: {told}");
    }
}

async fn what_several_nodes_have_counted_is_summed(engine: Engine) {
    let one = spawn(engine).await;
    let other = one.beside(|settings| settings.sweeper.automatic = false).await;
    for lag in [0, 15, 700] {
        let order = one.order().await;
        let known_at = one.clock.now();
        one.clock.advance(Span::seconds(lag));
        tell(&one, &order, "confirming", Some(json!(known_at.millis()))).await;
        tell(&other, &order, "finished", Some(json!(known_at.millis()))).await;
        let order = other.order().await;
        poll(&other, &order, "finished", Some(known_at)).await;
    }
    assert_eq!(one.database.sql("select count(distinct shard) from witness_totals where day = ''"), "2");
    for node in [&one, &other] {
        assert_right(node).await;
    }
    assert_eq!(metrics(&one, "").await["moves"], json!({ "ipn": 6, "poll": 3, "operator": 0 }));
}
