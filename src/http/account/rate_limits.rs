//! `GET /v1/account/rate-limits`: the bucket that the account's requests draw from. Any good key of an account may ask.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::Tier;
use crate::http::error::ApiError;
use crate::http::limits::{BUCKET, Standing};
use crate::http::{Shared, answer};

/// How often the account may ask.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountRateLimits {
    #[schema(value_type = Tier)]
    tier: &'static str,
    /// One bucket; none while limits are switched off.
    buckets: Vec<RateLimitBucket>,
}

/// A token bucket. Each request with a key of the account takes one token.
#[derive(Debug, Serialize, ToSchema)]
pub struct RateLimitBucket {
    #[schema(example = "global")]
    bucket_key: &'static str,
    /// How many requests it holds.
    #[schema(example = 60)]
    capacity: u32,
    /// How many come back each second.
    #[schema(example = 1)]
    refill_per_second: u32,
    /// How many are left on this node, after this request.
    #[schema(example = 59)]
    remaining: u32,
}

/// Shows the bucket of the account, whatever the key's scopes.
#[utoipa::path(get, path = "/v1/account/rate-limits", tag = "Account", operation_id = "show_rate_limits",
    security(("bearer" = [])),
    responses((status = 200, description = "The tier and its bucket.", body = AccountRateLimits)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = shared.holder(&request).await?;
    let bucket = |standing: Standing| RateLimitBucket {
        bucket_key: BUCKET,
        capacity: standing.limit,
        refill_per_second: standing.refill_per_second,
        remaining: standing.remaining,
    };
    let buckets = Standing::of(&request).map(bucket).into_iter().collect();
    answer::ok(&AccountRateLimits { tier: holder.verified.tier.as_str(), buckets })
}
