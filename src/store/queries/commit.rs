//! One group of changesets in one transaction.
//!
//! Orders are locked and claims made first. An IPN seen before, or a key used before, takes its changeset out of the
//! group and nothing of it is written. Then the versions: a stale member makes the whole transaction roll back, and
//! the writer tries the group again without it. Row locks are taken in key order within each table and
//! tables in one order, so that writers of several nodes never wait for each other in a circle.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::write::write;
use super::{BEGIN, Conn, bulk, idempotency, records, unaddressed};
use crate::domain::idempotency::IdempotencyKey;
use crate::domain::ids::AccountId;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::changeset::{Changeset, KeyClaim, KeyRecord};
use crate::store::effect_rows::key_use_counts;
use crate::store::group::{GroupError, Verdict};
use crate::store::schema::{idempotency_keys, received_ipns};
use crate::store::tables::{KeyClaimRow, PaymentRow};
use crate::store::write_set::{Claims, WriteSet, judged, payments_changed};

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
    let Claims { ipns, keys, orders, accounts } = Claims::of(sets);
    let first_uses: HashSet<String> = keys.iter().map(|row| row.order_id.clone()).collect();
    flight!(
        conn,
        versions = orders_lock(orders),
        new_ipns = insert(ipns),
        claimed = insert(keys),
        listeners = listeners_load(accounts),
    );
    let mut verdicts = vec![Verdict::Done; sets.len()];
    judge_ipns(conn, sets, new_ipns, &mut verdicts).await?;
    judge_keys(conn, sets, &KeyClaims { claimed, first_uses }, &mut verdicts).await?;
    judge_versions(sets, versions, &mut verdicts);
    let (payments, owners) = payments_of(sets, &mut verdicts);
    if verdicts.contains(&Verdict::Conflict) {
        return Ok(verdicts);
    }
    let live: Vec<&Changeset> = live(sets, &verdicts).map(|(_, set)| set).collect();
    let written = write(conn, WriteSet::of(&live, payments, &listeners, shard)).await?;
    write_beside(conn, &live).await?;
    for (_, index) in owners.into_iter().filter(|(id, _)| !written.contains(id)) {
        decide(&mut verdicts, index, Verdict::Conflict);
    }
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

/// Takes out the reports that were seen before, in this group too; they are only counted.
async fn judge_ipns(
    conn: &mut Conn,
    sets: &[Changeset],
    mut new: HashSet<String>,
    verdicts: &mut [Verdict],
) -> Result<(), StoreError> {
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

/// The outcome of claiming idempotency keys, by the ids of orders.
struct KeyClaims {
    /// Orders whose keys are theirs now.
    claimed: HashSet<String>,
    /// Orders that were the first of the group to use their keys.
    first_uses: HashSet<String>,
}

/// Takes out the checkouts whose keys were used before.
async fn judge_keys(
    conn: &mut Conn,
    sets: &[Changeset],
    keys: &KeyClaims,
    verdicts: &mut [Verdict],
) -> Result<(), StoreError> {
    for (index, set) in sets.iter().enumerate() {
        let (Some(claim), Some(change)) = (&set.key, &set.order) else { continue };
        let order_id = change.after.id.to_string();
        if keys.claimed.contains(&order_id) {
            continue;
        }
        let takes_over = keys.first_uses.contains(&order_id) && forget_old(conn, claim, &change.after).await?;
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
    let claimed = bulk::insert(conn, vec![KeyClaimRow::of(claim, order)]).await?;
    Ok(!claimed.is_empty())
}

async fn first_use(conn: &mut Conn, account: AccountId, key: &IdempotencyKey) -> Result<KeyRecord, StoreError> {
    let record = idempotency::key_record(conn, account, key).await?;
    record.ok_or_else(|| StoreError::Unavailable("a key was forgotten while it was looked at".to_owned()))
}

/// A changeset holds only against the version that was judged. Of two with one order in a group the second is a conflict.
fn judge_versions(sets: &[Changeset], mut versions: HashMap<String, i64>, verdicts: &mut [Verdict]) {
    let judged: Vec<_> = live(sets, verdicts).filter_map(|(index, set)| Some((index, judged(set)?))).collect();
    for (index, (id, version)) in judged {
        if versions.remove(&id.to_string()) != Some(version) {
            decide(verdicts, index, Verdict::Conflict);
        }
    }
}

/// Returns the payments that the group adds or alters, in the order of their keys, and the changeset of each. Of
/// two changesets with one payment the second is a conflict.
fn payments_of(sets: &[Changeset], verdicts: &mut [Verdict]) -> (Vec<PaymentRow>, BTreeMap<String, usize>) {
    let mut rows: BTreeMap<String, (usize, PaymentRow)> = BTreeMap::new();
    let mut conflicts = Vec::new();
    for (index, set) in live(sets, verdicts) {
        for row in set.order.iter().flat_map(payments_changed) {
            if rows.insert(row.payment_id.clone(), (index, row)).is_some() {
                conflicts.push(index);
            }
        }
    }
    for index in conflicts {
        decide(verdicts, index, Verdict::Conflict);
    }
    let owners = rows.iter().map(|(id, (index, _))| (id.clone(), *index)).collect();
    (rows.into_values().map(|(_, row)| row).collect(), owners)
}

/// Writes the rows that few commits have, one statement for each.
async fn write_beside(conn: &mut Conn, sets: &[&Changeset]) -> Result<(), StoreError> {
    for entry in sets.iter().filter_map(|set| set.audit.as_ref()) {
        records::audit_write(conn, entry).await?;
    }
    // In the order of their keys, as all rows that writers of several nodes lock. And after the rows of what is to be
    // asked: whoever raises an order holds its row meanwhile.
    let mut addressed: Vec<_> = sets.iter().filter_map(|set| Some((set.addressed?, set.at))).collect();
    addressed.sort_by_key(|(id, _)| *id);
    for (id, at) in addressed {
        unaddressed::unaddressed_resolve(conn, id, at).await?;
    }
    count_key_uses(conn, sets).await
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
