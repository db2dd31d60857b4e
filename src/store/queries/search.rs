//! The search over order id, product and customer note: feeding its index, and asking it.
//!
//! A commit only queues the order (`search_queue`); the follower in `store/follower.rs` takes queued
//! orders in here, at most 2 s later. Texts are folded in Rust, the same for both engines; a change of how they are
//! folded takes a migration that queues the orders whose texts it changes.

use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::{AsyncConnection, RunQueryDsl};
use unicode_normalization::UnicodeNormalization;

use super::statement::Statement;
use super::{BY_TRIGRAMS, Conn, NOTE, PLACE_OF, bulk, trigram_pattern};
use crate::store::StoreError;
use crate::store::schema::{orders, search_queue};
use crate::store::tables::{OrderRow, SearchRow};

/// A search this short finds no trigram; it looks at the newest orders only.
const TRIGRAM_CHARS: usize = 3;
/// What parts the searched texts of an order from each other. Ids and products have none in them.
const BETWEEN: &str = "\n";

/// Folds a text as the index does, the same on both engines: by NFKC, so that a letter is found however its accent was
/// typed, and by case in full Unicode. Each character for itself, because a piece of a text must fold as it does inside
/// the whole (`to_lowercase` spells a sigma by its neighbours); and by way of upper case, where `ß` and `ss` meet.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let upper = text.nfkc().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    // Folding takes some composed characters apart, so they are composed once more.
    upper.flat_map(char::to_lowercase).nfkc().collect()
}

/// Whether a folded text is too short for the trigram index.
pub fn is_short(wanted: &str) -> bool {
    wanted.chars().count() < TRIGRAM_CHARS
}

/// Narrows orders to those that contain a folded text, by looking at each.
///
/// A value and not `exists`, which a planner may turn around and answer from all texts there are.
pub fn containing<T>(statement: Statement<T>, wanted: &str) -> Statement<T> {
    let found = place_of(statement.sql(" and (select "), wanted);
    found.sql(" from order_search s where s.order_id = orders.id) > 0")
}

/// The ids of all orders that contain a folded text, from the trigram index, as `id`.
pub fn candidates(wanted: &str) -> Statement<sql_types::Text> {
    let found = Statement::new(BY_TRIGRAMS).text(&trigram_pattern(wanted));
    if is_of_lines(wanted) { place_of(found.sql(" and "), wanted).sql(" > 0") } else { found }
}

/// Where the text lies inside `s.body`, or zero.
fn place_of<T>(statement: Statement<T>, wanted: &str) -> Statement<T> {
    let searched = if is_of_lines(wanted) { NOTE } else { "s.body" };
    statement.sql(PLACE_OF).sql("(").sql(searched).sql(", ").text(wanted).sql(")")
}

/// Whether a text is of more than one line: it can only be a piece of a note, because a line's end also
/// parts the searched texts of an order from each other.
fn is_of_lines(wanted: &str) -> bool {
    wanted.contains(BETWEEN)
}

/// Whether an order contains a folded text.
pub fn is_in(row: &OrderRow, wanted: &str) -> bool {
    let note = row.customer_note.as_deref().unwrap_or_default();
    let texts = [row.id.as_str(), &row.product, note];
    texts.iter().any(|text| folded(text).contains(wanted))
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
    let body = folded(&[order_id.as_str(), &product, note.as_deref().unwrap_or("")].join(BETWEEN));
    SearchRow { order_id, body }
}

/// Whether an order waits to be taken in.
pub async fn search_waits(conn: &mut Conn) -> Result<bool, StoreError> {
    let first: Option<String> = search_queue::table.select(search_queue::order_id).first(conn).await.optional()?;
    Ok(first.is_some())
}
