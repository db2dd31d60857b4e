//! `GET /v1/whoami`: which account, key, tier and scopes are behind a key. Any good key of an account may ask.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::{Scope, Tier};
use crate::domain::ids::KeyId;
use crate::http::error::ApiError;
use crate::http::{Shared, answer};

/// Who asks; the fields in the contract's order.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyIdentity {
    /// The account, `acc_<uuid>`.
    #[schema(
        pattern = "^acc_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example = "acc_0f0e0d0c-0b0a-4908-8706-050403020100"
    )]
    account_id: String,
    /// The key that asked.
    api_key_id: KeyId,
    #[schema(value_type = Tier)]
    tier: &'static str,
    #[schema(value_type = Vec<Scope>)]
    scopes: Vec<&'static str>,
}

/// Names the account, key, tier and scopes of the key that asks, whatever its scopes.
#[utoipa::path(get, path = "/v1/whoami", tag = "Account", operation_id = "who_am_i", security(("bearer" = [])),
    responses((status = 200, description = "Who asks.", body = KeyIdentity)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = shared.holder(&request).await?;
    let key = &holder.verified.key;
    answer::ok(&KeyIdentity {
        account_id: format!("acc_{}", holder.account_id),
        api_key_id: key.id,
        tier: holder.verified.tier.as_str(),
        scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
    })
}
