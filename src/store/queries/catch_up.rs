//! Events that an endpoint has missed, queued again, oldest first, a piece at a time.
//!
//! The rehearsal reads the same pieces by the same rule, and writes nothing. Never all events are in memory, and each
//! piece is one short transaction: orders are committed in between.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::endpoints::endpoint_load;
use super::{Conn, deliveries, write};
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::delivery::{DeliveryStatus, Turn};
use crate::domain::webhook::endpoint::{DeliveryCounts, Endpoint};
use crate::domain::webhook::resend::is_missed;
use crate::store::StoreError;
use crate::store::records::Place;
use crate::store::resend::{CatchUp, CaughtUp};
use crate::store::rows::broken;
use crate::store::schema::{confirmed_events as c, outbox_events as o, webhook_deliveries as d};
use crate::store::tables::DeliveryRow;
use crate::store::webhook_rows::Queued;
use crate::store::write_set::WriteSet;

/// How many events a piece looks at.
const PIECE_EVENTS: usize = 250;

/// An event that was told, without its body.
#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::store::schema::outbox_events)]
struct Told {
    id: String,
    order_id: String,
    event_type: String,
    created_at: i64,
}

/// What a piece comes to.
struct Piece {
    endpoint: Endpoint,
    /// Never queued for the endpoint.
    new: Vec<Told>,
    /// Ids of deliveries that failed, and of those that were given up.
    failed: Vec<String>,
    dead: Vec<String>,
    next: Option<Place>,
}

/// Counts what the endpoint has missed in a piece, and writes nothing.
pub async fn catch_up_count(conn: &mut Conn, asked: CatchUp) -> Result<CaughtUp, StoreError> {
    let Some(piece) = missed(conn, &asked).await? else { return Ok(CaughtUp::Over) };
    let counts = [piece.new.len(), piece.failed.len(), piece.dead.len()];
    Ok(CaughtUp::Piece { missed: counts.into_iter().sum(), next: piece.next })
}

/// Queues what the endpoint has missed in a piece.
pub async fn catch_up_queue(conn: &mut Conn, asked: CatchUp) -> Result<CaughtUp, StoreError> {
    conn.transaction(async |conn| {
        deliveries::endpoint_hold(conn, &asked.webhook.to_string()).await?;
        let Some(piece) = missed(conn, &asked).await? else { return Ok(CaughtUp::Over) };
        let rows = piece.new.iter().map(|told| queued(told, &asked)).collect::<Result<Vec<_>, _>>()?;
        let new = rows.len();
        write::write(conn, WriteSet { deliveries: rows, ..WriteSet::default() }).await?;
        let failed = queue_again(conn, piece.failed, DeliveryStatus::Failed).await?;
        let dead = queue_again(conn, piece.dead, DeliveryStatus::Dlq).await?;
        let less = |count: usize| i64::try_from(count).unwrap_or(i64::MAX).saturating_neg();
        let change = DeliveryCounts { delivered: 0, failed: less(failed), dlq: less(dead) };
        deliveries::counts_add(conn, &piece.endpoint.id.to_string(), change).await?;
        Ok(CaughtUp::Piece { missed: [new, failed, dead].into_iter().sum(), next: piece.next })
    })
    .await
}

/// What the endpoint has missed in a piece; none if nothing is sent there any more.
async fn missed(conn: &mut Conn, asked: &CatchUp) -> Result<Option<Piece>, StoreError> {
    let Some(endpoint) = endpoint(conn, asked.webhook).await? else { return Ok(None) };
    let told = told(conn, &endpoint, asked).await?;
    let last = told.last().filter(|_| told.len() == PIECE_EVENTS);
    let next = last.map(|last| Place { at: Timestamp::from_micros(last.created_at), id: last.id.clone() });
    let mut piece = Piece { endpoint, new: Vec::new(), failed: Vec::new(), dead: Vec::new(), next };
    let mut ids = Vec::with_capacity(told.len());
    for event in told {
        if piece.endpoint.events.iter().any(|subscribed| subscribed.as_str() == event.event_type) {
            ids.push((delivery_id(asked.webhook, &event)?, event));
        }
    }
    let known = standing(conn, ids.iter().map(|(id, _)| id)).await?;
    let removed = confirmed(conn, asked.webhook, ids.iter().map(|(_, event)| &event.id)).await?;
    for (id, event) in ids {
        let status = known.get(&id).copied();
        let status = status.or(removed.contains(&event.id).then_some(DeliveryStatus::Delivered));
        match status.filter(|_| is_missed(status)) {
            Some(DeliveryStatus::Dlq) => piece.dead.push(id),
            Some(_) => piece.failed.push(id),
            None if is_missed(status) => piece.new.push(event),
            None => {}
        }
    }
    // In the order of their keys, as all rows that writers of several nodes lock.
    piece.failed.sort_unstable();
    piece.dead.sort_unstable();
    Ok(Some(piece))
}

