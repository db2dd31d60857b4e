//! One order as the wire shows it: its envelope, its notes, its price, its cancelling.
//!
//! Waiting for its next change is in `waiting.rs`, lists are in `lists.rs`.

use std::collections::BTreeSet;

use crypto_orders::domain::time::{Span, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, START, TestApp, order_body, payment};
use crate::log;

on_both_engines![
    a_fresh_order_is_shown_field_by_field,
    a_paid_order_shows_its_customer_less_than_its_operator,
    what_support_swept_reads_as_expired_to_its_customer,
    a_note_is_counted_in_characters_and_blank_is_none,
    supports_note_is_supports_alone,
    every_change_is_later_than_the_one_before_it,
    only_a_pending_order_is_cancelled,
    a_cancel_past_the_window_expires_the_order_instead,
    a_quote_is_the_catalogues_and_makes_nothing,
    the_catalogues_price_is_charged_and_another_is_logged,
];

const ORDERS: &str = "/v1/billing/crypto-orders";
const QUOTE: &str = "/v1/billing/crypto-checkout/quote";

/// The order as its customer sees it.
async fn show(app: &TestApp, order: &str) -> Value {
    let answer = app.get(&format!("{ORDERS}/{order}")).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store, private"));
    answer.json()
}

/// The names of an object's fields, in the order of the wire.
fn names(text: &str) -> Vec<String> {
    let depth_one = text.trim_start_matches('{');
    let (mut depth, mut names, mut rest) = (0_i32, Vec::new(), depth_one);
    while let Some(at) = rest.find(['{', '[', '}', ']', '"']) {
        let (mark, after) = (rest.as_bytes()[at], &rest[at + 1..]);
        match mark {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {
                let end = after.find('"').unwrap_or(after.len());
                if depth == 0 && after[end..].starts_with("\":") {
                    names.push(after[..end].to_owned());
                }
                rest = &after[(end + 1).min(after.len())..];
                continue;
            }
        }
        rest = after;
    }
    names
}

/// The address of the buyer's page: this service's, with 43 letters that nobody guesses.
fn pay_url(app: &TestApp, placed: &Answer) -> String {
    let url = placed.json()["pay_url"].as_str().expect("an address").to_owned();
    let token = url.strip_prefix(&format!("{}/pay/", app.base())).expect("this service's");
    assert!(token.len() == 43 && !token.contains('/'), "{url}");
    url
}

async fn a_fresh_order_is_shown_field_by_field(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut body = order_body();
    body["customer_note"] = json!("for Ada");
    body["pay_currency"] = json!("btc");
    body["unknown"] = json!({"is": "ignored"});
    let placed = app.checkout_of(&body, None).await;
    assert_eq!(placed.code(), 201, "{}", placed.text);
    let order = placed.json()["order_id"].as_str().unwrap_or_default().to_owned();
    assert!(
        order.len() == 36 && order.starts_with("ord_") && order.as_bytes()[16] == b'7',
        "a version 7 UUID: {order}"
    );
    assert_eq!(
        placed.json(),
        json!({
            "order_id": order, "product": "solo_manual", "price_cents": 7900, "price_currency": "USD",
            "status": "pending", "provider": "stub", "payment_id": null, "payment_address": null,
            "pay_currency": null, "pay_amount": null, "payin_extra_id": null, "network": null,
            "expires_at": "2026-05-12T13:00:00.000Z", "created_at": START, "pay_url": pay_url(&app, &placed),
        })
    );
    assert_eq!(
        show(&app, &order).await,
        json!({
            "order_id": order, "product": "solo_manual", "price_cents": 7900, "price_currency": "USD",
            "payment_id": null, "status": "pending", "failure_reason": null, "customer_note": "for Ada",
            "events": [{"status": "pending", "at": START, "source": "create"}],
            "expires_at": "2026-05-12T13:00:00.000Z", "paid_at": null, "created_at": START, "updated_at": START,
        })
    );
    assert_eq!(
        app.look(&order).await,
        json!({
            "order_id": order, "account_id": app.account.to_string(), "product": "solo_manual",
            "price_cents": 7900, "price_currency": "USD", "payment_id": null, "status": "pending",
            "failure_reason": null, "customer_note": "for Ada", "internal_note": null,
            "events": [{"status": "pending", "at": START, "source": "create", "seq": 1, "recorded_at": START}],
            "expires_at": "2026-05-12T13:00:00.000Z", "paid_at": null, "created_at": START, "updated_at": START,
        })
    );
}

