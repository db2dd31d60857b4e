//! From a verified body to evidence, whatever types the provider gives its fields today.
//!
//! Ids come as numbers or strings, amounts as numbers or strings, times as ISO text, as milliseconds or
//! not at all (`nowpayments.md`, section 3). Unknown fields are ignored and unknown words kept. No
//! number passes through a float: amounts are read from the digits on the wire.
//!
//! **Absent and unreadable are two things.** An absent amount means "not told", and `finished` without
//! an amount settles unchecked; an absent parent means "no child". A field that is there and makes no
//! sense must not slip through as absent, so an unreadable amount, coin, price or parent refuses the
//! whole IPN, just as a missing payment does. Nothing is lost by that: the provider sees an error and
//! sends again, the payment can be asked for, and the refusal names the field.

use std::borrow::Cow;

use super::IpnRefusal;
use super::canonical::Form;
use super::json::{Document, Text, Value};
use super::signature::Verified;
use crate::domain::evidence::{Evidence, NamedPrice, ProviderWord, Witness};
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::money::{Coin, CoinAmount};
use crate::domain::time::Timestamp;

#[cfg(test)]
mod tests;

/// The most digits that JavaScript's numbers hold for sure.
const JS_DIGITS_MAX: usize = 15;
/// Fewer milliseconds than this are no time of a payment (1973); they are seconds, or a mistake.
const EPOCH_MILLIS_MIN: i64 = 100_000_000_000;
/// The last millisecond of the year 9999.
const EPOCH_MILLIS_MAX: i64 = 253_402_300_799_999;

/// Which order an IPN names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderReference {
    /// None: the payment tells the order.
    None,
    /// One of our form.
    Ours(OrderId),
    /// Something that is no order of ours; the payment must not be asked then.
    Foreign,
}

/// A verified IPN, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipn {
    /// What it says.
    pub evidence: Evidence,
    /// Which order it names; `evidence.order_id` cannot tell a foreign name from none.
    pub order: OrderReference,
}

impl Ipn {
    /// Reads a verified body.
    ///
    /// # Errors
    /// [`IpnRefusal::MissingFields`] with the field that is missing or unreadable.
    pub fn read(verified: &Verified<'_>) -> Result<Self, IpnRefusal> {
        let fields = Fields { document: &verified.document, form: verified.form };
        if !fields.document.is_object() {
            return Err(IpnRefusal::MissingFields("body"));
        }
        let payment_id = fields.id("payment_id")?.ok_or(IpnRefusal::MissingFields("payment_id"))?;
        let word = fields.words("payment_status")?.filter(|word| !word.trim().is_empty());
        let word = word.ok_or(IpnRefusal::MissingFields("payment_status"))?;
        let order = fields.order();
        let evidence = Evidence {
            witness: Witness::Ipn,
            order_id: if let OrderReference::Ours(id) = order { Some(id) } else { None },
            payment_id,
            parent_payment_id: fields.parent()?,
            word: ProviderWord::parse(&word),
            price: NamedPrice {
                amount: fields.amount("price_amount")?,
                currency: fields.words("price_currency")?.map(Cow::into_owned),
            },
            pay_amount: fields.amount("pay_amount")?,
            actually_paid: fields.amount("actually_paid")?,
            coin: fields.coin("pay_currency")?,
            provider_at: fields.time("updated_at"),
        };
        Ok(Self { evidence, order })
    }

    /// The provider's word, as its row shows it: no control characters, and bounded.
    #[must_use]
    pub fn payment_status(&self) -> &str {
        self.evidence.word.as_str()
    }
}

/// The outermost object, its fields read with their names in the refusals.
struct Fields<'d> {
    document: &'d Document<'d>,
    form: Form,
}

