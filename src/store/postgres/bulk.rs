//! Many rows of one table at once, on PostgreSQL: one statement over arrays, whatever the number of rows.
//!
//! `insert … select from unnest($1, $2, …)` has one text for any length, so it is prepared once per
//! connection. `sqlite/bulk.rs` has the same functions.

use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::Conn;
pub use super::bulk_payments::{ledger_insert, payments_put};
use super::statement::Orders;
use crate::store::effect_rows::{IpnRow, KeyClaimRow, KeyTotalRow, OutboxRow, RaisedRow, SearchRow, TotalRow};
use crate::store::listener_rows::Listener;
use crate::store::move_rows::WitnessTotalRow;
use crate::store::rows::{EventRow, OrderRow};
use crate::store::schema::{orders, webhook_deliveries, webhook_endpoints};
use crate::store::webhook_rows::{ACTIVE, DeliveryRow};
use crate::store::work_rows::WorkRow;

/// One column of all rows.
pub(super) enum Column<'a> {
    Text(Vec<&'a str>),
    TextOrNull(Vec<Option<&'a str>>),
    BigInt(Vec<i64>),
    BigIntOrNull(Vec<Option<i64>>),
}

/// `head unnest(columns) tail`, answering one text column; `Id` names the statement in the cache.
pub(super) struct Unnest<'a, Id> {
    pub(super) head: &'static str,
    pub(super) columns: Vec<Column<'a>>,
    pub(super) tail: &'static str,
    pub(super) id: PhantomData<Id>,
}

impl<Id: 'static> QueryId for Unnest<'_, Id> {
    type QueryId = Id;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<Id> Query for Unnest<'_, Id> {
    type SqlType = Text;
}

impl<Id> QueryFragment<Pg> for Unnest<'_, Id> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.head);
        out.push_sql(" unnest(");
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push_sql(", ");
            }
            match column {
                Column::Text(values) => out.push_bind_param::<Array<Text>, _>(values)?,
                Column::TextOrNull(values) => out.push_bind_param::<Array<Nullable<Text>>, _>(values)?,
                Column::BigInt(values) => out.push_bind_param::<Array<BigInt>, _>(values)?,
                Column::BigIntOrNull(values) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(values)?,
            }
        }
        out.push_sql(") ");
        out.push_sql(self.tail);
        Ok(())
    }
}

/// Runs one statement over all rows; its name is its id in the cache. Nothing runs without rows.
macro_rules! unnest {
    ($conn:ident, $rows:ident, $name:ident, $head:expr, [$($kind:ident $field:ident),* $(,)?], $tail:expr) => {{
        struct $name;
        if $rows.is_empty() {
            return Ok(Default::default());
        }
        let statement: Unnest<'_, $name> = Unnest {
            head: $head,
            columns: vec![$(unnest!(@column $kind $rows $field)),*],
            tail: $tail,
            id: PhantomData,
        };
        statement.load::<String>(&mut &*$conn).await?
    }};
    (@column text $rows:ident $field:ident) => { Column::Text($rows.iter().map(|row| &*row.$field).collect()) };
    (@column text_or_null $rows:ident $field:ident) => {
        Column::TextOrNull($rows.iter().map(|row| row.$field.as_deref()).collect())
    };
    (@column bigint $rows:ident $field:ident) => { Column::BigInt($rows.iter().map(|row| row.$field).collect()) };
    (@column bigint_or_null $rows:ident $field:ident) => {
        Column::BigIntOrNull($rows.iter().map(|row| row.$field).collect())
    };
}

pub(super) use unnest;

