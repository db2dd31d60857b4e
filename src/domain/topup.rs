//! What support asks a customer for when less arrived than is owed: the rest, and not twice.
//!
//! Amounts are exact, and rounded up where a coin or a currency has no smaller unit: asking for less than what is
//! missing would leave the order short again. Who makes the payment at the provider is told in
//! `actors/payments.rs`; how it joins the ledger, in `lifecycle.rs`.

use super::evidence::ProviderWord;
use super::ledger::{Payment, Role};
use super::money::CoinAmount;
use super::order::{Order, Status, StatusName};
use super::polling::ADDRESS_WATCHED_FOR;
use super::time::Timestamp;

/// How many decimals a coin is taken to have at least, where the provider quotes fewer.
const DECIMALS_GUESSED: u32 = 8;
/// How far the provider's own rounding may be from what it was asked for: 1 %.
const ROUNDING_BASIS_POINTS: u32 = 100;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// In the bound coin, at the precision at which it can be sent.
    pub pay_amount: CoinAmount,
    /// The same part of the order's price, in major units of its currency.
    pub price_amount: CoinAmount,
}

/// Why there is nothing to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTopUp {
    /// Only an order that is partial lacks a rest.
    #[error("order is {} and no rest is asked for", .0.as_str())]
    NotPartial(StatusName),
    /// What is owed, or in which coin, is not known.
    #[error("what is owed is not known")]
    AmountsUnknown,
    /// As much arrived as is owed.
    #[error("nothing is missing")]
    NothingMissing,
}

/// What is still missing of what is owed, in the bound coin; none while what is owed is not known.
#[must_use]
pub fn missing(order: &Order) -> Option<CoinAmount> {
    // An order that owes nothing in its coin is one whose amount is not known.
    let owed = order.owed.as_ref().filter(|owed| !owed.is_zero())?;
    Some(owed.minus(&order.ledger.received()))
}

/// What is to be asked for, so that the order is complete.
///
/// # Errors
/// [`NoTopUp`].
pub fn rest_of(order: &Order) -> Result<Rest, NoTopUp> {
    if order.status != Status::Partial {
        return Err(NoTopUp::NotPartial(order.status.name()));
    }
    let bound = order.ledger.bound().filter(|bound| bound.coin.is_some()).ok_or(NoTopUp::AmountsUnknown)?;
    let (owed, missing) = order.owed.as_ref().zip(missing(order)).ok_or(NoTopUp::AmountsUnknown)?;
    if missing.is_zero() {
        return Err(NoTopUp::NothingMissing);
    }
    let price_amount = order.price.share(&missing, owed).ok_or(NoTopUp::AmountsUnknown)?;
    Ok(Rest { pay_amount: missing.rounded_up(decimals_of(bound)), price_amount })
}

/// At how many decimals the coin of a payment can be sent. The provider refuses more than it quotes itself or than
/// are usual, whatever the network could.
fn decimals_of(payment: &Payment) -> u32 {
    let told = payment.pay_to.as_ref().and_then(|pay_to| pay_to.decimals);
    let quoted = payment.pay_amount.as_ref().map_or(0, CoinAmount::decimals).max(DECIMALS_GUESSED);
    told.map_or(quoted, |told| told.min(quoted))
}

/// The payment by which this rest was asked for before, while it can still be paid or is just being paid.
#[must_use]
pub fn asked_before<'a>(order: &'a Order, rest: &Rest, now: Timestamp) -> Option<&'a Payment> {
    let coin = order.ledger.bound().and_then(|bound| bound.coin.as_ref());
    order.ledger.iter().find(|payment| {
        let ours = payment.role == Role::Own && payment.pay_to.is_some() && payment.coin.as_ref() == coin;
        let watched = now < payment.first_seen_at.after(ADDRESS_WATCHED_FOR);
        let asked = payment.pay_amount.as_ref();
        ours && watched && can_bring(payment) && asked.is_some_and(|asked| is_about(order, asked, &rest.pay_amount))
    })
}

/// True of what the provider may have made of a wish for so much of the order's coin: it answers with its own
/// rounding, which is a unit of the coin, or little of the whole.
#[must_use]
pub fn is_about(order: &Order, asked: &CoinAmount, wanted: &CoinAmount) -> bool {
    let apart = asked.minus(wanted).plus(&wanted.minus(asked));
    let unit = order.ledger.bound().map(|bound| CoinAmount::unit(decimals_of(bound)));
    unit.is_some_and(|unit| apart <= unit) || apart <= wanted.times_basis_points(ROUNDING_BASIS_POINTS)
}

/// True of a payment by which all that it asks for may still come: nothing has, or it is on its way.
fn can_bring(payment: &Payment) -> bool {
    let under_way = matches!(payment.word, ProviderWord::Confirming | ProviderWord::Confirmed | ProviderWord::Sending);
    under_way || (is_open(&payment.word) && payment.received.as_ref().is_none_or(CoinAmount::is_zero))
}

/// True until the provider has said how a payment ended.
fn is_open(word: &ProviderWord) -> bool {
    match word {
        ProviderWord::Waiting
        | ProviderWord::Confirming
        | ProviderWord::Confirmed
        | ProviderWord::Sending
        | ProviderWord::Unknown(_) => true,
        ProviderWord::PartiallyPaid
        | ProviderWord::Finished
        | ProviderWord::Failed
        | ProviderWord::Expired
        | ProviderWord::Refunded => false,
    }
}

#[cfg(test)]
mod tests;
