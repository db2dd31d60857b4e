//! Reads of orders: some by their ids, and what is due. Compiled once for each engine. Pages are in `lists.rs`.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, Db, bulk};
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::order::{Order, StatusName};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::filter::{Due, DueOrder, DuePage, DuePlace};
use crate::store::rows::broken;
use crate::store::schema::{order_events, order_payments, orders};
use crate::store::tables::{EventRow, OrderRow, PaymentRow};

/// Returns these orders, as far as there are any, each as of one moment with its log and payments.
pub async fn orders_load(conn: &mut Conn, ids: Vec<String>) -> Result<Vec<Order>, StoreError> {
    let mut found: BTreeMap<String, OrderParts> = BTreeMap::new();
    for (order, event, payment) in bulk::orders_joined(conn, ids).await? {
        let parts = found.entry(order.id.clone()).or_insert_with(|| OrderParts::of(order));
        // Each line of the log comes once for each payment.
        parts.events.extend(event.map(|event| (event.seq, event)));
        parts.payments.extend(payment.map(|payment| ((payment.first_seen_at, payment.payment_id.clone()), payment)));
    }
    found.into_values().map(OrderParts::into_order).collect()
}

/// An order's rows: each line of its log and each payment once, oldest first.
struct OrderParts {
    order: OrderRow,
    events: BTreeMap<i64, EventRow>,
    payments: BTreeMap<(i64, String), PaymentRow>,
}

impl OrderParts {
    fn of(order: OrderRow) -> Self {
        Self { order, events: BTreeMap::new(), payments: BTreeMap::new() }
    }

    fn into_order(self) -> Result<Order, StoreError> {
        self.order.into_order(self.events.into_values().collect(), self.payments.into_values().collect())
    }
}

/// When an order last changed.
pub async fn order_updated_at(conn: &mut Conn, id: OrderId) -> Result<Option<Timestamp>, StoreError> {
    // No `first`: with a limit, SQLite would have to parse it each time.
    let at = orders::table.find(id.to_string()).select(orders::updated_at).get_result(conn).await.optional()?;
    Ok(at.map(Timestamp::from_micros))
}

/// The rows as orders, in the same order, each with its log and payments.
pub async fn with_details(conn: &mut Conn, rows: Vec<OrderRow>) -> Result<Vec<Order>, StoreError> {
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

/// The order of a payment, bound or in the ledger.
pub async fn payment_owner(conn: &mut Conn, payment: &PaymentId) -> Result<Option<OrderId>, StoreError> {
    let owner: Option<String> =
        order_payments::table.find(payment.as_str()).select(order_payments::order_id).first(conn).await.optional()?;
    owner.map(|id| OrderId::parse(&id).ok_or_else(|| broken("order_id", &id))).transpose()
}

/// Orders with which the clock has something to do, longest due first.
pub async fn orders_due(conn: &mut Conn, which: Due, page: DuePage) -> Result<Vec<DueOrder>, StoreError> {
    let mut query = orders::table.into_boxed::<Db>();
    if which == Due::Stalled {
        query = query.filter(orders::status.eq_any(["confirming", "partial"]));
    }
    if let Some(place) = page.after {
        let at = place.due_at.micros();
        query =
            query.filter(orders::due_at.ge(at)).filter(orders::due_at.gt(at).or(orders::id.gt(place.id.to_string())));
    }
    let rows: Vec<DueRow> = query
        .filter(orders::due_at.le(page.until.micros()))
        .order((orders::due_at, orders::id))
        .limit(i64::try_from(page.limit).unwrap_or(i64::MAX))
        .select(DueRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(DueRow::into_due).collect()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = orders)]
struct DueRow {
    id: String,
    due_at: Option<i64>,
    status: String,
    payment_id: Option<String>,
}

impl DueRow {
    fn into_due(self) -> Result<DueOrder, StoreError> {
        let broken = |column| broken(column, &self.id);
        let id = OrderId::parse(&self.id).ok_or_else(|| broken("id"))?;
        let due_at = Timestamp::from_micros(self.due_at.ok_or_else(|| broken("due_at"))?);
        let payment = |text: &String| PaymentId::parse(text).ok_or_else(|| broken("payment_id"));
        Ok(DueOrder {
            place: DuePlace { due_at, id },
            status: StatusName::parse(&self.status).ok_or_else(|| broken("status"))?,
            payment_id: self.payment_id.as_ref().map(payment).transpose()?,
        })
    }
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

/// Ids as they lie in a column.
pub fn parsed(ids: Vec<String>) -> Result<Vec<OrderId>, StoreError> {
    ids.iter().map(|id| OrderId::parse(id).ok_or_else(|| broken("id", id))).collect()
}
