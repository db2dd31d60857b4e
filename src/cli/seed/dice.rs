//! Numbers that look random and are not: the same seed throws the same dice, on every machine.
//!
//! SplitMix64. Good enough for stories, never for secrets.

use uuid::{Builder, Uuid};

use crate::domain::time::{Span, Timestamp};

/// A row of throws.
pub struct Dice(u64);

impl Dice {
    /// The dice of one thing: its kind and its number under this seed.
    pub fn of(seed: u64, kind: u64, number: u64) -> Self {
        let mut dice = Self(seed);
        for part in [kind, number] {
            dice.0 = dice.next() ^ part;
        }
        dice
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one; 0 below nothing.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// True in so many of a thousand throws.
    pub fn in_1000(&mut self, times: u64) -> bool {
        self.below(1000) < times
    }

    /// One of these; the default of none.
    pub fn pick<T: Copy + Default>(&mut self, of: &[T]) -> T {
        let place = self.below(u64::try_from(of.len()).unwrap_or(0));
        usize::try_from(place).ok().and_then(|place| of.get(place)).copied().unwrap_or_default()
    }

    /// A span from `least` up to less than `most`, in seconds, with milliseconds of its own.
    pub fn span(&mut self, least: u64, most: u64) -> Span {
        let width = most.saturating_sub(least).saturating_mul(1000);
        let millis = least.saturating_mul(1000).saturating_add(self.below(width));
        Span::millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    /// A version 7 UUID of that moment.
    pub fn uuid(&mut self, at: Timestamp) -> Uuid {
        let mut bytes = [0_u8; 10];
        let throws = [self.next().to_be_bytes(), self.next().to_be_bytes()];
        for (byte, thrown) in bytes.iter_mut().zip(throws.iter().flatten()) {
            *byte = *thrown;
        }
        Builder::from_unix_timestamp_millis(u64::try_from(at.millis()).unwrap_or(0), &bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_dice_throw_the_same_and_others_do_not() {
        let throws = |seed, kind, number| {
            let mut dice = Dice::of(seed, kind, number);
            [dice.next(), dice.next(), dice.next()]
        };
        assert_eq!(throws(7, 1, 2), throws(7, 1, 2));
        assert_ne!(throws(7, 1, 2), throws(7, 2, 1));
        assert_ne!(throws(7, 1, 2), throws(8, 1, 2));
    }

    #[test]
    fn a_throw_stays_within_its_bounds() {
        let mut dice = Dice::of(1, 1, 1);
        assert!((0..1000).all(|_| dice.below(6) < 6));
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.pick::<u8>(&[]), 0);
        assert!((0..1000).map(|_| dice.span(5, 6).as_millis()).all(|millis| (5000..6000).contains(&millis)));
    }
}
