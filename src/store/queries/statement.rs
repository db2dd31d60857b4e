//! A statement spelled by hand, its values bound. Compiled once for each engine.
//!
//! For the lists, where the shape of a statement decides which index answers it. Its text depends on the
//! filters alone, never on their values, so each connection keeps the few there are prepared.

use std::marker::PhantomData;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};

use super::Db;
use crate::store::schema::orders;

/// A statement that answers rows of `T`.
pub struct Statement<T> {
    pieces: Vec<Piece>,
    answers: PhantomData<fn() -> T>,
}

enum Piece {
    Sql(&'static str),
    Text(String),
    Number(i64),
    OrderColumns,
}

/// A statement that answers whole orders.
pub type Orders = Statement<orders::SqlType>;

impl Orders {
    /// `select`, and every column of an order.
    pub fn select() -> Self {
        Self { pieces: vec![Piece::Sql("select "), Piece::OrderColumns], answers: PhantomData }
    }
}

impl<T> Statement<T> {
    /// Begins with this.
    pub fn new(sql: &'static str) -> Self {
        Self { pieces: vec![Piece::Sql(sql)], answers: PhantomData }
    }

    /// Goes on with this.
    pub fn sql(mut self, sql: &'static str) -> Self {
        self.pieces.push(Piece::Sql(sql));
        self
    }

    /// Goes on with a bound text.
    pub fn text(mut self, value: &str) -> Self {
        self.pieces.push(Piece::Text(value.to_owned()));
        self
    }

    /// Goes on with a bound number.
    pub fn number(mut self, value: i64) -> Self {
        self.pieces.push(Piece::Number(value));
        self
    }

    /// Goes on with another statement, whatever that would answer.
    pub fn part<U>(mut self, part: Statement<U>) -> Self {
        self.pieces.extend(part.pieces);
        self
    }
}

impl<T> QueryId for Statement<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T> Query for Statement<T> {
    type SqlType = T;
}

impl<T, C> diesel::RunQueryDsl<C> for Statement<T> {}

impl<T> QueryFragment<Db> for Statement<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        for piece in &self.pieces {
            match piece {
                Piece::Sql(sql) => out.push_sql(sql),
                Piece::Text(value) => out.push_bind_param::<Text, _>(value)?,
                Piece::Number(value) => out.push_bind_param::<BigInt, _>(value)?,
                Piece::OrderColumns => orders::all_columns.walk_ast(out.reborrow())?,
            }
        }
        Ok(())
    }
}
