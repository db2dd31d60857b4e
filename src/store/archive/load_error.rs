//! The error of a load that cannot begin.

use crate::store::StoreError;

/// The reason why a load cannot begin.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    /// Something is there already, named with its number.
    #[error("it is not empty: it holds {0}")]
    NotEmpty(String),
    /// Others use it.
    #[error("others are using it: {0}")]
    InUse(String),
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
