//! The courier's statements on SQLite: one cached statement per endpoint or row, all of a page in one piece of work.
//!
//! Each names its index, because a planner that guesses wrong here would walk through every delivery there is.
//! `postgres/bulk_courier.rs` has the same functions.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::Conn;
use super::statement::Statement;
use crate::store::courier::Ask;
use crate::store::courier_rows::{
    AttemptedRow, DueRow, HealthRow, LeaseRow, LetterColumns, LetterRow, ToldRow, WaitingColumns, WaitingRow,
    attempt_key,
};
use crate::store::schema::webhook_endpoints as e;
use crate::store::work::Claim;

/// The endpoints for which deliveries wait: each step looks up the next id, and skips its deliveries.
pub async fn endpoints_waiting(conn: &mut Conn, now: i64, after: String, limit: i64) -> QueryResult<Vec<WaitingRow>> {
    let statement: Statement<WaitingColumns> = Statement::new(
        "with recursive w (id, n) as (select (select webhook_id from webhook_deliveries \
         indexed by webhook_deliveries_due where due_at is not null and webhook_id > ",
    )
    .text(&after)
    .sql(
        " order by webhook_id limit 1), 1 union all select (select webhook_id from webhook_deliveries \
         indexed by webhook_deliveries_due where due_at is not null and webhook_id > w.id \
         order by webhook_id limit 1), w.n + 1 from w where w.id is not null and w.n < ",
    )
    .number(limit)
    .sql(
        ") select w.id, coalesce(e.status, ''), coalesce(e.consecutive_failures, 0), e.last_success_at, (select count(*) from \
         (select 'in_order' as turn union all select 'replay' union all select 'catch_up') t where exists \
         (select 1 from webhook_deliveries d indexed by webhook_deliveries_due where d.webhook_id = w.id \
         and d.turn = t.turn and d.due_at <= ",
    )
    .number(now)
    .sql(")) from w left join webhook_endpoints e on e.id = w.id where w.id is not null order by w.id");
    conn.spawn_blocking(move |conn| statement.load(conn)).await
}

/// What stands of each delivery in the page, and whence.
const LETTERS: &str = "select d.id, d.webhook_id, d.event_id, d.event_type, d.turn, d.status, d.attempts, d.due_at, d.event_at, \
    e.url, e.secret, e.prev_secret, e.prev_secret_until, o.body from webhook_deliveries d \
    indexed by webhook_deliveries_due cross join webhook_endpoints e left join outbox_events o on o.id = d.event_id \
    where e.id = d.webhook_id and d.webhook_id = ";
/// Those of a turn that are due.
const REPLAYED: &str = " and d.turn = 'replay' and d.due_at <= ";
const IN_ORDER: &str = " and d.turn = 'in_order' and d.due_at <= ";
const CAUGHT_UP: &str = " and d.turn = 'catch_up' and d.status <> 'in_flight' and d.due_at <= ";
/// Those that somebody caught up on and has let go of.
const LET_GO_OF: &str = " and d.turn = 'catch_up' and d.status = 'in_flight' and d.due_at <= ";
/// Without those for which an earlier one of the same order waits or is attempted.
const BEHIND_NOBODY: &str = " and not exists (select 1 from webhook_deliveries b indexed by webhook_deliveries_waiting \
    where b.webhook_id = d.webhook_id and b.order_id = d.order_id and b.due_at is not null and b.turn <> 'replay' \
    and b.event_at < d.event_at)";
/// The same where earlier ones that are caught up on are sent before by the same hand; and no other hand is at it.
const CAUGHT_UP_BY_NOBODY: &str = " and not exists (select 1 from webhook_deliveries b indexed by \
    webhook_deliveries_waiting where b.webhook_id = d.webhook_id and b.order_id = d.order_id \
    and b.due_at is not null and b.turn = 'in_order' and b.event_at < d.event_at) \
    and not exists (select 1 from webhook_deliveries b indexed by webhook_deliveries_catching_up \
    where b.webhook_id = d.webhook_id and b.turn = 'catch_up' and b.status = 'in_flight' \
    and b.due_at > ";
/// Longest due first.
const FIRST: &str = " order by d.due_at, d.event_at, d.id limit ";

/// By the events' own age: when a lease ran out says nothing of that.
const OLDEST: &str = " order by d.event_at, d.id limit ";