/// Inserts reports that are new; answers the hashes of their bodies.
pub async fn ipns_claim(conn: &Conn, rows: Vec<IpnRow>) -> QueryResult<HashSet<String>> {
    let new = unnest!(
        conn,
        rows,
        IpnsClaim,
        "insert into received_ipns (body_sha256, order_id, payment_id, payment_status, verified_form, \
         verified_secret, outcome, times_seen, received_at, last_received_at, raw_body, content_sha256) \
         select * from",
        [
            text body_sha256, text_or_null order_id, text payment_id, text payment_status, text verified_form,
            bigint verified_secret, text outcome, bigint times_seen, bigint received_at, bigint last_received_at,
            text raw_body, text_or_null content_sha256,
        ],
        "on conflict do nothing returning body_sha256"
    );
    Ok(new.into_iter().collect())
}

/// Inserts what is new; answers the orders whose keys were.
pub async fn keys_claim(conn: &Conn, rows: Vec<KeyClaimRow>) -> QueryResult<HashSet<String>> {
    let new = unnest!(
        conn,
        rows,
        KeysClaim,
        "insert into idempotency_keys (account_id, key, order_id, product, price_cents, price_currency, \
         first_seen_at, last_seen_at, replays, body_mismatches) select * from",
        [
            text account_id, text key, text order_id, text product, bigint price_cents, text price_currency,
            bigint first_seen_at, bigint last_seen_at, bigint replays, bigint body_mismatches,
        ],
        "on conflict do nothing returning order_id"
    );
    Ok(new.into_iter().collect())
}

/// Locks these orders in key order until the transaction ends, and answers their versions.
pub async fn orders_lock(conn: &Conn, ids: Vec<String>) -> QueryResult<HashMap<String, i64>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let versions: Vec<(String, i64)> = orders::table
        .filter(orders::id.eq_any(ids))
        .order(orders::id)
        .select((orders::id, orders::version))
        .for_update()
        .load(&mut &*conn)
        .await?;
    Ok(versions.into_iter().collect())
}

/// Locks these deliveries in key order until the transaction ends, and answers them as they then are.
pub async fn deliveries_lock(conn: &Conn, ids: Vec<String>) -> QueryResult<Vec<DeliveryRow>> {
    use webhook_deliveries as d;
    let rows = d::table.filter(d::id.eq_any(ids)).order(d::id).select(DeliveryRow::as_select());
    rows.for_update().load(&mut &*conn).await
}

/// Reads orders.
pub async fn orders_read(conn: &Conn, statement: Orders) -> QueryResult<Vec<OrderRow>> {
    statement.load(&mut &*conn).await
}

/// Inserts new orders.
pub async fn orders_insert(conn: &Conn, rows: Vec<OrderRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        OrdersInsert,
        "insert into orders (id, account_id, product, price_cents, price_currency, pay_currency, status, \
         failure_reason, amount_check, owed, payment_id, customer_note, internal_note, expires_at, due_at, paid_at, \
         created_at, updated_at, version) select * from",
        [
            text id, text account_id, text product, bigint price_cents, text price_currency,
            text_or_null pay_currency, text status, text_or_null failure_reason, text_or_null amount_check,
            text_or_null owed, text_or_null payment_id, text_or_null customer_note, text_or_null internal_note,
            bigint_or_null expires_at, bigint_or_null due_at, bigint_or_null paid_at, bigint created_at,
            bigint updated_at, bigint version,
        ],
        "returning id"
    );
    Ok(())
}

/// Overwrites orders whose versions were just checked and locked.
pub async fn orders_update(conn: &Conn, rows: Vec<OrderRow>) -> QueryResult<()> {
    let updated = unnest!(
        conn,
        rows,
        OrdersUpdate,
        "update orders o set status = n.status, failure_reason = n.failure_reason, amount_check = n.amount_check, \
         owed = n.owed, payment_id = n.payment_id, customer_note = n.customer_note, \
         internal_note = n.internal_note, expires_at = n.expires_at, due_at = n.due_at, paid_at = n.paid_at, \
         updated_at = n.updated_at, version = n.version from",
        [
            text id, text status, text_or_null failure_reason, text_or_null amount_check, text_or_null owed,
            text_or_null payment_id, text_or_null customer_note, text_or_null internal_note,
            bigint_or_null expires_at, bigint_or_null due_at, bigint_or_null paid_at, bigint updated_at,
            bigint version,
        ],
        "as n (id, status, failure_reason, amount_check, owed, payment_id, customer_note, internal_note, \
         expires_at, due_at, paid_at, updated_at, version) \
         where o.id = n.id collate \"C\" and o.version = n.version - 1 returning o.id"
    );
    if updated.len() == rows.len() { Ok(()) } else { Err(diesel::result::Error::NotFound) }
}

