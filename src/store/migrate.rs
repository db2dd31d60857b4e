//! Brings a database to the schema this program knows, before anything else touches it.
//!
//! Migrations are embedded. Several nodes that start at once take turns (PostgreSQL: an advisory lock;
//! SQLite: the file's write lock). A database that a newer program has changed is refused.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_async::AsyncMigrationHarness;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{StoreError, postgres, sqlite};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Nodes that start together migrate one after the other under this advisory lock.
const MIGRATION_LOCK: i64 = 0x6372_7970_746f;

/// Migrates the SQLite file, which is made if it is absent.
pub fn sqlite(path: &Path) -> Result<(), StoreError> {
    let mut conn = sqlite::connect(path, sqlite::Purpose::Write)?;
    let known = known::<Sqlite>(&SQLITE)?;
    let applied = conn.applied_migrations().map_err(failed)?;
    refuse_newer(&known, &applied)?;
    if applied.len() == known.len() {
        return Ok(());
    }
    // Two first starts at once: the second waits for the lock and then finds nothing left to do.
    conn.immediate_transaction(|conn| conn.run_pending_migrations(SQLITE).map(drop).map_err(failed))
}

/// Migrates the PostgreSQL database. Must run on a multi-threaded runtime's blocking thread.
pub fn postgres(database_url: &str, runtime: &tokio::runtime::Handle) -> Result<(), StoreError> {
    let mut conn = runtime.block_on(postgres::connect(database_url))?;
    let lock = format!("select pg_advisory_lock({MIGRATION_LOCK})");
    runtime.block_on(diesel_async::SimpleAsyncConnection::batch_execute(&mut conn, &lock))?;
    let _entered = runtime.enter();
    let mut harness = AsyncMigrationHarness::new(conn);
    let known = known::<Pg>(&POSTGRES)?;
    let applied = harness.applied_migrations().map_err(failed)?;
    refuse_newer(&known, &applied)?;
    harness.run_pending_migrations(POSTGRES).map_err(failed)?;
    // The lock ends with the connection, which is dropped here.
    Ok(())
}

fn known<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Result<BTreeSet<String>, StoreError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let migrations: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(failed)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

fn refuse_newer(known: &BTreeSet<String>, applied: &[MigrationVersion<'_>]) -> Result<(), StoreError> {
    let newer: Vec<String> =
        applied.iter().map(ToString::to_string).filter(|version| !known.contains(version)).collect();
    if newer.is_empty() {
        return Ok(());
    }
    Err(StoreError::Newer(newer.join(", ")))
}

fn failed(error: Box<dyn Error + Send + Sync>) -> StoreError {
    StoreError::Unavailable(format!("the schema could not be brought up to date: {error}"))
}
