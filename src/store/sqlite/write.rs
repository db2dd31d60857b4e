//! A write set on SQLite: one cached statement per row, all in one piece of work.
//!
//! Inside one transaction that is as fast as statements of many rows, and needs no statement per length. Through the
//! async wrapper each statement would be spelled out anew, which costs as much as running it. What diesel would have
//! parsed anew each time, every `update` and `do update`, is spelled by hand.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::Conn;
use crate::store::effect_rows::{KeyTotalRow, RaisedRow, TotalRow};
use crate::store::move_rows::WitnessTotalRow;
use crate::store::payment_rows::PaymentRow;
use crate::store::rows::OrderRow;
use crate::store::schema::{
    attention_items, order_events, order_payments, orders, outbox_events, provider_work, search_queue,
    webhook_deliveries,
};
use crate::store::work_rows::WorkRow;
use crate::store::write_set::WriteSet;

/// Writes all rows of the set. Returns the ids of its payments that were written; the others belong to other orders.
pub async fn write(conn: &mut Conn, set: WriteSet) -> QueryResult<HashSet<String>> {
    conn.spawn_blocking(move |conn| write_rows(conn, set)).await
}

/// Runs an `insert` of each of these rows; what is there already and may be stays as it is.
macro_rules! insert {
    ($conn:ident, $table:ident, $rows:expr) => {
        for row in &$rows {
            diesel::insert_into($table::table).values(row).execute($conn)?;
        }
    };
    ($conn:ident, $table:ident, $rows:expr, or nothing) => {
        for row in &$rows {
            diesel::insert_into($table::table).values(row).on_conflict_do_nothing().execute($conn)?;
        }
    };
}

fn write_rows(conn: &mut SqliteConnection, set: WriteSet) -> QueryResult<HashSet<String>> {
    let mut payments = HashSet::new();
    for row in set.payments {
        if payment_put(conn, &row)? {
            payments.insert(row.payment_id);
        }
    }
    insert!(conn, orders, set.placed);
    set.changed.iter().try_for_each(|row| order_update(conn, row))?;
    insert!(conn, order_events, set.events);
    insert!(conn, search_queue, set.searched, or nothing);
    insert!(conn, outbox_events, set.outbox);
    insert!(conn, webhook_deliveries, set.deliveries, or nothing);
    set.raised.iter().try_for_each(|row| raise(conn, row))?;
    set.work.iter().try_for_each(|row| work_put(conn, row))?;
    set.looks.iter().try_for_each(|row| work_hasten(conn, row))?;
    set.totals.iter().try_for_each(|row| total_add(conn, row))?;
    set.moves.iter().try_for_each(|row| witness_total_add(conn, row))?;
    set.key_totals.iter().try_for_each(|row| key_total_add(conn, row))?;
    Ok(payments)
}

/// A statement with a `?` for each value, whose text never changes.
struct Spelled<'a> {
    sql: &'static str,
    values: &'a [Value<'a>],
}

enum Value<'a> {
    Text(&'a str),
    TextOrNull(&'a Option<String>),
    Number(i64),
    NumberOrNull(Option<i64>),
}

impl QueryId for Spelled<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<SqliteConnection> for Spelled<'_> {}

impl QueryFragment<Sqlite> for Spelled<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for (index, piece) in self.sql.split('?').enumerate() {
            if index > 0 {
                match values.next() {
                    Some(Value::Text(value)) => out.push_bind_param::<Text, _>(*value)?,
                    Some(Value::TextOrNull(value)) => out.push_bind_param::<Nullable<Text>, _>(*value)?,
                    Some(Value::Number(value)) => out.push_bind_param::<BigInt, _>(value)?,
                    Some(Value::NumberOrNull(value)) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                    None => return Err(diesel::result::Error::QueryBuilderError("a value is missing".into())),
                }
            }
            out.push_sql(piece);
        }
        Ok(())
    }
}

/// Runs a statement. Returns how many rows it changed.
fn run(conn: &mut SqliteConnection, sql: &'static str, values: &[Value<'_>]) -> QueryResult<usize> {
    Spelled { sql, values }.execute(conn)
}

