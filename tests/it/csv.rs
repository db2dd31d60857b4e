//! The operators' CSV: what a spreadsheet reads is what was stored, and all of it, or the connection breaks.
//!
//! It is read back here by a standard reader; the walk over the list's pages says what should be in it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::test_runner::{Config, TestRunner};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::engines::Engine;
use crate::harness::sql::run;
use crate::harness::stock::{self, FIRST, MINUTE, Stocked};
use crate::harness::{Answer, TestApp, eventually, order_body};

on_both_engines![
    each_cell_is_read_back_as_it_was_stored_and_none_is_a_formula,
    a_file_that_is_cut_off_says_so_and_where_it_goes_on,
    all_is_the_walk_of_all_pages_whatever_the_filters,
    all_has_each_old_order_once_while_others_are_inserted,
    a_stream_whose_storage_fails_breaks_and_never_ends_cleanly,
    what_breaks_its_rule_is_refused,
];

const COLUMNS: &str = "order_id,account_id,product,price_cents,price_currency,status,payment_id,customer_note,\
                       internal_note,created_at,updated_at\r\n";
const TRUNCATED: &str = "x-driftstack-export-truncated";
const NEXT: &str = "x-driftstack-next-cursor";

async fn file(app: &TestApp, query: &str) -> Answer {
    let answer = app.admin(&format!(".csv?{query}")).await;
    assert_eq!(answer.code(), 200, "{query}: {}", answer.text);
    answer.framed();
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"crypto-orders.csv\""));
    assert!(answer.text.starts_with(COLUMNS) && answer.text.ends_with("\r\n"), "{:?}", answer.text);
    answer
}

/// The rows by the names of their columns, as a standard reader has them.
fn rows(answer: &Answer) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(answer.text.as_bytes()).deserialize().map(|row| row.expect("a row")).collect()
}

fn ids(answer: &Answer) -> Vec<String> {
    rows(answer).into_iter().map(|mut row| row.remove("order_id").unwrap_or_default()).collect()
}

async fn noted(app: &TestApp, customer: Option<&str>, internal: Option<&str>) -> String {
    let mut body = order_body();
    body["customer_note"] = json!(customer);
    let order = app.checkout_of(&body, None).await.json()["order_id"].as_str().unwrap_or_default().to_owned();
    if internal.is_some() {
        let note = json!({ "internal_note": internal });
        assert_eq!(app.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &note).await.code(), 200);
    }
    order
}

async fn each_cell_is_read_back_as_it_was_stored_and_none_is_a_formula(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let table: &[(&str, &str)] = &[
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-7", "'-7"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("\tword", "'\tword"),
        ("＝1＋1", "'＝1＋1"),
        ("＠SUM", "'＠SUM"),
        (" =1", " =1"),
        ("'=1", "'=1"),
        ("a=b", "a=b"),
        ("say \"hi\", twice", "say \"hi\", twice"),
        ("two\r\nlines\nand\rmore", "two\r\nlines\nand\rmore"),
        (",", ","),
        ("\"", "\""),
        ("Zoë 東京 🙂", "Zoë 東京 🙂"),
        ("Gate 3;=1+1;x", "Gate 3;'=1+1;x"),
        ("Gate 3\t@SUM\t＋1", "Gate 3\t'@SUM\t'＋1"),
        ("first\n-7\r\n+8\r@9", "first\n'-7\r\n'+8\r'@9"),
        ("seven,-7", "seven,'-7"),
        ("quoted;\"=1\";\"\"=2", "quoted;'\"=1\";'\"\"=2"),
        ("a;b;'=1", "a;b;'=1"),
    ];
    let mut wanted = BTreeMap::new();
    for (note, cell) in table {
        wanted.insert(noted(&app, Some(note), Some(note)).await, [*cell, *cell]);
    }
    wanted.insert(noted(&app, None, None).await, ["", ""]);
    let answer = file(&app, "").await;
    assert_eq!(answer.header(TRUNCATED), None);
    let rows = rows(&answer);
    assert_eq!(rows.len(), wanted.len());
    for row in rows {
        let order = app.look(&row["order_id"]).await;
        assert_eq!([row["customer_note"].as_str(), &row["internal_note"]], wanted[&row["order_id"]]);
        for same in ["account_id", "product", "price_currency", "status", "created_at", "updated_at"] {
            assert_eq!(Some(row[same].as_str()), order[same].as_str(), "{same}");
        }
        assert_eq!((row["price_cents"].as_str(), row["payment_id"].as_str()), ("7900", ""));
    }
    no_separator_begins_a_formula(&answer.text);
    let empty = "solo_manual,7900,USD,pending,,,,2026-05-12T12:00:00.000Z,2026-05-12T12:00:00.000Z\r\n";
    assert!(answer.text.contains(empty), "null is nothing at all");
}

/// A spreadsheet that splits lines at `;` or at tabs does not see the quotes of ours, and ends a line where it ends.
fn no_separator_begins_a_formula(text: &str) {
    for separator in [',', ';', '\t'] {
        for cell in text.lines().flat_map(|line| line.split([separator, '\r'])) {
            let begins = cell.trim_start_matches('"').starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
            assert!(!begins, "{separator:?} begins a formula: {cell}");
        }
    }
}

