//! Who gets in: every row of the contract's table of authentication, on every route.
//!
//! How far a good key leads is in `permissions.rs`, what one customer sees of another in `isolation.rs`,
//! how often somebody may ask in `limits.rs`.

use crypto_orders::clock::{fresh_uuid, random_bytes};
use crypto_orders::domain::access::{ApiKey, KeyKind, PlaintextKey, Scope};
use crypto_orders::domain::ids::KeyId;
use crypto_orders::domain::time::Span;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp};

on_both_engines![
    each_way_of_coming_without_a_good_key_has_its_answer,
    a_revoked_and_an_expired_key_are_told_so,
    a_revocation_elsewhere_takes_effect_within_five_seconds,
];

const NOBODYS: &str = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";
const NO_ITEM: &str = "att_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b";
const NO_HOOK: &str = "whk_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b";
const NO_DELIVERY: &str = "wdl_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b";
const ORDERS: &str = "/v1/billing/crypto-orders";
const ADMIN: &str = "/v1/admin/crypto-orders";

/// Every route that asks for a key, on an order or a key that nobody has.
fn routes() -> Vec<(Method, String)> {
    let one = |rest: &str| format!("{ORDERS}/{NOBODYS}{rest}");
    let any = |rest: &str| format!("{ADMIN}/{NOBODYS}{rest}");
    let key = |rest: &str| format!("/v1/api-keys/key_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b{rest}");
    let mut routes = vec![
        (Method::GET, "/v1/account/whoami".to_owned()),
        (Method::GET, "/v1/api-keys".to_owned()),
        (Method::POST, "/v1/api-keys".to_owned()),
        (Method::DELETE, key("")),
        (Method::POST, key("/rotate")),
        (Method::POST, "/v1/billing/crypto-checkout".to_owned()),
        (Method::POST, "/v1/billing/crypto-checkout/quote".to_owned()),
        (Method::GET, ORDERS.to_owned()),
        (Method::GET, one("")),
        (Method::GET, one("?wait=1")),
        (Method::PATCH, one("")),
        (Method::POST, one("/cancel")),
        (Method::GET, one("/events")),
        (Method::GET, ADMIN.to_owned()),
        (Method::GET, format!("{ADMIN}/")),
        (Method::POST, format!("{ADMIN}/sweep-expired")),
        (Method::GET, format!("{ADMIN}/idempotency-metrics")),
        (Method::GET, any("")),
        (Method::GET, any("/events")),
        (Method::POST, any("/apply-ipn")),
        (Method::PATCH, any("/internal-note")),
        (Method::GET, one("/receipt")),
        (Method::GET, one("/receipt.txt")),
        (Method::GET, one("/receipt.pdf")),
        (Method::GET, format!("{ADMIN}.csv")),
        (Method::GET, format!("{ADMIN}/stats")),
        (Method::GET, format!("{ADMIN}/pending-age")),
        (Method::GET, format!("{ADMIN}/daily")),
        (Method::GET, format!("{ADMIN}/evidence-metrics")),
        (Method::GET, format!("{ADMIN}/attention")),
        (Method::POST, format!("{ADMIN}/attention/{NO_ITEM}/resolve")),
        (Method::GET, "/v1/admin/audit-log".to_owned()),
        (Method::GET, any("/ipns")),
        (Method::POST, any("/accept")),
        (Method::GET, any("/payments")),
        (Method::POST, any("/top-up")),
    ];
    routes.extend(routes_of_webhooks());
    routes.extend(deliveries());
    routes
}

fn routes_of_webhooks() -> Vec<(Method, String)> {
    let one = |rest: &str| format!("/v1/webhooks/whk_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b{rest}");
    vec![
        (Method::GET, "/v1/webhooks".to_owned()),
        (Method::POST, "/v1/webhooks".to_owned()),
        (Method::GET, one("")),
        (Method::PATCH, one("")),
        (Method::DELETE, one("")),
        (Method::POST, one("/rotate-secret")),
        (Method::POST, one("/test")),
    ]
}

/// Those that show deliveries, or ask for them again.
fn deliveries() -> Vec<(Method, String)> {
    vec![
        (Method::GET, format!("{ADMIN}/{NOBODYS}/deliveries")),
        (Method::GET, format!("/v1/webhooks/{NO_HOOK}/deliveries")),
        (Method::POST, format!("/v1/webhooks/{NO_HOOK}/catch-up")),
        (Method::POST, format!("/v1/webhook-deliveries/{NO_DELIVERY}/replay")),
        (Method::GET, format!("/v1/admin/webhook-deliveries/{NO_DELIVERY}")),
        (Method::POST, format!("/v1/admin/webhook-deliveries/{NO_DELIVERY}/replay")),
        (Method::GET, "/v1/admin/webhook-dlq".to_owned()),
        (Method::POST, format!("/v1/admin/webhook-dlq/{NO_DELIVERY}/requeue")),
        (Method::POST, format!("/v1/admin/webhook-dlq/{NO_DELIVERY}/discard")),
    ]
}

