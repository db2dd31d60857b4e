//! A write set on PostgreSQL: one statement, whatever it has of each table.
//!
//! A part for each table writes all of its rows, `insert … select from unnest($1, $2, …)`, and the parts are one
//! statement's `with`: they share one snapshot, and keys between tables are checked once all have written. There are
//! as many texts as there are mixtures of parts, which are few, and each is prepared once.

use std::collections::HashSet;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::bulk::{Column, columns, push_columns};
use crate::store::effect_rows::{KeyTotalRow, OutboxRow, QueuedRow, RaisedRow, TotalRow};
use crate::store::move_rows::WitnessTotalRow;
use crate::store::payment_rows::PaymentRow;
use crate::store::rows::{EventRow, OrderRow};
use crate::store::webhook_rows::DeliveryRow;
use crate::store::work_rows::WorkRow;
use crate::store::write_set::WriteSet;

/// Writes all rows of the set. Returns the ids of its payments that were written; the others belong to other orders.
pub async fn write(conn: &Conn, set: WriteSet) -> QueryResult<HashSet<String>> {
    let all = [
        payments_put(&set.payments),
        orders_insert(&set.placed),
        orders_update(&set.changed),
        events_insert(&set.events),
        search_enqueue(&set.searched),
        outbox_insert(&set.outbox),
        deliveries_insert(&set.deliveries),
        attention_raise(&set.raised),
        work_put(&set.work),
        work_hasten(&set.looks),
        totals_add(&set.totals),
        witness_totals_add(&set.moves),
        key_totals_add(&set.key_totals),
    ];
    let parts: Vec<Part<'_>> = all.into_iter().filter(|part| part.rows > 0).collect();
    if parts.is_empty() {
        return Ok(HashSet::new());
    }
    let answered: Vec<(String, String)> = Parts(parts).load(&mut &*conn).await?;
    let (payments, updated): (Vec<_>, Vec<_>) = answered.into_iter().partition(|(part, _)| part == PAYMENTS);
    if updated.len() != set.changed.len() {
        return Err(diesel::result::Error::NotFound);
    }
    Ok(payments.into_iter().map(|(_, id)| id).collect())
}

/// Inserts payments; one that is there already is an error.
pub async fn payments_insert(conn: &Conn, rows: Vec<PaymentRow>) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let part = payments_into(&rows, "returning payment_id");
    Parts(vec![part]).load::<(String, String)>(&mut &*conn).await.map(drop)
}

/// Names of the parts whose keys are returned.
const PAYMENTS: &str = "payments_put";
const UPDATED: &str = "orders_update";

/// The rows of one table: `head unnest(columns) tail`, which returns a key of each.
struct Part<'a> {
    name: &'static str,
    rows: usize,
    head: &'static str,
    columns: Vec<Column<'a>>,
    tail: &'static str,
}

/// The parts of one statement, which returns the name and the keys of those that are [`PAYMENTS`] or [`UPDATED`].
struct Parts<'a>(Vec<Part<'a>>);

impl QueryId for Parts<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Parts<'_> {
    type SqlType = (Text, Text);
}

impl QueryFragment<Pg> for Parts<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for (index, part) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "with " } else { ", " });
            out.push_sql(part.name);
            out.push_sql(" as (");
            out.push_sql(part.head);
            push_columns(&part.columns, &mut out)?;
            out.push_sql(part.tail);
            out.push_sql(")");
        }
        out.push_sql(" select '', '' where false");
        for part in self.0.iter().filter(|part| [PAYMENTS, UPDATED].contains(&part.name)) {
            for piece in [" union all select '", part.name, "', written.* from ", part.name, " written"] {
                out.push_sql(piece);
            }
        }
        Ok(())
    }
}

/// Makes the [`Part`] of these rows under this name.
macro_rules! part {
    ($rows:ident, $name:ident, $head:expr, [$($columns:tt)*], $tail:expr) => {
        Part {
            name: stringify!($name),
            rows: $rows.len(),
            head: $head,
            columns: columns!($rows, [$($columns)*]),
            tail: $tail,
        }
    };
}

