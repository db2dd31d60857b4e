//! Many rows of one table at once, on SQLite: one cached single-row statement per row.
//!
//! Inside one transaction that is as fast as a multi-row statement, and needs no statement per length. All
//! rows go to the connection in one piece of work: through the async wrapper every single statement would
//! be spelled out anew, which costs as much as running it. `postgres/bulk.rs` has the same functions.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::upsert::excluded;

use super::Conn;
use super::statement::Orders;
use crate::store::effect_rows::{IpnRow, KeyClaimRow, KeyTotalRow, OutboxRow, RaisedRow, SearchRow, TotalRow};
use crate::store::listener_rows::Listener;
use crate::store::move_rows::WitnessTotalRow;
use crate::store::payment_rows::PaymentRow;
use crate::store::rows::{EventRow, OrderRow};
use crate::store::schema::{
    attention_items, idempotency_keys, idempotency_totals, order_events, order_payments, order_totals, orders,
    outbox_events, provider_work, received_ipns, search_queue, webhook_deliveries, webhook_endpoints, witness_totals,
};
use crate::store::webhook_rows::{ACTIVE, DeliveryRow};
use crate::store::work_rows::WorkRow;

/// Runs `each` on every row, until one fails. Nothing is asked of the connection without rows.
async fn for_each<Row: Send + 'static>(
    conn: &mut Conn,
    rows: Vec<Row>,
    each: fn(&mut SqliteConnection, Row) -> QueryResult<()>,
) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    conn.spawn_blocking(move |conn| rows.into_iter().try_for_each(|row| each(conn, row))).await
}

/// Inserts reports that are new; answers the hashes of their bodies.
pub async fn ipns_claim(conn: &mut Conn, rows: Vec<IpnRow>) -> QueryResult<HashSet<String>> {
    conn.spawn_blocking(move |conn| {
        let mut new = HashSet::new();
        for row in rows {
            if diesel::insert_into(received_ipns::table).values(&row).on_conflict_do_nothing().execute(conn)? == 1 {
                new.insert(row.body_sha256);
            }
        }
        Ok(new)
    })
    .await
}

/// Inserts what is new; answers the orders whose keys were.
pub async fn keys_claim(conn: &mut Conn, rows: Vec<KeyClaimRow>) -> QueryResult<HashSet<String>> {
    conn.spawn_blocking(move |conn| {
        let mut new = HashSet::new();
        for row in rows {
            if diesel::insert_into(idempotency_keys::table).values(&row).on_conflict_do_nothing().execute(conn)? == 1 {
                new.insert(row.order_id);
            }
        }
        Ok(new)
    })
    .await
}

/// The versions of these orders. Nobody else writes while this transaction runs.
pub async fn orders_lock(conn: &mut Conn, ids: Vec<String>) -> QueryResult<HashMap<String, i64>> {
    conn.spawn_blocking(move |conn| {
        let mut versions = HashMap::new();
        for id in ids {
            // Not `first`: diesel has a statement with a limit parsed anew each time.
            let version = orders::table.find(&id).select(orders::version).load::<i64>(conn)?.pop();
            if let Some(version) = version {
                versions.insert(id, version);
            }
        }
        Ok(versions)
    })
    .await
}

