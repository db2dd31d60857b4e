//! Why a command failed, what to do next, and the exit code that says so to scripts.

use std::error::Error;
use std::io;

use crate::config::{ConfigError, SecretFileError};
use crate::store::StoreError;
use crate::store::archive::load_error::LoadError;

/// Exit code: the command did not do its work.
const FAILED: u8 = 1;
/// Exit code: arguments or settings are wrong.
pub(super) const USAGE: u8 = 2;
/// Exit code: the storage does not answer, or cannot write.
const STORAGE: u8 = 3;
/// Exit code: what was named does not exist.
const NOT_FOUND: u8 = 4;
/// Exit code: no server answers.
const UNREACHABLE: u8 = 5;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The arguments do not make sense.
    #[error("{0}")]
    Usage(String),
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no IPN secret to serve with.
    #[error(transparent)]
    IpnSecret(#[from] SecretFileError),
    /// Production was asked for, with development defaults.
    #[error("production is refused while these stand:\n  - {}", .0.join("\n  - "))]
    NotForProduction(Vec<String>),
    /// The storage refused.
    #[error("the database {database} cannot be used: {}", storage_advice(source))]
    Storage { database: String, source: StoreError },
    /// What was named does not exist.
    #[error("{0}")]
    NotFound(String),
    /// Nobody answers.
    #[error("{0}")]
    Unreachable(String),
    /// It did not work.
    #[error("{0}")]
    Failed(String),
    /// The result was not written.
    #[error("the work is done, but its result could not be written")]
    Output(#[from] io::Error),
}

/// Why a bulk load did not come to its end; nothing of it remains.
#[derive(Debug)]
pub(super) enum LoadFailed {
    /// It could not begin.
    Begin(LoadError),
    /// The storage refused.
    Store(StoreError),
    /// What was to be loaded is wrong.
    Failed(String),
}

impl From<LoadError> for LoadFailed {
    fn from(error: LoadError) -> Self {
        Self::Begin(error)
    }
}

impl From<StoreError> for LoadFailed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl LoadFailed {
    /// The same as the command tells it, about this database.
    pub(super) fn told_of(self, database: String) -> CliError {
        match self {
            Self::Begin(error @ LoadError::NotEmpty(_)) => CliError::Failed(format!(
                "the database {database} cannot be filled: {error}; name an empty one by --database-url or DATABASE_URL"
            )),
            Self::Begin(error @ LoadError::InUse(_)) => {
                CliError::Failed(format!("the database {database} cannot be filled: {error}"))
            }
            Self::Begin(LoadError::Store(source)) | Self::Store(source) => CliError::Storage { database, source },
            Self::Failed(why) => CliError::Failed(why),
        }
    }
}

/// What to do about a storage that refused.
pub(super) fn storage_advice(source: &StoreError) -> &'static str {
    match source {
        StoreError::Locked(_) => {
            "one server at a time serves a SQLite file; end the other one, or set DATABASE_URL to another file"
        }
        StoreError::Encoding(_) => {
            "make one that keeps every text, as with `create database … encoding 'UTF8' template template0`, and name \
             it by DATABASE_URL"
        }
        StoreError::Linked(_) => {
            "remove its other name, or serve it by the folder where it lies with its -wal; the folder is what is \
             moved and mounted, and not the file"
        }
        StoreError::ForeignLog(_) => {
            "its -wal is left of another file. If the file there now is right, such as a restored backup, delete the \
             -wal and the -shm beside it; else put the former file back"
        }
        StoreError::Newer(_) => "install the version that changed it, or go back to a backup from before",
        StoreError::Unavailable(_) | StoreError::Broken(_) | StoreError::UnknownEngine => {
            "check DATABASE_URL, that its server or folder is there, and that it may be written"
        }
    }
}

impl CliError {
    /// What the process ends with.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Config(_) | Self::IpnSecret(_) | Self::NotForProduction(_) => USAGE,
            Self::Storage { .. } => STORAGE,
            Self::NotFound(_) => NOT_FOUND,
            Self::Unreachable(_) => UNREACHABLE,
            Self::Failed(_) | Self::Output(_) => FAILED,
        }
    }

    /// The error and what it came from.
    pub(super) fn told(&self) -> String {
        let mut told = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            told.push_str(&format!("\n  because: {error}"));
            source = error.source();
        }
        told
    }
}
