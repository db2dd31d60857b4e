//! Records into an empty database, in bulk and in one transaction: all of them, or none.
//!
//! Nobody else may be at it: on SQLite a load holds the server's lock and the file itself; on PostgreSQL it
//! refuses to begin beside another process of ours, and its locks keep later ones waiting. Indexes are
//! taken away while rows are written and made again at the end, before the commit. The story goes on in
//! `sqlite/bulk_load.rs` and `postgres/bulk_load.rs`.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::batch::Batch;
use super::load_error::LoadError;
use crate::store::sqlite::file::ServedFile;
use crate::store::sqlite::generation::{self, Lock, Restart};
use crate::store::{Opener, StoreError, migrate, postgres, sqlite};

/// A load that has begun. Dropped before its end it leaves nothing behind.
pub struct Load {
    engine: Loading,
    indexes: Vec<String>,
    runtime: Runtime,
    _lock: Option<Arc<Lock>>,
}

enum Loading {
    Sqlite(Box<sqlite::Conn>),
    Postgres(Box<postgres::Conn>),
}

impl Load {
    /// Begins a load into this database, which is made and migrated where needed. Blocks, as all of this
    /// does: call it where no asynchronous work waits.
    ///
    /// # Errors
    /// [`LoadError`]: not empty, in use, or not to be written.
    pub fn begin(database_url: &str) -> Result<Self, LoadError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(unavailable)?;
        if let Some(path) = sqlite::path_of(database_url) {
            let (file, lock) = ServedFile::prepare(&path, Opener::Server)?;
            migrate::sqlite(&file)?;
            let mut conn = file.connect_writer()?;
            generation::start_again(&mut conn, lock.as_deref(), Restart::Emptied)?;
            let mut conn = Box::new(sqlite::Conn::new(conn));
            let indexes = runtime.block_on(sqlite::bulk_load::begin(&mut conn))?;
            return Ok(Self { engine: Loading::Sqlite(conn), indexes, runtime, _lock: lock });
        }
        if !postgres::is_url(database_url) {
            return Err(StoreError::UnknownEngine.into());
        }
        migrate::postgres(database_url, runtime.handle())?;
        let mut conn = Box::new(runtime.block_on(postgres::connect(database_url))?);
        let indexes = runtime.block_on(postgres::bulk_load::begin(&mut conn))?;
        Ok(Self { engine: Loading::Postgres(conn), indexes, runtime, _lock: None })
    }

    /// Writes a batch. After an error nothing of it is written, and the load may go on without it.
    ///
    /// # Errors
    /// [`StoreError::Broken`] if a row stands there already, else the storage's failure.
    pub fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        match &mut self.engine {
            Loading::Sqlite(conn) => self.runtime.block_on(sqlite::archive::rows_write(conn, batch.rows)),
            Loading::Postgres(conn) => self.runtime.block_on(postgres::archive::rows_write(conn, batch.rows)),
        }
    }

    /// Writes the last batch, makes the indexes and commits; from then on the planner knows the tables.
    ///
    /// # Errors
    /// [`StoreError`] if the storage refuses; then nothing of the load remains.
    pub fn finish(mut self, last: Batch) -> Result<(), StoreError> {
        self.write(last)?;
        match &mut self.engine {
            Loading::Sqlite(conn) => self.runtime.block_on(sqlite::bulk_load::finish(conn, &self.indexes)),
            Loading::Postgres(conn) => self.runtime.block_on(postgres::bulk_load::finish(conn, &self.indexes)),
        }
    }
}