/// Inserts payments, or brings known ones of the same order up to date; answers those written.
pub async fn payments_put(conn: &mut Conn, rows: Vec<PaymentRow>) -> QueryResult<HashSet<String>> {
    use order_payments as p;
    conn.spawn_blocking(move |conn| {
        let mut written = HashSet::new();
        for row in rows {
            let mut count = diesel::insert_into(p::table).values(&row).on_conflict_do_nothing().execute(conn)?;
            if count == 0 {
                let known = p::table.find(&row.payment_id).filter(p::order_id.eq(&row.order_id));
                let news = (
                    p::provider_status.eq(&row.provider_status),
                    p::coin.eq(&row.coin),
                    p::pay_amount.eq(&row.pay_amount),
                    p::received.eq(&row.received),
                    p::provider_at.eq(row.provider_at),
                    p::other_coin.eq(&row.other_coin),
                    p::other_received.eq(&row.other_received),
                    p::pay_address.eq(&row.pay_address),
                    p::payin_extra_id.eq(&row.payin_extra_id),
                    p::network.eq(&row.network),
                    p::purchase_id.eq(&row.purchase_id),
                    p::decimals.eq(row.decimals),
                    p::paid_at_fiat.eq(&row.paid_at_fiat),
                    p::outcome_amount.eq(&row.outcome_amount),
                    p::outcome_currency.eq(&row.outcome_currency),
                    p::fee_amount.eq(&row.fee_amount),
                    p::fee_currency.eq(&row.fee_currency),
                    p::unclear_status.eq(&row.unclear_status),
                    p::unclear_coin.eq(&row.unclear_coin),
                    p::unclear_received.eq(&row.unclear_received),
                    p::ended_status.eq(&row.ended_status),
                    p::ended_at.eq(row.ended_at),
                );
                count = diesel::update(known).set(news).execute(conn)?;
            }
            if count == 1 {
                written.insert(row.payment_id);
            }
        }
        Ok(written)
    })
    .await
}

/// Reads orders straight from the engine: the async wrapper would copy each value first.
pub async fn orders_read(conn: &mut Conn, statement: Orders) -> QueryResult<Vec<OrderRow>> {
    conn.spawn_blocking(move |conn| statement.load(conn)).await
}

/// Inserts new orders.
pub async fn orders_insert(conn: &mut Conn, rows: Vec<OrderRow>) -> QueryResult<()> {
    for_each(conn, rows, |conn, row| diesel::insert_into(orders::table).values(&row).execute(conn).map(drop)).await
}

/// Overwrites orders whose versions were just checked.
pub async fn orders_update(conn: &mut Conn, rows: Vec<OrderRow>) -> QueryResult<()> {
    for_each(conn, rows, |conn, row| {
        if OrderUpdate(&row).execute(conn)? == 1 { Ok(()) } else { Err(diesel::result::Error::NotFound) }
    })
    .await
}

/// What can change of an order, written over the version before. Spelled by hand, because diesel has every
/// `update` parsed anew; and without the columns that never change, whose indexes then stay untouched.
struct OrderUpdate<'a>(&'a OrderRow);

impl QueryId for OrderUpdate<'_> {
    type QueryId = OrderUpdate<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for OrderUpdate<'_> {}

impl QueryFragment<Sqlite> for OrderUpdate<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let row = self.0;
        out.push_sql("update orders set status = ");
        out.push_bind_param::<Text, _>(&row.status)?;
        let texts = [
            (", failure_reason = ", &row.failure_reason),
            (", amount_check = ", &row.amount_check),
            (", owed = ", &row.owed),
            (", payment_id = ", &row.payment_id),
            (", customer_note = ", &row.customer_note),
            (", internal_note = ", &row.internal_note),
        ];
        for (column, text) in texts {
            out.push_sql(column);
            out.push_bind_param::<Nullable<Text>, _>(text)?;
        }
        let times =
            [(", expires_at = ", &row.expires_at), (", due_at = ", &row.due_at), (", paid_at = ", &row.paid_at)];
        for (column, time) in times {
            out.push_sql(column);
            out.push_bind_param::<Nullable<BigInt>, _>(time)?;
        }
        out.push_sql(", updated_at = ");
        out.push_bind_param::<BigInt, _>(&row.updated_at)?;
        out.push_sql(", version = ");
        out.push_bind_param::<BigInt, _>(&row.version)?;
        out.push_sql(" where id = ");
        out.push_bind_param::<Text, _>(&row.id)?;
        out.push_sql(" and version + 1 = ");
        out.push_bind_param::<BigInt, _>(&row.version)
    }
}

