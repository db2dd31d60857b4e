//! A write set on PostgreSQL: one statement, however many tables and rows it has.
//!
//! Each table is a part of its own, `insert … select * from unnest($1, $2, …)`, whose text is the same for any number of
//! rows; a round trip costs more than all parts together. Parts do not see what the others write, and they lock rows in
//! the order in which they stand here and their rows are given.

use std::collections::HashSet;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::bulk::{Column, columns_of, push_columns};
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
    let returned: Vec<(String, String)> = parts.load(&mut &*conn).await?;
    let (payments, updated): (Vec<_>, Vec<_>) = returned.into_iter().partition(|(table, _)| table == PaymentRow::TABLE);
    if updated.len() != updates {
        return Err(diesel::result::Error::NotFound);
    }
    Ok(payments.into_iter().map(|(_, id)| id).collect())
}

/// The rows of one table.
struct Part<'a> {
    table: &'static str,
    columns: Vec<Column<'a>>,
    /// Spells what stands before the columns.
    head: fn(&mut Pieces<'_>),
    /// Spells what stands after them.
    tail: fn(&mut Pieces<'_>),
    /// Whether the first columns of the rows that were written are returned.
    is_counted: bool,
}

/// The parts of one statement, which returns the tables and the keys of the rows that are counted.
#[derive(Default)]
struct Parts<'a> {
    all: Vec<Part<'a>>,
    /// How many rows are updated.
    updates: usize,
}

impl QueryId for Parts<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Parts<'_> {
    type SqlType = (Text, Text);
}

impl QueryFragment<Pg> for Parts<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let name = |index: usize| format!("w{index}");
        for (index, part) in self.all.iter().enumerate() {
            let separator = if index == 0 { "with " } else { ", " };
            spell(&[separator, &name(index), " as ("], &mut |piece| out.push_sql(piece));
            (part.head)(&mut |piece| out.push_sql(piece));
            push_columns(&part.columns, &mut out)?;
            (part.tail)(&mut |piece| out.push_sql(piece));
            out.push_sql(")");
        }
        out.push_sql(" select '', '' where false");
        for (index, part) in self.all.iter().enumerate().filter(|(_, part)| part.is_counted) {
            let pieces = [" union all select '", part.table, "', w.* from ", &name(index), " w"];
            spell(&pieces, &mut |piece| out.push_sql(piece));
        }
        Ok(())
    }
}

impl<'a> Parts<'a> {
    fn push<R: StoredRow>(&mut self, rows: &'a [R], is_counted: bool) {
        if !rows.is_empty() {
            self.all.push(Part {
                table: R::TABLE,
                columns: columns_of(rows),
                head: insert_head::<R>,
                tail: if is_counted { insert_tail::<R> } else { spell_conflict::<R> },
                is_counted,
            });
        }
    }
}

impl<'a> RowSink<'a> for Parts<'a> {
    fn insert<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        self.push(rows, false);
        Ok(())
    }

    fn insert_counted<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        self.push(rows, true);
        Ok(())
    }

    fn update<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        if !rows.is_empty() {
            self.updates += rows.len();
            self.all.push(Part {
                table: R::TABLE,
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
pub(super) fn insert_head<R: StoredRow>(text: &mut Pieces<'_>) {
    spell_insert::<R>(text);
    text("select * from");
}

/// Spells an insert from the columns on; it returns the first column of each row that was written.
pub(super) fn insert_tail<R: StoredRow>(text: &mut Pieces<'_>) {
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
    text(" from");
}

fn update_tail<R: StoredRow>(text: &mut Pieces<'_>) {
    text("as n (");
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
