//! What the ledger of an order says of money, stated once for every reader.
//!
//! The operator's page, the buyer's page, the acceptance and the API put these facts into words of their own. All of
//! them read the facts here, so that none denies an amount that another one names: each amount of the ledger that is
//! not zero stands in [`MoneyFacts::amounts`] once, with what became of it.

use super::evidence::{PaymentWorth, ProviderWord};
use super::ids::PaymentId;
use super::ledger::{Ledger, Payment, UnclearMoney};
use super::money::{Coin, CoinAmount, Currency, Price};
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
    pub payment: &'a PaymentId,
    /// The provider's word for it.
    pub word: &'a ProviderWord,
    /// How much.
    pub amount: &'a CoinAmount,
    /// In which coin, where the provider named one.
    pub coin: Option<&'a Coin>,
    /// What became of it.
    pub standing: AmountStanding,
    /// What it was worth when it came, in major units of the price's currency; none where that is not known.
    pub worth: Option<CoinAmount>,
}

/// What one payment brought, in the shape in which it is listed: a word, an amount in its coin, one in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentMoney<'a> {
    /// The word under which the amounts were reported; without any, the payment's own.
    pub word: &'a ProviderWord,
    /// The largest total in the payment's coin; none where nobody said.
    pub received: Option<&'a CoinAmount>,
    /// The largest total in another coin.
    pub other: Option<(&'a Coin, &'a CoinAmount)>,
    /// What the provider says that the money was worth; nothing where it is of several amounts.
    worth: Option<&'a PaymentWorth>,
}

impl<'a> PaymentMoney<'a> {
    /// Returns what this payment brought. An amount under a word that is not known is told where no other is.
    #[must_use]
    pub fn of(payment: &'a Payment) -> Self {
        let received = payment.received.as_ref();
        let other = payment.other.as_ref().map(|other| (&other.coin, &other.received));
        let has_received = received.is_some_and(|received| !received.is_zero());
        let unclear = payment.unclear.as_ref().filter(|unclear| !is_told_since(payment, unclear));
        let amounts = usize::from(has_received) + usize::from(other.is_some()) + usize::from(unclear.is_some());
        let worth = (amounts == 1).then_some(&payment.worth);
        let known = Self { word: &payment.word, received, other, worth };
        let Some(unclear) = payment.unclear.as_ref().filter(|_| other.is_none() && !has_received) else { return known };
        match &unclear.coin {
            Some(coin) if payment.coin.as_ref().is_some_and(|own| own != coin) => {
                Self { word: &unclear.word, other: Some((coin, &unclear.received)), ..known }
            }
            Some(_) | None => Self { word: &unclear.word, received: Some(&unclear.received), ..known },
        }
    }

    /// Returns what the money was worth when it came, in major units of this currency; none where that is not known.
    #[must_use]
    pub fn worth_in(&self, currency: Currency) -> Option<CoinAmount> {
        self.worth?.in_currency(currency)
    }
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
    /// The order's price, to which the worth of what came compares.
    pub price: Price,
    /// What the counted amounts were worth together when they came; none where that is not known of all of them.
    pub settled_worth: Option<CoinAmount>,
    /// Every amount that was reported, oldest payment first.
    pub amounts: Vec<SeenAmount<'a>>,
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
            price: order.price,
            settled_worth: ledger.worth_in(order.price.currency),
            amounts: ledger.iter().flat_map(|payment| amounts_of(order, payment)).collect(),
            was_reported: ledger.has_money() || order.events.iter().any(moved),
            has_money: ledger.has_money(),
        }
    }

    /// True if money is recorded: an amount in whatever coin, or a word that settles a payment without naming one.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.has_money
    }

    /// Returns the worth of what is settled, where all that is owed came and is known to be worth less than the price.
    #[must_use]
    pub fn worth_below_price(&self) -> Option<&CoinAmount> {
        let arrived = self.missing.as_ref().is_some_and(CoinAmount::is_zero);
        self.settled_worth.as_ref().filter(|worth| arrived && **worth < self.price.in_major_units())
    }

    /// Returns an amount of the price's currency as people write it: `78.98 USD`.
    #[must_use]
    pub fn as_money(&self, amount: &CoinAmount) -> String {
        let currency = self.price.currency;
        format!("{} {currency}", amount.as_money(currency))
    }

    /// Returns the price as people write it.
    #[must_use]
    pub fn price_as_money(&self) -> String {
        self.as_money(&self.price.in_major_units())
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

/// Returns every amount of one payment: in its own coin, in another, and under a word that is not known.
fn amounts_of<'a>(order: &Order, payment: &'a Payment) -> Vec<SeenAmount<'a>> {
    let failed = payment.word.is_failure();
    let seen = |amount, coin, standing| SeenAmount {
        payment: &payment.id,
        word: &payment.word,
        amount,
        coin,
        standing: if failed { AmountStanding::Returned } else { standing },
        worth: None,
    };
    let own = payment.received.as_ref().filter(|received| !received.is_zero());
    let own = own.map(|received| seen(received, payment.coin.as_ref(), standing_of(&order.ledger, payment)));
    let other = payment.other.as_ref();
    let other = other.map(|other| seen(&other.received, Some(&other.coin), AmountStanding::OtherCoin));
    let unclear =
        payment.unclear.as_ref().filter(|unclear| !is_told_since(payment, unclear)).map(|unclear| SeenAmount {
            word: if failed { &payment.word } else { &unclear.word },
            ..seen(&unclear.received, unclear.coin.as_ref(), AmountStanding::Unsettled)
        });
    let mut amounts: Vec<SeenAmount<'a>> = own.into_iter().chain(other).chain(unclear).collect();
    // The provider tells one worth of a payment; of several amounts it is not known whose it is.
    if let [only] = amounts.as_mut_slice() {
        only.worth = payment.worth.in_currency(order.price.currency);
    }
    amounts
}

/// True of money that was unclear once and was reported under a known word since: it is one amount, not two.
fn is_told_since(payment: &Payment, unclear: &UnclearMoney) -> bool {
    let is_own = unclear.coin.is_none() || unclear.coin == payment.coin;
    let own = payment.received.as_ref().filter(|_| is_own);
    let other = payment.other.as_ref().filter(|other| Some(&other.coin) == unclear.coin.as_ref());
    own.into_iter().chain(other.map(|other| &other.received)).any(|told| unclear.received <= *told)
}

fn standing_of(ledger: &Ledger, payment: &Payment) -> AmountStanding {
    if ledger.counts(&payment.id) {
        AmountStanding::Counted
    } else if payment.is_settled() {
        AmountStanding::OtherCoin
    } else {
        AmountStanding::Unsettled
    }
}