async fn a_paid_order_shows_its_customer_less_than_its_operator(engine: Engine) {
    const PAID_AT: &str = "2026-05-12T12:10:00.000Z";
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    app.advance(Span::minutes(10)).await;
    assert_eq!(app.ipn(&payment(&order, "5745459419", "finished")).await.code(), 200);
    let customer = show(&app, &order).await;
    let shown = json!({
        "order_id": order, "product": "solo_manual", "price_cents": 7900, "price_currency": "USD",
        "payment_id": "5745459419", "status": "paid", "failure_reason": null, "customer_note": null,
        "events": [
            {"status": "pending", "at": START, "source": "create"},
            {"status": "paid", "at": PAID_AT, "source": "ipn"},
        ],
        "expires_at": null, "paid_at": PAID_AT, "created_at": START, "updated_at": PAID_AT,
    });
    assert_eq!(customer, shown);
    let events = app.get(&format!("{ORDERS}/{order}/events")).await;
    assert_eq!(events.json(), json!({ "events": shown["events"] }));
    let listed = app.get(ORDERS).await.json();
    assert_eq!(listed, json!({ "orders": [shown], "next_cursor": null }));

    let operator = app.look(&order).await;
    let log = json!([
        {"status": "pending", "at": START, "source": "create", "seq": 1, "recorded_at": START},
        {
            "status": "paid", "at": PAID_AT, "source": "ipn", "seq": 2, "recorded_at": PAID_AT,
            "provider_status": "finished", "payment_id": "5745459419", "witness": "ipn",
        },
    ]);
    assert_eq!(operator["events"], log);
    assert_eq!(app.admin(&format!("/{order}/events")).await.json(), json!({ "events": log }));
    assert_eq!(app.admin("").await.json(), json!({ "orders": [operator], "next_cursor": null }));
    let fields = names(&app.get(&format!("{ORDERS}/{order}")).await.text);
    let more = names(&app.admin(&format!("/{order}")).await.text);
    assert_eq!(fields.first().map(String::as_str), Some("order_id"));
    let fields: BTreeSet<_> = fields.into_iter().collect();
    let only_operators: Vec<_> = more.into_iter().filter(|name| !fields.contains(name)).collect();
    assert_eq!(only_operators, ["account_id", "internal_note"]);
}

async fn what_support_swept_reads_as_expired_to_its_customer(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let order = app.order().await;
    app.advance(Span::minutes(61)).await;
    let swept = app.admin_call(Method::POST, "/sweep-expired", &json!({})).await;
    assert_eq!((swept.code(), &swept.json()["order_ids"]), (200, &json!([order])), "{}", swept.text);
    assert_eq!((&swept.json()["expired"], &swept.json()["capped"]), (&json!(1), &json!(false)));
    let customer = show(&app, &order).await;
    let last = json!({"status": "failed", "at": "2026-05-12T13:01:00.000Z", "source": "expired"});
    assert_eq!((&customer["failure_reason"], &customer["events"][1]), (&json!("expired"), &last));
    assert_eq!(app.get(&format!("{ORDERS}/{order}/events")).await.json()["events"][1], last);
    for page in [app.get(ORDERS).await, app.get(&format!("{ORDERS}?status=failed")).await] {
        assert_eq!(page.json()["orders"][0], customer);
        assert!(!page.text.contains("swept"));
    }
    let operator = app.look(&order).await;
    assert_eq!((&operator["failure_reason"], &operator["events"][1]["source"]), (&json!("swept"), &json!("swept")));
    assert!(operator["events"][1]["actor"].as_str().is_some_and(|actor| actor.starts_with("key_")));
}

