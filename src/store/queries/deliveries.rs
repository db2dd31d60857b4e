//! Deliveries as they are looked at, and what becomes of one that somebody asks for again.
//!
//! Whoever moves a delivery moves its endpoint's counts in the same transaction, and holds the endpoint's row first:
//! two that move deliveries of one endpoint never wait for each other in a circle. `catch_up.rs` moves many at once.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::{Conn, Db, records};
use crate::domain::ids::{DeliveryId, OrderId};
use crate::domain::webhook::delivery::{DeliveryStatus, Turn};
use crate::domain::webhook::endpoint::DeliveryCounts;
use crate::domain::webhook::resend::{NotMoved, Wish, counted, judge};
use crate::store::StoreError;
use crate::store::records::Stretch;
use crate::store::resend::{DeliveryFilter, Resend, Resent, Traced};
use crate::store::rows::broken;
use crate::store::schema::{outbox_events, webhook_deliveries as d, webhook_endpoints as e};
use crate::store::tables::DeliveryRow;
use crate::store::webhook_rows::EndpointRow;

/// The rows of a stretch: before its place, newest first, and at most so many. The place is always named, also at the
/// list's beginning, so that the engines walk an index from there and not through it.
macro_rules! newest {
    ($query:expr, $stretch:expr) => {{
        let Stretch { limit, after } = $stretch;
        let (at, id) = after.map_or((i64::MAX, String::new()), |place| (place.at.micros(), place.id));
        $query
            .filter(d::created_at.le(at))
            .filter(d::created_at.lt(at).or(d::id.lt(id)))
            .order((d::created_at.desc(), d::id.desc()))
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .select(DeliveryRow::as_select())
    }};
}

/// One delivery.
pub async fn delivery_load(conn: &mut Conn, id: DeliveryId) -> Result<Option<Traced>, StoreError> {
    let found: Option<DeliveryRow> =
        d::table.find(id.to_string()).select(DeliveryRow::as_select()).first(conn).await.optional()?;
    Ok(traced(conn, found.into_iter().collect()).await?.pop())
}

/// Deliveries to an endpoint, newest first.
pub async fn deliveries_page(
    conn: &mut Conn,
    filter: DeliveryFilter,
    stretch: Stretch,
) -> Result<Vec<Traced>, StoreError> {
    let mut query = d::table.into_boxed::<Db>().filter(d::webhook_id.eq(filter.webhook.to_string()));
    if let Some(status) = filter.status {
        query = query.filter(d::status.eq(status.as_str()));
    }
    let rows: Vec<DeliveryRow> = newest!(query, stretch).load(conn).await?;
    traced(conn, rows).await
}

/// Dead letters of all endpoints, newest first.
pub async fn dlq_page(conn: &mut Conn, stretch: Stretch) -> Result<Vec<Traced>, StoreError> {
    // Spelled out, as the index is: a bound word would not show that the index holds them all.
    let dead = d::table.filter(diesel::dsl::sql::<Bool>("webhook_deliveries.status = 'dlq'"));
    let rows: Vec<DeliveryRow> = newest!(dead, stretch).load(conn).await?;
    traced(conn, rows).await
}

/// How many dead letters wait, counted up to a limit.
pub async fn dlq_count(conn: &mut Conn, limit: i64) -> Result<usize, StoreError> {
    let dead = d::table.filter(diesel::dsl::sql::<Bool>("webhook_deliveries.status = 'dlq'"));
    let rows: Vec<i64> =
        dead.order((d::created_at.desc(), d::id.desc())).limit(limit).select(d::created_at).load(conn).await?;
    Ok(rows.len())
}

/// Deliveries of an order's events, newest first. They are few: an order tells an endpoint of its account a thing or two.
pub async fn order_deliveries(conn: &mut Conn, order: OrderId, stretch: Stretch) -> Result<Vec<Traced>, StoreError> {
    use outbox_events as o;
    let told = o::table.filter(o::order_id.eq(order.to_string()));
    let Some(account) = told.clone().select(o::account_id).first::<String>(conn).await.optional()? else {
        return Ok(Vec::new());
    };
    let endpoints = e::table.filter(e::account_id.eq(account)).select(e::id);
    let query = d::table.filter(d::webhook_id.eq_any(endpoints)).filter(d::event_id.eq_any(told.select(o::id)));
    let rows: Vec<DeliveryRow> = newest!(query, stretch).load(conn).await?;
    traced(conn, rows).await
}

