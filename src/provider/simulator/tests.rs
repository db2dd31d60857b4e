//! The simulator without a server: what its world does, second by second.

use super::*;
use crate::domain::time::Span;

/// A creation of 79 US dollars, in this coin.
fn wanted(coin: &str) -> String {
    format!(
        r#"{{"price_amount":79.00,"price_currency":"usd","pay_currency":"{coin}","order_id":"o","ipn_callback_url":"http://127.0.0.1:1/ipn"}}"#
    )
}

/// The letters of a scenario, in the order in which they are sent: payment, word, what arrived.
fn letters(scenario: Scenario) -> Vec<String> {
    let mut world = World::new(7);
    let start = Timestamp::from_millis(1_700_000_000_000);
    let id = world.create("k", &wanted("btc"), start).unwrap();
    world.begin(id, &planned(scenario, Pace::AsScripted, start));
    let mut told = Vec::new();
    while let Some((at, happening)) = world.next_due(start.after(Span::hours(24 * 8))) {
        if let Some(letter) = world.happen(at, happening) {
            let body: serde_json::Value = serde_json::from_str(&letter.body).unwrap();
            let child = if body["payment_id"] == id { "" } else { "child " };
            told.push(format!("{child}{} {}", letter.word, body["actually_paid"]));
        }
    }
    told
}

#[test]
fn each_scenario_tells_what_its_table_says() {
    let paid = ["waiting 0", "confirming 0.00122957", "confirmed 0.00122957", "sending 0.00122957"];
    let with = |more: &[&'static str]| -> Vec<&'static str> { [&paid, more].concat() };
    let finished = "finished 0.00122957";
    let cases = [
        (Scenario::Pending, vec!["waiting 0", "expired 0"]),
        (Scenario::Success, with(&[finished])),
        (Scenario::Slow, with(&[finished])),
        (Scenario::Late, with(&[finished])),
        (Scenario::Refund, with(&[finished, "refunded 0.00122957"])),
        (Scenario::Partial, vec!["waiting 0", "confirming 0.00073774", "partially_paid 0.00073774"]),
        (
            Scenario::PartialThenTopUp,
            vec!["waiting 0", "confirming 0.00073774", "partially_paid 0.00073774", "child finished 0.00049183"],
        ),
        (
            Scenario::Overpaid,
            vec![
                "waiting 0",
                "confirming 0.00153696",
                "confirmed 0.00153696",
                "sending 0.00153696",
                "finished 0.00153696",
            ],
        ),
        (Scenario::WrongAsset, vec!["waiting 0", "child finished 1e-8", "expired 0"]),
        (Scenario::Failed, vec!["waiting 0", "failed 0"]),
        (Scenario::Expired, vec!["waiting 0", "expired 0"]),
        (Scenario::Silent, vec!["waiting 0"]),
        (
            Scenario::OutOfOrder,
            vec!["waiting 0", finished, "sending 0.00122957", "confirmed 0.00122957", "confirming 0.00122957"],
        ),
    ];
    for (scenario, expected) in cases {
        assert_eq!(letters(scenario), expected, "{scenario:?}");
    }
}
