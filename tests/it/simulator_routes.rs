//! The provider's routes alone, held against the table of what the provider really answers.
//!
//! Time stands still or is moved by hand, and nobody listens where the IPNs go.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::time::Duration;

use crypto_orders::clock::Clock;
use crypto_orders::config::Secret;
use crypto_orders::domain::time::{Span, Timestamp};
use crypto_orders::provider::simulator::{Pace, Scenario, Simulator, Target};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Answer, IPN_SECRET, START, eventually};

/// The provider on a port of its own.
pub struct Stand {
    pub simulator: Simulator,
    pub clock: Clock,
    pub base: String,
    pub client: Client,
}

impl Stand {
    pub fn new(seed: u64) -> Self {
        let clock = Clock::manual(Timestamp::parse(START).expect("a time"));
        let secret = Some(Secret::new(IPN_SECRET.to_owned()));
        let simulator = Simulator::new(seed, clock.clone(), secret).expect("a simulator");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}/simulator/v1", listener.local_addr().expect("an address"));
        actix::spawn(simulator.clone().serve(listener).expect("a server"));
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().expect("a client");
        Self { simulator, clock, base, client }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub async fn get(&self, path: &str) -> Answer {
        read(self.request(Method::GET, path).header("x-api-key", "k")).await
    }

    pub async fn create(&self, fields: Value) -> Answer {
        read(self.creation(&fields)).await
    }

    fn creation(&self, fields: &Value) -> RequestBuilder {
        let mut body = json!({
            "price_amount": 79.5, "price_currency": "usd", "pay_currency": "btc", "order_id": "o",
            "ipn_callback_url": "http://127.0.0.1:1/ipn",
        });
        for (name, value) in fields.as_object().expect("fields") {
            body[name] = value.clone();
        }
        self.request(Method::POST, "/payment").header("x-api-key", "k").body(body.to_string())
    }

    async fn token(&self) -> String {
        let body = json!({ "email": "shop@example.com", "password": "p" });
        let answer = read(self.request(Method::POST, "/auth").body(body.to_string())).await;
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    pub async fn list(&self, query: &str, token: &str) -> Answer {
        let request = self.request(Method::GET, &format!("/payment/{query}")).header("x-api-key", "k");
        read(request.bearer_auth(token)).await
    }
}

pub async fn read(request: RequestBuilder) -> Answer {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    Answer { status, headers, text: answer.text().await.expect("a body of text") }
}

/// A refusal's status and code.
pub fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert_eq!((body["status"].clone(), body["statusCode"].as_u64()), (json!(false), Some(answer.code().into())));
    (answer.code(), body["code"].as_str().unwrap_or_default().to_owned())
}

/// The types that each field was seen with.
#[derive(Default)]
struct Seen(BTreeMap<String, BTreeSet<&'static str>>);

impl Seen {
    fn add(&mut self, body: &Value) {
        for (name, value) in body.as_object().expect("an object") {
            let kind = match value {
                Value::Null => "null",
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::String(text) if text == "null" => "'null'",
                Value::String(text) if Timestamp::parse(text).is_some() => "time",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            };
            self.0.entry(name.clone()).or_default().insert(kind);
        }
    }

    /// Asserts the very types of fields: each is met, and no other.
    fn is(&self, expected: Types) {
        for (name, kinds) in expected {
            let met = self.0.get(*name).cloned().unwrap_or_default();
            assert_eq!(met, kinds.iter().copied().collect(), "{name}");
        }
    }
}

/// Fields with all the types that they come with.
type Types = &'static [(&'static str, &'static [&'static str])];

/// The answer to a creation.
const MADE: Types = &[
    ("payment_id", &["string"]),
    ("purchase_id", &["string"]),
    ("price_amount", &["number"]),
    ("pay_amount", &["number", "string"]),
    ("amount_received", &["null", "number"]),
    ("payin_extra_id", &["null", "string"]),
    ("network_precision", &["null", "number", "string"]),
    ("time_limit", &["'null'", "null", "number"]),
    ("burning_percent", &["'null'", "null", "number"]),
    ("created_at", &["time"]),
    ("expiration_estimate_date", &["time"]),
    ("is_fixed_rate", &["bool"]),
];

