//! IPNs at the door: which are believed, what is kept of them, and that repeats and disorder do no harm.

use std::collections::BTreeMap;

use crypto_orders::config::Secret;
use crypto_orders::domain::catalogue::{Catalogue, ProductCode};
use crypto_orders::domain::money::{Currency, Price};
use crypto_orders::provider::signature::sign;
use futures_util::future::join_all;
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, IPN_SECRET, TestApp, payment};

on_both_engines![
    every_vector_gets_its_verdict,
    every_published_body_is_accepted_and_kept_byte_for_byte,
    every_published_body_is_read_without_loss_of_a_digit,
    both_secrets_of_a_rotation_verify_and_no_third,
    what_is_refused_is_told_in_the_contracts_words,
    an_ipn_that_says_too_little_is_refused,
    without_a_secret_there_is_no_such_route,
    an_ipn_of_no_order_is_kept_and_raised_and_makes_none,
    an_unknown_word_moves_nothing_and_is_raised,
    a_hundred_duplicates_pay_once,
    every_order_of_arrival_ends_in_paid_with_a_log_that_only_goes_forward,
];

#[derive(Deserialize)]
struct Vectors {
    ipn_secret: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    wire: String,
    x_nowpayments_sig: String,
    accept: Value,
}

/// A published body with the spelling of its numbers.
#[derive(Deserialize)]
struct Published<'a> {
    note: &'a str,
    #[serde(borrow)]
    body: &'a RawValue,
}

const BODIES: &str = include_str!("../data/provider-bodies.json");

/// Those that are IPNs; the others are answers of the provider's API.
fn published_ipns() -> Vec<&'static str> {
    let answers = ["GET /payment", "POST /payment", "POST /invoice", "list:"];
    let all: Vec<Published<'_>> = serde_json::from_str(BODIES).expect("the bodies are JSON");
    let ipns = all.into_iter().filter(|published| !answers.iter().any(|call| published.note.starts_with(call)));
    let ipns: Vec<&str> = ipns.map(|published| published.body.get()).collect();
    assert_eq!(ipns.len(), 5);
    ipns
}

async fn send_signed(app: &TestApp, body: &str, signature: &str) -> Answer {
    let request = app.request(Method::POST, "/v1/webhooks/nowpayments");
    app.send(request.header("x-nowpayments-sig", signature).body(body.to_owned())).await
}

async fn every_vector_gets_its_verdict(engine: Engine) {
    let given: Vectors = serde_json::from_str(include_str!("../data/ipn-vectors.json")).expect("the vectors are JSON");
    let secret = Secret::new(given.ipn_secret);
    let app = TestApp::spawn_with(engine, |settings| settings.ipn_secrets = vec![secret]).await;
    for vector in &given.vectors {
        let answer = send_signed(&app, &vector.wire, &vector.x_nowpayments_sig).await;
        let wire = vector.wire.replace('\'', "''");
        let kept = app.sql(&format!("select count(*) from received_ipns where raw_body = '{wire}'")).await;
        match &vector.accept {
            Value::Bool(true) => {
                assert_eq!(answer.code(), 200, "{}: {}", vector.name, answer.text);
                assert_eq!(answer.json(), json!({ "received": true, "order_state": null }), "{}", vector.name);
                assert_eq!(kept, "1", "{}", vector.name);
            }
            Value::Bool(false) => {
                let detail = answer.problem(401, "unauthorized");
                assert_eq!(detail, "Invalid NowPayments signature.", "{}", vector.name);
            }
            // A body with a key twice has no canonical form: the signature over one fails, the one over
            // the very bytes holds, and both are refused.
            policy => {
                assert_eq!((vector.name.as_str(), policy), ("duplicate_key_smuggle", &json!("policy")));
                answer.problem(401, "unauthorized");
                app.ipn_raw(&vector.wire).await.problem(400, "bad-request");
                assert_eq!(kept, "0");
            }
        }
    }
    assert_eq!(app.sql("select count(*) from orders").await, "0");
}

async fn every_published_body_is_accepted_and_kept_byte_for_byte(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for body in published_ipns() {
        let answer = app.ipn_raw(body).await;
        assert_eq!(answer.code(), 200, "{}: {body}", answer.text);
        let id = &serde_json::from_str::<Value>(body).expect("a body is JSON")["payment_id"];
        let kept = app.sql(&format!("select raw_body from received_ipns where payment_id = '{id}'")).await;
        assert_eq!(kept, body);
    }
}

/// The text of a number as the provider spelled it.
fn spelled(body: &str, field: &str) -> String {
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(body).expect("a body is an object");
    fields[field].get().to_owned()
}

