//! A customer's endpoints for webhooks: made, listed, changed, rotated, and no more than ten.
//!
//! What pausing, testing, disabling and deleting one does is in `webhook_standing.rs`. Which key may do that is in
//! `permissions.rs`, that nobody sees another's in `isolation.rs`, every way to write a URL that is refused in
//! `src/webhooks/address/tests.rs`. Nothing is sent here.

use crypto_orders::domain::ids::WebhookId;
use crypto_orders::domain::time::Span;
use crypto_orders::domain::webhook::endpoint::secrets_at;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp, sql};
use crate::log;

on_both_engines![
    an_endpoint_has_the_fields_of_the_contract_and_shows_its_secret_once,
    endpoints_are_listed_newest_first_without_those_that_were_deleted,
    what_breaks_a_rule_is_told_field_by_field,
    each_field_has_its_rule,
    a_url_that_leads_somewhere_private_is_refused_in_the_first_place_and_in_a_change,
    a_change_changes_what_it_names_and_nothing_else,
    an_account_has_ten_endpoints_in_use_and_no_more,
    of_many_creations_at_once_only_ten_succeed,
    both_secrets_last_for_a_day_after_a_rotation,
    of_many_rotations_at_once_one_succeeds,
    a_malformed_id_and_an_unknown_one_have_their_answers,
];

pub const HOOKS: &str = "/v1/webhooks";
/// Public, and without a name that would have to be looked up.
const URL: &str = "https://93.184.215.14/hooks";
const NOBODYS: &str = "whk_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b";
pub const PAID: &str = "crypto.order.paid";
const FAILED: &str = "crypto.order.failed";

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

pub async fn create(app: &TestApp, body: &Value) -> Answer {
    app.call(Method::POST, HOOKS, body).await
}

/// A new endpoint for everything, as the answer to its creation shows it.
pub async fn made(app: &TestApp) -> Value {
    let answer = create(app, &json!({ "url": URL, "events": [PAID, FAILED] })).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.json()
}

pub async fn change(app: &TestApp, id: &str, body: &Value) -> Answer {
    app.call(Method::PATCH, &format!("{HOOKS}/{id}"), body).await
}

/// A request about an endpoint without a body.
pub async fn ask(app: &TestApp, method: Method, rest: &str) -> Answer {
    app.send(app.request(method, &format!("{HOOKS}/{rest}")).bearer_auth(&app.customer)).await
}

pub async fn shown(app: &TestApp, id: &str) -> Value {
    let answer = ask(app, Method::GET, id).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    answer.json()
}

/// Changes rows, as the courier does in the course of time.
pub fn write(app: &TestApp, statement: &str) {
    sql::run(app.engine(), &app.database.url, statement).expect("it is written");
}

/// An endpoint that failed 50 times in a row, as the courier leaves it.
pub fn disable(app: &TestApp, id: &str, failures: u32) {
    let now = app.clock.now().micros();
    let set = format!("status = 'disabled', disabled_at = {now}, consecutive_failures = {failures}");
    write(app, &format!("update webhook_endpoints set {set} where id = '{id}'"));
}

