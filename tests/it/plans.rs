//! Every list, look-up and statistic is answered from an index or from the kept totals, and none scans.
//!
//! The service is asked over HTTP on a database of 100 000 orders; `plans/record.rs` notes what it really
//! sends to its database, and `plans/judge.rs` has the engine explain each of these statements. A new
//! route is added to [`ASKED`]: one line, with the table that its answer comes from.

mod judge;
pub mod record;
mod stock;
mod values;

use std::collections::BTreeMap;

use crypto_orders::domain::ids::OrderId;
use crypto_orders::domain::time::{Span, Timestamp};
use crypto_orders::store::filter::{Due, DuePage};
use crypto_orders::store::resend::Outlived;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{TestApp, payment};
use judge::Judge;
use record::{Record, Statement};

on_both_engines![every_list_look_up_and_statistic_is_answered_from_an_index];
on_postgres![what_nothing_stands_against_is_stored_by_one_statement];

/// What is asked, with the table that must have been asked for it. Of a page, the next one is asked for too.
/// `{order}`, `{account}` and the like are those of [`named`].
const ASKED: &[(&str, &str)] = &[
    ("orders", "/v1/admin/crypto-orders/{order}"),
    ("order_events", "/v1/admin/crypto-orders/{order}/events"),
    ("received_ipns", "/v1/admin/crypto-orders/{order}/ipns?limit=1"),
    ("order_payments", "/v1/admin/crypto-orders/{order}/payments?limit=1"),
    ("attention_items", "/v1/admin/crypto-orders/attention?limit=3"),
    // Each item with the numbers of its payment.
    ("order_payments", "/v1/admin/crypto-orders/attention?limit=200"),
    ("attention_items", "/v1/admin/crypto-orders/attention?limit=3&state=resolved"),
    ("attention_items", "/v1/admin/crypto-orders/attention?limit=3&kind=underpaid"),
    ("attention_items", "/v1/admin/crypto-orders/attention?limit=3&state=resolved&kind=underpaid"),
    ("attention_items", "/v1/admin/crypto-orders/attention?limit=3&order_id={order}"),
    ("attention_items", "/v1/admin/crypto-orders/attention?limit=3&state=resolved&order_id={order}"),
    ("attention_items", "/v1/admin/crypto-orders/attention?limit=3&kind=underpaid&order_id={order}"),
    ("audit_log", "/v1/admin/audit-log?limit=3"),
    ("audit_log", "/v1/admin/audit-log?limit=3&target={order}"),
    ("audit_log", "/v1/admin/audit-log?limit=3&actor={actor}"),
    ("audit_log", "/v1/admin/audit-log?limit=3&target={order}&actor={actor}"),
    ("webhook_deliveries", "/v1/admin/crypto-orders/{order}/deliveries?limit=1"),
    ("webhook_deliveries", "/v1/admin/webhook-deliveries/{delivery}"),
    ("webhook_deliveries", "/v1/admin/webhook-dlq?limit=3"),
    ("webhook_deliveries", "/v1/webhooks/{hook}/deliveries?limit=3"),
    ("webhook_deliveries", "/v1/webhooks/{hook}/deliveries?limit=3&status=dlq"),
    ("order_totals", "/v1/admin/crypto-orders/stats"),
    ("order_totals", "/v1/admin/crypto-orders/pending-age"),
    ("order_totals", "/v1/admin/crypto-orders/daily?days=90"),
    ("witness_totals", "/v1/admin/crypto-orders/evidence-metrics?days=90"),
    ("idempotency_totals", "/v1/admin/crypto-orders/idempotency-metrics"),
    ("idempotency_keys", "/v1/admin/crypto-orders/idempotency-metrics?account_id={account}&limit=10"),
    ("orders", "/v1/admin/crypto-orders?search=ab"),
    ("orders", "/v1/admin/crypto-orders.csv?all=1&created_after={from}&created_before={until}"),
    ("api_keys", "/v1/api-keys?limit=10"),
    ("webhook_endpoints", "/v1/webhooks"),
    ("accounts", "/v1/account/whoami"),
    ("orders", "/v1/billing/crypto-orders?limit=10"),
    ("orders", "/v1/billing/crypto-orders?limit=10&status=paid"),
    ("orders", "/v1/billing/crypto-orders?limit=10&created_after={from}&created_before={until}"),
    ("orders", "/v1/billing/crypto-orders/{order}"),
    ("order_events", "/v1/billing/crypto-orders/{order}/events"),
    ("orders", "/v1/billing/crypto-orders/{order}/receipt"),
];

/// Lists of all orders, each of which is asked with every combination of [`FILTERS`]. Of two texts the first
/// counts: one that is found a single time, far from the newest orders.
const FILTERED: &[&str] = &[
    "/v1/admin/crypto-orders?limit=3",
    "/v1/admin/crypto-orders?limit=3&search=table%2050000",
    "/v1/admin/crypto-orders.csv?limit=3",
];

