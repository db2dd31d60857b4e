//! `POST /v1/admin/crypto-orders/sweep-expired`: support fails what is pending too long.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::actors::order::Command;
use crate::actors::sweeper::{SweepMode, SweepRequest};
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::time::Span;
use crate::http::error::ApiError;
use crate::http::extract::Operator;
use crate::http::fields::Fields;
use crate::http::openapi::schemas::nothing;
use crate::http::{Shared, answer, body};

const HOURS_MAX: i64 = 8760;
const MINUTES_MAX: i64 = 525_600;
const LIMIT_MAX: i64 = 500;
const MILLIS_PER_MINUTE: i64 = 60_000;
const MILLIS_PER_HOUR: i64 = 3_600_000;

/// What was swept, or would be.
#[derive(Debug, Serialize, ToSchema)]
struct SweepAnswer {
    /// How many.
    #[schema(example = 1)]
    expired: usize,
    /// True if the limit was reached, and there may be more.
    capped: bool,
    /// The age that was asked for; 90 minutes are 1.5.
    #[schema(value_type = f64, minimum = 0, example = 1)]
    older_than_hours: Box<RawValue>,
    /// The orders, oldest first.
    order_ids: Vec<OrderId>,
    /// Whether nothing was changed.
    dry_run: bool,
}

/// A sweep by an age in hours, or by the pay window.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; `read` reads it field by field")]
struct SweepByHours {
    /// Only orders older than so many hours, which must not be less than the pay window; without an age,
    /// older than the pay window.
    #[schema(minimum = 1, maximum = 8760, example = 1)]
    older_than_hours: Option<i64>,
    /// Not beside `older_than_hours`.
    #[schema(schema_with = nothing, required = false)]
    older_than_minutes: (),
    /// How many orders at most; 500 without it.
    #[schema(minimum = 1, maximum = 500, example = 500)]
    limit: Option<i64>,
    /// Tell what would be swept, and sweep nothing.
    #[schema(example = true)]
    dry_run: Option<bool>,
}

/// A sweep by an age in minutes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; `read` reads it field by field")]
struct SweepByMinutes {
    /// Only orders older than so many minutes; not less than the pay window.
    #[schema(minimum = 1, maximum = 525_600, example = 90)]
    older_than_minutes: i64,
    /// Not beside `older_than_minutes`.
    #[schema(schema_with = nothing, required = false)]
    older_than_hours: (),
    /// How many orders at most; 500 without it.
    #[schema(minimum = 1, maximum = 500, example = 500)]
    limit: Option<i64>,
    /// Tell what would be swept, and sweep nothing.
    #[schema(example = true)]
    dry_run: Option<bool>,
}

/// What is to be swept; without a body, everything past the pay window.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the document shows its shape; `read` reads it field by field")]
enum SweepBody {
    ByHours(SweepByHours),
    ByMinutes(SweepByMinutes),
}

/// What is to be swept.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    age: Span,
    limit: i64,
    dry_run: bool,
}

/// Sweeps orders that are pending too long.
///
/// Orders that are `confirming` or `partial` are never swept: money is on its way. With `dry_run` nothing
/// is changed. The sweep is on the audit log.
#[utoipa::path(post, path = "/v1/admin/crypto-orders/sweep-expired", operation_id = "sweep_expired_orders",
    tag = "Operators", security(("bearer" = [])),
    request_body = Option<SweepBody>,
    responses((status = 200, description = "What was swept, or would be.", body = SweepAnswer)),
)]
pub async fn sweep(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let operator = shared.operator(&request).await?;
    let fields = body::optional(&request, payload).await?;
    let Asked { age, limit, dry_run } = read(fields, shared.settings.orders.pay_window)?;
    let older_than_hours = in_hours(age)?;
    let input = json!({"older_than_hours": older_than_hours, "limit": limit, "dry_run": dry_run});
    let swept = shared.sweeper.sweep(SweepRequest {
        created_until: shared.clock.now().before(age),
        limit: usize::try_from(limit).unwrap_or_default(),
        mode: if dry_run { SweepMode::DryRun } else { SweepMode::Real },
        operation: operator.operation("crypto_order.swept", &input),
    });
    let swept = swept.await.map_err(|error| ApiError::Order(String::new(), error))?;
    let expired = swept.order_ids.len();
    answer::ok(&SweepAnswer { expired, capped: swept.capped, older_than_hours, order_ids: swept.order_ids, dry_run })
}

