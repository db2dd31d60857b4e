//! Durable state. The only folder that imports diesel.
//!
//! [`Store`] reads, and hands changesets to the one [`writer`]. Queries are written once in `queries/` and
//! compiled twice, by `sqlite.rs` and `postgres.rs`. Nothing here decides anything: it keeps what
//! `domain::lifecycle` decided, or says that it could not.

mod access_rows;
pub mod archive;
mod audit_calls;
mod calls;
pub mod changeset;
pub mod courier;
mod courier_calls;
mod courier_rows;
mod delivery_calls;
mod effect_rows;
pub mod filter;
mod follower;
mod group;
mod listener_rows;
mod loader;
mod migrate;
mod move_rows;
mod name_calls;
mod open;
mod payment_rows;
mod postgres;
pub mod records;
pub mod resend;
mod rows;
mod schema;
mod secrets;
mod session_calls;
mod sqlite;
mod stored_row;
mod tables;
pub mod totals;
mod webhook_calls;
mod webhook_rows;
pub mod work;
mod work_rows;
mod write_set;
pub mod writer;

#[cfg(test)]
mod long_reader_tests;
#[cfg(test)]
mod refusal_tests;

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::ids::OrderId;
use crate::domain::time::Timestamp;
use loader::Loader;
use sqlite::generation::Lock;
use writer::Writer;

/// How many reads run at once on SQLite.
const SQLITE_READERS_MAX: usize = 4;
/// How many refused bodies may wait to be kept; past that they are dropped.
const REFUSED_WAITING_MAX: usize = 64;

/// Reads of the database, and the way to its writer. Clones share everything.
#[derive(Clone)]
pub struct Store {
    access: Access,
    clock: Clock,
    refused: tokio::sync::mpsc::Sender<RefusedIpn>,
    // Declared last: connections end before the runtime that drives them.
    _host: Arc<Host>,
}

/// The way to the tables, without what keeps them open: what the store's own tasks hold.
#[derive(Clone)]
struct Access {
    engine: Engine,
    loader: Loader,
    writer: Writer,
}

#[derive(Clone)]
enum Engine {
    Sqlite(sqlite::Readers),
    Postgres(postgres::Connections),
}

/// What lives as long as the store: its runtime, the lock on the file, the checkpointer's sign of life.
struct Host {
    runtime: Option<tokio::runtime::Runtime>,
    _lock: Option<Arc<Lock>>,
    _alive: Arc<()>,
}

impl Drop for Host {
    fn drop(&mut self) {
        // The last handle may go inside an async task, where waiting for the runtime's threads would panic.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Who opens the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// The server: on SQLite the only one.
    Server,
    /// A command beside it.
    Command,
}

/// The files of a SQLite database that others than their owner can read or write; PostgreSQL keeps its own.
#[must_use]
pub fn exposed_files(database_url: &str) -> Vec<PathBuf> {
    sqlite::path_of(database_url).map(|path| sqlite::file::exposed(&path)).unwrap_or_default()
}

/// A read or a simple write failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or cannot write; trying again may help.
    #[error("storage unavailable: {0}")]
    Unavailable(String),
    /// The database answers, but not as this program expects.
    #[error("storage broken: {0}")]
    Broken(String),
    /// The URL names no engine that is known.
    #[error("the database URL must begin with sqlite:// or postgres://")]
    UnknownEngine,
    /// A newer program has changed the schema.
    #[error("the database was migrated by a newer version of this program (unknown migrations: {0})")]
    Newer(String),
    /// Another server has this SQLite file.
    #[error("another server is already running on {0}")]
    Locked(String),
    /// The SQLite file has several names, and its log lies beside one of them only.
    #[error("{0} has another name too (a hard link), under which what was written last is missing")]
    Linked(String),
    /// The PostgreSQL database cannot keep every text.
    #[error("the encoding of the database is {0}, and it must be UTF8")]
    Encoding(String),
    /// The log beside the SQLite file continues another file.
    #[error("{0} is not the log of the database file beside it: that file was replaced by another one")]
    ForeignLog(String),
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind as Kind, Error};
        match &error {
            Error::DatabaseError(
                Kind::UniqueViolation | Kind::ForeignKeyViolation | Kind::NotNullViolation | Kind::CheckViolation,
                _,
            )
            | Error::DeserializationError(_)
            | Error::SerializationError(_)
            | Error::QueryBuilderError(_)
            | Error::NotFound => Self::Broken(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Counters of keys, of one account or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdempotencyTotals {
    /// Keyed creates.
    pub first_writes: i64,
    /// Later uses that were answered with the original.
    pub replays: i64,
    /// Later uses with another body.
    pub body_mismatches: i64,
}

/// A key with its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUsage {
    /// The key.
    pub key: String,
    /// Its order.
    pub order_id: OrderId,
    /// Its first use.
    pub first_seen_at: Timestamp,
    /// Its newest use.
    pub last_seen_at: Timestamp,
    /// Later uses answered with the original.
    pub replays: i64,
    /// Later uses with another body.
    pub body_mismatches: i64,
}

/// A body that did not verify, kept for the doctor.
#[derive(Debug, Clone)]
pub struct RefusedIpn {
    /// The first 4 KiB.
    pub body: Vec<u8>,
    /// Why it was refused.
    pub reason: &'static str,
    /// The client's address.
    pub ip: Option<String>,
    /// When.
    pub at: Timestamp,
}
