//! Input that nobody thought of, thrown at every route: never a 5xx, always the contract's frame.

use std::collections::BTreeMap;
use std::fmt::Write;

use crypto_orders::provider::signature::sign;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, IPN_SECRET, TestApp};

on_both_engines![
    whatever_a_body_is_the_answer_is_the_contracts,
    whatever_a_query_is_the_answer_is_the_contracts,
    whatever_the_provider_signs_the_answer_is_the_contracts,
];

const CASES: u32 = 64;
const CHECKOUT: &str = "/v1/billing/crypto-checkout";
const ORDERS: &str = "/v1/billing/crypto-orders";

/// The next value of a strategy; a failure shows the request itself, which is all there is to know.
fn next<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).expect("a value").current()
}

/// Texts that have been trouble somewhere, and texts at random.
fn text() -> impl Strategy<Value = String> {
    let known = vec![
        "",
        " ",
        "\0",
        "null",
        "solo_manual",
        "USD",
        "finished",
        "waiting",
        "-1",
        "1e400",
        "%",
        "_",
        "'",
        "\"",
        "\\",
        "🙂",
        "\u{202e}",
        "\u{feff}",
        "\u{ffff}",
        "ord_",
        "İ",
        "\r\n",
        "2026-05-12T12:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
        "+275760-09-13T00:00:00Z",
        "18446744073709551616",
    ];
    prop_oneof![prop::sample::select(known).prop_map(str::to_owned), any::<String>(), "[0-9a-z_]{0,20}"]
}

fn json_value() -> impl Strategy<Value = Value> {
    let numbers = prop_oneof![
        any::<i64>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        (0..10_i64).prop_map(|number| json!(number)),
    ];
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::Bool), numbers, text().prop_map(Value::String)];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            btree_map(text(), inner, 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// An object with some of the fields that somebody reads.
fn known_fields() -> impl Strategy<Value = Value> {
    let names = vec![
        "product",
        "price_cents",
        "price_currency",
        "pay_currency",
        "customer_note",
        "internal_note",
        "payment_id",
        "provider_status",
        "older_than_hours",
        "older_than_minutes",
        "limit",
        "dry_run",
        "payment_status",
        "order_id",
        "price_amount",
        "pay_amount",
        "actually_paid",
        "parent_payment_id",
        "outcome_amount",
        "updated_at",
    ];
    // Half of them are right but for a field or two, so that what lies behind the reading is met as well.
    let right = json!({
        "product": "solo_manual", "price_cents": 7900, "price_currency": "USD", "customer_note": null,
        "internal_note": "x", "payment_id": "1", "provider_status": "waiting",
    });
    let built = move |(fields, whole): (BTreeMap<&'static str, Value>, bool)| {
        let mut object = if whole { right.as_object().cloned().unwrap_or_default() } else { Map::new() };
        let kept = if whole { 2 } else { fields.len() };
        object.extend(fields.into_iter().take(kept).map(|(name, value)| (name.to_owned(), value)));
        Value::Object(object)
    };
    (btree_map(prop::sample::select(names), json_value(), 0..8), any::<bool>()).prop_map(built)
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => known_fields().prop_map(|value| value.to_string().into_bytes()),
        1 => json_value().prop_map(|value| value.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..200),
    ]
}

/// In the frame, and a problem of the client's making or a success.
fn is_the_contracts(answer: &Answer, said: &dyn Fn() -> String) {
    assert!(answer.code() < 500, "{}: {answer:?}", said());
    answer.framed();
    if answer.status.is_success() {
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "{}", said());
        assert!(answer.json().is_object(), "{}", said());
    } else {
        let problem = answer.json();
        assert_eq!(answer.header("content-type"), Some("application/problem+json; charset=utf-8"), "{}", said());
        assert_eq!(problem["status"], answer.code(), "{}", said());
        assert_eq!(problem["instance"].as_str(), answer.header("x-request-id"), "{}", said());
        let sentence = problem["detail"].as_str().is_some_and(|detail| !detail.is_empty());
        assert!(sentence && problem["title"].is_string() && problem["type"].is_string(), "{}: {problem}", said());
    }
}

