//! Lists of payments and the login that they need, and what the client never says of its secrets.

use crypto_orders::clock::Clock;
use crypto_orders::config::{Provider, Secret};
use crypto_orders::domain::time::Span;
use crypto_orders::provider::client::{CallError, Client, ListAsked, NoClient};
use serde_json::json;

use crate::harness::responder::{Act, Asked, Responder, Said};
use crate::provider_client::{account, html, hurried, id, is_open, refusal, refused, start};

const AUTH: &str = "POST /v1/auth";
const LIST: &str = "GET /v1/payment/?";
const PAGE: &str = r#"{"data":[{"payment_id":5592161154,"payment_status":"partially_paid","actually_paid":10.000000000000000001},{"payment_id":7,"payment_status":"finished","actually_paid":"much"},{"payment_id":"4526424492","payment_status":"finished","parent_payment_id":5592161154,"origin_type":"REPEATED"}],"limit":500,"page":1,"pagesCount":582,"total":5815}"#;

/// A provider that gives this token at the next login.
fn gives(provider: &Responder, token: &str) {
    provider.upon(AUTH, Act::Answer(Said::new(200, json!({"token": token}).to_string())));
}

fn client(provider: &Responder, clock: &Clock) -> Client {
    let made = Client::patient(&account(provider.origin()), hurried(), clock.clone());
    made.expect("settings").expect("a provider")
}

fn asked() -> ListAsked {
    ListAsked { from: start(), until: start().after(Span::minutes(5)), page: 1 }
}

/// The tokens that lists were asked with.
fn tokens(provider: &Responder) -> Vec<String> {
    let token = |asked: &Asked| asked.header("authorization").unwrap_or("none").to_owned();
    provider.asked(LIST).iter().map(token).collect()
}