/// A body that is right for whichever route needs one.
fn any_body() -> Value {
    json!({
        "product": "solo_manual", "price_cents": 7900, "price_currency": "USD",
        "customer_note": null, "internal_note": null,
        "payment_id": "1", "provider_status": "waiting", "dry_run": true, "reason": "paid", "note": "done",
        "url": "https://93.184.215.14/hooks", "events": ["crypto.order.paid"],
    })
}

async fn knock(app: &TestApp, route: &(Method, String), authorization: Option<HeaderValue>) -> Answer {
    let (method, path) = route;
    let request = app.request(method.clone(), path);
    let request = if *method == Method::GET {
        request
    } else {
        request.header("content-type", "application/json").body(any_body().to_string())
    };
    app.send(authorization.into_iter().fold(request, |request, value| request.header("authorization", value))).await
}

fn bearer(key: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("Bearer {key}")).ok()
}

/// A customer's key that `change` has had its hands on.
async fn key(app: &TestApp, change: impl FnOnce(&mut ApiKey)) -> (KeyId, String) {
    let now = app.clock.now();
    let plaintext = PlaintextKey::new(KeyKind::Test, random_bytes());
    let mut key = ApiKey {
        id: KeyId::new(fresh_uuid(now)),
        name: "changed".to_owned(),
        key_prefix: plaintext.prefix().to_owned(),
        key_hash: plaintext.hash(),
        scopes: vec![Scope::AccountOwner],
        account_id: Some(app.account),
        last_used_at: None,
        revoked_at: None,
        expires_at: None,
        created_at: now,
        replaced_by: None,
    };
    change(&mut key);
    let id = key.id;
    app.store.key_insert(key).await.expect("a key");
    (id, plaintext.reveal().to_owned())
}

async fn each_way_of_coming_without_a_good_key_has_its_answer(engine: Engine) {
    const MISSING: &str = "Missing Authorization header.";
    const MALFORMED: &str = "Malformed Authorization header. Expected \"Bearer <key>\".";
    const UNKNOWN: &str = "The supplied API key is not recognised.";
    let app = TestApp::spawn(engine).await;
    let never_made = PlaintextKey::new(KeyKind::Live, random_bytes()).reveal().to_owned();
    // The right row is found, and yet it is not this key.
    let nearly = format!("{}{}", &app.customer[..16], &never_made[16..]);
    let list = (Method::GET, ORDERS.to_owned());
    let malformed: &[&[u8]] = &[b"", b"Bearer", b"Bearer ", b"Basic YTpi", b"ds_live_x", b"Bearer a b", b"Bearer \xff"];
    for route in &routes() {
        let answer = knock(&app, route, None).await;
        assert_eq!(answer.problem(401, "unauthorized"), MISSING, "{route:?}");
        assert_eq!(answer.json()["title"], "Unauthorized");
        for wrong in malformed {
            let answer = knock(&app, route, HeaderValue::from_bytes(wrong).ok()).await;
            assert_eq!(answer.problem(401, "unauthorized"), MALFORMED, "{route:?} {wrong:?}");
        }
        for wrong in [never_made.as_str(), "nonsense", &nearly, &app.customer.to_uppercase()] {
            let answer = knock(&app, route, bearer(wrong)).await;
            assert_eq!(answer.problem(401, "invalid-key"), UNKNOWN, "{route:?} {wrong}");
            assert_eq!(answer.json()["title"], "Invalid API key");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert!(!answer.text.contains(wrong), "a key is never repeated");
        }
    }
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let value = HeaderValue::from_str(&format!("{scheme} {}", app.customer)).ok();
        assert_eq!(knock(&app, &list, value).await.code(), 200, "{scheme}");
    }
}

async fn a_revoked_and_an_expired_key_are_told_so(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (now, list) = (app.clock.now(), (Method::GET, ORDERS.to_owned()));
    let (_, revoked) = key(&app, |key| key.revoked_at = Some(now)).await;
    let (_, expired) = key(&app, |key| key.expires_at = Some(now)).await;
    let (_, expiring) = key(&app, |key| key.expires_at = Some(now.after(Span::seconds(2)))).await;
    assert_eq!(knock(&app, &list, bearer(&expiring)).await.code(), 200);
    app.advance(Span::millis(1_999)).await;
    assert_eq!(knock(&app, &list, bearer(&expiring)).await.code(), 200);
    // Remembered as good for longer than it is.
    app.advance(Span::millis(1)).await;
    let table = [
        (revoked, "revoked-key", "API key revoked"),
        (expired, "expired-key", "API key expired"),
        (expiring, "expired-key", "API key expired"),
    ];
    for (key, slug, title) in table {
        for route in &routes() {
            let answer = knock(&app, route, bearer(&key)).await;
            assert!(!answer.problem(401, slug).is_empty(), "{route:?}");
            assert_eq!(answer.json()["title"], title);
        }
    }
}

async fn a_revocation_elsewhere_takes_effect_within_five_seconds(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let list = (Method::GET, ORDERS.to_owned());
    let (id, plaintext) = key(&app, |_| {}).await;
    assert_eq!(knock(&app, &list, bearer(&plaintext)).await.code(), 200);
    assert!(app.store.key_revoke(id, app.clock.now()).await.expect("revoked"));
    app.advance(Span::seconds(5)).await;
    knock(&app, &list, bearer(&plaintext)).await.problem(401, "revoked-key");
}
