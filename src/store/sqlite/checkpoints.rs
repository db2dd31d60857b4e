//! Copies the write-ahead log back into the file, so that it stays short.
//!
//! The copying runs on a connection of its own, beside the writer. Only when next to nothing is left is the
//! writer itself asked to finish between two groups, so that the log starts again from its beginning:
//! asked by another connection, the writer would have to wait for a lock, by sleeping.

use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;
use diesel_async::SimpleAsyncConnection;

use super::{Purpose, connect};
use crate::store::StoreError;
use crate::store::writer::{SideWork, Writer};

/// How often the checkpointer looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A log shorter than this is not worth a checkpoint.
const WAL_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// A log of more pages than this is to start again: a start of the service reads all of it.
const PAGES_MAX: i64 = 16_384;
/// So many pages the writer copies in a moment.
const PAGES_AT_ONCE: i64 = 1_024;
/// How often the copying is repeated to come that near to the writer.
const ROUNDS_MAX: usize = 5;

/// Who copies, and who finishes.
pub struct Checkpoints {
    /// The database's file.
    pub path: PathBuf,
    /// Alive as long as the store.
    pub alive: Weak<()>,
    /// The writer, for the last pages.
    pub writer: Writer,
    /// Where the writer is waited for.
    pub runtime: tokio::runtime::Handle,
}

/// What a checkpoint answers.
#[derive(QueryableByName)]
struct Progress {
    #[diesel(sql_type = BigInt)]
    log: i64,
    #[diesel(sql_type = BigInt)]
    checkpointed: i64,
}

/// Whether anything was written since the last look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Log {
    Grows,
    Rests,
}

impl Checkpoints {
    /// Copies until the store is gone.
    pub fn run(self) {
        let wal = wal_of(&self.path);
        let (mut conn, mut changed_at) = (None, None);
        while self.alive.strong_count() > 0 {
            std::thread::sleep(LOOK_EVERY);
            let Ok(file) = std::fs::metadata(&wal) else { continue };
            let before = std::mem::replace(&mut changed_at, file.modified().ok());
            let log = if before == changed_at { Log::Rests } else { Log::Grows };
            if file.len() < WAL_BYTES_MIN {
                continue;
            }
            if let Err(error) = self.look(&mut conn, log) {
                tracing::warn!(%error, "the write-ahead log could not be copied back; trying again");
                conn = None;
            }
        }
    }

    fn look(&self, conn: &mut Option<SqliteConnection>, log: Log) -> Result<(), StoreError> {
        let conn = match conn {
            Some(conn) => conn,
            None => conn.insert(connect(&self.path, Purpose::Write)?),
        };
        if log == Log::Rests {
            // Nobody waits now, and the next start need not read it.
            return Ok(conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?);
        }
        for _ in 0..ROUNDS_MAX {
            let Progress { log, checkpointed } =
                diesel::sql_query("PRAGMA wal_checkpoint(PASSIVE)").get_result(conn)?;
            if log < PAGES_MAX {
                return Ok(());
            }
            if log.saturating_sub(checkpointed) <= PAGES_AT_ONCE {
                break;
            }
        }
        let work: SideWork = Box::new(|conn| {
            Box::pin(async move {
                if let Err(error) = SimpleAsyncConnection::batch_execute(conn, "PRAGMA wal_checkpoint(RESTART)").await {
                    tracing::warn!(%error, "the write-ahead log could not start again; trying later");
                }
            })
        });
        self.runtime.block_on(self.writer.aside(work))
    }
}

fn wal_of(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}-wal", path.file_name().unwrap_or_default().to_string_lossy()))
}