/// The answer to a question for a payment.
const SHOWN: Types = &[
    ("payment_id", &["number"]),
    ("purchase_id", &["number"]),
    ("invoice_id", &["null"]),
    ("actually_paid", &["number"]),
    ("actually_paid_at_fiat", &[]),
    ("fee", &[]),
    ("outcome_amount", &["null", "number", "string"]),
    ("payin_hash", &["null", "string"]),
    ("payment_extra_ids", &["array"]),
    ("updated_at", &["time"]),
];

/// An IPN.
const TOLD: Types = &[
    ("payment_id", &["number"]),
    ("parent_payment_id", &["null", "number"]),
    ("purchase_id", &["string"]),
    ("invoice_id", &["null", "number"]),
    ("actually_paid_at_fiat", &["number"]),
    ("updated_at", &["number", "time"]),
    ("created_at", &["time"]),
    ("fee", &["object"]),
    ("payment_extra_ids", &["array", "null"]),
];

#[test]
fn every_field_has_the_types_of_the_table_and_no_others() {
    crate::engines::run(async {
        let stand = Stand::new(3);
        let (mut made, mut shown) = (Seen::default(), Seen::default());
        for number in 0..40 {
            let order = format!("o{number}");
            let coin = if number % 2 == 0 { "xrp" } else { "usdtbsc" };
            let answer = stand.create(json!({ "order_id": order, "pay_currency": coin })).await;
            assert_eq!(answer.code(), 201, "{}", answer.text);
            made.add(&answer.json());
            let id = answer.json()["payment_id"].as_str().expect("text").to_owned();
            shown.add(&stand.get(&format!("/payment/{id}")).await.json());
            let plan = stand.simulator.pay(Target::Order(&order), Scenario::PartialThenTopUp, Pace::AsScripted);
            plan.expect("a plan");
            stand.clock.advance(Span::hours(1));
            stand.simulator.run_due().await;
            shown.add(&stand.get(&format!("/payment/{id}")).await.json());
        }
        // Whoever pays to an address that had a further deposit is told of that too.
        stand.simulator.pay(Target::Order("o0"), Scenario::Success, Pace::AsScripted).expect("a plan");
        stand.clock.advance(Span::hours(1));
        stand.simulator.run_due().await;
        made.is(MADE);
        shown.is(SHOWN);
        let mut told = Seen::default();
        stand.simulator.told().iter().for_each(|told_of| {
            told.add(&serde_json::from_str(&told_of.body).expect("JSON"));
        });
        told.is(TOLD);
    });
}

#[test]
fn the_same_seed_and_the_same_requests_give_the_same_bytes() {
    async fn play(seed: u64) -> Vec<String> {
        let stand = Stand::new(seed);
        for (scenario, number) in Scenario::ALL.into_iter().filter(|scenario| !scenario.is_of_creation()).zip(0..) {
            let order = format!("o{number}");
            assert_eq!(stand.create(json!({ "order_id": order })).await.code(), 201);
            stand.simulator.pay(Target::Order(&order), scenario, Pace::AsScripted).expect("a plan");
            stand.clock.advance(Span::minutes(17));
            stand.simulator.run_due().await;
        }
        stand.clock.advance(Span::hours(4));
        stand.simulator.run_due().await;
        let token = stand.token().await;
        assert_eq!(stand.list("?limit=500", &token).await.json()["total"], 16);
        stand.simulator.transcript()
    }
    crate::engines::run(async {
        let first = play(11).await;
        assert!(100 < first.len());
        assert_eq!(first, play(11).await);
        assert_ne!(first, play(12).await);
    });
}