async fn an_endpoint_has_the_fields_of_the_contract_and_shows_its_secret_once(engine: Engine) {
    log::keep();
    let app = TestApp::spawn(engine).await;
    let body = json!({ "url": URL, "events": [FAILED, PAID, FAILED], "description": "the shop", "unknown": 1 });
    let answer = create(&app, &body).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.framed();
    let created = answer.json();
    let (id, secret) = (text(&created["id"]), text(&created["secret"]));
    assert!(id.starts_with("whk_") && secret.starts_with("whsec_") && secret.len() == 38, "{created}");
    let expected = json!({
        "id": id, "url": URL, "secret_prefix": &secret[..12], "prev_secret_prefix": null,
        "rotation_grace_expires_at": null, "events": [FAILED, PAID], "description": "the shop", "active": true,
        "consecutive_failures": 0, "last_success_at": null, "last_failure_at": null, "disabled_at": null,
        "delivery_counts": {"delivered": 0, "failed": 0, "dlq": 0}, "created_at": "2026-05-12T12:00:00.000Z",
    });
    let seen = ask(&app, Method::GET, id).await;
    assert_eq!(seen.json(), expected);
    let mut with_secret = expected.clone();
    with_secret["secret"] = json!(secret);
    assert_eq!(created, with_secret, "the creation shows the secret besides");
    let listed = app.get(HOOKS).await;
    assert_eq!(listed.json(), json!({ "data": [expected] }));
    let rotated = ask(&app, Method::POST, &format!("{id}/rotate-secret")).await;
    let other = rotated.json()["secret"].as_str().expect("a secret").to_owned();
    let changed = change(&app, id, &json!({ "description": "" })).await;
    assert_eq!(changed.json()["description"], json!(null));
    for answer in [&seen, &listed, &changed, &ask(&app, Method::GET, id).await] {
        assert!(!answer.text.contains(secret) && !answer.text.contains(&other), "{}", answer.text);
    }
    assert!(!rotated.text.contains(secret), "the old one is not shown again");
    assert!(!log::mentions(secret) && !log::mentions(&other), "no secret is logged");
    assert_eq!(log::lines("webhook_created", id).len(), 1);
}

async fn endpoints_are_listed_newest_first_without_those_that_were_deleted(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    assert_eq!(app.get(HOOKS).await.json(), json!({ "data": [] }));
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(text(&made(&app).await["id"]).to_owned());
        app.clock.advance(Span::seconds(1));
    }
    assert_eq!(ask(&app, Method::DELETE, &ids.remove(1)).await.code(), 204);
    disable(&app, &ids[0], 50);
    ids.reverse();
    let listed = app.get(HOOKS).await.json();
    let seen: Vec<&str> = listed["data"].as_array().expect("a list").iter().map(|one| text(&one["id"])).collect();
    assert_eq!(seen, ids);
}

async fn what_breaks_a_rule_is_told_field_by_field(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let answer =
        create(&app, &json!({ "url": "http://example.com", "events": ["test.ping", "x"], "description": 7 })).await;
    assert_eq!(answer.problem(400, "validation-failed"), "One or more fields failed validation.");
    assert_eq!(
        answer.json()["issues"],
        json!({
            "fieldErrors": {
                "url": ["url must begin with https://."],
                "events": [
                    "events must not hold test.ping; it comes when it is asked for, whatever they hold.",
                    "events may hold crypto.order.paid, crypto.order.failed, crypto.order.partial, and nothing else.",
                ],
                "description": ["description must be a string, not a number."],
            },
            "formErrors": [],
        })
    );
}

async fn each_field_has_its_rule(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let right = json!({ "url": URL, "events": [PAID] });
    for (field, value) in [
        ("url", json!(null)),
        ("url", json!("")),
        ("url", json!("example.com")),
        ("url", json!("ftp://example.com")),
        ("url", json!("https://")),
        ("url", json!("https://a\u{0}b.example")),
        ("events", json!([])),
        ("events", json!(null)),
        ("events", json!("crypto.order.paid")),
        ("events", json!([PAID, 1])),
        ("events", json!(["Crypto.Order.Paid"])),
        ("events", json!(vec![PAID; 11])),
        ("description", json!("x".repeat(201))),
        ("description", json!("two\nlines")),
    ] {
        let mut body = right.clone();
        body[field] = value;
        let answer = create(&app, &body).await;
        answer.problem(400, "validation-failed");
        let issues = answer.json()["issues"].clone();
        assert_eq!(
            issues["fieldErrors"].as_object().map(|fields| fields.keys().collect::<Vec<_>>()),
            Some(vec![&field.to_owned()]),
            "{issues}"
        );
        assert_eq!(issues["fieldErrors"][field].as_array().map(Vec::len), Some(1), "{issues}");
    }
    let most = json!({ "url": URL, "events": vec![PAID; 10], "description": "ü".repeat(200) });
    assert_eq!(create(&app, &most).await.json()["events"], json!([PAID]), "repeats are folded");
    assert_eq!(app.sql("select count(*) from webhook_endpoints").await, "1");
}

