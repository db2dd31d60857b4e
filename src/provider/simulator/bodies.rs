//! A payment in the provider's four ways of showing it, with the types each really has.
//!
//! One and the same field is a string here and a number there, whatever the provider's documentation says.
//! Where the provider itself varies, the seed picks once for each payment, so that asking twice shows the same.

use bigdecimal::{BigDecimal, Zero};

use crate::domain::time::Timestamp;

use super::coins::{self, Coin, number};
use super::dice::Dice;
use super::json::Json;
use super::payment::{Payment, QUOTED, Rate};

/// The share of what arrives that the provider keeps.
const FEE_SHARE: &str = "0.005";
/// Fees as they were met; the smallest are where other languages spell numbers differently.
const DEPOSIT_FEES: [&str; 4] = ["0.000002", "0.0000001", "0.000083", "0.004169"];

/// The answer to a creation.
pub(super) fn created(payment: &Payment, dice: Dice) -> Json {
    let id = payment.id;
    let pay_amount = match dice.below(2, "pay_amount", id) {
        0 => Json::decimal(&payment.pay_amount),
        _ => Json::decimal_text(&payment.pay_amount),
    };
    let amount_received = match dice.below(2, "amount_received", id) {
        0 => Json::Null,
        _ => Json::decimal(&payment.coin.rounded_down(&kept(&payment.pay_amount))),
    };
    let mut fields = vec![
        ("payment_id", Json::text(id.to_string())),
        ("payment_status", Json::text(payment.word)),
        ("pay_address", Json::text(&payment.address)),
        ("price_amount", Json::decimal(&payment.price)),
        ("price_currency", Json::text(&payment.price_currency)),
        ("pay_amount", pay_amount),
        ("pay_currency", Json::text(payment.coin.code)),
        ("order_id", Json::text_or_null(payment.order_id.as_deref())),
        ("order_description", Json::text_or_null(payment.description.as_deref())),
        ("ipn_callback_url", Json::text_or_null(payment.callback.as_deref())),
        ("created_at", time(payment.created_at)),
        ("updated_at", time(payment.updated_at)),
        ("purchase_id", Json::text(payment.purchase_id.to_string())),
        ("amount_received", amount_received),
        ("payin_extra_id", Json::text_or_null(payment.memo.as_deref())),
        ("smart_contract", contract(payment, dice)),
        ("network", Json::text(payment.coin.network)),
        ("network_precision", precision(payment.coin, dice, id)),
        ("time_limit", nothing(dice, "time_limit", id)),
        ("burning_percent", nothing(dice, "burning_percent", id)),
        ("expiration_estimate_date", time(payment.created_at.after(QUOTED))),
        ("is_fixed_rate", Json::Flag(payment.rate != Rate::Floating)),
        ("is_fee_paid_by_user", Json::Flag(payment.rate == Rate::FixedWithFee)),
        ("type", Json::text("crypto2crypto")),
    ];
    if 0 < dice.below(3, "valid_until", id) {
        fields.push(("valid_until", time(payment.valid_until())));
    }
    if dice.below(2, "invoice_id of a creation", id) == 0 {
        fields.push(("invoice_id", Json::Null));
    }
    Json::Object(fields)
}

/// The answer to a question for one payment, and an entry of the list.
pub(super) fn shown(payment: &Payment, dice: Dice) -> Json {
    let id = payment.id;
    let mut fields = vec![
        ("payment_id", Json::whole(id)),
        ("invoice_id", Json::Null),
        ("payment_status", Json::text(payment.word)),
        ("pay_address", Json::text(&payment.address)),
        ("payin_extra_id", Json::text_or_null(payment.memo.as_deref())),
        ("price_amount", Json::decimal(&payment.price)),
        ("price_currency", Json::text(&payment.price_currency)),
        ("pay_amount", Json::decimal(&payment.pay_amount)),
        ("actually_paid", Json::decimal(&payment.received)),
        ("pay_currency", Json::text(payment.coin.code)),
        ("order_id", Json::text_or_null(payment.order_id.as_deref())),
        ("order_description", Json::text_or_null(payment.description.as_deref())),
        ("purchase_id", Json::whole(payment.purchase_id)),
        ("outcome_amount", outcome(payment, dice)),
        ("outcome_currency", Json::text(payment.coin.code)),
        ("payout_hash", hash(payment, "finished", dice)),
        ("payin_hash", hash(payment, "", dice)),
        ("created_at", time(payment.created_at)),
        ("updated_at", time(payment.updated_at)),
        ("burning_percent", nothing(dice, "burning_percent", id)),
        ("type", Json::text("crypto2crypto")),
    ];
    if let Some(parent) = payment.parent {
        fields.push(("parent_payment_id", Json::whole(parent)));
        fields.push(("origin_type", Json::text("REPEATED")));
    }
    if !payment.children.is_empty() || dice.below(2, "payment_extra_ids", id) == 0 {
        let children = payment.children.iter().map(|child| Json::whole(*child));
        fields.push(("payment_extra_ids", Json::List(children.collect())));
    }
    Json::Object(fields)
}

