//! What a page calls the things that its rows name: accounts, keys, and what was raised about orders.
//!
//! Each is one look-up by ids for a whole page, however many rows it has.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::attention::AttentionKind;
use crate::store::StoreError;
use crate::store::rows::broken;
use crate::store::schema::{accounts, api_keys, attention_items};

/// The names of these accounts, each with its id.
pub async fn account_names(conn: &mut Conn, ids: &[String]) -> Result<Vec<(String, String)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = accounts::table.filter(accounts::id.eq_any(ids)).select((accounts::id, accounts::name));
    Ok(found.load(conn).await?)
}

/// The names of these keys, each with its id.
pub async fn key_names(conn: &mut Conn, ids: &[String]) -> Result<Vec<(String, String)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = api_keys::table.filter(api_keys::id.eq_any(ids)).select((api_keys::id, api_keys::name));
    Ok(found.load(conn).await?)
}

/// What waits for an operator about these orders: each order's id with a kind, by order and kind.
pub async fn attention_marks(conn: &mut Conn, ids: &[String]) -> Result<Vec<(String, AttentionKind)>, StoreError> {
    use attention_items as a;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let open = a::table.filter(a::order_id.eq_any(ids)).filter(a::resolved_at.is_null());
    let mut found: Vec<(String, String)> = open.select((a::order_id, a::kind)).load(conn).await?;
    found.sort_unstable();
    found.dedup();
    let known = |(id, kind): (String, String)| match AttentionKind::parse(&kind) {
        Some(kind) => Ok((id, kind)),
        None => Err(broken("kind", &id)),
    };
    found.into_iter().map(known).collect()
}
