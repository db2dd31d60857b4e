//! Accounts and API keys. Few rows, no group commit: each call is its own statement.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::{Conn, records};
use crate::domain::access::{Account, ApiKey};
use crate::domain::ids::{AccountId, KeyId};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::access_rows::{AccountRow, KeyRow};
use crate::store::changeset::AuditEntry;
use crate::store::rows::broken;
use crate::store::schema::{accounts, api_keys};

pub async fn account_insert(conn: &mut Conn, account: &Account) -> Result<(), StoreError> {
    diesel::insert_into(accounts::table).values(&AccountRow::of(account)).execute(conn).await?;
    Ok(())
}

pub async fn account_load(conn: &mut Conn, id: AccountId) -> Result<Option<Account>, StoreError> {
    let row = accounts::table.find(id.to_string()).select(AccountRow::as_select()).first(conn).await.optional()?;
    row.map(AccountRow::into_account).transpose()
}

pub async fn accounts_list(conn: &mut Conn) -> Result<Vec<Account>, StoreError> {
    let rows =
        accounts::table.order((accounts::created_at, accounts::id)).select(AccountRow::as_select()).load(conn).await?;
    rows.into_iter().map(AccountRow::into_account).collect()
}

pub async fn key_insert(conn: &mut Conn, key: &ApiKey) -> Result<(), StoreError> {
    diesel::insert_into(api_keys::table).values(&KeyRow::of(key)).execute(conn).await?;
    Ok(())
}

pub async fn key_load(conn: &mut Conn, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
    let row = api_keys::table.find(id.to_string()).select(KeyRow::as_select()).first(conn).await.optional()?;
    row.map(KeyRow::into_key).transpose()
}

/// Keeps an account's new key, unless it has `active_max` good ones already; answers whether it did.
pub async fn key_issue(conn: &mut Conn, key: &ApiKey, active_max: i64) -> Result<bool, StoreError> {
    let Some(account) = key.account_id.map(|id| id.to_string()) else {
        return Err(broken("account_id", &key.id.to_string()));
    };
    conn.transaction(async |conn| {
        // Changes nothing, but holds the account's row: two requests at once would both count one too few.
        let row = diesel::update(accounts::table.find(&account));
        row.set(accounts::name.eq(accounts::name)).execute(conn).await?;
        let active: i64 = api_keys::table
            .filter(api_keys::account_id.eq(&account))
            .filter(api_keys::revoked_at.is_null().and(api_keys::replaced_by.is_null()))
            .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(key.created_at.micros())))
            .count()
            .get_result(conn)
            .await?;
        if active >= active_max {
            return Ok(false);
        }
        key_insert(conn, key).await?;
        Ok(true)
    })
    .await
}

/// Puts `successor` in the place of `old`, if it is still good and nobody was faster; answers whether it did.
pub async fn key_replace(
    conn: &mut Conn,
    old: KeyId,
    grace_expires_at: Timestamp,
    successor: &ApiKey,
) -> Result<bool, StoreError> {
    let now = successor.created_at.micros();
    conn.transaction(async |conn| {
        let good = api_keys::table
            .find(old.to_string())
            .filter(api_keys::revoked_at.is_null().and(api_keys::replaced_by.is_null()))
            .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)));
        let replaced = diesel::update(good).set((
            api_keys::replaced_by.eq(successor.id.to_string()),
            api_keys::expires_at.eq(grace_expires_at.micros()),
        ));
        if replaced.execute(conn).await? == 0 {
            return Ok(false);
        }
        key_insert(conn, successor).await?;
        Ok(true)
    })
    .await
}

/// An account's keys, newest first.
pub async fn keys_page(
    conn: &mut Conn,
    account: AccountId,
    limit: i64,
    after: Option<(Timestamp, KeyId)>,
) -> Result<Vec<ApiKey>, StoreError> {
    let mut query = api_keys::table.into_boxed().filter(api_keys::account_id.eq(account.to_string()));
    if let Some((at, id)) = after {
        let at = at.micros();
        query = query
            .filter(api_keys::created_at.le(at))
            .filter(api_keys::created_at.lt(at).or(api_keys::id.lt(id.to_string())));
    }
    let query = query.order((api_keys::created_at.desc(), api_keys::id.desc())).limit(limit);
    let rows = query.select(KeyRow::as_select()).load::<KeyRow>(conn).await?;
    rows.into_iter().map(KeyRow::into_key).collect()
}

pub async fn keys_by_prefix(conn: &mut Conn, prefix: &str) -> Result<Vec<ApiKey>, StoreError> {
    let rows = api_keys::table.filter(api_keys::key_prefix.eq(prefix)).select(KeyRow::as_select()).load(conn).await?;
    rows.into_iter().map(KeyRow::into_key).collect()
}

pub async fn keys_list(conn: &mut Conn, account: Option<AccountId>) -> Result<Vec<ApiKey>, StoreError> {
    let mut query = api_keys::table.into_boxed();
    if let Some(account) = account {
        query = query.filter(api_keys::account_id.eq(account.to_string()));
    }
    let rows =
        query.order((api_keys::created_at, api_keys::id)).select(KeyRow::as_select()).load::<KeyRow>(conn).await?;
    rows.into_iter().map(KeyRow::into_key).collect()
}

/// Revokes a key; false if there is none. A key that is revoked keeps its first time.
pub async fn key_revoke(conn: &mut Conn, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
    let revoked = key_end(conn, id, now).await?;
    Ok(revoked || key_load(conn, id).await?.is_some())
}

/// Revokes a key and audits it, unless it was revoked before; false if there is none.
pub async fn key_revoke_audited(conn: &mut Conn, id: KeyId, entry: &AuditEntry) -> Result<bool, StoreError> {
    conn.transaction(async |conn| {
        if key_end(conn, id, entry.at).await? {
            records::audit_write(conn, entry).await?;
            return Ok(true);
        }
        Ok(key_load(conn, id).await?.is_some())
    })
    .await
}

/// Revokes a key, unless it is revoked; answers whether it did.
async fn key_end(conn: &mut Conn, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
    let good = api_keys::table.find(id.to_string()).filter(api_keys::revoked_at.is_null());
    Ok(diesel::update(good).set(api_keys::revoked_at.eq(now.micros())).execute(conn).await? > 0)
}

/// Keeps a new key and audits it.
pub async fn key_insert_audited(conn: &mut Conn, key: &ApiKey, entry: &AuditEntry) -> Result<(), StoreError> {
    conn.transaction(async |conn| {
        key_insert(conn, key).await?;
        records::audit_write(conn, entry).await
    })
    .await
}

pub async fn key_used(conn: &mut Conn, id: KeyId, now: Timestamp) -> Result<(), StoreError> {
    diesel::update(api_keys::table.find(id.to_string()))
        .set(api_keys::last_used_at.eq(now.micros()))
        .execute(conn)
        .await?;
    Ok(())
}