async fn every_published_body_is_read_without_loss_of_a_digit(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.orders.catalogue = priced_like_the_bodies()).await;
    for (number, body) in published_ipns().into_iter().enumerate() {
        let asked = json!({ "product": format!("p{number}"), "price_cents": 1, "price_currency": "USD" });
        let order = app.checkout_of(&asked, None).await.json()["order_id"].to_string();
        let body =
            body.replace(&format!("\"order_id\": {}", spelled(body, "order_id")), &format!("\"order_id\": {order}"));
        let answer = app.ipn_raw(&body).await;
        assert_eq!(answer.code(), 200, "{}", answer.text);
        assert_ne!(answer.json()["order_state"], Value::Null, "{body}");
        let known = app
            .sql(&format!(
                "select payment_id || ' ' || pay_amount || ' ' || received || ' ' || coin || ' ' || provider_status
             from order_payments where order_id = '{}'",
                order.trim_matches('"')
            ))
            .await;
        let [coin, word] = ["pay_currency", "payment_status"].map(|field| spelled(&body, field).replace('"', ""));
        let [id, asked, paid] = ["payment_id", "pay_amount", "actually_paid"].map(|field| spelled(&body, field));
        assert_eq!(known, format!("{id} {asked} {paid} {coin} {word}"));
    }
}

/// A product for each published body, at the price that the body names: another would not bind.
fn priced_like_the_bodies() -> Catalogue {
    let currency = Currency::parse("USD").expect("a currency");
    let products = published_ipns().into_iter().enumerate().map(|(number, body)| {
        let price = spelled(body, "price_amount");
        let (whole, cents) = price.split_once('.').unwrap_or((&price, ""));
        let cents = format!("{whole}{cents:0<2}").parse().expect("a price");
        (ProductCode::parse(&format!("p{number}")).expect("a code"), Price { cents, currency })
    });
    Catalogue::new(products.collect())
}

async fn both_secrets_of_a_rotation_verify_and_no_third(engine: Engine) {
    let secrets = || ["new-secret", "old-secret"].map(|text| Secret::new(text.to_owned())).to_vec();
    let app = TestApp::spawn_with(engine, |settings| settings.ipn_secrets = secrets()).await;
    let order = app.order().await;
    let by = |secret: &str, body: &str| sign(secret, body.as_bytes()).expect("a secret");
    for (secret, word) in [("new-secret", "confirming"), ("old-secret", "finished")] {
        let body = payment(&order, "1001", word).to_string();
        assert_eq!(send_signed(&app, &body, &by(secret, &body)).await.code(), 200);
        // The provider's hex may come in either case.
        assert_eq!(send_signed(&app, &body, &by(secret, &body).to_uppercase()).await.code(), 200);
    }
    let verified =
        app.sql("select payment_status || ' ' || verified_secret from received_ipns order by payment_status").await;
    assert_eq!(verified, "confirming 0\nfinished 1");
    let body = payment(&order, "1001", "failed").to_string();
    send_signed(&app, &body, &by(IPN_SECRET, &body)).await.problem(401, "unauthorized");
    assert_eq!(app.look(&order).await["status"], "paid");
}

async fn what_is_refused_is_told_in_the_contracts_words(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let request = || app.request(Method::POST, "/v1/webhooks/nowpayments");
    let body = payment(&app.order().await, "1001", "finished").to_string();
    let signature = sign(IPN_SECRET, body.as_bytes()).expect("a secret");

    for unsigned in [request(), request().body(body.clone())] {
        let detail = app.send(unsigned).await.problem(401, "unauthorized");
        assert_eq!(detail, "x-nowpayments-sig header missing.");
    }
    assert_eq!(send_signed(&app, "", &signature).await.problem(400, "bad-request"), "Empty request body.");
    for wrong in ["", "zz", &signature[1..], &signature.replace(['0', '1'], "2"), &format!("{signature}00")] {
        let detail = send_signed(&app, &body, wrong).await.problem(401, "unauthorized");
        assert_eq!(detail, "Invalid NowPayments signature.", "{wrong}");
    }
    let endless = format!("{body}{}", " ".repeat(65_537 - body.len()));
    let endless = app.ipn_raw(&endless).await;
    endless.problem(413, "payload-too-large");
    assert_eq!(endless.json()["limit_bytes"], 65_536);
    assert_eq!(app.sql("select count(*) from received_ipns").await, "0");
    let longest = format!("{body}{}", " ".repeat(65_536 - body.len()));
    assert_eq!(app.ipn_raw(&longest).await.json()["order_state"], "paid");
}

