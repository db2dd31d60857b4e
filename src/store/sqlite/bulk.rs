//! Many rows of one table at once, on SQLite: one cached single-row statement per row.
//!
//! Inside one transaction that is as fast as a multi-row statement, and needs no statement per length. All
//! rows go to the connection in one piece of work: through the async wrapper every single statement would
//! be spelled out anew, which costs as much as running it. `postgres/bulk.rs` has the same functions.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::Conn;
use super::statement::Orders;
use super::write::insert_counted;
use crate::store::listener_rows::Listener;
use crate::store::rows::JoinedRow;
use crate::store::schema::{order_events, order_payments, orders, webhook_deliveries, webhook_endpoints};
use crate::store::stored_row::StoredRow;
use crate::store::tables::{DeliveryRow, OrderRow, SearchRow};
use crate::store::webhook_rows::ACTIVE;

/// Inserts rows by the rule of their table. Returns the first columns of those that were written.
pub async fn insert<R: StoredRow>(conn: &mut Conn, rows: Vec<R>) -> QueryResult<HashSet<String>> {
    conn.spawn_blocking(move |conn| insert_counted(conn, &rows)).await
}

/// The versions of these orders. Nobody else writes while this transaction runs.
pub async fn orders_lock(conn: &mut Conn, ids: Vec<String>) -> QueryResult<HashMap<String, i64>> {
    conn.spawn_blocking(move |conn| {
        let mut versions = HashMap::new();
        for id in ids {
            // Not `first`: diesel has a statement with a limit parsed anew each time.
            let version = orders::table.find(&id).select(orders::version).load::<i64>(conn)?.pop();
            if let Some(version) = version {
                versions.insert(id, version);
            }
        }
        Ok(versions)
    })
    .await
}

/// Reads these orders, each with each line of its log and each of its payments. One by one: a list of ids would have to
/// be parsed anew each time.
pub async fn orders_joined(conn: &mut Conn, ids: Vec<String>) -> QueryResult<Vec<JoinedRow>> {
    conn.spawn_blocking(move |conn| {
        let mut rows = Vec::new();
        for id in ids {
            let joined = orders::table.left_join(order_events::table).left_join(order_payments::table);
            rows.extend(joined.filter(orders::id.eq(id)).select(JoinedRow::as_select()).load(conn)?);
        }
        Ok(rows)
    })
    .await
}

/// Reads orders straight from the engine: the async wrapper would copy each value first.
pub async fn orders_read(conn: &mut Conn, statement: Orders) -> QueryResult<Vec<OrderRow>> {
    conn.spawn_blocking(move |conn| statement.load(conn)).await
}

/// Writes texts into the search index, over what was there of the same orders.
pub async fn search_put(conn: &mut Conn, rows: Vec<SearchRow>) -> QueryResult<()> {
    conn.spawn_blocking(move |conn| if rows.is_empty() { Ok(()) } else { SearchPut(&rows).execute(conn).map(drop) })
        .await
}

/// All texts in one statement: before each of several, SQLite has the index write out what it has gathered,
/// which makes a piece of index of every row, and the work of merging them all.
struct SearchPut<'a>(&'a [SearchRow]);

impl QueryId for SearchPut<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<SqliteConnection> for SearchPut<'_> {}

impl QueryFragment<Sqlite> for SearchPut<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // A text for every number of rows is not worth keeping.
        out.unsafe_to_cache_prepared();
        out.push_sql("insert into order_search (order_id, body) values ");
        for (index, row) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", (" });
            out.push_bind_param::<Text, _>(&row.order_id)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(&row.body)?;
            out.push_sql(")");
        }
        out.push_sql(" on conflict (order_id) do update set body = excluded.body");
        Ok(())
    }
}

/// These deliveries as they are. Nobody else writes while this transaction runs.
pub async fn deliveries_lock(conn: &mut Conn, ids: Vec<String>) -> QueryResult<Vec<DeliveryRow>> {
    use webhook_deliveries as d;
    conn.spawn_blocking(move |conn| {
        d::table.filter(d::id.eq_any(ids)).order(d::id).select(DeliveryRow::as_select()).load(conn)
    })
    .await
}

/// The endpoints of these accounts that are active.
pub async fn listeners_load(conn: &mut Conn, accounts: Vec<String>) -> QueryResult<Vec<Listener>> {
    use webhook_endpoints as e;
    conn.spawn_blocking(move |conn| {
        let mut listeners = Vec::new();
        for account in accounts {
            let kept = e::table.filter(e::deleted_at.is_null());
            let active = kept.filter(e::account_id.eq(account)).filter(e::status.eq(ACTIVE));
            listeners.append(&mut active.select(Listener::as_select()).load(conn)?);
        }
        Ok(listeners)
    })
    .await
}
