//! Records in bulk: written into empty tables, read back page by page. Compiled once for each engine.
//!
//! Every page is one moment of its own, so no transaction outlives it. Orders are walked from the oldest to
//! the newest by the index of their creation; what stands beside them by its own key.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{Conn, bulk, write};
use crate::store::StoreError;
use crate::store::archive::rows::Rows;
use crate::store::schema::{
    accounts, api_keys, attention_items, audit_log, confirmed_events, idempotency_totals, order_totals, orders,
    outbox_events, received_ipns, service_secrets, webhook_deliveries, webhook_endpoints, witness_totals,
};
use crate::store::write_set::WriteSet;

/// Writes all rows, or none of them.
pub async fn rows_write(conn: &mut Conn, rows: Rows) -> Result<(), StoreError> {
    conn.batch_execute("SAVEPOINT batch").await?;
    let written = batch_write(conn, rows).await;
    conn.batch_execute(if written.is_ok() { "RELEASE batch" } else { "ROLLBACK TO batch; RELEASE batch" }).await?;
    written
}

async fn batch_write(conn: &mut Conn, rows: Rows) -> Result<(), StoreError> {
    for row in &rows.secrets {
        diesel::insert_into(service_secrets::table).values(row).execute(conn).await?;
    }
    for row in &rows.accounts {
        diesel::insert_into(accounts::table).values(row).execute(conn).await?;
    }
    for row in &rows.api_keys {
        diesel::insert_into(api_keys::table).values(row).execute(conn).await?;
    }
    for row in &rows.endpoints {
        diesel::insert_into(webhook_endpoints::table).values(row).execute(conn).await?;
    }
    // Of one payment twice PostgreSQL would make a failure of its own.
    let payments = rows.payments.len();
    let ids: HashSet<&str> = rows.payments.iter().map(|row| row.payment_id.as_str()).collect();
    all_new(ids.len(), payments, "a payment")?;
    // Of deliveries it leaves out those that are there already; but here no two can be the same, because their events
    // cannot.
    let set = WriteSet {
        payments: rows.payments,
        placed: rows.orders,
        events: rows.events,
        outbox: rows.outbox,
        deliveries: rows.deliveries,
        totals: rows.totals,
        moves: rows.witness_totals,
        key_totals: rows.key_totals,
        ..WriteSet::default()
    };
    all_new(write::write(conn, set).await?.len(), payments, "a payment")?;
    let bodies = rows.ipns.len();
    all_new(bulk::insert(conn, rows.ipns).await?.len(), bodies, "the body of an IPN")?;
    let keys = rows.keys.len();
    all_new(bulk::insert(conn, rows.keys).await?.len(), keys, "an idempotency key")?;
    for row in &rows.confirmed {
        diesel::insert_into(confirmed_events::table).values(row).execute(conn).await?;
    }
    bulk::insert(conn, rows.attention).await?;
    for row in &rows.audit {
        diesel::insert_into(audit_log::table).values(row).execute(conn).await?;
    }
    bulk::search_put(conn, rows.search).await?;
    Ok(())
}

fn all_new(written: usize, given: usize, what: &str) -> Result<(), StoreError> {
    if written == given { Ok(()) } else { Err(StoreError::Broken(format!("{what} stands there already"))) }
}

/// What the tables hold, in words; none if they are empty.
pub async fn contents(conn: &mut Conn) -> Result<Option<String>, StoreError> {
    let counts: [(i64, &str); 12] = [
        (orders::table.count().get_result(conn).await?, "orders"),
        (accounts::table.count().get_result(conn).await?, "accounts"),
        (api_keys::table.count().get_result(conn).await?, "API keys"),
        (received_ipns::table.count().get_result(conn).await?, "IPNs"),
        (attention_items::table.count().get_result(conn).await?, "attention items"),
        (audit_log::table.count().get_result(conn).await?, "audited writes"),
        (idempotency_totals::table.count().get_result(conn).await?, "counters"),
        (order_totals::table.count().get_result(conn).await?, "totals"),
        (witness_totals::table.count().get_result(conn).await?, "counters of moves"),
        (outbox_events::table.count().get_result(conn).await?, "webhook events"),
        (webhook_endpoints::table.count().get_result(conn).await?, "webhook endpoints"),
        (webhook_deliveries::table.count().get_result(conn).await?, "webhook deliveries"),
    ];
    let held: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    Ok((!held.is_empty()).then(|| held.join(", ")))
}

/// Forgets what a server has made for itself on an empty database: nothing was signed with it yet, and what is
/// imported brings its own.
pub async fn secrets_forget(conn: &mut Conn) -> Result<(), StoreError> {
    diesel::delete(service_secrets::table).execute(conn).await?;
    Ok(())
}