/// Sweeps one order, if it is pending and as old as the pay window is long; else nothing happens to it. The answer
/// is the order afterwards.
///
/// # Errors
/// 404 or 503.
pub async fn sweep_one(shared: &Shared, operator: &Operator, id: OrderId) -> Result<Order, ApiError> {
    let age = shared.settings.orders.pay_window;
    let input = json!({"older_than_hours": in_hours(age)?, "order_id": id});
    let operation = operator.operation("crypto_order.swept", &input);
    let created_until = shared.clock.now().before(age);
    let swept = shared.orders.ask(id, Command::Sweep { created_until, operation }).await;
    swept.map_err(|error| ApiError::Order(id.to_string(), error))
}

/// The age is given in hours or in minutes, or is the pay window, under which nothing may be swept.
fn read(mut fields: Fields, pay_window: Span) -> Result<Asked, ApiError> {
    let minutes_min = pay_window.as_millis().saturating_add(MILLIS_PER_MINUTE - 1) / MILLIS_PER_MINUTE;
    let hours = fields.optional_integer("older_than_hours", 1..=HOURS_MAX);
    let minutes = fields.optional_integer("older_than_minutes", minutes_min..=MINUTES_MAX);
    let limit = fields.optional_integer("limit", 1..=LIMIT_MAX).unwrap_or(LIMIT_MAX);
    let dry_run = fields.flag("dry_run");
    if hours.is_some() && minutes.is_some() {
        fields.wrong_form("Give older_than_hours or older_than_minutes, not both.");
    }
    if hours.is_some_and(|hours| Span::hours(hours) < pay_window) {
        let sentence = format!("older_than_hours must not be less than the pay window of {minutes_min} minutes.");
        fields.wrong("older_than_hours", sentence);
    }
    fields.finish()?;
    let age = hours.map(Span::hours).or(minutes.map(Span::minutes)).unwrap_or(pay_window);
    Ok(Asked { age, limit, dry_run })
}

/// An age as a JSON number of hours, to six digits behind the point: 90 minutes are `1.5`.
fn in_hours(age: Span) -> Result<Box<RawValue>, ApiError> {
    let (hours, rest) = (age.as_millis() / MILLIS_PER_HOUR, age.as_millis() % MILLIS_PER_HOUR);
    let millionths = rest.saturating_mul(1_000_000) / MILLIS_PER_HOUR;
    let text = format!("{hours}.{millionths:06}");
    let text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
    RawValue::from_string(text).map_err(|error| ApiError::Broken(error.to_string().into()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn asked(body: Value) -> Result<Asked, ApiError> {
        match body {
            Value::Object(object) => read(Fields::new(object), Span::minutes(60)),
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn without_a_word_everything_past_the_pay_window_is_swept() {
        let all = Asked { age: Span::minutes(60), limit: 500, dry_run: false };
        assert_eq!(asked(json!({})).unwrap(), all);
        let some = Asked { age: Span::minutes(90), limit: 3, dry_run: true };
        assert_eq!(asked(json!({"older_than_minutes": 90, "limit": 3, "dry_run": true})).unwrap(), some);
    }

    #[test]
    fn two_ages_or_one_under_the_pay_window_are_refused() {
        for wrong in [
            json!({"older_than_hours": 2, "older_than_minutes": 90}),
            json!({"older_than_minutes": 59}),
            json!({"older_than_hours": 0}),
            json!({"older_than_hours": 8761}),
            json!({"older_than_hours": 1.5}),
            json!({"limit": 501}),
            json!({"dry_run": "yes"}),
        ] {
            assert!(asked(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hours_may_have_a_fraction() {
        let hours = |minutes| in_hours(Span::minutes(minutes)).unwrap().get().to_owned();
        assert_eq!([hours(60), hours(90), hours(6000), hours(100)], ["1", "1.5", "100", "1.666666"]);
    }
}
