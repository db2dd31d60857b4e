//! A bounded number of seats, of which no holder gets more than a share.
//!
//! What is bounded by it, such as open pages or bodies that are arriving, cannot be taken from all others by one
//! account, one order or one address. Nothing here waits: without a free seat the caller is refused.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Seats for holders that are told apart by `H`. Clones share them.
#[derive(Clone)]
pub struct Seats<H> {
    seats_max: usize,
    share_max: usize,
    taken: Arc<Mutex<Taken<H>>>,
}

struct Taken<H> {
    total: usize,
    by_holder: HashMap<H, usize>,
}

impl<H: Copy + Eq + Hash> Seats<H> {
    /// So many seats, and at most this share of them for one holder.
    #[must_use]
    pub fn new(seats_max: usize, share_max: usize) -> Self {
        let taken = Taken { total: 0, by_holder: HashMap::new() };
        Self { seats_max, share_max, taken: Arc::new(Mutex::new(taken)) }
    }

    /// A seat for this holder; none if all are taken, or its share of them.
    #[must_use]
    pub fn take(&self, holder: H) -> Option<Seat<H>> {
        let mut taken = self.taken();
        let own = taken.by_holder.get(&holder).copied().unwrap_or(0);
        if self.seats_max <= taken.total || self.share_max <= own {
            return None;
        }
        taken.total = taken.total.saturating_add(1);
        taken.by_holder.insert(holder, own.saturating_add(1));
        drop(taken);
        Some(Seat { seats: self.clone(), holder })
    }

    fn give_back(&self, holder: H) {
        let mut taken = self.taken();
        taken.total = taken.total.saturating_sub(1);
        let left = taken.by_holder.get_mut(&holder).map(|own| {
            *own = own.saturating_sub(1);
            *own
        });
        if left == Some(0) {
            taken.by_holder.remove(&holder);
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken<H>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat; given back when it is dropped.
pub struct Seat<H: Copy + Eq + Hash> {
    seats: Seats<H>,
    holder: H,
}

impl<H: Copy + Eq + Hash> Drop for Seat<H> {
    fn drop(&mut self) {
        self.seats.give_back(self.holder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_bounded_in_all_and_by_holder_and_free_again_when_they_are_given_back() {
        let seats = Seats::new(3, 2);
        let mut mine: Vec<_> = (0..2).map(|_| seats.take("mine").unwrap()).collect();
        assert!(seats.take("mine").is_none(), "a share is all that one gets");
        let yours = seats.take("yours").unwrap();
        assert!(seats.take("theirs").is_none(), "all are taken");
        mine.pop();
        let theirs = seats.take("theirs").unwrap();
        drop((mine, yours, theirs));
        let left = seats.taken();
        assert_eq!((left.total, left.by_holder.len()), (0, 0));
    }
}
