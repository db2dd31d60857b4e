//! Whether this node lives, and whether it could take an order.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::error::ApiError;
use super::openapi::problems::example;
use super::problem::ProblemDocument;
use super::{Shared, answer};
use crate::clock::{Clock, MonotonicTime};
use crate::domain::time::Span;

/// How long the database may take to show that it takes orders.
const PROBE_LASTS_MAX: Duration = Duration::from_secs(2);
/// How long the result of a probe is answered. With [`PROBE_LASTS_MAX`] it bounds how late a change is seen.
const PROBE_STANDS: Span = Span::millis(500);

const NOT_READY: ApiError = ApiError::NotReady("The database cannot be written.");
const STOPPING: ApiError = ApiError::NotReady("This node is about to stop.");

/// Probes of the database, one at a time, whose result stands for a moment: however many ask, and whoever
/// they are, there are no more writes than that.
#[derive(Default)]
pub struct Readiness(Mutex<Option<Probe>>);

#[derive(Clone, Copy)]
struct Probe {
    ended_at: MonotonicTime,
    is_ready: bool,
}

/// One word.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok` of a node that lives, `ready` of one that takes orders.
    #[schema(pattern = "^(ok|ready)$", example = "ok")]
    status: &'static str,
}

/// Tells that this node lives.
#[utoipa::path(get, path = "/healthz", operation_id = "show_health", tag = "Service",
    responses((status = 200, description = "Requests are served.", body = Health)),
)]
pub async fn alive() -> Result<HttpResponse, ApiError> {
    answer::ok(&Health { status: "ok" })
}

/// Tells whether this node could take an order.
#[utoipa::path(get, path = "/readyz", operation_id = "show_readiness", tag = "Service",
    responses(
        (status = 200, description = "The database can be written.", body = Health, example = json!({"status": "ready"})),
        (status = 503, description = "The database cannot be written, or this node is about to stop.", body = ProblemDocument,
            example = json!(example(&NOT_READY))),
    ),
)]
pub async fn ready(shared: web::Data<Shared>) -> Result<HttpResponse, ApiError> {
    if shared.connections.are_draining() {
        return Err(STOPPING);
    }
    if shared.is_ready().await { answer::ok(&Health { status: "ready" }) } else { Err(NOT_READY) }
}

impl Shared {
    /// Whether an order could be taken, now or a moment ago.
    pub async fn is_ready(&self) -> bool {
        // The database's own time passes even where a test holds the clock.
        let clock = Clock::system();
        let mut newest = self.readiness.0.lock().await;
        if let Some(probe) = newest.filter(|probe| clock.monotonic().since(probe.ended_at) < PROBE_STANDS) {
            return probe.is_ready;
        }
        let probed = tokio::time::timeout(PROBE_LASTS_MAX, self.store.probe()).await;
        let failure = match probed {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the database did not answer a probe in time".to_owned()),
        };
        let was_ready = newest.is_none_or(|probe| probe.is_ready);
        match &failure {
            Some(error) if was_ready => tracing::warn!(error, "this node cannot take orders: /readyz answers 503"),
            None if !was_ready => tracing::info!("this node takes orders again: /readyz answers 200"),
            _ => {}
        }
        let is_ready = failure.is_none();
        *newest = Some(Probe { ended_at: clock.monotonic(), is_ready });
        is_ready
    }
}
