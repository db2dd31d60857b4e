//! The declaration of a table that is written in bulk: its columns, its row, and what becomes of a row whose key is there.
//!
//! From one declaration (`tables.rs`) follow diesel's table, the struct of a row, and the statements of both engines:
//! `postgres/write.rs` runs them over arrays, `sqlite/write.rs` once for each row.

use diesel::sql_types::{BigInt, Nullable, Text};

/// A value of a column.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    TextOrNull(Option<&'a str>),
    Number(i64),
    NumberOrNull(Option<i64>),
}

/// A type that columns have on both engines.
pub(super) trait ColumnType {
    /// The type of the field that holds it.
    type Rust;

    /// Returns the value of such a field.
    fn value(field: &Self::Rust) -> Value<'_>;
}

impl ColumnType for Text {
    type Rust = String;

    fn value(field: &String) -> Value<'_> {
        Value::Text(field)
    }
}

impl ColumnType for Nullable<Text> {
    type Rust = Option<String>;

    fn value(field: &Option<String>) -> Value<'_> {
        Value::TextOrNull(field.as_deref())
    }
}

impl ColumnType for BigInt {
    type Rust = i64;

    fn value(field: &i64) -> Value<'_> {
        Value::Number(*field)
    }
}

impl ColumnType for Nullable<BigInt> {
    type Rust = Option<i64>;

    fn value(field: &Option<i64>) -> Value<'_> {
        Value::NumberOrNull(*field)
    }
}

/// What becomes of a column of a row that is there already. In a declaration it stands in brackets after the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// It stays as it is: where nothing is said.
    Kept,
    /// `[set]`: it becomes the new value.
    Set,
    /// `[next]`: the same, where the new value is one more than the old one; no other row is updated.
    Next,
    /// `[add]`: the new value is added to it.
    Add,
    /// `[told]`: it becomes the new value unless that is null.
    Told,
}

/// What an insert does with a row whose key is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnConflict {
    /// It fails, and the whole statement with it.
    Fail,
    /// It leaves the row as it is.
    Skip,
    /// It merges the columns.
    Merge,
    /// It merges the columns of a row `t` that meets the condition; the new values are those of `excluded`.
    MergeIf(&'static str),
    /// It merges the columns of the row that has the key among those that meet the condition.
    MergeAmong(&'static str),
}

/// A row of a table that is written in bulk. It is known by its first column in what statements return.
pub(super) trait StoredRow: Send + 'static {
    /// The table.
    const TABLE: &'static str;
    /// The columns of its key.
    const KEY: &'static [&'static str];
    /// All columns of the row, and what becomes of each.
    const COLUMNS: &'static [(&'static str, Merge)];
    /// What an insert does with a row that is there.
    const ON_CONFLICT: OnConflict;

    /// Returns the values of all columns.
    fn values(&self) -> impl Iterator<Item = Value<'_>>;
}

/// Takes rows of any table, to write them in this order.
pub(super) trait RowSink<'a> {
    /// Inserts rows, by the rule of their table.
    fn insert<R: StoredRow>(&mut self, rows: &'a [R]) -> diesel::QueryResult<()>;

    /// Inserts rows, and remembers those that were written by their first columns.
    fn insert_counted<R: StoredRow>(&mut self, rows: &'a [R]) -> diesel::QueryResult<()>;

    /// Updates rows that are there, in those columns that are `[set]` or `[next]`; one that is not there is an error.
    fn update<R: StoredRow>(&mut self, rows: &'a [R]) -> diesel::QueryResult<()>;
}

/// Takes pieces of a statement's text.
pub(super) type Pieces<'t> = dyn FnMut(&str) + 't;

/// A column, as an update of known rows uses it.
pub(super) struct UpdateColumn {
    /// Its name.
    pub name: &'static str,
    /// Whether it gets the new value.
    pub is_written: bool,
    /// Whether the row is found by it: by its value, or if it is written by one less.
    pub is_compared: bool,
}

/// Returns how an update uses each column of the row.
pub(super) fn used_by_updates<R: StoredRow>() -> impl Iterator<Item = UpdateColumn> {
    R::COLUMNS.iter().map(|(name, merge)| UpdateColumn {
        name,
        is_written: matches!(merge, Merge::Set | Merge::Next),
        is_compared: *merge == Merge::Next || R::KEY.contains(name),
    })
}

/// Spells these pieces.
pub(super) fn spell(pieces: &[&str], text: &mut Pieces<'_>) {
    pieces.iter().for_each(|piece| text(piece));
}

/// Spells `names`, separated by commas.
pub(super) fn spell_list<'n>(names: impl Iterator<Item = &'n str>, text: &mut Pieces<'_>) {
    for (index, name) in names.enumerate() {
        if index > 0 {
            text(", ");
        }
        text(name);
    }
}

/// Spells an insert up to its values.
pub(super) fn spell_insert<R: StoredRow>(text: &mut Pieces<'_>) {
    spell(&["insert into ", R::TABLE, " as t ("], text);
    spell_list(R::COLUMNS.iter().map(|(name, _)| *name), text);
    text(") ");
}

/// Spells what an insert does with a row that is there.
pub(super) fn spell_conflict<R: StoredRow>(text: &mut Pieces<'_>) {
    match R::ON_CONFLICT {
        OnConflict::Fail => return,
        OnConflict::Skip => return text(" on conflict do nothing"),
        OnConflict::Merge | OnConflict::MergeIf(_) | OnConflict::MergeAmong(_) => {}
    }
    text(" on conflict (");
    spell_list(R::KEY.iter().copied(), text);
    text(")");
    if let OnConflict::MergeAmong(condition) = R::ON_CONFLICT {
        spell(&[" where ", condition], text);
    }
    let mut separator = " do update set ";
    for (name, merge) in R::COLUMNS {
        match merge {
            Merge::Kept => continue,
            Merge::Set | Merge::Next => spell(&[separator, name, " = excluded.", name], text),
            Merge::Add => spell(&[separator, name, " = t.", name, " + excluded.", name], text),
            Merge::Told => spell(&[separator, name, " = coalesce(excluded.", name, ", t.", name, ")"], text),
        }
        separator = ", ";
    }
    if let OnConflict::MergeIf(condition) = R::ON_CONFLICT {
        spell(&[" where ", condition], text);
    }
}

/// Declares the row of a table, and writes [`StoredRow`] for it; see `tables.rs`.
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
            const COLUMNS: &'static [(&'static str, Merge)] =
                &[$((stringify!($column), stored_row!(@merge $($merge)?))),+];
            const ON_CONFLICT: OnConflict = $rule;

            fn values(&self) -> impl Iterator<Item = Value<'_>> {
                [$(<$sql $(<$inner>)? as ColumnType>::value(&self.$column)),+].into_iter()
            }
        }
    };
    (@merge) => { Merge::Kept };
    (@merge set) => { Merge::Set };
    (@merge next) => { Merge::Next };
    (@merge add) => { Merge::Add };
    (@merge told) => { Merge::Told };
}

/// Declares a table, and its row as [`stored_row`] does.
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
