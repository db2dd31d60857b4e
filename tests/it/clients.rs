//! What published clients of this API ask for: who they are, how often they may ask, all keys at once, a rotation under
//! the names they know, and that a request for another account is not done for their own.

use crypto_orders::domain::access::{Scope, Tier};
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::json;

use crate::api_keys::{create, text};
use crate::engines::Engine;
use crate::harness::TestApp;

on_both_engines![
    a_key_learns_whose_it_is_and_what_it_may_do,
    an_account_learns_its_bucket,
    a_rotation_answers_under_both_names_and_takes_a_name,
    a_list_of_keys_without_a_limit_holds_a_hundred,
    a_request_for_another_account_is_refused,
    a_time_with_any_offset_is_kept_in_utc,
];

async fn a_key_learns_whose_it_is_and_what_it_may_do(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let made = create(&app, &json!({ "name": "till", "scopes": ["write", "read"] })).await.json();
    let asked = app.request(Method::GET, "/v1/whoami").bearer_auth(text(&made["plaintext"]));
    let told = app.send(asked).await;
    let expected = json!({
        "account_id": format!("acc_{}", app.account), "api_key_id": made["id"], "tier": "enterprise",
        "scopes": made["scopes"],
    });
    assert_eq!((told.code(), told.json()), (200, expected));
    app.operator_get("/v1/whoami").await.problem(403, "forbidden");
}

async fn an_account_learns_its_bucket(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.rate_limits.enabled = true).await;
    let (_, key) = app.stranger(Tier::SoloManual).await;
    let ask = || app.send(app.request(Method::GET, "/v1/account/rate-limits").bearer_auth(&key));
    for left in ["119", "118"] {
        let told = ask().await;
        let remaining: u32 = left.parse().expect("a number");
        let bucket = json!({ "bucket_key": "global", "capacity": 120, "refill_per_second": 2, "remaining": remaining });
        assert_eq!(told.json(), json!({ "tier": "solo_manual", "buckets": [bucket] }));
        assert_eq!(told.header("x-ratelimit-remaining"), Some(left));
    }
    let unlimited = TestApp::spawn(engine).await.get("/v1/account/rate-limits").await;
    assert_eq!((unlimited.code(), unlimited.json()), (200, json!({ "tier": "enterprise", "buckets": [] })));
}

async fn a_rotation_answers_under_both_names_and_takes_a_name(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let end = json!(app.clock.now().after(Span::hours(24)));
    for (body, name) in
        [(json!({}), "till"), (json!({ "name": null }), "till"), (json!({ "name": " till, second " }), "till, second")]
    {
        let old = create(&app, &json!({ "name": "till", "scopes": ["read"] })).await.json();
        let path = format!("/v1/api-keys/{}/rotate", text(&old["id"]));
        let new = app.call(Method::POST, &path, &body).await;
        assert_eq!(new.code(), 201, "{}", new.text);
        let new = new.json();
        assert_eq!((&new["name"], &new["scopes"]), (&json!(name), &old["scopes"]), "{new}");
        assert_eq!([&new["rotated_from"], &new["replaces"]], [&old["id"], &old["id"]], "{new}");
        assert_eq!([&new["grace_period_ends_at"], &new["grace_expires_at"]], [&end, &end], "{new}");
        let listed = app.get("/v1/api-keys").await.json();
        let kept = listed["data"].as_array().expect("keys").iter().find(|key| key["id"] == new["id"]).cloned();
        assert_eq!(kept.map(|key| key["name"].clone()), Some(json!(name)));
    }
    let old = create(&app, &json!({ "name": "till", "scopes": ["read"] })).await.json();
    let path = format!("/v1/api-keys/{}/rotate", text(&old["id"]));
    for (name, sentence) in [
        (json!("two\nlines"), "name must have 1 to 100 characters on one line."),
        (json!("made by seed"), "name is reserved."),
        (json!(7), "name must be a string, not a number."),
    ] {
        let refused = app.call(Method::POST, &path, &json!({ "name": name })).await;
        refused.problem(400, "validation-failed");
        assert_eq!(refused.json()["issues"]["fieldErrors"], json!({ "name": [sentence] }));
    }
    assert_eq!(app.call(Method::POST, &path, &json!({})).await.code(), 201, "what was refused rotated nothing");
}

async fn a_list_of_keys_without_a_limit_holds_a_hundred(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for _ in 0..100 {
        app.key(&[Scope::Read]).await;
    }
    let page = app.get("/v1/api-keys").await.json();
    assert_eq!((page["data"].as_array().map(Vec::len), &page["has_more"]), (Some(100), &json!(true)));
}

async fn a_request_for_another_account_is_refused(engine: Engine) {
    const SENTENCE: &str = "X-Driftstack-Account must be left out or name the account of the API key; this key acts \
                            for no other account.";
    let app = TestApp::spawn(engine).await;
    let (other, _) = app.stranger(Tier::Free).await;
    let ask = |path: &str, key: &str, account: &str| {
        let asked = app.request(Method::GET, path).bearer_auth(key);
        app.send(asked.header("X-Driftstack-Account", account))
    };
    for own in [app.account.to_string(), format!("acc_{}", app.account), format!("ACC_{}", app.account).to_lowercase()]
    {
        assert_eq!(ask("/v1/billing/crypto-orders", &app.customer, &own).await.code(), 200, "{own}");
    }
    for wrong in [other.to_string(), format!("acc_{other}"), "acc_".to_owned(), String::new(), "mine".to_owned()] {
        let refused = ask("/v1/billing/crypto-orders", &app.customer, &wrong).await;
        assert_eq!(refused.problem(400, "bad-request"), SENTENCE, "{wrong}");
    }
    let operators = ask("/v1/admin/crypto-orders", &app.operator, &app.account.to_string()).await;
    assert_eq!(operators.problem(400, "bad-request"), SENTENCE);
    ask("/v1/billing/crypto-orders", "ds_live_wrong", &other.to_string()).await.problem(401, "invalid-key");
}

async fn a_time_with_any_offset_is_kept_in_utc(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for (given, kept) in [
        ("2026-06-01T15:30:00.123456+02:00", "2026-06-01T13:30:00.123Z"),
        ("2026-06-01T00:15:00+05:45", "2026-05-31T18:30:00.000Z"),
        ("2026-05-31T20:00:00-09:30", "2026-06-01T05:30:00.000Z"),
    ] {
        let made = create(&app, &json!({ "name": "x", "scopes": ["read"], "expires_at": given })).await;
        assert_eq!((made.code(), &made.json()["expires_at"]), (201, &json!(kept)), "{given}");
    }
    // At 12:00 UTC: an hour ago, and an hour from now.
    app.order().await;
    for (since, orders) in [("2026-05-12T13:00:00+02:00", 1), ("2026-05-12T05:30:00-07:30", 0)] {
        for written in [since.to_owned(), since.replace('+', "%2B")] {
            let page = app.get(&format!("/v1/billing/crypto-orders?created_after={written}")).await.json();
            assert_eq!(page["orders"].as_array().map(Vec::len), Some(orders), "{written}");
        }
    }
}
