//! An operator asks for the rest of a partial order: what is sent to the provider, once, and what is answered.
//!
//! The provider's end is a [`Responder`]. What the rest is, to the last digit, is tested in
//! `src/domain/topup/tests.rs`; what becomes of the money, in `payments.rs`.

use crypto_orders::config::{Provider, Secret, Settings};
use crypto_orders::domain::time::Span;
use crypto_orders::provider::simulator::{Pace, Scenario, Target};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::responder::{Act, Responder, Said};
use crate::harness::{Answer, TestApp, order_body, payment, told};

on_both_engines![
    the_rest_is_asked_for_under_the_same_purchase_and_completes_the_order,
    the_same_rest_is_asked_for_once_while_it_can_be_paid,
    the_rest_is_rounded_up_at_the_precision_of_the_coin,
    many_operators_at_once_make_one_payment,
    what_lacks_no_rest_is_told_why,
    a_provider_that_says_no_is_told_with_its_code,
    a_provider_that_is_away_is_asked_again_later,
    without_a_provider_no_payment_is_made,
    the_rest_is_paid_at_the_provider_in_the_box,
];

on_postgres![two_nodes_at_once_make_one_payment];

const CREATE: &str = "POST /v1/payment";

/// The settings of a shop whose provider is at this origin.
pub fn provided(settings: &mut Settings, provider: &Responder) {
    settings.provider = Provider::Live;
    settings.public_url = "https://pay.example.com".to_owned();
    settings.nowpayments.url = Some(format!("{}/v1", provider.origin()));
    settings.nowpayments.api_keys = vec![Secret::new("key".to_owned())];
}

/// What the provider answers to a creation, in ether with six decimals.
pub fn made(id: &str, pay_amount: &str) -> Act {
    let body = json!({ "payment_id": id, "payment_status": "waiting", "pay_address": format!("0xabc{id}"),
        "price_amount": 79, "price_currency": "usd", "pay_amount": pay_amount, "pay_currency": "eth",
        "purchase_id": "77", "payin_extra_id": null, "network": "eth", "network_precision": 6 });
    Act::Answer(Said::new(201, body.to_string()))
}

/// A shop, and its provider that takes any amount.
async fn shop(engine: Engine) -> (TestApp, Responder) {
    let provider = Responder::start().await;
    let least = json!({ "currency_from": "eth", "currency_to": "eth", "min_amount": 0.0001, "fiat_equivalent": 1 });
    provider.always("GET /v1/min-amount", Said::new(200, least.to_string()));
    (TestApp::spawn_with(engine, |settings| provided(settings, &provider)).await, provider)
}

/// An order whose payment `id` over 0.5 eth was made by this service.
async fn ordered(app: &TestApp, provider: &Responder, id: &str) -> String {
    provider.upon(CREATE, made(id, "0.5"));
    let mut body = order_body();
    body["pay_currency"] = json!("eth");
    let answer = app.checkout_of(&body, None).await;
    assert_eq!((answer.code(), &answer.json()["payment_id"]), (201, &json!(id)), "{}", answer.text);
    answer.json()["order_id"].as_str().expect("an id").to_owned()
}

/// The same, of which 0.2 have arrived.
async fn partial(app: &TestApp, provider: &Responder, id: &str) -> String {
    let order = ordered(app, provider, id).await;
    assert_eq!(told(app, &order, [id, "partially_paid"], json!({ "actually_paid": 0.2 })).await, "partial");
    order
}

async fn top_up(app: &TestApp, order: &str) -> Answer {
    app.admin_call(Method::POST, &format!("/{order}/top-up"), &json!({})).await
}

async fn audited(app: &TestApp) -> Vec<Value> {
    app.walk("/v1/admin/audit-log", 50).await
}

