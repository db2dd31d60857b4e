//! A write set on SQLite: one cached statement per row, all in one piece of work.
//!
//! Inside one transaction that is as fast as statements of many rows, and needs no statement per length. Through the
//! async wrapper each statement would be spelled out anew, which costs as much as running it. Diesel's own `update` and
//! `do update` would be parsed anew each time; these statements are cached by the type of their row.

use std::collections::HashSet;
use std::marker::PhantomData;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::Conn;
use crate::store::stored_row::{
    ColumnValue, RowSink, StoredRow, append, append_conflict, append_insert, update_columns,
};
use crate::store::write_set::WriteSet;

/// Writes all rows of the set. Returns the ids of its payments that were written; the others belong to other orders.
pub async fn write(conn: &mut Conn, set: WriteSet) -> QueryResult<HashSet<String>> {
    conn.spawn_blocking(move |conn| {
        let mut writer = RowWriter { conn, counted: HashSet::new() };
        set.put(&mut writer)?;
        Ok(writer.counted)
    })
    .await
}

/// Writes rows at once, one after the other.
struct RowWriter<'c> {
    conn: &'c mut SqliteConnection,
    /// The first columns of rows that were inserted and are counted.
    counted: HashSet<String>,
}

impl<'a> RowSink<'a> for RowWriter<'_> {
    fn insert<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        rows.iter().try_for_each(|row| insert(self.conn, row).map(drop))
    }

    fn insert_counted<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        self.counted.extend(insert_counted(self.conn, rows)?);
        Ok(())
    }

    fn update<R: StoredRow>(&mut self, rows: &'a [R]) -> QueryResult<()> {
        rows.iter().try_for_each(|row| match UpdateRow::of(row).execute(self.conn)? {
            1 => Ok(()),
            _ => Err(diesel::result::Error::NotFound),
        })
    }
}

/// Inserts rows by the rule of their table. Returns the first columns of those that were written.
pub(super) fn insert_counted<R: StoredRow>(conn: &mut SqliteConnection, rows: &[R]) -> QueryResult<HashSet<String>> {
    let mut counted = HashSet::new();
    for row in rows {
        if insert(conn, row)? == 1
            && let Some(ColumnValue::Text(first)) = row.values().next()
        {
            counted.insert(first.to_owned());
        }
    }
    Ok(counted)
}

fn insert<R: StoredRow>(conn: &mut SqliteConnection, row: &R) -> QueryResult<usize> {
    InsertRow::of(row).execute(conn)
}

/// Declares a statement about one row, cached by the type of the row.
macro_rules! row_statement {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        struct $name<'a, R> {
            values: Vec<ColumnValue<'a>>,
            row: PhantomData<R>,
        }

        impl<'a, R: StoredRow> $name<'a, R> {
            fn of(row: &'a R) -> Self {
                Self { values: row.values().collect(), row: PhantomData }
            }
        }

        impl<R: StoredRow> QueryId for $name<'_, R> {
            type QueryId = $name<'static, R>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl<R> RunQueryDsl<SqliteConnection> for $name<'_, R> {}
    };
}

row_statement! {
    /// Inserts a row by the rule of its table.
    InsertRow
}

row_statement! {
    /// Updates an existing row in the columns that an update writes.
    UpdateRow
}

impl<R: StoredRow> QueryFragment<Sqlite> for InsertRow<'_, R> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        append_insert::<R>(&mut |piece| out.push_sql(piece));
        let mut separator = "values (";
        for value in &self.values {
            out.push_sql(separator);
            push_value(value, &mut out)?;
            separator = ", ";
        }
        out.push_sql(")");
        append_conflict::<R>(&mut |piece| out.push_sql(piece));
        Ok(())
    }
}

impl<R: StoredRow> QueryFragment<Sqlite> for UpdateRow<'_, R> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        append(&["update ", R::TABLE], &mut |piece| out.push_sql(piece));
        let mut separator = " set ";
        for (column, value) in update_columns::<R>().zip(&self.values).filter(|(column, _)| column.is_written) {
            append(&[separator, column.name, " = "], &mut |piece| out.push_sql(piece));
            push_value(value, &mut out)?;
            separator = ", ";
        }
        separator = " where ";
        for (column, value) in update_columns::<R>().zip(&self.values).filter(|(column, _)| column.is_compared) {
            let before = if column.is_written { " + 1 = " } else { " = " };
            append(&[separator, column.name, before], &mut |piece| out.push_sql(piece));
            push_value(value, &mut out)?;
            separator = " and ";
        }
        Ok(())
    }
}

fn push_value<'b>(value: &'b ColumnValue<'_>, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
    match value {
        ColumnValue::Text(text) => out.push_bind_param::<Text, _>(*text),
        ColumnValue::TextOrNull(text) => out.push_bind_param::<Nullable<Text>, _>(text),
        ColumnValue::BigInt(number) => out.push_bind_param::<BigInt, _>(number),
        ColumnValue::BigIntOrNull(number) => out.push_bind_param::<Nullable<BigInt>, _>(number),
    }
}
