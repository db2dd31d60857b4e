//! One group of changesets in one transaction.
//!
//! Claims come first: an IPN seen before, or a key used before, takes its changeset out of the group and
//! nothing of it is written. Then the versions: a stale member makes the whole transaction roll back, and
//! the writer tries the group again without it. Row locks are taken in key order within each table and
//! tables in one order, so that writers of several nodes never wait for each other in a circle.

use std::collections::{BTreeMap, HashSet};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{BEGIN, Conn, bulk, endpoints, idempotency, records, unaddressed, work};
use crate::domain::idempotency::IdempotencyKey;
use crate::domain::ids::AccountId;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::changeset::{Changeset, KeyClaim, KeyRecord, OrderChange};
use crate::store::effect_rows::{IpnRow, KeyClaimRow, OutboxRow, key_totals_of, key_use_counts, raised_of, totals_of};
use crate::store::move_rows::moves_of;
use crate::store::payment_rows::PaymentRow;
use crate::store::rows::{EventRow, OrderRow};
use crate::store::schema::{idempotency_keys, received_ipns};
use crate::store::writer::{GroupError, Verdict};

/// Writes the group and commits it. With a [`Verdict::Conflict`] among the answers nothing was written.
pub async fn group_commit(conn: &mut Conn, sets: &[Changeset], shard: i64) -> Result<Vec<Verdict>, GroupError> {
    conn.batch_execute(BEGIN).await.map_err(|error| GroupError::NotStored(error.into()))?;
    match group_write(conn, sets, shard).await {
        Ok(verdicts) if verdicts.contains(&Verdict::Conflict) => {
            rollback(conn).await;
            Ok(verdicts)
        }
        Ok(verdicts) => match conn.batch_execute("COMMIT").await {
            Ok(()) => Ok(verdicts),
            Err(error) => {
                rollback(conn).await;
                Err(super::commit_failed(error))
            }
        },
        Err(error) => {
            rollback(conn).await;
            Err(GroupError::NotStored(error))
        }
    }
}

/// A failed rollback means that the connection is gone, and the transaction with it.
async fn rollback(conn: &mut Conn) {
    if let Err(error) = conn.batch_execute("ROLLBACK").await {
        tracing::debug!(%error, "nothing to roll back");
    }
}

async fn group_write(conn: &mut Conn, sets: &[Changeset], shard: i64) -> Result<Vec<Verdict>, StoreError> {
    let mut verdicts = vec![Verdict::Done; sets.len()];
    claim_ipns(conn, sets, &mut verdicts).await?;
    claim_keys(conn, sets, &mut verdicts).await?;
    check_versions(conn, sets, &mut verdicts).await?;
    claim_payments(conn, sets, &mut verdicts).await?;
    if verdicts.contains(&Verdict::Conflict) {
        return Ok(verdicts);
    }
    let live: Vec<&Changeset> = live(sets, &verdicts).map(|(_, set)| set).collect();
    write_orders(conn, &live).await?;
    write_effects(conn, &live).await?;
    let changes = live.iter().filter_map(|set| set.order.as_ref());
    bulk::totals_add(conn, totals_of(changes.clone(), shard)).await?;
    bulk::witness_totals_add(conn, moves_of(changes, shard)).await?;
    bulk::key_totals_add(conn, key_totals_of(live.iter().copied(), shard)).await?;
    Ok(verdicts)
}

/// The changesets that nothing has taken out of the group.
fn live<'a>(sets: &'a [Changeset], verdicts: &'a [Verdict]) -> impl Iterator<Item = (usize, &'a Changeset)> {
    sets.iter().enumerate().filter(|(index, _)| verdicts.get(*index) == Some(&Verdict::Done))
}

fn decide(verdicts: &mut [Verdict], index: usize, verdict: Verdict) {
    if let Some(place) = verdicts.get_mut(index) {
        *place = verdict;
    }
}

/// A report that came again: how often in this group, when last, and as which body.
struct Repeat<'a> {
    times: i64,
    at: Timestamp,
    body_sha256: &'a str,
}

