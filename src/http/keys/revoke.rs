//! `DELETE /v1/api-keys/{id}`: the end of a key, at once on this node and within 5 s elsewhere.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::ids::KeyId;
use crate::http::error::ApiError;
use crate::http::openapi::problems::example;
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer};

use super::{key_writer, malformed_id, own_key};

/// Revokes an API key, also the one that asks. A second time changes nothing. A key that was rotated out is refused (403).
#[utoipa::path(delete, path = "/v1/api-keys/{id}", tag = "Account", operation_id = "revoke_api_key", security(("bearer" = [])),
    params(("id" = KeyId, Path, description = "The key.")),
    responses(
        (status = 204, description = "The key is revoked."),
        (status = 400, description = "The id is not of a key's form.", body = ProblemDocument,
            example = json!(example(&malformed_id()))),
    ),
)]
pub async fn revoke(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = key_writer(&shared, &request).await?;
    let key = own_key(&shared, &holder, &request).await?;
    if key.revoked_at.is_none() {
        shared.store.key_revoke(key.id, shared.clock.now()).await?;
        let (account, by) = (holder.account_id, holder.verified.key.id);
        tracing::info!(event = "api_key_revoked", key.id = %key.id, account.id = %account, by.id = %by, "a customer revoked a key");
    }
    // Also if another node revoked it: this one may still take it for good.
    shared.forget_key(key.id);
    Ok(answer::no_content())
}
