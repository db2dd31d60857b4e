//! What is asked of the provider for one order, and which of its payments are an answer to it.
//!
//! A payment is taken for ours only if it names this order (or, in the answer to our own question, none), is no
//! further deposit, tells where it is paid, and was asked for at our price.

use crate::actors::order::Operation;
use crate::domain::evidence::ProviderWord;
use crate::domain::ledger::PayTo;
use crate::domain::lifecycle::Made;
use crate::domain::money::{Coin, CoinAmount};
use crate::domain::order::Order;
use crate::domain::topup;
use crate::provider::client::PaymentWish;
use crate::provider::report::PaymentReport;
use crate::provider::wire::OrderReference;

/// A payment to be made.
pub(super) struct Errand {
    /// For which order, as it was when the claim was taken.
    pub(super) order: Order,
    /// In which coin.
    pub(super) coin: Coin,
    /// What is asked beside what the order has; none for its first payment.
    pub(super) top_up: Option<TopUp>,
}

/// The rest of a price.
pub(super) struct TopUp {
    /// In the coin.
    pub(super) pay_amount: CoinAmount,
    /// In the currency of the order's price.
    pub(super) price_amount: CoinAmount,
    /// The purchase of the payment that fell short.
    pub(super) purchase_id: Option<String>,
    /// The operator's request for it.
    pub(super) operation: Operation,
}

impl Errand {
    /// The wish as the client takes it.
    pub(super) fn wish(&self) -> PaymentWish {
        let price = self.order.price;
        let rest = self.top_up.as_ref();
        PaymentWish {
            order_id: self.order.id,
            price_amount: rest.map_or_else(|| price.in_major_units(), |rest| rest.price_amount.clone()),
            price_currency: price.currency,
            pay_currency: self.coin.clone(),
            pay_amount: rest.map(|rest| rest.pay_amount.clone()),
            purchase_id: rest.and_then(|rest| rest.purchase_id.clone()),
            description: self.order.product.to_string(),
        }
    }

    /// The payment of an answer to this errand; none if the answer is about something else.
    pub(super) fn answered(&self, report: &PaymentReport) -> Option<Made> {
        let named = match report.order {
            OrderReference::Ours(id) => id == self.order.id,
            OrderReference::None => true,
            OrderReference::Foreign => false,
        };
        let price = &report.evidence.price;
        let amount = price.amount.as_ref().is_none_or(|amount| self.top_up.is_some() || *amount == self.price());
        let currency = price.currency.as_deref().is_none_or(|named| self.is_our_currency(named));
        (named && amount && currency).then(|| made(report)).flatten()
    }

    /// What is wrong with the price of an answer to this errand, in words for operators; none if it is ours.
    pub(super) fn other_price(&self, report: &PaymentReport) -> Option<String> {
        let price = &report.evidence.price;
        let ours = self.order.price;
        let amount = price.amount.clone().filter(|_| self.top_up.is_none()).unwrap_or_else(|| self.price());
        let currency = price.currency.as_deref().unwrap_or(ours.currency.as_str()).to_ascii_uppercase();
        let is_other = amount != self.price() || !self.is_our_currency(&currency);
        let (asked, code) = (self.price(), ours.currency.as_str());
        let told = format!("the provider made a payment over {amount} {currency} where {asked} {code} was asked for");
        (is_other && report.order != OrderReference::Foreign).then_some(told)
    }

    /// The payment of this report, if it is what an earlier try at this errand has made.
    pub(super) fn twin(&self, report: &PaymentReport) -> Option<Made> {
        let evidence = &report.evidence;
        let named = report.order == OrderReference::Ours(self.order.id);
        let currency = evidence.price.currency.as_deref().is_some_and(|named| self.is_our_currency(named));
        let amount = match &self.top_up {
            None => evidence.price.amount.as_ref() == Some(&self.price()),
            Some(rest) => {
                let asked = evidence.pay_amount.as_ref();
                let about = asked.is_some_and(|asked| topup::is_about(&self.order, asked, &rest.pay_amount));
                let same_price = evidence.price.amount.as_ref() == Some(&rest.price_amount);
                evidence.coin.as_ref() == Some(&self.coin) && (about || same_price)
            }
        };
        let fresh = self.order.ledger.find(&evidence.payment_id).is_none();
        (named && currency && amount && fresh && is_alive(&evidence.word)).then(|| made(report)).flatten()
    }

    /// True of a listed payment that tells too little of itself: it may be what an earlier try has made, and only
    /// its own report says.
    pub(super) fn may_be_twin(&self, report: &PaymentReport) -> bool {
        let named = match report.order {
            OrderReference::Ours(id) => id == self.order.id && report.pay_to.is_none(),
            OrderReference::None => report.evidence.parent_payment_id.is_none(),
            OrderReference::Foreign => false,
        };
        let price = report.evidence.price.amount.as_ref();
        let amount = self.top_up.is_some() || price.is_none_or(|amount| *amount == self.price());
        let fresh = self.order.ledger.find(&report.evidence.payment_id).is_none();
        named && amount && fresh && is_alive(&report.evidence.word)
    }

    fn price(&self) -> CoinAmount {
        self.order.price.in_major_units()
    }

    fn is_our_currency(&self, named: &str) -> bool {
        named.eq_ignore_ascii_case(self.order.price.currency.as_str())
    }
}

/// A payment nobody could pay any more is no use to the payer; its address was never shown.
fn is_alive(word: &ProviderWord) -> bool {
    !matches!(word, ProviderWord::Failed | ProviderWord::Expired | ProviderWord::Refunded)
}

/// What the order takes over; none without an address, and none of a further deposit.
fn made(report: &PaymentReport) -> Option<Made> {
    let pay_to: PayTo = report.pay_to.clone()?;
    report.evidence.parent_payment_id.is_none().then(|| Made { evidence: report.evidence.clone(), pay_to })
}