/// The body of an IPN, as it is signed: keys sorted, no blanks.
pub(super) fn told(payment: &Payment, dice: Dice) -> Json {
    let id = payment.id;
    let children = payment.children.iter().map(|child| Json::whole(*child)).collect::<Vec<_>>();
    let parent = payment.parent.map_or(Json::Null, Json::whole);
    let mut fields = vec![
        ("payment_id", Json::whole(id)),
        ("parent_payment_id", parent),
        ("invoice_id", if dice.below(4, "invoice_id", id) == 0 { Json::whole(0) } else { Json::Null }),
        ("payment_status", Json::text(payment.word)),
        ("pay_address", Json::text(&payment.address)),
        ("payin_extra_id", Json::text_or_null(payment.memo.as_deref())),
        ("price_amount", Json::decimal(&payment.price)),
        ("price_currency", Json::text(&payment.price_currency)),
        ("pay_amount", Json::decimal(&payment.pay_amount)),
        ("actually_paid", Json::decimal(&payment.received)),
        ("actually_paid_at_fiat", in_fiat(payment, dice)),
        ("pay_currency", Json::text(payment.coin.code)),
        ("order_id", Json::text_or_null(payment.order_id.as_deref())),
        ("order_description", Json::text_or_null(payment.description.as_deref())),
        ("purchase_id", Json::text(payment.purchase_id.to_string())),
        ("outcome_amount", outcome(payment, dice)),
        ("outcome_currency", Json::text(payment.coin.code)),
        ("payment_extra_ids", if children.is_empty() { Json::Null } else { Json::List(children) }),
        ("fee", fee(payment, dice)),
    ];
    match dice.below(3, "updated_at", id) {
        0 => fields.push(("updated_at", Json::Number(payment.updated_at.millis().to_string()))),
        1 => fields.push(("updated_at", time(payment.updated_at))),
        _ => {}
    }
    if dice.below(4, "created_at", id) == 0 {
        fields.push(("created_at", time(payment.created_at)));
    }
    Json::Object(fields).sorted()
}

fn time(at: Timestamp) -> Json {
    Json::text(at.to_string())
}

/// One of the provider's ways to say that there is no limit.
fn nothing(dice: Dice, field: &'static str, id: u64) -> Json {
    match dice.below(3, field, id) {
        0 => Json::Null,
        1 => Json::text("null"),
        _ => Json::whole(0),
    }
}

/// A token's contract, a chain's own coin's empty text, or null.
fn contract(payment: &Payment, dice: Dice) -> Json {
    match (payment.coin.contract, dice.below(2, "smart_contract", payment.id)) {
        (Some(contract), _) => Json::text(contract),
        (None, 0) => Json::Null,
        (None, _) => Json::text(""),
    }
}

/// A coin's precision: a number, a string or null.
pub(super) fn precision(coin: &Coin, dice: Dice, id: u64) -> Json {
    match dice.below(3, "network_precision", id) {
        0 => Json::Null,
        1 => Json::text(coin.precision.to_string()),
        _ => Json::Number(coin.precision.to_string()),
    }
}

/// What the merchant gets: null before money was seen, then a number or a string.
fn outcome(payment: &Payment, dice: Dice) -> Json {
    let amount = payment.coin.rounded_down(&kept(&payment.received));
    match dice.below(3, "outcome_amount", payment.id) {
        _ if amount.is_zero() => Json::Null,
        0 => Json::decimal_text(&amount),
        _ => Json::decimal(&amount),
    }
}

/// What is left of an amount after the fee.
fn kept(amount: &BigDecimal) -> BigDecimal {
    amount - amount * number(FEE_SHARE)
}

/// What arrived in the price's currency: often 0, whatever arrived.
fn in_fiat(payment: &Payment, dice: Dice) -> Json {
    let worth = coins::exchanged(&payment.received, payment.coin.code, &payment.price_currency);
    match (worth, dice.below(3, "actually_paid_at_fiat", payment.id)) {
        (Some(worth), 0) => Json::decimal(&worth.with_scale_round(8, bigdecimal::RoundingMode::Floor)),
        _ => Json::whole(0),
    }
}

/// The fees: zeros before money was seen.
fn fee(payment: &Payment, dice: Dice) -> Json {
    let nothing_yet = payment.received.is_zero();
    let pick = usize::try_from(dice.below(4, "depositFee", payment.id)).unwrap_or_default();
    let deposit = DEPOSIT_FEES.get(pick).copied().unwrap_or("0");
    let share = payment.coin.rounded_down(&(&payment.received * number(FEE_SHARE)));
    Json::object([
        ("currency", Json::text(payment.coin.code)),
        ("depositFee", if nothing_yet { Json::whole(0) } else { Json::decimal(&number(deposit)) }),
        ("withdrawalFee", Json::whole(0)),
        ("serviceFee", Json::decimal(&share)),
    ])
}

/// A transaction's hash, once the payment is so far; the empty word is any money at all.
fn hash(payment: &Payment, word: &'static str, dice: Dice) -> Json {
    let is_there = !payment.received.is_zero() && (word.is_empty() || payment.word == word);
    if !is_there {
        return Json::Null;
    }
    let subject = if word.is_empty() { "payin_hash" } else { "payout_hash" };
    Json::text(data_encoding::HEXLOWER.encode(&dice.bytes(subject, payment.id)))
}
