//! SQLite, the default engine: one file, one writer, readers beside it.
//!
//! The async wrapper runs its "blocking" calls in place ([`Inline`]): the writer has a thread of its own
//! and reads run on blocking threads, so a hop per statement would only cost. Checkpoints run on a
//! connection of their own, because the automatic one on the writer is what makes its p99.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_async::SimpleAsyncConnection;
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use futures_util::future::BoxFuture;

use super::StoreError;
use super::group::GroupError;
use crate::supervision::contained;
use file::ServedFile;

/// Runs statements of `bulk.rs` one after the other until one fails, and answers what each of them did. After a
/// failure none may follow: it may have ended the transaction.
macro_rules! flight {
    ($conn:ident, $($answer:ident = $statement:ident($rows:expr)),+ $(,)?) => {
        $(let $answer = bulk::$statement($conn, $rows).await?;)+
    };
}
#[path = "queries/access.rs"]
pub mod access;
#[path = "queries/archive.rs"]
pub mod archive;
#[path = "queries/archive_pages.rs"]
pub mod archive_pages;
#[path = "queries/archive_webhooks.rs"]
mod archive_webhooks;
#[path = "queries/attention.rs"]
pub mod attention;
pub mod bulk;
pub mod bulk_courier;
pub mod bulk_load;
#[path = "queries/catch_up.rs"]
pub mod catch_up;
pub mod checkpoints;
#[path = "queries/commit.rs"]
pub mod commit;
#[path = "queries/courier.rs"]
pub mod courier;
#[path = "queries/deliveries.rs"]
pub mod deliveries;
#[path = "queries/endpoints.rs"]
pub mod endpoints;
pub mod file;
mod file_id;
pub mod generation;
#[path = "queries/idempotency.rs"]
pub mod idempotency;
#[path = "queries/lists.rs"]
pub mod lists;
#[path = "queries/names.rs"]
pub mod names;
#[path = "queries/orders.rs"]
pub mod orders;
#[path = "queries/records.rs"]
pub mod records;
#[path = "queries/retention.rs"]
pub mod retention;
#[path = "queries/search.rs"]
pub mod search;
#[path = "queries/secrets.rs"]
pub mod secrets;
#[path = "queries/sessions.rs"]
pub mod sessions;
#[path = "queries/statement.rs"]
pub mod statement;
#[path = "queries/totals.rs"]
pub mod totals;
#[path = "queries/unaddressed.rs"]
pub mod unaddressed;
#[path = "queries/upkeep.rs"]
pub mod upkeep;
#[path = "queries/work.rs"]
pub mod work;
pub mod write;

/// The connection that `queries/` speak to.
pub type Conn = SyncConnectionWrapper<SqliteConnection, Inline>;
/// The dialect that `queries/` are compiled for.
pub type Db = Sqlite;

/// All reads of the transaction see one moment.
pub const SNAPSHOT: &str = "BEGIN";

/// Takes the write lock at once: a transaction that reads first could fail to get it later.
pub const BEGIN: &str = "BEGIN IMMEDIATE";

/// How long one connection waits for another process's write, such as the command line's.
const BUSY_TIMEOUT_MS: u32 = 5_000;
/// What the writer keeps of the file in memory: what it changes lies all over its indexes.
const WRITER_CACHE_KIB: u32 = 16_384;
/// What each reader keeps; the system's own cache is behind it.
const READER_CACHE_KIB: u32 = 4_096;

/// Runs "blocking" work where it is called.
pub struct Inline;

