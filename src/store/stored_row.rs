//! The declaration of a table that is written in bulk: its columns, its row, and how an insert treats an existing row.
//!
//! From one declaration (`tables.rs`) follow diesel's table, the struct of a row, and the statements of both engines:
//! `postgres/write.rs` runs them over arrays, `sqlite/write.rs` once for each row.

use diesel::sql_types::{BigInt, Nullable, Text};

/// The value of a column in one row.
pub(super) enum ColumnValue<'a> {
    Text(&'a str),
    TextOrNull(Option<&'a str>),
    BigInt(i64),
    BigIntOrNull(Option<i64>),
}

/// The values of one column in several rows.
pub(super) enum ColumnValues<'a> {
    Text(Vec<&'a str>),
    TextOrNull(Vec<Option<&'a str>>),
    BigInt(Vec<i64>),
    BigIntOrNull(Vec<Option<i64>>),
}

/// A type that columns have on both engines.
pub(super) trait ColumnType {
    /// The type of the field that holds it.
    type Rust: 'static;

    /// Returns the value of such a field.
    fn value(field: &Self::Rust) -> ColumnValue<'_>;

    /// Returns the values of such fields.
    fn values<'a>(fields: impl Iterator<Item = &'a Self::Rust>) -> ColumnValues<'a>;
}

impl ColumnType for Text {
    type Rust = String;

    fn value(field: &String) -> ColumnValue<'_> {
        ColumnValue::Text(field)
    }

    fn values<'a>(fields: impl Iterator<Item = &'a String>) -> ColumnValues<'a> {
        ColumnValues::Text(fields.map(String::as_str).collect())
    }
}

impl ColumnType for Nullable<Text> {
    type Rust = Option<String>;

    fn value(field: &Option<String>) -> ColumnValue<'_> {
        ColumnValue::TextOrNull(field.as_deref())
    }

    fn values<'a>(fields: impl Iterator<Item = &'a Option<String>>) -> ColumnValues<'a> {
        ColumnValues::TextOrNull(fields.map(Option::as_deref).collect())
    }
}

impl ColumnType for BigInt {
    type Rust = i64;

    fn value(field: &i64) -> ColumnValue<'_> {
        ColumnValue::BigInt(*field)
    }

    fn values<'a>(fields: impl Iterator<Item = &'a i64>) -> ColumnValues<'a> {
        ColumnValues::BigInt(fields.copied().collect())
    }
}

impl ColumnType for Nullable<BigInt> {
    type Rust = Option<i64>;

    fn value(field: &Option<i64>) -> ColumnValue<'_> {
        ColumnValue::BigIntOrNull(*field)
    }

    fn values<'a>(fields: impl Iterator<Item = &'a Option<i64>>) -> ColumnValues<'a> {
        ColumnValues::BigIntOrNull(fields.copied().collect())
    }
}

/// How a column of an existing row is merged with its new value. A declaration has it in brackets after the type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnMerge {
    /// Without brackets: the old value stays.
    Keep,
    /// `[set]`: the new value replaces it.
    Set,
    /// `[next]`: the new value replaces it, and an update fails unless it is one more than the old value.
    Next,
    /// `[add]`: the new value is added to it.
    Add,
    /// `[unless_null]`: the new value replaces it unless that is null.
    UnlessNull,
}

/// How an insert treats an existing row with the same key.
#[derive(Clone, Copy)]
pub(super) enum ConflictRule {
    /// The statement fails.
    Fail,
    /// The row stays as it is.
    Skip,
    /// The columns are merged.
    Merge,
    /// The columns are merged if the condition holds, of the row `t` and the new values `excluded`; else the row stays.
    MergeIf(&'static str),
    /// The columns are merged; the key is unique only among rows for which the condition holds.
    MergeAmong(&'static str),
}

/// A row of a table that is written in bulk. Statements return its first column.
pub(super) trait StoredRow: Send + 'static {
    /// The table.
    const TABLE: &'static str;
    /// The columns of its key.
    const KEY: &'static [&'static str];
    /// The columns of the row, and how each is merged.
    const COLUMNS: &'static [(&'static str, ColumnMerge)];
    /// How an insert treats an existing row.
    const ON_CONFLICT: ConflictRule;

    /// Returns the values of the columns.
    fn values(&self) -> impl Iterator<Item = ColumnValue<'_>>;

    /// Returns the values of the columns in all of these rows.
    fn columns(rows: &[Self]) -> Vec<ColumnValues<'_>>
    where
        Self: Sized;
}

