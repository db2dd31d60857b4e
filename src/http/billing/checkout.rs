//! `POST /v1/billing/crypto-checkout`: makes an order, once per idempotency key.
//!
//! Everything is validated before the key is touched: a request that fails does not consume it. The
//! catalogue's price is charged, whatever the client sends.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::actors::checkout::{Checkout, CheckoutRequest};
use crate::config::OrderSettings;
use crate::domain::access::Permission;
use crate::domain::catalogue::{Catalogue, ProductCode};
use crate::domain::idempotency::{Asked, IdempotencyKey};
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::money::{Coin, CoinAmount};
use crate::domain::order::{Order, StatusName};
use crate::domain::time::Timestamp;
use crate::http::error::ApiError;
use crate::http::extract::Customer;
use crate::http::fields::Fields;
use crate::http::openapi::problems::{self, example};
use crate::http::openapi::samples;
use crate::http::openapi::schemas::{CataloguedProduct, IdempotencyKeyHeader};
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer, body};

/// The longest customer's note.
pub const NOTE_CHARS_MAX: usize = 500;
/// The longest code of a product or a currency that is looked at.
pub const CODE_CHARS_MAX: usize = 64;
const PRICE_CENTS_MAX: i64 = 1_000_000;
const PAY_CURRENCY_CHARS_MAX: usize = 32;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What a checkout answers. The payment's fields are null where no payment was made yet, and once the order is no
/// longer pending.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!(samples::checkout()))]
struct CheckoutAnswer<'a> {
    order_id: OrderId,
    product: &'a ProductCode,
    /// The catalogue's price, in the currency's minor unit.
    #[schema(minimum = 1, example = 7900)]
    price_cents: i64,
    #[schema(pattern = "^[A-Z]{3}$", example = "USD")]
    price_currency: &'a str,
    #[schema(value_type = StatusName)]
    status: &'static str,
    /// `stub` while no payment was made for the order: no provider is configured, or it could not be reached. The
    /// same request under the same key tries again.
    #[schema(pattern = "^(nowpayments|stub)$", example = "nowpayments")]
    provider: &'static str,
    #[schema(required = true)]
    payment_id: Option<&'a PaymentId>,
    /// Where the coins are to go.
    #[schema(required = true)]
    payment_address: Option<&'a str>,
    /// The coin's code.
    #[schema(required = true)]
    pay_currency: Option<&'a str>,
    /// How much of the coin, in the provider's own digits.
    #[schema(required = true, value_type = Option<f64>, minimum = 0)]
    pay_amount: Option<Box<RawValue>>,
    /// A memo or tag that some networks need beside the address.
    #[schema(required = true)]
    payin_extra_id: Option<&'a str>,
    #[schema(required = true)]
    network: Option<&'a str>,
    /// The end of the pay window while the order is pending.
    #[schema(required = true)]
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    /// A page for the buyer that shows all of this and how the order stands, always up to date. Whoever has the
    /// address sees the page; it is the same for ever.
    #[schema(example = "https://pay.example.com/pay/AYkKXZbnfJ-KCxwtPk9aaxsMKW69oW72GzDns-7ku60")]
    pay_url: String,
}

/// What is to be bought.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; `read` reads it field by field")]
struct CheckoutBody {
    product: CataloguedProduct,
    /// What the client believes the price to be, in minor units. The catalogue's is charged.
    #[schema(minimum = 1, maximum = 1_000_000, example = 7900)]
    price_cents: i64,
    /// Three upper-case letters.
    #[schema(pattern = "^[A-Z]{3}$", example = "USD")]
    price_currency: String,
    /// The coin to pay in, in any case; without it the service's default.
    #[schema(max_length = 32, pattern = "^[0-9A-Za-z_-]*$", example = "btc")]
    pay_currency: Option<String>,
    /// A note of at most 500 characters; the customer may change it later.
    #[schema(max_length = 500, pattern = r"^[^\u0000]*$", example = "For Ada.")]
    customer_note: Option<String>,
}

