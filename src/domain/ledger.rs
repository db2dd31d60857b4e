//! An order's payments: the bound one, those made for it later, and further deposits.
//!
//! Per payment the largest received total counts once; what arrived in another coin, or under a word that is not
//! known, is kept beside it and never added. `lifecycle.rs` asks the ledger what arrived and hands it what is newly
//! known (contract, section 2, "Ledger"); what one payment takes over from a report is in [`payment`].

pub mod payment;

use super::evidence::Evidence;
use super::ids::PaymentId;
use super::money::{Coin, CoinAmount, Currency};
use super::time::Timestamp;

pub use payment::{OtherMoney, PayTo, Payment, Role, UnclearMoney};

/// All payments of one order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger(Vec<Payment>);

impl Ledger {
    /// A ledger of these payments.
    #[must_use]
    pub fn new(payments: Vec<Payment>) -> Self {
        Self(payments)
    }

    /// The bound payment.
    #[must_use]
    pub fn bound(&self) -> Option<&Payment> {
        self.0.iter().find(|payment| payment.role == Role::Bound)
    }

    /// The payment of this id.
    #[must_use]
    pub fn find(&self, id: &PaymentId) -> Option<&Payment> {
        self.0.iter().find(|payment| payment.id == *id)
    }

    /// True if the payment's money is part of the sum.
    #[must_use]
    pub fn counts(&self, id: &PaymentId) -> bool {
        self.counted().any(|payment| payment.id == *id)
    }

    /// All payments, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Payment> {
        self.0.iter()
    }

    /// Records what the evidence says of its payment: known ones learn, a new one joins in `role`.
    pub fn record(&mut self, evidence: &Evidence, role: Role, now: Timestamp) {
        match self.0.iter_mut().find(|payment| payment.id == evidence.payment_id) {
            Some(known) => known.learn(evidence),
            None => self.0.push(Payment::first_seen(evidence, role, now)),
        }
    }

    /// Keeps how a payment is paid.
    pub fn pay_to(&mut self, id: &PaymentId, pay_to: &PayTo) {
        let Some(payment) = self.0.iter_mut().find(|payment| payment.id == *id) else { return };
        match &mut payment.pay_to {
            Some(known) => known.learn(pay_to),
            unknown => *unknown = Some(pay_to.clone()),
        }
    }

    /// The payments whose money counts: something arrived, the provider calls it settled, and it is in the
    /// bound coin. A payment other than the bound one counts only if it names that very coin.
    pub fn counted(&self) -> impl Iterator<Item = &Payment> {
        let coin = self.coin();
        self.0
            .iter()
            .filter(|payment| payment.is_settled())
            .filter(move |payment| payment.role == Role::Bound || (coin.is_some() && payment.coin.as_ref() == coin))
            .filter(|payment| payment.received.as_ref().is_some_and(|received| !received.is_zero()))
    }

    /// True if money is recorded for the order: an amount in whatever coin, or a word that says so without one.
    #[must_use]
    pub fn has_money(&self) -> bool {
        self.0.iter().any(|payment| payment.saw_money() || (payment.is_settled() && payment.received.is_none()))
    }

    /// The bound payment's coin, once known.
    #[must_use]
    pub fn coin(&self) -> Option<&Coin> {
        self.bound().and_then(|bound| bound.coin.as_ref())
    }

    /// True if the payment is settled, something arrived, and it is known to be in another coin than the bound one.
    #[must_use]
    pub fn is_settled_in_another_coin(&self, id: &PaymentId) -> bool {
        let settled = self.find(id).filter(|payment| payment.is_settled() && payment.saw_money());
        let coin = settled.and_then(|payment| payment.coin.as_ref());
        self.coin().zip(coin).is_some_and(|(bound, coin)| bound != coin)
    }

    /// What the payments whose money counts were worth together, in major units of the currency; none where that is
    /// not known of one of them, or nothing counts.
    #[must_use]
    pub fn worth_in(&self, currency: Currency) -> Option<CoinAmount> {
        let mut worth = self.counted().map(|payment| payment.worth.in_currency(currency));
        let first = worth.next()??;
        worth.try_fold(first, |sum, more| Some(sum.plus(&more?)))
    }

    /// The settled sum in the bound coin: the largest total of each payment, once.
    #[must_use]
    pub fn received(&self) -> CoinAmount {
        self.counted()
            .filter_map(|payment| payment.received.as_ref())
            .fold(CoinAmount::zero(), |sum, received| sum.plus(received))
    }
}
