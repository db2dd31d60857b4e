//! Rows as they lie in the tables, and the way between them and the domain.
//!
//! Reading back is strict: a row that the domain cannot mean is [`StoreError::Broken`], never a guess.

use crate::domain::catalogue::ProductCode;
use crate::domain::evidence::{ProviderWord, WitnessKind};
use crate::domain::ids::{AccountId, KeyId, OrderId, PaymentId};
use crate::domain::ledger::Ledger;
use crate::domain::money::{Coin, CoinAmount, Currency, Price};
use crate::domain::order::{AmountCheck, FailureReason, Order, OrderEvent, Source, Status, StatusName};
use crate::domain::time::Timestamp;

use super::StoreError;
use super::filter::OrderLine;
use crate::store::tables::{EventRow, OrderRow, PaymentRow};

/// An order's row with a line of its log and a payment, as far as it has any.
pub(super) type JoinedRow = (OrderRow, Option<EventRow>, Option<PaymentRow>);

impl OrderRow {
    /// The row of an order as it is.
    pub fn of(order: &Order) -> Self {
        let (failure_reason, amount_check) = facts_of(&order.status);
        Self {
            id: order.id.to_string(),
            account_id: order.account_id.to_string(),
            product: order.product.to_string(),
            price_cents: order.price.cents,
            price_currency: order.price.currency.to_string(),
            pay_currency: order.pay_currency.as_ref().map(ToString::to_string),
            status: order.status.name().as_str().to_owned(),
            failure_reason: failure_reason.map(str::to_owned),
            amount_check: amount_check.map(str::to_owned),
            owed: order.owed.as_ref().map(ToString::to_string),
            payment_id: order.payment_id().map(ToString::to_string),
            customer_note: order.customer_note.clone(),
            internal_note: order.internal_note.clone(),
            expires_at: order.expires_at().map(Timestamp::micros),
            due_at: order.due_at.map(Timestamp::micros),
            paid_at: order.paid_at().map(Timestamp::micros),
            created_at: order.created_at.micros(),
            updated_at: order.updated_at.micros(),
            version: order.version,
        }
    }

    /// The order of this row with its log and payments.
    pub fn into_order(self, events: Vec<EventRow>, payments: Vec<PaymentRow>) -> Result<Order, StoreError> {
        let status = self.status()?;
        let currency = Currency::parse(&self.price_currency).ok_or_else(|| broken("price_currency", &self.id))?;
        Ok(Order {
            id: OrderId::parse(&self.id).ok_or_else(|| broken("id", &self.id))?,
            account_id: AccountId::parse(&self.account_id).ok_or_else(|| broken("account_id", &self.id))?,
            product: ProductCode::parse(&self.product).ok_or_else(|| broken("product", &self.id))?,
            price: Price { cents: self.price_cents, currency },
            pay_currency: self.pay_currency.as_deref().and_then(Coin::parse),
            status,
            owed: amount(self.owed.as_deref(), &self.id)?,
            ledger: Ledger::new(payments.into_iter().map(PaymentRow::into_payment).collect::<Result<_, _>>()?),
            customer_note: self.customer_note,
            internal_note: self.internal_note,
            events: events.into_iter().map(EventRow::into_event).collect::<Result<_, _>>()?,
            due_at: self.due_at.map(Timestamp::from_micros),
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
            version: self.version,
        })
    }

    /// The line of this row in an export, as it lies in the table.
    pub fn into_line(self) -> OrderLine {
        OrderLine {
            order_id: self.id,
            account_id: self.account_id,
            product: self.product,
            price_cents: self.price_cents,
            price_currency: self.price_currency,
            status: self.status,
            payment_id: self.payment_id,
            customer_note: self.customer_note,
            internal_note: self.internal_note,
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
        }
    }