/// Appends to the logs.
pub async fn events_insert(conn: &mut Conn, rows: Vec<EventRow>) -> QueryResult<()> {
    for_each(conn, rows, |conn, row| diesel::insert_into(order_events::table).values(&row).execute(conn).map(drop))
        .await
}

/// Queues orders for the search index.
pub async fn search_enqueue(conn: &mut Conn, ids: Vec<String>) -> QueryResult<()> {
    for_each(conn, ids, |conn, id| {
        let queued = diesel::insert_into(search_queue::table).values(search_queue::order_id.eq(&id));
        queued.on_conflict_do_nothing().execute(conn).map(drop)
    })
    .await
}

/// Writes texts into the search index, over what was there of the same orders.
pub async fn search_put(conn: &mut Conn, rows: Vec<SearchRow>) -> QueryResult<()> {
    conn.spawn_blocking(move |conn| if rows.is_empty() { Ok(()) } else { SearchPut(&rows).execute(conn).map(drop) })
        .await
}

/// All texts in one statement: before each of several, SQLite has the index write out what it has gathered,
/// which makes a piece of index of every row, and the work of merging them all.
struct SearchPut<'a>(&'a [SearchRow]);

impl QueryId for SearchPut<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<SqliteConnection> for SearchPut<'_> {}

impl QueryFragment<Sqlite> for SearchPut<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // A text for every number of rows is not worth keeping.
        out.unsafe_to_cache_prepared();
        out.push_sql("insert into order_search (order_id, body) values ");
        for (index, row) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", (" });
            out.push_bind_param::<Text, _>(&row.order_id)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(&row.body)?;
            out.push_sql(")");
        }
        out.push_sql(" on conflict (order_id) do update set body = excluded.body");
        Ok(())
    }
}

/// Writes what merchants will be told.
pub async fn outbox_insert(conn: &mut Conn, rows: Vec<OutboxRow>) -> QueryResult<()> {
    for_each(conn, rows, |conn, row| diesel::insert_into(outbox_events::table).values(&row).execute(conn).map(drop))
        .await
}

/// Queues events for endpoints; what is queued already stays as it is.
pub async fn deliveries_insert(conn: &mut Conn, rows: Vec<DeliveryRow>) -> QueryResult<()> {
    for_each(conn, rows, |conn, row| {
        diesel::insert_into(webhook_deliveries::table).values(&row).on_conflict_do_nothing().execute(conn).map(drop)
    })
    .await
}

/// These deliveries as they are. Nobody else writes while this transaction runs.
pub async fn deliveries_lock(conn: &mut Conn, ids: Vec<String>) -> QueryResult<Vec<DeliveryRow>> {
    use webhook_deliveries as d;
    conn.spawn_blocking(move |conn| {
        d::table.filter(d::id.eq_any(ids)).order(d::id).select(DeliveryRow::as_select()).load(conn)
    })
    .await
}

/// The endpoints of these accounts that are active.
pub async fn listeners_load(conn: &mut Conn, accounts: Vec<String>) -> QueryResult<Vec<Listener>> {
    use webhook_endpoints as e;
    conn.spawn_blocking(move |conn| {
        let mut listeners = Vec::new();
        for account in accounts {
            let kept = e::table.filter(e::deleted_at.is_null());
            let active = kept.filter(e::account_id.eq(account)).filter(e::status.eq(ACTIVE));
            listeners.append(&mut active.select(Listener::as_select()).load(conn)?);
        }
        Ok(listeners)
    })
    .await
}

/// Writes what is to be asked of the provider, whoever was at it.
pub async fn work_put(conn: &mut Conn, rows: Vec<WorkRow>) -> QueryResult<()> {
    use provider_work as w;
    for_each(conn, rows, |conn, row| {
        let put = diesel::insert_into(w::table).values(&row).on_conflict(w::order_id).do_update().set(&row);
        put.execute(conn).map(drop)
    })
    .await
}

