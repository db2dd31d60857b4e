//! Lists over thousands of orders: every combination of filters, and walks while orders are inserted.
//!
//! What counts as right is worked out here from what was put into the tables. There are more orders than a
//! search looks at before it asks its index, so both ways are taken.

use std::cell::Cell;

use crypto_orders::domain::access::Tier;
use crypto_orders::domain::time::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Url;
use serde_json::Value;

use crate::engines::Engine;
use crate::harness::stock::{self, FIRST, MINUTE, MINUTES, Stocked};
use crate::harness::{TestApp, order_body};

on_both_engines![
    every_combination_of_filters_walks_exactly_what_is_meant,
    a_walk_over_thousands_shows_each_order_once_while_others_are_inserted,
    a_text_of_two_lines_is_found_in_notes_and_never_across_fields,
];

const CUSTOMERS: &str = "/v1/billing/crypto-orders";
const OPERATORS: &str = "/v1/admin/crypto-orders";
/// More than a search looks at before it asks its index.
const ORDERS: usize = 5_600;
const WALKS: usize = 40;

/// Pieces of what there is, common and rare, old and new, and of what there is not.
const SEARCHES: &[&str] = &[
    "SOLO_manual",
    "_manual",
    "ord_",
    "alpha bETA",
    "beta 1",
    "needle-7",
    "Needle-",
    "fossil",
    "FOSSIL 1",
    "fossil 4711",
    "one\ntwo",
    "e\nt",
    "manual\none",
    "scale\nzoë",
    "\n",
    "\nt",
    "zoë",
    "ë",
    "al",
    "qq",
    "nothing like it",
    "00",
    "f0f",
];

/// A filter of each kind, or none.
#[derive(Debug, Clone)]
struct Asked {
    status: Option<&'static str>,
    account: Option<usize>,
    created: (Option<i64>, Option<i64>),
    paid: (Option<i64>, Option<i64>),
    search: Option<&'static str>,
    payment: Option<String>,
    limit: usize,
}

fn asked() -> impl Strategy<Value = Asked> {
    let statuses =
        prop::sample::select(vec!["pending", "confirming", "partial", "paid", "paid", "failed", "cancelled"]);
    let minute = || prop::option::weighted(0.25, (0..MINUTES + 5_000).prop_map(|minute| FIRST + minute * MINUTE));
    let early = || prop::option::weighted(0.25, (0..MINUTES).prop_map(|minute| FIRST + minute * MINUTE));
    let payments = (prop::sample::select(vec!["pay", "kid", "no"]), 0..ORDERS);
    let payment = payments.prop_map(|(kind, number)| format!("{kind}-{number}"));
    let choices = (
        prop::option::weighted(0.35, statuses),
        prop::option::weighted(0.35, 0..4_usize),
        (early(), early()),
        (minute(), minute()),
        prop::option::weighted(0.35, prop::sample::select(SEARCHES)),
        prop::option::weighted(0.1, payment),
        1..=200_usize,
    );
    choices.prop_map(|(status, account, created, paid, search, payment, limit)| {
        let in_order = |(begin, end): (Option<i64>, Option<i64>)| match (begin, end) {
            (Some(begin), Some(end)) if end <= begin => (Some(end), Some(begin + MINUTE)),
            other => other,
        };
        Asked { status, account, created: in_order(created), paid: in_order(paid), search, payment, limit }
    })
}

