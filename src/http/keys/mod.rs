//! A customer's API keys (contract, section 1), one file for each endpoint.
//!
//! What may be granted is decided in `domain/access/keys.rs`. The plaintext of a key stands in the one
//! answer that made it, and nowhere else.

pub mod create;
pub mod list;
pub mod revoke;
pub mod rotate;

use actix_web::HttpRequest;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::keys::{self, NAME_CHARS_MAX, RESERVED_NAMES};
use crate::domain::access::{ApiKey, Permission, PlaintextKey, Scope};
use crate::domain::ids::{AccountId, KeyId};
use crate::domain::time::Timestamp;

use super::Shared;
use super::error::{ApiError, ApiKeyError};
use super::extract::Holder;
use super::fields::Fields;

/// An API key, without what would let anybody in; the fields in the contract's order.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyResource<'a> {
    /// Names the key; it is not the key itself.
    id: KeyId,
    /// What its owner calls it.
    name: &'a str,
    /// The key's first 16 characters.
    key_prefix: &'a str,
    /// What it may be used for.
    #[schema(value_type = Vec<Scope>)]
    scopes: Vec<&'static str>,
    /// Whose it is.
    #[schema(required = true)]
    account_id: Option<AccountId>,
    /// When it was used last, to within a minute.
    #[schema(required = true)]
    last_used_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(required = true)]
    revoked_at: Option<Timestamp>,
    /// When it ends, or ended, by itself.
    #[schema(required = true)]
    expires_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// The key that took its place, once it was rotated.
    #[schema(required = true)]
    replaced_by: Option<KeyId>,
}

impl<'a> KeyResource<'a> {
    /// A key as its customer sees it.
    #[must_use]
    pub fn of(key: &'a ApiKey) -> Self {
        Self {
            id: key.id,
            name: &key.name,
            key_prefix: &key.key_prefix,
            scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
            account_id: key.account_id,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
            expires_at: key.expires_at,
            created_at: key.created_at,
            replaced_by: key.replaced_by,
        }
    }
}

/// A key that was just made, with the only copy of its plaintext.
#[derive(Serialize, ToSchema)]
pub struct CreatedKey<'a> {
    #[serde(flatten)]
    key: KeyResource<'a>,
    /// The key itself, to be sent as `Authorization: Bearer <key>`. It is shown only now.
    #[schema(pattern = "^ds_(live|test)_[a-z2-7]{32}$", example = "ds_live_mfrggzdfmztwq2lknnwg23tpobyxe43u")]
    plaintext: &'a str,
}

impl<'a> CreatedKey<'a> {
    fn of(key: &'a ApiKey, plaintext: &'a PlaintextKey) -> Self {
        Self { key: KeyResource::of(key), plaintext: plaintext.reveal() }
    }
}

/// The key that asks, if it may make, rotate and revoke keys.
async fn key_writer(shared: &Shared, request: &HttpRequest) -> Result<Holder, ApiError> {
    let holder = shared.holder_who_may(request, Permission::WriteKeys).await?;
    holder.verified.key.may_change_keys().map_err(ApiKeyError::NotGranted)?;
    Ok(holder)
}

/// The name that a body gives to a new key.
fn given_name(fields: &mut Fields) -> String {
    let given = fields.text("name", NAME_CHARS_MAX);
    let name = keys::name(&given);
    if name.is_none() && !fields.is_wrong("name") {
        fields.wrong("name", format!("name must have 1 to {NAME_CHARS_MAX} characters on one line."));
    }
    // By these names production knows keys that are no secret, and refuses to start while they work.
    if name.as_deref().is_some_and(|name| RESERVED_NAMES.contains(&name)) {
        fields.wrong("name", "name is reserved.");
    }
    name.unwrap_or_default()
}

/// The key that the path names, if it is of the caller's account. Another's is as good as none.
async fn own_key(shared: &Shared, holder: &Holder, request: &HttpRequest) -> Result<ApiKey, ApiError> {
    let asked = request.match_info().get("id").unwrap_or_default();
    let id = KeyId::parse(asked).ok_or_else(malformed_id)?;
    let found = shared.store.key_load(id).await?;
    found.filter(|key| key.account_id == Some(holder.account_id)).ok_or(ApiKeyError::NotFound(id).into())
}

/// What a path gets whose id is not of a key's form.
fn malformed_id() -> ApiError {
    ApiError::BadRequest("Invalid id format. Expected \"key_<uuid>\".".into())
}