/// Makes an order.
///
/// The first use of a key makes the order; every later use, at once or after years, on this node or another,
/// answers 201 with that order in its present status and `Idempotent-Replayed: 1`. A request that fails
/// validation does not use up its key. Without a key every request makes an order.
#[utoipa::path(post, path = "/v1/billing/crypto-checkout", operation_id = "create_checkout",
    tag = "Orders", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<IdempotencyKeyHeader>, Header,
        description = "Names this purchase. 1 to 255 printable ASCII characters without blanks (0x21 to 0x7E), after \
            blanks around it and one surrounding pair of quotes are removed; blank is as good as absent; of several \
            the first counts. Its scope is the account.")),
    request_body = CheckoutBody,
    responses(
        (status = 201, description = "The order, and how it is paid. Payment fields are null while no payment was made for it, \
            and once it is no longer pending.",
            body = CheckoutAnswer, headers(("Idempotent-Replayed" = String,
                description = "`1` if the key was used before, and the order is the one it made; else absent."))),
        (status = 422, description = "The key was used with another body, and this service is set to refuse that \
            (`idempotency.on_mismatch = \"reject\"`).", body = ProblemDocument,
            example = json!(example(&problems::key_reused()))),
    ),
)]
pub async fn create(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::WriteOrders).await?;
    let fields = body::required(&request, payload).await?;
    let key = request.headers().get(IDEMPOTENCY_KEY).map_or(&b""[..], HeaderValue::as_bytes);
    let checkout = read(fields, key, &Buyer { customer, settings: &shared.settings.orders })?;
    // Before anything is written: an order that stands is answered with all its fields.
    let pages = shared.pay_links().await?;
    match shared.desk.take(checkout).await? {
        Checkout::Created(order) => answer::created(&CheckoutAnswer::of(&order, pages.address(order.id))?),
        Checkout::Replayed(order) => {
            let mut response = answer::created(&CheckoutAnswer::of(&order, pages.address(order.id))?)?;
            response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("1"));
            Ok(response)
        }
    }
}

/// Who buys, and what can be bought.
struct Buyer<'a> {
    customer: Customer,
    settings: &'a OrderSettings,
}

fn read(mut fields: Fields, key: &[u8], buyer: &Buyer<'_>) -> Result<CheckoutRequest, ApiError> {
    let settings = buyer.settings;
    let product = product(&mut fields, &settings.catalogue);
    let price_cents = fields.integer("price_cents", 1..=PRICE_CENTS_MAX);
    let price_currency = fields.text("price_currency", CODE_CHARS_MAX);
    check_currency(&mut fields, &price_currency);
    let pay_currency = pay_currency(&mut fields);
    let customer_note = fields.optional_text("customer_note", NOTE_CHARS_MAX);
    let key = IdempotencyKey::parse(key).unwrap_or_else(|invalid| {
        fields.wrong_form(invalid.to_string());
        None
    });
    fields.finish()?;
    let asked = Asked { product, price_cents, price_currency };
    report_other_price(&asked, buyer);
    let Customer { account_id, tier } = buyer.customer;
    Ok(CheckoutRequest { account_id, tier, asked, pay_currency, customer_note, key })
}

/// The product's code, which the catalogue must know.
pub fn product(fields: &mut Fields, catalogue: &Catalogue) -> String {
    let product = fields.text("product", CODE_CHARS_MAX);
    if !fields.is_wrong("product") && catalogue.find(&product).is_none() {
        let known = catalogue.codes().map(ProductCode::as_str).collect::<Vec<_>>().join(", ");
        fields.wrong("product", format!("product must be one of {known}."));
    }
    product
}

/// Notes a currency that is not three upper-case letters.
pub fn check_currency(fields: &mut Fields, text: &str) {
    let shaped = text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
    if !shaped && !fields.is_wrong("price_currency") {
        fields.wrong("price_currency", "price_currency must be three upper-case letters.");
    }
}

fn pay_currency(fields: &mut Fields) -> Option<Coin> {
    let text = fields.optional_text("pay_currency", PAY_CURRENCY_CHARS_MAX)?;
    let coin = Coin::parse(&text);
    if coin.is_none() && !fields.is_wrong("pay_currency") {
        fields.wrong("pay_currency", "pay_currency must be a coin code of letters and digits, such as btc.");
    }
    coin
}

/// A client with another price in mind is a sign of a stale price list, or of somebody trying.
fn report_other_price(asked: &Asked, buyer: &Buyer<'_>) {
    let Some((_, price)) = buyer.settings.catalogue.find(&asked.product) else { return };
    if asked.price_cents != price.cents || asked.price_currency != price.currency.as_str() {
        tracing::warn!(
            event = "crypto_checkout_price_override_attempt",
            account.id = %buyer.customer.account_id,
            product = asked.product,
            asked_price_cents = asked.price_cents,
            asked_price_currency = asked.price_currency,
            price_cents = price.cents,
            price_currency = price.currency.as_str(),
            "a checkout named another price than the catalogue's, which is charged"
        );
    }
}