async fn a_url_that_leads_somewhere_private_is_refused_in_the_first_place_and_in_a_change(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let id = text(&made(&app).await["id"]).to_owned();
    let long = format!("https://93.184.215.14/{}", "a".repeat(2048));
    for (url, told) in [
        ("https://127.0.0.1/hooks", "The host of the URL must be publicly reachable"),
        ("https://10.1.2.3:8443/", "The host of the URL must be publicly reachable"),
        ("https://169.254.169.254/latest", "The host of the URL must be publicly reachable"),
        ("https://[::ffff:127.0.0.1]/", "The host of the URL must be publicly reachable"),
        ("https://localhost/", "The host of the URL must be publicly reachable"),
        ("https://0x7f.1/", "The host of the URL must be a name or a plainly written IP address"),
        ("https://2130706433/", "The host of the URL must be a name or a plainly written IP address"),
        ("https://user@93.184.215.14/", "The URL must not contain credentials"),
        ("https://93.184.215.14./", "The host of the URL must not end with a dot"),
        (long.as_str(), "The URL must have at most 2048 characters"),
    ] {
        for answer in [
            create(&app, &json!({ "url": url, "events": [PAID] })).await,
            change(&app, &id, &json!({ "url": url })).await,
        ] {
            let said = answer.problem(400, "bad-request");
            assert!(said.starts_with(told), "{url}: {said}");
        }
    }
    assert_eq!(shown(&app, &id).await["url"], URL);
    assert_eq!(app.sql("select count(*) from webhook_endpoints").await, "1");
}

async fn a_change_changes_what_it_names_and_nothing_else(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut expected = made(&app).await;
    let fields = expected.as_object_mut().expect("fields");
    fields.remove("secret");
    let id = text(&expected["id"]).to_owned();
    for (field, value) in [
        ("url", json!("https://93.184.215.14:8443/other?x=1")),
        ("events", json!([FAILED])),
        ("description", json!("another")),
        ("active", json!(false)),
        ("description", json!(null)),
        ("active", json!(true)),
    ] {
        expected[field] = value.clone();
        let answer = change(&app, &id, &json!({ field: value })).await;
        assert_eq!((answer.code(), answer.json()), (200, expected.clone()), "{field}");
        assert_eq!(shown(&app, &id).await, expected);
    }
    let nothing = change(&app, &id, &json!({ "unknown": 1 })).await;
    nothing.problem(400, "validation-failed");
    let said = json!({ "fieldErrors": {}, "formErrors": ["At least one field must be provided."] });
    assert_eq!(nothing.json()["issues"], said);
    let wrong = json!({ "url": null, "events": null, "active": null, "description": 1 });
    let answer = change(&app, &id, &wrong).await;
    answer.problem(400, "validation-failed");
    assert_eq!(
        answer.json()["issues"]["fieldErrors"].as_object().map(serde_json::Map::len),
        Some(4),
        "{}",
        answer.text
    );
    assert_eq!(shown(&app, &id).await, expected, "what is refused changes nothing");
}

async fn an_account_has_ten_endpoints_in_use_and_no_more(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(text(&made(&app).await["id"]).to_owned());
    }
    let full = async || {
        let answer = create(&app, &json!({ "url": URL, "events": [PAID] })).await;
        let told = answer.problem(409, "conflict");
        assert_eq!(told, "Account already has 10 active webhook endpoints; limit is 10.");
        assert_eq!(answer.json()["resource"], "webhook_endpoint");
    };
    full().await;
    change(&app, &ids[0], &json!({ "active": false })).await;
    full().await;
    disable(&app, &ids[1], 50);
    made(&app).await;
    full().await;
    assert_eq!(ask(&app, Method::DELETE, &ids[0]).await.code(), 204);
    made(&app).await;
    full().await;
}

async fn of_many_creations_at_once_only_ten_succeed(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let body = json!({ "url": URL, "events": [PAID] });
    let answers = join_all((0..16).map(|_| create(&app, &body))).await;
    let mut codes: Vec<u16> = answers.iter().map(Answer::code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [[201; 10].as_slice(), &[409; 6]].concat());
    assert_eq!(app.sql("select count(*) from webhook_endpoints").await, "10");
}

