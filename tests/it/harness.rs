//! The service as its users meet it: on a port of its own, over a fresh database, with time in our hands.
//!
//! [`TestApp::spawn`] starts it; requests go over real HTTP; [`TestApp::advance`] moves its clock and lets
//! the sweeper look. A second node on the same database is [`TestApp::beside`].

pub mod browser;
pub mod door;
pub mod load;
pub mod operator;
pub mod pages;
pub mod process;
pub mod responder;
pub mod simulated;
pub mod sink;
pub mod sql;
pub mod stock;
pub mod terminal;
pub mod wire;

use std::sync::Arc;

use crypto_orders::app::{App, Outside};
use crypto_orders::clock::{Clock, fresh_uuid, random_bytes};
use crypto_orders::config::{Reach, Settings, Sources, load};
use crypto_orders::domain::access::{Account, ApiKey, KeyKind, PlaintextKey, Scope, Tier};
use crypto_orders::domain::ids::{AccountId, KeyId};
use crypto_orders::domain::time::{Span, Timestamp};
use crypto_orders::provider::signature::sign;
use crypto_orders::provider::simulator::Simulator;
use crypto_orders::store::{Opener, Store};
use crypto_orders::webhooks::names::Names;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::engines::{Database, Engine};

/// The secret that the provider signs with in these tests.
pub const IPN_SECRET: &str = "test-ipn-secret-0001";
/// When every test begins, unless it says otherwise.
pub const START: &str = "2026-05-12T12:00:00.000Z";

/// A running node with an account, its key and an operator's key.
pub struct TestApp {
    pub app: App,
    pub store: Store,
    pub clock: Clock,
    pub account: AccountId,
    pub customer: String,
    pub operator: String,
    pub database: Arc<Database>,
    engine: Engine,
    client: Client,
    base: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text))
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The status as a number.
    pub fn code(&self) -> u16 {
        self.status.as_u16()
    }

    /// Asserts what every answer under `/v1` carries, whoever made it.
    pub fn framed(&self) {
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains; preload"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "SAMEORIGIN"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store, private"),
        ] {
            assert_eq!(self.header(name), Some(value), "{name}: {self:?}");
        }
        let id = self.header("x-request-id").unwrap_or_default();
        assert!((1..=128).contains(&id.len()), "{self:?}");
    }

    /// Asserts a problem of this status and slug, and answers its detail.
    pub fn problem(&self, code: u16, slug: &str) -> String {
        assert_eq!(self.code(), code, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json; charset=utf-8"), "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["type"], format!("https://errors.driftstack.dev/{slug}"), "{problem}");
        assert_eq!(problem["status"], code, "{problem}");
        assert_eq!(problem["instance"].as_str(), self.header("x-request-id"), "{problem}");
        problem["detail"].as_str().unwrap_or_default().to_owned()
    }
}

impl TestApp {
    /// A node with default settings on a fresh database.
    pub async fn spawn(engine: Engine) -> Self {
        Self::spawn_with(engine, |_| {}).await
    }

    /// A node whose settings were changed by `set`.
    pub async fn spawn_with(engine: Engine, set: impl FnOnce(&mut Settings)) -> Self {
        Self::spawn_named(engine, Names::System, set).await
    }

    /// The same, and endpoints' names lead where these say.
    pub async fn spawn_named(engine: Engine, names: Names, set: impl FnOnce(&mut Settings)) -> Self {
        let database = tokio::task::spawn_blocking(move || engine.database(migrate)).await.expect("a database");
        let clock = Clock::manual(Timestamp::parse(START).expect("a time"));
        let set = simulated::fresh(clock.clone(), set);
        let set = |settings: &mut Settings| Outside { simulator: set(settings), names };
        Self::start(engine, Arc::new(database), clock, set).await
    }

    /// Another node on the same database, with the same clock and the same provider; its own account and keys.
    pub async fn beside(&self, set: impl FnOnce(&mut Settings)) -> Self {
        let set = by_the_systems_names(simulated::shared(&self.app, set));
        Self::start(self.engine, self.database.clone(), self.clock.clone(), set).await
    }

    /// A node on a database that is there already.
    pub async fn over(engine: Engine, database: Database, clock: Clock) -> Self {
        Self::start(engine, Arc::new(database), clock, by_the_systems_names(|_| None)).await
    }

