//! An order as the wire shows it: one shape for its customer, one for operators (contract, section 2).
//!
//! The customer never sees the internal note, and reads `swept` as `expired`: who swept is our affair.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::catalogue::ProductCode;
use crate::domain::evidence::{ProviderWord, WitnessKind};
use crate::domain::ids::{AccountId, KeyId, OrderId, PaymentId};
use crate::domain::order::{FailureReason, Order, OrderEvent, Source, StatusName};
use crate::domain::time::Timestamp;
use crate::store::filter::Position;

use super::cursor;
use super::openapi::samples;

/// An order for its customer; the fields in the contract's order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!(samples::customer_order()))]
pub struct CustomerOrder<'a> {
    order_id: OrderId,
    product: &'a ProductCode,
    /// In the currency's minor unit.
    #[schema(minimum = 1)]
    price_cents: i64,
    #[schema(pattern = "^[A-Z]{3}$")]
    price_currency: &'a str,
    /// Null until a payment is bound.
    #[schema(required = true)]
    payment_id: Option<&'a PaymentId>,
    #[schema(value_type = StatusName)]
    status: &'static str,
    #[schema(required = true, value_type = Option<FailureReason>)]
    failure_reason: Option<&'static str>,
    #[schema(required = true, max_length = 500)]
    customer_note: Option<&'a str>,
    /// Oldest first.
    events: Vec<CustomerEvent>,
    /// The end of the pay window while the order is pending.
    #[schema(required = true)]
    expires_at: Option<Timestamp>,
    /// The time of the first `paid` event.
    #[schema(required = true)]
    paid_at: Option<Timestamp>,
    created_at: Timestamp,
    /// Later with every change, also of a note.
    updated_at: Timestamp,
}

/// An order for operators; the fields in the contract's order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!(samples::admin_order()))]
pub struct AdminOrder<'a> {
    order_id: OrderId,
    account_id: AccountId,
    product: &'a ProductCode,
    /// In the currency's minor unit.
    #[schema(minimum = 1)]
    price_cents: i64,
    #[schema(pattern = "^[A-Z]{3}$")]
    price_currency: &'a str,
    /// Null until a payment is bound.
    #[schema(required = true)]
    payment_id: Option<&'a PaymentId>,
    #[schema(value_type = StatusName)]
    status: &'static str,
    #[schema(required = true, value_type = Option<FailureReason>)]
    failure_reason: Option<&'static str>,
    #[schema(required = true, max_length = 500)]
    customer_note: Option<&'a str>,
    #[schema(required = true, max_length = 2000)]
    internal_note: Option<&'a str>,
    /// Oldest first.
    events: Vec<AdminEvent<'a>>,
    /// The end of the pay window while the order is pending.
    #[schema(required = true)]
    expires_at: Option<Timestamp>,
    /// The time of the first `paid` event.
    #[schema(required = true)]
    paid_at: Option<Timestamp>,
    created_at: Timestamp,
    /// Later with every change, also of a note.
    updated_at: Timestamp,
}

/// A line of the log for its customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerEvent {
    #[schema(value_type = StatusName)]
    status: &'static str,
    at: Timestamp,
    #[schema(value_type = Source)]
    source: &'static str,
}

/// A line of the log for operators.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminEvent<'a> {
    #[schema(value_type = StatusName)]
    status: &'static str,
    at: Timestamp,
    #[schema(value_type = Source)]
    source: &'static str,
    /// 1 for the first line, and so on without a gap.
    #[schema(minimum = 1, example = 1)]
    seq: i64,
    recorded_at: Timestamp,
    /// The provider's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "finished")]
    provider_status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    payment_id: Option<&'a PaymentId>,
    /// The key of the operator who brought it about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    actor: Option<KeyId>,
    /// Whose word on a payment moved the order; absent where nobody's did, and of lines from before this was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = WitnessKind)]
    witness: Option<&'static str>,
    /// The provider's own time of what it said, where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    provider_at: Option<Timestamp>,
}

/// A log alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct Log<E> {
    /// Oldest first.
    pub events: Vec<E>,
}

/// A page of orders.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listing<O> {
    /// Newest first.
    pub orders: Vec<O>,
    /// Where the next page starts; null on the last page.
    #[schema(required = true, example = json!(null))]
    pub next_cursor: Option<String>,
}

impl<O> Listing<O> {
    /// A page, with where the next one starts.
    #[must_use]
    pub fn new(orders: Vec<O>, next: Option<Position>) -> Self {
        Self { orders, next_cursor: next.as_ref().map(cursor::of_order) }
    }
}

/// An order as its customer sees it.
#[must_use]
pub fn for_customer(order: &Order) -> CustomerOrder<'_> {
    CustomerOrder {
        order_id: order.id,
        product: &order.product,
        price_cents: order.price.cents,
        price_currency: order.price.currency.as_str(),
        payment_id: order.payment_id(),
        status: order.status.name().as_str(),
        failure_reason: order.failure_reason().map(reason_for_customer),
        customer_note: order.customer_note.as_deref(),
        events: log_for_customer(order),
        expires_at: order.expires_at(),
        paid_at: order.paid_at(),
        created_at: order.created_at,
        updated_at: order.updated_at,
    }
}