    fn status(&self) -> Result<Status, StoreError> {
        let at = |time: Option<i64>, column| time.map(Timestamp::from_micros).ok_or_else(|| broken(column, &self.id));
        let name = StatusName::parse(&self.status).ok_or_else(|| broken("status", &self.id))?;
        Ok(match name {
            StatusName::Pending => Status::Pending { expires_at: at(self.expires_at, "expires_at")? },
            StatusName::Confirming => Status::Confirming,
            StatusName::Partial => Status::Partial,
            StatusName::Paid => Status::Paid {
                paid_at: at(self.paid_at, "paid_at")?,
                check: match self.amount_check.as_deref() {
                    Some("checked") => AmountCheck::Checked,
                    Some("unchecked") => AmountCheck::Unchecked,
                    Some("accepted") => AmountCheck::Accepted,
                    _ => return Err(broken("amount_check", &self.id)),
                },
            },
            StatusName::Failed => Status::Failed {
                reason: match self.failure_reason.as_deref() {
                    Some("ipn") => FailureReason::Ipn,
                    Some("ipn_expired") => FailureReason::IpnExpired,
                    Some("expired") => FailureReason::Expired,
                    Some("swept") => FailureReason::Swept,
                    _ => return Err(broken("failure_reason", &self.id)),
                },
            },
            StatusName::Cancelled => Status::Cancelled,
        })
    }
}

/// The columns that hold a status's own facts: `failure_reason` and `amount_check`.
fn facts_of(status: &Status) -> (Option<&'static str>, Option<&'static str>) {
    match status {
        Status::Paid { check: AmountCheck::Checked, .. } => (None, Some("checked")),
        Status::Paid { check: AmountCheck::Unchecked, .. } => (None, Some("unchecked")),
        Status::Paid { check: AmountCheck::Accepted, .. } => (None, Some("accepted")),
        Status::Failed { reason: FailureReason::IpnExpired } => (Some("ipn_expired"), None),
        Status::Failed { reason } => (Some(reason.as_str()), None),
        Status::Pending { .. } | Status::Confirming | Status::Partial | Status::Cancelled => (None, None),
    }
}

impl EventRow {
    /// The row of one line of an order's log.
    pub fn of(order: OrderId, event: &OrderEvent, recorded_at: Timestamp) -> Self {
        Self {
            order_id: order.to_string(),
            seq: event.seq,
            status: event.status.as_str().to_owned(),
            at: event.at.micros(),
            source: event.source.as_str().to_owned(),
            provider_status: event.word.as_ref().map(|word| word.as_str().to_owned()),
            payment_id: event.payment_id.as_ref().map(ToString::to_string),
            actor: event.actor.map(|key| key.to_string()),
            recorded_at: recorded_at.micros(),
            witness: event.witness.map(|witness| witness.as_str().to_owned()),
            provider_at: event.provider_at.map(Timestamp::micros),
        }
    }

    fn into_event(self) -> Result<OrderEvent, StoreError> {
        let witness = self.witness.as_deref();
        let witness = witness.map(|name| WitnessKind::parse(name).ok_or_else(|| broken("witness", &self.order_id)));
        Ok(OrderEvent {
            seq: self.seq,
            status: StatusName::parse(&self.status).ok_or_else(|| broken("event status", &self.order_id))?,
            at: Timestamp::from_micros(self.at),
            source: Source::parse(&self.source).ok_or_else(|| broken("event source", &self.order_id))?,
            word: self.provider_status.as_deref().map(ProviderWord::parse),
            payment_id: self.payment_id.as_deref().and_then(PaymentId::parse),
            actor: self.actor.as_deref().and_then(KeyId::parse),
            witness: witness.transpose()?,
            provider_at: self.provider_at.map(Timestamp::from_micros),
        })
    }
}

/// The amount of a column.
pub(super) fn amount(text: Option<&str>, order: &str) -> Result<Option<CoinAmount>, StoreError> {
    text.map(|text| CoinAmount::parse(text).ok_or_else(|| broken("amount", order))).transpose()
}

/// A row that this program cannot have written.
pub(super) fn broken(column: &str, id: &str) -> StoreError {
    StoreError::Broken(format!("{column} of {id} cannot be read"))
}
