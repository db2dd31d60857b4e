//! The client of the provider's API over real sockets: what is asked, how often, and what is made of the answers.
//!
//! The provider's end is a [`Responder`], so that every answer and every cut is ours. The fields of payments are
//! tested where they are read, in `src/provider/report/tests.rs`; lists and their login are in [`provider_login`].
//!
//! [`provider_login`]: crate::provider_login

use std::time::Duration;

use crypto_orders::clock::Clock;
use crypto_orders::config::{Login, Provider, Secret, Settings};
use crypto_orders::domain::ids::{OrderId, PaymentId};
use crypto_orders::domain::money::{Coin, CoinAmount, Currency};
use crypto_orders::domain::time::{Span, Timestamp};
use crypto_orders::provider::client::{CallError, Client, Patience, PaymentWish};

use crate::harness::responder::{Act, Responder, Said};
use crate::harness::{START, settings};

const ORDER: &str = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";
const CREATE: &str = "POST /v1/payment";
const MADE: &str = r#"{"payment_id":"5745459419","payment_status":"waiting","pay_address":"3EZ2","price_amount":79,"price_currency":"usd","pay_amount":"0.170702860000000001","pay_currency":"btc","order_id":"ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b"}"#;
const KNOWN: &str =
    r#"{"payment_id":5745459419,"payment_status":"confirming","pay_currency":"btc","actually_paid":1e-8}"#;

pub fn start() -> Timestamp {
    Timestamp::parse(START).expect("a time")
}

/// The settings of an account with two keys, and a login, whose provider is at this origin.
pub fn account(origin: &str) -> Settings {
    let mut settings = settings("sqlite://nothing.db");
    settings.provider = Provider::Live;
    settings.public_url = "https://pay.example.com".to_owned();
    settings.nowpayments.url = Some(format!("{origin}/v1"));
    settings.nowpayments.api_keys = ["new-key", "old-key", "oldest-key"].map(|key| Secret::new(key.to_owned())).into();
    let password = Secret::new("Pass word".to_owned());
    settings.nowpayments.login = Some(Login { email: "ada@example.com".to_owned(), password });
    settings
}

/// All the time that a busy machine may need, and no pauses.
pub fn hurried() -> Patience {
    Patience { pause: Duration::ZERO, ..Patience::default() }
}

fn client(provider: &Responder) -> Client {
    patient(provider, hurried())
}

fn patient(provider: &Responder, patience: Patience) -> Client {
    let made = Client::patient(&account(provider.origin()), patience, Clock::manual(start()));
    made.expect("settings").expect("a provider")
}

fn wish() -> PaymentWish {
    PaymentWish {
        order_id: OrderId::parse(ORDER).expect("an id"),
        price_amount: amount("79.00"),
        price_currency: Currency::parse("USD").expect("a currency"),
        pay_currency: coin("btc"),
        pay_amount: None,
        purchase_id: None,
        description: "Solo \"manual\"".to_owned(),
    }
}

fn amount(text: &str) -> CoinAmount {
    CoinAmount::parse(text).expect("an amount")
}

fn coin(text: &str) -> Coin {
    Coin::parse(text).expect("a coin")
}

pub fn id(text: &str) -> PaymentId {
    PaymentId::parse(text).expect("an id")
}

