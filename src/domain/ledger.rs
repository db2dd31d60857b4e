//! An order's payments: the bound one, those made for it later, and further deposits.
//!
//! Per payment the newest received amount counts once; `lifecycle.rs` asks the ledger what arrived
//! and hands it what is newly known (contract, section 2, "Ledger").

use super::evidence::{Evidence, ProviderWord};
use super::ids::PaymentId;
use super::money::{Coin, CoinAmount};
use super::time::Timestamp;

/// What a payment is to its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The one payment whose evidence moves the order.
    Bound,
    /// Made by this service for the order later: a top-up, or the twin of a lost creation.
    Own,
    /// A further deposit, child of this payment; it never binds.
    Child(PaymentId),
}

/// One payment as the newest evidence tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The provider's id.
    pub id: PaymentId,
    /// What it is to the order.
    pub role: Role,
    /// The provider's newest word.
    pub word: ProviderWord,
    /// The coin, once known.
    pub coin: Option<Coin>,
    /// What was asked, once known.
    pub pay_amount: Option<CoinAmount>,
    /// The newest known total received.
    pub received: Option<CoinAmount>,
    /// The provider's time of the newest evidence, where it gave one.
    pub provider_at: Option<Timestamp>,
    /// When this service first heard of it.
    pub first_seen_at: Timestamp,
}

impl Payment {
    /// A payment as its first evidence tells it.
    #[must_use]
    pub fn first_seen(evidence: &Evidence, role: Role, now: Timestamp) -> Self {
        Self {
            id: evidence.payment_id.clone(),
            role,
            word: evidence.word.clone(),
            coin: evidence.coin.clone(),
            pay_amount: evidence.pay_amount.clone(),
            received: evidence.actually_paid.clone(),
            provider_at: evidence.provider_at,
            first_seen_at: now,
        }
    }

    /// Takes over what newer evidence says; what it leaves out stays as it was.
    ///
    /// The provider's own time tells new from old. Where one is missing, a lower rank of its word does:
    /// a late `confirming` must not take back what `finished` reported.
    pub fn learn(&mut self, evidence: &Evidence) {
        let stale = match (self.provider_at, evidence.provider_at) {
            (Some(known), Some(told)) if known != told => told < known,
            _ => evidence.word.rank() < self.word.rank(),
        };
        self.coin = self.coin.take().or_else(|| evidence.coin.clone());
        self.pay_amount = self.pay_amount.take().or_else(|| evidence.pay_amount.clone());
        if stale {
            return;
        }
        self.word = evidence.word.clone();
        self.provider_at = evidence.provider_at.or(self.provider_at);
        if let Some(received) = &evidence.actually_paid {
            self.received = Some(received.clone());
        }
    }

    /// True once the provider calls what arrived settled; money merely on its way does not complete a sum.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.word, ProviderWord::Finished | ProviderWord::PartiallyPaid)
    }
}

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

    /// The settled sum in the bound coin: the newest total of each payment, once. A payment other than the
    /// bound one counts only if it names that very coin.
    #[must_use]
    pub fn received(&self) -> CoinAmount {
        let coin = self.bound().and_then(|bound| bound.coin.as_ref());
        let counts =
            |payment: &&Payment| payment.role == Role::Bound || (coin.is_some() && payment.coin.as_ref() == coin);
        self.0
            .iter()
            .filter(|payment| payment.is_settled())
            .filter(counts)
            .filter_map(|payment| payment.received.as_ref())
            .fold(CoinAmount::zero(), |sum, received| sum.plus(received))
    }
}
