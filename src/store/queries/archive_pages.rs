//! Records read back, page by page. Compiled once for each engine.
//!
//! Every page is one moment of its own, so no transaction outlives it. Orders are walked from the oldest to
//! the newest by the index of their creation; what stands beside them by its own key.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{Conn, Db, SNAPSHOT, archive_webhooks, secrets};
use crate::domain::ids::OrderId;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::access_rows::{AccountRow, AuditRow, KeyRow};
use crate::store::archive::records::{Kind, OrderParts, Record};
use crate::store::archive::rows::CountersRow;
use crate::store::archive::{Beside, BesidePage, OrdersPage, Window};
use crate::store::filter::Position;
use crate::store::rows::broken;
use crate::store::schema::{
    accounts, api_keys, attention_items, audit_log, idempotency_keys, idempotency_totals, order_events, order_payments,
    orders, outbox_events, received_ipns,
};
use crate::store::tables::{AttentionRow, EventRow, IpnRow, KeyClaimRow, OrderRow, OutboxRow, PaymentRow};

type Boxed<'a> = orders::BoxedQuery<'a, Db>;

fn within<'a>(window: &Window) -> Boxed<'a> {
    let mut query = orders::table.into_boxed();
    if let Some(from) = window.created_after {
        query = query.filter(orders::created_at.ge(from.micros()));
    }
    if let Some(until) = window.created_before {
        query = query.filter(orders::created_at.lt(until.micros()));
    }
    query
}

/// The place of the newest order: a walk ends there, however many are placed meanwhile.
pub async fn orders_end(conn: &mut Conn, window: &Window) -> Result<Option<Position>, StoreError> {
    let newest: Option<(i64, String)> = within(window)
        .order((orders::created_at.desc(), orders::id.desc()))
        .select((orders::created_at, orders::id))
        .first(conn)
        .await
        .optional()?;
    newest.map(|(at, id)| place(at, &id)).transpose()
}

fn place(created_at: i64, id: &str) -> Result<Position, StoreError> {
    let id = OrderId::parse(id).ok_or_else(|| broken("id", id))?;
    Ok(Position { created_at: Timestamp::from_micros(created_at), id })
}

/// How many orders there are.
pub async fn orders_count(conn: &mut Conn, window: &Window) -> Result<i64, StoreError> {
    Ok(within(window).count().get_result(conn).await?)
}

/// A page of orders with everything that belongs to them, oldest first, after one place and up to another.
pub async fn archive_orders(
    conn: &mut Conn,
    window: &Window,
    between: (Option<Position>, Position),
    limit: i64,
) -> Result<OrdersPage, StoreError> {
    conn.batch_execute(SNAPSHOT).await?;
    let page = orders_page(conn, window, between, limit).await;
    conn.batch_execute("COMMIT").await?;
    page
}

async fn orders_page(
    conn: &mut Conn,
    window: &Window,
    (after, until): (Option<Position>, Position),
    limit: i64,
) -> Result<OrdersPage, StoreError> {
    let mut query = within(window);
    if let Some(Position { created_at, id }) = after {
        let (at, id) = (created_at.micros(), id.to_string());
        // Written so that both engines walk the index: a row value comparison is not in diesel's dialect.
        query = query.filter(orders::created_at.ge(at)).filter(orders::created_at.gt(at).or(orders::id.gt(id)));
    }
    let (at, id) = (until.created_at.micros(), until.id.to_string());
    query = query.filter(orders::created_at.le(at)).filter(orders::created_at.lt(at).or(orders::id.le(id)));
    let rows: Vec<OrderRow> =
        query.order((orders::created_at, orders::id)).limit(limit).select(OrderRow::as_select()).load(conn).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let last = rows.last().map(|row| place(row.created_at, &row.id)).transpose()?;
    let mut parts: Vec<OrderParts> = rows.into_iter().map(OrderParts::of).collect();
    add_parts(conn, &mut parts).await?;
    let records = parts.into_iter().map(|mut parts| {
        parts.sort();
        Record(Kind::Order(Box::new(parts)))
    });
    Ok(OrdersPage { records: records.collect(), next: last.filter(|_| full) })
}

