//! Sessions of operators. Few rows, each call its own statement; a session is read together with its key.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::{Conn, records};
use crate::domain::access::ApiKey;
use crate::domain::session::Session;
use crate::store::StoreError;
use crate::store::access_rows::{KeyRow, SessionRow};
use crate::store::changeset::AuditEntry;
use crate::store::schema::{api_keys, sessions};

/// Keeps a new session with its audit row, and drops those that have ended.
pub async fn session_insert(conn: &mut Conn, session: &Session, audit: &AuditEntry) -> Result<(), StoreError> {
    conn.transaction(async |conn| {
        let ended = sessions::table.filter(sessions::expires_at.le(session.created_at.micros()));
        diesel::delete(ended).execute(conn).await?;
        diesel::insert_into(sessions::table).values(SessionRow::of(session)).execute(conn).await?;
        records::audit_write(conn, audit).await
    })
    .await
}

/// The session whose token, or token before, has this hash, with the key that signed in.
pub async fn session_by_token(conn: &mut Conn, hash: &str) -> Result<Option<(Session, ApiKey)>, StoreError> {
    let newest = sessions::table.filter(sessions::token_hash.eq(hash));
    let mut row = newest.select(SessionRow::as_select()).first(conn).await.optional()?;
    if row.is_none() {
        let before = sessions::table.filter(sessions::prev_token_hash.eq(hash));
        row = before.select(SessionRow::as_select()).first(conn).await.optional()?;
    }
    let Some(session) = row.map(SessionRow::into_session).transpose()? else { return Ok(None) };
    let key = api_keys::table.find(session.key_id.to_string()).select(KeyRow::as_select());
    let key: Option<KeyRow> = key.first(conn).await.optional()?;
    key.map(|key| Ok((session, key.into_key()?))).transpose()
}

/// Puts a session's new tokens in the place of those that were `seen`, unless somebody was faster; answers whether
/// it did.
pub async fn session_rotate(conn: &mut Conn, seen: &str, rotated: &Session) -> Result<bool, StoreError> {
    let row = sessions::table.find(rotated.id.to_string()).filter(sessions::token_hash.eq(seen));
    let changed = diesel::update(row)
        .set((
            sessions::token_hash.eq(&rotated.token_hash),
            sessions::prev_token_hash.eq(&rotated.prev_token_hash),
            sessions::rotated_at.eq(rotated.rotated_at.micros()),
        ))
        .execute(conn)
        .await?;
    Ok(changed > 0)
}

/// Ends the token before, once this one has come back.
pub async fn session_confirm(conn: &mut Conn, id: Uuid, hash: &str) -> Result<(), StoreError> {
    let row = sessions::table.find(id.to_string()).filter(sessions::token_hash.eq(hash));
    diesel::update(row).set(sessions::prev_token_hash.eq(None::<String>)).execute(conn).await?;
    Ok(())
}

/// Ends a session.
pub async fn session_end(conn: &mut Conn, id: Uuid) -> Result<(), StoreError> {
    diesel::delete(sessions::table.find(id.to_string())).execute(conn).await?;
    Ok(())
}
