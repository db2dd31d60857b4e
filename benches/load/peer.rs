//! A plain service of the same interface, which ours is measured beside.
//!
//! It has checkouts with idempotency keys, signed IPNs and one read, each as fast as one statement makes it. There are no tiers, no limits, no evidence, no deliveries, no search and no operators. This
//! program is both: started with `--peer` it is the service, told where to listen by the variables that ours reads.

mod ledger;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fmt, io, thread};

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, get, post};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, ResponseError, rt};
use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;
use tokio_postgres::error::SqlState;
use uuid::{Builder, Uuid};

use ledger::{Checkout, Ledger, Outcome, Purchase};

/// The argument that makes this program the service.
const ARGUMENT: &str = "--peer";
/// The key of its one account.
pub const API_KEY: &str = "a-key-for-the-benchmark-only";
const ACCOUNT: i64 = 1;
/// The connections to PostgreSQL, all workers' together.
const CONNECTIONS: usize = 16;

/// The service as a command, without its settings.
pub fn command() -> Command {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.arg(ARGUMENT);
    command
}

/// What its tables hold after so many acknowledged checkouts and IPNs.
pub fn counts(made: u64, paid: u64) -> [(&'static str, u64); 4] {
    [
        ("select count(*) from orders", made),
        ("select count(*) from checkout_keys", made),
        ("select count(*) from orders where status = 'paid'", paid),
        ("select count(*) from order_events", made + paid),
    ]
}

/// True if this process is to be the service.
pub fn is_asked_for() -> bool {
    env::args().any(|argument| argument == ARGUMENT)
}

/// Serves until it is told to stop.
pub fn serve() {
    rt::System::new().block_on(listen()).expect("the service runs to its end");
}

async fn listen() -> io::Result<()> {
    let setting = |name: &str| env::var(name).map_err(|_| io::Error::other(format!("{name} is not set")));
    let (url, secret) = (setting("DATABASE_URL")?, setting("CRYPTO_ORDERS_IPN_SECRET")?);
    ledger::keep(&url).await.map_err(io::Error::other)?;
    let workers = thread::available_parallelism()?.get();
    let server = HttpServer::new(move || {
        let (url, secret) = (url.clone(), secret.clone());
        App::new()
            .data_factory(move || Peer::open(url.clone(), secret.clone(), CONNECTIONS.div_ceil(workers)))
            .route("/healthz", get().to(HttpResponse::Ok))
            .route("/v1/billing/crypto-checkout", post().to(check_out))
            .route("/v1/billing/crypto-orders/{order_id}", get().to(show_order))
            .route("/v1/webhooks/nowpayments", post().to(take_ipn))
    });
    server.workers(workers).bind(setting("CRYPTO_ORDERS_LISTEN")?)?.run().await
}

/// What each worker holds.
struct Peer {
    ledger: Ledger,
    key_digest: [u8; 32],
    keyed: Hmac<Sha512>,
}

impl Peer {
    async fn open(url: String, secret: String, connections: usize) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            ledger: Ledger::open(&url, connections).await?,
            key_digest: Sha256::digest(API_KEY).into(),
            keyed: Hmac::new_from_slice(secret.as_bytes()).expect("any length will do"),
        })
    }

    /// Returns the account whose key the request bears.
    fn account(&self, request: &HttpRequest) -> Result<i64, Refusal> {
        let key = header(request, "authorization").and_then(|text| text.strip_prefix("Bearer "));
        let digest: [u8; 32] = Sha256::digest(key.unwrap_or_default()).into();
        if bool::from(digest.ct_eq(&self.key_digest)) { Ok(ACCOUNT) } else { Err(Refusal::UNAUTHORIZED) }
    }
}

/// An answer that is no success.
#[derive(Debug)]
struct Refusal(StatusCode, &'static str);

impl Refusal {
    const BAD_BODY: Self = Self(StatusCode::BAD_REQUEST, "bad_body");
    const CONFLICT: Self = Self(StatusCode::CONFLICT, "conflict");
    const NOT_FOUND: Self = Self(StatusCode::NOT_FOUND, "not_found");
    const UNAUTHORIZED: Self = Self(StatusCode::UNAUTHORIZED, "unauthorized");
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.0
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.0).json(json!({ "error": self.1 }))
    }
}

impl From<tokio_postgres::Error> for Refusal {
    fn from(error: tokio_postgres::Error) -> Self {
        // A payment that has paid another order.
        let taken = error.code() == Some(&SqlState::UNIQUE_VIOLATION);
        if taken { Self::CONFLICT } else { Self(StatusCode::INTERNAL_SERVER_ERROR, "database") }
    }
}

