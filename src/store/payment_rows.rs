//! Rows of payments as they lie in their table, and the way between them and the domain; see `rows.rs`.

use crate::domain::evidence::{PaymentWorth, ProviderFees, ProviderWord};
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::ledger::payment::WordBeforeFailure;
use crate::domain::ledger::{OtherMoney, PayTo, Payment, Role, UnclearMoney};
use crate::domain::money::Coin;
use crate::domain::time::Timestamp;

use super::StoreError;
use super::rows::{amount, broken};
use crate::store::tables::PaymentRow;

impl PaymentRow {
    /// The row of one payment of an order.
    pub fn of(order: OrderId, payment: &Payment) -> Self {
        let (pay_to, worth, unclear) = (payment.pay_to.as_ref(), &payment.worth, payment.unclear.as_ref());
        let parent = match &payment.role {
            Role::Bound | Role::Own => None,
            Role::Child(parent) => Some(parent.to_string()),
        };
        Self {
            payment_id: payment.id.to_string(),
            order_id: order.to_string(),
            role: payment.role.as_str().to_owned(),
            parent_payment_id: parent,
            provider_status: payment.word.as_str().to_owned(),
            coin: text(payment.coin.as_ref()),
            pay_amount: text(payment.pay_amount.as_ref()),
            received: text(payment.received.as_ref()),
            provider_at: payment.provider_at.map(Timestamp::micros),
            first_seen_at: payment.first_seen_at.micros(),
            other_coin: text(payment.other.as_ref().map(|other| &other.coin)),
            other_received: text(payment.other.as_ref().map(|other| &other.received)),
            pay_address: pay_to.map(|pay_to| pay_to.address.clone()),
            payin_extra_id: pay_to.and_then(|pay_to| pay_to.extra_id.clone()),
            network: pay_to.and_then(|pay_to| pay_to.network.clone()),
            purchase_id: pay_to.and_then(|pay_to| pay_to.purchase_id.clone()),
            decimals: pay_to.and_then(|pay_to| pay_to.decimals).map(i64::from),
            paid_at_fiat: text(worth.paid_at_fiat.as_ref()),
            outcome_amount: text(worth.outcome_amount.as_ref()),
            outcome_currency: text(worth.outcome_currency.as_ref()),
            fee_amount: text(worth.fees.as_ref().map(|fees| &fees.total)),
            fee_currency: text(worth.fees.as_ref().map(|fees| &fees.currency)),
            unclear_status: unclear.map(|money| money.word.as_str().to_owned()),
            unclear_coin: text(unclear.and_then(|money| money.coin.as_ref())),
            unclear_received: text(unclear.map(|money| &money.received)),
            ended_status: payment.before_failure.as_ref().map(|ended| ended.word.as_str().to_owned()),
            ended_at: payment.before_failure.as_ref().and_then(|ended| ended.at).map(Timestamp::micros),
        }
    }

    /// The payment of this row.
    pub fn into_payment(self) -> Result<Payment, StoreError> {
        let parent = self.parent_payment_id.as_deref().and_then(PaymentId::parse);
        let role = match (self.role.as_str(), parent) {
            ("bound", _) => Role::Bound,
            ("own", _) => Role::Own,
            ("child", Some(parent)) => Role::Child(parent),
            _ => return Err(broken("payment role", &self.order_id)),
        };
        let (other, unclear, worth) = (self.other()?, self.unclear()?, self.worth()?);
        let ended_at = self.ended_at.map(Timestamp::from_micros);
        let ended = self.ended_status.as_deref().map(ProviderWord::parse);
        let decimals = self.decimals.map(u32::try_from).transpose();
        let decimals = decimals.map_err(|_| broken("decimals", &self.order_id))?;
        let (extra_id, network, purchase_id) = (self.payin_extra_id, self.network, self.purchase_id);
        let pay_to = self.pay_address.map(|address| PayTo { address, extra_id, network, purchase_id, decimals });
        Ok(Payment {
            id: PaymentId::parse(&self.payment_id).ok_or_else(|| broken("payment_id", &self.order_id))?,
            role,
            word: ProviderWord::parse(&self.provider_status),
            coin: self.coin.as_deref().and_then(Coin::parse),
            pay_amount: amount(self.pay_amount.as_deref(), &self.order_id)?,
            received: amount(self.received.as_deref(), &self.order_id)?,
            other,
            unclear,
            worth,
            provider_at: self.provider_at.map(Timestamp::from_micros),
            before_failure: ended.map(|word| WordBeforeFailure { word, at: ended_at }),
            first_seen_at: Timestamp::from_micros(self.first_seen_at),
            pay_to,
        })
    }

    fn other(&self) -> Result<Option<OtherMoney>, StoreError> {
        let coin = self.other_coin.as_deref().and_then(Coin::parse);
        match (coin, amount(self.other_received.as_deref(), &self.order_id)?) {
            (Some(coin), Some(received)) => Ok(Some(OtherMoney { coin, received })),
            (None, None) => Ok(None),
            _ => Err(broken("money in another coin", &self.order_id)),
        }
    }

    fn unclear(&self) -> Result<Option<UnclearMoney>, StoreError> {
        let coin = self.unclear_coin.as_deref().and_then(Coin::parse);
        let word = self.unclear_status.as_deref().map(ProviderWord::parse);
        match (word, amount(self.unclear_received.as_deref(), &self.order_id)?) {
            (Some(word), Some(received)) => Ok(Some(UnclearMoney { word, coin, received })),
            (None, None) => Ok(None),
            _ => Err(broken("money under a word that is not known", &self.order_id)),
        }
    }

    fn worth(&self) -> Result<PaymentWorth, StoreError> {
        let currency = self.fee_currency.as_deref().and_then(Coin::parse);
        let total = amount(self.fee_amount.as_deref(), &self.order_id)?;
        Ok(PaymentWorth {
            paid_at_fiat: amount(self.paid_at_fiat.as_deref(), &self.order_id)?,
            outcome_amount: amount(self.outcome_amount.as_deref(), &self.order_id)?,
            outcome_currency: self.outcome_currency.as_deref().and_then(Coin::parse),
            fees: currency.zip(total).map(|(currency, total)| ProviderFees { currency, total }),
        })
    }
}

fn text(value: Option<&impl ToString>) -> Option<String> {
    value.map(ToString::to_string)
}
