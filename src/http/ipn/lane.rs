//! How many bodies of IPNs may be arriving at once, and whose.
//!
//! Half of the places are for addresses from which an IPN has verified lately, so that strangers who send bodies
//! slowly never keep the provider out. The other half is for anybody, a share for each address.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::actors::seats::{Seat, Seats};
use crate::http::address::network_of;

/// How many bodies may be arriving at once from addresses that have verified lately.
const KNOWN_MAX: usize = 512;
/// How many from all others.
const STRANGERS_MAX: usize = 512;
/// How many of these from one address.
const STRANGER_MAX: usize = 64;
/// How many addresses are remembered, those longest without an IPN forgotten first.
const ADDRESSES_MAX: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// The places for bodies that are arriving.
pub struct Lane {
    known: Seats<()>,
    strangers: Seats<IpAddr>,
    verified: Mutex<LruCache<IpAddr, ()>>,
}

/// The place of one body.
pub enum Place {
    /// One of those for addresses that are known.
    Known { _seat: Seat<()> },
    /// One of those for anybody.
    Stranger { _seat: Seat<IpAddr> },
}

impl Lane {
    /// All places are free, and no address is known.
    #[must_use]
    pub fn new() -> Self {
        Self {
            known: Seats::new(KNOWN_MAX, KNOWN_MAX),
            strangers: Seats::new(STRANGERS_MAX, STRANGER_MAX),
            verified: Mutex::new(LruCache::new(ADDRESSES_MAX)),
        }
    }

    /// A place for a body from this address; none if all that it may have are taken.
    #[must_use]
    pub fn enter(&self, address: IpAddr) -> Option<Place> {
        let network = network_of(address);
        let known = if self.verified().contains(&network) { self.known.take(()) } else { None };
        let place = known.map(|seat| Place::Known { _seat: seat });
        place.or_else(|| self.strangers.take(network).map(|seat| Place::Stranger { _seat: seat }))
    }

    /// Remembers an address from which an IPN has verified.
    pub fn remember(&self, address: IpAddr) {
        self.verified().put(network_of(address), ());
    }

    fn verified(&self) -> MutexGuard<'_, LruCache<IpAddr, ()>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(last: usize) -> IpAddr {
        IpAddr::from([203, 0, 113, u8::try_from(last).unwrap()])
    }

    fn entered(lane: &Lane, address: IpAddr, bodies: usize) -> Vec<Place> {
        (0..bodies).filter_map(|_| lane.enter(address)).collect()
    }

    #[test]
    fn one_address_takes_its_share_and_leaves_the_others_theirs() {
        let lane = Lane::new();
        let taken = entered(&lane, from(1), 1_400);
        assert_eq!(taken.len(), STRANGER_MAX);
        assert!(lane.enter(from(2)).is_some());
        drop(taken);
        assert!(lane.enter(from(1)).is_some(), "what is over gives its place back");
    }

    #[test]
    fn however_many_strangers_there_are_who_has_verified_lately_comes_in() {
        let lane = Lane::new();
        lane.remember(from(200));
        let strangers: Vec<_> = (0..100).flat_map(|last| entered(&lane, from(last), 1_400)).collect();
        assert_eq!(strangers.len(), STRANGERS_MAX);
        assert!(lane.enter(from(201)).is_none());
        assert_eq!(entered(&lane, from(200), KNOWN_MAX).len(), KNOWN_MAX);
    }

    #[test]
    fn the_addresses_of_one_network_of_version_6_are_one() {
        let lane = Lane::new();
        let of = |last: usize| format!("2001:db8::{last:x}").parse::<IpAddr>().unwrap();
        let places: Vec<_> = (0..1_400).filter_map(|last| lane.enter(of(last))).collect();
        assert_eq!(places.len(), STRANGER_MAX);
    }
}
