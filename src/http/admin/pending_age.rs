//! `GET /v1/admin/crypto-orders/pending-age`: how long pending orders have been waiting, and for how much.

use std::collections::BTreeMap;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::{Shared, answer};
use crate::store::totals::PendingAges;

/// Pending orders by age.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingAge {
    /// Each pending order is in one of them.
    buckets: Buckets,
    /// What they cost together in minor units, by currency.
    pending_value_cents: BTreeMap<String, i64>,
    /// How many are pending.
    #[schema(minimum = 0)]
    total: i64,
    /// Always false: all pending orders are counted.
    truncated: bool,
    /// How many orders the answer is about: all that are pending.
    #[schema(minimum = 0)]
    scanned: i64,
}

/// How many orders are how old. An age that is a bound exactly belongs to the older side.
#[derive(Debug, Serialize, ToSchema)]
pub struct Buckets {
    /// Younger than an hour.
    #[schema(minimum = 0)]
    under_1h: i64,
    /// An hour old or older, younger than six.
    #[schema(minimum = 0)]
    h1_to_6h: i64,
    /// Six hours old or older, younger than a day.
    #[schema(minimum = 0)]
    h6_to_24h: i64,
    /// A day old or older.
    #[schema(minimum = 0)]
    over_24h: i64,
}

/// Shows all pending orders by their age.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/pending-age", operation_id = "orders_pending_age",
    tag = "Operators", security(("bearer" = [])),
    responses((status = 200, description = "Pending orders by age, and what they cost.", body = PendingAge)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let ages = shared.store.pending_ages(shared.clock.now()).await?;
    answer::ok(&shown(ages))
}

fn shown(ages: PendingAges) -> PendingAge {
    let PendingAges { under_1h, h1_to_6h, h6_to_24h, over_24h, total, value } = ages;
    PendingAge {
        buckets: Buckets { under_1h, h1_to_6h, h6_to_24h, over_24h },
        pending_value_cents: value.into_iter().map(|value| (value.currency.to_string(), value.cents)).collect(),
        total,
        truncated: false,
        scanned: total,
    }
}