#[test]
fn a_payment_is_known_to_its_key_and_the_list_to_a_login_besides() {
    crate::engines::run(async {
        let stand = Stand::new(5);
        let id = stand.create(json!({})).await.json()["payment_id"].as_str().expect("text").to_owned();
        let path = format!("/payment/{id}");
        let as_key = |key: &'static str, path: &str| read(stand.request(Method::GET, path).header("x-api-key", key));
        assert_eq!(as_key("k", &path).await.json()["payment_id"].to_string(), id);
        assert_eq!(refusal(&as_key("another", &path).await), (404, "NOT_FOUND".to_owned()));
        let invalid = (403, "INVALID_API_KEY".to_owned());
        assert_eq!(refusal(&as_key(" ", &path).await), invalid);
        assert_eq!(refusal(&read(stand.request(Method::GET, "/currencies")).await), invalid);
        // An empty id is the list.
        assert_eq!(refusal(&as_key("k", "/payment/").await), (401, "AUTH_REQUIRED".to_owned()));
        assert_eq!(as_key("", "/status").await.json(), json!({ "message": "OK" }));

        let token = stand.token().await;
        let listed = stand.list("?limit=1&page=0&orderBy=desc", &token).await.json();
        assert_eq!((&listed["total"], &listed["pagesCount"], &listed["limit"]), (&json!(1), &json!(1), &json!(1)));
        assert_eq!(listed["data"][0]["payment_id"].to_string(), id);
        assert_eq!(stand.list("?dateFrom=2026-05-13", &token).await.json()["total"], 0);
        assert_eq!(stand.list("?dateFrom=2026-05-12&dateTo=2026-05-12T12:00:00.000Z", &token).await.json()["total"], 1);
        assert_eq!(refusal(&stand.list("?limit=501", &token).await).0, 400);
        stand.clock.advance(Span::minutes(5));
        assert_eq!(refusal(&stand.list("", &token).await), (401, "AUTH_REQUIRED".to_owned()));
        let blank = read(stand.request(Method::POST, "/auth").body(r#"{"email":"","password":""}"#)).await;
        assert_eq!(refusal(&blank), (403, "ACCESS_DENIED".to_owned()));
    });
}

#[test]
fn the_market_tells_coins_minima_and_estimates_as_the_provider_does() {
    crate::engines::run(async {
        let stand = Stand::new(5);
        let coins = stand.get("/currencies").await.json();
        assert!(coins["currencies"].as_array().is_some_and(|coins| coins.contains(&json!("btc"))), "{coins}");
        let selected = stand.get("/merchant/coins").await.json();
        assert_eq!(selected["selectedCurrencies"][0], "BTC", "{selected}");
        let full = stand.get("/full-currencies").await.json();
        assert_eq!((&full["currencies"][0]["code"], &full["currencies"][0]["enable"]), (&json!("BTC"), &json!(true)));
        let minimum = stand.get("/min-amount?currency_from=btc&currency_to=btc&fiat_equivalent=usd").await.json();
        assert_eq!((&minimum["min_amount"], &minimum["currency_from"]), (&json!(0.00015565), &json!("btc")));
        assert!(minimum["fiat_equivalent"].as_f64().is_some_and(|usd| (10.0..10.01).contains(&usd)), "{minimum}");
        let guessed = stand.get("/min-amount?currency_from=btc").await.json();
        assert_ne!(guessed["min_amount"], minimum["min_amount"], "without a coin of payout it is wrong");
        let estimate = stand.get("/estimate?amount=79&currency_from=usd&currency_to=btc").await.json();
        assert_eq!(estimate["amount_from"], 79);
        let back = stand.get("/estimate?amount=1&currency_from=btc&currency_to=usd").await.json();
        assert!(back["estimated_amount"].to_string().contains("64250.5"), "{back}");
    });
}

#[test]
fn a_creation_is_refused_with_the_provider_s_codes() {
    crate::engines::run(async {
        let stand = Stand::new(5);
        let cases = [
            (json!({ "price_amount": 9.99 }), "AMOUNT_MINIMAL_ERROR"),
            (json!({ "price_amount": 0 }), "INVALID_REQUEST_PARAMS"),
            (json!({ "price_amount": null }), "INVALID_REQUEST_PARAMS"),
            (json!({ "price_currency": "xxx" }), "CURRENCY_UNAVAILABLE"),
            (json!({ "purchase_id": "1" }), "BAD_CREATE_PAYMENT_REQUEST"),
            (json!({ "ipn_callback_url": "shop" }), "INVALID_REQUEST_PARAMS"),
        ];
        for (fields, code) in cases {
            assert_eq!(refusal(&stand.create(fields.clone()).await), (400, code.to_owned()), "{fields}");
        }
        let unknown = refusal(&stand.create(json!({ "pay_currency": "nocoin" })).await);
        assert_eq!(unknown, (500, "INTERNAL_ERROR".to_owned()), "as the provider has it");
        let made = stand.create(json!({ "price_amount": 10 })).await;
        assert_eq!((made.code(), made.text.contains("0.00015565")), (201, true), "{}", made.text);
    });
}

#[test]
fn a_top_up_under_the_same_purchase_gets_the_rest() {
    crate::engines::run(async {
        let stand = Stand::new(5);
        let first = stand.create(json!({})).await.json();
        stand.simulator.pay(Target::Order("o"), Scenario::PartialThenTopUp, Pace::AsScripted).expect("a plan");
        stand.clock.advance(Span::minutes(5));
        stand.simulator.run_due().await;
        let rest = json!({ "purchase_id": first["purchase_id"], "pay_amount": 0.0005 });
        let top_up = stand.create(rest).await.json();
        assert_eq!(top_up["purchase_id"], first["purchase_id"], "{top_up}");
        stand.clock.advance(Span::minutes(15));
        stand.simulator.run_due().await;
        let id = top_up["payment_id"].as_str().expect("text");
        let shown = stand.get(&format!("/payment/{id}")).await.json();
        assert_eq!(
            (&shown["payment_status"], &shown["actually_paid"]),
            (&json!("finished"), &json!(0.0005)),
            "{shown}"
        );
        assert_eq!(stand.simulator.payments_of("o").len(), 2, "no further deposit besides");
    });
}

#[test]
fn a_window_ends_after_seven_days_and_that_of_a_fixed_rate_after_twenty_minutes() {
    crate::engines::run(async {
        let stand = Stand::new(5);
        let id = |made: Answer| made.json()["payment_id"].as_str().expect("text").to_owned();
        let floating = id(stand.create(json!({})).await);
        let fixed = id(stand.create(json!({ "is_fixed_rate": true })).await);
        let status = async |id: &String| stand.get(&format!("/payment/{id}")).await.json()["payment_status"].clone();
        for (span, expected) in [
            (Span::minutes(19), ["waiting", "waiting"]),
            (Span::minutes(1), ["waiting", "expired"]),
            (Span::hours(7 * 24), ["expired", "expired"]),
        ] {
            stand.clock.advance(span);
            stand.simulator.run_due().await;
            assert_eq!([status(&floating).await, status(&fixed).await], expected.map(|word| json!(word)));
        }
    });
}

#[test]
fn creations_fail_in_every_way_that_was_scripted_and_the_list_tells_which_payments_were_made() {
    crate::engines::run(async {
        let stand = Stand::new(5);
        for scenario in [Scenario::RateLimited, Scenario::HtmlError, Scenario::LostAnswer, Scenario::Success] {
            stand.simulator.script_next(scenario);
        }
        let limited = stand.create(json!({ "order_id": "limited" })).await;
        assert_eq!((limited.code(), limited.header("retry-after")), (429, Some("1")));
        let page = stand.create(json!({ "order_id": "page" })).await;
        assert_eq!((page.code(), page.header("content-type")), (502, Some("text/html")));
        assert!(page.text.starts_with("<!DOCTYPE html>"), "{}", page.text);
        let lost = stand.creation(&json!({ "order_id": "lost" })).send().await.expect_err("no answer");
        assert!(!lost.is_timeout() && !lost.is_connect(), "{lost:?}");
        assert_eq!(stand.create(json!({ "order_id": "paid" })).await.code(), 201);
        stand.clock.advance(Span::minutes(2));
        stand.simulator.run_due().await;
        let listed = stand.list("", &stand.token().await).await.json();
        let of = |name: &str| listed["data"].as_array().into_iter().flatten().map(|row| row[name].clone()).collect();
        let (orders, words): (Vec<Value>, Vec<Value>) = (of("order_id"), of("payment_status"));
        assert_eq!((orders, words), (vec![json!("lost"), json!("paid")], vec![json!("waiting"), json!("finished")]));
    });
}

#[test]
fn who_gets_no_answer_hangs_until_let_go() {
    crate::engines::run(async {
        let stand = Stand::new(5);
        for (scenario, made) in [(Scenario::TimeOut, 1), (Scenario::TimeOutUnmade, 0)] {
            stand.simulator.script_next(scenario);
            let hanging = actix::spawn(stand.creation(&json!({ "order_id": scenario.as_str() })).send());
            // Another request is answered meanwhile.
            assert_eq!(stand.get("/status").await.code(), 200);
            eventually("the end of the connection", async || {
                stand.simulator.let_go();
                hanging.is_finished().then_some(())
            })
            .await;
            let error = hanging.await.expect("a task").expect_err("no answer");
            assert!(!error.is_timeout(), "{error:?}");
            assert_eq!(stand.simulator.payments_of(scenario.as_str()).len(), made, "{scenario:?}");
        }
    });
}
