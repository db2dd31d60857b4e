//! `POST /v1/api-keys/{id}/rotate`: a like key in the place of an old one, which stays good for a while.
//!
//! The new key and the end of the old one are one transaction, by compare-and-set: of two rotations at
//! once, on whatever nodes, one makes a successor and the other is told so.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::fresh_key;
use crate::domain::access::keys::Rotation;
use crate::domain::ids::KeyId;
use crate::domain::time::Timestamp;
use crate::http::error::{ApiError, ApiKeyError};
use crate::http::openapi::problems::{self, example};
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer};

use super::{CreatedKey, key_writer, malformed_id, own_key};

/// The key that took another's place, with the only copy of its plaintext.
#[derive(Serialize, ToSchema)]
pub struct RotatedKey<'a> {
    #[serde(flatten)]
    key: CreatedKey<'a>,
    /// The key whose place it took.
    replaces: KeyId,
    /// Until when that one stays good.
    grace_expires_at: Timestamp,
}

/// Rotates an API key: same name, scopes, mode and end; the old one stays good for 24 hours at most.
/// A body is not looked at.
#[utoipa::path(post, path = "/v1/api-keys/{id}/rotate", tag = "Account", operation_id = "rotate_api_key", security(("bearer" = [])),
    params(("id" = KeyId, Path, description = "The key.")),
    responses(
        (status = 201, description = "The new key, with the only copy of its plaintext.", body = RotatedKey),
        (status = 400, description = "The id is not of a key's form.", body = ProblemDocument,
            example = json!(example(&malformed_id()))),
        (status = 409, description = "The key is revoked, expired or already rotated.", body = ProblemDocument,
            example = json!(example(&problems::api_key_revoked()))),
    ),
)]
pub async fn rotate(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = key_writer(&shared, &request).await?;
    let caller = &holder.verified.key;
    let old = own_key(&shared, &holder, &request).await?;
    let fresh = fresh_key(shared.clock.now());
    let rotation = caller.rotate(&old, fresh).map_err(ApiKeyError::NotRotated)?;
    let Rotation { replaces, grace_expires_at, successor } = rotation;
    if !shared.store.key_replace(replaces, grace_expires_at, successor.key.clone()).await? {
        // Somebody was faster: the key as it is now says at what.
        let changed = own_key(&shared, &holder, &request).await?;
        let refusal = caller.rotate(&changed, fresh).err().map(|refusal| ApiKeyError::NotRotated(refusal).into());
        return Err(refusal.unwrap_or(ApiError::Busy("a key that keeps changing")));
    }
    shared.forget_key(replaces);
    let (id, account, by) = (successor.key.id, holder.account_id, caller.id);
    tracing::info!(event = "api_key_rotated", key.id = %id, replaces.id = %replaces, account.id = %account, by.id = %by, "a customer rotated a key");
    let key = CreatedKey::of(&successor.key, &successor.plaintext);
    answer::created(&RotatedKey { key, replaces, grace_expires_at })
}
