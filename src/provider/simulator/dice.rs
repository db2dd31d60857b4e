//! Numbers that look random and are not: the same seed gives the same number about the same thing.
//!
//! SHA-256 over seed, subject and number. It holds no state, so what is asked in between changes nothing.

use sha2::{Digest, Sha256};

/// The dice of one seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// 32 bytes about this.
    pub(super) fn bytes(self, subject: &str, number: u64) -> [u8; 32] {
        let hash = Sha256::new().chain_update(self.0.to_be_bytes()).chain_update(number.to_be_bytes());
        hash.chain_update(subject.as_bytes()).finalize().into()
    }

    /// A number below the bound; 0 below nothing.
    pub(super) fn below(self, bound: u64, subject: &str, number: u64) -> u64 {
        let thrown = self.bytes(subject, number).iter().take(8).fold(0_u64, |all, byte| (all << 8) | u64::from(*byte));
        thrown.checked_rem(bound).unwrap_or(0)
    }
}
