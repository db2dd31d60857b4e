//! What the forms of an order's page do: what the API does, with the same rules and the same rows on the audit log.

use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::deliveries::{catch_up, endpoint, set, stand, told as paid_and_told};
use crate::engines::Engine;
use crate::harness::operator::{Operator, between, hidden, read};
use crate::harness::responder::{Responder, Said};
use crate::harness::{Answer, TestApp, order_body, told};
use crate::top_up::{made, provided};

on_both_engines![
    a_lost_ipn_is_replayed,
    what_arrived_is_accepted_with_a_reason,
    the_rest_is_asked_for,
    an_order_past_its_window_is_expired_and_no_other,
    the_internal_note_is_kept_changed_and_cleared,
    an_item_is_resolved_on_its_own_order_s_page,
    a_webhook_is_sent_again_from_its_own_order_s_page,
    a_form_from_elsewhere_does_nothing,
    what_was_decided_over_an_older_page_is_refused,
    two_notes_do_not_overwrite_each_other_unseen,
    what_is_refused_is_said_on_the_page_with_the_form_as_it_was,
];

const MOVED: &str = "The provider&#39;s word was applied, and the order has moved.";

fn path(order: &str) -> String {
    format!("/admin/orders/{order}")
}

/// Sends a form, which must lead back to the page; answers what that tells of it.
async fn does(operator: &Operator, order: &str, fields: &[(&str, &str)]) -> String {
    let done = operator.submit(&path(order), fields).await;
    assert_eq!(done.code(), 303, "{}", read(&done.text));
    let next = done.header("location").expect("an address").to_owned();
    assert!(next.starts_with(&path(order)), "{next}");
    let page = operator.page(&next).await;
    between(&page, "role=\"status\">", "</p>").pop().unwrap_or_default()
}

/// The sentences of a refusal.
fn alert(answer: &Answer) -> String {
    read(&between(&answer.text, "role=\"alert\">", "</div>").pop().unwrap_or_default())
}

/// The newest audited write, without its id and its time. Whoever fills in a form has signed in.
async fn audited(app: &TestApp) -> Value {
    let mut rows = app.walk("/v1/admin/audit-log", 50).await.into_iter();
    let mut newest = rows.find(|row| row["action"] != "operator.signed_in").unwrap_or_default();
    if let Some(entry) = newest.as_object_mut() {
        entry.remove("id");
        entry.remove("at");
    }
    newest
}

/// What the form wrote is what the API writes for the same deed on another order.
async fn is_audited_alike(app: &TestApp, [order, other]: [&str; 2], by_api: (Method, &str, Value)) {
    let by_page = audited(app).await.to_string();
    let (method, path, body) = by_api;
    app.clock.advance(Span::seconds(1));
    let answer = app.admin_call(method, &format!("/{other}/{path}"), &body).await;
    assert!(answer.code() < 300, "{}", answer.text);
    assert_eq!(by_page, audited(app).await.to_string().replace(other, order));
}

async fn a_lost_ipn_is_replayed(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let [order, other] = [app.order().await, app.order().await];
    let page = read(&operator.page(&path(&order)).await);
    for word in
        ["finished: the order becomes paid", "waiting: the order stays pending", "refunded: the order becomes failed"]
    {
        assert!(page.contains(word), "{word} in {page}");
    }
    let form = [("act", "replay"), ("payment_id", " np_1 "), ("provider_status", "finished")];
    assert_eq!(does(&operator, &order, &form).await, MOVED);
    assert_eq!(app.steps(&order).await, ["pending/create", "paid/ipn"]);
    assert!(app.look(&order).await["events"][1]["actor"].as_str().expect("a key").starts_with("key_"));
    app.clock.advance(Span::seconds(1));
    let again =
        does(&operator, &order, &[("act", "replay"), ("payment_id", "np_1"), ("provider_status", "waiting")]).await;
    assert!(again.contains("did not move the order"), "{again}");
    app.clock.advance(Span::seconds(1));
    does(&operator, &other, &[("act", "replay"), ("payment_id", "np_2"), ("provider_status", "waiting")]).await;
    let body = json!({ "payment_id": "np_2", "provider_status": "waiting" });
    is_audited_alike(&app, [&other, &other], (Method::POST, "apply-ipn", body)).await;
}

