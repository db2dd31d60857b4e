//! What is to be asked of the provider: who may ask, what is due, and how fast.
//!
//! A claim is taken by compare-and-set, so that of all nodes one asks about an order at a time. Whoever holds
//! it writes the row; a row without a claim is written only together with the order's own change.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::statement::Statement;
use super::{Conn, orders::parsed};
use crate::domain::ids::OrderId;
use crate::domain::polling::{ADDRESS_WATCHED_FOR, PAID_LOOKS_AFTER, UNSETTLED_ASKED_FOR};
use crate::domain::time::{Span, Timestamp};
use crate::store::StoreError;
use crate::store::schema::provider_pace as pace;
use crate::store::schema::provider_work as w;
use crate::store::tables::WorkRow;
use crate::store::work::{Claim, Debt, Pace, ProviderWork};

/// In what time adopted orders that nobody is expected to pay are asked after first.
const ADOPTED_OVER: Span = Span::hours(6);
/// How many questions the pace can be behind by at the most. What is further ahead was written by a wrong clock.
const DEBT_QUESTIONS_MAX: i64 = 60;
/// No claim lasts this long: what runs out later was taken under a wrong clock, and holds nobody off.
const CLAIM_LASTS_MAX: Span = Span::minutes(10);
/// How often a push is tried against other nodes; it only counts.
const PUSHES_MAX: usize = 3;

/// The rows that nobody holds now, as a filter.
macro_rules! free_at {
    ($now:expr) => {
        w::claimed_until.le($now.micros()).or(w::claimed_until.gt($now.after(CLAIM_LASTS_MAX).micros()))
    };
}

/// Takes the claim if nobody has it; answers the row as it is then, or none if somebody else asks just now. An
/// order without a row gets one.
pub async fn work_claim(
    conn: &mut Conn,
    id: OrderId,
    claim: &Claim,
    now: Timestamp,
) -> Result<Option<ProviderWork>, StoreError> {
    let fresh = ProviderWork::idle(id, now);
    diesel::insert_into(w::table).values(WorkRow::of(&fresh)).on_conflict_do_nothing().execute(conn).await?;
    let free = w::table.find(id.to_string()).filter(free_at!(now));
    let taken = diesel::update(free)
        .set((w::claim.eq(&claim.token), w::claimed_until.eq(claim.until.micros())))
        .execute(conn)
        .await?;
    if taken == 0 {
        return Ok(None);
    }
    let row = w::table.find(id.to_string()).select(WorkRow::as_select()).first(conn).await.optional()?;
    Ok(row.map(|row: WorkRow| row.into_work(id)))
}

/// Writes the row if this claim still holds it (`held` is its token); answers whether it did.
pub async fn work_update(conn: &mut Conn, held: &str, work: &ProviderWork) -> Result<bool, StoreError> {
    let own = w::table.find(work.order_id.to_string()).filter(w::claim.eq(held));
    Ok(diesel::update(own).set(&WorkRow::of(work)).execute(conn).await? == 1)
}

/// Forgets the order if this claim still holds it: nothing is to be asked any more.
pub async fn work_end(conn: &mut Conn, id: OrderId, held: &str) -> Result<(), StoreError> {
    diesel::delete(w::table.find(id.to_string()).filter(w::claim.eq(held))).execute(conn).await?;
    Ok(())
}

