//! Whether this node lives, and whether it could take an order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde_json::json;
use tokio::sync::Mutex;

use super::error::ApiError;
use super::{Shared, answer};

/// How long the database may take to show that it can write.
const PROBE_MILLIS_MAX: u64 = 2_000;

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

/// `GET /healthz`: requests are served.
pub async fn alive() -> Result<HttpResponse, ApiError> {
    answer::ok(&json!({"status": "ok"}))
}

/// `GET /readyz`: an order could be taken.
pub async fn ready(shared: web::Data<Shared>) -> Result<HttpResponse, ApiError> {
    let readiness = &shared.readiness;
    let ticket = readiness.arrived.fetch_add(1, Ordering::AcqRel).saturating_add(1);
    let mut newest = readiness.newest.lock().await;
    if newest.covers < ticket {
        let covers = readiness.arrived.load(Ordering::Acquire);
        let probe = tokio::time::timeout(Duration::from_millis(PROBE_MILLIS_MAX), shared.store.probe_writable());
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
    if newest.writable {
        answer::ok(&json!({"status": "ready"}))
    } else {
        Err(ApiError::NotReady("The database cannot be written."))
    }
}