async fn the_rest_is_asked_for_under_the_same_purchase_and_completes_the_order(engine: Engine) {
    let (app, provider) = shop(engine).await;
    let order = partial(&app, &provider, "1001").await;
    app.clock.advance(Span::minutes(5));
    provider.upon(CREATE, made("1002", "0.3"));
    let reason = json!({ "reason": "Ticket 4711. ✓" });
    let answer = app.admin_call(Method::POST, &format!("/{order}/top-up"), &reason).await;
    let expected = json!({ "order_id": order, "payment_id": "1002", "payment_address": "0xabc1002",
        "pay_currency": "eth", "pay_amount": "0.3", "payin_extra_id": null, "network": "eth",
        "created_at": "2026-05-12T12:05:00.000Z" });
    assert_eq!((answer.code(), answer.json()), (201, expected), "{}", answer.text);
    let asked = provider.asked(CREATE);
    let body: Value = serde_json::from_str(&asked[1].body).expect("JSON");
    assert_eq!([&body["order_id"], &body["purchase_id"], &body["pay_currency"]], [order.as_str(), "77", "eth"]);
    assert!(asked[1].body.contains("\"pay_amount\":0.3,"), "{}", asked[1].body);
    assert!(asked[1].body.contains("\"price_amount\":47.40,"), "{}", asked[1].body);

    let envelope = app.look(&order).await;
    assert_eq!([&envelope["status"], &envelope["payment_id"]], ["partial", "1001"], "the bound one stays");
    let ledger = app.admin(&format!("/{order}/payments")).await.json();
    let rows: Vec<_> =
        ledger["data"].as_array().expect("rows").iter().map(|row| [&row["payment_id"], &row["role"]]).collect();
    assert_eq!(rows, [["1002", "own"], ["1001", "bound"]]);
    assert_eq!([&ledger["owed"], &ledger["missing"]], ["0.5", "0.3"], "what is owed is the first one's");
    let rows = audited(&app).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!([&rows[0]["action"], &rows[0]["target"]], ["crypto_order.topped_up", order.as_str()]);
    assert_eq!(rows[0]["input"], json!({ "reason": "Ticket 4711. ✓", "pay_amount": "0.3" }));
    assert_eq!(rows[0]["result"], json!({ "outcome": "ignored", "status": "partial", "payment_id": "1002" }));

    let paid = json!({ "pay_amount": 0.3, "actually_paid": 0.3, "price_amount": 47.4 });
    assert_eq!(told(&app, &order, ["1002", "finished"], paid).await, "paid");
    assert_eq!(app.raised(&order).await, ["underpaid 1001 1"]);
    assert_eq!(app.steps(&order).await, ["pending/create", "partial/ipn", "paid/ipn"]);
}

async fn the_same_rest_is_asked_for_once_while_it_can_be_paid(engine: Engine) {
    let (app, provider) = shop(engine).await;
    let order = partial(&app, &provider, "1001").await;
    provider.upon(CREATE, made("1002", "0.3"));
    let first = top_up(&app, &order).await;
    assert_eq!(first.code(), 201, "{}", first.text);
    let path = format!("/v1/admin/crypto-orders/{order}/top-up");
    let bare = app.request(Method::POST, &path).bearer_auth(&app.operator);
    let again = app.send(bare).await;
    assert_eq!((again.code(), again.json()), (200, first.json()));
    // Money is on its way to it: all the more it is the one.
    told(&app, &order, ["1002", "confirming"], json!({ "pay_amount": 0.3, "actually_paid": 0.1 })).await;
    let app = app.restart(|settings| provided(settings, &provider)).await;
    assert_eq!((top_up(&app, &order).await.code(), provider.seen(CREATE)), (200, 2));
    assert_eq!(audited(&app).await.len(), 1);
    // A part of the rest came: there is another rest now, and the old payment is not it.
    told(&app, &order, ["1002", "partially_paid"], json!({ "pay_amount": 0.3, "actually_paid": 0.1 })).await;
    provider.upon(CREATE, made("1003", "0.2"));
    let second = top_up(&app, &order).await;
    assert_eq!((second.code(), &second.json()["pay_amount"]), (201, &json!("0.2")), "{}", second.text);
    // The provider watches an address for seven days, and not a moment longer.
    app.clock.advance(Span::millis(7 * 24 * 3_600_000 - 1));
    assert_eq!(top_up(&app, &order).await.json()["payment_id"], "1003");
    app.clock.advance(Span::millis(1));
    provider.upon(CREATE, made("1004", "0.2"));
    let third = top_up(&app, &order).await;
    assert_eq!((third.code(), &third.json()["payment_id"]), (201, &json!("1004")), "{}", third.text);
    assert_eq!((provider.seen(CREATE), audited(&app).await.len()), (4, 3));
}

