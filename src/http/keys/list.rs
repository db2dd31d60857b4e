//! `GET /v1/api-keys`: the account's keys, newest first, those that have ended too.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::access::Permission;
use crate::http::error::ApiError;
use crate::http::paging::Paged;
use crate::http::query::{LimitRule, Query, Start};
use crate::http::{Shared, answer, cursor};

use super::KeyResource;

/// Published clients read the first page only: without `limit` it holds as many as any page does.
const LIMIT: LimitRule = LimitRule { max: 100, default: 100 };

/// Lists the account's API keys, newest first, without their plaintext.
#[utoipa::path(get, path = "/v1/api-keys", tag = "Account", operation_id = "list_api_keys", security(("bearer" = [])),
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 100, description = "How many; 100 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, description = "Where the page starts: the `next_cursor` of the one before."),
    ),
    responses((status = 200, description = "One page, newest first.", body = Paged<KeyResource>)),
)]
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = shared.holder_who_may(&request, Permission::ReadKeys).await?;
    let query = Query::of(&request)?;
    let limit = query.limit(LIMIT)?;
    // One more than is shown tells whether there is more.
    let asked = limit.saturating_add(1);
    let mut found = match query.start(cursor::to_api_key)? {
        Start::Newest => shared.store.keys_page(holder.account_id, asked, None).await?,
        Start::After(place) => shared.store.keys_page(holder.account_id, asked, Some(place)).await?,
        Start::Nowhere => Vec::new(),
    };
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| has_more).map(|last| cursor::of_api_key(last.created_at, last.id));
    answer::ok(&Paged::new(found.iter().map(KeyResource::of).collect(), next_cursor))
}
