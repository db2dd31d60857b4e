//! One key in the place of another: the grace of the old one, and that nothing is gained by rotating.
//!
//! How keys are made, listed and revoked is in `api_keys.rs`.

use crypto_orders::domain::access::Scope;
use crypto_orders::domain::time::Span;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api_keys::{asks, create, kept, listed, made, revoke, rotate, text};
use crate::engines::Engine;
use crate::harness::{Answer, TestApp};

on_both_engines![
    a_rotated_key_is_good_for_a_day_to_the_millisecond,
    a_rotation_makes_no_key_last_longer,
    a_key_that_was_rotated_out_changes_no_keys_in_its_grace,
    what_has_ended_or_has_a_successor_is_not_rotated,
    of_many_rotations_at_once_one_makes_a_successor,
    no_key_with_the_admin_scope_is_rotated,
];

on_postgres![of_two_rotations_at_two_nodes_one_makes_a_successor, a_change_counts_elsewhere_within_five_seconds];

async fn a_rotated_key_is_good_for_a_day_to_the_millisecond(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let body = json!({ "name": "till", "scopes": ["read", "write"], "mode": "test" });
    let old = create(&app, &body).await.json();
    app.advance(Span::hours(7)).await;
    assert_eq!(asks(&app, &old).await.code(), 200);
    let end = app.clock.now().after(Span::hours(24));
    let answer = rotate(&app, text(&old["id"])).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    let new = answer.json();
    assert_eq!((&new["replaces"], &new["grace_expires_at"]), (&old["id"], &json!(end)));
    for field in ["name", "scopes", "account_id", "expires_at"] {
        assert_eq!(new[field], old[field], "{field}");
    }
    assert!(text(&new["plaintext"]).starts_with("ds_test_") && new["plaintext"] != old["plaintext"]);
    let shown = listed(&app, text(&old["id"])).await;
    assert_eq!((&shown["replaced_by"], &shown["expires_at"]), (&new["id"], &json!(end)));
    // What this node remembers of the key is read again at once.
    assert_eq!(asks(&app, &old).await.json()["key"]["expires_at"], json!(end));
    app.advance(Span::millis(Span::hours(24).as_millis() - 1)).await;
    for key in [&old, &new] {
        assert_eq!(asks(&app, key).await.code(), 200, "both are good until the end of the grace");
    }
    app.advance(Span::millis(1)).await;
    asks(&app, &old).await.problem(401, "expired-key");
    assert_eq!(asks(&app, &new).await.code(), 200);
}

async fn a_rotation_makes_no_key_last_longer(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let end = app.clock.now().after(Span::hours(5));
    let old = create(&app, &json!({ "name": "till", "scopes": ["read"], "expires_at": end })).await.json();
    let new = rotate(&app, text(&old["id"])).await.json();
    assert_eq!((&new["grace_expires_at"], &new["expires_at"]), (&json!(end), &json!(end)));
    app.advance(Span::millis(Span::hours(5).as_millis() - 1)).await;
    assert_eq!([asks(&app, &old).await.code(), asks(&app, &new).await.code()], [200, 200]);
    app.advance(Span::millis(1)).await;
    for key in [&old, &new] {
        asks(&app, key).await.problem(401, "expired-key");
    }
}

async fn a_key_that_was_rotated_out_changes_no_keys_in_its_grace(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let old = made(&app, &["account_owner"]).await;
    let other = made(&app, &["read"]).await;
    let new = rotate(&app, text(&old["id"])).await.json();
    let sentence = format!(
        "This API key was rotated out; use \"{}\", which took its place, to make, rotate or revoke keys.",
        text(&new["id"])
    );
    let keys = "/v1/api-keys".to_owned();
    let asked = async |key: &Value, method: Method, path: &str| {
        let request = app.request(method, path).bearer_auth(text(&key["plaintext"]));
        let request = request.header("Content-Type", "application/json");
        app.send(request.body(json!({ "name": "thief", "scopes": ["read"] }).to_string())).await
    };
    for (method, path) in [
        (Method::POST, keys.clone()),
        (Method::POST, format!("{keys}/{}/rotate", text(&other["id"]))),
        (Method::DELETE, format!("{keys}/{}", text(&other["id"]))),
        (Method::DELETE, format!("{keys}/{}", text(&new["id"]))),
        (Method::DELETE, format!("{keys}/{}", text(&old["id"]))),
    ] {
        assert_eq!(asked(&old, method.clone(), &path).await.problem(403, "forbidden"), sentence, "{method} {path}");
    }
    assert_eq!(asks(&app, &old).await.code(), 200, "it is good for everything else");
    for key in [&new, &other] {
        assert_eq!(asks(&app, key).await.code(), 200);
    }
    assert_eq!(asked(&new, Method::DELETE, &format!("{keys}/{}", text(&old["id"]))).await.code(), 204);
    asks(&app, &old).await.problem(401, "revoked-key");
}

