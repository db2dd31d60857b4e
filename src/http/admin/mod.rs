//! The operators' endpoints (contract, section 4), one file each.

pub mod accept;
pub mod apply_ipn;
pub mod attention;
pub mod audit_log;
pub mod csv;
pub mod daily;
pub mod events;
pub mod evidence_metrics;
pub mod get;
pub mod idempotency_metrics;
pub mod internal_note;
pub mod ipns;
pub mod list;
pub mod payments;
pub mod pending_age;
pub mod stats;
pub mod sweep;
pub mod top_up;
pub mod webhook_deliveries;
pub mod webhook_dlq;

use actix_web::HttpRequest;

use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::time::{Span, Timestamp};

use super::error::ApiError;
use super::query::{LimitRule, Query};
use super::{Shared, order_id_asked};

const DAYS: LimitRule = LimitRule { max: 90, default: 7 };

/// The id that the path names, if it can be an order's.
///
/// # Errors
/// 404.
pub fn order_id(request: &HttpRequest) -> Result<OrderId, ApiError> {
    let asked = order_id_asked(request);
    OrderId::parse(asked).ok_or_else(|| ApiError::NoSuchOrder(asked.to_owned()))
}

/// The order that the path names, whosever it is.
///
/// # Errors
/// 404, or 503.
pub async fn any_order(shared: &Shared, request: &HttpRequest) -> Result<Order, ApiError> {
    let id = order_id(request)?;
    shared.store.order_load(id).await?.ok_or_else(|| ApiError::NoSuchOrder(id.to_string()))
}

/// The last UTC days, today among them.
pub struct LastDays {
    /// How many.
    pub count: usize,
    /// `2026-05-12`, the first of them.
    pub first: String,
    /// The last of them.
    pub today: String,
}

impl LastDays {
    /// As many as the query's `days` asks for.
    fn asked(request: &HttpRequest, now: Timestamp) -> Result<Self, ApiError> {
        Ok(Self::until(now, Query::of(request)?.count("days", DAYS)?))
    }

    /// So many.
    #[must_use]
    pub fn until(now: Timestamp, count: usize) -> Self {
        let first = now.before(days(count.saturating_sub(1)));
        Self { count, first: first.day(), today: now.day() }
    }

    /// Each of them, `now` being on the last.
    #[must_use]
    pub fn each(&self, now: Timestamp) -> Vec<String> {
        (0..self.count).rev().map(|ago| now.before(days(ago)).day()).collect()
    }
}

fn days(count: usize) -> Span {
    Span::hours(i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(24))
}
