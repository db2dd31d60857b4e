//! `GET /v1/admin/crypto-orders/idempotency-metrics`: how keys are used, by all or by one customer.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::ids::{AccountId, OrderId};
use crate::domain::time::Timestamp;
use crate::http::error::ApiError;
use crate::http::openapi::schemas::AccountFilter;
use crate::http::query::{LimitRule, Query, Start};
use crate::http::{Shared, answer, cursor};
use crate::store::{IdempotencyTotals, KeyUsage};

use super::list::account;

const LIMIT: LimitRule = LimitRule { max: 200, default: 50 };

/// How keys were used since the counters began.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IdempotencyTotals)]
pub struct Totals {
    /// Uses after the first.
    #[schema(minimum = 0, example = 2)]
    pub replays: i64,
    /// First uses.
    #[schema(minimum = 0, example = 5)]
    pub first_writes: i64,
    /// Replays with another body.
    #[schema(minimum = 0, example = 1)]
    pub body_mismatches: i64,
}

/// How one customer's keys were used; without a customer the totals stand alone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IdempotencyMetrics)]
pub struct OfAccount {
    #[serde(flatten)]
    pub totals: Totals,
    /// Of one customer only; newest first.
    #[schema(required = false)]
    pub keys: Vec<Usage>,
    /// Of one customer only.
    #[schema(required = false)]
    has_more: bool,
    /// Of one customer only: where the next page starts.
    #[schema(required = false, example = json!(null))]
    pub next_cursor: Option<String>,
}

/// How one key was used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IdempotencyUsage)]
pub struct Usage {
    #[schema(example = "order-2026-0001")]
    pub key: String,
    pub order_id: OrderId,
    pub first_seen_at: Timestamp,
    /// Uses after the first.
    #[schema(minimum = 0, example = 2)]
    pub replays: i64,
    /// Replays with another body.
    #[schema(minimum = 0, example = 1)]
    pub body_mismatches: i64,
    pub last_seen_at: Timestamp,
}

/// Tells how idempotency keys are used.
///
/// With `account_id` the counters are that customer's, and the keys follow one page at a time.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/idempotency-metrics", operation_id = "show_idempotency_metrics",
    tag = "Operators", security(("bearer" = [])),
    params(
        ("account_id" = Option<AccountFilter>, Query, description = "Only this customer."),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 200, example = 50,
            description = "How many keys at most; 50 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, example = "AgAGUZ5w1bQAb3JkZXItMjAyNi0wMDAx",
            description = "Where the page of keys starts: the last page's `next_cursor`."),
    ),
    responses((status = 200, description = "The counters.", body = OfAccount)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let query = Query::of(&request)?;
    // Read before anything else: what breaks its rule is refused also where there is nothing to page.
    let keys = Keys::asked(&query)?;
    match account(&query)? {
        None => answer::ok(&of_all(&shared).await?),
        Some(account) => answer::ok(&of_account(&shared, account, keys).await?),
    }
}

/// Which keys are asked for.
pub struct Keys {
    limit: usize,
    start: Start<(Timestamp, String)>,
}

impl Keys {
    /// Those that a query asks for.
    ///
    /// # Errors
    /// 400 if a parameter breaks its rule.
    pub fn asked(query: &Query) -> Result<Self, ApiError> {
        Ok(Self { limit: query.limit(LIMIT)?, start: query.start(cursor::to_key)? })
    }
}

/// How one customer's keys were used.
///
/// # Errors
/// 503.
pub async fn of_account(shared: &Shared, account: AccountId, keys: Keys) -> Result<OfAccount, ApiError> {
    let Keys { limit, start } = keys;
    // One more than is shown tells whether there is more.
    let asked = limit.saturating_add(1);
    let mut found = match start {
        Start::Newest => shared.store.idempotency_keys(account, asked, None).await?,
        Start::After(place) => shared.store.idempotency_keys(account, asked, Some(place)).await?,
        Start::Nowhere => Vec::new(),
    };
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| has_more).map(|last| cursor::of_key(last.first_seen_at, &last.key));
    let totals = shared.store.idempotency_totals(Some(account)).await?.into();
    Ok(OfAccount { totals, keys: found.into_iter().map(usage).collect(), has_more, next_cursor })
}

/// How all keys were used.
///
/// # Errors
/// 503.
pub async fn of_all(shared: &Shared) -> Result<Totals, ApiError> {
    Ok(shared.store.idempotency_totals(None).await?.into())
}

impl From<IdempotencyTotals> for Totals {
    fn from(totals: IdempotencyTotals) -> Self {
        let IdempotencyTotals { first_writes, replays, body_mismatches } = totals;
        Self { replays, first_writes, body_mismatches }
    }
}

fn usage(usage: KeyUsage) -> Usage {
    let KeyUsage { key, order_id, first_seen_at, last_seen_at, replays, body_mismatches } = usage;
    Usage { key, order_id, first_seen_at, replays, body_mismatches, last_seen_at }
}