/// Orders about which the provider is to be asked now, longest due first, without those somebody is at.
pub async fn work_due(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<OrderId>, StoreError> {
    let ids = w::table
        .filter(w::due_at.le(now.micros()))
        .filter(free_at!(now))
        .order((w::due_at, w::order_id))
        .limit(limit)
        .select(w::order_id)
        .load(conn)
        .await?;
    parsed(ids)
}

/// Gives a row to each order that may still bring news and has none: from before a provider was configured,
/// from an archive. Those whose money is awaited are due at once, the others in the course of some hours, and paid
/// ones at the next of their looks.
pub async fn work_adopt(conn: &mut Conn, now: Timestamp, paid_within: Span) -> Result<usize, StoreError> {
    let unpaid = unpaid_adopt(conn, now).await?;
    Ok(unpaid.saturating_add(paid_adopt(conn, now, paid_within).await?))
}

async fn unpaid_adopt(conn: &mut Conn, now: Timestamp) -> Result<usize, StoreError> {
    let spread = ADOPTED_OVER.as_millis().saturating_mul(1_000);
    let statement: Statement<()> =
        Statement::new("insert into provider_work (order_id, due_at, claim, claimed_until, tries) select o.id, ")
            .number(now.micros())
            .sql(" + case when o.status in ('failed', 'cancelled') then o.created_at % ")
            .number(spread)
            .sql(
                " else 0 end, '', 0, 0 from orders o where ((o.status in ('pending', 'confirming', 'partial') \
                 and o.created_at >= ",
            )
            .number(now.before(UNSETTLED_ASKED_FOR).micros())
            .sql(") or (o.status in ('failed', 'cancelled') and o.created_at >= ")
            .number(now.before(ADDRESS_WATCHED_FOR).micros())
            .sql(
                ")) and o.payment_id is not null and not exists (select 1 from provider_work w \
                 where w.order_id = o.id) on conflict do nothing",
            );
    Ok(statement.execute(conn).await?)
}

async fn paid_adopt(conn: &mut Conn, now: Timestamp, paid_within: Span) -> Result<usize, StoreError> {
    let begun: Statement<()> =
        Statement::new("insert into provider_work (order_id, due_at, claim, claimed_until, tries) select o.id, case");
    // An order that was paid less than this long ago has this look before it.
    let statement = PAID_LOOKS_AFTER.into_iter().fold(begun, |statement, look| {
        let micros = look.as_millis().saturating_mul(1_000);
        let later_than = statement.sql(" when o.paid_at > ").number(now.before(look).micros());
        later_than.sql(" then o.paid_at + ").number(micros)
    });
    let statement = statement
        .sql(" end, '', 0, 0 from orders o where o.paid_at > ")
        .number(now.before(paid_within.min(ADDRESS_WATCHED_FOR)).micros())
        .sql(
            " and o.status = 'paid' and o.payment_id is not null and not exists (select 1 from provider_work w \
             where w.order_id = o.id) on conflict do nothing",
        );
    Ok(statement.execute(conn).await?)
}

/// Counts questions that were asked without waiting for the pace: who waits for it, waits so much longer. What they
/// leave is bounded, so that nobody waits for ever.
pub async fn pace_push(conn: &mut Conn, now: Timestamp, asked: Pace) -> Result<(), StoreError> {
    let each = asked.each.as_millis().saturating_mul(1_000).max(1);
    let earliest = now.micros().saturating_sub(each.saturating_mul(asked.burst));
    let most = match asked.debt {
        Debt::Owed => now.micros().saturating_add(each.saturating_mul(DEBT_QUESTIONS_MAX)),
        // The half is rounded up: whoever waits for the pace always finds a question free.
        Debt::Spared => {
            let kept = asked.burst.saturating_add(1).checked_div(2).unwrap_or(1);
            now.micros().saturating_sub(each.saturating_mul(kept))
        }
    };
    for _ in 0..PUSHES_MAX {
        let next: i64 = pace::table.find(1).select(pace::next_at).first(conn).await?;
        let then = believed(next, now, each)
            .max(earliest)
            .saturating_add(each.saturating_mul(asked.wanted.max(0)))
            .min(most.max(believed(next, now, each)));
        let unchanged = pace::table.find(1).filter(pace::next_at.eq(next));
        if diesel::update(unchanged).set(pace::next_at.eq(then)).execute(conn).await? == 1 {
            break;
        }
    }
    Ok(())
}

/// Takes as much of the shared pace as is free, up to what is wanted; answers how many questions may be asked
/// at once. Time that nobody used is saved up for a burst at the most.
pub async fn pace_take(conn: &mut Conn, now: Timestamp, asked: Pace) -> Result<i64, StoreError> {
    let each = asked.each.as_millis().saturating_mul(1_000).max(1);
    let earliest = now.micros().saturating_sub(each.saturating_mul(asked.burst));
    let next: i64 = pace::table.find(1).select(pace::next_at).first(conn).await?;
    let from = believed(next, now, each).max(earliest);
    let free = now.micros().saturating_sub(from).checked_div(each).unwrap_or(0).clamp(0, asked.wanted.max(0));
    if free == 0 {
        return Ok(0);
    }
    // Of two nodes that read the same, the second finds the row changed, and asks nothing this time.
    let unchanged = pace::table.find(1).filter(pace::next_at.eq(next));
    let then = from.saturating_add(each.saturating_mul(free));
    let taken = diesel::update(unchanged).set(pace::next_at.eq(then)).execute(conn).await?;
    Ok(if taken == 1 { free } else { 0 })
}

/// The time of the next question, or long ago if it cannot be true: one node's wrong clock must not silence all nodes.
fn believed(next: i64, now: Timestamp, each: i64) -> i64 {
    let furthest = now.micros().saturating_add(each.saturating_mul(DEBT_QUESTIONS_MAX));
    if furthest < next { 0 } else { next }
}