/// What is due of these endpoints and may be sent now.
pub async fn deliveries_due(conn: &mut Conn, now: i64, asks: &[Ask]) -> QueryResult<Vec<LetterRow>> {
    let asks: Vec<(String, i64)> =
        asks.iter().map(|ask| (ask.webhook.to_string(), i64::try_from(ask.deliveries).unwrap_or(i64::MAX))).collect();
    conn.spawn_blocking(move |conn| {
        let mut rows = Vec::new();
        for (webhook, deliveries) in asks {
            let of = || -> Statement<LetterColumns> { Statement::new(LETTERS).text(&webhook) };
            let replayed = of().sql(REPLAYED).number(now).sql(FIRST).number(deliveries);
            let in_order = of().sql(IN_ORDER).number(now).sql(BEHIND_NOBODY).sql(FIRST).number(deliveries);
            let catch_up = |those: &'static str, first: &'static str| {
                let by_nobody = of().sql(those).number(now).sql(CAUGHT_UP_BY_NOBODY).number(now).sql(")");
                by_nobody.sql(first).number((deliveries / 2).max(1))
            };
            let (let_go_of, caught_up) = (catch_up(LET_GO_OF, OLDEST), catch_up(CAUGHT_UP, FIRST));
            for statement in [replayed, in_order, let_go_of, caught_up] {
                rows.extend(statement.load::<LetterRow>(conn)?);
            }
        }
        Ok(rows)
    })
    .await
}

/// How these endpoints are. Nobody else writes from here until this transaction ends.
pub async fn endpoints_lock(conn: &mut Conn, ids: Vec<String>) -> QueryResult<Vec<HealthRow>> {
    conn.spawn_blocking(move |conn| {
        // Finds nothing, but takes the write lock, and waits for it: who has read first is refused it at once while
        // another process writes.
        diesel::sql_query("update webhook_endpoints set dlq = dlq where id = ''").execute(conn)?;
        let mut rows = Vec::new();
        for id in ids {
            rows.extend(e::table.find(&id).select(HealthRow::as_select()).load(conn)?);
        }
        Ok(rows)
    })
    .await
}

/// Runs a statement on every row; answers the ids of the rows that it found as they should be.
async fn found<Row>(
    conn: &mut Conn,
    rows: Vec<Row>,
    write: impl Fn(&mut SqliteConnection, Row) -> QueryResult<Option<String>> + Send + 'static,
) -> QueryResult<HashSet<String>>
where
    Row: Send + 'static,
{
    conn.spawn_blocking(move |conn| rows.into_iter().filter_map(|row| write(conn, row).transpose()).collect()).await
}

/// Leases deliveries that are still as they were read.
pub async fn deliveries_lease(
    conn: &mut Conn,
    rows: Vec<LeaseRow>,
    lease: &Claim,
    _now: i64,
) -> QueryResult<HashSet<String>> {
    let lease = lease.clone();
    found(conn, rows, move |conn, row| {
        let count = LeaseUpdate { row: &row, token: &lease.token, until: lease.until.micros() }.execute(conn)?;
        Ok((count == 1).then_some(row.id))
    })
    .await
}

/// Gives deliveries back.
pub async fn deliveries_release(conn: &mut Conn, rows: Vec<DueRow>, lease: String) -> QueryResult<()> {
    let given = found(conn, rows, move |conn, row| {
        Release { row: &row, lease: &lease }.execute(conn)?;
        Ok(None)
    });
    given.await.map(drop)
}

/// Keeps what came of attempts; answers the keys of those whose leases held.
pub async fn deliveries_attempted(conn: &mut Conn, rows: Vec<AttemptedRow>) -> QueryResult<HashSet<String>> {
    found(conn, rows, |conn, row| {
        Ok((Attempted(&row).execute(conn)? == 1).then(|| attempt_key(&row.id, &row.held_lease)))
    })
    .await
}

/// Keeps what attempts say of endpoints.
pub async fn endpoints_told(conn: &mut Conn, rows: Vec<ToldRow>) -> QueryResult<()> {
    let told = found(conn, rows, |conn, row| {
        Told(&row).execute(conn)?;
        Ok(None)
    });
    told.await.map(drop)
}

/// Statements spelled by hand, because diesel has every `update` parsed anew.
macro_rules! cached {
    ($name:ident) => {
        impl QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl RunQueryDsl<SqliteConnection> for $name<'_> {}
    };
}

