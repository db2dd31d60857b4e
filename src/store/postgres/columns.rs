//! The columns of many rows, each bound as one array.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use crate::store::stored_row::{StoredRow, Value};

/// One column of all rows.
pub(super) enum Column<'a> {
    Text(Vec<&'a str>),
    TextOrNull(Vec<Option<&'a str>>),
    BigInt(Vec<i64>),
    BigIntOrNull(Vec<Option<i64>>),
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

pub(super) use columns;

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
