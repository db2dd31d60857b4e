//! Orders that have no address some time after they were placed: raised once each, and resolved when one comes.
//!
//! An order's row of `provider_work` says when that is raised; the commit that brings the address clears it.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::{Conn, write};
use crate::domain::attention::{Attention, AttentionKind};
use crate::domain::ids::OrderId;
use crate::domain::order::StatusName;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::changeset::Changeset;
use crate::store::effect_rows::raised_of;
use crate::store::schema::{attention_items as a, orders, provider_work as w};
use crate::store::write_set::WriteSet;

/// The items of this kind about an order, as a query.
macro_rules! items {
    ($order_id:expr) => {
        a::table.filter(a::order_id.eq($order_id)).filter(a::kind.eq(AttentionKind::OrderWithoutAddress.as_str()))
    };
}

/// Returns true if something is to be raised now. Most looks find nothing, and need not write.
pub async fn unaddressed_waits(conn: &mut Conn, now: Timestamp) -> Result<bool, StoreError> {
    let due = w::table.filter(w::raise_at.le(now.micros())).select(w::order_id);
    Ok(due.first::<String>(conn).await.optional()?.is_some())
}

/// Raises what is due, each order once in its life and only while it is pending; answers how many rows it went through.
pub async fn unaddressed_raise(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<usize, StoreError> {
    conn.transaction(async |conn| {
        let due = w::table.filter(w::raise_at.le(now.micros())).order((w::raise_at, w::order_id)).limit(limit);
        let mut due: Vec<(String, Option<String>)> = due.select((w::order_id, w::last_error)).load(conn).await?;
        // In the order of their keys, as all rows that writers of several nodes lock.
        due.sort_unstable();
        let rows = due.len();
        let mut raised = Vec::new();
        for (id, reason) in due {
            // Of two nodes that read the same row the second finds it cleared.
            let row = w::table.find(&id).filter(w::raise_at.is_not_null());
            let is_ours = diesel::update(row).set(w::raise_at.eq(None::<i64>)).execute(conn).await? == 1;
            let order = OrderId::parse(&id);
            if let Some(order) = order.filter(|_| is_ours)
                && is_to_be_raised(conn, &id).await?
            {
                let item = Attention { kind: AttentionKind::OrderWithoutAddress, order: Some(order), payment: None };
                raised.push(Changeset { attention: vec![item], reason, ..Changeset::new(now) });
            }
        }
        write::write(conn, WriteSet { raised: raised_of(raised.iter()), ..WriteSet::default() }).await?;
        Ok(rows)
    })
    .await
}

async fn is_to_be_raised(conn: &mut Conn, id: &str) -> Result<bool, StoreError> {
    let pending = orders::table.find(id).filter(orders::status.eq(StatusName::Pending.as_str()));
    let is_pending = pending.select(orders::id).first::<String>(conn).await.optional()?.is_some();
    Ok(is_pending && items!(id).select(a::id).first::<String>(conn).await.optional()?.is_none())
}

/// Resolves what was raised about an order that has its address now: part of the commit that brings it.
pub async fn unaddressed_resolve(conn: &mut Conn, id: OrderId, at: Timestamp) -> Result<(), StoreError> {
    let note = "The provider made the payment; the order has its address.";
    diesel::update(items!(id.to_string()).filter(a::resolved_at.is_null()))
        .set((a::resolved_at.eq(at.micros()), a::resolution_note.eq(note)))
        .execute(conn)
        .await?;
    Ok(())
}