pub fn refusal(code: u16, name: &str) -> Said {
    Said::new(code, format!(r#"{{"status":false,"statusCode":{code},"code":"{name}","message":"no"}}"#))
}

pub fn html(code: u16) -> Said {
    Said::new(code, "<html><body>Just a moment...</body></html>").with("content-type", "text/html")
}

pub fn refused(status: u16, code: &str) -> CallError {
    CallError::Refused { status, code: Some(code.to_owned()), message: "no".to_owned() }
}

/// The call was asked, and what came of it is not known.
pub fn is_open(error: &CallError) -> bool {
    matches!(error, CallError::NoAnswer(_)) && error.may_have_happened()
}

#[tokio::test]
async fn every_question_is_asked_as_the_provider_documents_it() {
    let provider = Responder::start().await;
    provider.always("GET /v1/status", Said::new(200, r#"{"message":"OK"}"#));
    provider.always("GET /v1/currencies", Said::new(200, r#"{"currencies":["btc","eth",{"currency":"TRX"},7]}"#));
    provider.upon("GET /v1/merchant/coins", Act::Answer(Said::new(200, r#"{"selectedCurrencies":["BTC"]}"#)));
    provider.upon("GET /v1/merchant/coins", Act::Answer(Said::new(200, r#"{"currencies":["ltc"]}"#)));
    let minimum = r#"{"currency_from":"btc","min_amount":0.0000001e3,"fiat_equivalent":"3.5"}"#;
    provider.always("GET /v1/min-amount", Said::new(200, minimum));
    provider.always("GET /v1/estimate", Said::new(200, r#"{"estimated_amount":"0.000000000000000001"}"#));
    let client = client(&provider);
    assert_eq!(client.status().await, Ok(()));
    assert_eq!(client.currencies().await, Ok(vec![coin("btc"), coin("eth"), coin("trx")]));
    assert_eq!(client.merchant_coins().await, Ok(vec![coin("btc")]));
    assert_eq!(client.merchant_coins().await, Ok(vec![coin("ltc")]));
    let usd = Currency::parse("USD").expect("a currency");
    let least = client.min_amount(&coin("btc"), &coin("usdttrc20"), usd).await.expect("a minimum");
    assert_eq!((least.coin, least.fiat), (amount("0.0001"), Some(amount("3.5"))));
    assert_eq!(client.estimate(&amount("79.00"), "usd", "btc").await, Ok(amount("0.000000000000000001")));
    let asked = provider.asked("GET");
    assert!(asked.iter().all(|asked| asked.header("x-api-key") == Some("new-key")));
    let query = |start: &str| provider.asked(start)[0].line.split_once('?').map(|(_, query)| query.to_owned());
    let least = "currency_from=btc&currency_to=usdttrc20&fiat_equivalent=usd";
    assert_eq!(query("GET /v1/min-amount").as_deref(), Some(least));
    let estimate = "amount=79.00&currency_from=usd&currency_to=btc";
    assert_eq!(query("GET /v1/estimate").as_deref(), Some(estimate));
}

#[tokio::test]
async fn a_creation_sends_the_very_digits_and_reads_the_very_digits() {
    let provider = Responder::start().await;
    provider.always(CREATE, Said::new(201, MADE));
    let more = PaymentWish {
        pay_amount: Some(amount("0.100000000000000000000000000001")),
        purchase_id: Some("5837122679".to_owned()),
        ..wish()
    };
    let client = client(&provider);
    let report = client.create_payment(&wish()).await.expect("a payment");
    client.create_payment(&more).await.expect("a payment");
    assert_eq!(report.evidence.payment_id, id("5745459419"));
    assert_eq!(report.evidence.pay_amount, Some(amount("0.170702860000000001")));
    assert_eq!(report.evidence.order_id, OrderId::parse(ORDER));
    assert_eq!(report.pay_to.map(|pay_to| pay_to.address).as_deref(), Some("3EZ2"));
    let asked = provider.asked(CREATE);
    let tail = format!(
        r#""pay_currency":"btc","ipn_callback_url":"https://pay.example.com/v1/webhooks/nowpayments","order_id":"{ORDER}","order_description":"Solo \"manual\"""#
    );
    let plain = format!(r#"{{"price_amount":79.00,"price_currency":"usd",{tail}}}"#);
    assert_eq!(asked[0].body, plain);
    let pay = r#""pay_amount":0.100000000000000000000000000001"#;
    let further = format!(r#"{{"price_amount":79.00,"price_currency":"usd",{pay},{tail},"purchase_id":"5837122679"}}"#);
    assert_eq!(asked[1].body, further);
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_creation_is_told_by_its_code_and_asked_once() {
    let provider = Responder::start().await;
    let client = client(&provider);
    let limited = |retry_after| CallError::RateLimited { retry_after };
    let definite = [
        (refusal(400, "AMOUNT_MINIMAL_ERROR"), refused(400, "AMOUNT_MINIMAL_ERROR")),
        (refusal(400, "CURRENCY_UNAVAILABLE"), refused(400, "CURRENCY_UNAVAILABLE")),
        (refusal(403, "INVALID_API_KEY"), refused(403, "INVALID_API_KEY")),
        (refusal(401, "AUTH_REQUIRED"), refused(401, "AUTH_REQUIRED")),
        (refusal(404, "NOT_FOUND"), CallError::NotFound),
        (refusal(400, "NOT_FOUND"), CallError::NotFound),
        (Said::new(429, ""), limited(None)),
        (html(429).with("retry-after", "0"), limited(Some(Span::seconds(0)))),
        (refusal(429, "LIMIT").with("retry-after", "7"), limited(Some(Span::seconds(7)))),
        (Said::new(429, "").with("retry-after", "Tue, 12 May 2026 12:01:00 GMT"), limited(Some(Span::minutes(1)))),
        (Said::new(429, "").with("retry-after", "soon"), limited(None)),
    ];
    for (said, expected) in &definite {
        provider.upon(CREATE, Act::Answer(said.clone()));
        let error = client.create_payment(&wish()).await.expect_err("no payment");
        assert_eq!(error, *expected);
        assert!(!error.may_have_happened());
    }
    let bare = Said::new(400, r#"{"statusCode":400,"message":["a","b"]}"#);
    provider.upon(CREATE, Act::Answer(bare));
    let nameless = CallError::Refused { status: 400, code: None, message: String::new() };
    assert_eq!(client.create_payment(&wish()).await, Err(nameless));
    assert_eq!(provider.seen(CREATE), definite.len() + 1);
}

#[tokio::test]
async fn a_creation_without_a_readable_answer_is_open_and_asked_once() {
    let provider = Responder::start().await;
    let client = client(&provider);
    let answer = |said| Act::Answer(said);
    let open = [
        answer(refusal(500, "INTERNAL_ERROR")),
        answer(html(502)),
        answer(html(403)),
        answer(html(404)),
        answer(refusal(408, "TIMEOUT")),
        answer(Said::new(302, "").with("location", provider.origin())),
        answer(html(201)),
        answer(Said::new(201, "")),
        answer(Said::new(201, r#"{"payment_status":"waiting"}"#)),
        answer(Said::new(201, r#"{"payment_id":1,"payment_id":2,"payment_status":"waiting"}"#)),
        answer(Said::new(201, MADE.replace("0.17", "zero"))),
        answer(Said::new(201, format!("{MADE}{}", " ".repeat(1024 * 1024)))),
        Act::CutBeforeAnswer,
    ];
    for act in &open {
        provider.upon(CREATE, act.clone());
        let error = client.create_payment(&wish()).await.expect_err("no payment");
        assert!(is_open(&error), "{act:?}: {error}");
        assert!(error.to_string().len() < 400, "{error}");
    }
    assert_eq!(provider.seen("POST"), open.len());
    assert_eq!(provider.seen("GET"), 0, "nobody is sent elsewhere");
}

#[tokio::test]
async fn wherever_the_socket_is_cut_a_creation_reaches_the_provider_at_most_once() {
    let real = Responder::start().await;
    real.always(CREATE, Said::new(201, MADE));
    let between = Responder::before(real.origin()).await;
    let client = client(&between);
    for after in [0, 1, 40, 200, 300] {
        between.upon(CREATE, Act::CutRequest { after });
        assert!(is_open(&client.create_payment(&wish()).await.expect_err("cut")));
    }
    assert_eq!(real.seen(""), 0);
    let cuts = [0, 1, 12, 30, 60, 100, 200];
    for after in cuts {
        between.upon(CREATE, Act::CutRelayed { after });
        assert!(is_open(&client.create_payment(&wish()).await.expect_err("cut")), "{after}");
        let said = Said::new(201, MADE);
        between.upon(CREATE, Act::CutAnswer { said, after });
        assert!(is_open(&client.create_payment(&wish()).await.expect_err("cut")), "{after}");
    }
    assert_eq!(real.asked(CREATE).len(), cuts.len(), "what is cut and not passed on does not arrive");
    between.upon(CREATE, Act::Relay);
    assert!(client.create_payment(&wish()).await.is_ok());
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_asked() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", gone.local_addr().expect("an address"));
    drop(gone);
    let alone = Client::patient(&account(&origin), hurried(), Clock::system()).expect("settings").expect("a provider");
    for error in [alone.create_payment(&wish()).await.err(), alone.status().await.err()] {
        let error = error.expect("nobody");
        assert!(matches!(error, CallError::Unreachable(_)) && !error.may_have_happened(), "{error}");
    }
}

#[tokio::test]
async fn silence_is_waited_for_only_so_long() {
    let provider = Responder::start().await;
    provider.upon(CREATE, Act::Silence);
    let short = Patience { whole: Duration::from_millis(300), ..hurried() };
    assert!(is_open(&patient(&provider, short).create_payment(&wish()).await.expect_err("silence")));
    provider.upon("GET /v1/payment/", Act::Silence);
    assert!(is_open(&patient(&provider, short).payment(&id("5745459419")).await.expect_err("silence")));
    // Within the time for all, a question that met silence is asked again.
    provider.upon("GET /v1/payment/", Act::Silence);
    provider.always("GET /v1/payment/", Said::new(200, KNOWN));
    let briefly = Patience { question: Duration::from_millis(500), ..hurried() };
    assert!(patient(&provider, briefly).payment(&id("5745459419")).await.is_ok());
}

#[tokio::test]
async fn a_question_is_repeated_while_the_provider_is_away_for_a_moment() {
    let provider = Responder::start().await;
    let client = client(&provider);
    let coins = "GET /v1/currencies";
    let good = Said::new(200, r#"{"currencies":["btc"]}"#);
    let passing = [
        Act::Answer(html(502)),
        Act::Answer(refusal(500, "INTERNAL_ERROR")),
        Act::CutBeforeAnswer,
        Act::CutAnswer { said: good.clone(), after: 70 },
        Act::Answer(Said::new(429, "")),
        Act::Answer(html(429).with("retry-after", "0")),
    ];
    for pair in passing.chunks(2) {
        pair.iter().for_each(|act| provider.upon(coins, act.clone()));
        provider.upon(coins, Act::Answer(good.clone()));
        assert_eq!(client.currencies().await, Ok(vec![coin("btc")]), "{pair:?}");
    }
    assert_eq!(provider.seen(coins), 9);
    provider.always(coins, html(503));
    assert!(is_open(&client.currencies().await.expect_err("away")));
    assert_eq!(provider.seen(coins), 12);
}

#[tokio::test]
async fn a_question_is_not_repeated_where_it_would_only_cost() {
    let provider = Responder::start().await;
    let client = client(&provider);
    let later = CallError::RateLimited { retry_after: Some(Span::seconds(60)) };
    provider.upon("GET /v1/status", Act::Answer(Said::new(429, "").with("retry-after", "60")));
    assert_eq!(client.status().await, Err(later));
    provider.upon("GET /v1/status", Act::Answer(refusal(400, "INVALID_REQUEST_PARAMS")));
    assert_eq!(client.status().await, Err(refused(400, "INVALID_REQUEST_PARAMS")));
    assert_eq!(provider.seen("GET"), 2);
}

#[tokio::test]
async fn a_payment_of_an_older_key_is_found_by_that_key() {
    let provider = Responder::start().await;
    let client = client(&provider);
    let path = "GET /v1/payment/5745459419";
    provider.upon(path, Act::Answer(refusal(404, "NOT_FOUND")));
    provider.upon(path, Act::Answer(refusal(403, "INVALID_API_KEY")));
    provider.upon(path, Act::Answer(Said::new(200, KNOWN)));
    let found = client.payment(&id("5745459419")).await.expect("the payment");
    assert_eq!(found.evidence.actually_paid, Some(amount("0.00000001")));
    let keys = |from: usize| -> Vec<String> {
        let asked = provider.asked(path);
        asked[from..].iter().filter_map(|asked| asked.header("x-api-key")).map(str::to_owned).collect()
    };
    assert_eq!(keys(0), ["new-key", "old-key", "oldest-key"]);
    assert_eq!(client.payment(&id("5745459419")).await, Err(CallError::NotFound));
    assert_eq!(keys(3), ["new-key", "old-key", "oldest-key"], "each was asked once");
    provider.upon(path, Act::Answer(refusal(403, "INVALID_API_KEY")));
    assert_eq!(client.payment(&id("5745459419")).await, Err(refused(403, "INVALID_API_KEY")));
    assert_eq!(keys(6), ["new-key"], "a wrong newest key is the operator's to mend");
}

#[tokio::test]
async fn an_id_stays_one_part_of_the_path_and_the_answer_is_about_it() {
    let provider = Responder::start().await;
    provider.always("GET /v1/payment/np", Said::new(200, KNOWN));
    let client = client(&provider);
    assert!(is_open(&client.payment(&id("np/../?x=1#")).await.expect_err("another payment")));
    assert_eq!(provider.asked("GET")[0].line, "GET /v1/payment/np%2F..%2F%3Fx=1%23");
    for path in [".", ".."] {
        assert_eq!(client.payment(&id(path)).await, Err(CallError::NotFound));
    }
    assert_eq!(provider.seen("GET"), 1);
}