/// One filter of each kind.
const FILTERS: &[&str] = &[
    "&status=paid",
    "&account_id={account}",
    "&created_after={from}&created_before={until}",
    "&paid_after={from}&paid_before={until}",
    "&search=reserved%20at%20the%20window",
    "&payment_id={payment}",
];

/// Statements that no index answers.
const BAD: &[&str] = &[
    "select * from orders where customer_note = 'x'",
    "select count(*) from orders",
    "select status, count(*) from orders group by status",
    "select * from order_events e where e.status = 'paid'",
    "select * from orders order by updated_at desc limit 3",
    "select * from orders where customer_note = 'x' order by created_at desc, id desc limit 3",
    "select * from orders where id || '' = 'x' limit 3",
    "select o.id from orders o join order_events e on e.order_id = o.id where e.at > 0",
];

/// A path with its names filled in: the order is one of the test's own account, in the middle of the list.
fn named(app: &TestApp, path: &str) -> String {
    let at = |minutes_ago: i64| app.clock.now().before(Span::minutes(minutes_ago)).to_string();
    path.replace("{order}", &stock::order(stock::ORDERS / 2))
        .replace("{payment}", &format!("pay-{}", stock::ORDERS / 2 - 1))
        .replace("{account}", &app.account.to_string())
        .replace("{actor}", "key_00000000-0000-7000-8000-000000000007")
        .replace("{hook}", &stock::hook())
        .replace("{delivery}", &stock::delivery(stock::ORDERS / 2))
        .replace("{from}", &at(60_000))
        .replace("{until}", &at(40_000))
}

/// Every request as it is sent, with the table that must be asked for it.
fn requests(app: &TestApp) -> Vec<(&'static str, String)> {
    let mut requests: Vec<_> = ASKED.iter().map(|(table, path)| (*table, named(app, path))).collect();
    for list in FILTERED {
        for chosen in 0..1_u32 << FILTERS.len() {
            let filters =
                FILTERS.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1).map(|(_, filter)| *filter);
            requests.push(("orders", named(app, &format!("{list}{}", filters.collect::<String>()))));
        }
    }
    requests
}

/// Asks, and again for the next page if there is one.
async fn ask(app: &TestApp, path: &str) {
    let key = if path.starts_with("/v1/admin") { &app.operator } else { &app.customer };
    let get = async |path: &str| {
        let answer = app.send(app.request(Method::GET, path).bearer_auth(key)).await;
        assert_eq!(answer.code(), 200, "{path}: {}", answer.text);
        answer
    };
    let first = get(path).await;
    let json: Value = serde_json::from_str(&first.text).unwrap_or_default();
    if let Some(cursor) = json["next_cursor"].as_str().or(first.header("x-driftstack-next-cursor")) {
        let sign = if path.contains('?') { '&' } else { '?' };
        get(&format!("{path}{sign}cursor={cursor}")).await;
    }
}

/// Statements that look for rows; the others name the ones they write, or none.
fn looks_for_rows(statement: &Statement) -> bool {
    assert!(!statement.sql.is_empty(), "a statement could not be noted: {statement:?}");
    let sql = statement.sql.trim_start().to_lowercase();
    ["select", "with", "update", "delete"].iter().any(|word| sql.starts_with(word))
}

/// What the operators' pages ask for beyond what the API asks for.
const LOOKED_AT: &[(&str, &str)] = &[
    ("idempotency_totals", "/admin?days=90"),
    ("webhook_deliveries", "/admin"),
    ("idempotency_keys", "/admin/idempotency?account_id={account}"),
];

/// What the sweeper asks for by itself, and what support has it look for; open pages ask by themselves too.
async fn sweep(app: &TestApp) {
    watch(app).await;
    let now = app.clock.now();
    for due in [Due::All, Due::Stalled] {
        let page = DuePage { until: now, after: None, limit: 500 };
        let first = app.store.orders_due(due, page).await.expect("orders");
        let after = first.last().map(|order| order.place);
        app.store.orders_due(due, DuePage { after, ..page }).await.expect("orders");
    }
    app.store.keys_forget(Timestamp::from_millis(1), 500).await.expect("keys");
    for (outlived, removed) in [(Outlived::Delivered, 3), (Outlived::Undelivered, 3), (Outlived::Pings, 0)] {
        assert_eq!(app.store.deliveries_purge(outlived, now, 3).await.expect("deliveries"), removed, "{outlived:?}");
    }
    let body = json!({"older_than_hours": 2, "dry_run": true});
    assert_eq!(app.admin_call(Method::POST, "/sweep-expired", &body).await.code(), 200);
}

/// What the buyers' open pages ask, again and again.
async fn watch(app: &TestApp) {
    let order = OrderId::parse(&stock::order(stock::ORDERS / 2)).expect("an id");
    let whole = app.store.order_load(order).await.expect("the store").expect("an order");
    assert_eq!(app.store.order_updated_at(order).await.expect("the store"), Some(whole.updated_at));
}