struct LeaseUpdate<'a> {
    row: &'a LeaseRow,
    token: &'a str,
    until: i64,
}

struct Release<'a> {
    row: &'a DueRow,
    lease: &'a str,
}

struct Attempted<'a>(&'a AttemptedRow);

struct Told<'a>(&'a ToldRow);

cached!(LeaseUpdate);
cached!(Release);
cached!(Attempted);
cached!(Told);

impl QueryFragment<Sqlite> for LeaseUpdate<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // Of a row that was leased before, due_at is the end of that lease.
        out.push_sql(
            "update webhook_deliveries set attempt_due_at = case status when 'in_flight' then attempt_due_at else due_at end, \
             status = 'in_flight', lease = ",
        );
        out.push_bind_param::<Text, _>(self.token)?;
        out.push_sql(", due_at = ");
        out.push_bind_param::<BigInt, _>(&self.until)?;
        out.push_sql(" where id = ");
        out.push_bind_param::<Text, _>(&self.row.id)?;
        out.push_sql(" and due_at = ");
        out.push_bind_param::<BigInt, _>(&self.row.due_at)?;
        out.push_sql(" and turn = ");
        out.push_bind_param::<Text, _>(self.row.turn)?;
        out.push_sql(" and attempts = ");
        out.push_bind_param::<BigInt, _>(&self.row.attempts)?;
        out.push_sql(" and (status = 'in_flight') = ");
        out.push_bind_param::<BigInt, _>(&self.row.was_leased)
    }
}

impl QueryFragment<Sqlite> for Release<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "update webhook_deliveries set status = case when 0 < attempts then 'failed' else 'pending' end, \
             lease = '', due_at = ",
        );
        out.push_bind_param::<BigInt, _>(&self.row.due_at)?;
        out.push_sql(" where id = ");
        out.push_bind_param::<Text, _>(&self.row.id)?;
        out.push_sql(" and status = 'in_flight' and lease = ");
        out.push_bind_param::<Text, _>(self.lease)
    }
}

impl QueryFragment<Sqlite> for Attempted<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let row = self.0;
        // What failed while it was caught up on goes on by itself, so that the others go on too.
        out.push_sql(
            "update webhook_deliveries set lease = '', turn = case turn when 'catch_up' then 'in_order' else turn end, \
             status = ",
        );
        out.push_bind_param::<Text, _>(row.status)?;
        out.push_sql(", attempts = ");
        out.push_bind_param::<BigInt, _>(&row.attempts)?;
        out.push_sql(", due_at = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.due_at)?;
        // No answer leaves the newest answer what it was.
        out.push_sql(", last_response_status = coalesce(");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.last_response_status)?;
        out.push_sql(", last_response_status), last_response_excerpt = coalesce(");
        out.push_bind_param::<Nullable<Text>, _>(&row.last_response_excerpt)?;
        out.push_sql(", last_response_excerpt), last_error = ");
        out.push_bind_param::<Nullable<Text>, _>(&row.last_error)?;
        out.push_sql(", delivered_at = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.delivered_at)?;
        out.push_sql(" where id = ");
        out.push_bind_param::<Text, _>(&row.id)?;
        out.push_sql(" and status = 'in_flight' and lease = ");
        out.push_bind_param::<Text, _>(&row.held_lease)
    }
}

impl QueryFragment<Sqlite> for Told<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let row = self.0;
        out.push_sql("update webhook_endpoints set consecutive_failures = ");
        out.push_bind_param::<BigInt, _>(&row.consecutive_failures)?;
        out.push_sql(", last_success_at = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.last_success_at)?;
        out.push_sql(", last_failure_at = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.last_failure_at)?;
        out.push_sql(", delivered = delivered + ");
        out.push_bind_param::<BigInt, _>(&row.delivered)?;
        out.push_sql(", failed = failed + ");
        out.push_bind_param::<BigInt, _>(&row.failed)?;
        out.push_sql(", dlq = dlq + ");
        out.push_bind_param::<BigInt, _>(&row.dlq)?;
        out.push_sql(
            ", (status, disabled_at) = (select case when n.at is null then status else 'disabled' end, \
                      coalesce(disabled_at, n.at) from (select ",
        );
        out.push_bind_param::<Nullable<BigInt>, _>(&row.disabled_at)?;
        out.push_sql(" as at) n) where id = ");
        out.push_bind_param::<Text, _>(&row.id)
    }
}
