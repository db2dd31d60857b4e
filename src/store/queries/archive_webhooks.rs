//! Endpoints, pings and deliveries read back for an archive. Compiled once for each engine.
//!
//! Orders and whatever else stands in an archive are read in `archive_pages.rs`.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{Conn, SNAPSHOT};
use crate::store::StoreError;
use crate::store::schema::{
    confirmed_events as c, outbox_events as o, webhook_deliveries as d, webhook_endpoints as e,
};
use crate::store::tables::{DeliveryRow, OutboxRow};
use crate::store::webhook_rows::{ConfirmedRow, EndpointRow};

/// A ping and where it is on its way to.
pub type Ping = (OutboxRow, Vec<DeliveryRow>);

/// A page of endpoints, after this id.
pub async fn endpoints(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<EndpointRow>, StoreError> {
    let rows = e::table.filter(e::id.gt(after)).order(e::id).limit(limit);
    Ok(rows.select(EndpointRow::as_select()).load(conn).await?)
}

/// A page of pings with their deliveries, after this id; all of it of one moment.
pub async fn pings(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Ping>, StoreError> {
    conn.batch_execute(SNAPSHOT).await?;
    let page = pings_page(conn, after, limit).await;
    conn.batch_execute("COMMIT").await?;
    page
}

async fn pings_page(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Ping>, StoreError> {
    let rows = o::table.filter(o::order_id.eq("")).filter(o::id.gt(after)).order(o::id).limit(limit);
    let events: Vec<OutboxRow> = rows.select(OutboxRow::as_select()).load(conn).await?;
    let mut deliveries: HashMap<String, Vec<DeliveryRow>> = HashMap::new();
    for row in deliveries_of(conn, &events.iter().collect::<Vec<_>>()).await? {
        deliveries.entry(row.event_id.clone()).or_default().push(row);
    }
    let pings = events.into_iter().map(|event| {
        let mut rows = deliveries.remove(&event.id).unwrap_or_default();
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        (event, rows)
    });
    Ok(pings.collect())
}

/// Which endpoints have confirmed these events and have no delivery of them any more, each with the event's order.
pub async fn confirmed_of(conn: &mut Conn, events: &[&OutboxRow]) -> Result<Vec<(String, ConfirmedRow)>, StoreError> {
    let orders: HashMap<&str, &str> = events.iter().map(|event| (event.id.as_str(), event.order_id.as_str())).collect();
    let ids: Vec<&str> = orders.keys().copied().collect();
    let rows: Vec<ConfirmedRow> =
        c::table.filter(c::event_id.eq_any(ids)).select(ConfirmedRow::as_select()).load(conn).await?;
    let with_order = |row: ConfirmedRow| Some(((*orders.get(row.event_id.as_str())?).to_owned(), row));
    Ok(rows.into_iter().filter_map(with_order).collect())
}

/// The deliveries of these events. The index that leads to them begins with the endpoint, so they are asked for
/// account by account; accounts without an endpoint cost nothing.
pub async fn deliveries_of(conn: &mut Conn, events: &[&OutboxRow]) -> Result<Vec<DeliveryRow>, StoreError> {
    let mut told: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for event in events {
        told.entry(&event.account_id).or_default().push(&event.id);
    }
    let owners: Vec<&str> = told.keys().copied().collect();
    let listening = e::table.filter(e::account_id.eq_any(owners)).select((e::account_id, e::id));
    let mut endpoints: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (account_id, id) in listening.load::<(String, String)>(conn).await? {
        endpoints.entry(account_id).or_default().push(id);
    }
    let mut rows = Vec::new();
    for (account_id, ids) in endpoints {
        let events = told.remove(account_id.as_str()).unwrap_or_default();
        let found = d::table.filter(d::webhook_id.eq_any(ids)).filter(d::event_id.eq_any(events));
        rows.append(&mut found.select(DeliveryRow::as_select()).load(conn).await?);
    }
    Ok(rows)
}
