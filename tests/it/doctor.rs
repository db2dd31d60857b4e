//! `doctor`: a configuration checked line by line, through the real program and against a provider's answers.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use crypto_orders::dial;

use crate::engines::Engine;
use crate::harness::IPN_SECRET;
use crate::harness::responder::{Responder, Said};
use crate::harness_program::{Ended, Site, eventually};

on_both_engines![an_account_that_is_set_up_is_fit, refused_ipns_of_the_last_day_are_told_and_listed];

const API_KEY: &str = "ABCDEFG-1234567-ABCDEFG-1234567";
const PASSWORD: &str = "Correct-Horse-7";

/// A site that is ready to go live with this provider, but for its public name, which no test can have.
fn ready(site: Site, provider: &Responder) -> Arc<Site> {
    let url = format!("{}/v1", provider.origin());
    let site = [
        ("CRYPTO_ORDERS_PROVIDER", "live"),
        ("CRYPTO_ORDERS_NOWPAYMENTS_URL", &url),
        ("CRYPTO_ORDERS_NOWPAYMENTS_API_KEY", API_KEY),
        ("CRYPTO_ORDERS_NOWPAYMENTS_API_KEYS_OLD", "OLD-1,OLD-2"),
        ("CRYPTO_ORDERS_NOWPAYMENTS_EMAIL", "shop@your-shop.com"),
        ("CRYPTO_ORDERS_NOWPAYMENTS_PASSWORD", PASSWORD),
        ("CRYPTO_ORDERS_NOWPAYMENTS_PAYOUT_CURRENCY", "usdttrc20"),
        ("CRYPTO_ORDERS_PUBLIC_URL", "https://1.1.1.1"),
        ("CRYPTO_ORDERS_IPN_SECRET", IPN_SECRET),
        ("CRYPTO_ORDERS_TRUSTED_PROXIES", "127.0.0.1"),
    ]
    .into_iter()
    .fold(site, |site, (name, value)| site.with(name, value));
    Arc::new(site)
}

