//! Whether the domain can mean a record: what it cannot is refused before anything is written.
//!
//! Rows are read into the domain and written back; whatever does not come out as it went in was no row of
//! this program. Times of two nodes are not compared, because their clocks differ. What only the whole can
//! show (a payment of two orders) the tables' own keys refuse.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Misfit;
use super::records::OrderParts;
use super::rows::CountersRow;
use crate::domain::access::{Scope, Tier};
use crate::domain::attention::AttentionKind;
use crate::domain::evidence::Outcome;
use crate::domain::idempotency::IdempotencyKey;
use crate::domain::ids::{AccountId, KeyId, PaymentId};
use crate::domain::order::{Order, StatusName};
use crate::domain::pay_link::PayKey;
use crate::domain::webhook::endpoint::EventType;
use crate::store::access_rows::SecretRow;
use crate::store::access_rows::{AccountRow, AuditRow, KeyRow};
use crate::store::tables::{AttentionRow, EventRow, IpnRow, KeyClaimRow, OrderRow, OutboxRow, PaymentRow};

pub(super) type Checked = Result<(), Misfit>;

/// Refuses with `what` unless it holds.
pub(super) fn holds(condition: bool, what: &str) -> Checked {
    if condition { Ok(()) } else { Err(Misfit(what.to_owned())) }
}

pub(super) fn spelled<T: ToString>(read: Option<T>, text: &str) -> bool {
    read.is_some_and(|read| read.to_string() == text)
}

/// A secret of the service. There is one: the key of the addresses of buyers' pages.
pub fn service_secret(row: &SecretRow) -> Checked {
    holds(row.name == PayKey::NAME, "there is no such secret")?;
    holds(PayKey::parse(&row.secret).is_some(), "its secret is no key")
}

/// An account.
pub fn account(row: &AccountRow) -> Checked {
    holds(spelled(AccountId::parse(&row.id), &row.id), "its id is no account id")?;
    holds(Tier::parse(&row.tier).is_some(), "there is no such tier")
}

/// A key of an account that came before it, or of an operator.
pub fn api_key(row: &KeyRow, accounts: &BTreeSet<String>) -> Checked {
    holds(spelled(KeyId::parse(&row.id), &row.id), "its id is no key id")?;
    holds(row.account_id.as_ref().is_none_or(|id| accounts.contains(id)), "its account stands nowhere before it")?;
    holds(row.scopes.split_ascii_whitespace().all(|scope| Scope::parse(scope).is_some()), "there is no such scope")?;
    holds(row.replaced_by.as_deref().is_none_or(|id| spelled(KeyId::parse(id), id)), "replaced_by is no key id")?;
    holds(is_hash(&row.key_hash), "its hash is no SHA-256")
}

/// An order with its parts, as the domain reads it.
pub fn order(parts: &OrderParts, accounts: &BTreeSet<String>) -> Result<Order, Misfit> {
    let row = &parts.order;
    holds(accounts.contains(&row.account_id), "its account stands nowhere before it")?;
    let order = row.clone().into_order(parts.events.clone(), parts.payments.clone());
    let order = order.map_err(|error| Misfit(error.to_string()))?;
    holds(OrderRow::of(&order) == *row, "its fields contradict each other, or are not spelled as they are written")?;
    holds(row.version >= 1 && row.price_cents >= 1, "its version or its price is below 1")?;
    holds(row.created_at <= row.updated_at, "it was updated before it was created")?;
    log(&order, parts)?;
    let ledger = order.ledger.iter().map(|payment| PaymentRow::of(order.id, payment));
    holds(ledger.eq(parts.payments.iter().cloned()), "a payment is not spelled as it is written")?;
    parts.ipns.iter().try_for_each(ipn)?;
    parts.idempotency_keys.iter().try_for_each(|key| claim(key, row))?;
    parts.webhook_events.iter().try_for_each(|event| webhook_event(event, row))?;
    parts.attention.iter().try_for_each(attention)?;
    Ok(order)
}

