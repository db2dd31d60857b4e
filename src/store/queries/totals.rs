//! Reads of the kept totals. Compiled once for each engine.
//!
//! Rows of several writers are summed by the database, whose sums are refused where they do not fit.

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{Conn, SNAPSHOT};
use crate::domain::evidence::WitnessKind;
use crate::domain::money::Currency;
use crate::domain::order::StatusName;
use crate::domain::time::{Span, Timestamp};
use crate::store::StoreError;
use crate::store::effect_rows::ALL_DAYS;
use crate::store::rows::broken;
use crate::store::schema::{order_totals, orders, witness_totals};
use crate::store::totals::{DayCount, LagTotal, OrderTotal, PendingAges, Value, WitnessTotal};

/// A sum as the integer that it is: PostgreSQL's own type for it is a decimal.
fn sum(column: &str) -> SqlLiteral<BigInt> {
    sql(&format!("cast(sum({column}) as bigint)"))
}

/// The totals over all days.
pub async fn order_totals(conn: &mut Conn) -> Result<Vec<OrderTotal>, StoreError> {
    use order_totals as t;
    let rows: Vec<(String, String, String, i64, i64, i64)> = t::table
        .filter(t::day.eq(ALL_DAYS))
        .group_by((t::status, t::product, t::currency))
        .select((t::status, t::product, t::currency, sum("orders"), sum("cents"), sum("paid_after_ms")))
        .load(conn)
        .await?;
    rows.into_iter()
        .filter(|(_, _, _, orders, _, _)| *orders != 0)
        .map(|(status, product, currency, orders, cents, paid_after_ms)| {
            let (status, currency) = (status_of(&status)?, currency_of(&currency)?);
            Ok(OrderTotal { status, product, currency, orders, cents, paid_after_ms })
        })
        .collect()
}

/// Counts by day and status, from the first of these days to the last; sorted by both, as text.
pub async fn day_counts(conn: &mut Conn, first: &str, last: &str) -> Result<Vec<DayCount>, StoreError> {
    use order_totals as t;
    let rows: Vec<(String, String, i64)> = t::table
        .filter(t::day.between(first, last))
        .group_by((t::day, t::status))
        .order((t::day, t::status))
        .select((t::day, t::status, sum("orders")))
        .load(conn)
        .await?;
    rows.into_iter()
        .filter(|(_, _, orders)| *orders != 0)
        .map(|(day, status, orders)| Ok(DayCount { day, status: status_of(&status)?, orders }))
        .collect()
}

/// The counters of moves: those of all days first, then those from the first of these days to the last,
/// sorted by day and witness.
pub async fn witness_totals(conn: &mut Conn, first: &str, last: &str) -> Result<Vec<WitnessTotal>, StoreError> {
    use witness_totals as t;
    let lag = (sum("lag_ms"), sum("under_10s"), sum("s10_to_1m"), sum("m1_to_10m"), sum("over_10m"));
    let rows: Vec<MovesRow> = t::table
        .filter(t::day.eq(ALL_DAYS).or(t::day.between(first, last)))
        .group_by((t::day, t::witness))
        .order((t::day, t::witness))
        .select((t::day, t::witness, sum("moves"), lag))
        .load(conn)
        .await?;
    rows.into_iter()
        .map(|MovesRow { day, witness, moves, lag }| {
            let witness = WitnessKind::parse(&witness).ok_or_else(|| broken("witness", "a total"))?;
            let LagRow { lag_ms, under_10s, s10_to_1m, m1_to_10m, over_10m } = lag;
            let lag = LagTotal { lag_ms, under_10s, s10_to_1m, m1_to_10m, over_10m };
            Ok(WitnessTotal { day, witness, moves, lag })
        })
        .collect()
}

/// The moves of one day and witness, over all writers.
#[derive(Queryable)]
struct MovesRow {
    day: String,
    witness: String,
    moves: i64,
    lag: LagRow,
}

/// How long the news took to them.
#[derive(Queryable)]
struct LagRow {
    lag_ms: i64,
    under_10s: i64,
    s10_to_1m: i64,
    m1_to_10m: i64,
    over_10m: i64,
}