async fn what_arrived_is_accepted_with_a_reason(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let [order, other] = [app.order().await, app.order().await];
    for (order, id) in [(&order, "np_1"), (&other, "np_2")] {
        assert_eq!(told(&app, order, [id, "partially_paid"], json!({ "actually_paid": 0.4 })).await, "partial");
    }
    let page = read(&operator.page(&path(&order)).await);
    assert!(page.contains("0.4 of 0.5 ETH arrived; the missing 0.1 ETH is waived."), "{page}");
    let without = operator.submit(&path(&order), &[("act", "accept"), ("reason", "  ")]).await;
    assert_eq!((without.code(), alert(&without)), (400, "reason is required.".to_owned()));
    let form = [("act", "accept"), ("reason", "Ticket 4711: 20 % short, accepted."), ("payment_id", "")];
    assert_eq!(does(&operator, &order, &form).await, "The payment was accepted: the order is paid.");
    assert_eq!(app.look(&order).await["status"], "paid");
    let page = read(&operator.page(&path(&order)).await);
    assert!(page.contains("Accepted as paid by key “test” on 2026-05-12 12:00:00 UTC."), "{page}");
    let body = json!({ "reason": "Ticket 4711: 20 % short, accepted." });
    is_audited_alike(&app, [&order, &other], (Method::POST, "accept", body)).await;
}

async fn the_rest_is_asked_for(engine: Engine) {
    let provider = Responder::start().await;
    let least = json!({ "currency_from": "eth", "currency_to": "eth", "min_amount": 0.0001, "fiat_equivalent": 1 });
    provider.always("GET /v1/min-amount", Said::new(200, least.to_string()));
    let app = TestApp::spawn_with(engine, |settings| provided(settings, &provider)).await;
    provider.upon("POST /v1/payment", made("1001", "0.5"));
    let mut body = order_body();
    body["pay_currency"] = json!("eth");
    let order = app.checkout_of(&body, None).await.json()["order_id"].as_str().expect("an id").to_owned();
    let operator = app.signed_in().await;
    let refused = operator.submit(&path(&order), &[("act", "rest"), ("reason", "why not")]).await;
    assert_eq!(refused.code(), 409, "{}", refused.text);
    assert_eq!(told(&app, &order, ["1001", "partially_paid"], json!({ "actually_paid": 0.2 })).await, "partial");
    let page = read(&operator.page(&path(&order)).await);
    assert!(page.contains("A further payment over 0.3 ETH (47.40 USD) is made at the provider."), "{page}");
    provider.upon("POST /v1/payment", made("1002", "0.3"));
    let done = does(&operator, &order, &[("act", "rest"), ("reason", "Ticket 4711.")]).await;
    assert!(done.starts_with("A further payment for the rest was made"), "{done}");
    let page = read(&operator.page(&path(&order)).await);
    assert!(page.contains("0xabc1002") && page.contains("asked for before, by payment 1002"), "{page}");
    let entry = audited(&app).await;
    assert_eq!(entry["action"], "crypto_order.topped_up");
    assert_eq!(entry["input"], json!({ "reason": "Ticket 4711.", "pay_amount": "0.3" }));
}