async fn a_file_that_is_cut_off_says_so_and_where_it_goes_on(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for _ in 0..3 {
        app.order().await;
    }
    let all = ids(&file(&app, "all=1").await);
    assert_eq!(all.len(), 3);
    for (query, count, truncated) in [
        ("", 3, None),
        ("limit=3", 3, None),
        ("limit=2", 2, Some("1")),
        ("limit=1", 1, Some("1")),
        ("limit=1&all=1", 3, None),
        ("limit=1&all=true", 3, None),
        ("limit=1&all=0", 1, Some("1")),
        ("limit=1&all=false", 1, Some("1")),
    ] {
        let answer = file(&app, query).await;
        assert_eq!((ids(&answer), answer.header(TRUNCATED)), (all[..count].to_vec(), truncated), "{query}");
        assert_eq!(answer.header(NEXT).is_some(), truncated.is_some(), "{query}");
    }
    let first = file(&app, "limit=1").await;
    let next = first.header(NEXT).unwrap_or_default();
    assert_eq!(ids(&file(&app, &format!("cursor={next}")).await), all[1..]);
    assert_eq!(ids(&file(&app, &format!("all=1&cursor={next}")).await), all[1..]);
    assert_eq!(file(&app, "cursor=strange").await.text, COLUMNS);
}

async fn all_is_the_walk_of_all_pages_whatever_the_filters(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let accounts = [app.account.to_string(), "00000000-0000-4000-8000-000000000007".to_owned()];
    let orders = stock::orders(&mut TestRunner::new(Config::default()), &accounts, 5_000);
    stock::put(&app, &orders);
    stock::index(&app, &orders).await;
    let meant = |means: &dyn Fn(&Stocked) -> bool| -> Vec<String> {
        orders.iter().filter(|order| means(order)).map(|order| order.id.clone()).collect()
    };
    let noon = FIRST + 720 * MINUTE;
    for (query, wanted) in [
        ("", meant(&|_| true)),
        ("&status=paid", meant(&|order| order.status == "paid")),
        ("&account_id=00000000-0000-4000-8000-000000000007", meant(&|order| order.account == accounts[1])),
        ("&paid_after=2026-05-01T12:00:00Z", meant(&|order| order.paid_at.is_some_and(|at| noon <= at))),
        ("&created_before=2026-05-01T12:00:00Z", meant(&|order| order.created_at < noon)),
        ("&search=_manual", meant(&|order| order.says("_manual"))),
        ("&search=fossil", meant(&|order| order.says("fossil"))),
        ("&search=al", meant(&|order| order.says("al"))),
    ] {
        let answer = file(&app, &format!("all=1{query}")).await;
        assert_eq!(ids(&answer), wanted, "{query}");
        let bounded = (query == "&search=al").then_some("1");
        assert_eq!(answer.header("x-driftstack-search-bounded"), bounded, "{query}");
    }
}

async fn all_has_each_old_order_once_while_others_are_inserted(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let orders = stock::orders(&mut TestRunner::new(Config::default()), &[app.account.to_string()], 5_000);
    stock::put(&app, &orders);
    let insert = async {
        for _ in 0..50 {
            app.order().await;
        }
    };
    let (answer, ()) = tokio::join!(file(&app, "all=1"), insert);
    let known: BTreeSet<&String> = orders.iter().map(|order| &order.id).collect();
    let old: Vec<String> = ids(&answer).into_iter().filter(|id| known.contains(id)).collect();
    assert_eq!(old, orders.iter().map(|order| order.id.clone()).collect::<Vec<_>>());
}

async fn a_stream_whose_storage_fails_breaks_and_never_ends_cleanly(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let orders = stock::orders(&mut TestRunner::new(Config::default()), &[app.account.to_string()], 5_000);
    stock::put(&app, &orders);
    let sql = |statement: &str| run(engine, &app.database.url, statement).expect("it is done");
    // So much that it does not fit between the server and a client who does not read.
    sql(&format!("update orders set internal_note = '{}'", "\u{6771}".repeat(2_000)));
    let request = app.request(Method::GET, "/v1/admin/crypto-orders.csv?all=1").bearer_auth(&app.operator);
    let mut answer = request.send().await.expect("the head");
    assert_eq!(answer.status(), StatusCode::OK);
    if matches!(engine, Engine::Postgres(_)) {
        let idle = "select count(*) from pg_stat_activity where datname = current_database() \
                    and state <> 'idle' and pid <> pg_backend_pid()";
        // The page after the first is read ahead, and then the database has nothing to do for it.
        let at_rest = || async { (app.database.sql(idle) == "0").then_some(()) };
        eventually("no transaction stays open while the client does not read", at_rest).await;
    }
    sql("alter table orders rename to orders_away");
    let (mut bytes, mut broken) = (0, false);
    while !broken {
        match answer.chunk().await {
            Ok(Some(chunk)) => bytes += chunk.len(),
            Ok(None) => break,
            Err(_) => broken = true,
        }
    }
    assert!(broken && bytes < 5_000 * 6_000, "{bytes} bytes, and a clean end");
    sql("alter table orders_away rename to orders");
    assert_eq!(ids(&file(&app, "limit=5").await).len(), 5, "and the next is served");
}

async fn what_breaks_its_rule_is_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let refused = |query: &'static str| {
        let app = &app;
        async move { app.admin(&format!(".csv?{query}")).await.problem(400, "bad-request") }
    };
    for wrong in ["all=", "all=2", "all=yes", "all=TRUE", "all=01"] {
        assert_eq!(refused(wrong).await, "all must be 0, 1, true or false.", "{wrong}");
    }
    for wrong in ["limit=0", "limit=1001", "limit=ten", "all=1&limit=0"] {
        assert_eq!(refused(wrong).await, "limit must be an integer between 1 and 1000.", "{wrong}");
    }
    assert!(refused("status=PAID").await.starts_with("status must be one of"));
    assert!(refused("search=").await.starts_with("search must be between"));
    let nobody = app.get("/v1/admin/crypto-orders.csv").await;
    assert_eq!(nobody.problem(403, "forbidden"), "This action requires the \"driftstack_internal_admin\" scope.");
}