    /// Stops this node in an orderly way and starts it again on what it left behind, with its keys.
    pub async fn restart(self, set: impl FnOnce(&mut Settings)) -> Self {
        let (account, customer, operator) = (self.account, self.customer, self.operator);
        let (engine, database, clock) = (self.engine, self.database, self.clock);
        let set = by_the_systems_names(simulated::kept(&self.app, set));
        self.app.stop().await;
        drop(self.store);
        let fresh = Self::start(engine, database, clock, set).await;
        Self { account, customer, operator, ..fresh }
    }

    /// Starts a node with the settings that `set` changes, among what it answers.
    async fn start(
        engine: Engine,
        database: Arc<Database>,
        clock: Clock,
        set: impl FnOnce(&mut Settings) -> Outside,
    ) -> Self {
        let mut settings = settings(&database.url);
        let outside = set(&mut settings);
        // No test sends anything to anybody outside.
        let stays_inside = settings.webhooks.reach == Reach::Local || matches!(outside.names, Names::Told(_));
        settings.webhooks.automatic &= stays_inside;
        let (url, time) = (database.url.clone(), clock.clone());
        let open = tokio::task::spawn_blocking(move || open_when_free(&url, &time));
        let store = open.await.expect("the store opens");
        let app = App::start_with(settings, clock.clone(), store.clone(), outside).expect("the app starts");
        let base = format!("http://{}", app.local_addr());
        let now = clock.now();
        let account = AccountId::new(fresh_uuid(now));
        let row = Account { id: account, name: "Test".to_owned(), tier: Tier::Enterprise, created_at: now };
        store.account_insert(row).await.expect("an account");
        let customer = mint(&store, now, Some(account), &[Scope::AccountOwner]).await;
        let operator = mint(&store, now, None, &[Scope::InternalAdmin]).await;
        // The first one installed serves the whole process.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = client(Client::builder());
        Self { app, store, clock, account, customer, operator, database, engine, client, base }
    }

    /// The engine that it runs on.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Where it answers, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The account's further key with these scopes.
    pub async fn key(&self, scopes: &[Scope]) -> String {
        mint(&self.store, self.clock.now(), Some(self.account), scopes).await
    }

    /// Another account, and its key.
    pub async fn stranger(&self, tier: Tier) -> (AccountId, String) {
        let now = self.clock.now();
        let id = AccountId::new(fresh_uuid(now));
        let row = Account { id, name: "Stranger".to_owned(), tier, created_at: now };
        self.store.account_insert(row).await.expect("an account");
        (id, mint(&self.store, now, Some(id), &[Scope::AccountOwner]).await)
    }

    /// Moves the clock, lets happen at the provider what is due, and lets sweeper, poller and courier look once.
    pub async fn advance(&self, span: Span) {
        self.clock.advance(span);
        if let Some(simulator) = self.app.simulator() {
            simulator.run_due().await;
        }
        self.app.wake_sweeper().await;
        self.app.wake_poller().await;
        self.app.wake_courier().await;
    }

    /// A request without a key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.expect("a body of text");
        Answer { status, headers, text }
    }

    /// `GET` with the customer's key.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(&self.customer)).await
    }

    /// A request with a JSON body and the customer's key.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(json_body(self.request(method, path), body).bearer_auth(&self.customer)).await
    }

    /// `GET` below `/v1/admin/crypto-orders` with the operator's key.
    pub async fn admin(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, &admin_path(path)).bearer_auth(&self.operator)).await
    }

    /// A request with a JSON body below `/v1/admin/crypto-orders` with the operator's key.
    pub async fn admin_call(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(json_body(self.request(method, &admin_path(path)), body).bearer_auth(&self.operator)).await
    }

    /// A checkout of `solo_manual`, under a key if one is given.
    pub async fn checkout(&self, key: Option<&str>) -> Answer {
        self.checkout_of(&order_body(), key).await
    }

    /// A checkout with this body.
    pub async fn checkout_of(&self, body: &Value, key: Option<&str>) -> Answer {
        let request = json_body(self.request(Method::POST, "/v1/billing/crypto-checkout"), body);
        let request = request.bearer_auth(&self.customer);
        self.send(key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key))).await
    }

    /// A new order's id.
    pub async fn order(&self) -> String {
        let answer = self.checkout(None).await;
        assert_eq!(answer.code(), 201, "{}", answer.text);
        answer.json()["order_id"].as_str().expect("an order id").to_owned()
    }

    /// An order as operators see it.
    pub async fn look(&self, order: &str) -> Value {
        let answer = self.admin(&format!("/{order}")).await;
        assert_eq!(answer.code(), 200, "{}", answer.text);
        answer.json()
    }

    /// `status/source` of each event of an order, oldest first.
    pub async fn steps(&self, order: &str) -> Vec<String> {
        let events = self.look(order).await["events"].as_array().cloned().unwrap_or_default();
        let word = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
        events.iter().map(|event| format!("{}/{}", word(event, "status"), word(event, "source"))).collect()
    }

    /// A signed IPN with this body.
    pub async fn ipn(&self, body: &Value) -> Answer {
        self.ipn_raw(&body.to_string()).await
    }

    /// A signed IPN of these very bytes.
    pub async fn ipn_raw(&self, body: &str) -> Answer {
        let signature = sign(IPN_SECRET, body.as_bytes()).expect("a secret");
        let request = self.request(Method::POST, "/v1/webhooks/nowpayments");
        self.send(request.header("x-nowpayments-sig", signature).body(body.to_owned())).await
    }
}