async fn an_order_past_its_window_is_expired_and_no_other(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let operator = app.signed_in().await;
    let order = app.order().await;
    app.clock.advance(Span::minutes(30));
    let young = app.order().await;
    app.clock.advance(Span::minutes(30));
    let page = read(&operator.page(&path(&young)).await);
    assert!(page.contains("Expire Its pay window is open until 2026-05-12 13:30:00 UTC (in 30 min)."), "{page}");
    let early = does(&operator, &young, &[("act", "expire")]).await;
    assert!(early.starts_with("The order was not swept"), "{early}");
    assert_eq!(app.look(&young).await["status"], "pending");
    assert_eq!(audited(&app).await, Value::Null, "what did nothing is no admin write");
    let done = does(&operator, &order, &[("act", "expire")]).await;
    assert_eq!(done, "The order was swept: it has failed, and its merchant is told.");
    assert_eq!(app.steps(&order).await, ["pending/create", "failed/swept"]);
    let entry = audited(&app).await;
    assert_eq!((&entry["action"], &entry["target"]), (&json!("crypto_order.swept"), &json!(order)));
    assert_eq!(entry["input"], json!({ "older_than_hours": 1, "order_id": order }));
    assert_eq!(entry["actor"], app.look(&order).await["events"][1]["actor"]);
    let page = read(&operator.page(&path(&order)).await);
    assert!(page.contains("Swept by support (key “test”) on 2026-05-12 13:00:00 UTC, 1 h 0 min after"), "{page}");
}

async fn the_internal_note_is_kept_changed_and_cleared(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let [order, other] = [app.order().await, app.order().await];
    let saved = does(&operator, &order, &[("act", "note"), ("internal_note", "Asked.\r\nWaits. ")]).await;
    assert_eq!(saved, "The note is saved.");
    assert_eq!(app.look(&order).await["internal_note"], "Asked.\nWaits.");
    let page = operator.page(&path(&order)).await;
    assert!(page.contains("\nAsked.\nWaits.</textarea>"), "{page}");
    let body = json!({ "internal_note": "Asked.\nWaits." });
    is_audited_alike(&app, [&order, &other], (Method::PATCH, "internal-note", body)).await;
    let long = "ü".repeat(2001);
    let refused = operator.submit(&path(&order), &[("act", "note"), ("internal_note", &long)]).await;
    assert_eq!((refused.code(), alert(&refused)), (400, "internal_note must be at most 2000 characters.".to_owned()));
    assert!(refused.text.contains(&long), "what was written is not lost");
    does(&operator, &order, &[("act", "note"), ("internal_note", "")]).await;
    assert_eq!(app.look(&order).await["internal_note"], Value::Null);
}

async fn an_item_is_resolved_on_its_own_order_s_page(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let [order, other] = [app.order().await, app.order().await];
    told(&app, &order, ["np_1", "finished"], json!({ "actually_paid": 0.4 })).await;
    let item = app.walk("/v1/admin/crypto-orders/attention", 50).await.remove(0)["id"].clone();
    let item = item.as_str().expect("an id");
    let form = [("act", "resolve"), ("item", item), ("note", "Ticket 4711: credited.")];
    let elsewhere = operator.submit(&path(&other), &form).await;
    assert_eq!((elsewhere.code(), alert(&elsewhere)), (404, format!("No attention item with id \"{item}\".")));
    assert_eq!(does(&operator, &order, &form).await, "The item is resolved.");
    let entry = audited(&app).await;
    assert_eq!((&entry["action"], &entry["target"]), (&json!("attention.resolved"), &json!(item)));
    assert_eq!(entry["input"], json!({ "note": "Ticket 4711: credited." }));
    let page = read(&operator.page(&path(&order)).await);
    assert!(page.contains("Resolved by key “test” 2026-05-12 12:00:00 UTC just now: Ticket 4711: credited."), "{page}");
    let again = operator.submit(&path(&order), &form).await;
    assert_eq!(again.code(), 409, "{}", again.text);
    assert!(alert(&again).contains("resolved"), "{}", alert(&again));
}

