//! Reads of idempotency keys and their counters, and the end of keys that are kept for a time only.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::Conn;
use crate::domain::idempotency::{Asked, IdempotencyKey};
use crate::domain::ids::{AccountId, OrderId};
use crate::domain::time::Timestamp;
use crate::store::changeset::KeyRecord;
use crate::store::rows::broken;
use crate::store::schema::{idempotency_keys, idempotency_totals};
use crate::store::totals::AccountUsage;
use crate::store::{IdempotencyTotals, KeyUsage, StoreError};

/// What the first use of a key was.
pub async fn key_record(
    conn: &mut Conn,
    account: AccountId,
    key: &IdempotencyKey,
) -> Result<Option<KeyRecord>, StoreError> {
    use idempotency_keys as k;
    let row: Option<(String, String, i64, String, i64)> = k::table
        .find((account.to_string(), key.as_str()))
        .select((k::order_id, k::product, k::price_cents, k::price_currency, k::first_seen_at))
        .first(conn)
        .await
        .optional()?;
    row.map(|(order_id, product, price_cents, price_currency, first_seen_at)| {
        Ok(KeyRecord {
            order_id: OrderId::parse(&order_id).ok_or_else(|| broken("order_id", &order_id))?,
            asked: Asked { product, price_cents, price_currency },
            first_seen_at: Timestamp::from_micros(first_seen_at),
        })
    })
    .transpose()
}

/// The counters of one account, or of all: the sum over the writers' own rows.
pub async fn idempotency_totals(conn: &mut Conn, account: Option<AccountId>) -> Result<IdempotencyTotals, StoreError> {
    use idempotency_totals as t;
    // The empty account's rows count for all, so that the sum costs the same at any number of accounts.
    let account = account.map(|id| id.to_string()).unwrap_or_default();
    let sums: Vec<(i64, i64, i64)> = t::table
        .filter(t::account_id.eq(account))
        .select((t::first_writes, t::replays, t::body_mismatches))
        .load(conn)
        .await?;
    Ok(sums.into_iter().fold(IdempotencyTotals::default(), plus))
}

fn plus(total: IdempotencyTotals, (first_writes, replays, body_mismatches): (i64, i64, i64)) -> IdempotencyTotals {
    IdempotencyTotals {
        first_writes: total.first_writes.saturating_add(first_writes),
        replays: total.replays.saturating_add(replays),
        body_mismatches: total.body_mismatches.saturating_add(body_mismatches),
    }
}

/// How many rows are looked at for the busiest accounts: each writer has one of its own for each account.
const BUSIEST_ROWS_MAX: i64 = 1_000;

/// The accounts whose keys came with another body most often, then those with the most replays.
///
/// The largest rows are found by the index, and summed with those of the other writers before any account is left
/// out.
pub async fn idempotency_busiest(conn: &mut Conn, limit: usize) -> Result<Vec<AccountUsage>, StoreError> {
    use idempotency_totals as t;
    // Spelled out, as the index is: bound values would not show that the index holds them all.
    let replayed = t::table.filter(sql::<Bool>("replays > 0 and account_id <> ''"));
    let largest = replayed.order((t::body_mismatches.desc(), t::replays.desc())).limit(BUSIEST_ROWS_MAX);
    let largest = largest.select(t::account_id);
    let mut accounts: Vec<String> = largest.load(conn).await?;
    accounts.sort_unstable();
    accounts.dedup();
    let rows: Vec<(String, i64, i64, i64)> = t::table
        .filter(t::account_id.eq_any(&accounts))
        .select((t::account_id, t::first_writes, t::replays, t::body_mismatches))
        .load(conn)
        .await?;
    let mut sums = BTreeMap::<String, IdempotencyTotals>::new();
    for (account, first_writes, replays, body_mismatches) in rows {
        let total = sums.entry(account).or_default();
        *total = plus(*total, (first_writes, replays, body_mismatches));
    }
    let usage = |(account, totals): (String, _)| {
        let account = AccountId::parse(&account).ok_or_else(|| broken("account_id", "a total"))?;
        Ok(AccountUsage { account, totals })
    };
    let mut busiest: Vec<AccountUsage> = sums.into_iter().map(usage).collect::<Result<_, StoreError>>()?;
    busiest.sort_by_key(|usage| Reverse((usage.totals.body_mismatches, usage.totals.replays)));
    busiest.truncate(limit);
    Ok(busiest)
}

/// An account's keys, newest first.
pub async fn idempotency_keys(
    conn: &mut Conn,
    account: AccountId,
    limit: i64,
    after: Option<(Timestamp, String)>,
) -> Result<Vec<KeyUsage>, StoreError> {
    use idempotency_keys as k;
    let mut query = k::table.into_boxed().filter(k::account_id.eq(account.to_string()));
    if let Some((at, key)) = after {
        query =
            query.filter(k::first_seen_at.le(at.micros())).filter(k::first_seen_at.lt(at.micros()).or(k::key.lt(key)));
    }
    let rows: Vec<(String, String, i64, i64, i64, i64)> = query
        .order((k::first_seen_at.desc(), k::key.desc()))
        .limit(limit)
        .select((k::key, k::order_id, k::first_seen_at, k::last_seen_at, k::replays, k::body_mismatches))
        .load(conn)
        .await?;
    rows.into_iter()
        .map(|(key, order_id, first_seen_at, last_seen_at, replays, body_mismatches)| {
            Ok(KeyUsage {
                order_id: OrderId::parse(&order_id).ok_or_else(|| broken("order_id", &key))?,
                key,
                first_seen_at: Timestamp::from_micros(first_seen_at),
                last_seen_at: Timestamp::from_micros(last_seen_at),
                replays,
                body_mismatches,
            })
        })
        .collect()
}

/// Forgets up to `limit` keys first seen before then, in one transaction; answers how many.
pub async fn keys_forget(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
    use idempotency_keys as k;
    conn.transaction(async |conn| {
        let old: Vec<(String, String)> = k::table
            .filter(k::first_seen_at.le(before.micros()))
            .order(k::first_seen_at)
            .limit(limit)
            .select((k::account_id, k::key))
            .load(conn)
            .await?;
        for (account, key) in &old {
            let row = k::table.find((account, key)).filter(k::first_seen_at.le(before.micros()));
            diesel::delete(row).execute(conn).await?;
        }
        Ok(old.len())
    })
    .await
}
