//! `GET /v1/admin/crypto-orders/daily`: how many orders of each of the last days stand where now.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::order::StatusName;
use crate::domain::time::Span;
use crate::http::error::ApiError;
use crate::http::query::{LimitRule, Query};
use crate::http::{Shared, answer};
use crate::store::totals::DayCount;

const DAYS: LimitRule = LimitRule { max: 90, default: 7 };

/// Orders by the day of their creation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Daily {
    /// How many days were looked at, today among them.
    #[schema(minimum = 1, maximum = 90)]
    days: usize,
    /// Sorted by date, then by the status's name; without rows that count nothing.
    rows: Vec<DailyRow>,
    /// Always false: all orders of these days are counted.
    truncated: bool,
}

/// Orders of one day and status.
#[derive(Debug, Serialize, ToSchema)]
pub struct DailyRow {
    /// The UTC day of their creation.
    #[schema(format = Date, example = "2026-05-12")]
    date: String,
    /// Where they stand now.
    #[schema(value_type = StatusName)]
    status: &'static str,
    /// How many.
    #[schema(minimum = 1)]
    count: i64,
}

/// Shows the last days, today being the last of them.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/daily", operation_id = "orders_daily", tag = "Operators",
    security(("bearer" = [])),
    params(("days" = Option<usize>, Query, minimum = 1, maximum = 90, description = "How many days; 7 without it.")),
    responses((status = 200, description = "Counts by day and status.", body = Daily)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let days = Query::of(&request)?.count("days", DAYS)?;
    let today = shared.clock.now();
    let before_today = i64::try_from(days).unwrap_or(i64::MAX).saturating_sub(1);
    let first = today.before(Span::hours(before_today.saturating_mul(24)));
    let counts = shared.store.day_counts(first.day(), today.day()).await?;
    answer::ok(&Daily { days, rows: counts.into_iter().map(row).collect(), truncated: false })
}

fn row(count: DayCount) -> DailyRow {
    let DayCount { day, status, orders } = count;
    DailyRow { date: day, status: status.as_str(), count: orders }
}
