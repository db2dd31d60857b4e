//! What makes two reports of the provider one, and what it reports that is about no payment.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::archive::{at, exported, imported};
use crate::deliveries::set;
use crate::engines::Engine;
use crate::harness::{TestApp, payment};

on_both_engines![
    a_report_in_another_spelling_only_counts,
    a_word_of_failure_in_many_spellings_is_told_once,
    many_spellings_at_once_are_one_report,
    what_tells_two_reports_apart_makes_them_two,
    a_report_that_was_kept_by_its_bytes_alone_is_known_when_they_come_again,
    an_archive_of_before_is_imported,
    what_is_about_no_payment_is_kept_and_counted,
    what_is_about_half_a_payment_is_refused,
];

/// A report of a payment of 0.5 ETH, as the provider spells it.
fn report(order: &str, word: &str) -> String {
    let mut body = payment(order, "1001", word);
    body["updated_at"] = json!("2026-05-12T12:00:00.000Z");
    body.to_string()
}

/// The same report spelled otherwise, over and over.
fn spellings(order: &str, word: &str) -> Vec<String> {
    let first = report(order, word);
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&first).expect("JSON")).expect("JSON");
    let reversed = format!(
        r#"{{"updated_at":"2026-05-12T12:00:00Z","price_currency":"USD","price_amount":79.00,"payment_status":"{word}",
            "payment_id":1001,"pay_currency":"ETH","pay_amount":"0.50","order_id":"{order}","actually_paid":{}}}"#,
        if first.contains("\"actually_paid\":0.5") { "5e-1" } else { "0.0" },
    );
    let in_millis = first.replace("\"2026-05-12T12:00:00.000Z\"", "1778587200000");
    let with_more = first.replacen('{', "{\"fee\":{\"currency\":\"eth\"},", 1);
    let blanks = (1..4).map(|blanks| format!("{first}{}", " ".repeat(blanks)));
    [first.clone(), pretty, reversed, in_millis, with_more].into_iter().chain(blanks).collect()
}

async fn kept(app: &TestApp, order: &str) -> Vec<Value> {
    app.walk(&format!("/v1/admin/crypto-orders/{order}/ipns"), 50).await
}

async fn send(app: &TestApp, bodies: &[String]) {
    for body in bodies {
        let answer = app.ipn_raw(body).await;
        assert_eq!(answer.code(), 200, "{body}: {}", answer.text);
    }
}

async fn a_report_in_another_spelling_only_counts(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let bodies = spellings(&order, "a word of its own");
    send(&app, &bodies).await;
    assert_eq!(app.ipns("1001").await, [format!("unknown_status {}", bodies.len())]);
    // It was raised when it came, and is not raised again.
    assert_eq!(app.raised(&order).await, ["unknown_status 1001 1"]);
    let kept = kept(&app, &order).await;
    assert_eq!(kept[0]["raw_body"], bodies[0], "the body is the one that came first");
    let finished = spellings(&order, "finished");
    send(&app, &finished).await;
    assert_eq!(app.steps(&order).await, ["pending/create", "paid/ipn"]);
    assert_eq!((app.outbox(&order).await.len(), app.ipns("1001").await.len()), (1, 2));
}

async fn a_word_of_failure_in_many_spellings_is_told_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let expired = spellings(&order, "expired");
    send(&app, &expired[..1]).await;
    // Money is on its way after all; a copy of the old report must not take it back.
    let mut confirming = payment(&order, "1001", "confirming");
    confirming["updated_at"] = json!("2026-05-12T12:01:00.000Z");
    assert_eq!(app.ipn(&confirming).await.json()["order_state"], "confirming");
    for body in &expired {
        assert_eq!(app.ipn_raw(body).await.json()["order_state"], "confirming", "{body}");
    }
    assert_eq!(app.steps(&order).await, ["pending/create", "failed/ipn", "confirming/ipn"]);
    assert_eq!(app.outbox(&order).await.len(), 1);
}

async fn many_spellings_at_once_are_one_report(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let bodies: Vec<String> = (0..5).flat_map(|_| spellings(&order, "finished")).collect();
    let answers = join_all(bodies.iter().map(|body| app.ipn_raw(body))).await;
    assert!(answers.iter().all(|answer| answer.code() == 200 && answer.json()["order_state"] == "paid"));
    assert_eq!(app.ipns("1001").await, [format!("applied {}", bodies.len())]);
    assert_eq!((app.outbox(&order).await.len(), app.steps(&order).await.len()), (1, 2));
}

