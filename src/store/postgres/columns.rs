//! The columns of many rows, each bound as one array.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use crate::store::stored_row::ColumnValues;

/// Appends `unnest(columns) n`.
pub(super) fn push_columns<'b>(columns: &'b [ColumnValues<'_>], out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    out.push_sql("unnest(");
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push_sql(", ");
        }
        match column {
            ColumnValues::Text(values) => out.push_bind_param::<Array<Text>, _>(values)?,
            ColumnValues::TextOrNull(values) => out.push_bind_param::<Array<Nullable<Text>>, _>(values)?,
            ColumnValues::BigInt(values) => out.push_bind_param::<Array<BigInt>, _>(values)?,
            ColumnValues::BigIntOrNull(values) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(values)?,
        }
        // Said in the text too, so that it can be explained as it stands.
        out.push_sql(match column {
            ColumnValues::Text(_) | ColumnValues::TextOrNull(_) => "::text[]",
            ColumnValues::BigInt(_) | ColumnValues::BigIntOrNull(_) => "::bigint[]",
        });
    }
    out.push_sql(") n");
    Ok(())
}

/// Returns the values of these fields in all rows, each field as a column.
macro_rules! columns {
    ($rows:ident, [$($kind:ident $field:ident),* $(,)?]) => { vec![$(columns!(@column $kind $rows $field)),*] };
    (@column text $rows:ident $field:ident) => { ColumnValues::Text($rows.iter().map(|row| &*row.$field).collect()) };
    (@column text_or_null $rows:ident $field:ident) => {
        ColumnValues::TextOrNull($rows.iter().map(|row| row.$field.as_deref()).collect())
    };
    (@column bigint $rows:ident $field:ident) => { ColumnValues::BigInt($rows.iter().map(|row| row.$field).collect()) };
    (@column bigint_or_null $rows:ident $field:ident) => {
        ColumnValues::BigIntOrNull($rows.iter().map(|row| row.$field).collect())
    };
}

pub(super) use columns;