/// Inserts the reports; one that was seen before, in this group too, is only counted.
async fn claim_ipns(conn: &mut Conn, sets: &[Changeset], verdicts: &mut [Verdict]) -> Result<(), StoreError> {
    let mut rows = BTreeMap::new();
    for ipn in sets.iter().filter_map(|set| set.ipn.as_ref()) {
        rows.entry(ipn.content_sha256.as_str()).or_insert_with(|| IpnRow::of(ipn));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let rows: Vec<IpnRow> = rows.into_values().collect();
    let mut new = bulk::ipns_claim(conn, rows).await?;
    let mut seen: BTreeMap<&str, Repeat<'_>> = BTreeMap::new();
    for (index, ipn) in sets.iter().enumerate().filter_map(|(index, set)| Some((index, set.ipn.as_ref()?))) {
        // The first of a content in the group takes the new row; every other one has seen it before.
        if !new.remove(&ipn.body_sha256) {
            decide(verdicts, index, Verdict::SeenBefore);
            let first = Repeat { times: 0, at: ipn.received_at, body_sha256: &ipn.body_sha256 };
            let repeat = seen.entry(ipn.content_sha256.as_str()).or_insert(first);
            repeat.times = repeat.times.saturating_add(1);
            repeat.at = repeat.at.max(ipn.received_at);
        }
    }
    for (content, repeat) in seen {
        count_repeat(conn, content, &repeat).await?;
    }
    Ok(())
}

/// Counts a report that came again on its row.
async fn count_repeat(conn: &mut Conn, content: &str, repeat: &Repeat<'_>) -> Result<(), StoreError> {
    use received_ipns as r;
    let counted = || (r::times_seen.eq(r::times_seen + repeat.times), r::last_received_at.eq(repeat.at.micros()));
    let known = diesel::update(r::table.filter(r::content_sha256.eq(content))).set(counted()).execute(conn).await?;
    if known == 0 {
        // It was kept before reports were known by what they say; by its bytes it is known all the same.
        diesel::update(r::table.find(repeat.body_sha256))
            .set((counted(), r::content_sha256.eq(content)))
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Inserts the keys; one that was used before takes its checkout out of the group.
async fn claim_keys<'a>(conn: &mut Conn, sets: &'a [Changeset], verdicts: &mut [Verdict]) -> Result<(), StoreError> {
    let claims = || {
        let placed = |set: &'a Changeset| Some((set.key.as_ref()?, &set.order.as_ref()?.after));
        sets.iter().enumerate().filter_map(move |(index, set)| placed(set).map(|(key, order)| (index, key, order)))
    };
    let mut rows = BTreeMap::new();
    for (_, claim, order) in claims() {
        rows.entry((claim.account_id, claim.key.clone())).or_insert_with(|| KeyClaimRow::of(claim, order));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let rows: Vec<KeyClaimRow> = rows.into_values().collect();
    let first: HashSet<String> = rows.iter().map(|row| row.order_id.clone()).collect();
    let new = bulk::keys_claim(conn, rows).await?;
    for (index, claim, order) in claims() {
        let order_id = order.id.to_string();
        if new.contains(&order_id) {
            continue;
        }
        let takes_over = first.contains(&order_id) && forget_old(conn, claim, order).await?;
        if !takes_over {
            let record = first_use(conn, claim.account_id, &claim.key).await?;
            decide(verdicts, index, Verdict::KeyTaken(record));
        }
    }
    Ok(())
}

/// Under a retention, a use older than that is forgotten: this one becomes the first.
async fn forget_old(conn: &mut Conn, claim: &KeyClaim, order: &Order) -> Result<bool, StoreError> {
    let Some(before) = claim.forgotten_before else { return Ok(false) };
    let old = idempotency_keys::table
        .find((claim.account_id.to_string(), claim.key.as_str()))
        .filter(idempotency_keys::first_seen_at.le(before.micros()));
    if diesel::delete(old).execute(conn).await? == 0 {
        return Ok(false);
    }
    let claimed = bulk::keys_claim(conn, vec![KeyClaimRow::of(claim, order)]).await?;
    Ok(!claimed.is_empty())
}

async fn first_use(conn: &mut Conn, account: AccountId, key: &IdempotencyKey) -> Result<KeyRecord, StoreError> {
    let record = idempotency::key_record(conn, account, key).await?;
    record.ok_or_else(|| StoreError::Unavailable("a key was forgotten while it was looked at".to_owned()))
}

/// A changeset holds only against the version that was judged. Two of one order in a group are one too many.
async fn check_versions(conn: &mut Conn, sets: &[Changeset], verdicts: &mut [Verdict]) -> Result<(), StoreError> {
    let judged: Vec<(usize, String, i64)> = live(sets, verdicts)
        .filter_map(|(index, set)| {
            let changed = set.order.as_ref().and_then(|change| change.before.as_ref());
            let (id, version) = changed.map(|order| (order.id, order.version)).or(set.judged)?;
            Some((index, id.to_string(), version))
        })
        .collect();
    if judged.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<String> = judged.iter().map(|(_, id, _)| id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut versions = bulk::orders_lock(conn, ids).await?;
    for (index, id, version) in judged {
        if versions.remove(&id) != Some(version) {
            decide(verdicts, index, Verdict::Conflict);
        }
    }
    Ok(())
}

/// The payments that a change adds or alters. The primary key gives a payment to one order only.
async fn claim_payments(conn: &mut Conn, sets: &[Changeset], verdicts: &mut [Verdict]) -> Result<(), StoreError> {
    let mut rows: BTreeMap<String, (usize, PaymentRow)> = BTreeMap::new();
    let mut conflicts = Vec::new();
    for (index, set) in live(sets, verdicts) {
        for row in set.order.iter().flat_map(payments_changed) {
            if let Some((_, row)) = rows.insert(row.payment_id.clone(), (index, row)) {
                conflicts.push((index, row));
            }
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let owners: BTreeMap<String, usize> = rows.iter().map(|(id, (index, _))| (id.clone(), *index)).collect();
    let rows: Vec<PaymentRow> = rows.into_values().map(|(_, row)| row).collect();
    let written = bulk::payments_put(conn, rows).await?;
    let refused = owners.into_iter().filter(|(id, _)| !written.contains(id)).map(|(_, index)| index);
    for index in refused.chain(conflicts.into_iter().map(|(index, _)| index)) {
        decide(verdicts, index, Verdict::Conflict);
    }
    Ok(())
}

fn payments_changed(change: &OrderChange) -> Vec<PaymentRow> {
    let row = |order: &Order, payment| PaymentRow::of(order.id, payment);
    let before = change.before.iter().flat_map(|order| order.ledger.iter().map(|payment| row(order, payment)));
    let before: Vec<PaymentRow> = before.collect();
    let after = change.after.ledger.iter().map(|payment| row(&change.after, payment));
    after.filter(|row| !before.contains(row)).collect()
}

async fn write_orders(conn: &mut Conn, sets: &[&Changeset]) -> Result<(), StoreError> {
    let changes = || sets.iter().filter_map(|set| Some((set.order.as_ref()?, set.at)));
    let (mut placed, mut changed, mut events, mut searched) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (change, at) in changes() {
        let after = &change.after;
        let known = change.before.as_ref().map_or(0, |before| before.events.len());
        events.extend(after.events.iter().skip(known).map(|event| EventRow::of(after.id, event, at)));
        if change.before.as_ref().is_none_or(|before| before.customer_note != after.customer_note) {
            searched.push(after.id.to_string());
        }
        let rows = if change.before.is_some() { &mut changed } else { &mut placed };
        rows.push(OrderRow::of(after));
    }
    bulk::orders_insert(conn, placed).await?;
    changed.sort_by(|one, other| one.id.cmp(&other.id));
    bulk::orders_update(conn, changed).await?;
    bulk::events_insert(conn, events).await?;
    searched.sort_unstable();
    bulk::search_enqueue(conn, searched).await?;
    Ok(())
}

async fn write_effects(conn: &mut Conn, sets: &[&Changeset]) -> Result<(), StoreError> {
    write_webhooks(conn, sets).await?;
    bulk::attention_raise(conn, raised_of(sets.iter().copied())).await?;
    for entry in sets.iter().filter_map(|set| set.audit.as_ref()) {
        records::audit_write(conn, entry).await?;
    }
    // In the order of their keys, as all rows that writers of several nodes lock.
    let mut asked: Vec<_> = sets.iter().filter_map(|set| set.work.as_ref()).collect();
    asked.sort_by_key(|row| row.order_id);
    for row in asked {
        work::work_put(conn, row).await?;
    }
    let mut looks: Vec<_> = sets.iter().filter_map(|set| set.look).collect();
    looks.sort_by_key(|(id, _)| *id);
    for (id, at) in looks {
        work::work_hasten(conn, id, at).await?;
    }
    // After the rows: whoever raises an order holds its row meanwhile.
    let mut addressed: Vec<_> = sets.iter().filter_map(|set| Some((set.addressed?, set.at))).collect();
    addressed.sort_by_key(|(id, _)| *id);
    for (id, at) in addressed {
        unaddressed::unaddressed_resolve(conn, id, at).await?;
    }
    count_key_uses(conn, sets).await
}

/// What merchants are told, and a delivery for each endpoint that is active and subscribed at this moment.
async fn write_webhooks(conn: &mut Conn, sets: &[&Changeset]) -> Result<(), StoreError> {
    let told: Vec<OutboxRow> = sets.iter().filter_map(|set| outbox_row(set)).collect();
    if told.is_empty() {
        return Ok(());
    }
    let deliveries = endpoints::deliveries_of(conn, sets).await?;
    bulk::outbox_insert(conn, told).await?;
    bulk::deliveries_insert(conn, deliveries).await?;
    Ok(())
}

fn outbox_row(set: &Changeset) -> Option<OutboxRow> {
    Some(OutboxRow::of(set.webhook.as_ref()?, &set.order.as_ref()?.after))
}

/// Counts later uses on their keys' rows, each row once, in key order.
async fn count_key_uses(conn: &mut Conn, sets: &[&Changeset]) -> Result<(), StoreError> {
    use idempotency_keys as k;
    let mut uses: BTreeMap<(AccountId, &IdempotencyKey), ([i64; 2], Timestamp)> = BTreeMap::new();
    for (used, at) in sets.iter().filter_map(|set| Some((set.replay.as_ref()?, set.at))) {
        let counts = uses.entry((used.account_id, &used.key)).or_insert(([0, 0], at));
        let [replays, mismatches] = key_use_counts(used.kind);
        let [all_replays, all_mismatches] = counts.0;
        counts.0 = [all_replays.saturating_add(replays), all_mismatches.saturating_add(mismatches)];
    }
    for ((account, key), ([replays, mismatches], at)) in uses {
        diesel::update(k::table.find((account.to_string(), key.as_str())))
            .set((
                k::replays.eq(k::replays + replays),
                k::body_mismatches.eq(k::body_mismatches + mismatches),
                k::last_seen_at.eq(at.micros()),
            ))
            .execute(conn)
            .await?;
    }
    Ok(())
}
