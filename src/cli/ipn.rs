//! `ipn send`: plays the provider, so that an order can be moved before any provider is configured.
//!
//! It builds a body as the provider does, signs it, and sends it to a running server. The body holds no
//! time: the same arguments make the same bytes, which the server knows again.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::config::{IPN_PATH, Secret, known_ipn_secret, local_url};
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::money::{Coin, CoinAmount};
use crate::provider::signature::sign;

use super::call::{client, not_sent};
use super::error::CliError;
use super::{Shell, output};

pub(super) const HELP: &str = "\
Example:
  crypto-orders ipn send --order ord_0190… --status finished

An order that has a payment hears only of that one: name it with --payment-id. Where the simulator is
the provider, use `simulate pay`.";

#[derive(Subcommand)]
pub(super) enum Ipn {
    /// Sign a payment notification as the provider does, send it to a running server, print its answer
    #[command(after_help = "\
Examples:
  crypto-orders ipn send --order ord_0190… --status finished
  crypto-orders ipn send --order ord_0190… --status partially_paid --pay-currency btc --pay-amount 0.002 --actually-paid 0.001
  crypto-orders ipn send --order ord_0190… --status finished --url https://pay.example.com --secret …

An order that has a payment hears only of that one: name it with --payment-id. Where the simulator is
the provider, use `simulate pay`.")]
    Send(Box<SendIpn>),
}

#[derive(Args)]
pub(super) struct SendIpn {
    /// The order it is about
    #[arg(long, value_name = "ORDER_ID", value_parser = order_id)]
    order: OrderId,
    /// The provider's word: waiting, confirming, confirmed, sending, partially_paid, finished, failed, expired, refunded
    #[arg(long, value_name = "WORD")]
    status: String,
    /// The provider's payment; without it always the same one for the same order
    #[arg(long, value_name = "PAYMENT_ID", value_parser = payment_id)]
    payment_id: Option<PaymentId>,
    /// The price it names, in major units (79 for 7900 US cents)
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    price_amount: Option<Box<RawValue>>,
    /// The currency of that price
    #[arg(long, value_name = "CURRENCY")]
    price_currency: Option<String>,
    /// What was to be paid, in the coin
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    pay_amount: Option<Box<RawValue>>,
    /// What arrived so far, in the coin
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    actually_paid: Option<Box<RawValue>>,
    /// The coin
    #[arg(long, value_name = "COIN", value_parser = coin)]
    pay_currency: Option<String>,
    /// The payment of which this is a further deposit
    #[arg(long, value_name = "PAYMENT_ID", value_parser = payment_id)]
    parent: Option<PaymentId>,
    /// The IPN secret; without it the server's own, from the same settings
    #[arg(long)]
    secret: Option<String>,
    /// The server; without it the one that listens by the same settings
    #[arg(long)]
    url: Option<String>,
}

pub(super) async fn run(send: &SendIpn, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let secret = secret(send, shell)?;
    let body = body(send).map_err(|error| CliError::Failed(format!("the body could not be written: {error}")))?;
    let base = send.url.clone().unwrap_or(local_url(shell.settings.listen));
    let url = format!("{}{IPN_PATH}", base.trim_end_matches('/'));
    let signature = sign(secret.reveal(), body.as_bytes())
        .ok_or_else(|| CliError::Usage("--secret is blank; give the server's IPN secret".to_owned()))?;
    let request = client()?
        .post(&url)
        .header("content-type", "application/json")
        .header("x-nowpayments-sig", signature)
        .body(body);
    let answer = request.send().await.map_err(|error| not_sent(&error, &base))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| not_sent(&error, &base))?;
    if status.is_success() {
        return Ok(output::line(shell.out, &text)?);
    }
    let hint = match status.as_u16() {
        401 => "\nthe server has another IPN secret: run this with the server's settings and folder, or give --secret",
        404 => "\nthe server has no IPN secret (set CRYPTO_ORDERS_IPN_SECRET), or --url is not its base",
        _ => "",
    };
    Err(CliError::Failed(format!("the server answered {status}: {text}{hint}")))
}

fn secret(send: &SendIpn, shell: &Shell<'_>) -> Result<Secret, CliError> {
    if let Some(secret) = send.secret.as_deref().map(str::trim) {
        if secret.is_empty() {
            return Err(CliError::Usage("--secret is empty: anybody could sign with it".to_owned()));
        }
        return Ok(Secret::new(secret.to_owned()));
    }
    known_ipn_secret(&shell.settings)?.ok_or_else(|| {
        CliError::Usage(
            "no IPN secret is known here: set CRYPTO_ORDERS_IPN_SECRET as for the server, run this in the \
             folder where `crypto-orders serve` was started, or give --secret"
                .to_owned(),
        )
    })
}

