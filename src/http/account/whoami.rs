//! `GET /v1/account/whoami`: whose key this is, and what it may do. Any good key of an account may ask.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::Tier;
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;
use crate::http::error::ApiError;
use crate::http::keys::KeyResource;
use crate::http::{Shared, answer};

/// The account, and the key that asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct Whoami<'a> {
    account_id: AccountId,
    name: &'a str,
    #[schema(value_type = Tier)]
    tier: &'static str,
    created_at: Timestamp,
    key: KeyResource<'a>,
}

/// Shows the account and the key, whatever its scopes.
#[utoipa::path(get, path = "/v1/account/whoami", tag = "Account", operation_id = "show_account", security(("bearer" = [])),
    responses((status = 200, description = "The account, and the key that asked.", body = Whoami)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = shared.holder(&request).await?;
    let found = shared.store.account_load(holder.account_id).await?;
    let account = found.ok_or(ApiError::Broken("a key's account is gone".into()))?;
    let key = holder.verified.as_used();
    answer::ok(&Whoami {
        account_id: account.id,
        name: &account.name,
        tier: account.tier.as_str(),
        created_at: account.created_at,
        key: KeyResource::of(&key),
    })
}
