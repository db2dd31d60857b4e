//! How the service is: what its database answers, and what its workers on this node have done since it started.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::actors::poller::Poller;
use crate::config::Provider;
use crate::domain::time::{Span, Timestamp};
use crate::http::Shared;
use crate::http::error::ApiError;
use crate::http::gui::figures::{counted, grouped};

/// How far dead letters are counted: where there are more, their number is of no use.
const DEAD_LETTERS_MAX: usize = 1_000;

/// What is said first of who does nothing by the clock.
const OFF: &str = "switched off; ";

/// How the service is.
pub struct Wellness {
    /// Whether orders can be taken.
    pub is_ready: bool,
    /// Of this program.
    pub version: &'static str,
    /// What keeps the orders.
    pub engine: &'static str,
    /// Who makes payments.
    pub provider: &'static str,
    /// IPNs that were refused in the last 24 hours.
    pub refused_ipns: String,
    /// Verified notifications about something else than a payment, of the last 24 hours.
    pub other_ipns: String,
    /// Deliveries that were given up.
    pub dead_letters: String,
    /// Those who work by the clock.
    pub workers: Vec<Worker>,
}

/// Somebody who works by the clock.
pub struct Worker {
    /// Their name.
    pub name: &'static str,
    /// What they have done.
    pub done: String,
    /// Whether any of it did not work.
    pub has_failed: bool,
}

impl Wellness {
    /// Looks.
    ///
    /// # Errors
    /// 503.
    pub async fn of(shared: &Shared, now: Timestamp) -> Result<Self, ApiError> {
        let lately = now.before(Span::hours(24));
        let refused = async { Ok::<_, ApiError>(shared.store.refused_ipns_since(lately).await?) };
        let other = async { Ok(shared.store.other_ipns_since(lately).await?) };
        let dead = async { Ok(shared.store.dlq_count(DEAD_LETTERS_MAX).await?) };
        let ready = async { Ok(shared.is_ready().await) };
        let (refused, other, dead, is_ready) = tokio::try_join!(refused, other, dead, ready)?;
        let or_more = if dead < DEAD_LETTERS_MAX { "" } else { " or more" };
        Ok(Self {
            is_ready,
            version: env!("CARGO_PKG_VERSION"),
            engine: if shared.settings.database_url.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" },
            provider: match shared.settings.provider {
                Provider::None => "none: IPNs move orders, no payments are made",
                Provider::Simulator => "the simulator in this program: no money moves",
                Provider::Sandbox => "NOWPayments, sandbox: no money moves",
                Provider::Live => "NOWPayments, live",
            },
            refused_ipns: grouped(refused),
            other_ipns: grouped(other),
            dead_letters: format!("{}{or_more}", counted(dead)),
            workers: workers(shared),
        })
    }
}

fn workers(shared: &Shared) -> Vec<Worker> {
    let counters = &shared.sweeper.counters;
    let sweeper = Worker {
        name: "Sweeper",
        done: format!(
            "{}{} passes, {} orders moved, {} failures",
            if shared.sweeper.settings.automatic { "" } else { OFF },
            read(&counters.passes),
            read(&counters.expired),
            read(&counters.failures)
        ),
        has_failed: counters.failures.load(Ordering::Relaxed) > 0,
    };
    let nobody = || Worker { name: "Poller", done: "off: there is no provider to ask".to_owned(), has_failed: false };
    vec![sweeper, shared.sweeper.lookout.poller.as_ref().map_or_else(nobody, poller)]
}

fn poller(poller: &Poller) -> Worker {
    let counters = &poller.counters;
    Worker {
        name: "Poller",
        done: format!(
            "{}{} passes, {} questions, {} with news ({} that no IPN had told), {} errors",
            if poller.settings.automatic { "" } else { OFF },
            read(&counters.passes),
            read(&counters.questions),
            read(&counters.news),
            read(&counters.unannounced),
            read(&counters.errors)
        ),
        has_failed: counters.errors.load(Ordering::Relaxed) > 0,
    }
}

fn read(counter: &AtomicU64) -> String {
    counted(counter.load(Ordering::Relaxed))
}
