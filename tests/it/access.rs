//! Who gets in, and how far: keys, scopes, and the wall between two customers.
//!
//! Every row of the contract's table of authentication, every route with every scope. How often somebody
//! may ask is in `limits.rs`.

use std::collections::BTreeSet;

use crypto_orders::clock::{fresh_uuid, random_bytes};
use crypto_orders::domain::access::{ApiKey, KeyKind, Permission, PlaintextKey, Scope, Tier};
use crypto_orders::domain::ids::KeyId;
use crypto_orders::domain::time::Span;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp, order_body};

on_both_engines![
    each_way_of_coming_without_a_good_key_has_its_answer,
    a_revoked_and_an_expired_key_are_told_so,
    a_revocation_elsewhere_takes_effect_within_five_seconds,
    every_route_asks_for_its_scope_and_no_other,
    an_operators_key_without_an_account_opens_no_customer_route,
    another_customers_order_is_as_good_as_none,
    a_list_never_shows_another_customers_orders,
];

const NOBODYS: &str = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";
const ORDERS: &str = "/v1/billing/crypto-orders";
const ADMIN: &str = "/v1/admin/crypto-orders";

/// Every route that asks for a key, with what it asks for; on an order that nobody has.
fn routes() -> Vec<(Method, String, Permission)> {
    use Permission::{Operate, ReadOrders, WriteOrders};
    let one = |rest: &str| format!("{ORDERS}/{NOBODYS}{rest}");
    let any = |rest: &str| format!("{ADMIN}/{NOBODYS}{rest}");
    vec![
        (Method::POST, "/v1/billing/crypto-checkout".to_owned(), WriteOrders),
        (Method::POST, "/v1/billing/crypto-checkout/quote".to_owned(), ReadOrders),
        (Method::GET, ORDERS.to_owned(), ReadOrders),
        (Method::GET, one(""), ReadOrders),
        (Method::GET, one("?wait=1"), ReadOrders),
        (Method::PATCH, one(""), WriteOrders),
        (Method::POST, one("/cancel"), WriteOrders),
        (Method::GET, one("/events"), ReadOrders),
        (Method::GET, ADMIN.to_owned(), Operate),
        (Method::GET, format!("{ADMIN}/"), Operate),
        (Method::GET, format!("{ADMIN}.csv"), Operate),
        (Method::POST, format!("{ADMIN}/sweep-expired"), Operate),
        (Method::GET, format!("{ADMIN}/idempotency-metrics"), Operate),
        (Method::GET, any(""), Operate),
        (Method::GET, any("/events"), Operate),
        (Method::POST, any("/apply-ipn"), Operate),
        (Method::PATCH, any("/internal-note"), Operate),
    ]
}

/// A body that is right for whichever route needs one.
fn any_body() -> Value {
    json!({
        "product": "solo_manual", "price_cents": 7900, "price_currency": "USD",
        "customer_note": null, "internal_note": null,
        "payment_id": "1", "provider_status": "waiting", "dry_run": true,
    })
}

async fn knock(app: &TestApp, route: &(Method, String, Permission), authorization: Option<HeaderValue>) -> Answer {
    let (method, path, _) = route;
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
        assert_eq!(knock(&app, &routes()[2], value).await.code(), 200, "{scheme}");
    }
}

async fn a_revoked_and_an_expired_key_are_told_so(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let now = app.clock.now();
    let (_, revoked) = key(&app, |key| key.revoked_at = Some(now)).await;
    let (_, expired) = key(&app, |key| key.expires_at = Some(now)).await;
    let (_, expiring) = key(&app, |key| key.expires_at = Some(now.after(Span::seconds(2)))).await;
    assert_eq!(knock(&app, &routes()[2], bearer(&expiring)).await.code(), 200);
    app.advance(Span::millis(1_999)).await;
    assert_eq!(knock(&app, &routes()[2], bearer(&expiring)).await.code(), 200);
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
    let (id, plaintext) = key(&app, |_| {}).await;
    assert_eq!(knock(&app, &routes()[2], bearer(&plaintext)).await.code(), 200);
    assert!(app.store.key_revoke(id, app.clock.now()).await.expect("revoked"));
    app.advance(Span::seconds(5)).await;
    knock(&app, &routes()[2], bearer(&plaintext)).await.problem(401, "revoked-key");
}

