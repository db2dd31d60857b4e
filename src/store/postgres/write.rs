//! A write set on PostgreSQL: one statement, however many tables and rows it has.
//!
//! Each table is a part of its own, `insert … select n.* from unnest($1, $2, …) n`, whose text is the same for any number
//! of rows; a round trip costs more than all parts together. Parts do not see what the others write. Those that are
//! counted run first, in the order in which they stand here, and then the others, last one first: in one order for all
//! writers. Within a part rows are locked in the order in which they are given.

use std::collections::HashSet;
use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::columns::{Column, columns_of, push_columns};
use crate::store::stored_row::{
    Pieces, RowSink, StoredRow, spell, spell_conflict, spell_insert, spell_list, used_by_updates,
};
use crate::store::tables::PaymentRow;
use crate::store::write_set::WriteSet;

/// Writes all rows of the set. Returns the ids of its payments that were written; the others belong to other orders.
pub async fn write(conn: &Conn, set: WriteSet) -> QueryResult<HashSet<String>> {
    let mut parts = Parts::default();
    set.put(&mut parts)?;
    if parts.all.is_empty() {
        return Ok(HashSet::new());
    }
    let updates = parts.updates;
    let returned: Vec<(String, String)> = Written(parts).load(&mut &*conn).await?;
    let (payments, updated): (Vec<_>, Vec<_>) = returned.into_iter().partition(|(table, _)| table == PaymentRow::TABLE);
    if updated.len() != updates {
        return Err(diesel::result::Error::NotFound);
    }
    Ok(payments.into_iter().map(|(_, id)| id).collect())
}

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

/// The rows of one table.
pub(super) struct Part<'a> {
    table: &'static str,
    rows: usize,
    columns: Vec<Column<'a>>,
    /// Spells what stands before the columns.
    head: fn(&mut Pieces<'_>),
    /// Spells what stands after them.
    tail: fn(&mut Pieces<'_>),
    /// Whether the first columns of the rows that were written are returned.
    is_counted: bool,
}

/// The parts of one statement.
#[derive(Default)]
pub(super) struct Parts<'a> {
    all: Vec<Part<'a>>,
    /// How many rows are updated.
    updates: usize,
}

/// All parts, in a statement that returns the tables and the keys of the rows that are counted.
struct Written<'a>(Parts<'a>);

impl QueryId for Written<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Written<'_> {
    type SqlType = (Text, Text);
}

impl QueryFragment<Pg> for Written<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("with ");
        self.0.push_all("", &mut out)?;
        out.push_sql(" select '', '' where false");
        for (name, part) in self.0.counted() {
            let pieces = [" union all select '", part.table, "', w.* from ", &name, " w"];
            spell(&pieces, &mut |piece| out.push_sql(piece));
        }
        Ok(())
    }
}

impl<'a> Parts<'a> {
    /// Inserts rows of which none may be there.
    pub(super) fn claim<R: StoredRow>(&mut self, rows: &'a [R]) {
        self.push(rows, returning::<R>, true);
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn push<R: StoredRow>(&mut self, rows: &'a [R], tail: fn(&mut Pieces<'_>), is_counted: bool) {
        if !rows.is_empty() {
            let columns = columns_of(rows);
            let part = Part { table: R::TABLE, rows: rows.len(), columns, head: insert_head::<R>, tail, is_counted };
            self.all.push(part);
        }
    }

    /// Spells all parts, separated by commas; each takes its rows beside those of `gate`.
    pub(super) fn push_all<'b>(&'b self, gate: &str, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for (index, part) in self.all.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            spell(&[separator, &part_name(index), " as ("], &mut |piece| out.push_sql(piece));
            (part.head)(&mut |piece| out.push_sql(piece));
            out.push_sql(gate);
            push_columns(&part.columns, out)?;
            (part.tail)(&mut |piece| out.push_sql(piece));
            out.push_sql(")");
        }
        Ok(())
    }

    /// Returns the names of the parts that are counted, and how many rows each has.
    pub(super) fn counts(&self) -> impl Iterator<Item = (String, i64)> {
        self.counted().map(|(name, part)| (name, i64::try_from(part.rows).unwrap_or(i64::MAX)))
    }

    fn counted(&self) -> impl Iterator<Item = (String, &Part<'a>)> {
        let counted = self.all.iter().enumerate().filter(|(_, part)| part.is_counted);
        counted.map(|(index, part)| (part_name(index), part))
    }
}

fn part_name(index: usize) -> String {
    format!("w{index}")
}

impl<'a> RowSink<'a> for Parts<'a> {
    fn insert<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        self.push(rows, spell_conflict::<R>, false);
        Ok(())
    }

    fn insert_counted<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        self.push(rows, insert_tail::<R>, true);
        Ok(())
    }

    fn update<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        if !rows.is_empty() {
            self.updates += rows.len();
            self.all.push(Part {
                table: R::TABLE,
                rows: rows.len(),
                columns: columns_of(rows),
                head: update_head::<R>,
                tail: update_tail::<R>,
                is_counted: true,
            });
        }
        Ok(())
    }
}

/// Spells an insert up to the columns.
fn insert_head<R: StoredRow>(text: &mut Pieces<'_>) {
    spell_insert::<R>(text);
    text("select n.* from ");
}

/// Spells an insert from the columns on; it returns the first column of each row that was written.
fn insert_tail<R: StoredRow>(text: &mut Pieces<'_>) {
    spell_conflict::<R>(text);
    returning::<R>(text);
}

fn update_head<R: StoredRow>(text: &mut Pieces<'_>) {
    spell(&["update ", R::TABLE, " t"], text);
    let mut separator = " set ";
    for column in used_by_updates::<R>().filter(|column| column.is_written) {
        spell(&[separator, column.name, " = n.", column.name], text);
        separator = ", ";
    }
    text(" from ");
}

fn update_tail<R: StoredRow>(text: &mut Pieces<'_>) {
    text(" (");
    spell_list(R::COLUMNS.iter().map(|(name, _)| *name), text);
    let mut separator = ") where ";
    for column in used_by_updates::<R>().filter(|column| column.is_compared) {
        let before = if column.is_written { " + 1" } else { "" };
        spell(&[separator, "t.", column.name, before, " = n.", column.name], text);
        separator = " and ";
    }
    returning::<R>(text);
}

fn returning<R: StoredRow>(text: &mut Pieces<'_>) {
    if let Some((first, _)) = R::COLUMNS.first() {
        spell(&[" returning t.", first], text);
    }
}
