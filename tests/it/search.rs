//! Operators' search: pieces of ids, products and notes, in any case of any script, and nothing as syntax.
//!
//! The index may be two seconds behind a commit, so each test waits until its last order is found.

use std::collections::BTreeSet;

use reqwest::Url;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp, eventually, order_body, sql};

on_both_engines![
    case_is_folded_in_every_script,
    nothing_in_a_search_is_syntax,
    one_or_two_characters_say_that_they_look_at_the_newest_only,
    a_changed_note_is_found_by_its_new_words_only,
    a_text_is_found_however_its_accents_and_widths_were_typed,
    a_text_that_an_older_version_took_in_is_found_after_the_migration,
    what_is_no_search_is_refused,
];

async fn search(app: &TestApp, text: &str) -> Answer {
    let url = Url::parse_with_params("http://any", [("search", text)]).expect("a URL");
    let answer = app.admin(&format!("?{}", url.query().unwrap_or_default())).await;
    assert_eq!(answer.code(), 200, "{text:?}: {}", answer.text);
    answer
}

async fn noted(app: &TestApp, note: &str) -> String {
    let mut body = order_body();
    body["customer_note"] = json!(note);
    let answer = app.checkout_of(&body, None).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.json()["order_id"].as_str().unwrap_or_default().to_owned()
}