/// What is done with deliveries, by who finds them.
async fn resend(app: &TestApp) {
    let catch_up = format!("/v1/webhooks/{}/catch-up", stock::hook());
    for dry_run in [true, false] {
        let since = app.clock.now().before(Span::minutes(60_000));
        let caught = app.call(Method::POST, &catch_up, &json!({ "since": since, "dry_run": dry_run })).await;
        assert_eq!(caught.code(), 200, "{}", caught.text);
        assert_ne!(caught.json()["event_count"], 0, "{}", caught.text);
    }
    let replay = format!("/v1/webhook-deliveries/{}/replay", stock::delivery(stock::ORDERS / 2));
    assert_eq!(app.call(Method::POST, &replay, &json!({})).await.code(), 200);
}

/// The operators' pages of orders, which read what the API reads, and what their rows name.
const PAGES: &[(&str, &str)] = &[
    ("attention_items", "/admin/orders?limit=3"),
    ("accounts", "/admin/orders"),
    ("orders", "/admin/orders?status=partial&account_id={account}&search=table"),
    ("orders", "/admin/orders.csv?status=partial"),
    ("api_keys", "/admin/orders/{order}"),
    ("audit_log", "/admin/orders/{order}"),
    ("attention_items", "/admin/orders/{order}"),
];

async fn every_list_look_up_and_statistic_is_answered_from_an_index(engine: Engine) {
    Record::prepare();
    // The timer would find all old orders overdue.
    let app = TestApp::spawn_with(engine, |settings| {
        settings.retention.delivered = None;
        settings.sweeper.automatic = false;
        settings.webhooks.automatic = false;
    });
    let app = app.await;
    stock::fill(&app);
    let mut judge = Judge::new(engine, &app.database.url).await;
    for sql in BAD {
        let bad = Statement { sql: (*sql).to_owned(), values: Vec::new() };
        assert_ne!(judge.complaints(&bad).await, Vec::<String>::new(), "{sql}");
    }
    let record = Record::of(&app.database.url);
    let mut sent = Vec::new();
    for (table, path) in requests(&app) {
        ask(&app, &path).await;
        let statements = record.take();
        assert!(statements.iter().any(|one| one.sql.contains(table)), "{path} asks {table}: {statements:#?}");
        sent.extend(statements.into_iter().map(|statement| (statement, path.clone())));
    }
    let operator = app.signed_in().await;
    sent.extend(record.take().into_iter().map(|statement| (statement, "whoever signs in".to_owned())));
    sweep(&app).await;
    sent.extend(record.take().into_iter().map(|statement| (statement, "the sweeper".to_owned())));
    resend(&app).await;
    sent.extend(record.take().into_iter().map(|statement| (statement, "whoever resends".to_owned())));
    for (table, path) in LOOKED_AT.iter().chain(PAGES) {
        let path = named(&app, path);
        assert_eq!(operator.get(&path).await.code(), 200, "{path}");
        let statements = record.take();
        assert!(statements.iter().any(|one| one.sql.contains(table)), "{path} asks {table}: {statements:#?}");
        sent.extend(statements.into_iter().map(|statement| (statement, path.clone())));
    }
    let mut wrong = Vec::new();
    for (statement, who) in sent.into_iter().filter(|(one, _)| looks_for_rows(one)).collect::<BTreeMap<_, _>>() {
        let complaints = judge.complaints(&statement).await;
        if !complaints.is_empty() {
            wrong.push(format!("{who}\n  {}\n  {:?}\n  {complaints:?}", statement.sql, statement.values));
        }
    }
    assert!(wrong.is_empty(), "{} plans are bad:\n{}", wrong.len(), wrong.join("\n"));
}

async fn what_nothing_stands_against_is_stored_by_one_statement(engine: Engine) {
    Record::prepare();
    let app = TestApp::spawn(engine).await;
    let record = Record::of(&app.database.url);
    let whole = |of: &[&str]| {
        let sent = record.take();
        sent.iter().any(|one| of.iter().all(|part| one.sql.contains(part)))
    };
    // While a group is written the next one gathers, and that one finds the connection in use.
    let mut seen = [false, false];
    for burst in 0..50 {
        let keys: Vec<String> = (0..16).map(|nth| format!("{burst}-{nth}")).collect();
        let placed = join_all(keys.iter().map(|key| app.checkout(Some(key)))).await;
        let parts = ["insert into idempotency_keys ", "insert into orders ", "insert into order_totals "];
        seen[0] |= whole(&parts);
        let orders = placed.iter().map(|answer| answer.json()["order_id"].as_str().expect("an order").to_owned());
        let reports: Vec<Value> =
            orders.enumerate().map(|(nth, id)| payment(&id, &format!("{burst}{nth:03}"), "finished")).collect();
        let told = join_all(reports.iter().map(|report| app.ipn(report))).await;
        assert!(told.iter().all(|answer| answer.json()["order_state"] == "paid"));
        seen[1] |= whole(&["insert into received_ipns ", "update orders ", "insert into order_payments "]);
        if seen == [true, true] {
            return;
        }
    }
    panic!("checkouts and IPNs that were written by one statement: {seen:?}");
}