async fn whatever_a_body_is_the_answer_is_the_contracts(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let admin = |rest: &str| format!("/v1/admin/crypto-orders{rest}");
    let routes = [
        (Method::POST, CHECKOUT.to_owned(), &app.customer),
        (Method::POST, format!("{CHECKOUT}/quote"), &app.customer),
        (Method::PATCH, format!("{ORDERS}/{order}"), &app.customer),
        (Method::POST, format!("{ORDERS}/{order}/cancel"), &app.customer),
        (Method::POST, admin("/sweep-expired"), &app.operator),
        (Method::POST, admin(&format!("/{order}/apply-ipn")), &app.operator),
        (Method::PATCH, admin(&format!("/{order}/internal-note")), &app.operator),
    ];
    let mut runner = TestRunner::new(Config::default());
    let (bodies, keys) = (bodies(), prop::option::weighted(0.3, vec(any::<u8>(), 0..40)));
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..CASES {
        let (body, key) = (next(&mut runner, &bodies), next(&mut runner, &keys));
        let key = key.and_then(|bytes| reqwest::header::HeaderValue::from_bytes(&bytes).ok());
        for (method, path, bearer) in &routes {
            let request = app.request(method.clone(), path).bearer_auth(bearer);
            let request = key.iter().fold(request, |request, key| request.header("idempotency-key", key));
            let answer = app.send(request.header("content-type", "application/json").body(body.clone())).await;
            is_the_contracts(&answer, &|| format!("{method} {path} {}", String::from_utf8_lossy(&body)));
            *if answer.status.is_success() { &mut taken } else { &mut refused } += 1;
        }
    }
    assert!(CASES / 4 < taken && CASES / 4 < refused, "{taken} taken, {refused} refused: both must be met often");
    assert_eq!(app.checkout(None).await.code(), 201, "the service goes on");
}

/// `name=value` pairs, names that are read and others, values in any bytes.
fn queries() -> impl Strategy<Value = String> {
    let names = vec![
        "limit",
        "cursor",
        "status",
        "account_id",
        "created_after",
        "created_before",
        "paid_after",
        "paid_before",
        "search",
        "payment_id",
        "wait",
        "since",
        "x",
        "",
    ];
    let bytes = prop_oneof![text().prop_map(String::into_bytes), vec(any::<u8>(), 0..40)];
    let pair = (prop::sample::select(names), bytes, any::<bool>()).prop_map(|(name, bytes, escape)| {
        let mut pair = format!("{name}=");
        for byte in bytes {
            if byte.is_ascii_alphanumeric() || (!escape && byte.is_ascii_graphic() && byte != b'#') {
                pair.push(char::from(byte));
            } else {
                write!(pair, "%{byte:02X}").expect("memory");
            }
        }
        // Nobody here has time to wait for a change.
        if pair.starts_with("wait=") { "wait=0".to_owned() } else { pair }
    });
    vec(pair, 0..5).prop_map(|pairs| pairs.join("&"))
}

async fn whatever_a_query_is_the_answer_is_the_contracts(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let mut runner = TestRunner::new(Config::default());
    let queries = queries();
    for _ in 0..CASES {
        let query = next(&mut runner, &queries);
        let id: String = query.bytes().take(60).map(|byte| format!("%{byte:02X}")).collect();
        for (path, key) in [
            (format!("{ORDERS}?{query}"), &app.customer),
            (format!("{ORDERS}/{order}?{query}"), &app.customer),
            (format!("{ORDERS}/{order}/events?{query}"), &app.customer),
            (format!("{ORDERS}/{id}"), &app.customer),
            (format!("/v1/admin/crypto-orders?{query}"), &app.operator),
            (format!("/v1/admin/crypto-orders/idempotency-metrics?{query}"), &app.operator),
            (format!("/v1/admin/crypto-orders/idempotency-metrics?account_id={}&{query}", app.account), &app.operator),
            (format!("/v1/admin/crypto-orders/{id}/events"), &app.operator),
        ] {
            let answer = app.send(app.request(Method::GET, &path).bearer_auth(key)).await;
            is_the_contracts(&answer, &|| path.clone());
        }
    }
}

async fn whatever_the_provider_signs_the_answer_is_the_contracts(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let mut runner = TestRunner::new(Config::default());
    let bodies = prop_oneof![
        1 => bodies(),
        2 => (known_fields(), json_value(), json_value()).prop_map(move |(mut body, paid, amount)| {
            body["payment_id"] = json!(7);
            body["payment_status"] = json!("partially_paid");
            body["order_id"] = json!(order);
            body["actually_paid"] = paid;
            body["pay_amount"] = amount;
            body.to_string().into_bytes()
        }),
    ];
    for _ in 0..CASES {
        let body = next(&mut runner, &bodies);
        let tag = sign(IPN_SECRET, &body).expect("a secret");
        for tag in [tag, "00".repeat(64)] {
            let request = app.request(Method::POST, "/v1/webhooks/nowpayments").header("x-nowpayments-sig", tag);
            let answer = app.send(request.body(body.clone())).await;
            is_the_contracts(&answer, &|| String::from_utf8_lossy(&body).into_owned());
        }
    }
    assert_eq!(app.checkout(None).await.code(), 201, "the service goes on");
}
