//! What an order can be told and asked, and what it answers. `order.rs` handles each.

use actix::prelude::*;

use crate::actors::OrderError;
use crate::domain::evidence::{Evidence, Outcome, Ownership};
use crate::domain::ids::{KeyId, PaymentId};
use crate::domain::lifecycle::Made;
use crate::domain::order::{NewOrder, Order};
use crate::domain::time::Timestamp;
use crate::store::changeset::{KeyClaim, KeyRecord, ReceivedIpn};
use crate::store::work::{Claim, ProviderWork};

/// Place the order, under its key if it has one. Answers once it is durable.
#[derive(Debug, Message)]
#[rtype(result = "Result<Placed, OrderError>")]
pub struct Place {
    /// What the checkout asks for.
    pub new: NewOrder,
    /// The key it claims.
    pub key: Option<KeyClaim>,
    /// The claim under which a payment is made for it at once; none where nobody makes payments.
    pub payment: Option<Claim>,
}

/// What placing came to.
#[derive(Debug, Clone)]
pub enum Placed {
    /// A new order.
    New(Order),
    /// The key had made one before; nothing was written.
    KeyTaken(KeyRecord),
}

/// Hear a witness. Answers the order as it is once everything is durable.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Heard, OrderError>")]
pub struct Told {
    /// The evidence.
    pub evidence: Evidence,
    /// The IPN that carried it; its outcome and order are filled in here.
    pub ipn: Option<ReceivedIpn>,
    /// The operator's request that carried it.
    pub operation: Option<Operation>,
    /// Whose the payment is, where the witness names an order that is none of ours.
    pub ownership: Ownership,
    /// What the provider answered, where an operator's word is applied against it.
    pub overruled: Option<String>,
}

/// Take a payment that was made for the order at the provider. Answers the order as it is once it is durable.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Heard, OrderError>")]
pub struct Take {
    /// The payment.
    pub made: Made,
    /// What is to be asked about the order from here on; it takes the claim's place.
    pub work: ProviderWork,
    /// The operator's request that led to it.
    pub operation: Option<Operation>,
}

/// What became of evidence.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The order afterwards.
    pub order: Order,
    /// What became of it.
    pub outcome: Outcome,
}

/// Change as asked, if the rules allow it. Answers the order afterwards, also where nothing changed.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Order, OrderError>")]
pub enum Command {
    /// The customer withdraws.
    Cancel,
    /// The clock looks.
    Tick,
    /// Support sweeps.
    Sweep {
        /// Orders created later are left alone.
        created_until: Timestamp,
        /// Who sweeps.
        operation: Operation,
    },
    /// An operator settles it with what arrived.
    Accept {
        /// The payment that is accepted; the bound one if none is named.
        payment: Option<PaymentId>,
        /// Who accepts it.
        operation: Operation,
    },
    /// The customer's note.
    SetCustomerNote(Option<String>),
    /// Support's note.
    SetInternalNote {
        /// The new note.
        note: Option<String>,
        /// Who wrote it.
        operation: Operation,
    },
}

/// What an operator does, for the audit log.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The operator's key; none from the command line.
    pub actor: Option<KeyId>,
    /// `crypto_order.ipn_applied`, …
    pub action: &'static str,
    /// What was asked, as JSON.
    pub input: String,
    /// From where.
    pub ip: Option<String>,
}