/// Appends to the logs.
pub async fn events_insert(conn: &Conn, rows: Vec<EventRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        EventsInsert,
        "insert into order_events (order_id, seq, status, at, source, provider_status, payment_id, actor, \
         recorded_at, witness, provider_at) select * from",
        [
            text order_id, bigint seq, text status, bigint at, text source, text_or_null provider_status,
            text_or_null payment_id, text_or_null actor, bigint recorded_at, text_or_null witness,
            bigint_or_null provider_at,
        ],
        "returning order_id"
    );
    Ok(())
}

/// Queues orders for the search index.
pub async fn search_enqueue(conn: &Conn, ids: Vec<String>) -> QueryResult<()> {
    struct Queued {
        order_id: String,
    }
    let rows: Vec<Queued> = ids.into_iter().map(|order_id| Queued { order_id }).collect();
    unnest!(
        conn,
        rows,
        SearchEnqueue,
        "insert into search_queue (order_id) select * from",
        [text order_id],
        "on conflict do nothing returning order_id"
    );
    Ok(())
}

/// Writes texts into the search index, over what was there of the same orders.
pub async fn search_put(conn: &Conn, rows: Vec<SearchRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        SearchPut,
        "insert into order_search (order_id, body) select * from",
        [text order_id, text body],
        "on conflict (order_id) do update set body = excluded.body returning order_id"
    );
    Ok(())
}

/// Writes what merchants will be told.
pub async fn outbox_insert(conn: &Conn, rows: Vec<OutboxRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        OutboxInsert,
        "insert into outbox_events (id, account_id, order_id, event_type, body, created_at) select * from",
        [text id, text account_id, text order_id, text event_type, text body, bigint created_at],
        "returning id"
    );
    Ok(())
}

/// Queues events for endpoints; what is queued already stays as it is.
pub async fn deliveries_insert(conn: &Conn, rows: Vec<DeliveryRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        DeliveriesInsert,
        "insert into webhook_deliveries (id, webhook_id, event_id, order_id, event_type, event_at, turn, status, \
         attempts, due_at, lease, last_response_status, last_response_excerpt, last_error, delivered_at, created_at, \
         attempt_due_at) \
         select * from",
        [
            text id, text webhook_id, text event_id, text_or_null order_id, text event_type, bigint event_at, text turn,
            text status, bigint attempts, bigint_or_null due_at, text lease, bigint_or_null last_response_status,
            text_or_null last_response_excerpt, text_or_null last_error, bigint_or_null delivered_at, bigint created_at,
            bigint_or_null attempt_due_at,
        ],
        "on conflict do nothing returning id"
    );
    Ok(())
}

/// The endpoints of these accounts that are active.
pub async fn listeners_load(conn: &Conn, accounts: Vec<String>) -> QueryResult<Vec<Listener>> {
    use webhook_endpoints as e;
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let kept = e::table.filter(e::deleted_at.is_null());
    let active = kept.filter(e::account_id.eq_any(accounts)).filter(e::status.eq(ACTIVE));
    active.select(Listener::as_select()).load(&mut &*conn).await
}

