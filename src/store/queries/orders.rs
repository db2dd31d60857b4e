//! Reads of orders: one, a page, and what is due. Compiled once for each engine.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{Conn, Db, SNAPSHOT, search};
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::filter::{Due, OrderFilter, OrderPage, Page, Position, SearchReach};
use crate::store::rows::{EventRow, OrderRow, PaymentRow, broken};
use crate::store::schema::{order_events, order_payments, orders};

type Boxed<'a> = orders::BoxedQuery<'a, Db>;

/// These orders, as far as there are any, each with its log and payments.
pub async fn orders_load(conn: &mut Conn, ids: &[String]) -> Result<Vec<Order>, StoreError> {
    conn.batch_execute(SNAPSHOT).await?;
    let orders = load(conn, ids).await;
    conn.batch_execute("COMMIT").await?;
    orders
}

async fn load(conn: &mut Conn, ids: &[String]) -> Result<Vec<Order>, StoreError> {
    let rows = orders::table.filter(orders::id.eq_any(ids)).select(OrderRow::as_select()).load(conn).await?;
    with_details(conn, rows).await
}

/// The rows as orders, in the same order, each with its log and payments.
async fn with_details(conn: &mut Conn, rows: Vec<OrderRow>) -> Result<Vec<Order>, StoreError> {
    if rows.is_empty() {
        // What is asked for no order at all, the engines look for in everything.
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let all_events: Vec<EventRow> = order_events::table
        .filter(order_events::order_id.eq_any(&ids))
        .order((order_events::order_id, order_events::seq))
        .select(EventRow::as_select())
        .load(conn)
        .await?;
    let all_payments: Vec<PaymentRow> = order_payments::table
        .filter(order_payments::order_id.eq_any(&ids))
        .order((order_payments::order_id, order_payments::first_seen_at))
        .select(PaymentRow::as_select())
        .load(conn)
        .await?;
    let mut events: HashMap<String, Vec<EventRow>> = HashMap::new();
    for event in all_events {
        events.entry(event.order_id.clone()).or_default().push(event);
    }
    let mut payments: HashMap<String, Vec<PaymentRow>> = HashMap::new();
    for payment in all_payments {
        payments.entry(payment.order_id.clone()).or_default().push(payment);
    }
    rows.into_iter()
        .map(|row| {
            let its_events = events.remove(&row.id).unwrap_or_default();
            let its_payments = payments.remove(&row.id).unwrap_or_default();
            row.into_order(its_events, its_payments)
        })
        .collect()
}

/// A page of orders as they were at one moment.
pub async fn orders_page(conn: &mut Conn, filter: &OrderFilter, page: Page) -> Result<OrderPage, StoreError> {
    conn.batch_execute(SNAPSHOT).await?;
    let orders = read_page(conn, filter, page).await;
    conn.batch_execute("COMMIT").await?;
    orders
}

async fn read_page(conn: &mut Conn, filter: &OrderFilter, page: Page) -> Result<OrderPage, StoreError> {
    let mut query = narrowed(orders::table.into_boxed(), filter);
    if let Some(payment) = &filter.payment_id {
        let Some(owner) = payment_owner(conn, payment).await? else { return Ok(OrderPage::default()) };
        query = query.filter(orders::id.eq(owner.to_string()));
    }
    let mut reach = SearchReach::Whole;
    if let Some(text) = &filter.search {
        (query, reach) = search::narrow(conn, query, text).await?;
    }
    if let Some(Position { created_at, id }) = page.after {
        let (at, id) = (created_at.micros(), id.to_string());
        // Written so that both engines walk the index: a row value comparison is not in diesel's dialect.
        query = query.filter(orders::created_at.le(at)).filter(orders::created_at.lt(at).or(orders::id.lt(id)));
    }
    let one_more = i64::try_from(page.limit.saturating_add(1)).unwrap_or(i64::MAX);
    let mut rows: Vec<OrderRow> = query
        .order((orders::created_at.desc(), orders::id.desc()))
        .limit(one_more)
        .select(OrderRow::as_select())
        .load(conn)
        .await?;
    let more = rows.len() > page.limit;
    rows.truncate(page.limit);
    let orders = with_details(conn, rows).await?;
    let last = orders.last().filter(|_| more);
    let next = last.map(|order| Position { created_at: order.created_at, id: order.id });
    Ok(OrderPage { orders, next, search: reach })
}

fn narrowed<'a>(mut query: Boxed<'a>, filter: &OrderFilter) -> Boxed<'a> {
    if let Some(account) = filter.account {
        query = query.filter(orders::account_id.eq(account.to_string()));
    }
    if let Some(status) = filter.status {
        query = query.filter(orders::status.eq(status.as_str()));
    }
    if let Some(from) = filter.created_after {
        query = query.filter(orders::created_at.ge(from.micros()));
    }
    if let Some(until) = filter.created_before {
        query = query.filter(orders::created_at.lt(until.micros()));
    }
    if let Some(from) = filter.paid_after {
        query = query.filter(orders::paid_at.ge(from.micros()));
    }
    if let Some(until) = filter.paid_before {
        query = query.filter(orders::paid_at.lt(until.micros()));
    }
    query
}

pub async fn payment_owner(conn: &mut Conn, payment: &PaymentId) -> Result<Option<OrderId>, StoreError> {
    let owner: Option<String> =
        order_payments::table.find(payment.as_str()).select(order_payments::order_id).first(conn).await.optional()?;
    owner.map(|id| OrderId::parse(&id).ok_or_else(|| broken("order_id", &id))).transpose()
}

/// Orders with which the clock has something to do, longest due first.
pub async fn orders_due(conn: &mut Conn, which: Due, now: Timestamp, limit: i64) -> Result<Vec<OrderId>, StoreError> {
    let mut query = orders::table.into_boxed::<Db>();
    if which == Due::Stalled {
        query = query.filter(orders::status.eq_any(["confirming", "partial"]));
    }
    let ids = query
        .filter(orders::due_at.le(now.micros()))
        .order((orders::due_at, orders::id))
        .limit(limit)
        .select(orders::id)
        .load(conn)
        .await?;
    parsed(ids)
}

/// Pending orders created up to then, oldest first.
pub async fn pending_created_until(conn: &mut Conn, until: Timestamp, limit: i64) -> Result<Vec<OrderId>, StoreError> {
    let ids = orders::table
        .filter(orders::status.eq("pending"))
        .filter(orders::created_at.le(until.micros()))
        .order((orders::created_at, orders::id))
        .limit(limit)
        .select(orders::id)
        .load(conn)
        .await?;
    parsed(ids)
}

fn parsed(ids: Vec<String>) -> Result<Vec<OrderId>, StoreError> {
    ids.iter().map(|id| OrderId::parse(id).ok_or_else(|| broken("id", id))).collect()
}
