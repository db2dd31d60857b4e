//! What the provider sent about an order, as operators read it back: verified bodies, character by character.

use crypto_orders::config::Secret;
use crypto_orders::domain::time::Span;
use crypto_orders::provider::signature::sign;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::engines::Engine;
use crate::harness::{Answer, IPN_SECRET, TestApp, payment};

on_both_engines![
    a_body_is_shown_as_it_came_with_its_verdict_and_outcome,
    each_outcome_is_shown_under_the_order_it_was_judged_for,
    both_secrets_of_a_rotation_are_told_apart,
    what_is_forged_or_of_no_order_is_never_shown_under_one,
    a_walk_over_all_pages_is_everything_newest_first,
    an_order_that_does_not_exist_has_no_ipns,
];

fn path(order: &str) -> String {
    format!("/v1/admin/crypto-orders/{order}/ipns")
}

async fn send(app: &TestApp, body: &str, signature: &str) -> Answer {
    let request = app.request(Method::POST, "/v1/webhooks/nowpayments");
    app.send(request.header("x-nowpayments-sig", signature).body(body.to_owned())).await
}

fn signed(secret: &str, text: &str) -> String {
    sign(secret, text.as_bytes()).expect("a secret")
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn a_body_is_shown_as_it_came_with_its_verdict_and_outcome(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let mut value = payment(&order, "1001", "confirming");
    value["order_description"] = json!("Grüße, 世界 🙂 \"\\ \u{7f} \u{2028} 'null'");
    // The same fields in another order, oddly spaced and escaped: nothing of it may be tidied up.
    let text = value["order_description"].to_string();
    let odd = format!(
        " {{\t\"price_amount\" : 79.00,\r\n\"order_id\":\"{order}\", \"payment_id\":1001 ,\"note\":\"\\u00fc\\/\",\
         \"order_description\":{text},\"payment_status\":\"confirming\",\"actually_paid\":1e-1}}\n\n "
    );
    assert_eq!(app.ipn_raw(&odd).await.json()["order_state"], "confirming");
    app.clock.advance(Span::seconds(5));
    assert_eq!(app.ipn_raw(&odd).await.json()["order_state"], "confirming");
    // Signed over the sorted, compact form, as the provider does it.
    let finished = payment(&order, "1001", "finished");
    let spaced = serde_json::to_string_pretty(&finished).expect("JSON");
    assert_eq!(send(&app, &spaced, &signed(IPN_SECRET, &finished.to_string())).await.json()["order_state"], "paid");

    let seen = app.walk(&path(&order), 50).await;
    let common = json!({ "payment_id": "1001", "verified_secret": "current", "outcome": "applied" });
    let expected = |more: Value| {
        let mut whole = common.clone();
        for (name, value) in more.as_object().expect("fields") {
            whole[name] = value.clone();
        }
        whole
    };
    let newest = expected(json!({
        "received_at": "2026-05-12T12:00:05.000Z", "last_received_at": "2026-05-12T12:00:05.000Z",
        "payment_status": "finished", "verified_form": "sorted", "times_seen": 1,
        "raw_body": spaced, "body_sha256": sha256(&spaced),
    }));
    let oldest = expected(json!({
        "received_at": "2026-05-12T12:00:00.000Z", "last_received_at": "2026-05-12T12:00:05.000Z",
        "payment_status": "confirming", "verified_form": "raw", "times_seen": 2,
        "raw_body": odd, "body_sha256": sha256(&odd),
    }));
    assert_eq!(seen, [newest, oldest]);
}

async fn each_outcome_is_shown_under_the_order_it_was_judged_for(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (order, other) = (app.order().await, app.order().await);
    let child = |mut body: Value| {
        body["parent_payment_id"] = json!("1001");
        body
    };
    let told = [
        (payment(&order, "1001", "confirming"), "applied"),
        (payment(&order, "1001", "sending"), "refreshed"),
        (payment(&order, "1001", "waiting"), "ignored"),
        (payment(&order, "1001", "spending"), "unknown_status"),
        (payment(&order, "1002", "finished"), "mismatch"),
        (child(payment(&order, "1003", "finished")), "child"),
    ];
    for (body, _) in &told {
        app.clock.advance(Span::millis(1));
        assert_eq!(app.ipn(body).await.code(), 200);
    }
    let mut outcomes: Vec<String> = Vec::new();
    for ipn in app.walk(&path(&order), 4).await {
        outcomes.insert(0, ipn["outcome"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(outcomes, told.map(|(_, outcome)| outcome));
    // A payment of one order under the name of another: judged, and shown, where it was named.
    assert_eq!(app.ipn(&payment(&other, "1001", "finished")).await.json()["order_state"], "pending");
    let seen = app.walk(&path(&other), 50).await;
    assert_eq!((seen.len(), &seen[0]["outcome"], &seen[0]["payment_id"]), (1, &json!("mismatch"), &json!("1001")));
    assert_eq!(app.walk(&path(&order), 50).await.len(), 6);
}

async fn both_secrets_of_a_rotation_are_told_apart(engine: Engine) {
    let secrets = || ["new-secret", "old-secret"].map(|text| Secret::new(text.to_owned())).to_vec();
    let app = TestApp::spawn_with(engine, |settings| settings.ipn_secrets = secrets()).await;
    let order = app.order().await;
    for (secret, word) in [("new-secret", "confirming"), ("old-secret", "finished")] {
        let body = payment(&order, "1001", word).to_string();
        assert_eq!(send(&app, &body, &signed(secret, &body)).await.code(), 200);
        app.clock.advance(Span::millis(1));
    }
    let seen: Vec<Value> = app.walk(&path(&order), 50).await.iter().map(|ipn| ipn["verified_secret"].clone()).collect();
    assert_eq!(seen, ["previous", "current"]);
}

async fn what_is_forged_or_of_no_order_is_never_shown_under_one(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let genuine = payment(&order, "1001", "finished").to_string();
    for forged in [signed("another-secret", &genuine), "00".repeat(64), "zz".to_owned()] {
        send(&app, &genuine, &forged).await.problem(401, "unauthorized");
    }
    let twice = genuine.replacen('{', "{\"order_id\":\"x\",", 1);
    assert_eq!(app.ipn_raw(&twice).await.code(), 400);
    let poor = json!({ "order_id": order, "payment_id": 7 }).to_string();
    assert_eq!(app.ipn_raw(&poor).await.code(), 400);
    assert_eq!(app.ipn(&payment(&format!("ord_{}", "0".repeat(32)), "1002", "finished")).await.code(), 200);
    assert_eq!(app.ipn(&payment("", "1003", "finished")).await.code(), 200);
    assert_eq!(app.walk(&path(&order), 50).await, Vec::<Value>::new());
    assert_eq!(app.ipn_raw(&genuine).await.json()["order_state"], "paid");
    let seen = app.walk(&path(&order), 50).await;
    assert_eq!((seen.len(), &seen[0]["raw_body"]), (1, &json!(genuine)));
}

async fn a_walk_over_all_pages_is_everything_newest_first(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (order, other) = (app.order().await, app.order().await);
    let mut expected = Vec::new();
    for number in 0..14 {
        let mut body = payment(&order, "1001", "waiting");
        body["updated_at"] = json!(1_778_587_200_000_u64 + number);
        assert_eq!(app.ipn(&body).await.code(), 200);
        let of_other = payment(&other, &format!("20{number}"), "waiting");
        assert_eq!(app.ipn(&of_other).await.code(), 200);
        expected.push((app.clock.now().to_string(), sha256(&body.to_string())));
        // Five of each millisecond: only the hash tells them apart.
        if number % 5 == 4 {
            app.clock.advance(Span::millis(1));
        }
    }
    expected.sort_unstable_by(|one, next| next.cmp(one));
    for limit in [1, 2, 3, 5, 7, 13, 14, 200] {
        let walked: Vec<(String, String)> = app
            .walk(&path(&order), limit)
            .await
            .iter()
            .map(|ipn| ["received_at", "body_sha256"].map(|field| ipn[field].as_str().unwrap_or_default().to_owned()))
            .map(|[at, hash]| (at, hash))
            .collect();
        assert_eq!(walked, expected, "{limit}");
    }
    let of_orders = app.admin("?limit=1").await.json()["next_cursor"].as_str().expect("more").to_owned();
    app.pages_are_strict(&path(&order), &of_orders).await;
}

async fn an_order_that_does_not_exist_has_no_ipns(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for nobody in [format!("ord_{}", "0".repeat(32)), "nonsense".to_owned()] {
        let told = app.operator_get(&path(&nobody)).await.problem(404, "not-found");
        assert_eq!(told, format!("No crypto order with id \"{nobody}\"."));
    }
}