#[tokio::test]
async fn a_page_is_read_past_what_cannot_be_read() {
    let provider = Responder::start().await;
    gives(&provider, "one");
    provider.always(LIST, Said::new(200, PAGE));
    let client = client(&provider, &Clock::manual(start()));
    assert!(client.can_list());
    let page = client.payments(&asked()).await.expect("a page");
    let ids: Vec<&str> = page.payments.iter().map(|payment| payment.evidence.payment_id.as_str()).collect();
    assert_eq!((ids, page.pages, page.unreadable), (vec!["5592161154", "4526424492"], 582, 1));
    assert_eq!(page.payments[1].evidence.parent_payment_id, Some(id("5592161154")));
    let paid = page.payments[0].evidence.actually_paid.as_ref().map(ToString::to_string);
    assert_eq!(paid.as_deref(), Some("10.000000000000000001"));
    let list = &provider.asked(LIST)[0];
    let dates = "dateFrom=2026-05-12T12%3A00%3A00.000Z&dateTo=2026-05-12T12%3A05%3A00.000Z";
    let line = format!("GET /v1/payment/?limit=500&page=1&sortBy=created_at&orderBy=asc&{dates}");
    assert_eq!(list.line, line);
    assert_eq!((list.header("x-api-key"), list.header("authorization")), (Some("new-key"), Some("Bearer one")));
    assert_eq!(provider.asked(AUTH)[0].body, r#"{"email":"ada@example.com","password":"Pass word"}"#);
}

#[tokio::test]
async fn one_login_serves_until_shortly_before_its_end() {
    let provider = Responder::start().await;
    provider.always(LIST, Said::new(200, PAGE));
    let clock = Clock::manual(start());
    let client = client(&provider, &clock);
    gives(&provider, "one");
    let asked = asked();
    let both = tokio::join!(client.payments(&asked), client.payments(&asked));
    assert!(both.0.is_ok() && both.1.is_ok());
    clock.advance(Span::seconds(269));
    client.payments(&asked).await.expect("a page");
    assert_eq!(provider.seen(AUTH), 1, "all used one login");
    clock.advance(Span::seconds(1));
    gives(&provider, "two");
    client.payments(&asked).await.expect("a page");
    gives(&provider, "three");
    client.log_in().await.expect("a login");
    client.payments(&asked).await.expect("a page");
    assert_eq!(tokens(&provider), ["one", "one", "one", "two", "three"].map(|token| format!("Bearer {token}")));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let provider = Responder::start().await;
    let client = client(&provider, &Clock::manual(start()));
    gives(&provider, "one");
    gives(&provider, "two");
    provider.upon(LIST, Act::Answer(refusal(401, "AUTH_REQUIRED")));
    provider.upon(LIST, Act::Answer(Said::new(200, PAGE)));
    assert!(client.payments(&asked()).await.is_ok());
    assert_eq!(tokens(&provider), ["Bearer one", "Bearer two"]);
    gives(&provider, "three");
    provider.always(LIST, refusal(401, "AUTH_REQUIRED"));
    assert_eq!(client.payments(&asked()).await, Err(refused(401, "AUTH_REQUIRED")));
    assert_eq!(tokens(&provider)[2..], ["Bearer two", "Bearer three"]);
}

#[tokio::test]
async fn a_list_without_a_login_is_not_asked_for() {
    let provider = Responder::start().await;
    let mut settings = account(provider.origin());
    settings.nowpayments.login = None;
    let client = Client::new(&settings).expect("settings").expect("a provider");
    assert!(!client.can_list());
    assert_eq!(client.payments(&asked()).await, Err(CallError::NoLogin));
    assert_eq!(client.log_in().await, Err(CallError::NoLogin));
    assert_eq!(provider.seen(""), 0);
}

#[tokio::test]
async fn a_login_that_fails_is_told_and_lists_are_no_lists_without_their_form() {
    let provider = Responder::start().await;
    let client = client(&provider, &Clock::manual(start()));
    provider.upon(AUTH, Act::Answer(refusal(403, "ACCESS_DENIED")));
    assert_eq!(client.payments(&asked()).await, Err(refused(403, "ACCESS_DENIED")));
    for said in [r#"{"token":""}"#, r#"{"token":7}"#, "{}", "\"token\""] {
        provider.upon(AUTH, Act::Answer(Said::new(200, said)));
        assert!(is_open(&client.log_in().await.expect_err("no token")), "{said}");
    }
    assert_eq!(provider.seen(LIST), 0);
    gives(&provider, "one");
    for said in [r#"{"data":[]}"#, r#"{"data":{},"pagesCount":1}"#, "[]", r#"{"data":[],"pagesCount":-1}"#] {
        provider.upon(LIST, Act::Answer(Said::new(200, said)));
        assert!(is_open(&client.payments(&asked()).await.expect_err("no list")), "{said}");
    }
    provider.upon(LIST, Act::Answer(html(520)));
    provider.upon(LIST, Act::Answer(Said::new(200, r#"{"data":[],"pagesCount":"0"}"#)));
    assert_eq!(client.payments(&asked()).await.map(|page| page.pages), Ok(0));
}

#[tokio::test]
async fn what_the_provider_repeats_of_our_secrets_is_struck_out() {
    let provider = Responder::start().await;
    let client = client(&provider, &Clock::manual(start()));
    let message = format!("new-key and old-key of ada@example.com / Pass word\n{}", "x".repeat(500));
    let echo = json!({"statusCode": 403, "code": "BAD old-key", "message": message});
    provider.always("GET /v1/status", Said::new(403, echo.to_string()));
    let error = client.status().await.expect_err("refused");
    let CallError::Refused { code, message, .. } = &error else { panic!("{error}") };
    assert_eq!(code.as_deref(), Some("BAD (secret)"));
    assert!(message.starts_with("(secret) and (secret) of (secret) / (secret)xxx"), "{message}");
    assert_eq!(message.chars().count(), 200);
    let shown = format!("{client:?} {error} {error:?}");
    for secret in ["new-key", "old-key", "ada@", "Pass word"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn a_client_is_made_where_somebody_makes_payments_and_settings_are_sound() {
    let mut settings = account("https://api.example.com");
    assert!(matches!(Client::new(&settings), Ok(Some(_))));
    settings.nowpayments.api_keys = vec![Secret::new("line\nfeed".to_owned())];
    assert!(matches!(Client::new(&settings), Err(NoClient::Key(_))));
    settings.nowpayments.url = Some("nowhere".to_owned());
    assert!(matches!(Client::new(&settings), Err(NoClient::Url)));
    settings.provider = Provider::None;
    assert!(matches!(Client::new(&settings), Ok(None)));
}