/// Inserts payments; `tail` says what becomes of known ones. Returns the ids of those written.
fn payments_into<'a>(rows: &'a [PaymentRow], tail: &'static str) -> Part<'a> {
    part!(
        rows,
        payments_put,
        "insert into order_payments as p (payment_id, order_id, role, parent_payment_id, provider_status, coin, \
         pay_amount, received, provider_at, first_seen_at, other_coin, other_received, pay_address, payin_extra_id, \
         network, purchase_id, decimals, paid_at_fiat, outcome_amount, outcome_currency, fee_amount, fee_currency, \
         unclear_status, unclear_coin, unclear_received, ended_status, ended_at) select * from",
        [
            text payment_id, text order_id, text role, text_or_null parent_payment_id, text provider_status,
            text_or_null coin, text_or_null pay_amount, text_or_null received, bigint_or_null provider_at,
            bigint first_seen_at, text_or_null other_coin, text_or_null other_received, text_or_null pay_address,
            text_or_null payin_extra_id, text_or_null network, text_or_null purchase_id, bigint_or_null decimals,
            text_or_null paid_at_fiat, text_or_null outcome_amount, text_or_null outcome_currency,
            text_or_null fee_amount, text_or_null fee_currency, text_or_null unclear_status, text_or_null unclear_coin,
            text_or_null unclear_received, text_or_null ended_status, bigint_or_null ended_at,
        ],
        tail
    )
}

/// Inserts payments, and brings known ones of the same order up to date. Returns the ids of those written.
fn payments_put(rows: &[PaymentRow]) -> Part<'_> {
    payments_into(
        rows,
        "on conflict (payment_id) do update set provider_status = excluded.provider_status, coin = excluded.coin, \
         pay_amount = excluded.pay_amount, received = excluded.received, provider_at = excluded.provider_at, \
         other_coin = excluded.other_coin, other_received = excluded.other_received, \
         pay_address = excluded.pay_address, payin_extra_id = excluded.payin_extra_id, network = excluded.network, \
         purchase_id = excluded.purchase_id, decimals = excluded.decimals, paid_at_fiat = excluded.paid_at_fiat, \
         outcome_amount = excluded.outcome_amount, outcome_currency = excluded.outcome_currency, \
         fee_amount = excluded.fee_amount, fee_currency = excluded.fee_currency, \
         unclear_status = excluded.unclear_status, unclear_coin = excluded.unclear_coin, \
         unclear_received = excluded.unclear_received, ended_status = excluded.ended_status, \
         ended_at = excluded.ended_at \
         where p.order_id = excluded.order_id returning payment_id",
    )
}

/// Inserts new orders.
fn orders_insert(rows: &[OrderRow]) -> Part<'_> {
    part!(
        rows,
        orders_insert,
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
    )
}

/// Overwrites orders whose versions were just checked and locked.
fn orders_update(rows: &[OrderRow]) -> Part<'_> {
    part!(
        rows,
        orders_update,
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
    )
}

/// Appends to the logs.
fn events_insert(rows: &[EventRow]) -> Part<'_> {
    part!(
        rows,
        events_insert,
        "insert into order_events (order_id, seq, status, at, source, provider_status, payment_id, actor, \
         recorded_at, witness, provider_at) select * from",
        [
            text order_id, bigint seq, text status, bigint at, text source, text_or_null provider_status,
            text_or_null payment_id, text_or_null actor, bigint recorded_at, text_or_null witness,
            bigint_or_null provider_at,
        ],
        "returning order_id"
    )
}

/// Queues orders for the search index.
fn search_enqueue(rows: &[QueuedRow]) -> Part<'_> {
    part!(
        rows,
        search_enqueue,
        "insert into search_queue (order_id) select * from",
        [text order_id],
        "on conflict do nothing returning order_id"
    )
}

