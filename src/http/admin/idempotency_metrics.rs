//! `GET /v1/admin/crypto-orders/idempotency-metrics`: how keys are used, by all or by one customer.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use crate::domain::ids::{AccountId, OrderId};
use crate::domain::time::Timestamp;
use crate::http::error::ApiError;
use crate::http::query::{LimitRule, Query, Start};
use crate::http::{Shared, answer, cursor};
use crate::store::{IdempotencyTotals, KeyUsage};

use super::list::account;

const LIMIT: LimitRule = LimitRule { max: 200, default: 50 };

#[derive(Debug, Serialize)]
struct Totals {
    replays: i64,
    first_writes: i64,
    body_mismatches: i64,
}

#[derive(Debug, Serialize)]
struct OfAccount {
    #[serde(flatten)]
    totals: Totals,
    keys: Vec<Usage>,
    has_more: bool,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct Usage {
    key: String,
    order_id: OrderId,
    first_seen_at: Timestamp,
    replays: i64,
    body_mismatches: i64,
    last_seen_at: Timestamp,
}

/// Shows the counters; with `account_id` that customer's, and the keys one page at a time.
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let query = Query::of(&request)?;
    match account(&query)? {
        None => answer::ok(&totals(shared.store.idempotency_totals(None).await?)),
        Some(account) => answer::ok(&of_account(&shared, account, &query).await?),
    }
}

async fn of_account(shared: &Shared, account: AccountId, query: &Query) -> Result<OfAccount, ApiError> {
    let limit = query.limit(LIMIT)?;
    // One more than is shown tells whether there is more.
    let asked = limit.saturating_add(1);
    let mut found = match query.start(cursor::to_key)? {
        Start::Newest => shared.store.idempotency_keys(account, asked, None).await?,
        Start::After(place) => shared.store.idempotency_keys(account, asked, Some(place)).await?,
        Start::Nowhere => Vec::new(),
    };
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| has_more).map(|last| cursor::of_key(last.first_seen_at, &last.key));
    let totals = totals(shared.store.idempotency_totals(Some(account)).await?);
    Ok(OfAccount { totals, keys: found.into_iter().map(usage).collect(), has_more, next_cursor })
}

fn totals(totals: IdempotencyTotals) -> Totals {
    let IdempotencyTotals { first_writes, replays, body_mismatches } = totals;
    Totals { replays, first_writes, body_mismatches }
}

fn usage(usage: KeyUsage) -> Usage {
    let KeyUsage { key, order_id, first_seen_at, last_seen_at, replays, body_mismatches } = usage;
    Usage { key, order_id, first_seen_at, replays, body_mismatches, last_seen_at }
}