/// What a payment of `solo_manual` for an order looks like: price, amounts and coin as quoted, and paid.
pub fn payment(order: &str, payment: &str, status: &str) -> Value {
    json!({
        "payment_id": payment,
        "payment_status": status,
        "order_id": order,
        "price_amount": 79,
        "price_currency": "usd",
        "pay_amount": 0.5,
        "actually_paid": if matches!(status, "waiting" | "expired") { json!(0) } else { json!(0.5) },
        "pay_currency": "eth",
    })
}

/// Sends the IPN of a payment and its word with some fields changed; answers the order's state.
pub async fn told(app: &TestApp, order: &str, [id, word]: [&str; 2], fields: Value) -> Value {
    let mut body = payment(order, id, word);
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    let answer = app.ipn(&body).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    answer.json()["order_state"].clone()
}

/// A checkout's body.
pub fn order_body() -> Value {
    json!({ "product": "solo_manual", "price_cents": 7900, "price_currency": "USD" })
}

/// The settings of a test: any port, no rate limits, a known IPN secret.
pub fn settings(database_url: &str) -> Settings {
    let flags = vec![
        ("listen", "127.0.0.1:0".to_owned()),
        ("database_url", database_url.to_owned()),
        ("rate_limits", "off".to_owned()),
        ("ipn_secret", IPN_SECRET.to_owned()),
        ("provider", "none".to_owned()),
    ];
    load(&Sources { flags, ..Sources::default() }).expect("settings")
}

/// Brings an empty database to the schema.
pub fn migrate(url: &str) {
    drop(Store::open(url, Clock::system(), Opener::Command).expect("the schema"));
}

/// Looks again and again until something is found; what takes longer than some seconds has failed.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    for _ in 0..400 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("waited in vain for {what}")
}

/// Such a simulator, and the system's resolver.
fn by_the_systems_names(set: impl FnOnce(&mut Settings) -> Option<Simulator>) -> impl FnOnce(&mut Settings) -> Outside {
    |settings| Outside { simulator: set(settings), names: Names::System }
}

/// Opens the store; the last server's lock on the file may be let go a moment after its end.
fn open_when_free(url: &str, clock: &Clock) -> Store {
    for _ in 0..200 {
        match Store::open(url, clock.clone(), Opener::Server) {
            Err(crypto_orders::store::StoreError::Locked(_)) => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            opened => return opened.expect("the store opens"),
        }
    }
    panic!("the file stays locked")
}

/// A client that asks by itself, and follows no redirect.
fn client(builder: reqwest::ClientBuilder) -> Client {
    builder.no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

async fn mint(store: &Store, now: Timestamp, account_id: Option<AccountId>, scopes: &[Scope]) -> String {
    let kind = if account_id.is_some() { KeyKind::Live } else { KeyKind::Admin };
    let plaintext = PlaintextKey::new(kind, random_bytes());
    let key = ApiKey {
        id: KeyId::new(fresh_uuid(now)),
        name: "test".to_owned(),
        key_prefix: plaintext.prefix().to_owned(),
        key_hash: plaintext.hash(),
        scopes: scopes.to_vec(),
        account_id,
        last_used_at: None,
        revoked_at: None,
        expires_at: None,
        created_at: now,
        replaced_by: None,
    };
    store.key_insert(key).await.expect("a key");
    plaintext.reveal().to_owned()
}

/// The request with a body of JSON.
pub fn json_body(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("Content-Type", "application/json").body(body.to_string())
}

fn admin_path(rest: &str) -> String {
    format!("/v1/admin/crypto-orders{rest}")
}
