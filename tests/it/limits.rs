//! How often an account may ask, what the headers say of it, and which browsers may read the answers.

use crypto_orders::config::{Bucket, Settings};
use crypto_orders::domain::access::{Scope, Tier};
use crypto_orders::domain::time::{Span, Timestamp};
use reqwest::Method;
use serde_json::json;

use crate::engines::Engine;
use crate::harness::{Answer, START, TestApp, payment};

on_both_engines![
    a_bucket_says_where_it_stands_refuses_and_refills_with_the_clock,
    setting_the_machine_s_clock_back_changes_no_limit,
    accounts_and_operators_have_buckets_of_their_own,
    the_providers_route_and_the_probes_know_no_bucket,
    every_tier_has_the_contracts_bucket_unless_limits_are_off,
    only_listed_origins_may_read_and_only_what_is_exposed,
];

const ORDERS: &str = "/v1/billing/crypto-orders";
const SHOP: &str = "https://shop.example";

fn small(settings: &mut Settings) {
    settings.rate_limits.enabled = true;
    for bucket in settings.rate_limits.buckets.values_mut() {
        *bucket = Bucket { capacity: 3, refill_per_second: 2 };
    }
}

fn shown(answer: &Answer) -> [Option<&str>; 7] {
    let names = [
        "x-ratelimit-bucket",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
    ];
    names.map(|name| answer.header(name))
}

async fn ask(app: &TestApp, key: &str) -> Answer {
    app.send(app.request(Method::GET, ORDERS).bearer_auth(key)).await
}

async fn a_bucket_says_where_it_stands_refuses_and_refills_with_the_clock(engine: Engine) {
    let app = TestApp::spawn_with(engine, small).await;
    let now = Timestamp::parse(START).expect("a time").millis() / 1000;
    let (_, key) = app.stranger(Tier::ApiStarter).await;
    for (remaining, seconds) in [("2", 1), ("1", 1), ("0", 2)] {
        let answer = ask(&app, &key).await;
        assert_eq!(answer.code(), 200);
        let (at, left) = ((now + seconds).to_string(), seconds.to_string());
        let wanted = ["global", "3", remaining, &at, "3", remaining, &left].map(Some);
        assert_eq!(shown(&answer), wanted);
    }
    let refused = ask(&app, &key).await;
    assert_eq!(refused.problem(429, "rate-limited"), "Rate limit for \"global\" exceeded for tier \"api_starter\".");
    assert_eq!(
        (refused.json()["title"].as_str(), refused.header("retry-after")),
        (Some("Too Many Requests"), Some("1"))
    );
    assert_eq!(refused.json()["retry_after_seconds"], 1);
    assert_eq!((shown(&refused)[0], shown(&refused)[2]), (Some("global"), Some("0")));

    app.advance(Span::millis(499)).await;
    assert_eq!(ask(&app, &key).await.code(), 429);
    app.advance(Span::millis(1)).await;
    assert_eq!(ask(&app, &key).await.code(), 200);
    assert_eq!(ask(&app, &key).await.code(), 429);
    app.advance(Span::hours(1)).await;
    let full = ask(&app, &key).await;
    assert_eq!((full.code(), shown(&full)[2]), (200, Some("2")));
}

async fn setting_the_machine_s_clock_back_changes_no_limit(engine: Engine) {
    let app = TestApp::spawn_with(engine, small).await;
    let (_, key) = app.stranger(Tier::ApiStarter).await;
    for _ in 0..3 {
        assert_eq!(ask(&app, &key).await.code(), 200);
    }
    app.clock.set_back(Span::hours(1));
    let refused = ask(&app, &key).await;
    assert_eq!((refused.code(), refused.header("retry-after")), (429, Some("1")));
    // A token comes back after half a second, as before.
    app.advance(Span::millis(500)).await;
    let answer = ask(&app, &key).await;
    assert_eq!((answer.code(), shown(&answer)[2]), (200, Some("0")));
    // The time at which the bucket is full is told by the clock that clients see.
    let now = app.clock.now().millis() / 1000;
    assert!(
        shown(&answer)[3].is_some_and(|full_at| full_at.parse::<i64>().is_ok_and(|at| (now..=now + 3).contains(&at)))
    );
    app.advance(Span::seconds(10)).await;
    let full = ask(&app, &key).await;
    assert_eq!((full.code(), shown(&full)[2]), (200, Some("2")));
}

