//! The pages on idempotency keys, pagination and the CSV export, tried as their readers would: their commands are pasted,
//! and answer what the pages say.
//!
//! Only the variables that the pages have their readers set are this test's own, and the days of an example.

use crypto_orders::domain::time::Span;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::terminal::{Terminal, command, commands, section};
use crate::harness::{TestApp, payment};

on_both_engines![
    a_purchase_that_is_sent_twice_is_one_order,
    how_keys_are_used_is_shown,
    a_list_is_read_page_by_page,
    every_kind_of_list_has_the_shape_that_the_page_says,
    a_window_of_paid_orders_is_exported,
    a_file_that_is_cut_off_is_gone_on_with,
];

const KEYS: &str = include_str!("../../docs/idempotency-keys.md");
const PAGES: &str = include_str!("../../docs/admin-api-pagination.md");
const FILE: &str = include_str!("../../docs/admin-csv-export.md");

/// A terminal with one variable of the reader's.
fn terminal<'a>(app: &'a TestApp, name: &'static str, value: &str) -> Terminal<'a> {
    Terminal { app, variables: vec![(name, value.to_owned())] }
}

/// An answer that was printed with its head: whether it has a line of the head, and its body.
fn with_head(printed: &str) -> (String, Value) {
    let (head, body) = printed.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {printed}"));
    (head.to_lowercase(), serde_json::from_str(body).unwrap_or_default())
}