impl<'a> CheckoutAnswer<'a> {
    /// The order, and how it is paid while it is to be paid. Only the bound payment is ever shown, and only if its
    /// address is known.
    fn of(order: &'a Order, pay_url: String) -> Result<Self, ApiError> {
        let made = order.ledger.bound().and_then(|payment| Some((payment, payment.pay_to.as_ref()?)));
        let shown = made.filter(|_| order.expires_at().is_some());
        Ok(Self {
            order_id: order.id,
            product: &order.product,
            price_cents: order.price.cents,
            price_currency: order.price.currency.as_str(),
            status: order.status.name().as_str(),
            provider: if made.is_some() { "nowpayments" } else { "stub" },
            payment_id: shown.map(|(payment, _)| &payment.id),
            payment_address: shown.map(|(_, pay_to)| pay_to.address.as_str()),
            pay_currency: shown.and_then(|(payment, _)| payment.coin.as_ref()).map(Coin::as_str),
            pay_amount: shown.and_then(|(payment, _)| payment.pay_amount.as_ref()).map(number).transpose()?,
            payin_extra_id: shown.and_then(|(_, pay_to)| pay_to.extra_id.as_deref()),
            network: shown.and_then(|(_, pay_to)| pay_to.network.as_deref()),
            expires_at: order.expires_at(),
            created_at: order.created_at,
            pay_url,
        })
    }
}

/// A JSON number of these very digits.
fn number(amount: &CoinAmount) -> Result<Box<RawValue>, ApiError> {
    RawValue::from_string(amount.to_string()).map_err(|error| ApiError::Broken(error.to_string().into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use uuid::Uuid;

    use crate::domain::access::Tier;

    use super::*;
    use crate::domain::ids::AccountId;
    use crate::domain::lifecycle::Rules;
    use crate::domain::money::{Currency, Price};
    use crate::domain::time::Span;

    fn asked(body: Value, key: &[u8]) -> Result<CheckoutRequest, ApiError> {
        let price = Price { cents: 7900, currency: Currency::parse("USD").unwrap() };
        let settings = OrderSettings {
            catalogue: Catalogue::new(BTreeMap::from([(ProductCode::parse("solo_manual").unwrap(), price)])),
            pay_window: Span::minutes(60),
            pay_currency: Coin::parse("btc"),
            rules: Rules::SHIPPED,
        };
        let customer = Customer { account_id: AccountId::new(Uuid::nil()), tier: Tier::Free };
        let Value::Object(object) = body else { panic!("{body} is no object") };
        read(Fields::new(object), key, &Buyer { customer, settings: &settings })
    }

    fn body() -> Value {
        json!({"product": "solo_manual", "price_cents": 7900, "price_currency": "USD"})
    }

    fn issues(result: Result<CheckoutRequest, ApiError>) -> Value {
        match result {
            Err(ApiError::Invalid(issues)) => serde_json::to_value(issues).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_least_a_checkout_says_is_enough() {
        let request = asked(body(), b"").unwrap();
        // The desk knows the coin of a checkout that names none.
        assert_eq!((request.pay_currency, request.key, request.customer_note), (None, None, None));
    }

    #[test]
    fn another_price_than_the_catalogue_s_is_taken_down_as_it_was_sent() {
        let mut body = body();
        body["price_cents"] = json!(1);
        body["price_currency"] = json!("EUR");
        let request = asked(body, b" \"k-1\" ").unwrap();
        assert_eq!((request.asked.price_cents, request.asked.price_currency.as_str()), (1, "EUR"));
        assert_eq!(request.key.unwrap().as_str(), "k-1");
    }

    #[test]
    fn an_unknown_product_and_a_bad_key_are_told_together() {
        let mut body = body();
        body["product"] = json!("free_lunch");
        assert_eq!(
            issues(asked(body, b"two words")),
            json!({
                "fieldErrors": {"product": ["product must be one of solo_manual."]},
                "formErrors": ["Idempotency-Key must be 1-255 ASCII chars (no whitespace)."],
            })
        );
    }

    #[test]
    fn codes_that_are_none_are_refused() {
        for (field, wrong) in [
            ("price_currency", json!("usd")),
            ("price_currency", json!("US")),
            ("pay_currency", json!("b t c")),
            ("pay_currency", json!("b\0")),
            ("pay_currency", json!("x".repeat(33))),
            ("product", json!("solo_manual\0")),
        ] {
            let mut body = body();
            body[field] = wrong;
            assert_eq!(issues(asked(body, b""))["fieldErrors"].as_object().unwrap().keys().next().unwrap(), field);
        }
    }
}