async fn a_webhook_is_sent_again_from_its_own_order_s_page(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let hook = endpoint(&app, app.account).await;
    let order = paid_and_told(&app).await;
    let other = app.order().await;
    assert_eq!(catch_up(&app, hook).await, 1);
    let deliveries = format!("/v1/admin/crypto-orders/{order}/deliveries");
    let id = app.walk(&deliveries, 50).await.remove(0)["id"].as_str().expect("an id").to_owned();
    stand(&app, &id, "dlq", 6);
    let page = read(&operator.page(&path(&order)).await);
    assert!(page.contains("dlq crypto.order.paid to https://hooks-of-the-victim.example/in, 6 attempts"), "{page}");
    assert!(page.contains("Last answer: status 500") && page.contains("Answered 500."), "{page}");
    let form = [("act", "resend"), ("item", id.as_str())];
    let elsewhere = operator.submit(&path(&other), &form).await;
    assert_eq!((elsewhere.code(), alert(&elsewhere)), (404, format!("No webhook delivery with id \"{id}\".")));
    assert_eq!(does(&operator, &order, &form).await, "The webhook is queued again and goes out at once.");
    assert_eq!(app.walk(&deliveries, 50).await[0]["status"], "pending");
    let entry = audited(&app).await;
    assert_eq!((&entry["action"], &entry["target"]), (&json!("webhook_delivery.replayed"), &json!(id)));
    stand(&app, &id, "in_flight", 0);
    assert_eq!(does(&operator, &order, &form).await, "The webhook is queued again and goes out at once.");
    stand(&app, &id, "in_flight", 0);
    set(&app, &format!("update webhook_deliveries set due_at = {}", app.clock.now().after(Span::minutes(1)).micros()));
    let refused = operator.submit(&path(&order), &form).await;
    let told = "The delivery is being attempted just now; try again in a minute.";
    assert_eq!((refused.code(), alert(&refused)), (409, told.to_owned()));
    set(&app, "update webhook_endpoints set status = 'disabled', disabled_at = 1");
    let page = read(&operator.page(&path(&order)).await);
    assert!(page.contains("Resend The webhook endpoint is disabled"), "{page}");
}

async fn a_form_from_elsewhere_does_nothing(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let order = app.order().await;
    let page = operator.page(&path(&order)).await;
    let token = between(&page, "name=\"token\" value=\"", "\"").remove(0);
    let form = [("act", "note"), ("internal_note", "Gotcha.")];
    let seen = hidden(&page, "seen");
    let with_token: Vec<_> = form.into_iter().chain([("token", token.as_str()), ("seen", seen.as_str())]).collect();
    assert_eq!(operator.post(&path(&order), &form).await.code(), 403);
    assert_eq!(operator.post_from("https://evil.example", &path(&order), &with_token).await.code(), 403);
    let other = app.signed_in().await;
    assert_eq!(other.post(&path(&order), &with_token).await.code(), 403, "the token of another session");
    let json = app.request(Method::POST, &path(&order)).bearer_auth(&app.operator).header("Origin", app.base());
    let led = app.send(json.body("act=note&internal_note=x")).await;
    assert!(!led.text.contains("The note is saved"), "{}", led.text);
    assert_eq!(app.look(&order).await["internal_note"], Value::Null);
    assert_eq!(operator.post(&path(&order), &with_token).await.code(), 303);
}

const OUTDATED: &str = "The order has changed since you opened this page. Look at it as it is now, and decide again.";

