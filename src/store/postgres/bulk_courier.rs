//! The courier's statements on PostgreSQL: a page is one statement, however many endpoints or rows it has.
//!
//! `offset 0` keeps the planner from pulling a part into the others: each is looked up by its own index, and never
//! hashed whole. `sqlite/bulk_courier.rs` has the same functions.

use std::collections::HashSet;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::RunQueryDsl;
use std::marker::PhantomData;

use super::Conn;
use super::bulk::{Unnest, unnest};
use super::columns::columns;
use super::statement::Statement;
use crate::store::courier::Ask;
use crate::store::courier_rows::{
    AttemptedRow, DueRow, HealthRow, LeaseRow, LetterColumns, LetterRow, ToldRow, WaitingColumns, WaitingRow,
};
use crate::store::schema::webhook_endpoints as e;
use crate::store::stored_row::ColumnValues;
use crate::store::work::Claim;

/// The endpoints for which deliveries wait: each step looks up the next id, and skips its deliveries.
pub async fn endpoints_waiting(conn: &mut Conn, now: i64, after: String, limit: i64) -> QueryResult<Vec<WaitingRow>> {
    let statement: Statement<WaitingColumns> = Statement::new(
        "with recursive w (id, n) as (select (select webhook_id from webhook_deliveries \
         where due_at is not null and webhook_id > ",
    )
    .text(&after)
    .sql(
        " order by webhook_id limit 1), 1::bigint union all select (select webhook_id from webhook_deliveries \
         where due_at is not null and webhook_id > w.id order by webhook_id limit 1), w.n + 1 from w \
         where w.id is not null and w.n < ",
    )
    .number(limit)
    .sql(
        ") select w.id, coalesce(e.status, ''), coalesce(e.consecutive_failures, 0), e.last_success_at, (select count(*) from \
         (values ('in_order'), ('replay'), ('catch_up')) t (turn) where exists (select 1 from webhook_deliveries d \
         where d.webhook_id = w.id and d.turn = t.turn and d.due_at <= ",
    )
    .number(now)
    .sql(
        " offset 0)) from w left join lateral (select * from webhook_endpoints e where e.id = w.id offset 0) e \
         on true where w.id is not null order by w.id",
    );
    statement.load(conn).await
}

/// What is due of all these endpoints.
struct Letters {
    webhooks: Vec<String>,
    deliveries: Vec<i64>,
    now: i64,
}

impl QueryId for Letters {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Letters {
    type SqlType = LetterColumns;
}

impl QueryFragment<Pg> for Letters {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "select d.id, d.webhook_id, d.event_id, d.event_type, d.turn, d.status, d.attempts, d.due_at, d.event_at, e.url, \
             e.secret, e.prev_secret, e.prev_secret_until, o.body from unnest(",
        );
        out.push_bind_param::<Array<Text>, _>(&self.webhooks)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.deliveries)?;
        out.push_sql(
            ") a (webhook_id, n) cross join lateral ((select * from webhook_deliveries d \
             where d.webhook_id = a.webhook_id and d.turn = 'replay' and d.due_at <= ",
        );
        out.push_bind_param::<BigInt, _>(&self.now)?;
        // Without those for which an earlier one of the same order waits or is attempted.
        out.push_sql(
            " order by d.due_at, d.event_at, d.id limit a.n) union all (select * from webhook_deliveries d \
             where d.webhook_id = a.webhook_id and d.turn = 'in_order' \
             and not exists (select 1 from webhook_deliveries b where b.webhook_id = d.webhook_id \
             and b.order_id = d.order_id and b.due_at is not null and b.turn <> 'replay' \
             and b.event_at < d.event_at offset 0) and d.due_at <= ",
        );
        out.push_bind_param::<BigInt, _>(&self.now)?;
        // The same where earlier ones that are caught up on are sent before by the same hand; and no other hand is at
        // it. First those that a hand has let go of, by the events' own age; then those that none has taken.
        out.push_sql(" order by d.due_at, d.event_at, d.id limit a.n)");
        for (those, first) in [("=", ""), ("<>", "d.due_at, ")] {
            out.push_sql(" union all (select * from webhook_deliveries d where d.turn = 'catch_up' and d.status ");
            out.push_sql(those);
            out.push_sql(
                " 'in_flight' and d.webhook_id = a.webhook_id and not exists (select 1 from webhook_deliveries b \
                 where b.webhook_id = d.webhook_id and b.order_id = d.order_id and b.due_at is not null and b.turn = 'in_order' \
                 and b.event_at < d.event_at offset 0) and d.due_at <= ",
            );
            out.push_bind_param::<BigInt, _>(&self.now)?;
            out.push_sql(
                " and not exists (select 1 from webhook_deliveries b where b.webhook_id = d.webhook_id \
                 and b.turn = 'catch_up' and b.status = 'in_flight' and b.due_at > ",
            );
            out.push_bind_param::<BigInt, _>(&self.now)?;
            out.push_sql(" offset 0) order by ");
            out.push_sql(first);
            out.push_sql("d.event_at, d.id limit greatest(1, a.n / 2))");
        }
        out.push_sql(
            ") d \
             cross join lateral (select * from webhook_endpoints e where e.id = d.webhook_id offset 0) e \
             left join lateral (select * from outbox_events o where o.id = d.event_id offset 0) o on true",
        );
        Ok(())
    }
}

/// What is due of these endpoints and may be sent now.
pub async fn deliveries_due(conn: &mut Conn, now: i64, asks: &[Ask]) -> QueryResult<Vec<LetterRow>> {
    let letters = Letters {
        webhooks: asks.iter().map(|ask| ask.webhook.to_string()).collect(),
        deliveries: asks.iter().map(|ask| i64::try_from(ask.deliveries).unwrap_or(i64::MAX)).collect(),
        now,
    };
    letters.load(conn).await
}