impl<'d> Fields<'d> {
    /// The field's value, `null` being as good as absent.
    fn told(&self, name: &str) -> Option<Value<'d>> {
        self.document.field(name).filter(|value| *value != Value::Null)
    }

    /// A string.
    fn words(&self, name: &'static str) -> Result<Option<Cow<'d, str>>, IpnRefusal> {
        let read = |value| match value {
            Value::Text(text) => text.decode(),
            Value::Null | Value::Bool | Value::Number(_) | Value::Container => None,
        };
        readable(name, self.told(name).map(read))
    }

    /// An amount: the digits of a number, or of a string; the string `null` is one of the provider's ways
    /// to say nothing.
    fn amount(&self, name: &'static str) -> Result<Option<CoinAmount>, IpnRefusal> {
        let told = self.told(name).filter(|value| !matches!(value, Value::Text(text) if text.is("null")));
        let read = |value| match value {
            Value::Number(lexeme) => amount_of(lexeme),
            Value::Text(text) => amount_of(&text.decode()?),
            Value::Null | Value::Bool | Value::Container => None,
        };
        readable(name, told.map(read))
    }

    /// A coin's code.
    fn coin(&self, name: &'static str) -> Result<Option<Coin>, IpnRefusal> {
        readable(name, self.words(name)?.map(|word| Coin::parse(&word)))
    }

    /// An id: a number in plain digits, or opaque text.
    fn id(&self, name: &'static str) -> Result<Option<PaymentId>, IpnRefusal> {
        let read = |value| match value {
            Value::Number(lexeme) => {
                let digits = plain_integer(lexeme)?;
                // Past this precision the signature covers a rounded number, so the last digits are nobody's word.
                let is_signed = !self.form.respells_numbers() || digits.len() <= JS_DIGITS_MAX;
                is_signed.then(|| PaymentId::parse(&digits))?
            }
            Value::Text(text) => PaymentId::parse(&text.decode()?),
            Value::Null | Value::Bool | Value::Container => None,
        };
        readable(name, self.told(name).map(read))
    }

    /// The parent of a child deposit; 0 and blank text are the provider's ways to say that there is none.
    fn parent(&self) -> Result<Option<PaymentId>, IpnRefusal> {
        let name = "parent_payment_id";
        match self.told(name) {
            Some(Value::Text(text)) if text.is("null") || is_blank(text) => Ok(None),
            _ => Ok(self.id(name)?.filter(|id| id.as_str() != "0")),
        }
    }

    fn order(&self) -> OrderReference {
        let text = match self.told("order_id") {
            None => return OrderReference::None,
            Some(Value::Text(text)) if is_blank(text) => return OrderReference::None,
            Some(Value::Text(text)) => text.decode(),
            Some(_) => None,
        };
        text.and_then(|text| OrderId::parse(&text)).map_or(OrderReference::Foreign, OrderReference::Ours)
    }

    /// A time, in ISO or in milliseconds. It only tells new from old, so an unreadable one is none.
    fn time(&self, name: &str) -> Option<Timestamp> {
        let text = match self.told(name)? {
            Value::Number(lexeme) => Cow::Borrowed(lexeme),
            Value::Text(text) => text.decode()?,
            Value::Null | Value::Bool | Value::Container => return None,
        };
        Timestamp::parse(&text).or_else(|| {
            let millis: i64 = plain_integer(&text)?.parse().ok()?;
            // A time held at the edge of the calendar would make every later report look old.
            (EPOCH_MILLIS_MIN..=EPOCH_MILLIS_MAX).contains(&millis).then(|| Timestamp::from_millis(millis))
        })
    }
}

/// What is told and cannot be read (`Some(None)`) is a refusal, never an absence.
fn readable<T>(name: &'static str, told: Option<Option<T>>) -> Result<Option<T>, IpnRefusal> {
    told.map(|read| read.ok_or(IpnRefusal::MissingFields(name))).transpose()
}

fn is_blank(text: Text<'_>) -> bool {
    text.decode().is_some_and(|text| text.trim().is_empty())
}

/// The exact amount; minus nothing is nothing, any other negative is unreadable.
fn amount_of(text: &str) -> Option<CoinAmount> {
    match text.strip_prefix('-') {
        Some(size) => CoinAmount::parse(size).filter(CoinAmount::is_zero),
        None => CoinAmount::parse(text),
    }
}

/// A whole, non-negative number in plain digits: `5745459419.0` and `5.745459419e9` are one id.
fn plain_integer(lexeme: &str) -> Option<Cow<'_, str>> {
    if lexeme.bytes().all(|byte| byte.is_ascii_digit()) && !lexeme.is_empty() {
        return Some(Cow::Borrowed(lexeme));
    }
    let plain = amount_of(lexeme)?.to_string();
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    fraction.bytes().all(|byte| byte == b'0').then(|| Cow::Owned(whole.to_owned()))
}