async fn what_has_ended_or_has_a_successor_is_not_rotated(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let now = app.clock.now();
    let revoked = kept(&app, |key| key.revoked_at = Some(now)).await;
    let expired = kept(&app, |key| key.expires_at = Some(now)).await;
    let rotated = made(&app, &["read"]).await;
    let successor = rotate(&app, text(&rotated["id"])).await.json();
    let by = format!("The API key was already rotated; \"{}\" took its place.", text(&successor["id"]));
    for (key, field, sentence) in [
        (revoked, "revoked_at", "The API key is revoked and can no longer be rotated."),
        (expired, "expires_at", "The API key has expired and can no longer be rotated."),
        (rotated, "replaced_by", &by),
    ] {
        let answer = rotate(&app, text(&key["id"])).await;
        assert_eq!(answer.problem(409, "conflict"), sentence);
        assert_eq!((&answer.json()["resource"], &answer.json()["field"]), (&json!("api_key"), &json!(field)));
    }
    assert_eq!(rotate(&app, text(&successor["id"])).await.code(), 201, "the successor has none yet");
}

async fn of_many_rotations_at_once_one_makes_a_successor(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let key = made(&app, &["read"]).await;
    let answers = join_all((0..12).map(|_| rotate(&app, text(&key["id"])))).await;
    assert_one_successor(&app, &key, answers).await;
}

async fn no_key_with_the_admin_scope_is_rotated(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for root in [Scope::Admin, Scope::InternalAdmin] {
        let key = kept(&app, |key| key.scopes = vec![Scope::Read, root]).await;
        let told = rotate(&app, text(&key["id"])).await.problem(403, "forbidden");
        assert_eq!(told, format!("The scope \"{}\" is granted by the command line only.", root.as_str()));
        assert_eq!(listed(&app, text(&key["id"])).await["replaced_by"], Value::Null);
        assert_eq!(revoke(&app, text(&key["id"])).await.code(), 204, "but its account may end it");
    }
}

async fn of_two_rotations_at_two_nodes_one_makes_a_successor(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut other = app.beside(|_| {}).await;
    other.customer.clone_from(&app.customer);
    for round in 0..5 {
        let key = create(&app, &json!({ "name": format!("round {round}"), "scopes": ["read"] })).await.json();
        let answers = join_all([&app, &other, &app, &other].map(|node| rotate(node, text(&key["id"])))).await;
        assert_one_successor(&app, &key, answers).await;
    }
}

async fn a_change_counts_elsewhere_within_five_seconds(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let other = app.beside(|_| {}).await;
    let (revoked, rotated) = (made(&app, &["read"]).await, made(&app, &["read"]).await);
    for key in [&revoked, &rotated] {
        assert_eq!(asks(&other, key).await.code(), 200);
    }
    assert_eq!(revoke(&app, text(&revoked["id"])).await.code(), 204);
    assert_eq!(rotate(&app, text(&rotated["id"])).await.code(), 201);
    app.advance(Span::seconds(5)).await;
    asks(&other, &revoked).await.problem(401, "revoked-key");
    let told = asks(&other, &rotated).await.json();
    assert_eq!(told["key"]["expires_at"], json!(app.clock.now().before(Span::seconds(5)).after(Span::hours(24))));
}

/// One successor was made, and every other request was told of it.
async fn assert_one_successor(app: &TestApp, key: &Value, answers: Vec<Answer>) {
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.code() == 201);
    assert_eq!(won.len(), 1, "{won:?}");
    let successor = won[0].json();
    for answer in lost {
        assert!(answer.problem(409, "conflict").contains(text(&successor["id"])), "{}", answer.text);
    }
    assert_eq!(listed(app, text(&key["id"])).await["replaced_by"], successor["id"]);
    let likes = format!("select count(*) from api_keys where name = '{}'", text(&key["name"]));
    assert_eq!(app.sql(&likes).await, "2");
}
