//! What becomes of an order under each of the simulator's scenarios, from checkout to the end of its address.
//!
//! The expectations are the text's (`tests/data/scenarios.txt`); this file only plays each scenario through
//! real HTTP and real signatures, with time moved by hand, and writes down what is found afterwards: where the
//! order stands, its log, its ledger, what was raised.

use std::collections::BTreeMap;

use crypto_orders::domain::time::Span;
use crypto_orders::provider::simulator::{Pace, Scenario, Silence, Target};
use serde_json::Value;

use crate::engines::Engine;
use crate::harness::{TestApp, sql};

on_both_engines![every_scenario_ends_as_the_table_says, without_ipns_orders_end_the_same_and_the_silence_is_raised,];

const TABLE: &str = include_str!("../data/scenarios.txt");

/// The scenarios of which a look learns more than a minute after it happened.
const LOOKED_AT_LATE: [Scenario; 2] = [Scenario::Slow, Scenario::Late];

/// How time goes on: so often, so far. Fine at first, and then over the seven days of an address.
const STEPS: &[(usize, Span)] =
    &[(20, Span::seconds(30)), (14, Span::minutes(5)), (8, Span::minutes(30)), (8, Span::hours(24))];

/// The table: what is expected of each scenario, line by line.
fn table() -> BTreeMap<String, Vec<String>> {
    let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut scenario = None;
    for line in TABLE.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => {
                assert!(table.insert(name.to_owned(), Vec::new()).is_none(), "[{name}] stands twice");
                scenario = Some(name.to_owned());
            }
            None => {
                let name = scenario.as_ref().expect("a line stands under a scenario");
                table.get_mut(name).expect("begun").push(line.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
    }
    table
}

#[test]
fn every_scenario_stands_in_the_table() {
    let named: Vec<String> = table().into_keys().collect();
    let mut all: Vec<String> = Scenario::ALL.iter().map(|scenario| scenario.as_str().to_owned()).collect();
    all.sort();
    assert_eq!(named, all);
}

async fn every_scenario_ends_as_the_table_says(engine: Engine) {
    let mut wrong = Vec::new();
    let table = table();
    for scenario in Scenario::ALL {
        let app = TestApp::simulated(engine).await;
        let (provider, order) = bought(&app, scenario).await;
        if !scenario.is_of_creation() {
            pay(&app, &order, scenario);
        }
        let mut paying = scenario.is_of_creation();
        for (times, span) in STEPS {
            for _ in 0..*times {
                app.advance(*span).await;
                // A payment whose creation went wrong is paid as soon as there is one after all.
                if paying && app.look(&order).await["payment_id"].is_string() {
                    pay(&app, &order, Scenario::Success);
                    paying = false;
                }
            }
        }
        let mut found = vec![format!("checkout {provider}")];
        found.extend(written(&app, &order).await);
        if found != table[scenario.as_str()] {
            wrong.push(format!("[{}]\n{}", scenario.as_str(), found.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{} scenarios end otherwise:\n\n{}\n", wrong.len(), wrong.join("\n\n"));
}

async fn without_ipns_orders_end_the_same_and_the_silence_is_raised(engine: Engine) {
    for scenario in [Scenario::Success, Scenario::Slow, Scenario::Overpaid, Scenario::Late, Scenario::Silent] {
        let app = TestApp::simulated(engine).await;
        app.simulator().silence(Silence::On);
        let (_, order) = bought(&app, scenario).await;
        pay(&app, &order, scenario);
        for (times, span) in STEPS {
            for _ in 0..*times {
                app.advance(*span).await;
            }
        }
        let (found, table) = (written(&app, &order).await, table());
        let expected = table[scenario.as_str()].iter().find(|line| line.starts_with("status"));
        assert_eq!(found.first(), expected, "{}: {found:?}", scenario.as_str());
        // What a look finds within a minute may still be told.
        let silent = found.iter().any(|line| line.starts_with("attention ipn_silence"));
        assert_eq!(silent, LOOKED_AT_LATE.contains(&scenario), "{}: {found:?}", scenario.as_str());
    }
}

/// A checkout: who made its payment, as it answers, and its order.
async fn bought(app: &TestApp, scenario: Scenario) -> (String, String) {
    if scenario.is_of_creation() {
        app.simulator().script_next(scenario);
    }
    let answer = app.checkout(Some("scenario")).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    let answer = answer.json();
    (text(&answer["provider"]).to_owned(), text(&answer["order_id"]).to_owned())
}

fn pay(app: &TestApp, order: &str, scenario: Scenario) {
    app.simulator().pay(Target::Order(order), scenario, Pace::AsScripted).expect("a plan");
}

/// Everything about the order, in the table's words.
async fn written(app: &TestApp, order: &str) -> Vec<String> {
    let shown = app.look(order).await;
    let reason = shown["failure_reason"].as_str().map_or(String::new(), |reason| format!(" {reason}"));
    let mut lines = vec![format!("status {}{reason}", text(&shown["status"]))];
    for event in shown["events"].as_array().expect("events") {
        let told = ["provider_status", "witness"].map(|field| event[field].as_str().unwrap_or("-"));
        lines.push(format!("event {} {} {}", text(&event["status"]), text(&event["source"]), told.join(" ")));
    }
    let ledger = "select role || ' ' || provider_status || ' ' || coalesce(coin, '-') || ' ' || \
         coalesce(received, '-') || ' of ' || coalesce(pay_amount, '-') from order_payments order by first_seen_at, role";
    lines.extend(sql::lines(app.engine(), &app.database.url, ledger).iter().map(|line| format!("payment {line}")));
    let raised = app.admin("/attention?limit=200").await.json();
    let mut kinds: Vec<String> = raised["data"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| format!("attention {} {}", text(&item["kind"]), item["count"]))
        .collect();
    kinds.sort();
    lines.extend(kinds);
    lines
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}