fn notes(page: &Value) -> BTreeSet<String> {
    let orders = page["orders"].as_array().cloned().unwrap_or_default();
    orders.iter().map(|order| order["customer_note"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Orders with these notes, all of them in the index.
async fn stocked(app: &TestApp, all: &[&str]) {
    for note in all {
        noted(app, note).await;
    }
    let last = noted(app, "the last of all").await;
    eventually("the index", || async {
        notes(&search(app, &last).await.json()).contains("the last of all").then_some(())
    })
    .await;
}

async fn case_is_folded_in_every_script(engine: Engine) {
    let all = [
        "Äpfel und Öl",
        "Straße",
        "STRASSE",
        "ΟΔΟΣΑ",
        "οδος",
        "İstanbul",
        "ISPARTA",
        "Привет Мир",
        "東京都渋谷区",
        "ﬁnal",
        "Ǆungla",
        "плата🙂🚀🙂",
    ];
    let app = TestApp::spawn(engine).await;
    stocked(&app, &all).await;
    let table: &[(&str, &[&str])] = &[
        ("äpfel", &["Äpfel und Öl"]),
        ("ÄPFEL UND ÖL", &["Äpfel und Öl"]),
        ("straße", &["Straße", "STRASSE"]),
        ("STRAẞE", &["Straße", "STRASSE"]),
        ("strasse", &["Straße", "STRASSE"]),
        // A sigma at the end of a word is a sigma.
        ("ΔΟΣ", &["ΟΔΟΣΑ", "οδος"]),
        ("δοσ", &["ΟΔΟΣΑ", "οδος"]),
        ("İSTAN", &["İstanbul"]),
        ("stanBUL", &["İstanbul"]),
        ("isparta", &["ISPARTA"]),
        ("ПРИВЕТ", &["Привет Мир"]),
        ("京都渋", &["東京都渋谷区"]),
        ("東京都渋谷区", &["東京都渋谷区"]),
        ("FINAL", &["ﬁnal"]),
        ("ǅUNGLA", &["Ǆungla"]),
        ("🙂🚀🙂", &["плата🙂🚀🙂"]),
        ("apfel", &[]),
    ];
    for (text, wanted) in table {
        let wanted: BTreeSet<String> = wanted.iter().map(|&note| note.to_owned()).collect();
        assert_eq!(notes(&search(&app, text).await.json()), wanted, "{text}");
    }
    assert_eq!(notes(&search(&app, "SOLO_Manual").await.json()).len(), all.len() + 1, "the product is searched too");
}

async fn nothing_in_a_search_is_syntax(engine: Engine) {
    let all = [
        "100% sure",
        "100x sure",
        "snake_case",
        "snakeXcase",
        "say \"hello\" AND bye",
        "O'Brien; drop table orders",
        "a*b*c",
        "a\\b\\c",
        "col:umn ^x (y) -z",
        "NEAR(one two)",
    ];
    let app = TestApp::spawn(engine).await;
    stocked(&app, &all).await;
    let table: &[(&str, &[&str])] = &[
        ("100%", &["100% sure"]),
        ("0% s", &["100% sure"]),
        ("snake_case", &["snake_case"]),
        ("e_c", &["snake_case"]),
        ("\"hello\"", &["say \"hello\" AND bye"]),
        ("\"\"\"", &[]),
        ("hello AND", &[]),
        ("'brien; DROP", &["O'Brien; drop table orders"]),
        ("*b*", &["a*b*c"]),
        ("sna*", &[]),
        ("%%%", &[]),
        ("___", &[]),
        ("\\b\\", &["a\\b\\c"]),
        ("col:umn ^x (y) -z", &["col:umn ^x (y) -z"]),
        ("near(one two)", &["NEAR(one two)"]),
        ("one OR two", &[]),
        ("%", &["100% sure"]),
        ("\"", &["say \"hello\" AND bye"]),
        ("'", &["O'Brien; drop table orders"]),
        ("*", &["a*b*c"]),
        ("\\", &["a\\b\\c"]),
        ("^x", &["col:umn ^x (y) -z"]),
    ];
    for (text, wanted) in table {
        let wanted: BTreeSet<String> = wanted.iter().map(|&note| note.to_owned()).collect();
        assert_eq!(notes(&search(&app, text).await.json()), wanted, "{text}");
    }
}

async fn one_or_two_characters_say_that_they_look_at_the_newest_only(engine: Engine) {
    const BOUNDED: &str = "x-driftstack-search-bounded";
    let app = TestApp::spawn(engine).await;
    stocked(&app, &["都 is here", "🙂🙂 too"]).await;
    for (text, bounded, wanted) in [
        ("都", Some("1"), "都 is here"),
        ("🙂🙂", Some("1"), "🙂🙂 too"),
        ("Oo", Some("1"), "🙂🙂 too"),
        ("too", None, "🙂🙂 too"),
    ] {
        let answer = search(&app, text).await;
        assert_eq!(answer.header(BOUNDED), bounded, "{text}");
        assert_eq!(notes(&answer.json()), BTreeSet::from([wanted.to_owned()]), "{text}");
    }
    let none = search(&app, "qq").await;
    assert_eq!((none.header(BOUNDED), &none.json()["orders"]), (Some("1"), &json!([])));
    assert_eq!(app.admin("").await.header(BOUNDED), None);
}

async fn a_changed_note_is_found_by_its_new_words_only(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = noted(&app, "old words").await;
    let found = |text: &'static str| {
        let app = &app;
        async move { !notes(&search(app, text).await.json()).is_empty() }
    };
    eventually("the first note", || async { found("old words").await.then_some(()) }).await;
    let path = format!("/v1/billing/crypto-orders/{order}");
    let note = json!({"customer_note": "new words"});
    assert_eq!(app.call(reqwest::Method::PATCH, &path, &note).await.code(), 200);
    eventually("the second note", || async { found("new words").await.then_some(()) }).await;
    assert!(!found("old words").await);
    assert_eq!(search(&app, &order[8..30].to_uppercase()).await.json()["orders"][0]["order_id"], order);
}

async fn what_is_no_search_is_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    app.order().await;
    for wrong in [String::new(), "x".repeat(201), "%F0%9F%99%82".repeat(201)] {
        let detail = app.admin(&format!("?search={wrong}")).await.problem(400, "bad-request");
        assert_eq!(detail, "search must be between 1 and 200 characters.");
    }
    assert_eq!(app.admin(&format!("?search={}", "%F0%9F%99%82".repeat(200))).await.code(), 200);
    let nul = app.admin("?search=a%00b").await.problem(400, "bad-request");
    assert_eq!(nul, "search must not contain NUL characters.");
    let bytes = app.admin("?search=%FF%FE").await.problem(400, "bad-request");
    assert_eq!(bytes, "The query string must be UTF-8.");
}

/// The notes are typed as different keyboards type them: composed, decomposed, in full width, as a ligature.
async fn a_text_is_found_however_its_accents_and_widths_were_typed(engine: Engine) {
    // No text of hexadecimal digits: an order's id may have it.
    let all =
        ["Zu\u{308}rich Cafe\u{301}", "Zürich Café", "ＸＹＺ １２３", "oﬃce №5", "한글", "\u{1112}\u{1161}\u{11ab}글"];
    let app = TestApp::spawn(engine).await;
    stocked(&app, &all).await;
    let table: &[(&str, &[usize])] = &[
        ("zürich", &[0, 1]),
        ("ZU\u{308}RICH", &[0, 1]),
        ("café", &[0, 1]),
        ("CAFE\u{301}", &[0, 1]),
        ("xyz 1", &[2]),
        ("ｘｙｚ", &[2]),
        ("office no5", &[3]),
        ("zurich", &[]),
        ("한글", &[4, 5]),
    ];
    for (text, wanted) in table {
        let wanted: BTreeSet<String> = wanted.iter().map(|&place| all[place].to_owned()).collect();
        assert_eq!(notes(&search(&app, text).await.json()), wanted, "{text}");
    }
}

/// The migration queues what it folds otherwise; here its statement runs on a text as an older version wrote it.
async fn a_text_that_an_older_version_took_in_is_found_after_the_migration(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    stocked(&app, &["Zu\u{308}rich"]).await;
    let set = |statement: &str| sql::run(engine, &app.database.url, statement).expect("it is done");
    set("update order_search set body = replace(body, 'z\u{fc}rich', 'zu\u{308}rich')");
    assert_eq!(search(&app, "z\u{fc}rich").await.json()["orders"], json!([]));
    let migration = match engine {
        Engine::Sqlite => include_str!("../../migrations/sqlite/2026-12-01-060000_retention/up.sql"),
        Engine::Postgres(_) => include_str!("../../migrations/postgres/2026-12-01-060000_retention/up.sql"),
    };
    let queue = migration.split(";\n").find(|part| part.contains("into search_queue")).expect("a statement");
    set(queue);
    eventually("the text in its new form", || async {
        notes(&search(&app, "Z\u{dc}RICH").await.json()).contains("Zu\u{308}rich").then_some(())
    })
    .await;
}
