//! One payment of an order, and what it takes over from each report about it.
//!
//! Reports arrive in any order, and their dates come from several machines. So a report is ranked before it is
//! dated: of the words on the way to money the highest rank counts, and of the received totals the largest. A word of
//! failure counts unless its date is before that of the newest word on the way to money (contract, section 2, "Order
//! of evidence").

use crate::domain::evidence::{Evidence, PaymentWorth, ProviderWord};
use crate::domain::ids::PaymentId;
use crate::domain::money::{Coin, CoinAmount};
use crate::domain::time::Timestamp;

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

/// One payment as the reports about it tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The provider's id.
    pub id: PaymentId,
    /// What it is to the order.
    pub role: Role,
    /// The word in force: the highest-ranked one on the way to money, or a failure that came after it.
    pub word: ProviderWord,
    /// The coin, once known.
    pub coin: Option<Coin>,
    /// What was asked, once known.
    pub pay_amount: Option<CoinAmount>,
    /// The largest known total received.
    pub received: Option<CoinAmount>,
    /// What arrived in another coin, if anything did.
    pub other: Option<OtherMoney>,
    /// What was reported under a word that is not known, if anything was; it is not settled.
    pub unclear: Option<UnclearMoney>,
    /// What the provider says that the money was worth.
    pub worth: PaymentWorth,
    /// The provider's newest time of the word in force, where it gave one.
    pub provider_at: Option<Timestamp>,
    /// While the word in force is a failure: the word on the way to money that it ended, if there was one.
    pub before_failure: Option<WordBeforeFailure>,
    /// When this service first heard of it.
    pub first_seen_at: Timestamp,
    /// How it is paid, known for payments that this service made.
    pub pay_to: Option<PayTo>,
}

/// Where a payment stood on the way to money when a failure ended it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordBeforeFailure {
    /// The highest-ranked word on the way to money.
    pub word: ProviderWord,
    /// The provider's newest time of such a word, where it gave one.
    pub at: Option<Timestamp>,
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
    /// The largest known total; never nothing.
    pub received: CoinAmount,
}

/// Money that was reported under a word that is not known: no part of any sum until the provider settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclearMoney {
    /// The provider's word.
    pub word: ProviderWord,
    /// The coin that the report names, or the payment's.
    pub coin: Option<Coin>,
    /// The largest known total; never nothing.
    pub received: CoinAmount,
}