/// The log begins with the creation, has no gap, and ends at what the order is.
fn log(order: &Order, parts: &OrderParts) -> Checked {
    let spelled = order.events.iter().zip(&parts.events).all(|(event, row)| {
        let recorded_at = crate::domain::time::Timestamp::from_micros(row.recorded_at);
        EventRow::of(order.id, event, recorded_at) == *row
    });
    holds(spelled, "a line of its log is not spelled as it is written")?;
    holds(order.events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "its log has a gap")?;
    let first = order.events.first().is_some_and(|event| event.status == StatusName::Pending);
    holds(first, "its log does not begin with `pending`")?;
    let last = order.events.last().is_some_and(|event| event.status == order.status.name());
    holds(last, "its log does not end at its status")
}

/// A verified IPN.
pub fn ipn(row: &IpnRow) -> Checked {
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(row.raw_body.as_bytes()));
    holds(digest == row.body_sha256, "the body of an IPN has another SHA-256")?;
    let of_none = row.outcome == Outcome::Other.as_str() && row.payment_id.is_empty();
    let payment = of_none || spelled(PaymentId::parse(&row.payment_id), &row.payment_id);
    holds(payment, "an IPN's payment_id is none")?;
    holds(Outcome::ALL.iter().any(|outcome| outcome.as_str() == row.outcome), "there is no such outcome of an IPN")?;
    holds(row.content_sha256.as_deref().is_none_or(is_hash), "the hash of what an IPN says is no SHA-256")?;
    holds(row.times_seen >= 1 && row.verified_secret >= 0, "an IPN was seen less than once, or by no secret")
}

/// The key of a checkout; it was first seen when its order was created.
fn claim(row: &KeyClaimRow, order: &OrderRow) -> Checked {
    // Quoted once more, because reading a header takes one pair of quotes off, and a key may have its own.
    let key = IdempotencyKey::parse(format!("\"{}\"", row.key).as_bytes()).ok().flatten();
    holds(spelled(key, &row.key), "its idempotency key is none")?;
    holds(row.account_id == order.account_id, "its idempotency key is another account's")?;
    holds(row.first_seen_at == order.created_at, "its idempotency key was not first seen when it was created")?;
    holds(row.replays >= 0 && row.body_mismatches >= 0, "an idempotency key was used less than never")
}

fn webhook_event(row: &OutboxRow, order: &OrderRow) -> Checked {
    holds(Uuid::try_parse(&row.id).is_ok_and(|id| id.to_string() == row.id), "a webhook event's id is no UUID")?;
    holds(row.account_id == order.account_id, "a webhook event is another account's")?;
    let known = EventType::SUBSCRIBED.iter().any(|event| event.as_str() == row.event_type);
    holds(known, "there is no such webhook event")?;
    holds(is_json(&row.body), "the body of a webhook event is no JSON")
}

/// What was raised, about an order or about none.
pub fn attention(row: &AttentionRow) -> Checked {
    holds(Uuid::try_parse(&row.id).is_ok_and(|id| id.to_string() == row.id), "an attention item's id is no UUID")?;
    holds(AttentionKind::ALL.iter().any(|kind| kind.as_str() == row.kind), "there is no such kind of attention")?;
    let payment = row.payment_id.is_empty() || spelled(PaymentId::parse(&row.payment_id), &row.payment_id);
    holds(payment, "an attention item's payment_id is none")?;
    holds(row.count >= 1, "an attention item was raised less than once")?;
    let by = row.resolved_by.as_deref().is_none_or(|id| spelled(KeyId::parse(id), id));
    holds(by, "an attention item's resolved_by is no key id")?;
    let open = row.resolved_by.is_none() && row.resolution_note.is_none();
    holds(row.resolved_at.is_some() || open, "an attention item is resolved by somebody, but at no time")
}

/// An admin write.
pub fn audit_entry(row: &AuditRow) -> Checked {
    holds(Uuid::try_parse(&row.id).is_ok_and(|id| id.to_string() == row.id), "its id is no UUID")?;
    holds(row.actor.as_deref().is_none_or(|id| spelled(KeyId::parse(id), id)), "its actor is no key id")?;
    holds(is_json(&row.input) && is_json(&row.result), "its input or its result is no JSON")
}

/// An account's counters.
pub fn counters(row: &CountersRow, accounts: &BTreeSet<String>) -> Checked {
    holds(accounts.contains(&row.account_id), "its account stands nowhere before it")?;
    let all = [row.first_writes, row.replays, row.body_mismatches];
    holds(all.iter().all(|count| *count >= 0), "a counter is below nothing")
}

pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
