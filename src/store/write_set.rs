//! What a group of changesets claims and writes, table by table, for either engine.
//!
//! Rows of one table are in the order of their keys wherever writers of several nodes may meet the same one, so that
//! they never wait for each other in a circle.

use std::collections::BTreeMap;

use diesel::QueryResult;

use super::changeset::{Changeset, OrderChange};
use super::effect_rows::{key_totals_of, raised_of, totals_of};
use super::listener_rows::{Listener, accounts_told, deliveries_of};
use super::move_rows::moves_of;
use super::work::ProviderWork;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::store::stored_row::RowSink;
use crate::store::tables::{
    DeliveryRow, EventRow, IpnRow, KeyClaimRow, KeyTotalRow, LookRow, OrderRow, OutboxRow, PaymentRow, QueuedRow,
    RaisedRow, TotalRow, WitnessTotalRow, WorkRow,
};

/// The rows that are claimed or locked first: they decide which changesets of a group are written at all.
pub(super) struct Claims {
    /// The first report of each content.
    pub ipns: Vec<IpnRow>,
    /// The first use of each key.
    pub keys: Vec<KeyClaimRow>,
    /// The orders that were judged.
    pub orders: Vec<String>,
    /// The accounts to which webhooks are due.
    pub accounts: Vec<String>,
}

impl Claims {
    /// Returns the claims of a group, each row once and in the order of its key.
    pub fn of(sets: &[Changeset]) -> Self {
        let (mut ipns, mut keys) = (BTreeMap::new(), BTreeMap::new());
        for ipn in sets.iter().filter_map(|set| set.ipn.as_ref()) {
            ipns.entry(ipn.content_sha256.as_str()).or_insert_with(|| IpnRow::of(ipn));
        }
        for (claim, change) in sets.iter().filter_map(|set| Some((set.key.as_ref()?, set.order.as_ref()?))) {
            let key = (claim.account_id, claim.key.as_str());
            keys.entry(key).or_insert_with(|| KeyClaimRow::of(claim, &change.after));
        }
        let mut orders: Vec<String> = sets.iter().filter_map(judged).map(|(id, _)| id.to_string()).collect();
        orders.sort_unstable();
        orders.dedup();
        Self {
            ipns: ipns.into_values().collect(),
            keys: keys.into_values().collect(),
            orders,
            accounts: accounts_told(sets),
        }
    }
}

/// Returns the order that a changeset was judged against, and its version then; none for one that is placed.
pub(super) fn judged(set: &Changeset) -> Option<(OrderId, i64)> {
    let changed = set.order.as_ref().and_then(|change| change.before.as_ref());
    changed.map(|order| (order.id, order.version)).or(set.judged)
}

/// Returns the payments that a change adds or alters.
pub(super) fn payments_changed(change: &OrderChange) -> Vec<PaymentRow> {
    let row = |order: &Order, payment| PaymentRow::of(order.id, payment);
    let before = change.before.iter().flat_map(|order| order.ledger.iter().map(|payment| row(order, payment)));
    let before: Vec<PaymentRow> = before.collect();
    let after = change.after.ledger.iter().map(|payment| row(&change.after, payment));
    after.filter(|row| !before.contains(row)).collect()
}

/// Returns the payments that these changes add or alter, in the order of their keys.
pub(super) fn all_payments_changed<'a>(changes: impl Iterator<Item = &'a OrderChange>) -> Vec<PaymentRow> {
    let mut rows: Vec<PaymentRow> = changes.flat_map(payments_changed).collect();
    rows.sort_by(|one, other| one.payment_id.cmp(&other.payment_id));
    rows
}

/// The rows of each table that a group writes once its claims hold.
#[derive(Default)]
pub(super) struct WriteSet {
    /// Payments that are new or have changed.
    pub payments: Vec<PaymentRow>,
    /// Orders that are new.
    pub placed: Vec<OrderRow>,
    /// Orders that have changed.
    pub changed: Vec<OrderRow>,
    /// Lines of their logs.
    pub events: Vec<EventRow>,
    /// Orders whose text has changed.
    pub searched: Vec<QueuedRow>,
    /// Events for webhooks.
    pub outbox: Vec<OutboxRow>,
    /// Their deliveries, one for each endpoint that subscribed.
    pub deliveries: Vec<DeliveryRow>,
    /// Attention items that are opened or counted up.
    pub raised: Vec<RaisedRow>,
    /// Questions to the provider, written over those of the same orders.
    pub work: Vec<WorkRow>,
    /// Questions to it that are brought forward to this time, or asked anew.
    pub looks: Vec<LookRow>,
    /// Additions to the totals of orders.
    pub totals: Vec<TotalRow>,
    /// Additions to the counters of transitions.
    pub moves: Vec<WitnessTotalRow>,
    /// Additions to the counters of idempotency keys.
    pub key_totals: Vec<KeyTotalRow>,
}

