//! What can go wrong with a merchant's endpoints, and the problem that each case becomes.
//!
//! Part of `error.rs`. Nothing here tells of another account's endpoints that there are any, nor of a secret.

use crate::domain::ids::WebhookId;
use crate::domain::time::Span;
use crate::domain::webhook::endpoint::{Downfall, FAILURES_IN_A_ROW_MAX, PINGS_MAX, Unable};
use crate::http::problem::{Extensions, Problem, Slug, extended, plain};
use crate::webhooks::address::Refused;

use super::{ApiError, conflict};

const RESOURCE: &str = "webhook_endpoint";

/// Why an account's endpoints are not changed as was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookError {
    /// There is no such endpoint, or it is another account's.
    NotFound(WebhookId),
    /// The account has so many endpoints in use, and may have no more.
    Full(usize),
    /// Nothing is sent to such a URL.
    Url(Refused),
    /// The endpoint was pinged as often as it may be; after this time it may be again.
    TooManyPings(Span),
    /// The endpoint cannot do that, as it stands.
    Unable(WebhookId, Unable),
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        Self::Webhook(error)
    }
}

/// The error as the wire shows it.
pub fn problem(error: WebhookError) -> Problem {
    match error {
        WebhookError::NotFound(id) => not_found(id),
        WebhookError::Full(limit) => {
            let detail = format!("Account already has {limit} active webhook endpoints; limit is {limit}.");
            extended(Slug::Conflict, detail, Extensions { resource: Some(RESOURCE), ..Extensions::default() })
        }
        WebhookError::Url(refused) if refused.is_of_form() => ApiError::field("url", refused.sentence()).problem(),
        WebhookError::Url(refused) => plain(Slug::BadRequest, refused.sentence()),
        WebhookError::TooManyPings(wait) => too_many_pings(wait),
        WebhookError::Unable(id, unable) => of_unable(id, unable),
    }
}

fn not_found(id: WebhookId) -> Problem {
    plain(Slug::NotFound, format!("No webhook endpoint with id \"{id}\"."))
}

fn too_many_pings(wait: Span) -> Problem {
    // The second in which it ends counts whole.
    let seconds = u64::try_from(wait.as_millis().saturating_add(999).div_euclid(1000)).unwrap_or(0).max(1);
    let detail = format!("A webhook endpoint takes at most {PINGS_MAX} test pings a minute.");
    let extensions = Extensions { retry_after_seconds: Some(seconds), ..Extensions::default() };
    extended(Slug::RateLimited, detail, extensions)
}

fn of_unable(id: WebhookId, unable: Unable) -> Problem {
    match unable {
        Unable::Deleted => not_found(id),
        Unable::Disabled { at, because } => {
            let why = match because {
                Downfall::Failures => format!("after {FAILURES_IN_A_ROW_MAX} failed attempts in a row"),
                Downfall::Gone => "because it answered 410 (Gone)".to_owned(),
            };
            let detail = format!(
                "The webhook endpoint was disabled at {at} {why}, and stays so. Create a new endpoint, then catch up \
                 on it since that time."
            );
            conflict(RESOURCE, "disabled_at", detail)
        }
        Unable::Paused => {
            plain(Slug::BadRequest, "The webhook endpoint is paused. Set active to true before you test it.")
        }
        Unable::GraceRuns { until } => {
            let detail = format!(
                "The secret was rotated less than 24 hours ago, and the one before it still signs until {until}. \
                 Rotate again after that."
            );
            conflict(RESOURCE, "rotation_grace_expires_at", detail)
        }
    }
}
