//! From a host's name to the addresses that may be dialled.
//!
//! The HTTP client asks [`Guarded`], and dials what it is given and nothing else: a name that led to a public address
//! at registration and leads to ours now finds nobody here. Hosts that are addresses are judged by their text alone,
//! in `address.rs`. Nothing is remembered between two attempts.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;
use url::Host;

use super::address::{self, Refused};
use crate::config::Reach;

/// How long a registration waits for a name.
const REGISTRATION_WAIT: Duration = Duration::from_secs(2);
/// At most so many names are looked up at once: half of the threads that may block.
const LOOKUPS_MAX: usize = 256;

/// Each is a thread for as long as it takes, whoever still waits for it; the database needs such threads too.
static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUPS_MAX);

/// Tells the addresses of a name.
pub type Tell = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// Who knows the addresses of names.
#[derive(Clone)]
pub enum Names {
    /// The system's resolver.
    System,
    /// Whoever says so; for tests.
    Told(Arc<Tell>),
}

impl Names {
    /// The addresses of this name, at least one.
    ///
    /// # Errors
    /// The system's, if there is no such name, or nobody knows.
    pub async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = match self {
            Self::System => look_up(host.to_owned()).await?,
            Self::Told(tell) => tell(host),
        };
        if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
    }
}

async fn look_up(host: String) -> io::Result<Vec<IpAddr>> {
    let permit = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    // It cannot be stopped; in a task of its own it keeps its permit to its end.
    let looking = tokio::spawn(async move {
        let found = tokio::net::lookup_host((host.as_str(), 0)).await;
        drop(permit);
        found.map(|found| found.map(|address| address.ip()).collect())
    });
    looking.await.map_err(io::Error::other)?
}

/// Whether an endpoint may be registered with this URL: nothing that its name leads to today is refused.
/// A name that leads nowhere yet, or not in time, is taken, because every attempt looks again.
///
/// # Errors
/// [`Refused`], with what is wrong.
pub async fn check_registration(text: &str, reach: Reach, names: &Names) -> Result<(), Refused> {
    let url = address::check(text, reach)?;
    if let Some(Host::Domain(name)) = url.host() {
        let found = tokio::time::timeout(REGISTRATION_WAIT, names.resolve(name)).await;
        let found = found.ok().and_then(Result::ok).unwrap_or_default();
        if found.into_iter().any(|ip| !address::is_reachable(ip, reach)) {
            return Err(Refused::NotPublic);
        }
    }
    Ok(())
}

/// Why a name is not dialled.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotDialled {
    /// It leads nowhere.
    #[error("the name could not be resolved")]
    Unresolved(#[source] io::Error),
    /// All that it leads to is refused.
    #[error("no address of the name may be dialled")]
    NotAllowed,
}

/// What the HTTP client asks before it dials a name.
pub(super) struct Guarded {
    /// Which addresses it may dial.
    pub(super) reach: Reach,
    /// Who knows them.
    pub(super) names: Names,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, reach) = (self.names.clone(), self.reach);
        Box::pin(async move {
            let mut found = names.resolve(name.as_str()).await.map_err(NotDialled::Unresolved)?;
            found.retain(|ip| address::is_reachable(*ip, reach));
            if found.is_empty() {
                return Err(NotDialled::NotAllowed.into());
            }
            // The client puts the URL's port in the place of 0.
            let addresses: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}