impl PayTo {
    /// Takes over what was not known before. Where a payment is paid never changes once somebody may have been
    /// shown it: of another address nothing is taken.
    pub(super) fn learn(&mut self, told: &Self) {
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
    /// Returns a payment as its first report tells it.
    #[must_use]
    pub fn first_seen(evidence: &Evidence, role: Role, now: Timestamp) -> Self {
        let mut payment = Self {
            id: evidence.payment_id.clone(),
            role,
            word: evidence.word.clone(),
            coin: evidence.coin.clone(),
            pay_amount: evidence.pay_amount.clone(),
            received: None,
            other: None,
            unclear: None,
            worth: PaymentWorth::default(),
            provider_at: evidence.provider_at,
            before_failure: None,
            first_seen_at: now,
            pay_to: None,
        };
        payment.learn_amounts(evidence);
        payment
    }

    /// Returns the highest-ranked word on the way to money; none before the first.
    #[must_use]
    pub fn progress(&self) -> Option<&ProviderWord> {
        let word = if self.word.is_failure() { &self.before_failure.as_ref()?.word } else { &self.word };
        word.progress_rank().map(|_| word)
    }

    /// The rank of [`Self::progress`]; nothing ranks below every word.
    fn progress_rank(&self) -> Option<u8> {
        self.progress().and_then(ProviderWord::progress_rank)
    }

    /// The provider's newest time of a word on the way to money.
    fn progress_at(&self) -> Option<Timestamp> {
        let ended = self.before_failure.as_ref().filter(|_| self.word.is_failure());
        ended.map_or_else(|| self.provider_at.filter(|_| self.word.progress_rank().is_some()), |ended| ended.at)
    }

    /// True for a report that other reports of this payment have overtaken: it moves nothing and raises nothing.
    ///
    /// That is a failure dated before the newest word on the way to money; and, unless it tells of a larger total, a
    /// word on the way to money that ranks below the highest one, or that a later failure has ended before the money
    /// was settled.
    #[must_use]
    pub fn has_overtaken(&self, evidence: &Evidence) -> bool {
        if evidence.word.is_failure() {
            let dates = evidence.provider_at.zip(self.progress_at());
            return dates.is_some_and(|(told, newest)| told < newest);
        }
        let Some(rank) = evidence.word.progress_rank() else { return false };
        if self.tells_of_more(evidence) {
            return false;
        }
        if self.word.is_failure() {
            let settles = matches!(evidence.word, ProviderWord::PartiallyPaid | ProviderWord::Finished);
            return !self.is_after_failure(evidence) && (!settles || Some(rank) <= self.progress_rank());
        }
        Some(rank) < self.progress_rank()
    }

    /// True if the report names a larger total than is known.
    fn tells_of_more(&self, evidence: &Evidence) -> bool {
        let known = if self.is_in_another_coin(evidence) {
            self.other.as_ref().filter(|other| Some(&other.coin) == evidence.coin.as_ref()).map(|other| &other.received)
        } else {
            self.received.as_ref()
        };
        let told = evidence.actually_paid.as_ref().filter(|told| !told.is_zero());
        told.is_some_and(|told| known.is_none_or(|known| known < told))
    }

    /// True if the report came after the failure in force: it is dated later, or has no date.
    fn is_after_failure(&self, evidence: &Evidence) -> bool {
        let Some(told) = evidence.provider_at else { return true };
        self.provider_at.or(self.progress_at()).is_none_or(|failed_at| failed_at < told)
    }

    /// Takes over what a report says; what it leaves out stays as it was.
    ///
    /// Of a report in another coin than the payment's only the money is kept, apart: its amount is no amount
    /// of this payment and must never be added to one. `lifecycle.rs` raises it.
    pub fn learn(&mut self, evidence: &Evidence) {
        let overtaken = self.has_overtaken(evidence);
        if !self.is_in_another_coin(evidence) {
            self.coin = self.coin.take().or_else(|| evidence.coin.clone());
            self.pay_amount = self.pay_amount.take().or_else(|| evidence.pay_amount.clone());
            if evidence.word.is_failure() && !overtaken {
                self.fail(evidence);
            } else if evidence.word.progress_rank().is_some() && !overtaken {
                self.progress_to(&evidence.word);
            }
        }
        if evidence.word.progress_rank().is_some() {
            self.date_progress(evidence.provider_at);
        }
        self.learn_amounts(evidence);
    }

    /// A failure is in force from now on. Of two, the one of the later date is, else the one that is more final.
    fn fail(&mut self, evidence: &Evidence) {
        if self.word.is_failure() {
            let dated = self.provider_at.zip(evidence.provider_at).filter(|(known, told)| known != told);
            let replaced = match dated {
                Some((known, told)) => known < told,
                None => self.word.failure_rank() <= evidence.word.failure_rank(),
            };
            if !replaced {
                return;
            }
            self.provider_at = evidence.provider_at.or(self.provider_at);
        } else {
            let at = self.progress_at();
            self.before_failure = self.progress().cloned().map(|word| WordBeforeFailure { word, at });
            self.provider_at = evidence.provider_at;
        }
        self.word = evidence.word.clone();
    }

    /// The payment is on the way to money again, as far along as any report has said.
    fn progress_to(&mut self, word: &ProviderWord) {
        if let Some(ended) = self.before_failure.take() {
            (self.word, self.provider_at) = (ended.word, ended.at);
        } else if self.progress().is_none() {
            self.provider_at = None;
        }
        if self.word.progress_rank() < word.progress_rank() {
            self.word = word.clone();
        }
    }

    /// Keeps the newest date of a word on the way to money, whichever of them it is.
    fn date_progress(&mut self, at: Option<Timestamp>) {
        if !self.word.is_failure() {
            self.provider_at = self.provider_at.max(at);
        } else if let Some(ended) = &mut self.before_failure {
            ended.at = ended.at.max(at);
        }
    }

    /// Keeps the largest total of each kind of money, and what it was worth.
    fn learn_amounts(&mut self, evidence: &Evidence) {
        if evidence.word.is_known() && !self.is_in_another_coin(evidence) {
            if self.received < evidence.actually_paid {
                self.received = evidence.actually_paid.clone();
            }
        } else if let Some(received) = evidence.actually_paid.as_ref().filter(|received| !received.is_zero()) {
            self.learn_apart(evidence, received);
        }
        self.worth.learn(&evidence.worth);
    }

    /// Keeps money that is no part of this payment's sum: in another coin, or under a word that is not known.
    fn learn_apart(&mut self, evidence: &Evidence, received: &CoinAmount) {
        let coin = evidence.coin.as_ref().or(self.coin.as_ref());
        if !evidence.word.is_known() {
            let same = self.unclear.as_ref().filter(|known| known.coin.as_ref() == coin);
            if same.is_none_or(|known| known.received < *received) {
                let coin = coin.cloned();
                self.unclear = Some(UnclearMoney { word: evidence.word.clone(), coin, received: received.clone() });
            }
        } else if let Some(coin) = coin {
            let same = self.other.as_ref().filter(|known| known.coin == *coin);
            if same.is_none_or(|known| known.received < *received) {
                self.other = Some(OtherMoney { coin: coin.clone(), received: received.clone() });
            }
        }
    }

    /// True for evidence that names another coin than the payment's.
    fn is_in_another_coin(&self, evidence: &Evidence) -> bool {
        matches!((&self.coin, &evidence.coin), (Some(known), Some(told)) if known != told)
    }

    /// True if an amount was reported for it, in whatever coin and under whatever word.
    #[must_use]
    pub fn saw_money(&self) -> bool {
        let apart = self.other.is_some() || self.unclear.is_some();
        apart || self.received.as_ref().is_some_and(|received| !received.is_zero())
    }

    /// True once the provider calls what arrived settled; money merely on its way does not complete a sum.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.word, ProviderWord::Finished | ProviderWord::PartiallyPaid)
    }
}