async fn accounts_and_operators_have_buckets_of_their_own(engine: Engine) {
    let app = TestApp::spawn_with(engine, small).await;
    let other_key_of_mine = app.key(&[Scope::Read]).await;
    let (_, stranger) = app.stranger(Tier::Enterprise).await;
    for key in [&app.customer, &app.customer, &other_key_of_mine] {
        assert_eq!(ask(&app, key).await.code(), 200);
    }
    // The account has asked, whichever of its keys it used; what is refused for its scope has asked too.
    assert_eq!(ask(&app, &other_key_of_mine).await.code(), 429);
    let detail = ask(&app, &app.customer).await.problem(429, "rate-limited");
    assert_eq!(detail, "Rate limit for \"global\" exceeded for tier \"enterprise\".");
    assert_eq!(ask(&app, &stranger).await.code(), 200);
    for _ in 0..3 {
        assert_eq!(ask(&app, &app.operator).await.code(), 403);
    }
    let refused = ask(&app, &app.operator).await;
    refused.problem(429, "rate-limited");
    // Without a good key there is no bucket to show.
    let unknown = ask(&app, "nonsense").await;
    assert_eq!((unknown.code(), shown(&unknown)), (401, [None; 7]));
}

async fn the_providers_route_and_the_probes_know_no_bucket(engine: Engine) {
    let app = TestApp::spawn_with(engine, small).await;
    let order = app.order().await;
    for number in 0..8 {
        let answer = app.ipn(&payment(&order, "77", if number == 0 { "waiting" } else { "confirming" })).await;
        assert_eq!((answer.code(), shown(&answer)), (200, [None; 7]), "{}", answer.text);
        assert_eq!(app.send(app.request(Method::GET, "/healthz")).await.code(), 200);
        assert_eq!(app.send(app.request(Method::GET, "/readyz")).await.code(), 200);
    }
    assert_eq!(app.get(&format!("{ORDERS}/{order}")).await.json()["status"], "confirming");
}

async fn every_tier_has_the_contracts_bucket_unless_limits_are_off(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.rate_limits.enabled = true).await;
    let table = [
        ("free", "60", "1"),
        ("solo_manual", "120", "1"),
        ("team_manual", "360", "1"),
        ("agency_manual", "1800", "1"),
        ("api_starter", "240", "1"),
        ("api_builder", "1800", "1"),
        ("api_scale", "6000", "1"),
        ("enterprise", "60000", "1"),
    ];
    for (name, capacity, reset) in table {
        let tier = Tier::parse(name).expect("a tier");
        let (_, key) = app.stranger(tier).await;
        let answer = ask(&app, &key).await;
        assert_eq!((shown(&answer)[1], shown(&answer)[6]), (Some(capacity), Some(reset)), "{name}");
    }
    let unlimited = TestApp::spawn(engine).await;
    assert_eq!(shown(&unlimited.get(ORDERS).await), [None; 7]);
}

async fn only_listed_origins_may_read_and_only_what_is_exposed(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| {
        small(settings);
        settings.cors_origins = vec![SHOP.to_owned(), "https://other.example".to_owned()];
    })
    .await;
    let from = |origin: &str| app.request(Method::GET, ORDERS).bearer_auth(&app.customer).header("origin", origin);
    let read = app.send(from(SHOP)).await;
    assert_eq!((read.code(), read.header("access-control-allow-origin")), (200, Some(SHOP)));
    let exposed = read.header("access-control-expose-headers").unwrap_or_default().to_lowercase();
    let exposed: Vec<&str> = exposed.split(',').map(str::trim).collect();
    for name in ["idempotent-replayed", "x-request-id", "retry-after", "x-ratelimit-remaining", "ratelimit-reset"] {
        assert!(exposed.contains(&name), "{name} in {exposed:?}");
    }
    assert!(read.header("vary").unwrap_or_default().to_lowercase().contains("origin"));
    assert_eq!(read.header("access-control-allow-credentials"), None);
    for origin in ["https://evil.example", "http://shop.example", "https://shop.example.evil", "null"] {
        assert_eq!(app.send(from(origin)).await.header("access-control-allow-origin"), None, "{origin}");
    }
    let refused = app.send(from(SHOP)).await;
    refused.problem(429, "rate-limited");
    assert_eq!(refused.header("access-control-allow-origin"), Some(SHOP), "a script may read why");

    let ask = |origin: &str, method: &str| {
        let request = app.request(Method::OPTIONS, "/v1/billing/crypto-checkout").header("origin", origin);
        let request = request.header("access-control-request-method", method);
        app.send(request.header("access-control-request-headers", "authorization,idempotency-key,content-type"))
    };
    let preflight = ask(SHOP, "POST").await;
    assert!(preflight.status.is_success(), "{}", preflight.text);
    assert_eq!(preflight.header("access-control-allow-origin"), Some(SHOP));
    let allowed = preflight.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
    assert!(allowed.contains("idempotency-key") && allowed.contains("authorization"), "{allowed}");
    assert_eq!(ask("https://evil.example", "POST").await.header("access-control-allow-origin"), None);
    assert!(ask(SHOP, "TRACE").await.status.is_client_error());

    let none_by_default = TestApp::spawn(engine).await;
    let request = none_by_default.request(Method::GET, "/healthz").header("origin", SHOP);
    let answer = none_by_default.send(request).await;
    assert_eq!(answer.json(), json!({"status": "ok"}));
    assert_eq!(answer.header("access-control-allow-origin"), None);
}
