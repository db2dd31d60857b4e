//! What every page weighs with all that it brings along, when each of its lists is full.
//!
//! The rows are like those of every day. A buyer's QR code is not counted.

use crypto_orders::domain::access::Tier;
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::json;

use crate::deliveries::{catch_up, endpoint, set, stand, told};
use crate::docs;
use crate::engines::{Engine, run};
use crate::harness::operator::Operator;
use crate::harness::{TestApp, json_body, order_body, payment, sql, told as report};
use crate::pay::link_of;

const BYTES_MAX: usize = 100_000;
/// As many rows as a page has, unless the page says otherwise.
const FULL: usize = 50;
/// What a merchant's server says that is down.
const ANSWER: &str = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center>\
                      <hr><center>nginx/1.27.3</center></body></html>";

/// A page, with what each of its rows holds and how many of them are there. `{order}` and `{account}` are the busiest
/// ones.
const PAGES: &[(&str, &str, usize)] = &[
    ("/admin/sign-in", "<form", 1),
    ("/admin?days=90", "<th scope=\"row\">20", 180),
    ("/admin/orders", "data-drawer", FULL),
    ("/admin/orders/{order}", "Raw body</summary>", 25),
    ("/admin/attention", "class=\"card\"", FULL),
    ("/admin/dead-letters", "class=\"card\"", FULL),
    ("/admin/sweep", "href=\"/admin/orders/ord_", 100),
    // One of its rows is the sign-in.
    ("/admin/audit-log", "<td>crypto_order.", FULL - 1),
    ("/admin/idempotency", "?account_id=", FULL),
    ("/admin/idempotency?account_id={account}", "href=\"/admin/orders/ord_", FULL),
];

#[test]
fn every_page_is_light_with_all_that_it_brings_along() {
    run(async {
        let app = TestApp::spawn_with(Engine::Sqlite, |settings| settings.sweeper.automatic = false).await;
        let busy = busy(&app).await;
        waiting(&app, 100).await;
        short(&app).await;
        dead(&app).await;
        keys(&app).await;
        days(&app, 90);
        let operator = app.signed_in().await;
        let named = |path: &str| path.replace("{order}", &busy).replace("{account}", &app.account.to_string());
        let pages = PAGES.iter().map(|(path, row, rows)| (named(path), *row, *rows));
        let docs = docs::pages(&app).await.into_keys().map(|path| (path, "<main", 1));
        let mut heavy = Vec::new();
        for (path, row, rows) in pages.chain(docs) {
            let page = operator.get(&path).await.text;
            assert!(rows <= page.matches(row).count(), "{path} is not full of {row}: {page}");
            let weight = weight(&operator, &page).await;
            if BYTES_MAX <= weight {
                heavy.push(format!("{path}: {weight}, {} of them the page's own", page.len()));
            }
        }
        assert!(heavy.is_empty(), "{heavy:#?}");
    });
}

/// Only a provider makes the address that there is to show.
#[test]
fn the_buyers_page_is_light_but_for_its_code() {
    run(async {
        let app = TestApp::simulated(Engine::Sqlite).await;
        let operator = app.outside();
        let page = operator.get(&link_of(&app, &app.order().await)).await.text;
        assert!(page.contains("data-copy=\"address\"") && page.contains("<svg class=\"qr\""), "{page}");
        let weight = weight(&operator, &page).await;
        assert!(weight < BYTES_MAX, "{weight}");
    });
}

/// The bytes of a page and of every file that it names.
async fn weight(operator: &Operator, page: &str) -> usize {
    let mut weight = page.len();
    if let Some((before, code)) = page.split_once("<svg class=\"qr\"") {
        weight = before.len() + code.split_once("</svg>").map_or(0, |(_, after)| after.len());
    }
    for file in [docs::values(page, "href"), docs::values(page, "src")].concat() {
        if file.starts_with("/assets/") {
            let file = operator.get(file).await;
            assert_eq!(file.code(), 200);
            weight += file.text.len();
        }
    }
    weight
}

/// An order of which everything has happened many times.
async fn busy(app: &TestApp) -> String {
    let order = app.order().await;
    for number in 0..FULL {
        app.clock.advance(Span::seconds(1));
        app.ipn(&payment(&order, &format!("50771263{number:02}"), "partially_paid")).await;
        let note = json!({ "internal_note": format!("Asked the buyer for the hash of transfer {number}.") });
        assert_eq!(app.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &note).await.code(), 200);
    }
    order
}

/// Orders for which nobody has paid in time.
async fn waiting(app: &TestApp, count: usize) {
    for number in 0..count {
        let order = app.order().await;
        report(app, &order, [&format!("58{number:08}"), "waiting"], json!({})).await;
    }
    app.clock.advance(Span::minutes(61));
}

/// Orders for which less has arrived than is owed.
async fn short(app: &TestApp) {
    for number in 0..=FULL {
        let order = app.order().await;
        report(app, &order, [&format!("61{number:08}"), "finished"], json!({ "actually_paid": 0.25 })).await;
    }
}

/// Webhooks that nobody took.
async fn dead(app: &TestApp) {
    let hook = endpoint(app, app.account).await;
    for _ in 0..=FULL {
        told(app).await;
    }
    catch_up(app, hook).await;
    for id in sql::lines(app.engine(), &app.database.url, "select id from webhook_deliveries") {
        stand(app, &id, "dlq", 6);
    }
    set(app, &format!("update webhook_deliveries set last_response_status = 502, last_response_excerpt = '{ANSWER}'"));
}

/// Keys that came again, of one account and of many.
async fn keys(app: &TestApp) {
    for number in 0..=FULL {
        let key = format!("0198d3c1-7a4e-7f00-8000-{number:012}");
        let (_, stranger) = app.stranger(Tier::Enterprise).await;
        for customer in [&app.customer, &stranger, &stranger] {
            let request = app.request(Method::POST, "/v1/billing/crypto-checkout").bearer_auth(customer);
            let placed = app.send(json_body(request, &order_body()).header("Idempotency-Key", &key)).await;
            assert_eq!(placed.code(), 201, "{}", placed.text);
        }
    }
}

/// Days on which there were orders of every kind.
pub fn days(app: &TestApp, days: i64) {
    let mut totals = Vec::new();
    for day in 0..days {
        let date = app.clock.now().before(Span::hours(24 * day)).day();
        let weights = [("pending", 2), ("confirming", 1), ("partial", 1), ("paid", 9), ("failed", 3), ("cancelled", 1)];
        for (status, weight) in weights {
            let count = weight * (3 + day * 5 % 7);
            totals.push(format!("('{date}', '{status}', 'solo_manual', 'USD', 99, {count}, {count}900, 0)"));
        }
    }
    let columns = "day, status, product, currency, shard, orders, cents, paid_after_ms";
    set(app, &format!("insert into order_totals ({columns}) values {}", totals.join(", ")));
}
