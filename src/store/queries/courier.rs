//! The courier's rows: who has something due, the leases, and what came of attempts.
//!
//! A lease is taken by compare-and-set, and its holder's token says whose it is: what is recorded without it is not
//! counted. So of several nodes one attempts a delivery at a time, and whoever takes a lease over that has run out is
//! not disturbed by its late holder. Endpoints' rows are locked before deliveries' rows, both in the order of their
//! ids.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::{Conn, bulk_courier, deliveries};
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::delivery::{DeliveryStatus, Turn};
use crate::domain::webhook::endpoint::DeliveryCounts;
use crate::domain::webhook::resend::counted;
use crate::store::StoreError;
use crate::store::courier::{Ask, AttemptRecord, DueDelivery, DueRead, Unreadable, Unsent, WaitingPage};
use crate::store::courier_rows::{AttemptedRow, DueRow, Ended, LeaseRow, Told, WaitingRow, attempt_key, attempted_row};
use crate::store::schema::webhook_deliveries as d;
use crate::store::work::Claim;

/// What a delivery that cannot be read is given up with.
const UNREADABLE: &str = "The delivery could not be read.";

/// A page of the endpoints for which deliveries wait, by their ids, after this one.
pub async fn endpoints_waiting(
    conn: &mut Conn,
    now: Timestamp,
    after: String,
    limit: i64,
) -> Result<WaitingPage, StoreError> {
    let rows = bulk_courier::endpoints_waiting(conn, now.micros(), after, limit).await?;
    // By the rows, not by what of them can be read: a page is the last if there were no more rows.
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| limit <= rows);
    let next = rows.last().filter(|_| is_full).map(|row| row.id.clone());
    Ok(WaitingPage { endpoints: rows.into_iter().filter_map(WaitingRow::into_waiting).collect(), next })
}

/// What is due of these endpoints and may be sent now, at most so many of each.
pub async fn deliveries_due(conn: &mut Conn, now: Timestamp, asks: &[Ask]) -> Result<DueRead, StoreError> {
    let rows = bulk_courier::deliveries_due(conn, now.micros(), asks).await?;
    let mut read = DueRead::default();
    for row in rows {
        let seen = Unreadable {
            id: row.id.clone(),
            webhook: row.webhook_id.clone(),
            status: row.status.clone(),
            attempts: row.attempts,
            due_micros: row.due_at,
        };
        match row.into_due(now) {
            Some(due) => read.due.push(due),
            None => read.unreadable.push(seen),
        }
    }
    Ok(read)
}

/// Gives deliveries up that cannot be read, as far as they are still as they were; answers how many were.
pub async fn unreadable_bury(conn: &mut Conn, unreadable: &[Unreadable]) -> Result<usize, StoreError> {
    let mut rows: Vec<&Unreadable> = unreadable.iter().collect();
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    let endpoints = each_once(rows.iter().map(|row| row.webhook.clone()));
    conn.transaction(async |conn| {
        bulk_courier::endpoints_lock(conn, endpoints).await?;
        let mut given_up = 0_usize;
        for row in rows {
            let as_read = d::table
                .find(&row.id)
                .filter(d::status.eq(&row.status))
                .filter(d::attempts.eq(row.attempts))
                .filter(d::due_at.eq(row.due_micros));
            let dead = (
                d::status.eq(DeliveryStatus::Dlq.as_str()),
                d::due_at.eq(None::<i64>),
                d::lease.eq(""),
                d::last_error.eq(UNREADABLE),
            );
            if diesel::update(as_read).set(dead).execute(conn).await? == 1 {
                tracing::error!(delivery.id = row.id, "a delivery cannot be read; it is given up");
                let less = DeliveryStatus::parse(&row.status).map(|status| counted(status, row.attempts));
                let failed = less.unwrap_or_default().failed.saturating_neg();
                deliveries::counts_add(conn, &row.webhook, DeliveryCounts { delivered: 0, failed, dlq: 1 }).await?;
                given_up = given_up.saturating_add(1);
            }
        }
        Ok(given_up)
    })
    .await
}

/// Leases these deliveries as far as they are still as they were read; answers the ones that were.
pub async fn deliveries_lease(
    conn: &mut Conn,
    now: Timestamp,
    due: &[DueDelivery],
    lease: &Claim,
) -> Result<Vec<DeliveryId>, StoreError> {
    let mut rows: Vec<LeaseRow> = due.iter().map(LeaseRow::of).collect();
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    let caught_up = due.iter().filter(|due| due.turn == Turn::CatchUp).map(|due| due.webhook.to_string());
    let caught_up = each_once(caught_up);
    conn.transaction(async |conn| {
        // Of two nodes that catch up on one endpoint the second waits here, and then finds it taken.
        bulk_courier::endpoints_lock(conn, caught_up).await?;
        let won = bulk_courier::deliveries_lease(conn, rows, lease, now.micros()).await?;
        Ok(won.iter().filter_map(|id| DeliveryId::parse(id)).collect())
    })
    .await
}

/// Gives deliveries back that this lease still holds.
pub async fn deliveries_release(conn: &mut Conn, unsent: &[Unsent], lease: &str) -> Result<(), StoreError> {
    let mut rows: Vec<DueRow> = unsent.iter().map(DueRow::of).collect();
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    conn.transaction(async |conn| Ok(bulk_courier::deliveries_release(conn, rows, lease.to_owned()).await?)).await
}

/// Keeps what came of attempts, each if its lease still holds its delivery, and what they say of the endpoints; answers
/// those that were disabled by them.
pub async fn attempts_record(conn: &mut Conn, attempts: &[AttemptRecord]) -> Result<Vec<WebhookId>, StoreError> {
    let ids = each_once(attempts.iter().map(|attempt| attempt.webhook.to_string()));
    conn.transaction(async |conn| {
        let endpoints = bulk_courier::endpoints_lock(conn, ids).await?;
        let mut endpoints: BTreeMap<String, Told> =
            endpoints.into_iter().map(|row| (row.id.clone(), Told::from(row))).collect();
        let rows = attempts.iter().map(|attempt| {
            let is_over = endpoints.get(&attempt.webhook.to_string()).is_none_or(|told| told.is_over);
            attempted_row(attempt, is_over)
        });
        let mut rows: Vec<AttemptedRow> = rows.collect();
        rows.sort_by(|one, other| one.id.cmp(&other.id));
        let again = rows.iter().filter(|row| row.due_at.is_some());
        let again: HashSet<String> = again.map(|row| attempt_key(&row.id, &row.held_lease)).collect();
        let held = bulk_courier::deliveries_attempted(conn, rows).await?;
        for attempt in attempts {
            let key = attempt_key(&attempt.delivery.to_string(), &attempt.lease);
            if let Some(told) = endpoints.get_mut(&attempt.webhook.to_string()).filter(|_| held.contains(&key)) {
                told.of(attempt, if again.contains(&key) { Ended::Again } else { Ended::ForGood });
            }
        }
        let disabled = endpoints.values().filter_map(Told::disabled).collect();
        bulk_courier::endpoints_told(conn, endpoints.into_values().map(|told| told.row).collect()).await?;
        Ok(disabled)
    })
    .await
}

/// Each of these ids once, in the order in which rows are locked.
fn each_once(ids: impl Iterator<Item = String>) -> Vec<String> {
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}
