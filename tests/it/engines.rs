//! One test body, two engines: each body runs on SQLite and on PostgreSQL, on a fresh database.
//!
//! ```ignore
//! on_both_engines![a_checkout_is_answered_twice_alike];
//!
//! async fn a_checkout_is_answered_twice_alike(engine: Engine) {
//!     let database = engine.database(migrate);
//! }
//! ```
//!
//! makes `a_checkout_is_answered_twice_alike::sqlite` and `…::postgres`. The names stand in a list of
//! their own, and not around the bodies, because bodies inside a macro are not formatted. A body that is
//! missing from the list is dead code, which the lints refuse.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{Connection, RunQueryDsl, SqliteConnection, select};

use crate::harness::migrate;
use crate::postgres::Cluster;

/// Makes two tests of each named `async fn(Engine)` of the same file.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use $crate::engines::Engine;

            #[test]
            fn sqlite() {
                $crate::engines::run(super::$name(Engine::Sqlite));
            }

            #[test]
            fn postgres() {
                // Where there is no PostgreSQL, `shared` has said so loudly, or failed.
                if let Some(cluster) = $crate::postgres::Cluster::shared() {
                    $crate::engines::run(super::$name(Engine::Postgres(cluster)));
                }
            }
        }
    )+};
}

/// Makes a test of each named `async fn(Engine)` that needs several nodes on one database: SQLite has one.
macro_rules! on_postgres {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn postgres() {
                if let Some(cluster) = $crate::postgres::Cluster::shared() {
                    $crate::engines::run(super::$name($crate::engines::Engine::Postgres(cluster)));
                }
            }
        }
    )+};
}

/// The engine that a test runs on.
#[derive(Clone, Copy)]
pub enum Engine {
    /// A file in a folder of its own.
    Sqlite,
    /// A database of its own in the cluster of this run.
    Postgres(&'static Cluster),
}

impl Engine {
    /// The same engine, with commits that are on the disk, and nobody else's to stop or to kill.
    pub fn durable(self) -> Self {
        match self {
            Self::Sqlite => Self::Sqlite,
            // Left to its watchdog, which ends it with this process.
            Self::Postgres(_) => Self::Postgres(Box::leak(Box::new(Cluster::durable().expect("a cluster was found")))),
        }
    }

    /// A fresh, migrated database; `migrate` gets its URL. On PostgreSQL it runs once for all tests, and
    /// every database is a copy of that first one: give the same `migrate` everywhere.
    pub fn database(self, migrate: impl FnOnce(&str)) -> Database {
        match self {
            Self::Sqlite => {
                let folder = fresh_folder("sqlite");
                let url = format!("sqlite://{}/orders.db", folder.to_str().expect("the folder's name is text"));
                migrate(&url);
                Database { url, kept: Kept::Folder(folder) }
            }
            Self::Postgres(cluster) => Database { url: cluster.database(migrate), kept: Kept::In(cluster) },
        }
    }
}

/// Runs a test, and ends the nodes that it leaves behind: their threads would go on looking for a database
/// that is gone.
pub fn run(test: impl Future<Output = ()>) {
    let system = actix::System::new();
    system.block_on(test);
    actix::System::current().stop();
    system.run().expect("the system stops");
}

/// A database for one test, gone with it.
pub struct Database {
    /// Where it is, as the configuration takes it.
    pub url: String,
    kept: Kept,
}

impl Database {
    /// What a query of one column finds, one row a line; for looking past the service.
    pub fn sql(&self, query: &str) -> String {
        match &self.kept {
            Kept::Folder(_) => {
                let named = format!("with found(line) as ({query}) select cast(line as text) as line from found");
                let rows: Vec<Line> = diesel::sql_query(named).load(&mut sqlite(&self.url)).expect("SQLite answers");
                rows.into_iter().map(|row| row.line.unwrap_or_default()).collect::<Vec<_>>().join("\n")
            }
            Kept::In(cluster) => cluster.sql(&self.url, query),
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = Nullable<Text>)]
    line: Option<String>,
}

enum Kept {
    Folder(PathBuf),
    In(&'static Cluster),
}

impl Drop for Database {
    fn drop(&mut self) {
        match &self.kept {
            // Best effort: what is left lies in the folder of temporary files.
            Kept::Folder(folder) => drop(fs::remove_dir_all(folder)),
            Kept::In(cluster) => cluster.discard(&self.url),
        }
    }
}

/// A new folder that nobody else uses, among the temporary files.
pub fn fresh_folder(purpose: &str) -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("crypto-orders-{purpose}-{}-{number}", process::id()));
    // A process of the same number, killed long ago, may have left its own.
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).expect("temporary files can be made");
    folder
}

on_both_engines![every_test_has_a_migrated_database_of_its_own];

async fn every_test_has_a_migrated_database_of_its_own(engine: Engine) {
    let fresh = || tokio::task::spawn_blocking(move || engine.database(migrate));
    let [one, other] = [fresh().await, fresh().await].map(|database| database.expect("a database"));
    for database in [&one, &other] {
        execute(engine, &database.url, "create table marks (mark bigint)");
    }
    execute(engine, &one.url, "insert into marks values (1)");
    assert_eq!(marks(engine, &one.url), 1);
    assert_eq!(marks(engine, &other.url), 0);
}

fn execute(engine: Engine, url: &str, sql: &str) {
    match engine {
        Engine::Sqlite => sqlite(url).batch_execute(sql).expect("SQLite takes it"),
        Engine::Postgres(cluster) => drop(cluster.sql(url, sql)),
    }
}

fn marks(engine: Engine, url: &str) -> i64 {
    let count = "(select count(*) from marks)";
    match engine {
        Engine::Sqlite => select(diesel::dsl::sql::<BigInt>(count)).get_result(&mut sqlite(url)).expect("a number"),
        Engine::Postgres(cluster) => cluster.sql(url, &format!("select {count}")).parse().expect("a number"),
    }
}

fn sqlite(url: &str) -> SqliteConnection {
    SqliteConnection::establish(url.trim_start_matches("sqlite://")).expect("SQLite opens")
}
