//! Whether the domain can mean an endpoint, a ping and their deliveries; as `check.rs` does for all else.
//!
//! That an address may be dialled is not judged here: it was when the endpoint was made, and is again before each
//! attempt.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Misfit;
use super::check::{Checked, holds, is_json, spelled};
use super::records::OrderParts;
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::webhook::delivery::{DeliveryStatus, Turn};
use crate::domain::webhook::endpoint::EventType;
use crate::store::tables::{DeliveryRow, OutboxRow};
use crate::store::webhook_rows::EndpointRow;

/// The endpoints so far, by their ids, each with its account's.
pub type Endpoints = BTreeMap<String, String>;

/// An endpoint of an account that came before it.
pub fn endpoint(row: &EndpointRow, accounts: &BTreeSet<String>) -> Checked {
    holds(accounts.contains(&row.account_id), "its account stands nowhere before it")?;
    let read = row.clone().into_endpoint().map_err(|error| Misfit(error.to_string()))?;
    let mut written = EndpointRow::of(&read);
    // An endpoint that was disabled before it was deleted may still say when.
    written.disabled_at = written.disabled_at.or(row.disabled_at.filter(|_| read.standing.is_over()));
    holds(written == *row, "its fields contradict each other, or are not spelled as they are written")?;
    let counts = [row.consecutive_failures, row.delivered, row.failed, row.dlq];
    holds(counts.iter().all(|count| *count >= 0), "one of its counts is below 0")
}

/// A ping of an endpoint that came before it.
pub fn ping(event: &OutboxRow, deliveries: &[DeliveryRow], endpoints: &Endpoints) -> Checked {
    holds(spelled(Uuid::try_parse(&event.id).ok(), &event.id), "its id is no UUID")?;
    holds(event.event_type == EventType::TestPing.as_str(), "it is no ping")?;
    holds(is_json(&event.body), "its body is no JSON")?;
    self::deliveries(deliveries, std::slice::from_ref(event), endpoints)
}

/// Deliveries of these events, which go together, to endpoints that came before; each event once to each.
pub fn deliveries(rows: &[DeliveryRow], events: &[OutboxRow], endpoints: &Endpoints) -> Checked {
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    holds(ids.len() == rows.len(), "two deliveries have one id")?;
    rows.iter().try_for_each(|row| delivery(row, events, endpoints))
}

/// Events of an order that endpoints of its account have confirmed, and whose deliveries were removed since.
pub fn confirmed(parts: &OrderParts, endpoints: &Endpoints) -> Checked {
    parts.webhook_confirmed.iter().try_for_each(|row| {
        let event = parts.webhook_events.iter().find(|event| event.id == row.event_id);
        let event = event.ok_or_else(|| Misfit("a confirmed event is not beside its confirmation".to_owned()))?;
        let owner = endpoints.get(&row.webhook_id);
        holds(owner == Some(&event.account_id), "an event was confirmed by no endpoint of its account before it")?;
        let is_there = parts.webhook_deliveries.iter().any(|known| {
            (known.event_id.as_str(), known.webhook_id.as_str()) == (row.event_id.as_str(), row.webhook_id.as_str())
        });
        holds(!is_there, "a delivery that was removed is there")
    })
}

fn delivery(row: &DeliveryRow, events: &[OutboxRow], endpoints: &Endpoints) -> Checked {
    let event = events.iter().find(|event| event.id == row.event_id);
    let event = event.ok_or_else(|| Misfit("a delivery's event is not beside it".to_owned()))?;
    let same = event.event_type == row.event_type && event.created_at == row.event_at;
    holds(same, "a delivery is not of its event's type or time")?;
    let owner = endpoints.get(&row.webhook_id);
    let owner = owner.ok_or_else(|| Misfit("a delivery's endpoint stands nowhere before it".to_owned()))?;
    holds(*owner == event.account_id, "a delivery goes to another account's endpoint")?;
    // The tables know a delivery by its endpoint and event; its id follows from the two.
    let id = WebhookId::parse(&row.webhook_id).zip(Uuid::try_parse(&row.event_id).ok());
    let id = id.map(|(webhook, event)| DeliveryId::of(webhook, event));
    holds(spelled(id, &row.id), "a delivery's id does not follow from its endpoint and event")?;
    let read = row.clone().into_delivery().map_err(|error| Misfit(error.to_string()))?;
    holds(
        [Turn::InOrder, Turn::Replay, Turn::CatchUp].iter().any(|turn| turn.as_str() == row.turn),
        "a delivery has no such turn",
    )?;
    let waits = row.due_at.is_some();
    let at_its_place = match read.status {
        DeliveryStatus::Pending | DeliveryStatus::InFlight => waits,
        DeliveryStatus::Delivered | DeliveryStatus::Dlq => !waits,
        // Discarded, it waits for nothing.
        DeliveryStatus::Failed => true,
    };
    holds(at_its_place, "a delivery waits although it is over, or is not over and waits for nothing")?;
    holds(row.attempts >= 0, "a delivery was attempted less than never")
}
