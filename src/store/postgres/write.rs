//! A write set on PostgreSQL: one statement, however many tables and rows it has.
//!
//! Each table is a part of its own, `insert … select n.* from unnest($1, $2, …) n`, whose text is the same for any number
//! of rows; a round trip costs more than all parts together. No part sees the rows of another. Counted parts run first,
//! in the order of the text, and then the others, last one first: the same order for all writers. Within a part rows
//! are locked in the order in which they are given.

use std::collections::HashSet;
use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::columns::push_columns;
use crate::store::stored_row::{
    AppendSql, ColumnValues, RowSink, StoredRow, append, append_conflict, append_insert, append_list, update_columns,
};
use crate::store::tables::PaymentRow;
use crate::store::write_set::WriteSet;

/// Writes all rows of the set. Returns the ids of its payments that were written; the others belong to other orders.
pub async fn write(conn: &Conn, set: WriteSet) -> QueryResult<HashSet<String>> {
    let mut parts = WriteParts::default();
    set.put(&mut parts)?;
    if parts.is_empty() {
        return Ok(HashSet::new());
    }
    let returned: Vec<(String, String)> = ReturningParts(parts).load(&mut &*conn).await?;
    let (payments, updated): (Vec<_>, Vec<_>) = returned.into_iter().partition(|(table, _)| table == PaymentRow::TABLE);
    if updated.len() != set.changed.len() {
        return Err(diesel::result::Error::NotFound);
    }
    Ok(payments.into_iter().map(|(_, id)| id).collect())
}

/// Inserts rows by the rule of their table. Returns the first columns of those that were written.
pub async fn insert<R: StoredRow>(conn: &Conn, rows: Vec<R>) -> QueryResult<HashSet<String>> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let statement = InsertRows::<R> { columns: R::columns(&rows), rows: PhantomData };
    let written: Vec<String> = statement.load(&mut &*conn).await?;
    Ok(written.into_iter().collect())
}

/// Inserts rows by the rule of their table.
struct InsertRows<'a, R> {
    columns: Vec<ColumnValues<'a>>,
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

/// The text of a part around its columns.
struct PartText {
    /// Appends the text before the columns.
    head: fn(&mut AppendSql<'_>),
    /// Appends the text after them.
    tail: fn(&mut AppendSql<'_>),
    /// Whether the first columns of the rows that were written are returned.
    is_counted: bool,
}

/// The part that writes the rows of one table.
pub(super) struct TablePart<'a> {
    table: &'static str,
    /// How many rows it has.
    pub(super) rows: i64,
    columns: Vec<ColumnValues<'a>>,
    text: PartText,
}

/// The parts of one statement.
#[derive(Default)]
pub(super) struct WriteParts<'a>(Vec<TablePart<'a>>);

/// All parts, in a statement that returns the tables and the first columns of the rows of counted parts.
struct ReturningParts<'a>(WriteParts<'a>);

impl QueryId for ReturningParts<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for ReturningParts<'_> {
    type SqlType = (Text, Text);
}

impl QueryFragment<Pg> for ReturningParts<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("with ");
        self.0.push_all("", &mut out)?;
        out.push_sql(" select '', '' where false");
        for (name, part) in self.0.counted() {
            let pieces = [" union all select '", part.table, "', w.* from ", &name, " w"];
            append(&pieces, &mut |piece| out.push_sql(piece));
        }
        Ok(())
    }
}

impl<'a> WriteParts<'a> {
    /// Inserts rows, and fails if one exists.
    pub(super) fn claim<R: StoredRow>(&mut self, rows: &'a [R]) {
        self.push(rows, PartText { head: insert_head::<R>, tail: returning::<R>, is_counted: true });
    }

    /// Returns whether there is no row to write.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn push<R: StoredRow>(&mut self, rows: &'a [R], text: PartText) {
        if !rows.is_empty() {
            let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            self.0.push(TablePart { table: R::TABLE, rows: count, columns: R::columns(rows), text });
        }
    }

    /// Appends all parts, separated by commas. Each joins its rows with `gate`.
    pub(super) fn push_all<'b>(&'b self, gate: &str, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for (index, part) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            append(&[separator, &part_name(index), " as ("], &mut |piece| out.push_sql(piece));
            (part.text.head)(&mut |piece| out.push_sql(piece));
            out.push_sql(gate);
            push_columns(&part.columns, out)?;
            (part.text.tail)(&mut |piece| out.push_sql(piece));
            out.push_sql(")");
        }
        Ok(())
    }

    /// Returns the counted parts with their names in the statement.
    pub(super) fn counted(&self) -> impl Iterator<Item = (String, &TablePart<'a>)> {
        let counted = self.0.iter().enumerate().filter(|(_, part)| part.text.is_counted);
        counted.map(|(index, part)| (part_name(index), part))
    }
}

fn part_name(index: usize) -> String {
    format!("w{index}")
}

impl<'a> RowSink<'a> for WriteParts<'a> {
    fn insert<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        self.push(rows, PartText { head: insert_head::<R>, tail: append_conflict::<R>, is_counted: false });
        Ok(())
    }

    fn insert_counted<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        self.push(rows, PartText { head: insert_head::<R>, tail: insert_tail::<R>, is_counted: true });
        Ok(())
    }

    fn update<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        self.push(rows, PartText { head: update_head::<R>, tail: update_tail::<R>, is_counted: true });
        Ok(())
    }
}

/// Appends an insert up to the columns.
fn insert_head<R: StoredRow>(sql: &mut AppendSql<'_>) {
    append_insert::<R>(sql);
    sql("select n.* from ");
}

/// Appends the rest of an insert, which returns the first column of each row that was written.
fn insert_tail<R: StoredRow>(sql: &mut AppendSql<'_>) {
    append_conflict::<R>(sql);
    returning::<R>(sql);
}

fn update_head<R: StoredRow>(sql: &mut AppendSql<'_>) {
    append(&["update ", R::TABLE, " t"], sql);
    let mut separator = " set ";
    for column in update_columns::<R>().filter(|column| column.is_written) {
        append(&[separator, column.name, " = n.", column.name], sql);
        separator = ", ";
    }
    sql(" from ");
}

fn update_tail<R: StoredRow>(sql: &mut AppendSql<'_>) {
    sql(" (");
    append_list(R::COLUMNS.iter().map(|(name, _)| *name), sql);
    let mut separator = ") where ";
    for column in update_columns::<R>().filter(|column| column.is_compared) {
        let before = if column.is_written { " + 1" } else { "" };
        append(&[separator, "t.", column.name, before, " = n.", column.name], sql);
        separator = " and ";
    }
    returning::<R>(sql);
}

fn returning<R: StoredRow>(sql: &mut AppendSql<'_>) {
    if let Some((first, _)) = R::COLUMNS.first() {
        append(&[" returning t.", first], sql);
    }
}
