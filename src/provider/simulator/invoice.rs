//! An invoice, as the provider shows a fresh one. It leads nowhere: no page of the provider is simulated, and no payment
//! is made under it.

use bigdecimal::Zero;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::time::Timestamp;

use super::coins;
use super::creation::amount;
use super::json::Json;
use super::refusal::Refusal;
use super::world::World;

/// What an invoice names; other fields are passed over.
#[derive(Deserialize)]
struct Wanted<'b> {
    #[serde(borrow)]
    price_amount: Option<&'b RawValue>,
    price_currency: Option<String>,
    pay_currency: Option<String>,
    order_id: Option<String>,
    order_description: Option<String>,
    ipn_callback_url: Option<String>,
    success_url: Option<String>,
    cancel_url: Option<String>,
    partially_paid_url: Option<String>,
    #[serde(default)]
    is_fixed_rate: bool,
    #[serde(default)]
    is_fee_paid_by_user: bool,
}

/// Makes an invoice.
pub(super) fn made(world: &mut World, body: &str, now: Timestamp) -> Result<Json, Refusal> {
    let wanted: Wanted<'_> =
        serde_json::from_str(body).map_err(|_| Refusal::parameter("the body is not an invoice"))?;
    let price = amount(wanted.price_amount).filter(|price| !price.is_zero());
    let price = price.ok_or_else(|| Refusal::parameter("price_amount must be a number"))?;
    let currency = wanted.price_currency.unwrap_or_default().to_ascii_lowercase();
    if !coins::is_known(&currency) {
        return Err(Refusal::coin(&currency));
    }
    let id = world.fresh_id();
    let text = |text: Option<String>| Json::text_or_null(text.as_deref());
    Ok(Json::object([
        ("id", Json::text(id.to_string())),
        ("token_id", Json::text(world.dice.below(9_000_000_000, "token_id", id).to_string())),
        ("order_id", text(wanted.order_id)),
        ("order_description", text(wanted.order_description)),
        // A text here, where a payment has a number.
        ("price_amount", Json::decimal_text(&price)),
        ("price_currency", Json::text(currency)),
        ("pay_currency", text(wanted.pay_currency.map(|code| code.to_ascii_lowercase()))),
        ("ipn_callback_url", text(wanted.ipn_callback_url)),
        ("invoice_url", Json::text(format!("https://nowpayments.io/payment/?iid={id}"))),
        ("success_url", text(wanted.success_url)),
        ("cancel_url", text(wanted.cancel_url)),
        ("customer_email", Json::Null),
        ("partially_paid_url", text(wanted.partially_paid_url)),
        ("payout_currency", Json::Null),
        ("created_at", Json::text(now.to_string())),
        ("updated_at", Json::text(now.to_string())),
        ("is_fixed_rate", Json::Flag(wanted.is_fixed_rate)),
        ("is_fee_paid_by_user", Json::Flag(wanted.is_fee_paid_by_user)),
    ]))
}