async fn a_note_is_counted_in_characters_and_blank_is_none(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let path = format!("{ORDERS}/{order}");
    let set = |note: Value| {
        let (app, path) = (&app, &path);
        async move { app.call(Method::PATCH, path, &json!({ "customer_note": note })).await }
    };
    let family = "👨‍👩‍👧 ";
    for note in ["short".to_owned(), "é".repeat(500), "🙂".repeat(500), family.repeat(80), "a\n\t\u{1}\\\"".to_owned()]
    {
        let answer = set(json!(note)).await;
        assert_eq!((answer.code(), answer.json()["customer_note"].as_str()), (200, Some(note.as_str())));
        assert_eq!(show(&app, &order).await["customer_note"], note);
    }
    for (note, sentence) in [
        (json!("🙂".repeat(501)), "customer_note must be at most 500 characters."),
        (json!("a\0b"), "customer_note must not contain NUL characters."),
        (json!(7), "customer_note must be a string, not a number."),
        (json!(["a"]), "customer_note must be a string, not an array."),
    ] {
        let answer = set(note).await;
        answer.problem(400, "validation-failed");
        assert_eq!(answer.json()["issues"], json!({"fieldErrors": {"customer_note": [sentence]}, "formErrors": []}));
    }
    let absent = app.call(Method::PATCH, &path, &json!({"note": "x"})).await;
    assert_eq!(absent.problem(400, "validation-failed"), "One or more fields failed validation.");
    assert_eq!(show(&app, &order).await["customer_note"], "a\n\t\u{1}\\\"", "what is refused changes nothing");
    for blank in [json!(""), json!(null)] {
        assert_eq!(set(json!("something")).await.json()["customer_note"], "something");
        assert_eq!(set(blank).await.json()["customer_note"], json!(null));
    }
    let mut body = order_body();
    body["customer_note"] = json!("");
    let placed = app.checkout_of(&body, None).await.json();
    assert_eq!(app.look(placed["order_id"].as_str().unwrap_or_default()).await["customer_note"], json!(null));
    body["customer_note"] = json!("x".repeat(501));
    app.checkout_of(&body, None).await.problem(400, "validation-failed");
}

async fn supports_note_is_supports_alone(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let path = format!("/{order}/internal-note");
    let answer = app.admin_call(Method::PATCH, &path, &json!({"internal_note": "🙂".repeat(2000)})).await;
    assert_eq!((answer.code(), &answer.json()), (200, &app.look(&order).await));
    assert_eq!(answer.json()["internal_note"], "🙂".repeat(2000));
    let too_long = app.admin_call(Method::PATCH, &path, &json!({"internal_note": "x".repeat(2001)})).await;
    too_long.problem(400, "validation-failed");
    let nobody = app.admin_call(Method::PATCH, "/ord_0/internal-note", &json!({"internal_note": null})).await;
    assert_eq!(nobody.problem(404, "not-found"), "No crypto order with id \"ord_0\".");
    for path in [format!("{ORDERS}/{order}"), ORDERS.to_owned(), format!("{ORDERS}/{order}/events")] {
        let answer = app.get(&path).await;
        assert!(answer.code() == 200 && !answer.text.contains('🙂') && !answer.text.contains("internal"), "{path}");
    }
    let cleared = app.admin_call(Method::PATCH, &path, &json!({"internal_note": ""})).await;
    assert_eq!(cleared.json()["internal_note"], json!(null));
}

async fn every_change_is_later_than_the_one_before_it(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let mut last = Timestamp::parse(START).expect("a time");
    for number in 0..6 {
        let answer = if number % 2 == 0 {
            app.call(Method::PATCH, &format!("{ORDERS}/{order}"), &json!({"customer_note": number.to_string()})).await
        } else {
            let note = json!({"internal_note": number.to_string()});
            app.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &note).await
        };
        let at = answer.json()["updated_at"].as_str().and_then(Timestamp::parse).expect("a time");
        assert!(last < at, "{number}: the clock stands, and yet {at} must be after {last}");
        last = at;
    }
    assert_eq!(app.ipn(&payment(&order, "9", "confirming")).await.code(), 200);
    let moved = show(&app, &order).await["updated_at"].as_str().and_then(Timestamp::parse).expect("a time");
    assert!(last < moved);
    assert_eq!(app.look(&order).await["events"].as_array().map(Vec::len), Some(2), "a note is no event");
}