/// Locks these endpoints in key order until the transaction ends, and answers how they are.
pub async fn endpoints_lock(conn: &mut Conn, ids: Vec<String>) -> QueryResult<Vec<HealthRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = e::table.filter(e::id.eq_any(ids)).order(e::id).select(HealthRow::as_select());
    rows.for_update().load(conn).await
}

/// A row with what all of them share.
struct LeasedRow<'a> {
    id: String,
    due_at: i64,
    turn: &'static str,
    attempts: i64,
    was_leased: i64,
    token: &'a str,
    until: i64,
    now: i64,
}

/// Leases deliveries that are still as they were read, and whom nobody else is just taking. Of a row that was leased
/// before, `due_at` is the end of that lease.
pub async fn deliveries_lease(
    conn: &mut Conn,
    rows: Vec<LeaseRow>,
    lease: &Claim,
    now: i64,
) -> QueryResult<HashSet<String>> {
    let (token, until) = (lease.token.as_str(), lease.until.micros());
    let leased = |row: LeaseRow| {
        let LeaseRow { id, due_at, turn, attempts, was_leased } = row;
        LeasedRow { id, due_at, turn, attempts, was_leased, token, until, now }
    };
    let rows: Vec<LeasedRow<'_>> = rows.into_iter().map(leased).collect();
    let won = unnest!(
        conn,
        rows,
        DeliveriesLease,
        "update webhook_deliveries d set status = 'in_flight', lease = n.lease, due_at = n.until, \
         attempt_due_at = case d.status when 'in_flight' then d.attempt_due_at else d.due_at end from \
         (select d.id, n.lease, n.until from ",
        [
            text id, bigint due_at, text turn, bigint attempts, bigint was_leased, text token, bigint until,
            bigint now,
        ],
        " (id, due_at, turn, attempts, was_leased, lease, until, now) join webhook_deliveries d on d.id = n.id \
         and d.due_at = n.due_at and d.turn = n.turn and d.attempts = n.attempts \
         and (d.status = 'in_flight') = (n.was_leased = 1) where d.turn <> 'catch_up' or not exists (select 1 from webhook_deliveries b \
         where b.webhook_id = d.webhook_id and b.turn = 'catch_up' and b.status = 'in_flight' and b.due_at > n.now \
         offset 0) order by d.id for update of d skip locked) n where d.id = n.id returning d.id"
    );
    Ok(won.into_iter().collect())
}

/// A row that goes back, with whose it was.
struct ReleasedRow {
    id: String,
    due_at: i64,
    lease: String,
}

/// Gives deliveries back.
pub async fn deliveries_release(conn: &mut Conn, rows: Vec<DueRow>, lease: String) -> QueryResult<()> {
    let released = |row: DueRow| ReleasedRow { id: row.id, due_at: row.due_at, lease: lease.clone() };
    let rows: Vec<ReleasedRow> = rows.into_iter().map(released).collect();
    unnest!(
        conn,
        rows,
        DeliveriesRelease,
        "update webhook_deliveries d set status = case when 0 < d.attempts then 'failed' else 'pending' end, \
         lease = '', due_at = n.due_at from ",
        [text id, bigint due_at, text lease],
        " (id, due_at, lease) where d.id = n.id and d.status = 'in_flight' and d.lease = n.lease returning d.id"
    );
    Ok(())
}

/// Keeps what came of attempts; answers the keys of those whose leases held. No answer leaves the newest answer what it was; and
/// what failed while it was caught up on goes on by itself, so that the others go on too.
pub async fn deliveries_attempted(conn: &mut Conn, rows: Vec<AttemptedRow>) -> QueryResult<HashSet<String>> {
    let held = unnest!(
        conn,
        rows,
        DeliveriesAttempted,
        "update webhook_deliveries d set lease = '', \
         turn = case d.turn when 'catch_up' then 'in_order' else d.turn end, status = n.status, \
         attempts = n.attempts, due_at = n.due_at, \
         last_response_status = coalesce(n.last_response_status, d.last_response_status), \
         last_response_excerpt = coalesce(n.last_response_excerpt, d.last_response_excerpt), \
         last_error = n.last_error, delivered_at = n.delivered_at from ",
        [
            text id, text held_lease, text status, bigint attempts, bigint_or_null due_at,
            bigint_or_null last_response_status, text_or_null last_response_excerpt, text_or_null last_error,
            bigint_or_null delivered_at,
        ],
        " (id, lease, status, attempts, due_at, last_response_status, last_response_excerpt, last_error, \
         delivered_at) where d.id = n.id and d.status = 'in_flight' and d.lease = n.lease \
         returning d.id || ' ' || n.lease"
    );
    Ok(held.into_iter().collect())
}

/// Keeps what attempts say of endpoints.
pub async fn endpoints_told(conn: &mut Conn, rows: Vec<ToldRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        EndpointsTold,
        "update webhook_endpoints e set consecutive_failures = n.consecutive_failures, \
         last_success_at = n.last_success_at, last_failure_at = n.last_failure_at, \
         delivered = e.delivered + n.delivered, failed = e.failed + n.failed, dlq = e.dlq + n.dlq, \
         status = case when n.disabled_at is null then e.status else 'disabled' end, \
         disabled_at = coalesce(e.disabled_at, n.disabled_at) from ",
        [
            text id, bigint consecutive_failures, bigint_or_null last_success_at, bigint_or_null last_failure_at,
            bigint_or_null disabled_at, bigint delivered, bigint failed, bigint dlq,
        ],
        " (id, consecutive_failures, last_success_at, last_failure_at, disabled_at, delivered, failed, dlq) \
         where e.id = n.id returning e.id"
    );
    Ok(())
}