async fn both_secrets_last_for_a_day_after_a_rotation(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let first = made(&app).await;
    let id = text(&first["id"]);
    let path = format!("{id}/rotate-secret");
    let answer = ask(&app, Method::POST, &path).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    let second = answer.json();
    let secret = text(&second["secret"]);
    let until = "2026-05-13T12:00:00.000Z";
    let expected = json!({
        "id": id, "secret": secret, "secret_prefix": &secret[..12],
        "prev_secret_prefix": first["secret_prefix"], "grace_expires_at": until,
    });
    assert_eq!(second, expected);
    assert_ne!(second["secret"], first["secret"]);
    let signing = async || {
        let id = WebhookId::parse(id).expect("an id");
        let endpoint = app.store.endpoint_load(id).await.expect("a look").expect("an endpoint");
        let secrets = secrets_at(app.clock.now(), endpoint.secret, endpoint.previous);
        secrets.iter().map(|secret| secret.expose().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(signing().await, [secret, text(&first["secret"])]);
    for last in [Span::millis(0), Span::millis(24 * 3_600_000 - 1)] {
        app.clock.advance(last);
        let seen = shown(&app, id).await;
        assert_eq!(seen["secret_prefix"], second["secret_prefix"]);
        assert_eq!(seen["prev_secret_prefix"], first["secret_prefix"]);
        assert_eq!(seen["rotation_grace_expires_at"], until);
        let refused = ask(&app, Method::POST, &path).await;
        let told = format!(
            "The secret was rotated less than 24 hours ago, and the one before it still signs until {until}. Rotate \
             again after that."
        );
        assert_eq!(refused.problem(409, "conflict"), told);
        assert_eq!(refused.json()["field"], "rotation_grace_expires_at");
    }
    app.clock.advance(Span::millis(1));
    let seen = shown(&app, id).await;
    assert_eq!((&seen["prev_secret_prefix"], &seen["rotation_grace_expires_at"]), (&json!(null), &json!(null)));
    assert_eq!(signing().await, [secret]);
    let third = ask(&app, Method::POST, &path).await.json();
    assert_eq!(third["prev_secret_prefix"], second["secret_prefix"]);
}

async fn of_many_rotations_at_once_one_succeeds(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let id = text(&made(&app).await["id"]).to_owned();
    let path = format!("{id}/rotate-secret");
    let answers = join_all((0..8).map(|_| ask(&app, Method::POST, &path))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.code() == 200);
    assert_eq!(won.len(), 1);
    lost.iter().for_each(|answer| drop(answer.problem(409, "conflict")));
    assert_eq!(shown(&app, &id).await["secret_prefix"], won[0].json()["secret_prefix"]);
}

async fn a_malformed_id_and_an_unknown_one_have_their_answers(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let malformed =
        ["nonsense", "whk_", &NOBODYS.replace("whk_", "key_"), &NOBODYS.replace("whk_", ""), &NOBODYS.replace('-', "")];
    let ways = [
        (Method::GET, ""),
        (Method::PATCH, ""),
        (Method::DELETE, ""),
        (Method::POST, "/rotate-secret"),
        (Method::POST, "/test"),
        (Method::GET, "/deliveries"),
    ];
    for (method, rest) in ways {
        let body = json!({ "active": true });
        let knock = async |id: &str| app.call(method.clone(), &format!("{HOOKS}/{id}{rest}"), &body).await;
        for id in malformed {
            let told = knock(id).await.problem(400, "bad-request");
            assert_eq!(told, "Invalid id format. Expected \"whk_<uuid>\".", "{method} {id}{rest}");
        }
        let told = knock(NOBODYS).await.problem(404, "not-found");
        assert_eq!(told, format!("No webhook endpoint with id \"{NOBODYS}\"."), "{method} {rest}");
    }
    // The provider's own door lies beside them.
    assert_eq!(ask(&app, Method::GET, "nowpayments").await.header("allow"), Some("POST, OPTIONS"));
}
