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
    #[schema(example = json!({"USD": 47400}))]
    pending_value_cents: BTreeMap<String, i64>,
    /// How many are pending.
    #[schema(minimum = 0, example = 6)]
    total: i64,
    /// Always false: all pending orders are counted.
    #[schema(example = false)]
    truncated: bool,
    /// How many orders the answer is about: all that are pending.
    #[schema(minimum = 0, example = 6)]
    scanned: i64,
}

/// How many orders are how old. An age that is a bound exactly belongs to the older side.
#[derive(Debug, Serialize, ToSchema)]
pub struct Buckets {
    /// Younger than an hour.
    #[schema(minimum = 0, example = 3)]
    under_1h: i64,
    /// An hour old or older, younger than six.
    #[schema(minimum = 0, example = 2)]
    h1_to_6h: i64,
    /// Six hours old or older, younger than a day.
    #[schema(minimum = 0, example = 1)]
    h6_to_24h: i64,
    /// A day old or older.
    #[schema(minimum = 0, example = 0)]
    over_24h: i64,
}

/// Tells how long pending orders have been waiting, and what they are worth.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/pending-age", operation_id = "show_pending_age",
    tag = "Operators", security(("bearer" = [])),
    responses((status = 200, description = "Pending orders by age, and what they cost.", body = PendingAge)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let ages = shared.store.pending_ages(shared.clock.now(), shared.settings.orders.pay_window).await?;
    answer::ok(&shown(ages))
}

fn shown(ages: PendingAges) -> PendingAge {
    let PendingAges { under_1h, h1_to_6h, h6_to_24h, over_24h, past_window: _, total, value } = ages;
    PendingAge {
        buckets: Buckets { under_1h, h1_to_6h, h6_to_24h, over_24h },
        pending_value_cents: value.into_iter().map(|value| (value.currency.to_string(), value.cents)).collect(),
        total,
        truncated: false,
        scanned: total,
    }
}