async fn what_tells_two_reports_apart_makes_them_two(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (order, another) = (app.order().await, app.order().await);
    let first: Value = serde_json::from_str(&report(&order, "waiting")).expect("JSON");
    let differences = [
        json!({ "payment_status": "confirming" }),
        json!({ "actually_paid": "0.000000000000000001" }),
        json!({ "pay_amount": 0.6 }),
        json!({ "price_amount": 78 }),
        json!({ "price_currency": "eur" }),
        json!({ "pay_currency": "btc" }),
        json!({ "updated_at": "2026-05-12T12:00:00.001Z" }),
        json!({ "updated_at": null }),
        json!({ "parent_payment_id": "1000" }),
        json!({ "order_id": another }),
        json!({ "order_id": "SHOP-1" }),
        json!({ "order_id": null }),
        json!({ "payment_id": "1002" }),
    ];
    assert_eq!(app.ipn(&first).await.code(), 200);
    for difference in &differences {
        let mut body = first.clone();
        body.as_object_mut().expect("an object").extend(difference.as_object().expect("an object").clone());
        assert_eq!(app.ipn(&body).await.code(), 200, "{body}");
        assert_eq!(app.ipn(&body).await.code(), 200, "{body}");
    }
    let rows = app.sql("select count(*) || ' ' || sum(times_seen) from received_ipns").await;
    assert_eq!(rows, format!("{} {}", differences.len() + 1, 2 * differences.len() + 1));
}

async fn a_report_that_was_kept_by_its_bytes_alone_is_known_when_they_come_again(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let bodies = spellings(&order, "a word of its own");
    send(&app, &bodies[..1]).await;
    set(&app, "update received_ipns set content_sha256 = null");
    send(&app, &bodies[..1]).await;
    assert_eq!(app.ipns("1001").await, ["unknown_status 2"]);
    // And from then on in every spelling.
    send(&app, &bodies).await;
    assert_eq!(app.ipns("1001").await, [format!("unknown_status {}", bodies.len() + 2)]);
    assert_eq!(app.raised(&order).await, ["unknown_status 1001 1"]);
}

/// The archive as a program wrote it that knew reports by their bytes.
fn of_before(archive: &str) -> String {
    let mut parts = archive.split(",\"content_sha256\":\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + &part[65..])
}

async fn an_archive_of_before_is_imported(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    send(&app, &spellings(&order, "confirming")).await;
    send(&app, &[json!({ "id": "5000000714", "status": "FINISHED" }).to_string()]).await;
    let url = app.database.url.clone();
    let archive = tokio::task::spawn_blocking(move || exported(&url)).await.expect("an export");
    assert_eq!(archive.matches("\"content_sha256\"").count(), 2, "{archive}");
    assert_eq!(exported(&imported(engine, &archive).await.url), archive);
    let before = of_before(&archive);
    assert!(!before.contains("content_sha256"));
    assert_eq!(exported(&imported(engine, &before).await.url), before);
}

async fn what_is_about_no_payment_is_kept_and_counted(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let payout = json!({ "id": "5000000714", "batch_withdrawal_id": "5000000713", "status": "FINISHED",
        "error": null, "currency": "usdttrc20", "amount": "10.5", "address": "TTestAddress" });
    let pretty = serde_json::to_string_pretty(&payout).expect("JSON");
    let subscription = json!({ "id": "1515573197", "is_active": true, "status": "PAID" });
    for body in [payout.to_string(), pretty, payout.to_string(), subscription.to_string()] {
        let answer = app.ipn_raw(&body).await;
        assert_eq!(answer.code(), 200, "{body}: {}", answer.text);
        assert_eq!(answer.json(), json!({ "received": true, "order_state": null }), "{body}");
    }
    let rows = "select outcome || ' ' || times_seen from received_ipns order by times_seen";
    assert_eq!(app.sql(rows).await, "other 1\nother 3");
    assert_eq!(app.sql("select count(*) from attention_items").await, "0");
    let overview = app.signed_in().await.page("/admin").await;
    assert!(overview.contains("<dt>IPNs about no payment in the last 24 h</dt><dd>2</dd>"), "{overview}");
    assert!(overview.contains("<dt>IPNs refused in the last 24 h</dt><dd>0</dd>"), "{overview}");
    let url = app.database.url.clone();
    let refused = tokio::task::spawn_blocking(move || at(&url).run(&["doctor", "refused"]).printed()).await;
    assert_eq!(refused.expect("the doctor"), "no body was refused\n");
}

async fn what_is_about_half_a_payment_is_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for body in [
        json!({ "payment_id": "1001" }),
        json!({ "payment_status": "finished" }),
        json!({ "payment_id": null, "status": "FINISHED" }),
        json!({ "payment_status": null }),
        json!([]),
    ] {
        let detail = app.ipn(&body).await.problem(400, "bad-request");
        assert_eq!(detail, "NowPayments IPN is missing required fields.", "{body}");
    }
    assert_eq!(app.sql("select count(*) from received_ipns").await, "0");
    let unsigned = app.request(Method::POST, "/v1/webhooks/nowpayments").body("{\"id\":\"1\"}");
    let unsigned = app.send(unsigned.header("x-nowpayments-sig", "0".repeat(128))).await;
    assert_eq!(unsigned.problem(401, "unauthorized"), "Invalid NowPayments signature.");
}
