//! Many rows of one table at once, on PostgreSQL: one statement over arrays, whatever the number of rows.
//!
//! `insert … select from unnest($1, $2, …)` has one text for any length, so it is prepared once per
//! connection. `sqlite/bulk.rs` has the same functions.

use std::collections::HashMap;
use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::columns::push_columns;
use super::statement::Orders;
use crate::store::listener_rows::Listener;
use crate::store::rows::JoinedRow;
use crate::store::schema::{order_events, order_payments, orders, webhook_deliveries, webhook_endpoints};
use crate::store::stored_row::ColumnValues;
use crate::store::tables::{DeliveryRow, OrderRow, SearchRow};
use crate::store::webhook_rows::ACTIVE;

/// `head unnest(columns) tail`, answering one text column; `Id` names the statement in the cache.
pub(super) struct Unnest<'a, Id> {
    pub(super) head: &'static str,
    pub(super) columns: Vec<ColumnValues<'a>>,
    pub(super) tail: &'static str,
    pub(super) id: PhantomData<Id>,
}

impl<Id: 'static> QueryId for Unnest<'_, Id> {
    type QueryId = Id;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<Id> Query for Unnest<'_, Id> {
    type SqlType = Text;
}

impl<Id> QueryFragment<Pg> for Unnest<'_, Id> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.head);
        push_columns(&self.columns, &mut out)?;
        out.push_sql(self.tail);
        Ok(())
    }
}

/// Runs one statement over all rows; its name is its id in the cache. Nothing runs without rows.
macro_rules! unnest {
    ($conn:ident, $rows:ident, $name:ident, $head:expr, [$($columns:tt)*], $tail:expr) => {{
        struct $name;
        if $rows.is_empty() {
            return Ok(Default::default());
        }
        let statement: Unnest<'_, $name> = Unnest {
            head: $head,
            columns: columns!($rows, [$($columns)*]),
            tail: $tail,
            id: PhantomData,
        };
        statement.load::<String>(&mut &*$conn).await?
    }};
}

pub use super::write::insert;
pub(super) use unnest;

/// Locks these orders in key order until the transaction ends, and answers their versions.
pub async fn orders_lock(conn: &Conn, ids: Vec<String>) -> QueryResult<HashMap<String, i64>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let versions: Vec<(String, i64)> = orders::table
        .filter(orders::id.eq_any(ids))
        .order(orders::id)
        .select((orders::id, orders::version))
        .for_update()
        .load(&mut &*conn)
        .await?;
    Ok(versions.into_iter().collect())
}

/// Locks these deliveries in key order until the transaction ends, and answers them as they then are.
pub async fn deliveries_lock(conn: &Conn, ids: Vec<String>) -> QueryResult<Vec<DeliveryRow>> {
    use webhook_deliveries as d;
    let rows = d::table.filter(d::id.eq_any(ids)).order(d::id).select(DeliveryRow::as_select());
    rows.for_update().load(&mut &*conn).await
}

/// Reads these orders, each with each line of its log and each of its payments.
pub async fn orders_joined(conn: &mut Conn, ids: Vec<String>) -> QueryResult<Vec<JoinedRow>> {
    let joined = orders::table.left_join(order_events::table).left_join(order_payments::table);
    joined.filter(orders::id.eq_any(ids)).select(JoinedRow::as_select()).load(conn).await
}

/// Reads orders.
pub async fn orders_read(conn: &Conn, statement: Orders) -> QueryResult<Vec<OrderRow>> {
    statement.load(&mut &*conn).await
}

/// Writes texts into the search index, over what was there of the same orders.
pub async fn search_put(conn: &Conn, rows: Vec<SearchRow>) -> QueryResult<()> {
    insert(conn, rows).await.map(drop)
}

/// The endpoints of these accounts that are active.
pub async fn listeners_load(conn: &Conn, accounts: Vec<String>) -> QueryResult<Vec<Listener>> {
    use webhook_endpoints as e;
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let kept = e::table.filter(e::deleted_at.is_null());
    let active = kept.filter(e::account_id.eq_any(accounts)).filter(e::status.eq(ACTIVE));
    active.select(Listener::as_select()).load(&mut &*conn).await
}