/// Inserts a payment, or brings a known one of the same order up to date; false if it is another order's.
fn payment_put(conn: &mut SqliteConnection, row: &PaymentRow) -> QueryResult<bool> {
    if diesel::insert_into(order_payments::table).values(row).on_conflict_do_nothing().execute(conn)? == 1 {
        return Ok(true);
    }
    use Value::{NumberOrNull, Text, TextOrNull};
    let updated = run(
        conn,
        "update order_payments set provider_status = ?, coin = ?, pay_amount = ?, received = ?, provider_at = ?, \
         other_coin = ?, other_received = ?, pay_address = ?, payin_extra_id = ?, network = ?, purchase_id = ?, \
         decimals = ?, paid_at_fiat = ?, outcome_amount = ?, outcome_currency = ?, fee_amount = ?, fee_currency = ?, \
         unclear_status = ?, unclear_coin = ?, unclear_received = ?, ended_status = ?, ended_at = ? \
         where payment_id = ? and order_id = ?",
        &[
            Text(&row.provider_status),
            TextOrNull(&row.coin),
            TextOrNull(&row.pay_amount),
            TextOrNull(&row.received),
            NumberOrNull(row.provider_at),
            TextOrNull(&row.other_coin),
            TextOrNull(&row.other_received),
            TextOrNull(&row.pay_address),
            TextOrNull(&row.payin_extra_id),
            TextOrNull(&row.network),
            TextOrNull(&row.purchase_id),
            NumberOrNull(row.decimals),
            TextOrNull(&row.paid_at_fiat),
            TextOrNull(&row.outcome_amount),
            TextOrNull(&row.outcome_currency),
            TextOrNull(&row.fee_amount),
            TextOrNull(&row.fee_currency),
            TextOrNull(&row.unclear_status),
            TextOrNull(&row.unclear_coin),
            TextOrNull(&row.unclear_received),
            TextOrNull(&row.ended_status),
            NumberOrNull(row.ended_at),
            Text(&row.payment_id),
            Text(&row.order_id),
        ],
    )?;
    Ok(updated == 1)
}

/// Overwrites an order whose version was just checked, without the columns that never change: their indexes stay
/// untouched.
fn order_update(conn: &mut SqliteConnection, row: &OrderRow) -> QueryResult<()> {
    use Value::{Number, NumberOrNull, Text, TextOrNull};
    let updated = run(
        conn,
        "update orders set status = ?, failure_reason = ?, amount_check = ?, owed = ?, payment_id = ?, \
         customer_note = ?, internal_note = ?, expires_at = ?, due_at = ?, paid_at = ?, updated_at = ?, version = ? \
         where id = ? and version + 1 = ?",
        &[
            Text(&row.status),
            TextOrNull(&row.failure_reason),
            TextOrNull(&row.amount_check),
            TextOrNull(&row.owed),
            TextOrNull(&row.payment_id),
            TextOrNull(&row.customer_note),
            TextOrNull(&row.internal_note),
            NumberOrNull(row.expires_at),
            NumberOrNull(row.due_at),
            NumberOrNull(row.paid_at),
            Number(row.updated_at),
            Number(row.version),
            Text(&row.id),
            Number(row.version),
        ],
    )?;
    if updated == 1 { Ok(()) } else { Err(diesel::result::Error::NotFound) }
}

/// Opens an item, or counts up the open one of the same kind, order and payment.
fn raise(conn: &mut SqliteConnection, row: &RaisedRow) -> QueryResult<()> {
    use Value::{Number, Text, TextOrNull};
    let again = run(
        conn,
        "update attention_items set count = count + ?, last_at = ?, detail = coalesce(?, detail) \
         where kind = ? and order_id = ? and payment_id = ? and resolved_at is null",
        &[
            Number(row.count),
            Number(row.last_at),
            TextOrNull(&row.detail),
            Text(&row.kind),
            Text(&row.order_id),
            Text(&row.payment_id),
        ],
    )?;
    if again == 0 {
        diesel::insert_into(attention_items::table).values(row).execute(conn)?;
    }
    Ok(())
}