impl WriteSet {
    /// Returns what these changesets and their payments write, by a writer that adds to this shard of the totals.
    pub fn of(sets: &[&Changeset], payments: Vec<PaymentRow>, listeners: &[Listener], shard: i64) -> Self {
        let changes = || sets.iter().filter_map(|set| set.order.as_ref());
        let orders = |is_wanted: fn(&OrderChange) -> bool| {
            let mut rows: Vec<_> =
                changes().filter(|change| is_wanted(change)).map(|one| OrderRow::of(&one.after)).collect();
            rows.sort_by(|one, other| one.id.cmp(&other.id));
            rows
        };
        // A row in `work` carries the earlier time itself.
        let looks = sets.iter().filter(|set| set.work.is_none()).filter_map(|set| set.look);
        let told = sets.iter().filter_map(|set| Some(OutboxRow::of(set.webhook.as_ref()?, &set.order.as_ref()?.after)));
        Self {
            payments,
            placed: orders(|change| change.before.is_none()),
            changed: orders(|change| change.before.is_some()),
            events: events_of(sets),
            searched: searched_of(changes()),
            outbox: told.collect(),
            deliveries: deliveries_of(sets, listeners),
            raised: raised_of(sets.iter().copied()),
            work: work_rows(sets.iter().filter_map(|set| Some(hastened(set.work.clone()?, set.look)))),
            looks: look_rows(looks),
            totals: totals_of(changes(), shard),
            moves: moves_of(changes(), shard),
            key_totals: key_totals_of(sets.iter().copied(), shard),
        }
    }

    /// Writes all rows by `rows`. Rows of a table that other writers may lock too are in the order of their keys, so that
    /// writers of several nodes never deadlock within it.
    pub fn put<'a>(&'a self, rows: &mut impl RowSink<'a>) -> QueryResult<()> {
        rows.insert_counted(&self.payments)?;
        rows.insert(&self.placed)?;
        rows.update(&self.changed)?;
        rows.insert(&self.events)?;
        rows.insert(&self.searched)?;
        rows.insert(&self.outbox)?;
        rows.insert(&self.deliveries)?;
        rows.insert(&self.raised)?;
        rows.insert(&self.work)?;
        rows.insert(&self.looks)?;
        rows.insert(&self.totals)?;
        rows.insert(&self.moves)?;
        rows.insert(&self.key_totals)
    }
}

fn events_of(sets: &[&Changeset]) -> Vec<EventRow> {
    let changes = sets.iter().filter_map(|set| Some((set.order.as_ref()?, set.at)));
    let lines = changes.flat_map(|(change, at)| {
        let known = change.before.as_ref().map_or(0, |before| before.events.len());
        change.after.events.iter().skip(known).map(move |event| EventRow::of(change.after.id, event, at))
    });
    lines.collect()
}

fn searched_of<'a>(changes: impl Iterator<Item = &'a OrderChange>) -> Vec<QueuedRow> {
    let noted = |change: &&OrderChange| {
        change.before.as_ref().is_none_or(|before| before.customer_note != change.after.customer_note)
    };
    let mut searched: Vec<String> = changes.filter(noted).map(|change| change.after.id.to_string()).collect();
    searched.sort_unstable();
    searched.into_iter().map(|order_id| QueuedRow { order_id }).collect()
}

fn hastened(mut work: ProviderWork, look: Option<(OrderId, Timestamp)>) -> ProviderWork {
    work.due_at = look.map_or(work.due_at, |(_, at)| work.due_at.min(at));
    work
}

fn work_rows(work: impl Iterator<Item = ProviderWork>) -> Vec<WorkRow> {
    let mut rows: Vec<WorkRow> = work.map(|work| WorkRow::of(&work)).collect();
    rows.sort_by(|one, other| one.order_id.cmp(&other.order_id));
    rows
}

fn look_rows(looks: impl Iterator<Item = (OrderId, Timestamp)>) -> Vec<LookRow> {
    let mut rows: Vec<LookRow> = looks.map(|(id, at)| LookRow::of(id, at)).collect();
    rows.sort_by(|one, other| one.order_id.cmp(&other.order_id));
    rows
}