async fn every_route_asks_for_its_scope_and_no_other(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for scope in Scope::ALL {
        let plaintext = app.key(&[scope]).await;
        for route in &routes() {
            let answer = knock(&app, route, bearer(&plaintext)).await;
            if allowed(route.2).contains(&scope.as_str()) {
                assert!([200, 201, 404].contains(&answer.code()), "{scope:?} {route:?}: {}", answer.text);
            } else {
                let sentence = format!("This action requires the \"{}\" scope.", allowed(route.2)[0]);
                assert_eq!(answer.problem(403, "forbidden"), sentence, "{scope:?} {route:?}");
            }
        }
    }
    let nothing = app.key(&[]).await;
    for route in &routes() {
        knock(&app, route, bearer(&nothing)).await.problem(403, "forbidden");
    }
}

/// The contract's words, spelled again: a slip in the code is not to be copied into its test.
fn allowed(permission: Permission) -> &'static [&'static str] {
    match permission {
        Permission::ReadOrders => &["read:billing", "read", "account_owner", "admin"],
        Permission::WriteOrders => &["admin:billing", "write", "account_owner", "admin"],
        Permission::Operate => &["driftstack_internal_admin", "admin"],
    }
}

async fn an_operators_key_without_an_account_opens_no_customer_route(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (_, everything) = key(&app, |key| {
        key.account_id = None;
        key.scopes = Scope::ALL.to_vec();
    })
    .await;
    for operator in [&app.operator, &everything] {
        for route in routes().iter().filter(|route| route.2 != Permission::Operate) {
            knock(&app, route, bearer(operator)).await.problem(403, "forbidden");
        }
        for route in routes().iter().filter(|route| route.2 == Permission::Operate) {
            let answer = knock(&app, route, bearer(operator)).await;
            assert!([200, 404].contains(&answer.code()), "{route:?}: {}", answer.text);
        }
    }
    assert_eq!(app.admin("").await.json()["orders"], json!([]), "nothing was made");
}

async fn another_customers_order_is_as_good_as_none(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let before = app.look(&order).await;
    let (_, stranger) = app.stranger(Tier::Enterprise).await;
    let ways = [
        (Method::GET, ""),
        (Method::GET, "?wait=30"),
        (Method::PATCH, ""),
        (Method::POST, "/cancel"),
        (Method::GET, "/events"),
    ];
    for (method, rest) in ways {
        for id in [order.as_str(), NOBODYS, "nonsense", &order.to_uppercase()] {
            let route = (method.clone(), format!("{ORDERS}/{id}{rest}"), Permission::ReadOrders);
            let answer = knock(&app, &route, bearer(&stranger)).await;
            assert_eq!(answer.problem(404, "not-found"), format!("No crypto order with id \"{id}\"."), "{route:?}");
        }
    }
    assert_eq!(app.look(&order).await, before, "nothing has moved");
}

async fn a_list_never_shows_another_customers_orders(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (account, stranger) = app.stranger(Tier::Enterprise).await;
    let (mut mine, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..4 {
        mine.insert(app.order().await);
        let route = (Method::POST, "/v1/billing/crypto-checkout".to_owned(), Permission::WriteOrders);
        let answer = knock(&app, &route, bearer(&stranger)).await;
        theirs.insert(answer.json()["order_id"].as_str().unwrap_or_default().to_owned());
    }
    let first = app.get(&format!("{ORDERS}?limit=1")).await.json();
    let cursor = first["next_cursor"].as_str().expect("a next page").to_owned();
    for query in [
        String::new(),
        format!("?cursor={cursor}"),
        format!("?account_id={}", app.account),
        format!("?account_id=acc_{}&search=ord", app.account),
    ] {
        let route = (Method::GET, format!("{ORDERS}{query}"), Permission::ReadOrders);
        let answer = knock(&app, &route, bearer(&stranger)).await;
        let seen = ids(&answer.json());
        assert!(!seen.is_empty() && seen.is_subset(&theirs), "{query}: {}", answer.text);
        assert!(!answer.text.contains(&account.to_string()), "a customer's envelope has no account");
    }
    assert_eq!(ids(&app.get(ORDERS).await.json()), mine);
    assert_eq!(app.checkout_of(&order_body(), None).await.code(), 201);
}

fn ids(page: &Value) -> BTreeSet<String> {
    let orders = page["orders"].as_array().expect("a list");
    orders.iter().map(|order| order["order_id"].as_str().unwrap_or_default().to_owned()).collect()
}
