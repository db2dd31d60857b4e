//! A stand-in with the signatures that the command line is written against; the real one replaces it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use crate::actors::sweeper::Sweeper;
use crate::clock::Clock;
use crate::config::Settings;
use crate::store::StoreError;

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be used.
    #[error("the database cannot be used")]
    Storage(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("cannot listen")]
    Listen(#[from] io::Error),
}

/// The running service.
pub struct App {}

impl App {
    /// Starts everything; requests are answered from here on.
    ///
    /// # Errors
    /// [`StartError`] if the database or the listener cannot be had.
    pub async fn start(_settings: Settings, _clock: Clock) -> Result<Self, StartError> {
        unimplemented!()
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        unimplemented!()
    }

    /// Serves until `stop` resolves, then ends in an orderly way.
    pub async fn run_until(self, _stop: impl Future<Output = ()>) {
        unimplemented!()
    }
}

/// A sweeper without a server, for the command line.
///
/// # Errors
/// [`StartError`] if the database cannot be had.
pub async fn open_sweeper(_settings: &Settings, _clock: Clock) -> Result<Sweeper, StartError> {
    unimplemented!()
}
