//! An order's payments: the bound one, those made for it later, and further deposits.
//!
//! Per payment the newest received amount counts once; what arrived in another coin is kept beside it and
//! never added. `lifecycle.rs` asks the ledger what arrived and hands it what is newly known (contract,
//! section 2, "Ledger").

use std::cmp::Ordering;

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

impl Role {
    /// The name on the wire and in the database.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Own => "own",
            Self::Child(_) => "child",
        }
    }
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
    /// What arrived in another coin, if anything did.
    pub other: Option<OtherMoney>,
    /// The provider's time of the newest evidence, where it gave one.
    pub provider_at: Option<Timestamp>,
    /// When this service first heard of it.
    pub first_seen_at: Timestamp,
    /// How it is paid, known for payments that this service made.
    pub pay_to: Option<PayTo>,
}

/// Where and how a payment is paid, as the provider answered its creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayTo {
    /// The address of the coins.
    pub address: String,
    /// The memo or tag without which a deposit is not detected on some networks: `payin_extra_id`.
    pub extra_id: Option<String>,
    /// The network of the coin.
    pub network: Option<String>,
    /// The purchase, under which a further payment for the same order is made: `purchase_id`.
    pub purchase_id: Option<String>,
    /// How many decimals of the coin can be sent: `network_precision`.
    pub decimals: Option<u32>,
}

/// Money in another coin than its payment's: no part of any sum, but money all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherMoney {
    /// The coin it came in.
    pub coin: Coin,
    /// The newest known total; never nothing.
    pub received: CoinAmount,
}

impl PayTo {
    /// Takes over what was not known before. Where a payment is paid never changes once somebody may have been
    /// shown it: of another address nothing is taken.
    fn learn(&mut self, told: &Self) {
        if self.address != told.address {
            return;
        }
        self.extra_id = self.extra_id.take().or_else(|| told.extra_id.clone());
        self.network = self.network.take().or_else(|| told.network.clone());
        self.purchase_id = self.purchase_id.take().or_else(|| told.purchase_id.clone());
        self.decimals = self.decimals.or(told.decimals);
    }
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
            other: None,
            provider_at: evidence.provider_at,
            first_seen_at: now,
            pay_to: None,
        }
    }

    /// Takes over what newer evidence says; what it leaves out stays as it was.
    ///
    /// Of a report in another coin than the payment's only the money is kept, apart: its amount is no amount
    /// of this payment and must never be added to one. `lifecycle.rs` raises it.
    pub fn learn(&mut self, evidence: &Evidence) {
        if self.is_in_another_coin(evidence) {
            self.learn_other(evidence);
            return;
        }
        let age = self.age_of(evidence);
        self.coin = self.coin.take().or_else(|| evidence.coin.clone());
        self.pay_amount = self.pay_amount.take().or_else(|| evidence.pay_amount.clone());
        if age == Ordering::Less {
            return;
        }
        self.word = evidence.word.clone();
        self.provider_at = evidence.provider_at.or(self.provider_at);
        // The provider repeats totals: of two that nothing else tells apart, the greater is the newer.
        let grown = self.received < evidence.actually_paid;
        if evidence.actually_paid.is_some() && (age == Ordering::Greater || grown) {
            self.received = evidence.actually_paid.clone();
        }
    }

    /// True for evidence that names another coin than the payment's.
    fn is_in_another_coin(&self, evidence: &Evidence) -> bool {
        matches!((&self.coin, &evidence.coin), (Some(known), Some(told)) if known != told)
    }

    /// Keeps the newest amount in another coin. The provider repeats totals: of two in one coin, the greater
    /// is the newer.
    fn learn_other(&mut self, evidence: &Evidence) {
        let received = evidence.actually_paid.as_ref().filter(|received| !received.is_zero());
        let (Some(coin), Some(received)) = (&evidence.coin, received) else { return };
        let same_coin = self.other.as_ref().filter(|known| known.coin == *coin);
        if same_coin.is_none_or(|known| known.received < *received) {
            self.other = Some(OtherMoney { coin: coin.clone(), received: received.clone() });
        }
    }

    /// Whether the evidence is older or newer than what is known.
    ///
    /// The provider's own time tells new from old. Where one is missing, the rank of its word does: a late
    /// `confirming` must not take back what `finished` reported.
    fn age_of(&self, evidence: &Evidence) -> Ordering {
        match (self.provider_at, evidence.provider_at) {
            (Some(known), Some(told)) if known != told => told.cmp(&known),
            _ => evidence.word.rank().cmp(&self.word.rank()),
        }
    }

    /// True if an amount was reported for it, in whatever coin.
    #[must_use]
    pub fn saw_money(&self) -> bool {
        self.other.is_some() || self.received.as_ref().is_some_and(|received| !received.is_zero())
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

    /// Records of the evidence only that money came in another coin, if it did.
    pub fn record_other(&mut self, evidence: &Evidence) {
        let known = self.0.iter_mut().find(|payment| payment.id == evidence.payment_id);
        if let Some(payment) = known.filter(|payment| payment.is_in_another_coin(evidence)) {
            payment.learn_other(evidence);
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
        let coin = self.bound().and_then(|bound| bound.coin.as_ref());
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

    /// The settled sum in the bound coin: the newest total of each payment, once.
    #[must_use]
    pub fn received(&self) -> CoinAmount {
        self.counted()
            .filter_map(|payment| payment.received.as_ref())
            .fold(CoinAmount::zero(), |sum, received| sum.plus(received))
    }
}
