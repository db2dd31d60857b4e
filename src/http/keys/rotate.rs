//! `POST /v1/api-keys/{id}/rotate`: a like key in the place of an old one, which stays good for a while.
//!
//! The new key and the end of the old one are one transaction, by compare-and-set: of two rotations at
//! once, on whatever nodes, one makes a successor and the other is told so.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::fresh_key;
use crate::domain::access::ApiKey;
use crate::domain::access::keys::{NewKey, Rotation};
use crate::domain::ids::KeyId;
use crate::domain::time::Timestamp;
use crate::http::error::{ApiError, ApiKeyError};
use crate::http::openapi::problems::{self, example};
use crate::http::openapi::schemas::KeyName;
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer, body};

use super::{CreatedKey, given_name, key_writer, malformed_id, own_key};

/// The key that took another's place, with the only copy of its plaintext.
#[derive(Serialize, ToSchema)]
pub struct RotatedKey<'a> {
    #[serde(flatten)]
    key: CreatedKey<'a>,
    /// The key whose place it took.
    rotated_from: KeyId,
    /// Until when that one stays good.
    grace_period_ends_at: Timestamp,
    /// The same as `rotated_from`.
    replaces: KeyId,
    /// The same as `grace_period_ends_at`.
    grace_expires_at: Timestamp,
}

/// How the new key differs from the old one.
#[derive(utoipa::ToSchema)]
#[schema(as = ApiKeyRotation)]
#[expect(dead_code, reason = "read field by field, so that everything that is wrong is told at once")]
pub struct Body {
    /// What you call the new key; without it, it has the old one's name.
    #[schema(value_type = Option<KeyName>)]
    name: Option<String>,
}

/// Rotates an API key: same scopes, mode and end, and the same name unless another is given; the old one stays good for
/// 24 hours at most. The body may be left out.
#[utoipa::path(post, path = "/v1/api-keys/{id}/rotate", tag = "Account", operation_id = "rotate_api_key", security(("bearer" = [])),
    params(("id" = KeyId, Path, description = "The key.")), request_body = Option<Body>,
    responses(
        (status = 201, description = "The new key, with the only copy of its plaintext.", body = RotatedKey),
        (status = 400, description = "The id is not of a key's form.", body = ProblemDocument,
            example = json!(example(&malformed_id()))),
        (status = 409, description = "The key is revoked, expired or already rotated.", body = ProblemDocument,
            example = json!(example(&problems::api_key_revoked()))),
    ),
)]
pub async fn rotate(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = key_writer(&shared, &request).await?;
    let caller = &holder.verified.key;
    let mut fields = body::optional(&request, payload).await?;
    let name = fields.is_given("name").then(|| given_name(&mut fields));
    fields.finish()?;
    let old = own_key(&shared, &holder, &request).await?;
    let fresh = fresh_key(shared.clock.now());
    let rotation = caller.rotate(&old, fresh).map_err(ApiKeyError::NotRotated)?;
    let Rotation { replaces, grace_expires_at, successor: NewKey { key, plaintext } } = rotation;
    let key = ApiKey { name: name.unwrap_or(old.name), ..key };
    if !shared.store.key_replace(replaces, grace_expires_at, key.clone()).await? {
        // Somebody was faster: the key as it is now says at what.
        let changed = own_key(&shared, &holder, &request).await?;
        let refusal = caller.rotate(&changed, fresh).err().map(|refusal| ApiKeyError::NotRotated(refusal).into());
        return Err(refusal.unwrap_or(ApiError::Busy("a key that keeps changing")));
    }
    shared.forget_key(replaces);
    let (id, account, by) = (key.id, holder.account_id, caller.id);
    tracing::info!(event = "api_key_rotated", key.id = %id, replaces.id = %replaces, account.id = %account, by.id = %by, "a customer rotated a key");
    answer::created(&RotatedKey {
        key: CreatedKey::of(&key, &plaintext),
        rotated_from: replaces,
        grace_period_ends_at: grace_expires_at,
        replaces,
        grace_expires_at,
    })
}