async fn the_rest_is_rounded_up_at_the_precision_of_the_coin(engine: Engine) {
    let (app, provider) = shop(engine).await;
    let order = ordered(&app, &provider, "1001").await;
    // 0.2999995 are missing, which no wallet could send.
    told(&app, &order, ["1001", "partially_paid"], json!({ "actually_paid": "0.2000005" })).await;
    provider.upon(CREATE, made("1002", "0.300000"));
    let answer = top_up(&app, &order).await;
    assert_eq!((answer.code(), &answer.json()["pay_amount"]), (201, &json!("0.300000")), "{}", answer.text);
    let asked = &provider.asked(CREATE)[1].body;
    assert!(asked.contains("\"pay_amount\":0.300000,") && asked.contains("\"price_amount\":47.40,"), "{asked}");
    assert_eq!(app.admin(&format!("/{order}/payments")).await.json()["missing"], "0.2999995");
    told(&app, &order, ["1002", "finished"], json!({ "pay_amount": 0.3, "actually_paid": 0.3 })).await;
    assert_eq!(app.admin(&format!("/{order}/payments")).await.json()["missing"], "0");
}

/// Asserts that one payment was made, and everybody was told of it or to ask again.
fn one_of(answers: &[Answer]) {
    for answer in answers {
        match answer.code() {
            200 | 201 => assert_eq!(answer.json()["payment_address"], answers_address(answers), "{}", answer.text),
            _ => assert_eq!(
                (answer.problem(503, "feature-unavailable").is_empty(), answer.header("retry-after")),
                (false, Some("5"))
            ),
        }
    }
    assert!(answers.iter().any(|answer| answer.code() == 201));
}

fn answers_address(answers: &[Answer]) -> Value {
    answers.iter().find(|answer| answer.code() == 201).expect("one made it").json()["payment_address"].clone()
}

async fn many_operators_at_once_make_one_payment(engine: Engine) {
    let (app, provider) = shop(engine).await;
    for round in 0..4 {
        let order = partial(&app, &provider, &format!("10{round}")).await;
        let before = provider.seen(CREATE);
        provider.upon(CREATE, made(&format!("20{round}"), "0.3"));
        let answers = join_all((0..5).map(async |_| top_up(&app, &order).await)).await;
        one_of(&answers);
        assert_eq!(provider.seen(CREATE) - before, 1);
        assert_eq!(app.walk(&format!("/v1/admin/audit-log?target={order}"), 9).await.len(), 1);
    }
}

async fn two_nodes_at_once_make_one_payment(engine: Engine) {
    let (app, provider) = shop(engine).await;
    let other = app.beside(|settings| provided(settings, &provider)).await;
    for round in 0..4 {
        let order = partial(&app, &provider, &format!("10{round}")).await;
        let before = provider.seen(CREATE);
        provider.upon(CREATE, made(&format!("20{round}"), "0.3"));
        let nodes = [&app, &other, &app, &other];
        one_of(&join_all(nodes.map(async |node| top_up(node, &order).await)).await);
        assert_eq!(provider.seen(CREATE) - before, 1);
    }
}

