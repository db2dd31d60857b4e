//! What the ledger of an order says of money, stated once for every reader.
//!
//! The operator's page, the buyer's page, the acceptance and the API put these facts into words of their own. All of
//! them read the facts here, so that none denies an amount that another one names: each amount of the ledger that is
//! not zero stands in [`MoneyFacts::amounts`] once, with what became of it.

use super::evidence::ProviderWord;
use super::ledger::{Ledger, Payment};
use super::money::{Coin, CoinAmount, Currency};
use super::order::{Order, OrderEvent, StatusName};
use super::topup;

#[cfg(test)]
pub mod samples;
#[cfg(test)]
mod tests;

/// What became of an amount that was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountStanding {
    /// It is settled and part of the sum.
    Counted,
    /// It came in another coin than the bound payment's, or in a coin that is not known to be the same one.
    OtherCoin,
    /// The provider's word does not settle it, or is not known.
    Unsettled,
    /// The provider calls its payment failed, expired or refunded.
    Returned,
}

impl AmountStanding {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::OtherCoin => "other_coin",
            Self::Unsettled => "unsettled",
            Self::Returned => "returned",
        }
    }
}

/// An amount that was reported for an order; never zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAmount<'a> {
    /// The payment under which it was reported.
    pub payment: &'a Payment,
    /// How much.
    pub amount: &'a CoinAmount,
    /// In which coin, where the provider named one.
    pub coin: Option<&'a Coin>,
    /// The provider's word under which it was reported, or that came since.
    pub word: &'a ProviderWord,
    /// What it was worth in the price's currency, where that is known.
    pub worth: Option<CoinAmount>,
    /// What became of it.
    pub standing: AmountStanding,
}

/// All that the ledger of an order says of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoneyFacts<'a> {
    /// The bound payment's coin: that of `owed`, `settled`, `missing` and `over`.
    pub coin: Option<&'a Coin>,
    /// What must arrive, once that is known.
    pub owed: Option<&'a CoinAmount>,
    /// The sum of the amounts that are counted.
    pub settled: CoinAmount,
    /// What is owed beyond `settled`; none while what is owed is not known.
    pub missing: Option<CoinAmount>,
    /// What is settled beyond `owed`; none while what is owed is not known.
    pub over: Option<CoinAmount>,
    /// Every amount that was reported, oldest payment first.
    pub amounts: Vec<SeenAmount<'a>>,
    /// The currency of the price, and of each worth.
    pub currency: Currency,
    /// True if the provider has ever said that money is on its way or there, with an amount or without one.
    pub was_reported: bool,
    has_money: bool,
}

impl<'a> MoneyFacts<'a> {
    /// Returns the facts of this order.
    #[must_use]
    pub fn of(order: &'a Order) -> Self {
        let ledger = &order.ledger;
        let settled = ledger.received();
        // An order that owes zero is one whose amount is not known.
        let owed = order.owed.as_ref().filter(|owed| !owed.is_zero());
        let moved = |event: &OrderEvent| {
            matches!(event.status, StatusName::Confirming | StatusName::Partial | StatusName::Paid)
        };
        Self {
            coin: ledger.bound().and_then(|bound| bound.coin.as_ref()),
            missing: topup::missing(order),
            over: owed.map(|owed| settled.minus(owed)),
            owed,
            settled,
            amounts: ledger.iter().flat_map(|payment| amounts_of(order, payment)).collect(),
            currency: order.price.currency,
            was_reported: ledger.has_money() || order.events.iter().any(moved),
            has_money: ledger.has_money(),
        }
    }

    /// True if money is recorded: an amount in whatever coin, or a word that settles a payment without naming one.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.has_money
    }

    /// Returns the amounts of this standing.
    pub fn with(&self, standing: AmountStanding) -> impl Iterator<Item = &SeenAmount<'a>> {
        self.amounts.iter().filter(move |seen| seen.standing == standing)
    }

    /// Returns the amounts that are no part of the sum.
    pub fn uncounted(&self) -> impl Iterator<Item = &SeenAmount<'a>> {
        self.amounts.iter().filter(|seen| seen.standing != AmountStanding::Counted)
    }

    /// Returns the amounts that came in a coin which is known to be another than the order's, with both coins.
    pub fn in_wrong_coin(&self) -> impl Iterator<Item = (&SeenAmount<'a>, [&'a Coin; 2])> {
        self.with(AmountStanding::OtherCoin).filter_map(|seen| {
            let (came, owed) = seen.coin.zip(self.coin)?;
            (came != owed).then_some((seen, [came, owed]))
        })
    }
}

/// Returns what one payment says: an amount in its own coin, one in another, and one under a word that is not known.
/// What it was worth is told of one amount as a whole, so of several it is told of none.
fn amounts_of<'a>(order: &'a Order, payment: &'a Payment) -> Vec<SeenAmount<'a>> {
    let seen = |amount, coin, word, standing| SeenAmount { payment, amount, coin, word, worth: None, standing };
    let came_to_nothing = payment.word.is_failure();
    let apart = |standing| if came_to_nothing { AmountStanding::Returned } else { standing };
    let own = payment.received.as_ref().filter(|received| !received.is_zero());
    let own = own.map(|amount| seen(amount, payment.coin.as_ref(), &payment.word, standing_of(&order.ledger, payment)));
    let other = payment
        .other
        .as_ref()
        .map(|other| seen(&other.received, Some(&other.coin), &payment.word, apart(AmountStanding::OtherCoin)));
    let unclear = payment.unclear.as_ref().map(|unclear| {
        let word = if came_to_nothing { &payment.word } else { &unclear.word };
        seen(&unclear.received, unclear.coin.as_ref(), word, apart(AmountStanding::Unsettled))
    });
    // Once it is reported under a word that is known, an amount is no longer unclear.
    let unclear = unclear.filter(|unclear| own.as_ref().is_none_or(|own| own.amount < unclear.amount));
    let mut amounts: Vec<_> = [own, other, unclear].into_iter().flatten().collect();
    if let [only] = amounts.as_mut_slice() {
        only.worth = payment.worth.in_currency(order.price.currency);
    }
    amounts
}

fn standing_of(ledger: &Ledger, payment: &Payment) -> AmountStanding {
    if ledger.counts(&payment.id) {
        AmountStanding::Counted
    } else if payment.word.is_failure() {
        AmountStanding::Returned
    } else if payment.is_settled() {
        AmountStanding::OtherCoin
    } else {
        AmountStanding::Unsettled
    }
}
