//! The search over order id, product and customer note: feeding its index, and asking it.
//!
//! A commit only queues the order (`search_queue`); the follower in `store/follower.rs` takes queued
//! orders in here, at most 2 s later. Case is folded in Rust, the same for both engines.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::{Conn, Db, bulk};
use crate::store::StoreError;
use crate::store::effect_rows::SearchRow;
use crate::store::filter::SearchReach;
use crate::store::schema::{orders, search_queue};

/// A search this short finds no trigram; it looks at the newest orders only.
const TRIGRAM_CHARS: usize = 3;
/// How many of the newest orders a short search looks at (contract, section 4).
const NEWEST_ORDERS: i64 = 10_000;

type Boxed<'a> = orders::BoxedQuery<'a, Db>;

/// Folds case as the index does: full Unicode, the same on both engines. Each character for itself, because
/// a piece of a text must fold as it does inside the whole (`to_lowercase` spells a sigma by its neighbours);
/// and by way of upper case, where `ß` and `ss` meet.
pub fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Narrows a query to orders that contain `text`.
pub async fn narrow<'a>(conn: &mut Conn, query: Boxed<'a>, text: &str) -> Result<(Boxed<'a>, SearchReach), StoreError> {
    let wanted = folded(text);
    if wanted.chars().count() >= TRIGRAM_CHARS {
        return Ok((query.filter(super::search_by_trigrams(&wanted)), SearchReach::Whole));
    }
    let oldest: Option<i64> = orders::table
        .select(orders::created_at)
        .order((orders::created_at.desc(), orders::id.desc()))
        .offset(NEWEST_ORDERS.saturating_sub(1))
        .first(conn)
        .await
        .optional()?;
    let query = query.filter(orders::created_at.ge(oldest.unwrap_or(0)));
    Ok((query.filter(super::search_by_scan(&wanted)), SearchReach::Newest))
}

/// Takes up to `limit` queued orders into the index, in one transaction; answers how many there were.
pub async fn search_feed(conn: &mut Conn, limit: i64) -> Result<usize, StoreError> {
    conn.transaction(async |conn| {
        let queued: Vec<String> = search_queue::table.select(search_queue::order_id).limit(limit).load(conn).await?;
        if queued.is_empty() {
            return Ok(0);
        }
        // First the queue, then the text: a note that changes in between queues its order again.
        diesel::delete(search_queue::table.filter(search_queue::order_id.eq_any(&queued))).execute(conn).await?;
        let texts: Vec<Text> = orders::table
            .filter(orders::id.eq_any(&queued))
            .order((orders::created_at, orders::id))
            .select((orders::id, orders::product, orders::customer_note))
            .load(conn)
            .await?;
        bulk::search_put(conn, texts.into_iter().map(row).collect()).await?;
        Ok(queued.len())
    })
    .await
}

/// Order id, product, customer's note.
pub type Text = (String, String, Option<String>);

/// The text under which an order is found.
pub fn row((order_id, product, note): Text) -> SearchRow {
    let body = folded(&[order_id.as_str(), &product, note.as_deref().unwrap_or("")].join("\n"));
    SearchRow { order_id, body }
}

/// Whether an order waits to be taken in.
pub async fn search_waits(conn: &mut Conn) -> Result<bool, StoreError> {
    let first: Option<String> = search_queue::table.select(search_queue::order_id).first(conn).await.optional()?;
    Ok(first.is_some())
}
