//! What a receipt says, whatever its form.
//!
//! The JSON form is the struct as it stands; the other two are made of its [`Line`]s. Nothing here knows how
//! a line is drawn.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::catalogue::ProductCode;
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::money::Price;
use crate::domain::order::{Order, StatusName};
use crate::domain::time::Timestamp;

/// What stands at the head of a receipt that is read by a person.
pub const HEADING: &str = "Driftstack receipt";
/// What a line says that has nothing to say.
const NOTHING: &str = "-";

/// A receipt of an order; the fields in the contract's order.
#[derive(Debug, Serialize, ToSchema)]
pub struct Receipt<'a> {
    order_id: OrderId,
    /// When this receipt was made: now.
    issued_at: Timestamp,
    #[schema(value_type = StatusName)]
    status: &'static str,
    product: &'a ProductCode,
    /// Minor units of the currency.
    price_cents: i64,
    price_currency: &'a str,
    #[schema(required = true)]
    payment_id: Option<&'a PaymentId>,
    #[schema(required = true)]
    paid_at: Option<Timestamp>,
    created_at: Timestamp,
    #[schema(required = true)]
    customer_note: Option<&'a str>,
    #[serde(skip)]
    price: Price,
}

/// One thing that a receipt says.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub label: &'static str,
    /// What there is to say; the customer's note may have line ends, nothing else has.
    pub value: String,
}

impl<'a> Receipt<'a> {
    /// The receipt of an order as it stands, issued at this time.
    #[must_use]
    pub fn of(order: &'a Order, issued_at: Timestamp) -> Self {
        Self {
            order_id: order.id,
            issued_at,
            status: order.status.name().as_str(),
            product: &order.product,
            price_cents: order.price.cents,
            price_currency: order.price.currency.as_str(),
            payment_id: order.payment_id(),
            paid_at: order.paid_at(),
            created_at: order.created_at,
            customer_note: order.customer_note.as_deref(),
            price: order.price,
        }
    }

    /// The same as labelled lines, and beside the minor units the price as people write it.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let price = format!("{} {}", self.price.in_major_units(), self.price_currency);
        vec![
            line("Order ID", Some(self.order_id)),
            line("Issued at", Some(self.issued_at)),
            line("Status", Some(self.status)),
            line("Product", Some(self.product)),
            line("Price", Some(price)),
            line("Price in minor units", Some(self.price_cents)),
            line("Price currency", Some(self.price_currency)),
            line("Payment ID", self.payment_id),
            line("Paid at", self.paid_at),
            line("Created at", Some(self.created_at)),
            line("Customer note", self.customer_note),
        ]
    }
}

fn line(label: &'static str, value: Option<impl ToString>) -> Line {
    Line { label, value: value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string()) }
}
