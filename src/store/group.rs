//! What a group of changesets came to: each by itself, or all of them where the database failed.

use super::StoreError;
use super::changeset::KeyRecord;

/// What became of one changeset of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is written.
    Done,
    /// Its IPN was seen before: counted, nothing else.
    SeenBefore,
    /// Its key was used before: nothing is written.
    KeyTaken(KeyRecord),
    /// It was judged on stale data: nothing is written.
    Conflict,
}

/// Why a group as a whole is not, or perhaps not, durable.
#[derive(Debug)]
pub enum GroupError {
    /// Certainly not.
    NotStored(StoreError),
    /// Nobody knows.
    Unknown(String),
}