async fn check_out(peer: Data<Peer>, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Refusal> {
    let account = peer.account(&request)?;
    let key = header(&request, "idempotency-key").filter(|key| (1..=255).contains(&key.len()));
    let key = key.ok_or(Refusal(StatusCode::BAD_REQUEST, "idempotency_key_required"))?;
    let body = sorted(&body)?;
    let purchase: Purchase = serde_json::from_str(&body).map_err(|_| Refusal::BAD_BODY)?;
    if !is_sound(&purchase) {
        return Err(Refusal::BAD_BODY);
    }
    let order = new_id()?.to_string();
    let checkout = Checkout { account, key, order: &order, body: &body, purchase: &purchase };
    match peer.ledger.make(&checkout).await? {
        Outcome::New(order) => Ok(HttpResponse::Created().json(order)),
        Outcome::Repeated(order) => {
            Ok(HttpResponse::Created().insert_header(("idempotent-replayed", "true")).json(order))
        }
        Outcome::Reused => Err(Refusal(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused")),
    }
}

/// What the service reads of an IPN.
#[derive(Deserialize)]
struct Ipn {
    payment_id: i64,
    payment_status: String,
    order_id: String,
}

async fn take_ipn(peer: Data<Peer>, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Refusal> {
    let signature = header(&request, "x-nowpayments-sig").unwrap_or_default();
    let signature = HEXLOWER_PERMISSIVE.decode(signature.as_bytes()).map_err(|_| Refusal::UNAUTHORIZED)?;
    let body = sorted(&body)?;
    let verified = peer.keyed.clone().chain_update(&body).verify_slice(&signature);
    verified.map_err(|_| Refusal::UNAUTHORIZED)?;
    let ipn: Ipn = serde_json::from_str(&body).map_err(|_| Refusal::BAD_BODY)?;
    if ipn.payment_status != "finished" {
        return Ok(HttpResponse::Ok().json(json!({ "ok": true, "ignored": true })));
    }
    let status = peer.ledger.settle(&order_id(&ipn.order_id)?, ipn.payment_id, &body).await?;
    let status = status.ok_or(Refusal::CONFLICT)?;
    Ok(HttpResponse::Ok().json(json!({ "ok": true, "order_state": status })))
}

async fn show_order(peer: Data<Peer>, request: HttpRequest, id: Path<String>) -> Result<HttpResponse, Refusal> {
    let account = peer.account(&request)?;
    let order = peer.ledger.show(&order_id(&id)?, account).await?;
    Ok(HttpResponse::Ok().json(order.ok_or(Refusal::NOT_FOUND)?))
}

/// The id as it is written, if it may be one.
fn order_id(text: &str) -> Result<String, Refusal> {
    Uuid::parse_str(text).map(|id| id.to_string()).map_err(|_| Refusal::NOT_FOUND)
}

fn header<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}

fn is_sound(purchase: &Purchase) -> bool {
    let Purchase { product, price_cents, price_currency, pay_currency } = purchase;
    let is_currency = price_currency.len() == 3 && price_currency.bytes().all(|letter| letter.is_ascii_uppercase());
    let is_coin = (2..=20).contains(&pay_currency.len()) && pay_currency.bytes().all(|one| one.is_ascii_alphanumeric());
    (1..=100).contains(&product.len()) && *price_cents > 0 && is_currency && is_coin
}

/// An id whose first bits are the time, so that the newest rows lie side by side.
fn new_id() -> Result<Uuid, Refusal> {
    let failed = Refusal(StatusCode::INTERNAL_SERVER_ERROR, "randomness");
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|_| failed)?;
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(age.as_millis()).unwrap_or_default();
    Ok(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// The body with the keys of its objects sorted, as the provider signs it.
fn sorted(body: &[u8]) -> Result<String, Refusal> {
    let mut text = String::with_capacity(body.len());
    let value: &RawValue = serde_json::from_slice(body).map_err(|_| Refusal::BAD_BODY)?;
    write_sorted(value, &mut text).map_err(|_| Refusal::BAD_BODY)?;
    Ok(text)
}

/// Writes a value so; whatever is no object keeps its spelling, because a number's is signed.
fn write_sorted(value: &RawValue, text: &mut String) -> serde_json::Result<()> {
    if !value.get().starts_with('{') {
        text.push_str(value.get());
        return Ok(());
    }
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(value.get())?;
    let mut before = '{';
    for (name, value) in fields {
        text.push(before);
        text.push_str(&serde_json::to_string(&name)?);
        text.push(':');
        write_sorted(value, text)?;
        before = ',';
    }
    text.push_str(if before == '{' { "{}" } else { "}" });
    Ok(())
}