/// Writes what is to be asked of the provider, whoever was at it.
pub async fn work_put(conn: &Conn, rows: Vec<WorkRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        WorkPut,
        "insert into provider_work (order_id, due_at, claim, claimed_until, asked_at, tries, last_error, raise_at) \
         select * from",
        [
            text order_id, bigint due_at, text claim, bigint claimed_until, bigint_or_null asked_at, bigint tries,
            text_or_null last_error, bigint_or_null raise_at,
        ],
        "on conflict (order_id) do update set due_at = excluded.due_at, claim = excluded.claim, \
         claimed_until = excluded.claimed_until, asked_at = excluded.asked_at, tries = excluded.tries, \
         last_error = excluded.last_error, raise_at = excluded.raise_at returning order_id"
    );
    Ok(())
}

/// Sees to it that these orders are looked at then at the latest; what is due before stays so.
pub async fn work_hasten(conn: &Conn, rows: Vec<WorkRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        WorkHasten,
        "insert into provider_work as w (order_id, due_at, claim, claimed_until, tries) select * from",
        [text order_id, bigint due_at, text claim, bigint claimed_until, bigint tries],
        "on conflict (order_id) do update set due_at = excluded.due_at where w.due_at > excluded.due_at \
         returning order_id"
    );
    Ok(())
}

/// Adds to the totals.
pub async fn totals_add(conn: &Conn, rows: Vec<TotalRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        TotalsAdd,
        "insert into order_totals as t (day, status, product, currency, shard, orders, cents, paid_after_ms) \
         select * from",
        [
            text day, text status, text product, text currency, bigint shard, bigint orders, bigint cents,
            bigint paid_after_ms,
        ],
        "on conflict (day, status, product, currency, shard) do update set orders = t.orders + excluded.orders, \
         cents = t.cents + excluded.cents, paid_after_ms = t.paid_after_ms + excluded.paid_after_ms returning day"
    );
    Ok(())
}

/// Adds to the counters of moves.
pub async fn witness_totals_add(conn: &Conn, rows: Vec<WitnessTotalRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        WitnessTotalsAdd,
        "insert into witness_totals as t (day, witness, shard, moves, lag_ms, under_10s, s10_to_1m, m1_to_10m, \
         over_10m) select * from",
        [
            text day, text witness, bigint shard, bigint moves, bigint lag_ms, bigint under_10s, bigint s10_to_1m,
            bigint m1_to_10m, bigint over_10m,
        ],
        "on conflict (day, witness, shard) do update set moves = t.moves + excluded.moves, \
         lag_ms = t.lag_ms + excluded.lag_ms, under_10s = t.under_10s + excluded.under_10s, \
         s10_to_1m = t.s10_to_1m + excluded.s10_to_1m, m1_to_10m = t.m1_to_10m + excluded.m1_to_10m, \
         over_10m = t.over_10m + excluded.over_10m returning day"
    );
    Ok(())
}

/// Adds to the counters of keys.
pub async fn key_totals_add(conn: &Conn, rows: Vec<KeyTotalRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        KeyTotalsAdd,
        "insert into idempotency_totals as t (account_id, shard, first_writes, replays, body_mismatches) \
         select * from",
        [text account_id, bigint shard, bigint first_writes, bigint replays, bigint body_mismatches],
        "on conflict (account_id, shard) do update set first_writes = t.first_writes + excluded.first_writes, \
         replays = t.replays + excluded.replays, body_mismatches = t.body_mismatches + excluded.body_mismatches \
         returning account_id"
    );
    Ok(())
}

/// Opens items, or counts up the open ones of the same kind, order and payment.
pub async fn attention_raise(conn: &Conn, rows: Vec<RaisedRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        AttentionRaise,
        "insert into attention_items as a (id, kind, order_id, payment_id, count, first_at, last_at, detail) \
         select * from",
        [
            text id, text kind, text order_id, text payment_id, bigint count, bigint first_at, bigint last_at,
            text_or_null detail,
        ],
        "on conflict (kind, order_id, payment_id) where resolved_at is null \
         do update set count = a.count + excluded.count, last_at = excluded.last_at, \
         detail = coalesce(excluded.detail, a.detail) returning id"
    );
    Ok(())
}
