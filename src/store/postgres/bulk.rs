//! Many rows of one table at once, on PostgreSQL: one statement over arrays, whatever the number of rows.
//!
//! `insert … select from unnest($1, $2, …)` has one text for any length, so it is prepared once per
//! connection. `sqlite/bulk.rs` has the same functions.

use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::Conn;
use super::statement::Orders;
use super::write::{insert_head, insert_tail};
use crate::store::listener_rows::Listener;
use crate::store::rows::JoinedRow;
use crate::store::schema::{order_events, order_payments, orders, webhook_deliveries, webhook_endpoints};
use crate::store::stored_row::{StoredRow, Value};
use crate::store::tables::{DeliveryRow, OrderRow, SearchRow};
use crate::store::webhook_rows::ACTIVE;

/// One column of all rows.
pub(super) enum Column<'a> {
    Text(Vec<&'a str>),
    TextOrNull(Vec<Option<&'a str>>),
    BigInt(Vec<i64>),
    BigIntOrNull(Vec<Option<i64>>),
}

/// `head unnest(columns) tail`, answering one text column; `Id` names the statement in the cache.
pub(super) struct Unnest<'a, Id> {
    pub(super) head: &'static str,
    pub(super) columns: Vec<Column<'a>>,
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

/// Goes on with `unnest(columns) n`.
pub(super) fn push_columns<'b>(columns: &'b [Column<'_>], out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    out.push_sql("unnest(");
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push_sql(", ");
        }
        match column {
            Column::Text(values) => out.push_bind_param::<Array<Text>, _>(values)?,
            Column::TextOrNull(values) => out.push_bind_param::<Array<Nullable<Text>>, _>(values)?,
            Column::BigInt(values) => out.push_bind_param::<Array<BigInt>, _>(values)?,
            Column::BigIntOrNull(values) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(values)?,
        }
        // Said in the text too, so that it can be explained as it stands.
        out.push_sql(match column {
            Column::Text(_) | Column::TextOrNull(_) => "::text[]",
            Column::BigInt(_) | Column::BigIntOrNull(_) => "::bigint[]",
        });
    }
    out.push_sql(") n");
    Ok(())
}

/// The columns of all rows.
macro_rules! columns {
    ($rows:ident, [$($kind:ident $field:ident),* $(,)?]) => { vec![$(columns!(@column $kind $rows $field)),*] };
    (@column text $rows:ident $field:ident) => { Column::Text($rows.iter().map(|row| &*row.$field).collect()) };
    (@column text_or_null $rows:ident $field:ident) => {
        Column::TextOrNull($rows.iter().map(|row| row.$field.as_deref()).collect())
    };
    (@column bigint $rows:ident $field:ident) => { Column::BigInt($rows.iter().map(|row| row.$field).collect()) };
    (@column bigint_or_null $rows:ident $field:ident) => {
        Column::BigIntOrNull($rows.iter().map(|row| row.$field).collect())
    };
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

pub(super) use {columns, unnest};

/// Inserts rows by the rule of their table. Returns the first columns of those that were written.
pub async fn insert<R: StoredRow>(conn: &Conn, rows: Vec<R>) -> QueryResult<HashSet<String>> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let statement = InsertRows::<R> { columns: columns_of(&rows), rows: PhantomData };
    let written: Vec<String> = statement.load(&mut &*conn).await?;
    Ok(written.into_iter().collect())
}

/// Inserts rows by the rule of their table.
struct InsertRows<'a, R> {
    columns: Vec<Column<'a>>,
    rows: PhantomData<R>,
}

impl<R: StoredRow> QueryId for InsertRows<'_, R> {
    type QueryId = InsertRows<'static, R>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<R> Query for InsertRows<'_, R> {
    type SqlType = Text;
}

impl<R: StoredRow> QueryFragment<Pg> for InsertRows<'_, R> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        insert_head::<R>(&mut |piece| out.push_sql(piece));
        push_columns(&self.columns, &mut out)?;
        insert_tail::<R>(&mut |piece| out.push_sql(piece));
        Ok(())
    }
}

/// Returns the columns of these rows.
pub(super) fn columns_of<R: StoredRow>(rows: &[R]) -> Vec<Column<'_>> {
    let mut columns = Vec::with_capacity(R::COLUMNS.len());
    for row in rows {
        if columns.is_empty() {
            columns.extend(row.values().map(|value| Column::like(value, rows.len())));
        }
        columns.iter_mut().zip(row.values()).for_each(|(column, value): (&mut Column<'_>, _)| column.push(value));
    }
    columns
}

impl<'a> Column<'a> {
    /// Returns an empty column for values like this one.
    fn like(value: Value<'_>, rows: usize) -> Self {
        match value {
            Value::Text(_) => Self::Text(Vec::with_capacity(rows)),
            Value::TextOrNull(_) => Self::TextOrNull(Vec::with_capacity(rows)),
            Value::Number(_) => Self::BigInt(Vec::with_capacity(rows)),
            Value::NumberOrNull(_) => Self::BigIntOrNull(Vec::with_capacity(rows)),
        }
    }

    /// Appends a value of its own type, as all values of one column are.
    fn push(&mut self, value: Value<'a>) {
        match (self, value) {
            (Self::Text(values), Value::Text(value)) => values.push(value),
            (Self::TextOrNull(values), Value::TextOrNull(value)) => values.push(value),
            (Self::BigInt(values), Value::Number(value)) => values.push(value),
            (Self::BigIntOrNull(values), Value::NumberOrNull(value)) => values.push(value),
            _ => {}
        }
    }
}

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
