//! The end of deliveries that are over, once their retention has passed. Compiled once for each engine.
//!
//! An event of an order stays, whatever becomes of its deliveries; that its endpoint confirmed it is remembered, so that
//! no catch-up sends it again. A ping goes with its delivery: nothing else leads to it.

use std::collections::{BTreeMap, BTreeSet};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::{Conn, Db, bulk_courier, deliveries};
use crate::domain::time::Timestamp;
use crate::domain::webhook::delivery::DeliveryStatus;
use crate::domain::webhook::endpoint::DeliveryCounts;
use crate::domain::webhook::resend::counted;
use crate::store::StoreError;
use crate::store::resend::Outlived;
use crate::store::rows::broken;
use crate::store::schema::{confirmed_events as c, outbox_events as o, webhook_deliveries as d};
use crate::store::webhook_rows::OutlivedRow;

/// Up to `limit` deliveries whose retention ended before then, oldest first.
pub async fn deliveries_outlived(
    conn: &mut Conn,
    which: Outlived,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<OutlivedRow>, StoreError> {
    let oldest = match which {
        Outlived::Delivered => outlived(which, before).order((d::delivered_at, d::id)),
        Outlived::Undelivered | Outlived::Pings => outlived(which, before).order((d::created_at, d::id)),
    };
    Ok(oldest.limit(limit).select(OutlivedRow::as_select()).load(conn).await?)
}

/// Deliveries whose retention ended before then. Conditions are spelled out, as the indexes are: bound words would not
/// show that an index holds them all.
fn outlived<'a>(which: Outlived, before: Timestamp) -> d::BoxedQuery<'a, Db> {
    let (all, before) = (d::table.into_boxed::<Db>(), before.micros());
    match which {
        Outlived::Delivered => {
            all.filter(sql::<Bool>("webhook_deliveries.status = 'delivered'")).filter(d::delivered_at.le(before))
        }
        Outlived::Undelivered => all
            .filter(sql::<Bool>("webhook_deliveries.due_at is null and webhook_deliveries.status <> 'delivered'"))
            .filter(d::created_at.le(before)),
        Outlived::Pings => all
            .filter(sql::<Bool>("webhook_deliveries.order_id is null and webhook_deliveries.due_at is null"))
            .filter(d::created_at.le(before)),
    }
}

/// Removes those of these deliveries that are still over, in one transaction; answers how many it were.
pub async fn deliveries_purge(
    conn: &mut Conn,
    which: Outlived,
    before: Timestamp,
    found: &[OutlivedRow],
) -> Result<usize, StoreError> {
    let ids: Vec<&str> = found.iter().map(|row| row.id.as_str()).collect();
    let endpoints: BTreeSet<String> = found.iter().map(|row| row.webhook_id.clone()).collect();
    conn.transaction(async |conn| {
        // Before its deliveries' rows, as whoever moves deliveries does. From here on none is asked for again.
        bulk_courier::endpoints_lock(conn, endpoints.into_iter().collect()).await?;
        let over = outlived(which, before).filter(d::id.eq_any(&ids)).select(OutlivedRow::as_select());
        let over: Vec<OutlivedRow> = over.load(conn).await?;
        let ids: Vec<&str> = over.iter().map(|row| row.id.as_str()).collect();
        confirmed_remember(conn, &ids).await?;
        diesel::delete(d::table.filter(d::id.eq_any(&ids))).execute(conn).await?;
        let pings = over.iter().filter(|row| row.order_id.is_none()).map(|row| row.event_id.as_str());
        let pings: Vec<&str> = pings.collect();
        diesel::delete(o::table.filter(o::id.eq_any(pings)).filter(o::order_id.eq(""))).execute(conn).await?;
        for (webhook, less) in given_up(&over)? {
            deliveries::counts_add(conn, webhook, less).await?;
        }
        Ok(over.len())
    })
    .await
}

/// Remembers which events of orders these deliveries have brought to their endpoints.
async fn confirmed_remember(conn: &mut Conn, ids: &[&str]) -> Result<(), StoreError> {
    let brought = d::table
        .filter(d::id.eq_any(ids))
        .filter(d::status.eq(DeliveryStatus::Delivered.as_str()))
        .filter(d::order_id.is_not_null())
        .select((d::event_id, d::webhook_id));
    let remembered = brought.insert_into(c::table).into_columns((c::event_id, c::webhook_id));
    remembered.on_conflict_do_nothing().execute(conn).await?;
    Ok(())
}

/// By how much fewer deliveries of each endpoint stand undelivered. What was delivered stays counted.
fn given_up(over: &[OutlivedRow]) -> Result<BTreeMap<&str, DeliveryCounts>, StoreError> {
    let mut less: BTreeMap<&str, DeliveryCounts> = BTreeMap::new();
    for row in over {
        let status = DeliveryStatus::parse(&row.status).ok_or_else(|| broken("status", &row.id))?;
        let counts = counted(status, row.attempts);
        let sum = less.entry(&row.webhook_id).or_default();
        sum.failed = sum.failed.saturating_sub(counts.failed);
        sum.dlq = sum.dlq.saturating_sub(counts.dlq);
    }
    Ok(less)
}