/// Everything that belongs to these orders, one statement a table.
async fn add_parts(conn: &mut Conn, parts: &mut [OrderParts]) -> Result<(), StoreError> {
    let ids: Vec<String> = parts.iter().map(|part| part.order.id.clone()).collect();
    let [mut oldest, mut newest] = [i64::MAX, i64::MIN];
    for part in parts.iter() {
        oldest = oldest.min(part.order.created_at);
        newest = newest.max(part.order.created_at);
    }
    let mut of: HashMap<&str, &mut OrderParts> = ids.iter().map(String::as_str).zip(parts).collect();
    let events = order_events::table.filter(order_events::order_id.eq_any(&ids)).select(EventRow::as_select());
    for row in events.load(conn).await? {
        of.get_mut(row.order_id.as_str()).into_iter().for_each(|of| of.events.push(row.clone()));
    }
    let payments = order_payments::table.filter(order_payments::order_id.eq_any(&ids)).select(PaymentRow::as_select());
    for row in payments.load(conn).await? {
        of.get_mut(row.order_id.as_str()).into_iter().for_each(|of| of.payments.push(row.clone()));
    }
    let ipns = received_ipns::table.filter(received_ipns::order_id.eq_any(&ids)).select(IpnRow::as_select());
    for row in ipns.load(conn).await? {
        let id = row.order_id.as_deref().unwrap_or_default();
        of.get_mut(id).into_iter().for_each(|of| of.ipns.push(row.clone()));
    }
    // No index leads from an order to its key, but a key is first seen when its order is created.
    let keys = idempotency_keys::table
        .filter(idempotency_keys::first_seen_at.between(oldest, newest))
        .select(KeyClaimRow::as_select());
    for row in keys.load(conn).await? {
        of.get_mut(row.order_id.as_str()).into_iter().for_each(|of| of.idempotency_keys.push(row.clone()));
    }
    let told = outbox_events::table.filter(outbox_events::order_id.eq_any(&ids)).select(OutboxRow::as_select());
    for row in told.load(conn).await? {
        of.get_mut(row.order_id.as_str()).into_iter().for_each(|of| of.webhook_events.push(row.clone()));
    }
    let told: Vec<&OutboxRow> = of.values().flat_map(|of| &of.webhook_events).collect();
    for row in archive_webhooks::deliveries_of(conn, &told).await? {
        let id = row.order_id.as_deref().unwrap_or_default();
        of.get_mut(id).into_iter().for_each(|of| of.webhook_deliveries.push(row.clone()));
    }
    let told: Vec<&OutboxRow> = of.values().flat_map(|of| &of.webhook_events).collect();
    for (order, row) in archive_webhooks::confirmed_of(conn, &told).await? {
        of.get_mut(order.as_str()).into_iter().for_each(|of| of.webhook_confirmed.push(row.clone()));
    }
    let raised =
        attention_items::table.filter(attention_items::order_id.eq_any(&ids)).select(AttentionRow::as_select());
    for row in raised.load(conn).await? {
        of.get_mut(row.order_id.as_str()).into_iter().for_each(|of| of.attention.push(row.clone()));
    }
    Ok(())
}

