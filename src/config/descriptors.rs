//! The file descriptors of this process, and how they are shared out.
//!
//! Each connection holds one. The program keeps some for its own files and some for requests; the rest is divided
//! among what holds a connection for long: buyers' pages, requests that wait for a change, and webhooks being sent.

use std::io;

/// How many pages of buyers may listen to one node.
const STREAMS_MAX: usize = 1_000;
/// How many requests may wait for a change on one node (contract, section 3).
const WAITERS_MAX: usize = 1_000;
/// How many webhooks one node sends at a time.
const DELIVERIES_MAX: usize = 1_024;
/// How many connections one node takes; each holds about 20 kB.
const CONNECTIONS_MAX: usize = 32_768;
/// How many descriptors are kept for connections of requests that are answered at once, IPNs among them.
const KEPT_FOR_REQUESTS: usize = 128;
/// How many are kept for what opens while the program runs: the database, the provider.
const KEPT_FOR_FILES: usize = 32;
/// How many the program holds from the start, whatever the machine: the log, the listener, the database.
const OWN_BASE: usize = 32;
/// How many it holds for each thread of the processor, most of them for waiting on sockets.
const OWN_OF_THREAD: usize = 8;

/// How many descriptors there are, and what they are enough for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    limit: usize,
    threads: usize,
}

/// As many as a server usually may raise its limit to.
impl Default for Descriptors {
    fn default() -> Self {
        Self::new(65_536)
    }
}

impl Descriptors {
    /// Shares out a limit on this machine.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, threads: std::thread::available_parallelism().map_or(1, usize::from) }
    }

    /// Raises the process's soft limit to its hard limit, and shares that out.
    ///
    /// # Errors
    /// The limit cannot be read or raised.
    pub fn raise() -> io::Result<Self> {
        let limit = rlimit::increase_nofile_limit(u64::MAX)?;
        Ok(Self::new(usize::try_from(limit).unwrap_or(usize::MAX)))
    }

    /// How many there are.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many pages of buyers may listen at a time.
    #[must_use]
    pub fn streams_max(&self) -> usize {
        self.share(2).clamp(1, STREAMS_MAX)
    }

    /// How many requests may wait for a change at a time.
    #[must_use]
    pub fn waiters_max(&self) -> usize {
        self.share(4).clamp(1, WAITERS_MAX)
    }

    /// How many webhooks may be under way at a time.
    #[must_use]
    pub fn deliveries_max(&self) -> usize {
        self.share(4).clamp(4, DELIVERIES_MAX)
    }

    /// How many connections may be open at a time.
    #[must_use]
    pub fn connections_max(&self) -> usize {
        let taken = self.own().saturating_add(KEPT_FOR_FILES).saturating_add(self.deliveries_max());
        // The program's own part is an estimate: half of them all are taken whatever it says.
        self.limit.saturating_sub(taken).max(self.limit / 2).clamp(1, CONNECTIONS_MAX)
    }

    /// True if nothing is bounded more tightly for want of descriptors.
    #[must_use]
    pub fn are_ample(&self) -> bool {
        let most = [STREAMS_MAX, WAITERS_MAX, DELIVERIES_MAX];
        most == [self.streams_max(), self.waiters_max(), self.deliveries_max()]
    }

    /// One of so many equal parts of what is left for those that hold a connection for long.
    fn share(&self, parts: usize) -> usize {
        let kept = self.own().saturating_add(KEPT_FOR_REQUESTS).saturating_add(KEPT_FOR_FILES);
        self.limit.saturating_sub(kept).checked_div(parts).unwrap_or(0)
    }

    fn own(&self) -> usize {
        OWN_BASE.saturating_add(self.threads.saturating_mul(OWN_OF_THREAD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_connections_for_long_leaves_the_reserve_to_requests() {
        for (limit, threads) in [(256, 2), (1_024, 2), (1_024, 16), (4_096, 8), (65_536, 2), (1_048_576, 64)] {
            let shares = Descriptors { limit, threads };
            let long = shares.streams_max() + shares.waiters_max();
            let connections = shares.connections_max();
            assert!(long + KEPT_FOR_REQUESTS <= connections, "{shares:?}: {long} of {connections}");
            assert!(connections + shares.deliveries_max() + shares.own() <= limit, "{shares:?}");
        }
    }

    #[test]
    fn with_many_descriptors_everything_has_its_full_number() {
        let shares = Descriptors { limit: 65_536, threads: 16 };
        assert!(shares.are_ample());
        assert_eq!([shares.streams_max(), shares.waiters_max(), shares.deliveries_max()], [1_000, 1_000, 1_024]);
        assert!(!Descriptors { limit: 1_024, threads: 16 }.are_ample());
    }

    #[test]
    fn even_a_handful_of_descriptors_lets_somebody_in() {
        let shares = Descriptors { limit: 64, threads: 64 };
        assert!(1 <= shares.streams_max() && 1 <= shares.waiters_max() && 32 <= shares.connections_max());
    }
}