/// The HTTP date so many seconds from now.
fn date(seconds: i64) -> String {
    let now = chrono::DateTime::<chrono::Utc>::from(SystemTime::now());
    let then = now + chrono::TimeDelta::seconds(seconds);
    then.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A provider whose account is set up, by the names that its live API really uses.
async fn provider() -> Responder {
    let provider = Responder::start().await;
    let dated = |body: &str| Said::new(200, body).with("date", &date(0));
    provider.always("GET /v1/status", dated(r#"{"message":"OK"}"#));
    provider.always("GET /v1/merchant/coins", dated(r#"{"selectedCurrencies":["BTC","ETH"]}"#));
    provider.always("GET /v1/currencies", dated(r#"{"currencies":["btc","eth","usdttrc20"]}"#));
    let minimum = r#"{"currency_from":"btc","currency_to":"usdttrc20","min_amount":0.00005,"fiat_equivalent":5.1}"#;
    provider.always("GET /v1/min-amount", dated(minimum));
    provider.always("POST /v1/auth", dated(r#"{"token":"eyJ.a.token"}"#));
    provider
}

/// Runs the program beside the provider, which lives on this thread.
async fn run(site: &Arc<Site>, arguments: &'static [&'static str]) -> Ended {
    let site = site.clone();
    tokio::task::spawn_blocking(move || site.run(arguments)).await.expect("the program ends")
}

/// The checks of `--json`, as it ended with this code.
async fn checks(site: &Arc<Site>, code: i32) -> Vec<Value> {
    let ended = run(site, &["doctor", "--json"]).await;
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let told: Value = serde_json::from_str(&ended.stdout).expect("one JSON document");
    assert_eq!(told["fit"], code == 0, "{told}");
    let checks = told["checks"].as_array().expect("checks").clone();
    for check in &checks {
        assert_eq!(check["fix"].is_null(), check["grade"] == "ok", "a fault has its fix, and nothing else: {check}");
    }
    checks
}

/// The names of the checks of this grade, in their order.
fn graded<'a>(checks: &'a [Value], grade: &str) -> Vec<&'a str> {
    let of_grade = checks.iter().filter(|check| check["grade"] == grade);
    of_grade.map(|check| check["check"].as_str().expect("a name")).collect()
}

fn found<'a>(checks: &'a [Value], name: &str) -> &'a str {
    let check = checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("no {name}"));
    check["found"].as_str().expect("words")
}

const ALL: [&str; 18] = [
    "settings",
    "database",
    "open files",
    "clock",
    "IPN secret",
    "public URL",
    "callback URL",
    "provider",
    "provider reached",
    "API key",
    "old API key",
    "old API key",
    "pay currency",
    "payout currency",
    "minimum",
    "list login",
    "refused IPNs",
    "development keys",
];

async fn an_account_that_is_set_up_is_fit(engine: Engine) {
    let provider = provider().await;
    let site = ready(Site::on(engine).await, &provider);
    let empty = checks(&site, 0).await;
    assert_eq!(graded(&empty, "warn"), ["database"], "nobody has worked here: {empty:#?}");
    run(&site, &["accounts", "create", "--name", "Acme", "--tier", "enterprise"]).await.printed();
    let checks = checks(&site, 0).await;
    assert_eq!(graded(&checks, "ok"), ALL, "{checks:#?}");
    assert!(found(&checks, "minimum").contains("solo_manual costs 79.00 USD"), "{checks:#?}");

    let asked = provider.asked("GET /v1/merchant/coins");
    let keys: Vec<_> = asked.iter().filter_map(|asked| asked.header("x-api-key")).collect();
    assert!([API_KEY, "OLD-1", "OLD-2"].iter().all(|key| keys.contains(key)), "{keys:?}");
    let minimum = &provider.asked("GET /v1/min-amount")[0].line;
    assert!(minimum.contains("currency_to=usdttrc20") && minimum.contains("fiat_equivalent=usd"), "{minimum}");

    let shown = run(&site, &["doctor", "--production"]).await;
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""), "{shown:?}");
    assert!(shown.stdout.ends_with("\n18 ok, 0 warn, 0 FAIL\n"), "{shown:?}");
    for secret in [API_KEY, "OLD-1", PASSWORD, IPN_SECRET, "eyJ"] {
        assert!(!shown.stdout.contains(secret), "{shown:?}");
    }
}

#[actix::test]
async fn an_account_that_is_not_set_up_fails_line_by_line() {
    let provider = Responder::start().await;
    let dated = |body: &str| Said::new(200, body).with("date", &date(-3600));
    provider.always("GET /v1/status", dated(r#"{"message":"OK"}"#));
    provider.always("GET /v1/merchant/coins", dated(r#"{"currencies":["eth","ltc"]}"#));
    provider.always("GET /v1/currencies", dated(r#"{"currencies":["btc"]}"#));
    provider.always("GET /v1/min-amount", dated(r#"{"min_amount":0.002,"fiat_equivalent":120}"#));
    let denied = format!(r#"{{"statusCode":403,"code":"ACCESS_DENIED","message":"not {PASSWORD}"}}"#);
    provider.always("POST /v1/auth", Said::new(403, denied));
    let site = ready(Site::empty(), &provider);
    let checks = checks(&site, 1).await;
    assert_eq!(graded(&checks, "fail"), ["clock", "pay currency", "payout currency", "minimum", "list login"]);
    assert!(found(&checks, "list login").contains("ACCESS_DENIED"), "{checks:#?}");
    assert!(!format!("{checks:?}").contains(PASSWORD), "{checks:#?}");
    let fix = checks.iter().find(|check| check["check"] == "pay currency").expect("it")["fix"].to_string();
    assert!(fix.contains("eth, ltc") && fix.contains("CRYPTO_ORDERS_PAY_CURRENCY"), "{fix}");
}

#[actix::test]
async fn keys_that_the_provider_does_not_know_fail() {
    let provider = Responder::start().await;
    provider.always("GET /v1/status", Said::new(200, r#"{"message":"OK"}"#));
    let unknown = r#"{"status":false,"statusCode":403,"code":"INVALID_API_KEY","message":"Invalid api key"}"#;
    provider.always("GET /v1/", Said::new(403, unknown));
    provider.always("POST /v1/auth", Said::new(200, r#"{"token":"t"}"#));
    let site = ready(Site::empty(), &provider);
    let checks = checks(&site, 1).await;
    let fail = ["API key", "old API key", "old API key", "pay currency", "payout currency", "minimum"];
    assert_eq!(graded(&checks, "fail"), fail, "{checks:#?}");
    assert!(found(&checks, "API key").contains("INVALID_API_KEY"), "{checks:#?}");
    assert_eq!(graded(&checks, "warn"), ["database", "clock"], "an answer without a date tells no time");
    assert!(found(&checks, "clock").ends_with("the provider tells no time"), "{checks:#?}");
}

#[actix::test]
async fn a_provider_that_is_away_is_one_failure_and_what_it_would_tell_is_not_checked() {
    let provider = Responder::start().await;
    let site = ready(Site::empty(), &provider);
    drop(provider);
    let checks = checks(&site, 1).await;
    assert_eq!(graded(&checks, "fail"), ["provider reached"], "{checks:#?}");
    for name in ["API key", "pay currency", "payout currency"] {
        assert_eq!(found(&checks, name), "not checked: no answer, see above", "{checks:#?}");
    }
    assert!(found(&checks, "clock").ends_with("not compared: the provider does not answer"), "{checks:#?}");
}

#[test]
fn a_development_configuration_is_told_what_it_lacks() {
    let site = Site::empty();
    let shown = site.run(&["doctor", "--provider", "none"]);
    assert!(shown.stdout.contains("FAIL  IPN secret         none is set (a development server"), "{shown:?}");
    let ended = site.serve(&[]).stop("TERM");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let shown = site.run(&["doctor", "--listen", "127.0.0.1:9"]);
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert_eq!(shown.stderr, "error: 2 of 16 checks FAIL\n", "the log adds nothing");
    for line in
        ["FAIL  IPN secret         only a generated one", "FAIL  public URL         http://127.0.0.1:9 is not https"]
    {
        assert!(shown.stdout.contains(line), "{shown:?}");
    }
    for line in ["warn  provider           the simulator", "warn  development keys   2 made at a first start"] {
        assert!(shown.stdout.contains(line), "{shown:?}");
    }
    let secret = std::fs::read_to_string(site.folder.join("data/ipn-secret")).expect("the secret");
    assert!(!shown.stdout.contains(secret.trim()), "{shown:?}");

    let shown = site.run(&["doctor", "--listen", "127.0.0.1:9", "--production"]);
    let refused = shown.stdout.matches("FAIL  production         `serve --production` refuses this: ").count();
    assert_eq!(refused, 4, "database, IPN secret, simulator, public URL: {shown:?}");
    assert!(shown.stdout.contains("FAIL  development keys "), "{shown:?}");
}

#[test]
fn production_asks_who_stands_before_the_server() {
    let site = Site::empty().with("CRYPTO_ORDERS_PUBLIC_URL", "https://1.1.1.1").with("CRYPTO_ORDERS_PROVIDER", "none");
    let shown = site.run(&["doctor", "--production"]).stdout;
    assert!(shown.contains("warn  trusted proxies    none, though https://1.1.1.1 is not where"), "{shown}");
    assert!(shown.contains("CRYPTO_ORDERS_TRUSTED_PROXIES"), "{shown}");
    let shown = site.with("CRYPTO_ORDERS_TRUSTED_PROXIES", "127.0.0.1").run(&["doctor", "--production"]).stdout;
    assert!(!shown.contains("trusted proxies"), "{shown}");
}

#[test]
fn without_a_provider_there_is_no_account_to_check() {
    let site = Site::empty().with("CRYPTO_ORDERS_PUBLIC_URL", "https://1.1.1.1");
    let site = site.with("CRYPTO_ORDERS_IPN_SECRET", IPN_SECRET).with("CRYPTO_ORDERS_PROVIDER", "none");
    let shown = site.run(&["doctor"]).printed();
    assert!(shown.contains("warn  provider ") && !shown.contains("API key"), "{shown}");
    assert!(shown.contains("warn  database ") && shown.contains("opened and written, but it is empty"), "{shown}");
    assert!(shown.ends_with("\n7 ok, 3 warn, 0 FAIL\n"), "{shown}");
}

#[test]
fn a_database_that_cannot_be_opened_is_one_failure_among_the_checks() {
    let site = Site::empty().with("DATABASE_URL", "sqlite:///dev/null/orders.db");
    let shown = site.run(&["doctor", "--provider", "none"]);
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert!(shown.stdout.contains("FAIL  database ") && shown.stdout.contains("fix: check DATABASE_URL"), "{shown:?}");
    assert!(shown.stdout.contains("FAIL  public URL "), "the others are checked all the same: {shown:?}");
}

#[test]
fn settings_that_make_no_sense_are_refused_before_any_check() {
    let refused = Site::empty().with("CRYPTO_ORDERS_PROVIDER", "lively").run(&["doctor"]).refusal(2);
    assert!(refused.contains("CRYPTO_ORDERS_PROVIDER"), "{refused}");
}

async fn refused_ipns_of_the_last_day_are_told_and_listed(engine: Engine) {
    let site = Arc::new(Site::on(engine).await);
    assert_eq!(run(&site, &["doctor", "refused"]).await.printed(), "no body was refused\n");
    let server = site.serve(&[]);
    let url = format!("http://{}/v1/webhooks/nowpayments", server.address);
    for body in [r#"{"b":1,"a":2}"#, "\u{1b}[2J"] {
        let request = dial::builder().build().expect("a client").post(&url);
        let request = request.header("x-nowpayments-sig", "0".repeat(128)).body(body);
        assert_eq!(request.send().await.expect("an answer").status().as_u16(), 401);
    }
    let listed = eventually("both are kept", async || {
        let listed = run(&site, &["doctor", "refused"]).await.printed();
        (listed.matches("body  ").count() == 2).then_some(listed)
    })
    .await;
    let (newest, oldest) = listed.split_once("\n\n").expect("two");
    assert!(newest.contains("<1B>[2J") && newest.contains("not one complete JSON value"), "{listed}");
    assert!(oldest.contains(r#"not written as the provider writes, from byte 2: {"b":1,"a":2}"#), "{listed}");
    assert_eq!(run(&site, &["doctor", "refused", "--limit", "1"]).await.printed().trim_end(), newest);

    let shown = run(&site, &["doctor"]).await.stdout;
    assert!(shown.contains("warn  refused IPNs       2 in the last 24 hours"), "{shown}");
    assert!(shown.contains("ok    database "), "the server beside it holds nothing that is needed: {shown}");
}
