//! Whether this node lives, and whether it could take an order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::error::ApiError;
use super::openapi::problems::example;
use super::problem::ProblemDocument;
use super::{Shared, answer};

/// How long the database may take to show that it can write.
const PROBE_MILLIS_MAX: u64 = 2_000;

const NOT_READY: ApiError = ApiError::NotReady("The database cannot be written.");
const STOPPING: ApiError = ApiError::NotReady("This node is about to stop.");

/// Probes of the database, one at a time: callers that came before a probe began share its result.
#[derive(Default)]
pub struct Readiness {
    arrived: AtomicU64,
    newest: Mutex<Probe>,
}

#[derive(Default, Clone, Copy)]
struct Probe {
    /// Good for callers up to this one.
    covers: u64,
    writable: bool,
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
    /// Whether the database can be written.
    pub async fn is_ready(&self) -> bool {
        let readiness = &self.readiness;
        let ticket = readiness.arrived.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        let mut newest = readiness.newest.lock().await;
        if newest.covers < ticket {
            let covers = readiness.arrived.load(Ordering::Acquire);
            let probe = tokio::time::timeout(Duration::from_millis(PROBE_MILLIS_MAX), self.store.probe_writable());
            let writable = match probe.await {
                Ok(Ok(())) => true,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the database cannot be written");
                    false
                }
                Err(_) => {
                    tracing::warn!("the database did not answer a probe in time");
                    false
                }
            };
            *newest = Probe { covers, writable };
        }
        newest.writable
    }
}
