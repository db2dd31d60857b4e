//! What an import and a seed refuse, and that they leave nothing behind then.

use crate::archive::{at, exported, fresh, imported};
use crate::engines::{Database, Engine};
use crate::harness::{TestApp, payment};
use crate::harness_program::{Ended, Site};

on_both_engines![
    a_database_that_is_not_empty_is_refused_by_name,
    a_running_server_is_refused,
    a_wrong_line_is_named_and_nothing_is_kept,
    a_file_that_was_cut_off_is_refused,
];

/// An archive of two orders with keys, payments and IPNs.
async fn archive(engine: Engine) -> String {
    let app = TestApp::spawn(engine).await;
    for number in 1..3 {
        let order = app.checkout(Some(&format!("key-{number}"))).await.json()["order_id"].clone();
        let order = order.as_str().expect("an order");
        assert_eq!(app.ipn(&payment(order, &format!("30{number}"), "finished")).await.code(), 200);
    }
    exported(&app.database.url)
}

fn import(database: &Database, archive: &str) -> Ended {
    let site = at(&database.url);
    std::fs::write(site.folder.join("archive.jsonl"), archive).expect("a file");
    site.run(&["import", "archive.jsonl"])
}

/// Asserts that a database is as it was made.
fn assert_empty(database: &Database) {
    for table in [
        "orders",
        "order_events",
        "accounts",
        "api_keys",
        "order_search",
        "order_totals",
        "witness_totals",
        "received_ipns",
    ] {
        assert_eq!(database.sql(&format!("select count(*) from {table}")), "0", "{table}");
    }
}

async fn a_database_that_is_not_empty_is_refused_by_name(engine: Engine) {
    let archive = archive(engine).await;
    let database = imported(engine, &archive).await;
    for refused in [import(&database, &archive), at(&database.url).run(&["seed", "--orders", "1"])] {
        let why = refused.refusal(1);
        assert!(why.contains("not empty: it holds 2 orders, 1 accounts, 2 API keys"), "{why}");
        assert!(why.contains("DATABASE_URL"), "{why}");
    }
    assert_eq!(exported(&database.url), archive);
}

async fn a_running_server_is_refused(engine: Engine) {
    let archive = archive(engine).await;
    let site = Site::on(engine).await.with("CRYPTO_ORDERS_PRODUCTION", "off");
    // No keys are made where others can reach the listener: the database stays empty.
    let server = site.serve(&["--listen", "0.0.0.0:0"]);
    std::fs::write(site.folder.join("archive.jsonl"), &archive).expect("a file");
    for command in [&["import", "archive.jsonl"][..], &["seed", "--orders", "1"]] {
        let ended = site.run(command);
        assert!(matches!(ended.code, Some(1 | 3)), "{ended:?}");
        let told = ended.stderr.contains("server");
        assert!(told && ended.stdout.is_empty(), "{ended:?}");
    }
    drop(server);
    site.run(&["import", "archive.jsonl"]).printed();
}

async fn a_wrong_line_is_named_and_nothing_is_kept(engine: Engine) {
    let archive = archive(engine).await;
    let lines: Vec<&str> = archive.lines().collect();
    let order = lines.iter().position(|line| line.starts_with("{\"kind\":\"order\"")).expect("an order");
    let database = fresh(engine).await;
    let with = |place: usize, line: String| {
        let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        changed[place] = line;
        changed.join("\n") + "\n"
    };
    let edit = |from: &str, to: &str| {
        assert!(lines[order].contains(from), "{from} in {}", lines[order]);
        with(order, lines[order].replace(from, to))
    };
    let number = order + 1;
    let cases = [
        (with(order, "{\"kind\":\"order\"".to_owned()), "EOF"),
        (with(order, "{\"kind\":\"horse\"}".to_owned()), "unknown variant `horse`"),
        (edit("\"seq\":2", "\"seq\":3"), "its log has a gap"),
        (edit("\"status\":\"paid\",\"failure", "\"status\":\"payed\",\"failure"), "status"),
        (
            edit(
                "\"price_cents\":7900,\"price_currency\":\"USD\",\"pay_currency",
                "\"price_cents\":7900,\"price_currency\":\"usd\",\"pay_currency",
            ),
            "price_currency",
        ),
        (edit("\"role\":\"bound\"", "\"role\":\"own\""), "contradict"),
        (edit("actually_paid", "actually_payd"), "SHA-256"),
        (edit("\"version\":2", "\"version\":2,\"colour\":\"red\""), "unknown field `colour`"),
        (edit("\"customer_note\":null", "\"customer_note\":\"a\\u0000b\""), "NUL"),
        (edit("\"received\":\"0.5\"", "\"received\":0.5"), "invalid type"),
        (edit("T12:00:00.000Z", "T12:00:00Z"), "no time such as"),
        (with(order + 1, lines[order].to_owned()), "nothing was imported"),
        (with(1, lines[order].to_owned()), "its account stands nowhere before it"),
    ];
    for (place, (archive, why)) in cases.into_iter().enumerate() {
        let refused = import(&database, &archive).refusal(1);
        let line = match place {
            11 => number + 1,
            12 => 2,
            _ => number,
        };
        assert!(refused.contains(&format!("line {line} is refused")) && refused.contains(why), "{why}: {refused}");
        assert_empty(&database);
    }
    import(&database, &archive).printed();
    assert_eq!(exported(&database.url), archive);
}

async fn a_file_that_was_cut_off_is_refused(engine: Engine) {
    let archive = archive(engine).await;
    let database = fresh(engine).await;
    let without_last = archive.rsplit_once("{\"kind\":\"end\"").expect("an end").0;
    let lines: Vec<&str> = archive.lines().collect();
    let without_first = lines[1..].join("\n") + "\n";
    let one_less = [&lines[..lines.len() - 2], &lines[lines.len() - 1..]].concat().join("\n") + "\n";
    let window = archive.replacen("\"complete\":true", "\"complete\":false", 1);
    let newer = archive.replacen("\"format\":3", "\"format\":4", 1);
    let cases = [
        (without_last, "cut off"),
        (&archive[..archive.len() - 1], "cut off"),
        (without_first.as_str(), "begins with"),
        (one_less.as_str(), "it counts"),
        (&format!("{archive}{}\n", lines[1]), "after the last record"),
        (window.as_str(), "window of time"),
        (newer.as_str(), "reads formats 1 to 3"),
        ("", "empty"),
    ];
    for (archive, why) in cases {
        let refused = import(&database, archive).refusal(1);
        assert!(refused.contains(why), "{why}: {refused}");
        assert_empty(&database);
    }
}
