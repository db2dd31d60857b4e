//! The provider's fields, whatever types it gives them today: the one set of rules for IPNs and answers.
//!
//! Ids come as numbers or strings, amounts as numbers or strings, times as ISO text, as milliseconds or
//! not at all, whatever the provider's documentation says. Unknown fields are ignored and unknown words kept. No
//! number passes through a float: amounts are read from the digits on the wire.
//!
//! **Absent and unreadable are two things.** An absent amount means "not told", and `finished` without
//! an amount settles unchecked; an absent parent means "no child". A field that is there and makes no
//! sense must not slip through as absent, so an unreadable amount, coin, price or parent makes the whole
//! body unreadable, just as a missing payment does. [`super::wire`] and [`super::report`] put the fields
//! together.

use std::borrow::Cow;

use super::canonical::Form;
use super::json::{Document, Text, Value};
use crate::domain::evidence::{Evidence, NamedPrice, PaymentWorth, ProviderFees, ProviderWord, Witness};
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::ledger::PayTo;
use crate::domain::money::{Coin, CoinAmount};
use crate::domain::time::Timestamp;

/// The most digits that JavaScript's numbers hold for sure.
const JS_DIGITS_MAX: usize = 15;
/// Fewer milliseconds than this are no time of a payment (1973); they are seconds, or a mistake.
const EPOCH_MILLIS_MIN: i64 = 100_000_000_000;
/// The last millisecond of the year 9999.
const EPOCH_MILLIS_MAX: i64 = 253_402_300_799_999;
/// The most characters of an address; the longest kinds have a few hundred.
const ADDRESS_CHARS_MAX: usize = 1024;
/// More decimals than this has no coin.
const DECIMALS_MAX: u32 = 64;

/// Which order the provider names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderReference {
    /// None: the payment tells the order.
    None,
    /// One of our form.
    Ours(OrderId),
    /// Something that is no order of ours; the payment must not be asked then.
    Foreign,
}

/// A field that is missing or cannot be read; `body` if the whole is no JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("field {0} is missing or unreadable")]
pub struct Unreadable(pub &'static str);

/// The outermost object, its fields read with their names where they cannot be.
pub(super) struct Fields<'d> {
    document: &'d Document<'d>,
    form: Form,
}

impl<'d> Fields<'d> {
    /// The fields of a body; of one that the provider signed, in the form that it signed.
    pub(super) fn of(document: &'d Document<'d>, form: Form) -> Result<Self, Unreadable> {
        if document.is_object() { Ok(Self { document, form }) } else { Err(Unreadable("body")) }
    }

    /// What is said of a payment.
    pub(super) fn evidence(&self, witness: Witness, order: OrderReference) -> Result<Evidence, Unreadable> {
        let payment_id = self.id("payment_id")?.ok_or(Unreadable("payment_id"))?;
        let word = self.words("payment_status")?.filter(|word| !word.trim().is_empty());
        let word = word.ok_or(Unreadable("payment_status"))?;
        Ok(Evidence {
            witness,
            order_id: if let OrderReference::Ours(id) = order { Some(id) } else { None },
            payment_id,
            parent_payment_id: self.optional_id("parent_payment_id")?,
            word: ProviderWord::parse(&word),
            price: NamedPrice {
                amount: self.amount("price_amount")?,
                currency: self.words("price_currency")?.map(Cow::into_owned),
            },
            pay_amount: self.amount("pay_amount")?,
            actually_paid: self.amount("actually_paid")?,
            coin: self.coin("pay_currency")?,
            provider_at: self.time("updated_at"),
            worth: self.worth(),
        })
    }

    /// What the money was worth. Nothing is refused for it: what cannot be read is as good as absent.
    fn worth(&self) -> PaymentWorth {
        let amount = |name| self.amount(name).ok().flatten();
        PaymentWorth {
            paid_at_fiat: amount("actually_paid_at_fiat"),
            outcome_amount: amount("outcome_amount"),
            outcome_currency: self.coin("outcome_currency").ok().flatten(),
            fees: self.fees(),
        }
    }

