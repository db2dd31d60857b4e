//! Pages of orders: every walk over them is the database, whatever the filters and whatever is inserted.
//!
//! What counts as right is worked out here from the orders themselves, one by one. Searching text is in
//! `search.rs`.

use crypto_orders::domain::access::Tier;
use crypto_orders::domain::time::Span;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{TestApp, order_body, payment};

on_both_engines![
    a_walk_over_all_pages_is_the_database_for_every_filter,
    a_walk_stays_right_while_orders_are_inserted,
    a_cursor_outlives_the_process,
    limits_are_refused_never_clamped,
    strange_cursors_end_the_walk_and_endless_ones_are_refused,
    times_are_inclusive_at_their_beginning_and_must_be_in_order,
    a_payment_is_looked_up_exactly_also_in_the_ledger,
    keys_are_paged_newest_first,
];

const ORDERS: &str = "/v1/billing/crypto-orders";
const TIME_RULE: &str = "must be an RFC 3339 time such as 2026-05-12T13:00:00.000Z or 2026-05-12T15:00:00+02:00; \
                         a query spells the + as %2B.";
const WALKS: u32 = 48;

/// Two accounts with orders of every status, several of them of the same millisecond.
async fn stocked(engine: Engine) -> (TestApp, Vec<Value>) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let (_, stranger) = app.stranger(Tier::Enterprise).await;
    let words = ["", "confirming", "partially_paid", "finished", "failed", "cancel", "finished"];
    let mut orders = Vec::new();
    for number in 0..28_usize {
        let key = if number % 3 == 0 { &stranger } else { &app.customer };
        let request = app.request(Method::POST, "/v1/billing/crypto-checkout").bearer_auth(key);
        let request = request.header("content-type", "application/json").body(order_body().to_string());
        let order = app.send(request).await.json()["order_id"].as_str().unwrap_or_default().to_owned();
        match words[number % words.len()] {
            "" => {}
            "cancel" => {
                let path = format!("{ORDERS}/{order}/cancel");
                assert_eq!(app.send(app.request(Method::POST, &path).bearer_auth(key)).await.code(), 200);
            }
            word => assert_eq!(app.ipn(&payment(&order, &format!("pay-{number}"), word)).await.code(), 200),
        }
        orders.push(order);
        if number % 4 == 3 {
            app.advance(Span::minutes(1)).await;
        }
    }
    let mut looked = Vec::new();
    for order in orders {
        looked.push(app.look(&order).await);
    }
    looked.sort_by_key(|order| std::cmp::Reverse((text(order, "created_at"), text(order, "order_id"))));
    (app, looked)
}

fn text(order: &Value, field: &str) -> String {
    order[field].as_str().unwrap_or_default().to_owned()
}

/// A filter of each kind, or none; indexes choose among the values that the orders have.
#[derive(Debug, Clone)]
struct Asked {
    status: Option<&'static str>,
    account: Option<usize>,
    created: (Option<usize>, Option<usize>),
    paid: (Option<usize>, Option<usize>),
    payment: Option<usize>,
    limit: usize,
}

fn asked() -> impl Strategy<Value = Asked> {
    let statuses = prop::sample::select(vec!["pending", "confirming", "partial", "paid", "failed", "cancelled"]);
    let minute = || prop::option::weighted(0.3, 0..10_usize);
    let status = prop::option::weighted(0.4, statuses);
    let account = prop::option::weighted(0.4, 0..3_usize);
    let payment = prop::option::weighted(0.15, 0..30_usize);
    (status, account, (minute(), minute()), (minute(), minute()), payment, 1..9_usize).prop_map(
        |(status, account, created, paid, payment, limit)| {
            let in_order = |(begin, end): (Option<usize>, Option<usize>)| match (begin, end) {
                (Some(begin), Some(end)) if end <= begin => (Some(end), Some(begin + 1)),
                other => other,
            };
            Asked { status, account, created: in_order(created), paid: in_order(paid), payment, limit }
        },
    )
}