/// The endpoint, unless nothing is sent there any more.
async fn endpoint(conn: &mut Conn, id: WebhookId) -> Result<Option<Endpoint>, StoreError> {
    Ok(endpoint_load(conn, id).await?.filter(|endpoint| !endpoint.standing.is_over()))
}

/// The next events of the endpoint's owner, whatever their type: a piece ends after so many.
async fn told(conn: &mut Conn, endpoint: &Endpoint, asked: &CatchUp) -> Result<Vec<Told>, StoreError> {
    let at = asked.after.at.micros();
    let events = o::table
        .filter(o::account_id.eq(endpoint.account_id.to_string()))
        .filter(o::created_at.ge(at))
        .filter(o::created_at.gt(at).or(o::id.gt(&asked.after.id)))
        .filter(o::created_at.le(asked.until.micros()))
        .order((o::created_at, o::id))
        .limit(i64::try_from(PIECE_EVENTS).unwrap_or(i64::MAX));
    Ok(events.select(Told::as_select()).load(conn).await?)
}

fn event_id(told: &Told) -> Result<Uuid, StoreError> {
    Uuid::try_parse(&told.id).map_err(|_| broken("id", &told.id))
}

fn delivery_id(webhook: WebhookId, told: &Told) -> Result<String, StoreError> {
    Ok(DeliveryId::of(webhook, event_id(told)?).to_string())
}

/// Where these deliveries stand; those that are none are not in the answer.
async fn standing<'a>(
    conn: &mut Conn,
    ids: impl Iterator<Item = &'a String>,
) -> Result<HashMap<String, DeliveryStatus>, StoreError> {
    let ids: Vec<&String> = ids.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String)> = d::table.filter(d::id.eq_any(ids)).select((d::id, d::status)).load(conn).await?;
    let read = |(id, word): (String, String)| match DeliveryStatus::parse(&word) {
        Some(status) => Ok((id, status)),
        None => Err(broken("status", &id)),
    };
    rows.into_iter().map(read).collect()
}

/// Those of these events that the endpoint has confirmed, and whose deliveries the retention has removed.
async fn confirmed<'a>(
    conn: &mut Conn,
    webhook: WebhookId,
    events: impl Iterator<Item = &'a String>,
) -> Result<HashSet<String>, StoreError> {
    let events: Vec<&String> = events.collect();
    if events.is_empty() {
        return Ok(HashSet::new());
    }
    let removed = c::table.filter(c::event_id.eq_any(events)).filter(c::webhook_id.eq(webhook.to_string()));
    Ok(removed.select(c::event_id).load(conn).await?.into_iter().collect())
}

fn queued(told: &Told, asked: &CatchUp) -> Result<DeliveryRow, StoreError> {
    let queued = Queued {
        webhook: asked.webhook,
        event: event_id(told)?,
        event_type: &told.event_type,
        order_id: Some(&told.order_id),
        event_at: told.created_at,
    };
    Ok(DeliveryRow::queued(&queued, Turn::CatchUp, asked.now))
}

/// Queues these deliveries again, those that still stand there; answers how many did.
async fn queue_again(conn: &mut Conn, ids: Vec<String>, from: DeliveryStatus) -> Result<usize, StoreError> {
    if ids.is_empty() {
        return Ok(0);
    }
    let missed = d::table.filter(d::id.eq_any(ids)).filter(d::status.eq(from.as_str()));
    let again = (
        d::status.eq(DeliveryStatus::Pending.as_str()),
        d::turn.eq(Turn::CatchUp.as_str()),
        d::attempts.eq(0_i64),
        // By the events' own age, as what is queued for the first time.
        d::due_at.eq(d::event_at.nullable()),
        d::lease.eq(""),
        d::delivered_at.eq(None::<i64>),
    );
    Ok(diesel::update(missed).set(again).execute(conn).await?)
}
