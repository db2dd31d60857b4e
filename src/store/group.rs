//! The outcome of a group of changesets: a verdict for each, or one error for all.

use super::StoreError;
use super::changeset::KeyRecord;

/// The outcome of one changeset of a group.
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

/// The error of a group that is not, or perhaps not, durable.
#[derive(Debug)]
pub enum GroupError {
    /// Certainly not.
    NotStored(StoreError),
    /// Nobody knows.
    Unknown(String),
}
