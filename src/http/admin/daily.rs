//! `GET /v1/admin/crypto-orders/daily`: how many orders of each of the last days stand where now.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::order::StatusName;
use crate::http::error::ApiError;
use crate::http::{Shared, answer};
use crate::store::totals::DayCount;

use super::LastDays;

/// Orders by the day of their creation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Daily {
    /// How many days were looked at, today among them.
    #[schema(minimum = 1, maximum = 90, example = 7)]
    days: usize,
    /// Sorted by date, then by the status's name; without rows that count nothing.
    rows: Vec<DailyRow>,
    /// Always false: all orders of these days are counted.
    #[schema(example = false)]
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
    #[schema(minimum = 1, example = 12)]
    count: i64,
}

/// Counts the orders of the last days by where they stand now.
///
/// A day is one of UTC, and an order belongs to the day of its creation. Today is the last day.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/daily", operation_id = "show_daily_counts", tag = "Operators",
    security(("bearer" = [])),
    params(("days" = Option<usize>, Query, minimum = 1, maximum = 90, example = 7,
        description = "How many days; 7 without it.")),
    responses((status = 200, description = "Counts by day and status.", body = Daily)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let LastDays { count, first, today } = LastDays::asked(&request, shared.clock.now())?;
    let counts = shared.store.day_counts(first, today).await?;
    answer::ok(&Daily { days: count, rows: counts.into_iter().map(row).collect(), truncated: false })
}

fn row(count: DayCount) -> DailyRow {
    let DayCount { day, status, orders } = count;
    DailyRow { date: day, status: status.as_str(), count: orders }
}