impl SpawnBlocking for Inline {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn Error + Send + Sync + 'static>>>
    where
        R: Send + 'static,
    {
        let done = task();
        Box::pin(std::future::ready(Ok(done)))
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It writes.
    Write,
    /// It only reads; the database refuses anything else from it.
    Read,
}

/// Opens a connection to the file with everything set.
pub fn connect(path: &Path, purpose: Purpose) -> Result<SqliteConnection, StoreError> {
    let text = path.to_str().ok_or_else(|| StoreError::Broken("the database path is not UTF-8".to_owned()))?;
    let unavailable = |error: &dyn Error| StoreError::Unavailable(error.to_string());
    let mut conn = SqliteConnection::establish(text).map_err(|error| unavailable(&error))?;
    let query_only = if purpose == Purpose::Read { "ON" } else { "OFF" };
    let cache_kib = if purpose == Purpose::Read { READER_CACHE_KIB } else { WRITER_CACHE_KIB };
    conn.batch_execute(&format!(
        "PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA wal_autocheckpoint = 0; PRAGMA recursive_triggers = ON; PRAGMA cache_size = -{cache_kib}; \
         PRAGMA temp_store = MEMORY; PRAGMA query_only = {query_only};"
    ))
    .map_err(|error| unavailable(&error))?;
    Ok(conn)
}

/// The file that a `sqlite://` URL names.
pub fn path_of(database_url: &str) -> Option<PathBuf> {
    database_url.strip_prefix("sqlite://").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Sees to it that no transaction is open; false if there is no getting rid of it.
pub async fn is_idle(conn: &mut Conn) -> bool {
    match SimpleAsyncConnection::batch_execute(conn, "ROLLBACK").await {
        Ok(()) => true,
        // SQLite rolls back by itself after some failures, a full disk among them.
        Err(error) => error.to_string().contains("no transaction is active"),
    }
}

/// Copies the log into the file, as far as no reader needs what is there.
pub async fn copy_back(conn: &mut Conn) -> Result<(), StoreError> {
    Ok(SimpleAsyncConnection::batch_execute(conn, "PRAGMA wal_checkpoint(PASSIVE)").await?)
}

/// What a failed `COMMIT` means here: the errors that SQLite names leave nothing behind.
pub fn commit_failed(error: diesel::result::Error) -> GroupError {
    let text = error.to_string();
    let certain = ["full", "readonly", "read-only", "locked", "busy"].iter().any(|word| text.contains(word));
    if certain { GroupError::NotStored(error.into()) } else { GroupError::Unknown(text) }
}

/// The ids of orders whose text has a phrase, which is bound after it.
pub const BY_TRIGRAMS: &str = "select s.order_id as id from order_search_fts f cross join order_search s \
                               where s.id = f.rowid and f.order_search_fts match ";

/// The phrase by which the trigram index is asked for a text. It is quoted: nothing in it is syntax.
pub fn trigram_pattern(wanted: &str) -> String {
    format!("\"{}\"", wanted.replace('"', "\"\""))
}

/// Where a text lies in another, from 1; zero if it does not.
pub const PLACE_OF: &str = "instr";

/// The customer's note within the searched text of an order: it follows the id, 36 characters, and the
/// product, each with the end of its line.
pub const NOTE: &str = "substr(s.body, 38 + instr(substr(s.body, 38), char(10)))";

/// The walks of `queries/lists.rs`. The index is named: with statistics, and few values in another index's
/// first column, the planner would rather skip through that one and sort.
pub mod walks {
    /// All orders.
    pub const BY_CREATED: &str = " from orders indexed by orders_by_created where ";
    /// An account's.
    pub const BY_ACCOUNT: &str = " from orders indexed by orders_by_account where ";
    /// Those of a status.
    pub const BY_STATUS: &str = " from orders indexed by orders_by_status where ";
    /// Those of an account in a status.
    pub const BY_ACCOUNT_STATUS: &str = " from orders indexed by orders_by_account_status where ";
}

/// Ends a list of candidates: first the candidates, then each one's order by its id.
pub const OF_CANDIDATES: &str = ") c cross join orders where orders.id = c.id";

/// Connections for reading, as many at once as there are; each read runs on a blocking thread.
#[derive(Clone)]
pub struct Readers(Arc<ReadersInner>);

struct ReadersInner {
    file: ServedFile,
    idle: std::sync::Mutex<Vec<Conn>>,
    permits: Arc<tokio::sync::Semaphore>,
    runtime: tokio::runtime::Handle,
}

impl Readers {
    /// Readers of this file, at most `count` at once.
    pub fn new(file: ServedFile, count: usize, runtime: tokio::runtime::Handle) -> Self {
        let permits = Arc::new(tokio::sync::Semaphore::new(count));
        Self(Arc::new(ReadersInner { file, idle: std::sync::Mutex::default(), permits, runtime }))
    }

    /// Runs `read` on a connection of its own.
    pub async fn run<R, F>(&self, read: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: for<'a> FnOnce(&'a mut Conn) -> BoxFuture<'a, Result<R, StoreError>> + Send + 'static,
    {
        let gone = || StoreError::Unavailable("the store is closed".to_owned());
        let permit = self.0.permits.clone().acquire_owned().await.map_err(|_| gone())?;
        let readers = self.0.clone();
        let task = self.0.runtime.spawn_blocking(move || {
            // Held by the work and not by the caller, who may give up before it is done.
            let _permit = permit;
            let idle = readers.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
            let mut conn = match idle {
                Some(conn) => conn,
                None => Conn::new(readers.file.connect(Purpose::Read)?),
            };
            let ended = readers.runtime.block_on(contained("reader", read(&mut conn)));
            let result = ended.unwrap_or_else(|| Err(StoreError::Unavailable("a fault of this program".to_owned())));
            // A connection that failed is not used again: the next read opens a fresh one.
            if !matches!(result, Err(StoreError::Unavailable(_))) {
                readers.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(conn);
            }
            result
        });
        task.await.map_err(|_| gone())?
    }
}