impl Asked {
    fn query(&self, accounts: &[String]) -> String {
        let mut query = vec![format!("limit={}", self.limit)];
        let mut add = |name: &str, value: Option<String>| query.extend(value.map(|value| format!("{name}={value}")));
        add("status", self.status.map(str::to_owned));
        add("account_id", self.account.map(|index| accounts[index].clone()));
        add("created_after", self.created.0.map(minute));
        add("created_before", self.created.1.map(minute));
        add("paid_after", self.paid.0.map(minute));
        add("paid_before", self.paid.1.map(minute));
        add("payment_id", self.payment.map(|number| format!("pay-{number}")));
        query.join("&")
    }

    /// Whether an order is meant; a customer's list knows neither payment nor time of payment.
    fn means(&self, order: &Value, accounts: &[String]) -> bool {
        let at = |field: &str| text(order, field);
        let within = |at: String, (begin, end): (Option<usize>, Option<usize>)| {
            begin.is_none_or(|begin| !at.is_empty() && minute(begin) <= at)
                && end.is_none_or(|end| !at.is_empty() && at < minute(end))
        };
        self.status.is_none_or(|status| at("status") == status)
            && self.account.is_none_or(|index| at("account_id") == accounts[index].trim_start_matches("acc_"))
            && within(at("created_at"), self.created)
            && within(at("paid_at"), self.paid)
            && self.payment.is_none_or(|number| at("payment_id") == format!("pay-{number}"))
    }
}

fn minute(number: usize) -> String {
    format!("2026-05-12T12:{number:02}:00.000Z")
}

async fn a_walk_over_all_pages_is_the_database_for_every_filter(engine: Engine) {
    let (app, orders) = stocked(engine).await;
    let mine = app.account.to_string();
    let other = orders.iter().map(|order| text(order, "account_id")).find(|id| *id != mine).expect("another");
    let accounts = [mine.clone(), format!("acc_{other}"), "00000000-0000-4000-8000-000000000000".to_owned()];
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..WALKS {
        let asked = asked().new_tree(&mut runner).expect("a filter").current();
        let query = asked.query(&accounts);
        let wanted: Vec<Value> = orders.iter().filter(|order| asked.means(order, &accounts)).cloned().collect();
        let walked = app.walk_orders(&format!("/v1/admin/crypto-orders?{query}"), &app.operator, 999).await;
        assert_eq!(walked, wanted, "{query}");

        let customers = Asked { account: Some(0), paid: (None, None), payment: None, ..asked };
        let wanted: Vec<String> = orders
            .iter()
            .filter(|order| customers.means(order, &accounts))
            .map(|order| text(order, "order_id"))
            .collect();
        let query = Asked { account: Some(1), ..customers }.query(&accounts);
        let walked = app.walk_orders(&format!("{ORDERS}?{query}"), &app.customer, 999).await;
        let walked: Vec<String> = walked.iter().map(|order| text(order, "order_id")).collect();
        assert_eq!(walked, wanted, "{query}: whichever account is named, the customer's own");
    }
}

async fn a_walk_stays_right_while_orders_are_inserted(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut wanted = Vec::new();
    for _ in 0..7 {
        wanted.push(app.order().await);
    }
    wanted.sort_unstable_by(|one, other| other.cmp(one));
    for path in [ORDERS.to_owned(), "/v1/admin/crypto-orders".to_owned()] {
        let key = if path == ORDERS { &app.customer } else { &app.operator };
        let known: Vec<String> =
            app.walk_orders(&format!("{path}?limit=100"), key, 999).await.iter().map(|o| text(o, "order_id")).collect();
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page =
                app.send(app.request(Method::GET, &format!("{path}?limit=2{cursor}")).bearer_auth(key)).await.json();
            seen.extend(page["orders"].as_array().cloned().unwrap_or_default().iter().map(|o| text(o, "order_id")));
            // Newer than every page that is still to come, also within the millisecond.
            app.advance(Span::millis(1)).await;
            app.order().await;
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, known);
        assert!(wanted.iter().all(|order| seen.contains(order)));
    }
}

