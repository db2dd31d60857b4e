//! Rows that a commit writes beside the orders: IPNs, keys, totals, effects.
//!
//! Totals and counters are folded over a whole group here, in memory, so that one statement never meets
//! the same row twice; and they are sorted, so that two writers take row locks in one order.

use std::collections::BTreeMap;

use super::changeset::{Changeset, KeyClaim, KeyUseKind, OrderChange, ReceivedIpn};
use crate::clock::fresh_uuid;
use crate::domain::ids::AccountId;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::domain::webhook::WebhookEvent;
use crate::store::tables::{IpnRow, KeyClaimRow, KeyTotalRow, OutboxRow, RaisedRow, TotalRow};

impl IpnRow {
    /// The row of a report's first sight.
    pub fn of(ipn: &ReceivedIpn) -> Self {
        Self {
            body_sha256: ipn.body_sha256.clone(),
            order_id: ipn.order_id.map(|id| id.to_string()),
            payment_id: ipn.payment_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            payment_status: ipn.payment_status.clone(),
            verified_form: ipn.verified_form.to_owned(),
            verified_secret: i64::try_from(ipn.verified_secret).unwrap_or(i64::MAX),
            outcome: ipn.outcome.as_str().to_owned(),
            times_seen: 1,
            received_at: ipn.received_at.micros(),
            last_received_at: ipn.received_at.micros(),
            // A verified body is JSON, so UTF-8 without NUL; a foreign byte would show as a replacement.
            raw_body: String::from_utf8_lossy(&ipn.raw_body).into_owned(),
            content_sha256: Some(ipn.content_sha256.clone()),
        }
    }
}

impl KeyClaimRow {
    /// The row of the key under which `order` is placed.
    pub fn of(claim: &KeyClaim, order: &Order) -> Self {
        Self {
            account_id: claim.account_id.to_string(),
            key: claim.key.to_string(),
            order_id: order.id.to_string(),
            product: claim.asked.product.clone(),
            price_cents: claim.asked.price_cents,
            price_currency: claim.asked.price_currency.clone(),
            first_seen_at: order.created_at.micros(),
            last_seen_at: order.created_at.micros(),
            replays: 0,
            body_mismatches: 0,
        }
    }
}

impl OutboxRow {
    /// The row of what is told of this order.
    pub fn of(event: &WebhookEvent, order: &Order) -> Self {
        Self {
            id: event.id.to_string(),
            account_id: order.account_id.to_string(),
            order_id: order.id.to_string(),
            event_type: event.event_type.as_str().to_owned(),
            body: event.body.clone(),
            created_at: order.updated_at.micros(),
        }
    }

    /// The row of what an account is told of no order.
    pub fn of_no_order(event: &WebhookEvent, account: AccountId, at: Timestamp) -> Self {
        Self {
            id: event.id.to_string(),
            account_id: account.to_string(),
            order_id: String::new(),
            event_type: event.event_type.as_str().to_owned(),
            body: event.body.clone(),
            created_at: at.micros(),
        }
    }
}

/// What these commits raise: each (kind, order, payment) once, in key order; empty text where there is none.
pub(super) fn raised_of<'a>(sets: impl Iterator<Item = &'a Changeset>) -> Vec<RaisedRow> {
    let mut raised: BTreeMap<[String; 3], RaisedRow> = BTreeMap::new();
    for (item, set) in sets.flat_map(|set| set.attention.iter().map(move |item| (item, set))) {
        let at = set.at;
        let kind = item.kind.as_str().to_owned();
        let order_id = item.order.map(|order| order.to_string()).unwrap_or_default();
        let payment_id = item.payment.as_ref().map(ToString::to_string).unwrap_or_default();
        let key = [kind.clone(), order_id.clone(), payment_id.clone()];
        let row = raised.entry(key).or_insert_with(|| RaisedRow {
            id: fresh_uuid(at).to_string(),
            kind,
            order_id,
            payment_id,
            count: 0,
            first_at: at.micros(),
            last_at: at.micros(),
            detail: None,
        });
        row.detail = set.reason.clone().or(row.detail.take());
        row.count = row.count.saturating_add(1);
        row.last_at = row.last_at.max(at.micros());
    }
    raised.into_values().collect()
}

/// Totals by day, status, product and currency.
pub(super) type Totals = BTreeMap<[String; 4], TotalRow>;

/// The day under which the total over all days is kept.
pub(super) const ALL_DAYS: &str = "";

/// What these transitions add to and take from the totals, each row once, in key order: those of the day
/// on which an order was created, and those of all days.
pub(super) fn totals_of<'a>(changes: impl Iterator<Item = &'a OrderChange>, shard: i64) -> Vec<TotalRow> {
    let mut totals = Totals::new();
    for change in changes {
        let before = change.before.as_ref();
        if before.is_some_and(|before| before.status.name() == change.after.status.name()) {
            continue;
        }
        if let Some(before) = before {
            total_add(&mut totals, before, Direction::Leaves);
        }
        total_add(&mut totals, &change.after, Direction::Enters);
    }
    totals.into_values().map(|row| TotalRow { shard, ..row }).collect()
}

/// The same of orders that are all new.
pub(super) fn totals_add_placed(totals: &mut Totals, order: &Order) {
    total_add(totals, order, Direction::Enters);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Enters,
    Leaves,
}

fn total_add(totals: &mut Totals, order: &Order, direction: Direction) {
    let paid_after = order.paid_at().map_or(0, |paid_at| paid_at.since(order.created_at).as_millis());
    let signed = |amount: i64| if direction == Direction::Enters { amount } else { amount.saturating_neg() };
    for day in [order.created_at.day(), ALL_DAYS.to_owned()] {
        let status = order.status.name().as_str().to_owned();
        let [product, currency] = [order.product.to_string(), order.price.currency.to_string()];
        let row = totals
            .entry([day.clone(), status.clone(), product.clone(), currency.clone()])
            .or_insert_with(|| TotalRow { day, status, product, currency, ..TotalRow::default() });
        row.orders = row.orders.saturating_add(signed(1));
        row.cents = row.cents.saturating_add(signed(order.price.cents));
        row.paid_after_ms = row.paid_after_ms.saturating_add(signed(paid_after));
    }
}

/// What these commits add to the counters of keys: a row per account and one for all.
pub(super) fn key_totals_of<'a>(sets: impl Iterator<Item = &'a Changeset>, shard: i64) -> Vec<KeyTotalRow> {
    let mut totals: BTreeMap<String, KeyTotalRow> = BTreeMap::new();
    for set in sets {
        let claimed = set.key.as_ref().map(|key| key.account_id);
        let used = set.replay.as_ref().map(|used| used.account_id);
        let Some(account) = claimed.or(used) else { continue };
        for account_id in [account.to_string(), String::new()] {
            let row = totals.entry(account_id.clone()).or_default();
            row.account_id = account_id;
            row.first_writes = row.first_writes.saturating_add(i64::from(claimed.is_some()));
            if let Some(used) = &set.replay {
                let [replays, mismatches] = key_use_counts(used.kind);
                row.replays = row.replays.saturating_add(replays);
                row.body_mismatches = row.body_mismatches.saturating_add(mismatches);
            }
        }
    }
    totals.into_values().map(|row| KeyTotalRow { shard, ..row }).collect()
}

/// What one later use of a key counts as: replays and mismatches.
pub(super) fn key_use_counts(kind: KeyUseKind) -> [i64; 2] {
    match kind {
        KeyUseKind::Replay => [1, 0],
        KeyUseKind::MismatchReplayed => [1, 1],
        KeyUseKind::MismatchRejected => [0, 1],
    }
}