/// Writes what is to be asked of the provider, whoever was at it.
fn work_put(conn: &mut SqliteConnection, row: &WorkRow) -> QueryResult<()> {
    use Value::{Number, NumberOrNull, Text, TextOrNull};
    run(
        conn,
        "insert into provider_work (order_id, due_at, claim, claimed_until, asked_at, tries, last_error, raise_at) \
         values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (order_id) do update set due_at = excluded.due_at, \
         claim = excluded.claim, claimed_until = excluded.claimed_until, asked_at = excluded.asked_at, \
         tries = excluded.tries, last_error = excluded.last_error, raise_at = excluded.raise_at",
        &[
            Text(&row.order_id),
            Number(row.due_at),
            Text(&row.claim),
            Number(row.claimed_until),
            NumberOrNull(row.asked_at),
            Number(row.tries),
            TextOrNull(&row.last_error),
            NumberOrNull(row.raise_at),
        ],
    )
    .map(drop)
}

/// Sees to it that this order is looked at then at the latest; what is due before stays so.
fn work_hasten(conn: &mut SqliteConnection, row: &WorkRow) -> QueryResult<()> {
    use Value::{Number, Text};
    let later = "update provider_work set due_at = ? where order_id = ? and due_at > ?";
    if run(conn, later, &[Number(row.due_at), Text(&row.order_id), Number(row.due_at)])? == 0 {
        // It is due before, or nothing was to be asked any more.
        diesel::insert_into(provider_work::table).values(row).on_conflict_do_nothing().execute(conn)?;
    }
    Ok(())
}

/// Adds to a total.
fn total_add(conn: &mut SqliteConnection, row: &TotalRow) -> QueryResult<()> {
    use Value::{Number, Text};
    run(
        conn,
        "insert into order_totals (day, status, product, currency, shard, orders, cents, paid_after_ms) \
         values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (day, status, product, currency, shard) do update set \
         orders = orders + excluded.orders, cents = cents + excluded.cents, \
         paid_after_ms = paid_after_ms + excluded.paid_after_ms",
        &[
            Text(&row.day),
            Text(&row.status),
            Text(&row.product),
            Text(&row.currency),
            Number(row.shard),
            Number(row.orders),
            Number(row.cents),
            Number(row.paid_after_ms),
        ],
    )
    .map(drop)
}

/// Adds to a counter of moves.
fn witness_total_add(conn: &mut SqliteConnection, row: &WitnessTotalRow) -> QueryResult<()> {
    use Value::{Number, Text};
    run(
        conn,
        "insert into witness_totals (day, witness, shard, moves, lag_ms, under_10s, s10_to_1m, m1_to_10m, over_10m) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (day, witness, shard) do update set \
         moves = moves + excluded.moves, lag_ms = lag_ms + excluded.lag_ms, under_10s = under_10s + excluded.under_10s, \
         s10_to_1m = s10_to_1m + excluded.s10_to_1m, m1_to_10m = m1_to_10m + excluded.m1_to_10m, \
         over_10m = over_10m + excluded.over_10m",
        &[
            Text(&row.day),
            Text(&row.witness),
            Number(row.shard),
            Number(row.moves),
            Number(row.lag_ms),
            Number(row.under_10s),
            Number(row.s10_to_1m),
            Number(row.m1_to_10m),
            Number(row.over_10m),
        ],
    )
    .map(drop)
}

/// Adds to a counter of keys.
fn key_total_add(conn: &mut SqliteConnection, row: &KeyTotalRow) -> QueryResult<()> {
    use Value::{Number, Text};
    run(
        conn,
        "insert into idempotency_totals (account_id, shard, first_writes, replays, body_mismatches) \
         values (?, ?, ?, ?, ?) on conflict (account_id, shard) do update set \
         first_writes = first_writes + excluded.first_writes, replays = replays + excluded.replays, \
         body_mismatches = body_mismatches + excluded.body_mismatches",
        &[
            Text(&row.account_id),
            Number(row.shard),
            Number(row.first_writes),
            Number(row.replays),
            Number(row.body_mismatches),
        ],
    )
    .map(drop)
}
