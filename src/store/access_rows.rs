//! Rows of accounts, API keys and the audit log, and the way between them and the domain: who may do
//! what, and who did.
//!
//! Reading back is strict, as in `rows.rs`. The queries are in `queries/access.rs` and `queries/records.rs`;
//! an archive writes the rows as they are (`archive/records.rs`).

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::StoreError;
use super::archive::iso;
use super::changeset::AuditEntry;
use super::records::AuditRecord;
use super::rows::broken;
use super::schema::{accounts, api_keys, audit_log, service_secrets, sessions};
use crate::domain::access::{Account, ApiKey, Scope, Tier};
use crate::domain::ids::{AccountId, AuditId, KeyId};
use crate::domain::session::Session;
use crate::domain::time::Timestamp;

/// A row of `accounts`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, Deserialize)]
#[diesel(table_name = accounts)]
#[serde(deny_unknown_fields)]
pub struct AccountRow {
    pub id: String,
    pub name: String,
    pub tier: String,
    #[serde(with = "iso")]
    pub created_at: i64,
}

impl AccountRow {
    /// The row of an account.
    pub fn of(account: &Account) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name.clone(),
            tier: account.tier.as_str().to_owned(),
            created_at: account.created_at.micros(),
        }
    }

    /// The account of this row.
    pub fn into_account(self) -> Result<Account, StoreError> {
        Ok(Account {
            id: AccountId::parse(&self.id).ok_or_else(|| broken("id", &self.id))?,
            tier: Tier::parse(&self.tier).ok_or_else(|| broken("tier", &self.id))?,
            name: self.name,
            created_at: Timestamp::from_micros(self.created_at),
        })
    }
}

/// A row of `api_keys`: a hash, never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, Deserialize)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
#[serde(deny_unknown_fields)]
pub struct KeyRow {
    pub id: String,
    pub account_id: Option<String>,
    pub name: String,
    pub key_prefix: String,
    pub key_hash: String,
    pub scopes: String,
    #[serde(with = "iso::or_null")]
    pub last_used_at: Option<i64>,
    #[serde(with = "iso::or_null")]
    pub revoked_at: Option<i64>,
    #[serde(with = "iso::or_null")]
    pub expires_at: Option<i64>,
    #[serde(with = "iso")]
    pub created_at: i64,
    pub replaced_by: Option<String>,
}

impl KeyRow {
    /// The row of a key.
    pub fn of(key: &ApiKey) -> Self {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        Self {
            id: key.id.to_string(),
            account_id: key.account_id.map(|id| id.to_string()),
            name: key.name.clone(),
            key_prefix: key.key_prefix.clone(),
            key_hash: key.key_hash.clone(),
            scopes: scopes.join(" "),
            last_used_at: key.last_used_at.map(Timestamp::micros),
            revoked_at: key.revoked_at.map(Timestamp::micros),
            expires_at: key.expires_at.map(Timestamp::micros),
            created_at: key.created_at.micros(),
            replaced_by: key.replaced_by.map(|id| id.to_string()),
        }
    }

    /// The key of this row.
    pub fn into_key(self) -> Result<ApiKey, StoreError> {
        let scopes = self.scopes.split_ascii_whitespace().map(Scope::parse).collect::<Option<Vec<_>>>();
        let successor = |id: String| KeyId::parse(&id).ok_or_else(|| broken("replaced_by", &self.id));
        let account = |id: String| AccountId::parse(&id).ok_or_else(|| broken("account_id", &self.id));
        Ok(ApiKey {
            id: KeyId::parse(&self.id).ok_or_else(|| broken("id", &self.id))?,
            account_id: self.account_id.map(account).transpose()?,
            scopes: scopes.ok_or_else(|| broken("scopes", &self.id))?,
            name: self.name,
            key_prefix: self.key_prefix,
            key_hash: self.key_hash,
            last_used_at: self.last_used_at.map(Timestamp::from_micros),
            revoked_at: self.revoked_at.map(Timestamp::from_micros),
            expires_at: self.expires_at.map(Timestamp::from_micros),
            created_at: Timestamp::from_micros(self.created_at),
            replaced_by: self.replaced_by.map(successor).transpose()?,
        })
    }
}

/// A row of `audit_log`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, Deserialize)]
#[diesel(table_name = audit_log, treat_none_as_default_value = false)]
#[serde(deny_unknown_fields)]
pub struct AuditRow {
    pub id: String,
    pub actor: Option<String>,
    pub action: String,
    pub target: String,
    pub input: String,
    pub result: String,
    pub ip: Option<String>,
    #[serde(with = "iso")]
    pub at: i64,
}

impl AuditRow {
    /// The row of an admin write under this id.
    pub fn of(id: Uuid, entry: &AuditEntry) -> Self {
        Self {
            id: id.to_string(),
            actor: entry.actor.map(|key| key.to_string()),
            action: entry.action.to_owned(),
            target: entry.target.clone(),
            input: entry.input.clone(),
            result: entry.result.clone(),
            ip: entry.ip.clone(),
            at: entry.at.micros(),
        }
    }

    /// The write of this row.
    pub fn into_record(self) -> Result<AuditRecord, StoreError> {
        let actor = |key: String| KeyId::parse(&key).ok_or_else(|| broken("actor", &self.id));
        Ok(AuditRecord {
            id: AuditId::new(Uuid::try_parse(&self.id).map_err(|_| broken("id", &self.id))?),
            actor: self.actor.map(actor).transpose()?,
            action: self.action,
            target: self.target,
            input: self.input,
            result: self.result,
            ip: self.ip,
            at: Timestamp::from_micros(self.at),
        })
    }
}

/// A row of `sessions`: hashes of its tokens, never a token.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
pub struct SessionRow {
    pub id: String,
    pub key_id: String,
    pub token_hash: String,
    pub prev_token_hash: Option<String>,
    pub form_token: String,
    pub rotated_at: i64,
    pub created_at: i64,
    pub expires_at: i64,
}

impl SessionRow {
    /// The row of a session.
    pub fn of(session: &Session) -> Self {
        Self {
            id: session.id.to_string(),
            key_id: session.key_id.to_string(),
            token_hash: session.token_hash.clone(),
            prev_token_hash: session.prev_token_hash.clone(),
            form_token: session.form_token.clone(),
            rotated_at: session.rotated_at.micros(),
            created_at: session.created_at.micros(),
            expires_at: session.expires_at.micros(),
        }
    }

    /// The session of this row.
    pub fn into_session(self) -> Result<Session, StoreError> {
        Ok(Session {
            id: Uuid::try_parse(&self.id).map_err(|_| broken("id", &self.id))?,
            key_id: KeyId::parse(&self.key_id).ok_or_else(|| broken("key_id", &self.id))?,
            token_hash: self.token_hash,
            prev_token_hash: self.prev_token_hash,
            form_token: self.form_token,
            rotated_at: Timestamp::from_micros(self.rotated_at),
            created_at: Timestamp::from_micros(self.created_at),
            expires_at: Timestamp::from_micros(self.expires_at),
        })
    }
}

/// A row of `service_secrets`.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, Deserialize)]
#[diesel(table_name = service_secrets)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretRow {
    pub name: String,
    pub secret: String,
    #[serde(with = "iso")]
    pub created_at: i64,
}

impl std::fmt::Debug for SecretRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretRow").field("name", &self.name).finish_non_exhaustive()
    }
}