/// Sees to it that these orders are looked at then at the latest; what is due before stays so.
pub async fn work_hasten(conn: &mut Conn, rows: Vec<WorkRow>) -> QueryResult<()> {
    use provider_work as w;
    for_each(conn, rows, |conn, row| {
        let later = w::table.find(&row.order_id).filter(w::due_at.gt(row.due_at));
        if diesel::update(later).set(w::due_at.eq(row.due_at)).execute(conn)? == 0 {
            // It is due before, or nothing was to be asked any more.
            diesel::insert_into(w::table).values(&row).on_conflict_do_nothing().execute(conn)?;
        }
        Ok(())
    })
    .await
}

/// Adds to the totals.
pub async fn totals_add(conn: &mut Conn, rows: Vec<TotalRow>) -> QueryResult<()> {
    use order_totals as t;
    for_each(conn, rows, |conn, row| {
        let row = diesel::insert_into(t::table).values(&row);
        let added = row.on_conflict((t::day, t::status, t::product, t::currency, t::shard)).do_update().set((
            t::orders.eq(t::orders + excluded(t::orders)),
            t::cents.eq(t::cents + excluded(t::cents)),
            t::paid_after_ms.eq(t::paid_after_ms + excluded(t::paid_after_ms)),
        ));
        added.execute(conn).map(drop)
    })
    .await
}

/// Adds to the counters of moves.
pub async fn witness_totals_add(conn: &mut Conn, rows: Vec<WitnessTotalRow>) -> QueryResult<()> {
    use witness_totals as t;
    for_each(conn, rows, |conn, row| {
        let row = diesel::insert_into(t::table).values(&row);
        let added = row.on_conflict((t::day, t::witness, t::shard)).do_update().set((
            t::moves.eq(t::moves + excluded(t::moves)),
            t::lag_ms.eq(t::lag_ms + excluded(t::lag_ms)),
            t::under_10s.eq(t::under_10s + excluded(t::under_10s)),
            t::s10_to_1m.eq(t::s10_to_1m + excluded(t::s10_to_1m)),
            t::m1_to_10m.eq(t::m1_to_10m + excluded(t::m1_to_10m)),
            t::over_10m.eq(t::over_10m + excluded(t::over_10m)),
        ));
        added.execute(conn).map(drop)
    })
    .await
}

/// Adds to the counters of keys.
pub async fn key_totals_add(conn: &mut Conn, rows: Vec<KeyTotalRow>) -> QueryResult<()> {
    use idempotency_totals as t;
    for_each(conn, rows, |conn, row| {
        let row = diesel::insert_into(t::table).values(&row);
        let added = row.on_conflict((t::account_id, t::shard)).do_update().set((
            t::first_writes.eq(t::first_writes + excluded(t::first_writes)),
            t::replays.eq(t::replays + excluded(t::replays)),
            t::body_mismatches.eq(t::body_mismatches + excluded(t::body_mismatches)),
        ));
        added.execute(conn).map(drop)
    })
    .await
}

/// Opens items, or counts up the open ones of the same kind, order and payment.
pub async fn attention_raise(conn: &mut Conn, rows: Vec<RaisedRow>) -> QueryResult<()> {
    use attention_items as a;
    for_each(conn, rows, |conn, row| {
        let open = a::table
            .filter(a::kind.eq(&row.kind))
            .filter(a::order_id.eq(&row.order_id))
            .filter(a::payment_id.eq(&row.payment_id))
            .filter(a::resolved_at.is_null());
        let detail = row.detail.as_ref().map(|detail| a::detail.eq(detail));
        let again = (a::count.eq(a::count + row.count), a::last_at.eq(row.last_at), detail);
        if diesel::update(open).set(again).execute(conn)? == 0 {
            diesel::insert_into(a::table).values(&row).execute(conn)?;
        }
        Ok(())
    })
    .await
}