/// Pending orders by age: all of them from the totals, the young ones from the index, at one moment.
pub async fn pending_ages(conn: &mut Conn, now: Timestamp, pay_window: Span) -> Result<PendingAges, StoreError> {
    conn.batch_execute(SNAPSHOT).await?;
    let ages = read_ages(conn, now, pay_window).await;
    conn.batch_execute("COMMIT").await?;
    ages
}

async fn read_ages(conn: &mut Conn, now: Timestamp, pay_window: Span) -> Result<PendingAges, StoreError> {
    let [hour, six_hours, day] = [1, 6, 24].map(|hours| now.before(Span::hours(hours)));
    let under_1h = pending_after(conn, hour).await?;
    // The usual window is an hour.
    let window_begin = now.before(pay_window);
    let in_window = if window_begin == hour { under_1h } else { pending_after(conn, window_begin).await? };
    let under_6h = pending_between(conn, six_hours, hour).await?;
    let under_24h = pending_between(conn, day, six_hours).await?;
    let (mut total, mut value) = (0_i64, Vec::new());
    for PendingTotal { currency, orders, cents } in pending_totals(conn).await? {
        total = total.checked_add(orders).ok_or_else(|| broken("the number", "pending"))?;
        value.push(Value { currency: currency_of(&currency)?, cents });
    }
    let young = under_1h.saturating_add(under_6h).saturating_add(under_24h);
    let over_24h = total.saturating_sub(young);
    if over_24h < 0 {
        return Err(StoreError::Broken(format!("{young} orders are pending, but the totals know of {total}")));
    }
    let past_window = total.saturating_sub(in_window).max(0);
    Ok(PendingAges { under_1h, h1_to_6h: under_6h, h6_to_24h: under_24h, over_24h, past_window, total, value })
}

/// How long it took until those orders were paid that were paid last, newest first.
pub async fn paid_lately(conn: &mut Conn, limit: i64) -> Result<Vec<Span>, StoreError> {
    let paid = orders::table.filter(orders::paid_at.is_not_null());
    let newest = paid.order((orders::paid_at.desc(), orders::created_at.desc(), orders::id.desc())).limit(limit);
    let times: Vec<(i64, i64)> =
        newest.select((orders::paid_at.assume_not_null(), orders::created_at)).load(conn).await?;
    let took = |(paid, created)| Timestamp::from_micros(paid).since(Timestamp::from_micros(created));
    Ok(times.into_iter().map(took).collect())
}

/// Pending orders of one currency, over all days.
#[derive(Queryable)]
struct PendingTotal {
    currency: String,
    orders: i64,
    cents: i64,
}

async fn pending_totals(conn: &mut Conn) -> Result<Vec<PendingTotal>, StoreError> {
    use order_totals as t;
    let totals: Vec<PendingTotal> = t::table
        .filter(t::day.eq(ALL_DAYS))
        .filter(t::status.eq(StatusName::Pending.as_str()))
        .group_by(t::currency)
        .select((t::currency, sum("orders"), sum("cents")))
        .load(conn)
        .await?;
    Ok(totals.into_iter().filter(|total| total.orders != 0).collect())
}

/// How many pending orders were created later than that.
async fn pending_after(conn: &mut Conn, after: Timestamp) -> Result<i64, StoreError> {
    let pending = orders::table.filter(orders::status.eq(StatusName::Pending.as_str()));
    Ok(pending.filter(orders::created_at.gt(after.micros())).count().get_result(conn).await?)
}

/// How many pending orders were created later than `after`, and no later than `until`.
async fn pending_between(conn: &mut Conn, after: Timestamp, until: Timestamp) -> Result<i64, StoreError> {
    let pending = orders::table.filter(orders::status.eq(StatusName::Pending.as_str()));
    let between = pending.filter(orders::created_at.gt(after.micros())).filter(orders::created_at.le(until.micros()));
    Ok(between.count().get_result(conn).await?)
}

fn status_of(text: &str) -> Result<StatusName, StoreError> {
    StatusName::parse(text).ok_or_else(|| broken("status", "a total"))
}

fn currency_of(text: &str) -> Result<Currency, StoreError> {
    Currency::parse(text).ok_or_else(|| broken("currency", "a total"))
}