impl Asked {
    fn path(&self, path: &str, accounts: &[String]) -> String {
        let mut url = Url::parse(&format!("http://any{path}")).expect("a URL");
        let time = |millis: i64| Timestamp::from_millis(millis).to_string();
        let given = [
            ("limit", Some(self.limit.to_string())),
            ("status", self.status.map(str::to_owned)),
            ("account_id", self.account.map(|index| accounts[index].clone())),
            ("created_after", self.created.0.map(time)),
            ("created_before", self.created.1.map(time)),
            ("paid_after", self.paid.0.map(time)),
            ("paid_before", self.paid.1.map(time)),
            ("search", self.search.map(str::to_owned)),
            ("payment_id", self.payment.clone()),
        ];
        url.query_pairs_mut().extend_pairs(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
        format!("{path}?{}", url.query().unwrap_or_default())
    }

    fn means(&self, order: &Stocked, accounts: &[String]) -> bool {
        let within = |at: Option<i64>, (begin, end): (Option<i64>, Option<i64>)| {
            begin.is_none_or(|begin| at.is_some_and(|at| begin <= at))
                && end.is_none_or(|end| at.is_some_and(|at| at < end))
        };
        self.status.is_none_or(|status| order.status == status)
            && self.account.is_none_or(|index| order.account == accounts[index])
            && within(Some(order.created_at), self.created)
            && within(order.paid_at, self.paid)
            && self.search.is_none_or(|text| order.says(text))
            && self.payment.as_ref().is_none_or(|payment| order.payments.contains(payment))
    }
}

/// The ids of all pages, one after the other, by a key that may see them.
async fn walk(app: &TestApp, path: &str, key: &str) -> Vec<String> {
    let id = |order: &Value| order["order_id"].as_str().unwrap_or_default().to_owned();
    app.walk_orders(path, key, 2 * ORDERS).await.iter().map(id).collect()
}

/// The node's account, some of others, and one without orders.
async fn accounts(app: &TestApp) -> Vec<String> {
    let mut accounts = vec![app.account.to_string()];
    for _ in 0..3 {
        accounts.push(app.stranger(Tier::Free).await.0.to_string());
    }
    accounts
}

async fn every_combination_of_filters_walks_exactly_what_is_meant(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let accounts = accounts(&app).await;
    let mut runner = TestRunner::new(Config::default());
    let orders = stock::orders(&mut runner, &accounts[..3], ORDERS);
    stock::put(&app, &orders);
    stock::index(&app, &orders).await;
    for _ in 0..WALKS {
        let mut asked = asked().new_tree(&mut runner).expect("a filter").current();
        let wanted = |asked: &Asked| -> Vec<String> {
            orders.iter().filter(|order| asked.means(order, &accounts)).map(|order| order.id.clone()).collect()
        };
        let meant = wanted(&asked);
        // Some pages each, not hundreds.
        asked.limit = asked.limit.max(meant.len() / 12).min(200);
        let path = asked.path(OPERATORS, &accounts);
        assert_eq!(walk(&app, &path, &app.operator).await, meant, "{path}");

        let own = Asked { account: Some(0), paid: (None, None), search: None, payment: None, ..asked };
        let own = Asked { limit: own.limit.clamp(25, 100), ..own };
        let path = own.path(CUSTOMERS, &accounts);
        assert_eq!(walk(&app, &path, &app.customer).await, wanted(&own), "{path}");
    }
}

async fn a_walk_over_thousands_shows_each_order_once_while_others_are_inserted(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let accounts = [app.account.to_string()];
    let orders = stock::orders(&mut TestRunner::new(Config::default()), &accounts, 5_000);
    stock::put(&app, &orders);
    let known: Vec<String> = orders.iter().map(|order| order.id.clone()).collect();
    let walking = Cell::new(true);
    let insert = async {
        let mut inserted = 0;
        while walking.get() {
            app.clock.advance(crypto_orders::domain::time::Span::millis(1));
            assert_eq!(app.checkout_of(&order_body(), None).await.code(), 201);
            inserted += 1;
        }
        inserted
    };
    let look = async {
        for (path, key) in [(CUSTOMERS, &app.customer), (OPERATORS, &app.operator)] {
            let seen = walk(&app, &format!("{path}?limit=100"), key).await;
            let (fresh, old): (Vec<String>, Vec<String>) = seen.into_iter().partition(|id| !known.contains(id));
            assert_eq!(old, known, "{path}");
            let mut once = fresh.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), fresh.len(), "{path}");
        }
        walking.set(false);
    };
    let (inserted, ()) = tokio::join!(insert, look);
    assert!(inserted > 0);
}

async fn a_text_of_two_lines_is_found_in_notes_and_never_across_fields(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let accounts = [app.account.to_string()];
    let order = |number: i64, note: &str| Stocked {
        id: format!("ord_{number:032x}"),
        account: accounts[0].clone(),
        product: "solo_manual",
        status: "pending",
        note: Some(note.to_owned()),
        created_at: FIRST + number,
        paid_at: None,
        payments: Vec::new(),
    };
    let orders = [order(1, "for Ada"), order(2, "solo_manual\nfor Ada"), order(3, "for\n\nAda")];
    stock::put(&app, &orders);
    stock::index(&app, &orders).await;
    for (text, wanted) in [
        ("manual%0Afor", vec![2]),
        ("solo_manual%0Afor%20Ada", vec![2]),
        ("%0A", vec![3, 2]),
        ("%0Af", vec![2]),
        ("%0A%0Aada", vec![3]),
        ("1%0Asolo", vec![]),
        ("for%20ada", vec![2, 1]),
    ] {
        let wanted: Vec<String> = wanted.into_iter().map(|number: i64| format!("ord_{number:032x}")).collect();
        assert_eq!(walk(&app, &format!("{OPERATORS}?search={text}"), &app.operator).await, wanted, "{text}");
    }
}
