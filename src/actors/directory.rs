//! Finds the actor of an order, or starts it from the store.

use std::time::Duration;

use crate::domain::evidence::{Evidence, Outcome};
use crate::domain::ids::{KeyId, OrderId};
use crate::domain::order::{NewOrder, Order};
use crate::domain::time::Timestamp;
use crate::store::changeset::{AuditEntry, KeyClaim, KeyRecord, ReceivedIpn};

use super::OrderError;

/// The way to every order. Clones share it.
#[derive(Clone)]
pub struct OrderDirectory {}

/// What a checkout's placing came to.
pub enum Placed {
    /// A new order.
    New(Order),
    /// The key had made one before.
    KeyTaken(KeyRecord),
}

/// What an operator does, for the audit log; `result` is filled in by the order.
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

/// Evidence with where it came from.
#[derive(Debug, Clone)]
pub struct Told {
    /// The evidence.
    pub evidence: Evidence,
    /// The IPN that carried it; its `outcome` and `order_id` are filled in by the order.
    pub ipn: Option<ReceivedIpn>,
    /// The operator's request that carried it.
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

/// A change that somebody asks of an order.
#[derive(Debug, Clone)]
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

impl OrderDirectory {
    /// Places an order, under a key if there is one.
    pub async fn place(&self, _new: NewOrder, _key: Option<KeyClaim>) -> Result<Placed, OrderError> {
        unimplemented!()
    }
    /// Tells an order what a witness says.
    pub async fn tell(&self, _id: OrderId, _told: Told) -> Result<Heard, OrderError> {
        unimplemented!()
    }
    /// Asks an order for a change. Answers the order as it is afterwards, also where nothing changed.
    pub async fn ask(&self, _id: OrderId, _command: Command) -> Result<Order, OrderError> {
        unimplemented!()
    }
    /// Waits until the order is newer than `since`, at most so long, and answers it as it then is.
    /// [`OrderError::Busy`] past the bound of waiters; answers at once at shutdown.
    pub async fn wait(&self, _id: OrderId, _since: Timestamp, _at_most: Duration) -> Result<Order, OrderError> {
        unimplemented!()
    }
}