async fn a_cursor_outlives_the_process(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut orders = vec![app.order().await, app.order().await, app.order().await];
    orders.sort_unstable_by(|one, other| other.cmp(one));
    let first = app.get(&format!("{ORDERS}?limit=1")).await.json();
    assert_eq!(text(&first["orders"][0], "order_id"), orders.remove(0));
    let app = app.restart(|_| {}).await;
    let rest = app.get(&format!("{ORDERS}?cursor={}", text(&first, "next_cursor"))).await.json();
    let rest: Vec<String> = rest["orders"].as_array().expect("a list").iter().map(|o| text(o, "order_id")).collect();
    assert_eq!(rest, orders);
}

async fn limits_are_refused_never_clamped(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let lists = [
        (ORDERS, &app.customer, 100),
        ("/v1/admin/crypto-orders", &app.operator, 200),
        // Also without a customer, where there is nothing to page.
        ("/v1/admin/crypto-orders/idempotency-metrics", &app.operator, 200),
    ];
    for (path, key, max) in lists {
        let ask = |limit: String| app.send(app.request(Method::GET, &format!("{path}?limit={limit}")).bearer_auth(key));
        for right in [1, max] {
            assert_eq!(ask(right.to_string()).await.code(), 200, "{path} {right}");
        }
        for wrong in
            ["0", "-1", &(max + 1).to_string(), "", "1.0", "%2B1", "1e1", "0x10", "ten", "18446744073709551617"]
        {
            let answer = ask(wrong.to_owned()).await;
            let sentence = format!("limit must be an integer between 1 and {max}.");
            assert_eq!(answer.problem(400, "bad-request"), sentence, "{path} {wrong}");
        }
    }
}

async fn strange_cursors_end_the_walk_and_endless_ones_are_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for _ in 0..2 {
        app.order().await;
    }
    let cursor =
        app.get(&format!("{ORDERS}?limit=1")).await.json()["next_cursor"].as_str().unwrap_or_default().to_owned();
    assert!((1..=512).contains(&cursor.len()));
    let cut = &cursor[..cursor.len() - 1];
    let endless = "a".repeat(513);
    for (path, key) in [(ORDERS, &app.customer), ("/v1/admin/crypto-orders", &app.operator)] {
        let ask =
            |cursor: &str| app.send(app.request(Method::GET, &format!("{path}?cursor={cursor}")).bearer_auth(key));
        assert_eq!(ask(&cursor).await.json()["orders"].as_array().map(Vec::len), Some(1));
        for strange in ["x", "AAAA", cut, "%00", "%FF", "null", "..%2F..%2Fetc", &endless[..512], "%F0%9F%99%82"] {
            let answer = ask(strange).await;
            assert_eq!((answer.code(), answer.json()), (200, json!({"orders": [], "next_cursor": null})), "{strange}");
        }
        assert!(ask(&endless).await.problem(400, "bad-request").starts_with("cursor must be"));
    }
}

