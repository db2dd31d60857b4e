//! Brings a database to the schema this program knows, before anything else touches it.
//!
//! Migrations are embedded. Several nodes that start at once take turns (PostgreSQL: an advisory lock;
//! SQLite: the file's write lock). A database that a newer program has changed is refused.

use std::collections::BTreeSet;
use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_async::{AnsiTransactionManager, AsyncMigrationHarness, SimpleAsyncConnection, TransactionManager};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::sqlite::file::ServedFile;
use super::{StoreError, postgres};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Nodes that start together migrate one after the other under this advisory lock.
const MIGRATION_LOCK: i64 = 0x6372_7970_746f;
/// When a wait for it is logged, and when it is given up.
const WAIT_TOLD: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// Looks for the extension's operators where it is, also if that is no schema of the search path.
const TRIGRAMS_IN_SIGHT: &str = "select set_config('search_path', current_setting('search_path') || ', ' || quote_ident(n.nspname), true) \
     from pg_extension e join pg_namespace n on n.oid = e.extnamespace \
     where e.extname = 'pg_trgm' and n.nspname <> all (current_schemas(true))";

/// Migrates the SQLite file, which is made if it is absent.
pub fn sqlite(file: &ServedFile) -> Result<(), StoreError> {
    let mut conn = file.connect_writer()?;
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
    runtime.block_on(postgres::refuse_encoding(&mut conn))?;
    runtime.block_on(begin_alone(&mut conn))?;
    let _entered = runtime.enter();
    let mut harness = AsyncMigrationHarness::new(conn);
    let known = known::<Pg>(&POSTGRES)?;
    let applied = harness.applied_migrations().map_err(failed)?;
    refuse_newer(&known, &applied)?;
    harness.run_pending_migrations(POSTGRES).map_err(failed)?;
    // The lock ends with the transaction; after an error both end with the connection.
    let mut conn = harness.into_inner();
    Ok(runtime.block_on(AnsiTransactionManager::commit_transaction(&mut conn))?)
}

/// Begins the transaction of all migrations once nobody else is at theirs. A lock of the session would stay on
/// the connection of a transaction pooler.
async fn begin_alone(conn: &mut postgres::Conn) -> Result<(), StoreError> {
    AnsiTransactionManager::begin_transaction(conn).await?;
    conn.batch_execute(&format!("set local lock_timeout = '{}s'", WAIT_MAX.as_secs())).await?;
    {
        let lock = format!("select pg_advisory_xact_lock({MIGRATION_LOCK})");
        let mut locked = pin!(conn.batch_execute(&lock));
        let locked = match tokio::time::timeout(WAIT_TOLD, &mut locked).await {
            Ok(locked) => locked,
            Err(_) => {
                tracing::info!("waiting for another process that holds the lock of this database's migrations");
                locked.await
            }
        };
        locked.map_err(|error| {
            StoreError::Unavailable(format!(
                "another process holds the lock of the migrations, which pg_locks lists as advisory: {error}"
            ))
        })?;
    }
    conn.batch_execute("set local lock_timeout to default").await?;
    conn.batch_execute(TRIGRAMS_IN_SIGHT).await?;
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