    /// The provider's fees of the payment, summed; none where they come to zero or one of them cannot be read.
    fn fees(&self) -> Option<ProviderFees> {
        let told = |name| self.document.field_in("fee", name).filter(|value| *value != Value::Null);
        let currency = match told("currency")? {
            Value::Text(text) => Coin::parse(&text.decode()?)?,
            Value::Null | Value::Bool | Value::Number(_) | Value::Container => return None,
        };
        let mut total = CoinAmount::zero();
        for name in ["depositFee", "withdrawalFee", "serviceFee"] {
            if let Some(fee) = told(name) {
                total = total.plus(&amount_in(fee)?);
            }
        }
        // Zero is sent before money is seen, and says as much as nothing.
        (!total.is_zero()).then_some(ProviderFees { currency, total })
    }

    /// The field's value, `null` being as good as absent.
    fn told(&self, name: &str) -> Option<Value<'d>> {
        self.document.field(name).filter(|value| *value != Value::Null)
    }

    /// True if the field is there and not `null`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.told(name).is_some()
    }

    /// A string.
    pub(super) fn words(&self, name: &'static str) -> Result<Option<Cow<'d, str>>, Unreadable> {
        let read = |value| match value {
            Value::Text(text) => text.decode(),
            Value::Null | Value::Bool | Value::Number(_) | Value::Container => None,
        };
        readable(name, self.told(name).map(read))
    }

    /// An amount: the digits of a number, or of a string; the string `null` is one of the provider's ways
    /// to say nothing.
    pub(super) fn amount(&self, name: &'static str) -> Result<Option<CoinAmount>, Unreadable> {
        let told = self.told(name).filter(|value| !matches!(value, Value::Text(text) if text.is("null")));
        readable(name, told.map(amount_in))
    }

    /// A coin's code.
    fn coin(&self, name: &'static str) -> Result<Option<Coin>, Unreadable> {
        readable(name, self.words(name)?.map(|word| Coin::parse(&word)))
    }

    /// An id: a number in plain digits, or opaque text.
    fn id(&self, name: &'static str) -> Result<Option<PaymentId>, Unreadable> {
        readable(name, self.told(name).map(|value| self.id_of(value)))
    }

    fn id_of(&self, value: Value<'_>) -> Option<PaymentId> {
        match value {
            Value::Number(lexeme) => {
                let digits = plain_integer(lexeme)?;
                // Past this precision the signature covers a rounded number, so the last digits are nobody's word.
                let is_signed = !self.form.respells_numbers() || digits.len() <= JS_DIGITS_MAX;
                is_signed.then(|| PaymentId::parse(&digits))?
            }
            Value::Text(text) => PaymentId::parse(&text.decode()?),
            Value::Null | Value::Bool | Value::Container => None,
        }
    }

    /// An id that may be missing; 0, blank and `null` are the provider's ways to say that there is none.
    fn optional_id(&self, name: &'static str) -> Result<Option<PaymentId>, Unreadable> {
        if self.says_nothing(name) { Ok(None) } else { Ok(self.id(name)?.filter(|id| id.as_str() != "0")) }
    }

    /// A string that may be missing, of which nothing depends.
    fn label(&self, name: &'static str) -> Option<String> {
        let words = if self.says_nothing(name) { None } else { self.words(name).ok().flatten() };
        words.map(Cow::into_owned)
    }

    /// Text that a payer must copy to the letter, or a number's plain digits; 0 is one of them.
    fn copied(&self, name: &'static str) -> Result<Option<String>, Unreadable> {
        let told = self.told(name).filter(|_| !self.says_nothing(name));
        let read = |value| match value {
            Value::Number(lexeme) => plain_integer(lexeme),
            Value::Text(text) => text.decode(),
            Value::Null | Value::Bool | Value::Container => None,
        };
        let fits =
            |text: &Cow<'_, str>| text.chars().count() <= ADDRESS_CHARS_MAX && !text.chars().any(char::is_control);
        readable(name, told.map(|value| read(value).filter(fits).map(Cow::into_owned)))
    }

    /// How the payment is paid, where its address is told.
    pub(super) fn pay_to(&self) -> Result<Option<PayTo>, Unreadable> {
        let Some(address) = self.copied("pay_address")? else { return Ok(None) };
        Ok(Some(PayTo {
            address,
            // Without it the deposit is not detected, so an unreadable one is no absent one.
            extra_id: self.copied("payin_extra_id")?,
            network: self.label("network"),
            purchase_id: self.optional_id("purchase_id")?.map(|id| id.to_string()),
            decimals: self.amount("network_precision").ok().flatten().and_then(|number| decimals_of(&number)),
        }))
    }

    /// The ids of a list field.
    pub(super) fn ids(&self, name: &'static str) -> Result<Vec<PaymentId>, Unreadable> {
        if self.told(name).is_none() || self.says_nothing(name) {
            return Ok(Vec::new());
        }
        let values = self.document.list(name).ok_or(Unreadable(name))?;
        values.into_iter().map(|value| self.id_of(value).ok_or(Unreadable(name))).collect()
    }

    /// True for text that stands for nothing.
    fn says_nothing(&self, name: &str) -> bool {
        matches!(self.told(name), Some(Value::Text(text)) if text.is("null") || is_blank(text))
    }

    pub(super) fn order(&self) -> OrderReference {
        let text = match self.told("order_id") {
            None => return OrderReference::None,
            Some(Value::Text(text)) if is_blank(text) => return OrderReference::None,
            Some(Value::Text(text)) => text.decode(),
            Some(_) => None,
        };
        text.and_then(|text| OrderId::parse(&text)).map_or(OrderReference::Foreign, OrderReference::Ours)
    }

    /// A time, in ISO or in milliseconds. It only tells new from old, so an unreadable one is none.
    pub(super) fn time(&self, name: &str) -> Option<Timestamp> {
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

/// An amount in a value: the digits of a number, or of a string.
fn amount_in(value: Value<'_>) -> Option<CoinAmount> {
    match value {
        Value::Number(lexeme) => amount_of(lexeme),
        Value::Text(text) => amount_of(&text.decode()?),
        Value::Null | Value::Bool | Value::Container => None,
    }
}

/// Reads an answer's body: one JSON object in which no key is named twice.
pub(super) fn read_body<T>(
    text: &str,
    read: impl FnOnce(&Fields<'_>) -> Result<T, Unreadable>,
) -> Result<T, Unreadable> {
    let document = Document::read(text).map_err(|_| Unreadable("body"))?;
    if document.has_duplicate_keys() {
        return Err(Unreadable("body"));
    }
    // An answer over TLS is nobody's signature: its numbers are the digits that it has.
    read(&Fields::of(&document, Form::Raw)?)
}

/// What is told and cannot be read (`Some(None)`) is a refusal, never an absence.
fn readable<T>(name: &'static str, told: Option<Option<T>>) -> Result<Option<T>, Unreadable> {
    told.map(|read| read.ok_or(Unreadable(name))).transpose()
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

fn decimals_of(number: &CoinAmount) -> Option<u32> {
    plain_integer(&number.to_string())?.parse().ok().filter(|decimals| *decimals <= DECIMALS_MAX)
}

/// A whole, non-negative number in plain digits: `5745459419.0` and `5.745459419e9` are one id.
pub(super) fn plain_integer(lexeme: &str) -> Option<Cow<'_, str>> {
    if lexeme.bytes().all(|byte| byte.is_ascii_digit()) && !lexeme.is_empty() {
        return Some(Cow::Borrowed(lexeme));
    }
    let plain = amount_of(lexeme)?.to_string();
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    fraction.bytes().all(|byte| byte == b'0').then(|| Cow::Owned(whole.to_owned()))
}
