//! Opening: migrate, connect, start the writer and the search follower.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::loader::{Loader, Source};
use super::sqlite::checkpoints::Checkpoints;
use super::sqlite::file::ServedFile;
use super::sqlite::generation::{self, Restart};
use super::writer::{Connection, Writer};
use super::{
    Access, Engine, Host, Opener, REFUSED_WAITING_MAX, SQLITE_READERS_MAX, Store, StoreError, follower, migrate,
    postgres, sqlite,
};
use crate::clock::Clock;

impl Store {
    /// Opens the database, made and migrated where needed. Blocks: call it before the actor system, or on a
    /// blocking thread.
    ///
    /// # Errors
    /// [`StoreError`]: no such engine, not reachable, migrated by a newer program, or already served.
    pub fn open(database_url: &str, clock: Clock, opener: Opener) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store")
            .enable_all()
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let handle = runtime.handle().clone();
        let alive = Arc::new(());
        let (engine, source, connection, lock) = if let Some(path) = sqlite::path_of(database_url) {
            let (file, lock) = ServedFile::prepare(&path, opener)?;
            migrate::sqlite(&file)?;
            let mut conn = file.connect_writer()?;
            if let Some(lock) = &lock {
                generation::start_again(&mut conn, Some(lock), Restart::Emptied)?;
            }
            let readers = sqlite::Readers::new(file.clone(), SQLITE_READERS_MAX, handle.clone());
            let source = Source::Sqlite { file: file.clone(), conn: None };
            let connection = Connection::Sqlite { file, conn: Some(Box::new(sqlite::Conn::new(conn))) };
            (Engine::Sqlite(readers), source, connection, lock)
        } else if postgres::is_url(database_url) {
            migrate::postgres(database_url, &handle)?;
            let connections = postgres::Connections::new(database_url, handle.clone())?;
            let connection = Connection::Postgres { database_url: database_url.to_owned(), shard: None, conn: None };
            let source = Source::Postgres { database_url: database_url.to_owned(), conn: None };
            (Engine::Postgres(connections), source, connection, None)
        } else {
            return Err(StoreError::UnknownEngine);
        };
        let writer = start_writer(connection, &handle, &alive)?;
        let loader = start_loader(source, &handle)?;
        let (refused, waiting) = tokio::sync::mpsc::channel(REFUSED_WAITING_MAX);
        let host = Arc::new(Host { runtime: Some(runtime), _lock: lock, _alive: alive });
        let access = Access { engine, loader, writer };
        if opener == Opener::Server {
            handle.spawn(follower::feed_search(access.clone()));
            handle.spawn(follower::keep_refused(access.clone(), waiting));
        }
        Ok(Self { access, clock, refused, _host: host })
    }
}

/// Starts the loader's loop. On SQLite its statements run in place, so it has a thread that nothing else waits for.
fn start_loader(source: Source, handle: &Handle) -> Result<Loader, StoreError> {
    let runtime = handle.clone();
    let is_in_place = matches!(source, Source::Sqlite { .. });
    let (loader, work) = Loader::new(source);
    if is_in_place {
        spawn("loader", move || runtime.block_on(work))?;
    } else {
        runtime.spawn(work);
    }
    Ok(loader)
}

/// Starts the writer's loop, and on SQLite who keeps its log short.
fn start_writer(connection: Connection, handle: &Handle, alive: &Arc<()>) -> Result<Writer, StoreError> {
    let file = match &connection {
        Connection::Sqlite { file, .. } => Some(file.clone()),
        Connection::Postgres { .. } => None,
    };
    let (writer, work) = Writer::new(connection);
    let runtime = handle.clone();
    let Some(file) = file else {
        runtime.spawn(work);
        return Ok(writer);
    };
    let checkpoints =
        Checkpoints { file, alive: Arc::downgrade(alive), writer: writer.clone(), runtime: runtime.clone() };
    // SQLite's statements run in place, so the loop needs a thread that nothing else waits for.
    spawn("writer", move || runtime.block_on(work))?;
    spawn("checkpoints", move || checkpoints.run())?;
    Ok(writer)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map(drop).map_err(|error| StoreError::Unavailable(error.to_string()))
}