/// The cells of the column's rows that are code, in the table that begins with these titles.
fn codes(page: &'static str, titles: &str) -> Vec<&'static str> {
    let (_, table) = page.split_once(titles).unwrap_or_else(|| panic!("no table {titles}"));
    table.lines().skip(1).map_while(|row| row.strip_prefix("| `")?.split('`').next()).collect()
}

/// This many orders, a minute apart, all paid; oldest first.
async fn paid(app: &TestApp, count: u32) -> Vec<String> {
    let mut orders = Vec::new();
    for number in 0..count {
        let order = app.order().await;
        app.ipn(&payment(&order, &format!("9{number}"), "finished")).await;
        app.advance(Span::minutes(1)).await;
        orders.push(order);
    }
    orders
}

/// The orders' ids in a file, and the names of its columns.
fn read(file: &str) -> (Vec<String>, Vec<String>) {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let names = reader.headers().expect("names").iter().map(str::to_owned).collect();
    (reader.records().map(|row| row.expect("a row")[0].to_owned()).collect(), names)
}

fn newest_first(orders: &[String]) -> Vec<String> {
    orders.iter().rev().cloned().collect()
}

fn ids(list: &Value) -> Vec<&str> {
    let orders = list["orders"].as_array().unwrap_or_else(|| panic!("{list}"));
    orders.iter().filter_map(|order| order["order_id"].as_str()).collect()
}

async fn a_purchase_that_is_sent_twice_is_one_order(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let buy = command(KEYS, "Sending one", "crypto-checkout\"");
    let first = terminal(&app, "PURCHASE", "5f0c2a9e").paste(buy).await;
    let again = terminal(&app, "PURCHASE", "5f0c2a9e").paste(buy).await;
    let ((head, made), (head_again, same)) = (with_head(&first), with_head(&again));
    assert!(head.starts_with("http/1.1 201") && head_again.starts_with("http/1.1 201"), "{first}\n{again}");
    assert!(!head.contains("idempotent-replayed") && head_again.contains("idempotent-replayed: 1"), "{again}");
    assert_eq!((made["order_id"].is_string(), &made["order_id"]), (true, &same["order_id"]));
    let (_, other) = with_head(&terminal(&app, "PURCHASE", "another").paste(buy).await);
    assert_ne!(other["order_id"], made["order_id"]);

    let refused = command(KEYS, "The rules", "two words");
    let refused = terminal(&app, "PURCHASE", "").paste_json(refused).await;
    let (_, shown) = section(KEYS, "The rules").split_once("```json\n").expect("an example");
    let shown: Value = serde_json::from_str(shown.split("```").next().unwrap_or_default()).expect("JSON");
    assert_eq!((&refused["status"], &refused["issues"]), (&json!(400), &shown), "{refused}");
}

async fn how_keys_are_used_is_shown(engine: Engine) {
    const SEEN: &str = "What support sees";
    let app = TestApp::spawn(engine).await;
    let terminal = terminal(&app, "ACCOUNT", &app.account.to_string());
    let order = app.checkout(Some("one")).await.json()["order_id"].clone();
    app.checkout(Some("one")).await;
    let all = terminal.paste_json(command(KEYS, SEEN, "idempotency-metrics\"")).await;
    assert_eq!(all, json!({ "first_writes": 1, "replays": 1, "body_mismatches": 0 }));
    let own = terminal.paste_json(command(KEYS, SEEN, "account_id=")).await;
    let key = own["keys"][0].as_object().unwrap_or_else(|| panic!("{own}"));
    assert_eq!((&key["key"], &key["order_id"], &key["replays"]), (&json!("one"), &order, &json!(1)));
    let (_, named) = section(KEYS, SEEN).split_once("Each key comes with its").expect("the names");
    let named = named.split('.').next().unwrap_or_default().split('`').skip(1).step_by(2);
    assert_eq!(named.filter(|name| key.contains_key(*name)).count(), key.len() - 1, "{own}");
}

async fn a_list_is_read_page_by_page(engine: Engine) {
    const NEXT: &str = "A page and the next one";
    let app = TestApp::spawn(engine).await;
    let orders = newest_first(&paid(&app, 3).await);
    let first = terminal(&app, "CURSOR", "").paste_json(command(PAGES, NEXT, "limit=2\"")).await;
    assert_eq!(ids(&first), orders[..2]);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second = terminal(&app, "CURSOR", cursor).paste_json(command(PAGES, NEXT, "$CURSOR")).await;
    assert_eq!((ids(&second), &second["next_cursor"]), (vec![orders[2].as_str()], &Value::Null));

    let walk = commands(section(PAGES, "All pages")).join("\n");
    assert!(walk.contains("limit=200"), "{walk}");
    // Small pages, so that there is a next one.
    for limit in ["limit=200", "limit=1", "limit=2"] {
        let printed = terminal(&app, "NEXT", "left over").paste(&walk.replace("limit=200", limit)).await;
        assert_eq!(printed.lines().collect::<Vec<_>>(), orders, "{limit}");
    }
    let refused = command(PAGES, "What is refused, and what is empty", "limit=201");
    let refused = terminal(&app, "CURSOR", "").paste_json(refused).await;
    let row = format!("| 400 `{}` |", refused["detail"].as_str().unwrap_or_default());
    assert!(section(PAGES, "What is refused, and what is empty").contains(&row), "{refused}");
}

async fn every_kind_of_list_has_the_shape_that_the_page_says(engine: Engine) {
    const SHAPES: &str = "Two shapes of a page";
    let app = TestApp::spawn(engine).await;
    let orders = paid(&app, 3).await;
    let audit = terminal(&app, "CURSOR", "").paste_json(command(PAGES, SHAPES, "audit-log")).await;
    assert_eq!(audit, json!({ "data": [], "has_more": false, "next_cursor": null }));
    let own = terminal(&app, "CURSOR", "").paste_json(command(PAGES, SHAPES, "billing")).await;
    assert_eq!(ids(&own), newest_first(&orders)[..2]);
    let names: Vec<_> = own.as_object().expect("fields").keys().map(String::as_str).collect();
    assert_eq!(names, ["next_cursor", "orders"]);
}

async fn a_window_of_paid_orders_is_exported(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let orders = paid(&app, 2).await;
    let pending = app.order().await;
    app.advance(Span::hours(24)).await;
    let next_day = app.order().await;
    app.ipn(&payment(&next_day, "98", "finished")).await;
    let terminal = terminal(&app, "CURSOR", "");
    let window = command(FILE, "A window of time", "status=paid");
    assert_eq!(read(&terminal.paste(window).await).0, Vec::<String>::new());
    let window = window.replace("before=2026-05-12", "before=2026-05-13");
    let (exported, names) = read(&terminal.paste(&window).await);
    assert_eq!(exported, newest_first(&orders));
    assert_eq!(names, codes(FILE, "| column | what it is |\n"));
    let night = command(FILE, "Every night", "paid_after");
    assert_eq!(read(&terminal.paste(night).await).0, newest_first(&orders));

    let every = newest_first(&[&orders[..], &[pending, next_day]].concat());
    let saved = terminal.paste_for("crypto-orders.csv", command(FILE, "A window of time", "-OJ")).await;
    assert_eq!(read(&saved).0, every);
    for name in codes(FILE, "| parameter | which orders |\n") {
        let refused = app.admin(&format!(".csv?{name}=")).await;
        assert_eq!(refused.code(), 400, "{name}: {}", refused.text);
    }
}

async fn a_file_that_is_cut_off_is_gone_on_with(engine: Engine) {
    const MORE: &str = "More than 1000 rows";
    let app = TestApp::spawn(engine).await;
    let orders = newest_first(&paid(&app, 3).await);
    let printed = terminal(&app, "CURSOR", "").paste(command(FILE, MORE, "-i")).await;
    let (head, file) = printed.split_once("\r\n\r\n").expect("a head");
    assert_eq!(read(file).0, orders[..2]);
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    assert_eq!(header("X-Driftstack-Export-Truncated"), Some("1"), "{head}");
    let cursor = header("X-Driftstack-Next-Cursor").expect("a place");
    let rest = terminal(&app, "CURSOR", cursor).paste(command(FILE, MORE, "$CURSOR")).await;
    assert_eq!(read(&rest).0, orders[2..]);
    let all = terminal(&app, "CURSOR", "").paste(command(FILE, MORE, "all=1")).await;
    assert_eq!(read(&all).0, orders);
}

#[test]
fn every_command_is_tried() {
    for (page, count) in [(KEYS, 4), (PAGES, 12), (FILE, 6)] {
        let all = commands(page);
        assert_eq!(all.len(), count, "try the new one in a test above, and count it here: {all:?}");
        for command in all.iter().filter(|command| command.contains("curl")) {
            assert!(command.contains("KEY\""), "{command}");
            assert!(!command.contains(" -d ") || command.contains("'Content-Type: application/json'"), "{command}");
        }
    }
}