/// The deliveries of these rows, each with its endpoint: one look-up for all of them.
async fn traced(conn: &mut Conn, rows: Vec<DeliveryRow>) -> Result<Vec<Traced>, StoreError> {
    let mut ids: Vec<&str> = rows.iter().map(|row| row.webhook_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let endpoints: Vec<EndpointRow> =
        e::table.filter(e::id.eq_any(ids)).select(EndpointRow::as_select()).load(conn).await?;
    let mut known = HashMap::new();
    for row in endpoints {
        known.insert(row.id.clone(), row.into_endpoint()?);
    }
    let trace = |row: DeliveryRow| {
        let endpoint = known.get(&row.webhook_id).ok_or_else(|| broken("webhook_id", &row.id))?;
        let (account_id, url, standing) = (endpoint.account_id, endpoint.url.clone(), endpoint.standing);
        Ok(Traced { delivery: row.into_delivery()?, account_id, url, standing })
    };
    rows.into_iter().map(trace).collect()
}

/// Does with a delivery what is asked, and audits it.
pub async fn delivery_resend(conn: &mut Conn, asked: Resend) -> Result<Resent, StoreError> {
    // Whose it is, and which endpoint's, never changes: a stranger holds up nobody.
    let seen = delivery_load(conn, asked.id).await?;
    let foreign = |seen: &Traced| asked.owner.is_some_and(|owner| owner != seen.account_id);
    let Some(seen) = seen.filter(|seen| !foreign(seen)) else { return Ok(Resent::Unknown) };
    conn.transaction(async |conn| {
        endpoint_hold(conn, &seen.delivery.webhook_id.to_string()).await?;
        if asked.wish == Wish::Replay {
            let_go_of(conn, &asked).await?;
        }
        let Some(before) = delivery_load(conn, asked.id).await? else { return Ok(Resent::Unknown) };
        let to = match judge(asked.wish, before.delivery.status, before.standing) {
            Ok(to) => to,
            Err(why) => return Ok(Resent::Refused(why)),
        };
        if !moved(conn, &asked, &before, to).await? {
            // Somebody has begun to attempt it since it was read.
            return Ok(Resent::Refused(NotMoved::InFlight));
        }
        if let Some(entry) = &asked.audit {
            records::audit_write(conn, entry).await?;
        }
        let after = delivery_load(conn, asked.id).await?;
        Ok(after.map_or(Resent::Unknown, |after| Resent::Done(Box::new(after))))
    })
    .await
}

/// A delivery whose lease has run out waits: nobody attempts it any more.
async fn let_go_of(conn: &mut Conn, asked: &Resend) -> Result<(), StoreError> {
    let held = d::table.find(asked.id.to_string()).filter(d::status.eq(DeliveryStatus::InFlight.as_str()));
    let waits = diesel::dsl::sql::<Text>("case when 0 < attempts then 'failed' else 'pending' end");
    let run_out = diesel::update(held.filter(d::due_at.le(asked.at.micros())));
    run_out.set((d::status.eq(waits), d::lease.eq(""))).execute(conn).await?;
    Ok(())
}

/// Writes where the delivery stands now, with the counts, if it still stands where it was read.
async fn moved(conn: &mut Conn, asked: &Resend, before: &Traced, to: DeliveryStatus) -> Result<bool, StoreError> {
    let delivery = &before.delivery;
    let unmoved = d::table
        .find(delivery.id.to_string())
        .filter(d::status.eq(delivery.status.as_str()))
        .filter(d::attempts.eq(delivery.attempts));
    let waits = (asked.wish != Wish::Discard).then(|| asked.at.micros());
    let (written, attempts) = if let Some(due_at) = waits {
        let again = (
            d::status.eq(to.as_str()),
            d::turn.eq(Turn::Replay.as_str()),
            d::attempts.eq(0_i64),
            d::due_at.eq(due_at),
            d::lease.eq(""),
            d::delivered_at.eq(None::<i64>),
        );
        (diesel::update(unmoved).set(again).execute(conn).await?, 0)
    } else {
        let given_up = (d::status.eq(to.as_str()), d::due_at.eq(None::<i64>), d::lease.eq(""));
        (diesel::update(unmoved).set(given_up).execute(conn).await?, delivery.attempts)
    };
    if written == 0 {
        return Ok(false);
    }
    let (less, more) = (counted(delivery.status, delivery.attempts), counted(to, attempts));
    let change = DeliveryCounts {
        delivered: more.delivered.saturating_sub(less.delivered),
        failed: more.failed.saturating_sub(less.failed),
        dlq: more.dlq.saturating_sub(less.dlq),
    };
    counts_add(conn, &delivery.webhook_id.to_string(), change).await?;
    Ok(true)
}

/// Holds the endpoint's row until the transaction ends.
pub async fn endpoint_hold(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    // An update that changes nothing: of the ways to lock a row, the one that both engines know.
    diesel::update(e::table.find(id)).set(e::dlq.eq(e::dlq)).execute(conn).await?;
    Ok(())
}

/// Moves an endpoint's counts by so much.
pub async fn counts_add(conn: &mut Conn, id: &str, change: DeliveryCounts) -> Result<(), StoreError> {
    if change != DeliveryCounts::default() {
        let counts = (
            e::delivered.eq(e::delivered + change.delivered),
            e::failed.eq(e::failed + change.failed),
            e::dlq.eq(e::dlq + change.dlq),
        );
        diesel::update(e::table.find(id)).set(counts).execute(conn).await?;
    }
    Ok(())
}
