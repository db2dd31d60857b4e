//! What is asked about deliveries, and of them: handed to and from `queries/deliveries.rs` and `queries/catch_up.rs`.

use super::changeset::AuditEntry;
use super::records::Place;
use crate::domain::ids::{AccountId, DeliveryId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::delivery::{Delivery, DeliveryStatus};
use crate::domain::webhook::endpoint::Standing;
use crate::domain::webhook::resend::{NotMoved, Wish};

/// A delivery, and whose endpoint it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// The delivery.
    pub delivery: Delivery,
    /// The endpoint's owner.
    pub account_id: AccountId,
    /// The endpoint's address, as it is now.
    pub url: String,
    /// Whether the endpoint is sent anything.
    pub standing: Standing,
}

/// Which deliveries of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// To this endpoint.
    pub webhook: WebhookId,
    /// In this status.
    pub status: Option<DeliveryStatus>,
}

/// What somebody asks of a delivery.
#[derive(Debug, Clone)]
pub struct Resend {
    /// Which delivery.
    pub id: DeliveryId,
    /// Only if it is this account's; whosever it is, for operators.
    pub owner: Option<AccountId>,
    /// What is asked.
    pub wish: Wish,
    /// What goes on the audit log with it.
    pub audit: Option<AuditEntry>,
    /// When.
    pub at: Timestamp,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resent {
    /// The delivery as it is now.
    Done(Box<Traced>),
    /// It stays as it was.
    Refused(NotMoved),
    /// There is none of that id, or it is another account's.
    Unknown,
}

/// A piece of a catch-up: events of an endpoint's owner, oldest first.
#[derive(Debug, Clone)]
pub struct CatchUp {
    /// For which endpoint.
    pub webhook: WebhookId,
    /// After this place.
    pub after: Place,
    /// Up to then, and not later.
    pub until: Timestamp,
    /// When it was asked for.
    pub now: Timestamp,
}

/// What came of a piece of a catch-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaughtUp {
    /// So far.
    Piece {
        /// How many events of it the endpoint has missed.
        missed: usize,
        /// Where the next piece begins, unless this was the last.
        next: Option<Place>,
    },
    /// The endpoint was disabled or deleted.
    Over,
}

/// What became of a ping that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinged {
    /// It is queued as this delivery.
    Queued(DeliveryId),
    /// The endpoint is not active.
    NotActive,
    /// The endpoint was pinged as often as it may be; from then on it may be again.
    TooMany(Timestamp),
}

/// Deliveries that are over, by which retention ends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlived {
    /// Confirmed by their endpoint.
    Delivered,
    /// Given up, or discarded.
    Undelivered,
    /// Pings, whatever became of them.
    Pings,
}