async fn an_ipn_that_says_too_little_is_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let without = |field: &str| {
        let mut body = payment(&order, "1001", "finished");
        body[field] = Value::Null;
        body.to_string()
    };
    let mut of_no_type = payment(&order, "1001", "finished");
    of_no_type["payment_status"] = json!(7);
    let bodies = ["[]".to_owned(), "7".to_owned(), "not json".to_owned(), of_no_type.to_string()];
    for body in [without("payment_id"), without("payment_status")].into_iter().chain(bodies) {
        let detail = app.ipn_raw(&body).await.problem(400, "bad-request");
        assert_eq!(detail, "NowPayments IPN is missing required fields.", "{body}");
    }
    assert_eq!(app.steps(&order).await, ["pending/create"]);
}

async fn without_a_secret_there_is_no_such_route(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.ipn_secrets.clear()).await;
    let body = payment(&app.order().await, "1001", "finished").to_string();
    let empty_key = "1b2d0f77".repeat(16);
    for signature in [sign(IPN_SECRET, body.as_bytes()).expect("a secret"), empty_key] {
        let detail = send_signed(&app, &body, &signature).await.problem(404, "not-found");
        assert_eq!(detail, "No route for POST /v1/webhooks/nowpayments.");
    }
}

async fn an_ipn_of_no_order_is_kept_and_raised_and_makes_none(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let unknown = format!("ord_{}", "0".repeat(32));
    for (number, order) in [json!(unknown), json!("ord_01"), json!(null), json!("")].into_iter().enumerate() {
        let id = format!("200{number}");
        let mut body = payment("", &id, "finished");
        body["order_id"] = order;
        for _ in 0..2 {
            assert_eq!(app.ipn(&body).await.json(), json!({ "received": true, "order_state": null }), "{body}");
        }
        assert_eq!(app.ipns(&id).await, ["unmatched 2"]);
    }
    assert_eq!(app.raised("").await, ["2000", "2001", "2002", "2003"].map(|id| format!("unmatched_ipn {id} 1")));
    assert_eq!(app.sql("select count(*) from orders").await, "0");
}

async fn an_unknown_word_moves_nothing_and_is_raised(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let before = app.look(&order).await;
    for word in ["spending", "FINISHED", "cancelled", "wrong_asset_confirmed", " finished", "a\u{0}b"] {
        let mut body = payment(&order, "1001", word);
        body["actually_paid"] = json!(0);
        let answer = app.ipn(&body).await;
        assert_eq!(answer.json(), json!({ "received": true, "order_state": "pending" }), "{word:?}");
    }
    assert_eq!(app.look(&order).await, before);
    assert_eq!(app.raised(&order).await, ["unknown_status 1001 6"]);
    assert_eq!(app.ipns("1001").await, vec!["unknown_status 1"; 6]);
}

async fn a_hundred_duplicates_pay_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let body = payment(&order, "1001", "finished");
    let answers = join_all((0..100).map(|_| app.ipn(&body))).await;
    let paid = json!({ "received": true, "order_state": "paid" });
    assert!(answers.iter().all(|answer| answer.code() == 200 && answer.json() == paid));
    assert_eq!(app.steps(&order).await, ["pending/create", "paid/ipn"]);
    assert_eq!(app.ipns("1001").await, ["applied 100"]);
    assert_eq!(app.outbox(&order).await.len(), 1);
}

fn permutations(words: &[&'static str]) -> Vec<Vec<&'static str>> {
    if words.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |at: usize| {
        let others: Vec<&str> = words.iter().copied().filter(|word| *word != words[at]).collect();
        permutations(&others).into_iter().map(move |rest| [vec![words[at]], rest].concat())
    };
    (0..words.len()).flat_map(with_first).collect()
}

async fn every_order_of_arrival_ends_in_paid_with_a_log_that_only_goes_forward(engine: Engine) {
    const WORDS: [&str; 4] = ["waiting", "confirming", "sending", "finished"];
    let app = TestApp::spawn(engine).await;
    let permutations = permutations(&WORDS);
    assert_eq!(permutations.len(), 24);
    for (number, words) in permutations.iter().enumerate() {
        let order = app.order().await;
        for word in words {
            let mut body = payment(&order, &format!("30{number}"), word);
            let sent = WORDS.iter().position(|known| known == word).expect("a word");
            body["updated_at"] = json!(1_778_587_200_000_u64 + 1_000 * u64::try_from(sent).expect("small"));
            assert_eq!(app.ipn(&body).await.code(), 200);
        }
        assert_eq!(app.look(&order).await["status"], "paid", "{words:?}");
        let steps = app.steps(&order).await;
        let forward = ["pending/create", "confirming/ipn", "paid/ipn"];
        let places: Vec<_> = steps.iter().map(|step| forward.iter().position(|known| known == step)).collect();
        assert!(places.is_sorted_by(|one, next| one < next) && !places.contains(&None), "{words:?}: {steps:?}");
        assert_eq!(app.outbox(&order).await.len(), 1, "{words:?}");
        assert!(app.raised(&order).await.is_empty(), "{words:?}");
    }
}