/// A page of what stands beside the orders, after this key; empty text before the first.
pub async fn archive_beside(conn: &mut Conn, which: Beside, after: &str, limit: i64) -> Result<BesidePage, StoreError> {
    match which {
        Beside::Secrets => {
            let rows = secrets::secrets_page(conn, after, limit).await?;
            Ok(page(rows, limit, |row| row.name.clone(), Kind::ServiceSecret))
        }
        Beside::Accounts => {
            let rows = accounts::table.filter(accounts::id.gt(after)).order(accounts::id).limit(limit);
            let rows = rows.select(AccountRow::as_select()).load(conn).await?;
            Ok(page(rows, limit, |row| row.id.clone(), Kind::Account))
        }
        Beside::ApiKeys => {
            let rows = api_keys::table.filter(api_keys::id.gt(after)).order(api_keys::id).limit(limit);
            let rows = rows.select(KeyRow::as_select()).load(conn).await?;
            Ok(page(rows, limit, |row| row.id.clone(), Kind::ApiKey))
        }
        Beside::WebhookEndpoints => {
            let rows = archive_webhooks::endpoints(conn, after, limit).await?;
            Ok(page(rows, limit, |row| row.id.clone(), Kind::WebhookEndpoint))
        }
        Beside::WebhookPings => {
            let rows = archive_webhooks::pings(conn, after, limit).await?;
            Ok(page(
                rows,
                limit,
                |(event, _)| event.id.clone(),
                |(event, deliveries)| Kind::WebhookPing { event, deliveries },
            ))
        }
        Beside::UnmatchedIpns => {
            let rows = received_ipns::table.filter(received_ipns::order_id.is_null());
            let rows = rows.filter(received_ipns::body_sha256.gt(after)).order(received_ipns::body_sha256).limit(limit);
            let rows = rows.select(IpnRow::as_select()).load(conn).await?;
            Ok(page(rows, limit, |row| row.body_sha256.clone(), Kind::UnmatchedIpn))
        }
        Beside::Attention => {
            let rows = attention_items::table.filter(attention_items::order_id.eq(""));
            let rows = rows.filter(attention_items::id.gt(after)).order(attention_items::id).limit(limit);
            let rows = rows.select(AttentionRow::as_select()).load(conn).await?;
            Ok(page(rows, limit, |row| row.id.clone(), |item| Kind::Attention { item }))
        }
        Beside::AuditLog => audit_log_page(conn, after, limit).await,
        Beside::Counters => counters(conn).await,
    }
}

/// A page of the audit log, without the traces of exports.
async fn audit_log_page(conn: &mut Conn, after: &str, limit: i64) -> Result<BesidePage, StoreError> {
    let rows = audit_log::table.filter(audit_log::id.gt(after)).order(audit_log::id).limit(limit);
    let rows = rows.select(AuditRow::as_select()).load(conn).await?;
    let mut page = page(rows, limit, |row| row.id.clone(), Kind::AuditEntry);
    page.records.retain(|record| !record.tells_of_export());
    Ok(page)
}

fn page<Row>(rows: Vec<Row>, limit: i64, key: fn(&Row) -> String, kind: fn(Row) -> Kind) -> BesidePage {
    let full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let next = rows.last().map(key).filter(|_| full);
    BesidePage { records: rows.into_iter().map(|row| Record(kind(row))).collect(), next }
}

/// Every account's counters: a row for each account and writer, summed up.
async fn counters(conn: &mut Conn) -> Result<BesidePage, StoreError> {
    use idempotency_totals as t;
    let rows: Vec<(String, i64, i64, i64)> = t::table
        .filter(t::account_id.ne(""))
        .select((t::account_id, t::first_writes, t::replays, t::body_mismatches))
        .load(conn)
        .await?;
    let mut accounts: BTreeMap<String, CountersRow> = BTreeMap::new();
    for (account_id, first_writes, replays, body_mismatches) in rows {
        let none = CountersRow { account_id: account_id.clone(), first_writes: 0, replays: 0, body_mismatches: 0 };
        let row = accounts.entry(account_id).or_insert(none);
        row.first_writes = row.first_writes.saturating_add(first_writes);
        row.replays = row.replays.saturating_add(replays);
        row.body_mismatches = row.body_mismatches.saturating_add(body_mismatches);
    }
    let records = accounts.into_values().map(|row| Record(Kind::IdempotencyCounters(row)));
    Ok(BesidePage { records: records.collect(), next: None })
}