/// Asserts a 409 over the order's status, and answers its sentence.
fn conflict(answer: &Answer) -> String {
    conflict_over(answer, &json!("status"))
}

/// Asserts a 409 for which this field is to blame, or none, and answers its sentence.
fn conflict_over(answer: &Answer, field: &Value) -> String {
    let detail = answer.problem(409, "conflict");
    assert_eq!(
        [&answer.json()["resource"], &answer.json()["field"]],
        [&json!("crypto_order"), field],
        "{}",
        answer.text
    );
    detail
}

async fn what_lacks_no_rest_is_told_why(engine: Engine) {
    let (app, provider) = shop(engine).await;
    let pending = ordered(&app, &provider, "1001").await;
    let detail = conflict(&top_up(&app, &pending).await);
    assert_eq!(detail, "Order is in state \"pending\" and lacks no rest: only a partial order can be topped up.");
    let paid = ordered(&app, &provider, "1002").await;
    told(&app, &paid, ["1002", "finished"], json!({})).await;
    assert!(conflict(&top_up(&app, &paid).await).contains("\"paid\""));
    let enough = ordered(&app, &provider, "1003").await;
    told(&app, &enough, ["1003", "partially_paid"], json!({ "actually_paid": 0.5 })).await;
    assert!(conflict_over(&top_up(&app, &enough).await, &Value::Null).starts_with("Nothing is missing"));
    let made = provider.seen(CREATE);
    // Nobody said how much it is, or in which coin.
    provider.upon(CREATE, Act::Answer(Said::new(400, r#"{"code":"CURRENCY_UNAVAILABLE","message":"off"}"#)));
    let unknown = app.order().await;
    let silent = json!({ "pay_amount": null, "actually_paid": 0.2 });
    told(&app, &unknown, ["1004", "partially_paid"], silent).await;
    assert!(conflict_over(&top_up(&app, &unknown).await, &Value::Null).contains("is not known"));
    for (path, body, code) in [
        ("ord_00000000000000000000000000000000", json!({}), 404),
        ("nonsense", json!({}), 404),
        (pending.as_str(), json!({ "reason": "ü".repeat(501) }), 400),
        (pending.as_str(), json!({ "reason": 7 }), 400),
        (pending.as_str(), json!([]), 400),
        (pending.as_str(), json!({ "reason": null }), 409),
    ] {
        let answer = app.admin_call(Method::POST, &format!("/{path}/top-up"), &body).await;
        assert_eq!(answer.code(), code, "{path} {body}: {}", answer.text);
    }
    app.call(Method::POST, &format!("/v1/admin/crypto-orders/{enough}/top-up"), &json!({}))
        .await
        .problem(403, "forbidden");
    assert!(provider.seen(CREATE) <= made + 1, "none of them asked for a payment");
    assert_eq!(audited(&app).await, Vec::<Value>::new());
}

async fn a_provider_that_says_no_is_told_with_its_code(engine: Engine) {
    let (app, provider) = shop(engine).await;
    let order = partial(&app, &provider, "1001").await;
    let no = r#"{"status":false,"statusCode":400,"code":"AMOUNT_MINIMAL_ERROR","message":"secret words of 10.0.0.7"}"#;
    provider.upon(CREATE, Act::Answer(Said::new(400, no)));
    let detail = conflict_over(&top_up(&app, &order).await, &Value::Null);
    assert!(detail.contains("(AMOUNT_MINIMAL_ERROR): the rest is below the least"), "{detail}");
    assert!(!detail.contains("secret words"), "{detail}");
    assert_eq!((audited(&app).await, app.look(&order).await["status"].clone()), (vec![], json!("partial")));
    // The claim is given back: with another amount, or another day, it can be asked for at once.
    provider.upon(CREATE, made("1002", "0.3"));
    assert_eq!(top_up(&app, &order).await.code(), 201);
}

async fn a_provider_that_is_away_is_asked_again_later(engine: Engine) {
    let (app, provider) = shop(engine).await;
    let order = partial(&app, &provider, "1001").await;
    provider.upon(CREATE, Act::Answer(Said::new(429, "slow down")));
    let refused = top_up(&app, &order).await;
    let detail = refused.problem(503, "feature-unavailable");
    assert_eq!((refused.header("retry-after"), refused.json()["retry_after_seconds"].clone()), (Some("30"), json!(30)));
    assert!(detail.contains("Ask again"), "{detail}");
    // Until then nothing is asked of it.
    let asked = provider.seen(CREATE);
    assert_eq!((top_up(&app, &order).await.code(), provider.seen(CREATE)), (503, asked));
    app.clock.advance(Span::seconds(30));
    // Its answer is lost: while nobody knows, nobody makes another.
    provider.upon(CREATE, Act::CutBeforeAnswer);
    assert_eq!(top_up(&app, &order).await.code(), 503);
    let seen = provider.seen(CREATE);
    let busy = top_up(&app, &order).await;
    assert_eq!((busy.code(), busy.header("retry-after"), provider.seen(CREATE)), (503, Some("5"), seen));
    assert_eq!(audited(&app).await, Vec::<Value>::new());
    app.clock.advance(Span::seconds(31));
    provider.upon(CREATE, made("1002", "0.3"));
    let answer = top_up(&app, &order).await;
    assert_eq!((answer.code(), audited(&app).await.len()), (201, 1), "{}", answer.text);
}

async fn without_a_provider_no_payment_is_made(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let mut short = payment(&order, "1001", "finished");
    short["actually_paid"] = json!(0.2);
    assert_eq!(app.ipn(&short).await.json()["order_state"], "partial");
    let answer = top_up(&app, &order).await;
    assert!(answer.problem(503, "feature-unavailable").contains("No payment provider is configured"));
    assert_eq!((answer.header("retry-after"), answer.json().get("retry_after_seconds").cloned()), (None, None));
    assert_eq!(audited(&app).await, Vec::<Value>::new());
}

async fn the_rest_is_paid_at_the_provider_in_the_box(engine: Engine) {
    let app = TestApp::simulated(engine).await;
    for coin in ["btc", "eth", "usdttrc20", "xrp"] {
        let mut body = order_body();
        body["pay_currency"] = json!(coin);
        let placed = app.checkout_of(&body, None).await.json();
        let (order, bound) = (placed["order_id"].as_str().expect("an id"), &placed["payment_id"]);
        app.simulator().pay(Target::Order(order), Scenario::PartialThenTopUp, Pace::AsScripted).expect("a plan");
        for _ in 0..20 {
            app.advance(Span::minutes(1)).await;
            if app.look(order).await["status"] == "partial" {
                break;
            }
        }
        let made = top_up(&app, order).await;
        assert_eq!(made.code(), 201, "{coin}: {}", made.text);
        let rest = made.json();
        let again = top_up(&app, order).await;
        assert_eq!((again.code(), again.json()), (200, rest.clone()), "{coin}");
        let short = app.admin(&format!("/{order}/payments")).await.json();
        assert_eq!(
            (&short["data"][0]["purchase_id"], &rest["pay_currency"]),
            (&short["data"][1]["purchase_id"], &json!(coin))
        );
        app.advance(Span::hours(3)).await;
        let ledger = app.admin(&format!("/{order}/payments")).await.json();
        let rows: Vec<_> = ledger["data"].as_array().expect("rows").iter().collect();
        let told: Vec<_> = rows.iter().map(|row| (&row["payment_id"], &row["counted"])).collect();
        assert_eq!(told, [(&rest["payment_id"], &json!(true)), (bound, &json!(true))], "{ledger}");
        assert_eq!((&app.look(order).await["status"], &ledger["missing"]), (&json!("paid"), &json!("0")), "{ledger}");
    }
}