async fn times_are_inclusive_at_their_beginning_and_must_be_in_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    assert_eq!(app.ipn(&payment(&order, "1", "finished")).await.code(), 200);
    let count = |query: String| {
        let app = &app;
        async move {
            let answer = app.admin(&format!("?{query}")).await;
            assert_eq!(answer.code(), 200, "{query}: {}", answer.text);
            answer.json()["orders"].as_array().map(Vec::len)
        }
    };
    for what in ["created", "paid"] {
        for then in ["2026-05-12T12:00:00Z", "2026-05-12T14:00:00.000%2B02:00", "2026-05-12T14:00:00+02:00"] {
            assert_eq!(count(format!("{what}_after={then}")).await, Some(1), "{what} {then}");
            assert_eq!(count(format!("{what}_before={then}")).await, Some(0), "{what} {then}");
        }
        assert_eq!(count(format!("{what}_after=2026-05-12T12:00:00.001Z")).await, Some(0));
        assert_eq!(count(format!("{what}_before=2026-05-12T12:00:00.001Z")).await, Some(1));
        for wrong in ["yesterday", "", "2026-05-12", "2026-05-12T12:00:00%2B24:00", "1778590800000", "%00"] {
            let answer = app.admin(&format!("?{what}_after={wrong}")).await;
            let sentence = format!("{what}_after {TIME_RULE}");
            assert_eq!(answer.problem(400, "bad-request"), sentence, "{wrong}");
        }
        for end in ["2026-05-12T12:00:00Z", "2026-05-12T11:59:59Z"] {
            let answer = app.admin(&format!("?{what}_after=2026-05-12T12:00:00Z&{what}_before={end}")).await;
            let sentence = format!("{what}_before must be strictly greater than {what}_after.");
            assert_eq!(answer.problem(400, "bad-request"), sentence);
        }
    }
    let customer =
        app.get(&format!("{ORDERS}?created_after=2026-05-12T12:00:00Z&created_before=2026-05-12T12:00:00Z")).await;
    assert_eq!(customer.problem(400, "bad-request"), "created_before must be strictly greater than created_after.");
    let status = app.get(&format!("{ORDERS}?status=PAID")).await.problem(400, "bad-request");
    assert_eq!(status, "status must be one of pending, confirming, partial, paid, failed, cancelled.");
    for wrong in ["acc_", "7", "", "acc_acc_00000000-0000-4000-8000-000000000000"] {
        app.admin(&format!("?account_id={wrong}")).await.problem(400, "bad-request");
    }
}

async fn a_payment_is_looked_up_exactly_also_in_the_ledger(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let other = app.order().await;
    assert_eq!(app.ipn(&payment(&order, "Pay-1", "partially_paid")).await.code(), 200);
    assert_eq!(app.ipn(&payment(&other, "pay-2", "waiting")).await.code(), 200);
    let mut child = payment(&order, "child-7", "finished");
    child["parent_payment_id"] = json!("Pay-1");
    assert_eq!(app.ipn(&child).await.code(), 200);
    for (payment, owner) in
        [("Pay-1", Some(&order)), ("child-7", Some(&order)), ("pay-2", Some(&other)), ("pay-1", None), ("Pay-", None)]
    {
        let found = app.admin(&format!("?payment_id={payment}")).await.json();
        let found: Vec<String> =
            found["orders"].as_array().cloned().unwrap_or_default().iter().map(|o| text(o, "order_id")).collect();
        assert_eq!(found, owner.into_iter().cloned().collect::<Vec<_>>(), "{payment}");
    }
    assert_eq!(app.admin("?payment_id=Pay-1&status=pending").await.json()["orders"], json!([]));
    for wrong in ["", "%00", "%0A", &"9".repeat(129)] {
        let answer = app.admin(&format!("?payment_id={wrong}")).await;
        assert_eq!(answer.problem(400, "bad-request"), "payment_id must be 1 to 128 printable characters.");
    }
}

async fn keys_are_paged_newest_first(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut wanted = Vec::new();
    for number in 0..5 {
        assert_eq!(app.checkout(Some(&format!("key-{number}"))).await.code(), 201);
        wanted.insert(0, format!("key-{number}"));
        app.advance(Span::millis(1)).await;
    }
    let path = format!("/idempotency-metrics?account_id=acc_{}", app.account);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.admin(&format!("{path}&limit=2{cursor}")).await.json();
        seen.extend(page["keys"].as_array().cloned().unwrap_or_default().iter().map(|key| text(key, "key")));
        assert_eq!(page["has_more"], page["next_cursor"].is_string());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, wanted);
    for strange in ["x", "%FF", "%00"] {
        let page = app.admin(&format!("{path}&cursor={strange}")).await.json();
        assert_eq!((&page["keys"], &page["has_more"], &page["next_cursor"]), (&json!([]), &json!(false), &json!(null)));
    }
    app.admin(&format!("{path}&limit=201")).await.problem(400, "bad-request");
    app.admin("/idempotency-metrics?account_id=nobody").await.problem(400, "bad-request");
}
