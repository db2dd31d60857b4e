//! Endpoints of merchants: whom a transition is told to, and what their owners ask for and change.
//!
//! What is on its way to them is in `courier.rs` and `deliveries.rs`.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::deliveries::{counts_add, endpoint_hold};
use super::{Conn, bulk, write};
use crate::domain::ids::{AccountId, DeliveryId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::WebhookEvent;
use crate::domain::webhook::delivery::{DeliveryStatus, Turn};
use crate::domain::webhook::endpoint::{DeliveryCounts, Edit, Endpoint, EventType, PINGS_MAX, PINGS_WITHIN, Standing};
use crate::domain::webhook::secret::EndpointSecret;
use crate::store::StoreError;
use crate::store::resend::Pinged;
use crate::store::schema::{accounts, webhook_deliveries as d, webhook_endpoints as e};
use crate::store::tables::{DeliveryRow, OutboxRow};
use crate::store::webhook_rows::{ACTIVE, DELETED, DISABLED, EndpointRow, PAUSED, Queued, events_text};
use crate::store::write_set::WriteSet;

/// The word for a delivery that nobody has attempted.
const PENDING: &str = DeliveryStatus::Pending.as_str();
/// The word for one that somebody attempts.
const IN_FLIGHT: &str = DeliveryStatus::InFlight.as_str();

/// Keeps a new endpoint, unless its account has `in_use_max` that are neither disabled nor deleted; answers whether
/// it did.
pub async fn endpoint_insert(conn: &mut Conn, endpoint: &Endpoint, in_use_max: i64) -> Result<bool, StoreError> {
    let account = endpoint.account_id.to_string();
    conn.transaction(async |conn| {
        // Changes nothing, but holds the account's row: two requests at once would both count one too few.
        let row = diesel::update(accounts::table.find(&account));
        row.set(accounts::name.eq(accounts::name)).execute(conn).await?;
        let kept = e::table.filter(e::account_id.eq(&account)).filter(e::deleted_at.is_null());
        let in_use: i64 = kept.filter(e::status.ne(DISABLED)).count().get_result(conn).await?;
        if in_use >= in_use_max {
            return Ok(false);
        }
        diesel::insert_into(e::table).values(&EndpointRow::of(endpoint)).execute(conn).await?;
        Ok(true)
    })
    .await
}

/// One endpoint, also one that was deleted.
pub async fn endpoint_load(conn: &mut Conn, id: WebhookId) -> Result<Option<Endpoint>, StoreError> {
    let row = e::table.find(id.to_string()).select(EndpointRow::as_select()).first(conn).await.optional()?;
    row.map(EndpointRow::into_endpoint).transpose()
}

/// An account's endpoints without those that were deleted, newest first.
pub async fn endpoints_of(conn: &mut Conn, account: AccountId) -> Result<Vec<Endpoint>, StoreError> {
    let kept = e::table.filter(e::account_id.eq(account.to_string())).filter(e::deleted_at.is_null());
    let newest_first = kept.order((e::created_at.desc(), e::id.desc()));
    let rows: Vec<EndpointRow> = newest_first.select(EndpointRow::as_select()).load(conn).await?;
    rows.into_iter().map(EndpointRow::into_endpoint).collect()
}

/// Changes an endpoint, unless it is over; answers whether it did.
pub async fn endpoint_edit(conn: &mut Conn, id: WebhookId, edits: &[Edit]) -> Result<bool, StoreError> {
    let id = id.to_string();
    conn.transaction(async |conn| {
        // Changes nothing, but holds the row: it is not over before all of this is done.
        let open = e::table.find(&id).filter(e::status.eq_any([ACTIVE, PAUSED]));
        if diesel::update(open).set(e::url.eq(e::url)).execute(conn).await? == 0 {
            return Ok(false);
        }
        for edit in edits {
            let row = diesel::update(e::table.find(&id));
            match edit {
                Edit::Url(url) => row.set(e::url.eq(url)).execute(conn).await?,
                Edit::Events(events) => row.set(e::events.eq(events_text(events))).execute(conn).await?,
                Edit::Description(text) => row.set(e::description.eq(text)).execute(conn).await?,
                Edit::Pause => row.set(e::status.eq(PAUSED)).execute(conn).await?,
                Edit::Resume => row.set(e::status.eq(ACTIVE)).execute(conn).await?,
            };
        }
        Ok(true)
    })
    .await
}

/// Gives an endpoint a new secret, and the old one its grace; false if it has another one by now, or is over.
pub async fn endpoint_rotate(
    conn: &mut Conn,
    endpoint: &Endpoint,
    secret: &EndpointSecret,
    grace_until: Timestamp,
) -> Result<bool, StoreError> {
    let old = endpoint.secret.expose();
    let row = e::table.find(endpoint.id.to_string());
    let as_it_was = row.filter(e::secret.eq(old)).filter(e::status.eq_any([ACTIVE, PAUSED]));
    let rotated = diesel::update(as_it_was).set((
        e::secret.eq(secret.expose()),
        e::prev_secret.eq(old),
        e::prev_secret_until.eq(grace_until.micros()),
    ));
    Ok(rotated.execute(conn).await? > 0)
}

/// Deletes an endpoint. A second time changes nothing.
pub async fn endpoint_delete(conn: &mut Conn, id: WebhookId, now: Timestamp) -> Result<(), StoreError> {
    diesel::update(e::table.find(id.to_string()).filter(e::deleted_at.is_null()))
        .set((e::status.eq(DELETED), e::deleted_at.eq(now.micros())))
        .execute(conn)
        .await?;
    Ok(())
}

/// Queues a ping for an endpoint, if it is active and may be pinged again.
pub async fn endpoint_ping(
    conn: &mut Conn,
    endpoint: &Endpoint,
    ping: &WebhookEvent,
    now: Timestamp,
) -> Result<Pinged, StoreError> {
    conn.transaction(async |conn| {
        // Changes nothing, but holds the row: what waits for it is not buried before this waits too, and of pings at
        // once each counts those before it.
        let active = e::table.find(endpoint.id.to_string()).filter(e::status.eq(ACTIVE));
        if diesel::update(active).set(e::url.eq(e::url)).execute(conn).await? == 0 {
            return Ok(Pinged::NotActive);
        }
        if let Some(again_at) = pinged_until(conn, endpoint.id, now).await? {
            return Ok(Pinged::TooMany(again_at));
        }
        let queued = Queued {
            webhook: endpoint.id,
            event: ping.id,
            event_type: ping.event_type.as_str(),
            order_id: None,
            event_at: now.micros(),
        };
        let set = WriteSet {
            outbox: vec![OutboxRow::of_no_order(ping, endpoint.account_id, now)],
            deliveries: vec![DeliveryRow::queued(&queued, Turn::Replay, now)],
            ..WriteSet::default()
        };
        write::write(conn, set).await?;
        Ok(Pinged::Queued(DeliveryId::of(endpoint.id, ping.id)))
    })
    .await
}

/// Until when an endpoint may not be pinged again, if it was pinged as often as it may be.
async fn pinged_until(conn: &mut Conn, webhook: WebhookId, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let lately = d::table
        .filter(d::webhook_id.eq(webhook.to_string()))
        .filter(d::created_at.gt(now.before(PINGS_WITHIN).micros()))
        .filter(d::event_type.eq(EventType::TestPing.as_str()));
    let newest = lately.order((d::created_at.desc(), d::id.desc())).limit(PINGS_MAX).select(d::created_at);
    let newest: Vec<i64> = newest.load(conn).await?;
    let oldest = newest.last().filter(|_| i64::try_from(newest.len()).is_ok_and(|pings| PINGS_MAX <= pings));
    Ok(oldest.map(|at| Timestamp::from_micros(*at).after(PINGS_WITHIN)))
}

/// Gives up to `limit` deliveries up that wait for an endpoint which is over; answers how many there were.
///
/// What is being attempted just now stays: whoever attempts it finds that the endpoint is over. That an endpoint is
/// over never changes back, so it needs no lock.
pub async fn deliveries_bury(
    conn: &mut Conn,
    webhook: WebhookId,
    limit: i64,
    now: Timestamp,
) -> Result<usize, StoreError> {
    conn.transaction(async |conn| {
        let standing = endpoint_load(conn, webhook).await?.map(|endpoint| endpoint.standing);
        let epitaph = match standing {
            Some(Standing::Disabled { .. }) => "The endpoint was disabled.",
            Some(Standing::Deleted { .. }) => "The endpoint was deleted.",
            Some(Standing::Active | Standing::Paused) | None => return Ok(0),
        };
        // Before its deliveries' rows, as whoever records attempts does.
        endpoint_hold(conn, &webhook.to_string()).await?;
        let waiting = deliveries_waiting(conn, webhook, limit, now).await?;
        let failed = waiting.iter().filter(|row| row.status != PENDING && row.attempts > 0).count();
        let ids: Vec<&str> = waiting.iter().map(|row| row.id.as_str()).collect();
        diesel::update(d::table.filter(d::id.eq_any(ids)))
            .set((
                d::status.eq(DeliveryStatus::Dlq.as_str()),
                d::due_at.eq(None::<i64>),
                d::lease.eq(""),
                d::last_error.eq(epitaph),
            ))
            .execute(conn)
            .await?;
        let [failed, dlq] = [failed, waiting.len()].map(|rows| i64::try_from(rows).unwrap_or(i64::MAX));
        let change = DeliveryCounts { delivered: 0, failed: failed.saturating_neg(), dlq };
        counts_add(conn, &webhook.to_string(), change).await?;
        Ok(waiting.len())
    })
    .await
}

/// Up to `limit` deliveries that wait for an endpoint and that nobody attempts now, locked.
async fn deliveries_waiting(
    conn: &mut Conn,
    webhook: WebhookId,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let queued = d::table.filter(d::webhook_id.eq(webhook.to_string())).filter(d::due_at.is_not_null());
    let idle = queued.filter(d::status.ne(IN_FLIGHT).or(d::due_at.le(now.micros())));
    let ids: Vec<String> = idle.select(d::id).limit(limit).load(conn).await?;
    let mut rows = bulk::deliveries_lock(conn, ids).await?;
    // Until they were locked, some may have been taken or ended elsewhere.
    rows.retain(|row| row.due_at.is_some_and(|due| row.status != IN_FLIGHT || due <= now.micros()));
    Ok(rows)
}
