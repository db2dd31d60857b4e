//! The provider's small answers: minima, estimates, lists of coins, the token of a login.
//!
//! Fields are read by the rules of [`crate::provider::fields`], amounts from their digits.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::Secret;
use crate::domain::money::{Coin, CoinAmount};
use crate::provider::fields::{Unreadable, read_body};

/// The least that can be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minimum {
    /// In the coin.
    pub coin: CoinAmount,
    /// In the currency that was asked for, where it is told.
    pub fiat: Option<CoinAmount>,
}

impl Minimum {
    pub(super) fn read(text: &str) -> Result<Self, Unreadable> {
        read_body(text, |fields| {
            let coin = fields.amount("min_amount")?.ok_or(Unreadable("min_amount"))?;
            Ok(Self { coin, fiat: fields.amount("fiat_equivalent")? })
        })
    }
}

/// `{"message":"OK"}`.
pub(super) fn is_up(text: &str) -> Result<(), Unreadable> {
    read_body(text, |fields| fields.words("message")?.map(drop).ok_or(Unreadable("message")))
}

pub(super) fn estimated(text: &str) -> Result<CoinAmount, Unreadable> {
    read_body(text, |fields| fields.amount("estimated_amount")?.ok_or(Unreadable("estimated_amount")))
}

pub(super) fn token(text: &str) -> Result<Secret, Unreadable> {
    read_body(text, |fields| {
        let token = fields.words("token")?.filter(|token| !token.is_empty()).ok_or(Unreadable("token"))?;
        Ok(Secret::new(token.into_owned()))
    })
}

/// The list under either of its names: the live API does not use the documented one everywhere.
#[derive(Deserialize)]
struct Coins<'a> {
    #[serde(borrow)]
    currencies: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "selectedCurrencies")]
    selected: Option<Vec<&'a RawValue>>,
}

/// Coins as codes, or as objects that hold one; what is no coin of ours is left out.
pub(super) fn coins(text: &str) -> Result<Vec<Coin>, Unreadable> {
    let coins: Coins<'_> = serde_json::from_str(text).map_err(|_| Unreadable("currencies"))?;
    let listed = coins.selected.or(coins.currencies).ok_or(Unreadable("currencies"))?;
    Ok(listed.iter().filter_map(|entry| coin(entry.get())).collect())
}

fn coin(entry: &str) -> Option<Coin> {
    if let Ok(code) = serde_json::from_str::<String>(entry) {
        return Coin::parse(&code);
    }
    let named = |name| read_body(entry, |fields| Ok(fields.words(name)?.and_then(|code| Coin::parse(&code))));
    named("currency").ok().flatten().or_else(|| named("code").ok().flatten())
}