async fn only_a_pending_order_is_cancelled(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let cancelled = app.call(Method::POST, &format!("{ORDERS}/{order}/cancel"), &json!({})).await;
    assert_eq!((cancelled.code(), &cancelled.json()["status"]), (200, &json!("cancelled")));
    assert_eq!(cancelled.json(), show(&app, &order).await);
    assert_eq!(cancelled.json()["events"][1]["source"], "cancel");
    assert_eq!((&cancelled.json()["failure_reason"], &cancelled.json()["expires_at"]), (&json!(null), &json!(null)));
    for (word, status) in [("", "cancelled"), ("confirming", "confirming"), ("finished", "paid"), ("failed", "failed")]
    {
        let order = if word.is_empty() { order.clone() } else { app.order().await };
        if !word.is_empty() {
            assert_eq!(app.ipn(&payment(&order, &format!("pay-{word}"), word)).await.code(), 200);
        }
        let before = show(&app, &order).await;
        let refused = app.call(Method::POST, &format!("{ORDERS}/{order}/cancel"), &json!({})).await;
        let sentence = format!(
            "Order is in state \"{status}\" and can no longer be cancelled. Crypto payments are non-refundable; \
             contact support if you need to discuss reconciliation."
        );
        assert_eq!(refused.problem(409, "conflict"), sentence);
        assert_eq!((&refused.json()["resource"], &refused.json()["field"]), (&json!("crypto_order"), &json!("status")));
        assert_eq!(show(&app, &order).await, before);
    }
    // A cancel needs no body, and no content type.
    let order = app.order().await;
    let bare = app.request(Method::POST, &format!("{ORDERS}/{order}/cancel")).bearer_auth(&app.customer);
    assert_eq!(app.send(bare).await.code(), 200);
}

async fn a_cancel_past_the_window_expires_the_order_instead(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let order = app.order().await;
    app.advance(Span::minutes(60)).await;
    let late = app.call(Method::POST, &format!("{ORDERS}/{order}/cancel"), &json!({})).await;
    assert_eq!((late.code(), &late.json()["status"]), (200, &json!("failed")), "{}", late.text);
    assert_eq!(
        (&late.json()["failure_reason"], &late.json()["events"][1]["source"]),
        (&json!("expired"), &json!("expired"))
    );
    assert_eq!(app.look(&order).await["failure_reason"], "expired");
}

async fn a_quote_is_the_catalogues_and_makes_nothing(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for (product, cents) in [
        ("solo_manual", 7900),
        ("team_manual", 24900),
        ("agency_manual", 69900),
        ("api_starter", 14900),
        ("api_builder", 49900),
        ("api_scale", 149_900),
    ] {
        let wanted = json!({"product": product, "price_cents": cents, "price_currency": "USD"});
        for body in [json!({"product": product}), json!({"product": product, "price_currency": "EUR"})] {
            let answer = app.call(Method::POST, QUOTE, &body).await;
            assert_eq!((answer.code(), answer.json()), (200, wanted.clone()));
        }
    }
    for body in [json!({}), json!({"product": "none"}), json!({"product": "solo_manual", "price_currency": "usd"})] {
        app.call(Method::POST, QUOTE, &body).await.problem(400, "validation-failed");
    }
    assert_eq!(app.admin("").await.json()["orders"], json!([]));
}

async fn the_catalogues_price_is_charged_and_another_is_logged(engine: Engine) {
    const EVENT: &str = "crypto_checkout_price_override_attempt";
    log::keep();
    let app = TestApp::spawn(engine).await;
    let account = app.account.to_string();
    assert_eq!(app.checkout(None).await.code(), 201);
    assert!(log::lines(EVENT, &account).is_empty());
    let body = json!({"product": "api_scale", "price_cents": 1, "price_currency": "EUR"});
    let placed = app.checkout_of(&body, None).await;
    assert_eq!(placed.code(), 201, "{}", placed.text);
    assert_eq!((&placed.json()["price_cents"], &placed.json()["price_currency"]), (&json!(149_900), &json!("USD")));
    let order = placed.json()["order_id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(app.look(&order).await["price_cents"], 149_900);
    let lines = log::lines(EVENT, &account);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0].level, tracing::Level::WARN);
    assert_eq!(
        (lines[0].fields["asked_price_cents"].as_str(), lines[0].fields["price_cents"].as_str()),
        ("1", "149900")
    );
}
