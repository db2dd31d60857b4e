//! Copies the write-ahead log back into the file, so that it stays short.
//!
//! The copying runs on a connection of its own, beside the writer, and waits for nobody: a reader that stays
//! open, such as a backup, keeps the log from starting again, and the log grows as long as it does. Only when
//! everything is copied is the writer itself asked, between two groups, to let the log start again: asked by
//! another connection, the writer would have to wait for a lock, by sleeping.

use std::sync::Weak;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use super::Purpose;
use super::file::ServedFile;
use super::file_id::beside;
use super::generation::{Restart, start_again};
use crate::store::StoreError;
use crate::store::writer::{SideWork, Writer};
use crate::supervision::contained_blocking;

/// How often the checkpointer looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A log shorter than this is not worth a checkpoint.
const WAL_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// A log of more pages than this is to start again: a start of the service reads all of it.
const PAGES_MAX: i64 = 16_384;
/// A log of more pages than this, 256 MiB, is worth a warning: something does not stop reading.
const PAGES_WARNED: i64 = 65_536;
/// How often the copying is repeated to reach the writer.
const ROUNDS_MAX: usize = 5;

/// Who copies, and who finishes.
pub struct Checkpoints {
    /// The database's file.
    pub file: ServedFile,
    /// Alive as long as the store.
    pub alive: Weak<()>,
    /// The writer, which lets the log start again.
    pub writer: Writer,
    /// Where the writer is waited for.
    pub runtime: tokio::runtime::Handle,
}

/// What a checkpoint answers.
#[derive(Debug, Clone, Copy, QueryableByName)]
struct Progress {
    /// Pages in the log.
    #[diesel(sql_type = BigInt)]
    log: i64,
    /// Those of them that are in the file too.
    #[diesel(sql_type = BigInt)]
    checkpointed: i64,
}

impl Progress {
    /// Whether the file has everything that the log has. Both are -1 while another checkpoint is at work.
    fn is_whole(self) -> bool {
        self.log == self.checkpointed && self.log >= 0
    }
}

/// Whether anything was written since the last look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// Something was.
    Grows,
    /// Nothing was.
    Rests,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// What could be copied is copied, and the log may grow on.
    Copied,
    /// A reader needs a part of a log that should start again, so it cannot.
    Held {
        /// Pages in the log.
        pages: i64,
    },
    /// The log starts again from its beginning, unless somebody began to read from it just now.
    StartsAgain,
}

impl Checkpoints {
    /// Copies until the store is gone.
    pub fn run(self) {
        let wal = beside(self.file.path(), "-wal");
        let (mut conn, mut changed_at, mut is_told) = (None, None, false);
        while self.alive.strong_count() > 0 {
            std::thread::sleep(LOOK_EVERY);
            // Noticed here too, and not only by the next write: the log is the former file's alone.
            if self.file.check().is_err() {
                continue;
            }
            let Ok(file) = std::fs::metadata(&wal) else { continue };
            let before = std::mem::replace(&mut changed_at, file.modified().ok());
            let log = if before == changed_at { Log::Rests } else { Log::Grows };
            if file.len() < WAL_BYTES_MIN {
                continue;
            }
            match contained_blocking("checkpoints", || self.round(&mut conn, log)).unwrap_or(Ok(Round::Copied)) {
                Ok(Round::Held { pages }) if pages > PAGES_WARNED => {
                    if !std::mem::replace(&mut is_told, true) {
                        self.tell_of_reader(pages);
                    }
                }
                Ok(Round::StartsAgain) => is_told = false,
                Ok(Round::Copied | Round::Held { .. }) => {}
                Err(error) => {
                    tracing::warn!(%error, "the write-ahead log could not be copied back; trying again");
                    conn = None;
                }
            }
        }
    }

    /// Copies what can be copied without waiting for anybody.
    pub fn round(&self, conn: &mut Option<SqliteConnection>, log: Log) -> Result<Round, StoreError> {
        let conn = match conn {
            Some(conn) => conn,
            None => {
                let mut fresh = self.file.connect(Purpose::Write)?;
                // A checkpoint that waits for a reader holds the lock that the writer needs.
                fresh.batch_execute("PRAGMA busy_timeout = 0")?;
                conn.insert(fresh)
            }
        };
        let mut progress = passive(conn)?;
        if log == Log::Rests && progress.is_whole() {
            // Nothing is written now, and the next start need not read the log.
            return self.start_again(Restart::Emptied);
        }
        for _ in 1..ROUNDS_MAX {
            if progress.log < PAGES_MAX || progress.is_whole() {
                break;
            }
            progress = passive(conn)?;
        }
        if progress.log < PAGES_MAX {
            return Ok(Round::Copied);
        }
        if !progress.is_whole() {
            return Ok(Round::Held { pages: progress.log });
        }
        self.start_again(Restart::Overwritten)
    }

    fn start_again(&self, how: Restart) -> Result<Round, StoreError> {
        let file = self.file.clone();
        let work: SideWork = Box::new(move |conn| {
            Box::pin(async move {
                let done = conn.spawn_blocking(move |conn| Ok(start_again(conn, file.lock().as_deref(), how))).await;
                if let Err(error) = done.map_err(StoreError::from).and_then(|done| done) {
                    tracing::warn!(%error, "the write-ahead log could not start again; trying later");
                }
            })
        });
        self.runtime.block_on(self.writer.aside(work))?;
        Ok(Round::StartsAgain)
    }

    fn tell_of_reader(&self, pages: i64) {
        tracing::warn!(
            pages,
            file = %beside(self.file.path(), "-wal").display(),
            "the write-ahead log has passed 256 MiB and cannot start again while another program reads the database: \
             look for a backup, a copy or an open session, as with `fuser -v` on the file, and end it"
        );
    }
}

fn passive(conn: &mut SqliteConnection) -> Result<Progress, StoreError> {
    Ok(diesel::sql_query("PRAGMA wal_checkpoint(PASSIVE)").get_result(conn)?)
}
