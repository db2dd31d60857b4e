//! What the courier asks of the store and tells it: who has something due, what is sent, and how that went.
//!
//! The queries are `queries/courier.rs`, and what each engine says in its own words is `bulk_courier.rs` of each.

use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::WebhookEvent;
use crate::domain::webhook::delivery::{Next, Turn};
use crate::domain::webhook::secret::EndpointSecret;

/// An endpoint for which deliveries wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The endpoint.
    pub webhook: WebhookId,
    /// What becomes of them.
    pub reception: Reception,
    /// How its newest attempts went.
    pub trust: Trust,
    /// Whether something of it is due now.
    pub is_due: bool,
}

/// A page of the endpoints for which deliveries wait.
#[derive(Debug)]
pub struct WaitingPage {
    /// Those that can be read, by their ids.
    pub endpoints: Vec<Waiting>,
    /// After which id the next page begins, as it lies in its row; none if this page was the last.
    pub next: Option<String>,
}

/// What becomes of the deliveries that wait for an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// They are sent.
    Open,
    /// They go on waiting.
    Paused,
    /// They are given up: the endpoint was disabled or deleted.
    Over,
}

/// Whether an endpoint is known to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Its newest attempt was a success.
    Proven,
    /// There was none yet, or it failed.
    Unproven,
}

/// How many deliveries of an endpoint are wanted at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The endpoint.
    pub webhook: WebhookId,
    /// How many; at least one.
    pub deliveries: usize,
}

/// A delivery that is due, with all that it takes to send it.
#[derive(Debug, Clone)]
pub struct DueDelivery {
    /// Which.
    pub id: DeliveryId,
    /// To which endpoint.
    pub webhook: WebhookId,
    /// Where to.
    pub url: String,
    /// What signs it, the present secret first.
    pub secrets: Vec<EndpointSecret>,
    /// What is sent.
    pub event: WebhookEvent,
    /// In which order it goes.
    pub turn: Turn,
    /// How many attempts were made before.
    pub attempts: i64,
    /// Since when it is due, exactly as it lies in its row: by that it is leased.
    pub due_micros: i64,
    /// When the event happened.
    pub event_micros: i64,
    /// Whether somebody leased it before and did not finish.
    pub was_leased: bool,
}

/// What is due, as far as it can be read.
#[derive(Debug, Default)]
pub struct DueRead {
    /// What can be sent.
    pub due: Vec<DueDelivery>,
    /// What cannot be read, and so never be sent.
    pub unreadable: Vec<Unreadable>,
}

/// A due delivery that cannot be read, as it lies in its row.
#[derive(Debug)]
pub struct Unreadable {
    /// Which.
    pub id: String,
    /// To which endpoint.
    pub webhook: String,
    /// Where it stood.
    pub status: String,
    /// How many attempts were made.
    pub attempts: i64,
    /// Since when it was due.
    pub due_micros: i64,
}

/// An attempt that was made under a lease.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// Of which delivery.
    pub delivery: DeliveryId,
    /// At which endpoint.
    pub webhook: WebhookId,
    /// The lease's token. If it does not hold any more, the attempt is not counted: somebody else makes one.
    pub lease: String,
    /// How many attempts were made, with this one.
    pub attempts: i64,
    /// What follows.
    pub next: Next,
    /// The answer's status, if one came.
    pub status: Option<u16>,
    /// How its body began.
    pub excerpt: Option<String>,
    /// Why the attempt failed.
    pub error: Option<String>,
    /// When it ended.
    pub at: Timestamp,
}

/// A leased delivery that goes back unsent.
#[derive(Debug, Clone)]
pub struct Unsent {
    /// Which.
    pub delivery: DeliveryId,
    /// Since when it is due.
    pub due_micros: i64,
}