async fn what_was_decided_over_an_older_page_is_refused(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let operator = app.signed_in().await;
    let order = app.order().await;
    assert_eq!(told(&app, &order, ["np_1", "partially_paid"], json!({ "actually_paid": 0.4 })).await, "partial");
    let page = operator.page(&path(&order)).await;
    let (token, seen) = (hidden(&page, "token"), hidden(&page, "seen"));
    assert_eq!(told(&app, &order, ["np_1", "partially_paid"], json!({ "actually_paid": 0.45 })).await, "partial");
    let accept = [("act", "accept"), ("reason", "Ticket 4711 & 20 % short")];
    let replay = [("act", "replay"), ("payment_id", "np_1"), ("provider_status", "failed")];
    let short: [&[(&str, &str)]; 5] =
        [&accept, &replay, &[("act", "rest")], &[("act", "expire")], &[("act", "note"), ("internal_note", "Mine.")]];
    for form in short {
        for seen in [seen.as_str(), ""] {
            let fields = [&[("token", token.as_str()), ("seen", seen)], form].concat();
            let refused = operator.post(&path(&order), &fields).await;
            assert_eq!((refused.code(), alert(&refused)), (409, OUTDATED.to_owned()), "{form:?}");
            assert_ne!(hidden(&refused.text, "seen"), seen, "it is drawn as it is now");
            assert!(read(&refused.text).contains("0.45 of 0.5 ETH arrived"), "{}", refused.text);
        }
    }
    assert_eq!(app.look(&order).await["status"], "partial");
    assert_eq!(audited(&app).await, Value::Null, "nothing was done");
    let fields = [&[("token", token.as_str()), ("seen", seen.as_str())], accept.as_slice()].concat();
    let refused = operator.post(&path(&order), &fields).await;
    assert!(refused.text.contains("value=\"Ticket 4711 &#38; 20 % short\""), "{}", refused.text);
    let now = hidden(&refused.text, "seen");
    let fields = [&[("token", token.as_str()), ("seen", now.as_str())], accept.as_slice()].concat();
    assert_eq!(operator.post(&path(&order), &fields).await.code(), 303, "who has seen it may decide");
    assert_eq!(app.look(&order).await["status"], "paid");
}

async fn two_notes_do_not_overwrite_each_other_unseen(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let [one, other] = [app.signed_in().await, app.signed_in().await];
    let order = app.order().await;
    let page = one.page(&path(&order)).await;
    does(&other, &order, &[("act", "note"), ("internal_note", "Asked the bank.")]).await;
    let (token, seen) = (hidden(&page, "token"), hidden(&page, "seen"));
    let note = [("act", "note"), ("internal_note", "Asked Ada."), ("token", &token), ("seen", &seen)];
    let refused = one.post(&path(&order), &note).await;
    assert_eq!((refused.code(), alert(&refused)), (409, OUTDATED.to_owned()));
    let text = read(&refused.text);
    assert!(text.contains("Asked Ada.") && text.contains("what saving replaces: Asked the bank."), "{text}");
    assert_eq!(app.look(&order).await["internal_note"], "Asked the bank.");
    let seen = hidden(&refused.text, "seen");
    let note = [("act", "note"), ("internal_note", "Bank and Ada."), ("token", &token), ("seen", &seen)];
    assert_eq!(one.post(&path(&order), &note).await.code(), 303);
    assert_eq!(app.look(&order).await["internal_note"], "Bank and Ada.");
}

async fn what_is_refused_is_said_on_the_page_with_the_form_as_it_was(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    let order = app.order().await;
    let form = [("act", "accept"), ("reason", "Ticket 4711 & more"), ("payment_id", "np_1")];
    let refused = operator.submit(&path(&order), &form).await;
    let told = app.admin_call(Method::POST, &format!("/{order}/accept"), &json!({ "reason": "x" })).await;
    assert_eq!((refused.code(), alert(&refused)), (409, told.problem(409, "conflict")));
    assert_eq!(refused.header("content-type"), Some("text/html; charset=utf-8"));
    let form = [("act", "replay"), ("payment_id", "np_1 & more"), ("provider_status", "")];
    let refused = operator.submit(&path(&order), &form).await;
    assert_eq!((refused.code(), alert(&refused)), (400, "provider_status is required.".to_owned()));
    assert!(refused.text.contains("<details class=\"act\" open><summary>Replay"), "{}", refused.text);
    assert!(read(&refused.text.replace("value=\"", ">")).contains("np_1 & more"), "{}", refused.text);
    let refused = operator.submit(&path(&order), &[("act", "destroy")]).await;
    assert_eq!(refused.code(), 400, "{}", refused.text);
    assert_eq!(app.steps(&order).await, ["pending/create"]);
}