/// The body as the provider writes it: sorted keys, no spaces, the amounts' digits as they were given.
fn body(send: &SendIpn) -> Result<String, serde_json::Error> {
    let payment = match &send.payment_id {
        Some(id) => spelled(id)?,
        None => RawValue::from_string(derived_payment_id(send.order).to_string())?,
    };
    let parent = send.parent.as_ref().map(spelled).transpose()?;
    let text = |text: &String| serde_json::value::to_raw_value(text);
    let mut fields = BTreeMap::new();
    fields.insert("order_id", serde_json::value::to_raw_value(&send.order)?);
    fields.insert("payment_id", payment);
    fields.insert("payment_status", text(&send.status)?);
    fields.insert("parent_payment_id", parent.unwrap_or(RawValue::NULL.to_owned()));
    let given = [
        ("price_amount", send.price_amount.clone()),
        ("price_currency", send.price_currency.as_ref().map(text).transpose()?),
        ("pay_amount", send.pay_amount.clone()),
        ("actually_paid", send.actually_paid.clone()),
        ("pay_currency", send.pay_currency.as_ref().map(text).transpose()?),
    ];
    fields.extend(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
    serde_json::to_string(&fields)
}

/// The provider writes its ids as numbers; one that is no plain number goes as text.
fn spelled(id: &PaymentId) -> Result<Box<RawValue>, serde_json::Error> {
    // Up to 15 digits survive in every reader of JSON.
    let plain = id.as_str().len() <= 15 && id.as_str().parse::<u64>().is_ok_and(|n| n.to_string() == id.as_str());
    if plain { RawValue::from_string(id.to_string()) } else { serde_json::value::to_raw_value(id) }
}

/// A ten-digit payment id that belongs to this order, so that repeated commands tell of one payment.
fn derived_payment_id(order: OrderId) -> u64 {
    let digest = Sha256::digest(order.to_string().as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    1_000_000_000_u64.saturating_add(number.rem_euclid(9_000_000_000))
}

fn order_id(text: &str) -> Result<OrderId, &'static str> {
    OrderId::parse(text).ok_or("an order id is ord_ and 32 lower-case hex digits, as the checkout answered it")
}

fn payment_id(text: &str) -> Result<PaymentId, &'static str> {
    PaymentId::parse(text).ok_or("a payment id has 1 to 128 printable characters")
}

/// An amount whose digits are sent as they were typed.
fn amount(text: &str) -> Result<Box<RawValue>, &'static str> {
    let number = CoinAmount::parse(text).and_then(|_| RawValue::from_string(text.to_owned()).ok());
    number.ok_or("an amount is a plain number such as 0.0024")
}

fn coin(text: &str) -> Result<String, &'static str> {
    Coin::parse(text).map(|_| text.to_owned()).ok_or("a coin is a code such as btc")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        send: SendIpn,
    }

    const ORDER: &str = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";

    fn body_of(arguments: &str) -> String {
        let line = format!("send --order {ORDER} {arguments}");
        body(&Alone::try_parse_from(line.split_whitespace()).unwrap().send).unwrap()
    }

    #[test]
    fn the_same_arguments_tell_the_same_payment_in_the_same_bytes() {
        let finished = body_of("--status finished");
        assert_eq!(finished, body_of("--status finished"));
        let payment = derived_payment_id(OrderId::parse(ORDER).unwrap());
        let expected = format!(
            r#"{{"order_id":"{ORDER}","parent_payment_id":null,"payment_id":{payment},"payment_status":"finished"}}"#
        );
        assert_eq!(finished, expected);
        assert!(body_of("--status waiting").contains(&payment.to_string()));
        let other = OrderId::parse("ord_01890a5d96e77c9f8a0b1c2d3e4f5a6c").unwrap();
        assert_ne!(derived_payment_id(other), payment);
    }

    #[test]
    fn amounts_are_sent_digit_by_digit_and_keys_are_sorted() {
        let sent = body_of(
            "--status finished --payment-id np_abc --price-amount 79.00 --price-currency usd \
             --pay-amount 0.100000000000000001 --actually-paid 1e-7 --pay-currency btc --parent 5",
        );
        let expected = format!(
            r#"{{"actually_paid":1e-7,"order_id":"{ORDER}","parent_payment_id":5,"pay_amount":0.100000000000000001,"pay_currency":"btc","payment_id":"np_abc","payment_status":"finished","price_amount":79.00,"price_currency":"usd"}}"#
        );
        assert_eq!(sent, expected);
    }

    #[test]
    fn what_the_provider_would_not_write_is_refused() {
        for wrong in ["-1", "01", "1.", "NaN", "\"1\"", "1,5"] {
            assert!(amount(wrong).is_err(), "{wrong}");
        }
        assert!(order_id("ord_1").is_err());
    }
}