/// Writes what merchants will be told.
fn outbox_insert(rows: &[OutboxRow]) -> Part<'_> {
    part!(
        rows,
        outbox_insert,
        "insert into outbox_events (id, account_id, order_id, event_type, body, created_at) select * from",
        [text id, text account_id, text order_id, text event_type, text body, bigint created_at],
        "returning id"
    )
}

/// Queues events for endpoints; what is queued already stays as it is.
fn deliveries_insert(rows: &[DeliveryRow]) -> Part<'_> {
    part!(
        rows,
        deliveries_insert,
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
    )
}

/// Writes what is to be asked of the provider, whoever was at it.
fn work_put(rows: &[WorkRow]) -> Part<'_> {
    part!(
        rows,
        work_put,
        "insert into provider_work (order_id, due_at, claim, claimed_until, asked_at, tries, last_error, raise_at) \
         select * from",
        [
            text order_id, bigint due_at, text claim, bigint claimed_until, bigint_or_null asked_at, bigint tries,
            text_or_null last_error, bigint_or_null raise_at,
        ],
        "on conflict (order_id) do update set due_at = excluded.due_at, claim = excluded.claim, \
         claimed_until = excluded.claimed_until, asked_at = excluded.asked_at, tries = excluded.tries, \
         last_error = excluded.last_error, raise_at = excluded.raise_at returning order_id"
    )
}

/// Sees to it that these orders are looked at then at the latest; what is due before stays so.
fn work_hasten(rows: &[WorkRow]) -> Part<'_> {
    part!(
        rows,
        work_hasten,
        "insert into provider_work as w (order_id, due_at, claim, claimed_until, tries) select * from",
        [text order_id, bigint due_at, text claim, bigint claimed_until, bigint tries],
        "on conflict (order_id) do update set due_at = excluded.due_at where w.due_at > excluded.due_at \
         returning order_id"
    )
}

/// Adds to the totals.
fn totals_add(rows: &[TotalRow]) -> Part<'_> {
    part!(
        rows,
        totals_add,
        "insert into order_totals as t (day, status, product, currency, shard, orders, cents, paid_after_ms) \
         select * from",
        [
            text day, text status, text product, text currency, bigint shard, bigint orders, bigint cents,
            bigint paid_after_ms,
        ],
        "on conflict (day, status, product, currency, shard) do update set orders = t.orders + excluded.orders, \
         cents = t.cents + excluded.cents, paid_after_ms = t.paid_after_ms + excluded.paid_after_ms returning day"
    )
}

/// Adds to the counters of moves.
fn witness_totals_add(rows: &[WitnessTotalRow]) -> Part<'_> {
    part!(
        rows,
        witness_totals_add,
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
    )
}

/// Adds to the counters of keys.
fn key_totals_add(rows: &[KeyTotalRow]) -> Part<'_> {
    part!(
        rows,
        key_totals_add,
        "insert into idempotency_totals as t (account_id, shard, first_writes, replays, body_mismatches) \
         select * from",
        [text account_id, bigint shard, bigint first_writes, bigint replays, bigint body_mismatches],
        "on conflict (account_id, shard) do update set first_writes = t.first_writes + excluded.first_writes, \
         replays = t.replays + excluded.replays, body_mismatches = t.body_mismatches + excluded.body_mismatches \
         returning account_id"
    )
}

/// Opens items, or counts up the open ones of the same kind, order and payment.
fn attention_raise(rows: &[RaisedRow]) -> Part<'_> {
    part!(
        rows,
        attention_raise,
        "insert into attention_items as a (id, kind, order_id, payment_id, count, first_at, last_at, detail) \
         select * from",
        [
            text id, text kind, text order_id, text payment_id, bigint count, bigint first_at, bigint last_at,
            text_or_null detail,
        ],
        "on conflict (kind, order_id, payment_id) where resolved_at is null \
         do update set count = a.count + excluded.count, last_at = excluded.last_at, \
         detail = coalesce(excluded.detail, a.detail) returning id"
    )
}