/// Writes rows of any table.
pub(super) trait RowSink<'a> {
    /// Inserts rows, by the rule of their table.
    fn insert<R: StoredRow>(&mut self, rows: &'a [R]) -> diesel::QueryResult<()>;

    /// Inserts rows, and remembers the first columns of those that were written.
    fn insert_counted<R: StoredRow>(&mut self, rows: &'a [R]) -> diesel::QueryResult<()>;

    /// Updates existing rows in the columns that are `[set]` or `[next]`; a missing row is an error.
    fn update<R: StoredRow>(&mut self, rows: &'a [R]) -> diesel::QueryResult<()>;
}

/// Appends a piece to the text of a statement.
pub(super) type AppendSql<'t> = dyn FnMut(&str) + 't;

/// The use of a column in an update.
pub(super) struct UpdateColumn {
    /// Its name.
    pub name: &'static str,
    /// Whether the new value is written.
    pub is_written: bool,
    /// Whether the row must have this value, or one less if the column is written too.
    pub is_compared: bool,
}

/// Returns the use of each column of the row in an update.
pub(super) fn update_columns<R: StoredRow>() -> impl Iterator<Item = UpdateColumn> {
    R::COLUMNS.iter().map(|(name, merge)| UpdateColumn {
        name,
        is_written: matches!(merge, ColumnMerge::Set | ColumnMerge::Next),
        is_compared: *merge == ColumnMerge::Next || R::KEY.contains(name),
    })
}

/// Appends these pieces.
pub(super) fn append(pieces: &[&str], sql: &mut AppendSql<'_>) {
    pieces.iter().for_each(|piece| sql(piece));
}

/// Appends `names`, separated by commas.
pub(super) fn append_list<'n>(names: impl Iterator<Item = &'n str>, sql: &mut AppendSql<'_>) {
    for (index, name) in names.enumerate() {
        if index > 0 {
            sql(", ");
        }
        sql(name);
    }
}

/// Appends an insert up to its values.
pub(super) fn append_insert<R: StoredRow>(sql: &mut AppendSql<'_>) {
    append(&["insert into ", R::TABLE, " as t ("], sql);
    append_list(R::COLUMNS.iter().map(|(name, _)| *name), sql);
    sql(") ");
}

/// Appends the conflict clause of an insert.
pub(super) fn append_conflict<R: StoredRow>(sql: &mut AppendSql<'_>) {
    match R::ON_CONFLICT {
        ConflictRule::Fail => return,
        ConflictRule::Skip => return sql(" on conflict do nothing"),
        ConflictRule::Merge | ConflictRule::MergeIf(_) | ConflictRule::MergeAmong(_) => {}
    }
    sql(" on conflict (");
    append_list(R::KEY.iter().copied(), sql);
    sql(")");
    if let ConflictRule::MergeAmong(condition) = R::ON_CONFLICT {
        append(&[" where ", condition], sql);
    }
    let mut separator = " do update set ";
    for (name, merge) in R::COLUMNS {
        match merge {
            ColumnMerge::Keep => continue,
            ColumnMerge::Set | ColumnMerge::Next => append(&[separator, name, " = excluded.", name], sql),
            ColumnMerge::Add => append(&[separator, name, " = t.", name, " + excluded.", name], sql),
            ColumnMerge::UnlessNull => {
                append(&[separator, name, " = coalesce(excluded.", name, ", t.", name, ")"], sql)
            }
        }
        separator = ", ";
    }
    if let ConflictRule::MergeIf(condition) = R::ON_CONFLICT {
        append(&[" where ", condition], sql);
    }
}

/// Declares the row of a table and implements [`StoredRow`] for it; see `tables.rs`.
macro_rules! stored_row {
    (
        $(#[$about:meta])*
        $row:ident in $table:ident ($($key:ident),+), $rule:expr;
        $($(#[$on:meta])* $column:ident: $sql:ident $(<$inner:ident>)? $([$merge:ident])?,)+
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, diesel::Queryable, diesel::Selectable, diesel::Insertable)]
        #[diesel(table_name = $table, treat_none_as_default_value = false)]
        pub(in crate::store) struct $row {
            $($(#[$on])* pub $column: <$sql $(<$inner>)? as ColumnType>::Rust,)+
        }

        impl StoredRow for $row {
            const TABLE: &'static str = stringify!($table);
            const KEY: &'static [&'static str] = &[$(stringify!($key)),+];
            const COLUMNS: &'static [(&'static str, ColumnMerge)] =
                &[$((stringify!($column), stored_row!(@merge $($merge)?))),+];
            const ON_CONFLICT: ConflictRule = $rule;

            fn values(&self) -> impl Iterator<Item = ColumnValue<'_>> {
                [$(<$sql $(<$inner>)? as ColumnType>::value(&self.$column)),+].into_iter()
            }

            fn columns(rows: &[Self]) -> Vec<ColumnValues<'_>> {
                vec![$(<$sql $(<$inner>)? as ColumnType>::values(rows.iter().map(|row| &row.$column))),+]
            }
        }
    };
    (@merge) => { ColumnMerge::Keep };
    (@merge set) => { ColumnMerge::Set };
    (@merge next) => { ColumnMerge::Next };
    (@merge add) => { ColumnMerge::Add };
    (@merge unless_null) => { ColumnMerge::UnlessNull };
}

/// Declares a table and, as [`stored_row`] does, its row.
macro_rules! stored_table {
    (
        $(#[$about:meta])*
        $row:ident in $table:ident ($($key:ident),+), $rule:expr;
        $($(#[$on:meta])* $column:ident: $sql:ident $(<$inner:ident>)? $([$merge:ident])?,)+
    ) => {
        diesel::table! {
            $table ($($key),+) {
                $($column -> $sql $(<$inner>)?,)+
            }
        }

        stored_row! {
            $(#[$about])*
            $row in $table ($($key),+), $rule;
            $($(#[$on])* $column: $sql $(<$inner>)? $([$merge])?,)+
        }
    };
}

pub(super) use {stored_row, stored_table};