/// An order as operators see it.
#[must_use]
pub fn for_admin(order: &Order) -> AdminOrder<'_> {
    AdminOrder {
        order_id: order.id,
        account_id: order.account_id,
        product: &order.product,
        price_cents: order.price.cents,
        price_currency: order.price.currency.as_str(),
        payment_id: order.payment_id(),
        status: order.status.name().as_str(),
        failure_reason: order.failure_reason().map(FailureReason::as_str),
        customer_note: order.customer_note.as_deref(),
        internal_note: order.internal_note.as_deref(),
        events: log_for_admin(order),
        expires_at: order.expires_at(),
        paid_at: order.paid_at(),
        created_at: order.created_at,
        updated_at: order.updated_at,
    }
}

/// The log as its customer sees it.
#[must_use]
pub fn log_for_customer(order: &Order) -> Vec<CustomerEvent> {
    let line = |event: &OrderEvent| CustomerEvent {
        status: event.status.as_str(),
        at: event.at,
        source: source_for_customer(event.source),
    };
    order.events.iter().map(line).collect()
}

/// The log as operators see it.
#[must_use]
pub fn log_for_admin(order: &Order) -> Vec<AdminEvent<'_>> {
    order.events.iter().map(admin_line).collect()
}

fn admin_line(event: &OrderEvent) -> AdminEvent<'_> {
    AdminEvent {
        status: event.status.as_str(),
        at: event.at,
        source: event.source.as_str(),
        seq: event.seq,
        // A line is written at the moment of which it tells.
        recorded_at: event.at,
        provider_status: event.word.as_ref().map(ProviderWord::as_str),
        payment_id: event.payment_id.as_ref(),
        actor: event.actor,
        witness: event.witness.map(WitnessKind::as_str),
        provider_at: event.provider_at,
    }
}

fn reason_for_customer(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::Swept | FailureReason::Expired => FailureReason::Expired.as_str(),
        FailureReason::Ipn | FailureReason::IpnExpired => reason.as_str(),
    }
}

fn source_for_customer(source: Source) -> &'static str {
    match source {
        Source::Swept | Source::Expired => Source::Expired.as_str(),
        Source::Create | Source::Ipn | Source::Cancel => source.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::lifecycle::{Input, Moment, Rules, decide};
    use crate::domain::money::{Currency, Price};
    use crate::domain::order::NewOrder;
    use crate::domain::time::Span;

    fn placed() -> Order {
        let new = NewOrder {
            id: OrderId::parse("ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b").unwrap(),
            account_id: AccountId::new(Uuid::nil()),
            product: ProductCode::parse("solo_manual").unwrap(),
            price: Price { cents: 7900, currency: Currency::parse("USD").unwrap() },
            pay_currency: None,
            customer_note: Some("for Ada".into()),
            pay_window: Span::minutes(60),
        };
        Order { internal_note: Some("watch".into()), ..Order::place(new, Timestamp::from_millis(1_778_590_800_000)) }
    }

    fn swept() -> Order {
        let rules = Rules::SHIPPED;
        let now = Timestamp::from_millis(1_778_594_400_000);
        let sweep = Input::Sweep { created_until: now, actor: Some(KeyId::new(Uuid::nil())) };
        decide(&placed(), &sweep, &Moment { now, rules }).unwrap().order
    }

    #[test]
    fn a_fresh_order_is_shown_to_its_customer_field_by_field() {
        assert_eq!(
            serde_json::to_string(&for_customer(&placed())).unwrap(),
            concat!(
                r#"{"order_id":"ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b","product":"solo_manual","price_cents":7900,"#,
                r#""price_currency":"USD","payment_id":null,"status":"pending","failure_reason":null,"#,
                r#""customer_note":"for Ada","events":[{"status":"pending","at":"2026-05-12T13:00:00.000Z","#,
                r#""source":"create"}],"expires_at":"2026-05-12T14:00:00.000Z","paid_at":null,"#,
                r#""created_at":"2026-05-12T13:00:00.000Z","updated_at":"2026-05-12T13:00:00.000Z"}"#,
            )
        );
    }

    #[test]
    fn the_customer_reads_swept_as_expired_and_the_operator_reads_who_swept() {
        let order = swept();
        let customer = serde_json::to_value(for_customer(&order)).unwrap();
        assert_eq!(customer["failure_reason"], "expired");
        assert_eq!(customer["events"][1]["source"], "expired");
        assert_eq!(customer["expires_at"], serde_json::Value::Null);
        assert!(!customer.to_string().contains("watch") && !customer.to_string().contains("swept"));
        let admin = serde_json::to_value(for_admin(&order)).unwrap();
        assert_eq!(admin["failure_reason"], "swept");
        assert_eq!(admin["internal_note"], "watch");
        assert_eq!(admin["account_id"], "00000000-0000-0000-0000-000000000000");
        assert_eq!(
            admin["events"][1],
            serde_json::json!({
                "status": "failed",
                "at": "2026-05-12T14:00:00.000Z",
                "source": "swept",
                "seq": 2,
                "recorded_at": "2026-05-12T14:00:00.000Z",
                "actor": "key_00000000-0000-0000-0000-000000000000",
            })
        );
    }
}
