//! PostgreSQL, for those who outgrow one machine: several nodes on one database.
//!
//! Pure Rust, no libpq. The writer has a connection of its own, opened again when it is lost; reads and
//! small writes share a bounded pool.

use std::error::Error;
use std::time::Duration;

use diesel::connection::{Instrumentation, InstrumentationEvent, get_default_instrumentation};
use diesel::pg::Pg;
use diesel::result::{ConnectionError, ConnectionResult};
use diesel::sql_types::{BigInt, Text};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use futures_util::future::BoxFuture;

use super::StoreError;
use super::group::GroupError;
use crate::supervision::contained;

/// Sends statements of `bulk.rs` one right after the other without waiting for each answer, and then answers what each
/// of them did, or the first failure. They reach the server in this order: each is sent when it is first polled, or in
/// its turn once it is prepared.
macro_rules! flight {
    ($conn:ident, $($answer:ident = $statement:ident($rows:expr)),+ $(,)?) => {
        let ($($answer),+) = {
            let conn: &Conn = $conn;
            let ($($answer),+) = tokio::join!(biased; $(bulk::$statement(conn, $rows)),+);
            ($($answer?),+)
        };
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
mod columns;
#[path = "queries/commit.rs"]
pub mod commit;
#[path = "queries/courier.rs"]
pub mod courier;
#[path = "queries/deliveries.rs"]
pub mod deliveries;
#[path = "queries/endpoints.rs"]
pub mod endpoints;
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
pub mod single_statement;
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
pub type Conn = AsyncPgConnection;
/// The dialect that `queries/` are compiled for.
pub type Db = Pg;

/// All reads of the transaction see one moment.
pub const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Read committed: rows are locked by the statements that need it.
pub const BEGIN: &str = "BEGIN";

/// How many connections reads and small writes share.
const POOL_CONNECTIONS_MAX: usize = 8;
/// How long a connection may take to open, and a caller waits for one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one of these may take.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// The name under which this program connects, by which its processes find each other.
const APPLICATION: &str = "crypto-orders";

/// Whether this URL is one of PostgreSQL's.
pub fn is_url(database_url: &str) -> bool {
    database_url.starts_with("postgres://") || database_url.starts_with("postgresql://")
}

/// How statements are planned; see [`establish`]. It goes with the start of a connection and not as a
/// statement, which behind a pooler would act on whatever connection it met.
const PLANNING: &str = "-c enable_seqscan=off -c enable_incremental_sort=off \
                        -c max_parallel_workers_per_gather=0 -c jit=off";

/// Plans once for all values: the writer and the loader know their rows by their keys, and planning anew would cost as
/// much as the work.
const PLANNED_ONCE: &str = "-c plan_cache_mode=force_generic_plan";

/// Opens one connection for whoever finds rows by their keys.
pub async fn connect(database_url: &str) -> Result<Conn, StoreError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, establish(database_url, &[PLANNING, PLANNED_ONCE])).await {
        Ok(Ok(conn)) => Ok(conn),
        Ok(Err(error)) => Err(StoreError::Unavailable(format!("PostgreSQL cannot be reached: {error}"))),
        Err(_) => Err(StoreError::Unavailable("PostgreSQL did not answer in time".to_owned())),
    }
}

/// A connection whose statements use their indexes from the first row on: they are planned once, while the
/// tables are still small enough for a scan to look cheap, and kept while the tables grow to millions. The
/// price that this puts on a scan must not make one worth compiling, so that is off too. An index that gives
/// the order in part is no match for one that gives it whole, and no statement is worth a second process.
async fn establish(database_url: &str, options: &[&str]) -> ConnectionResult<Conn> {
    let told = |error: tokio_postgres::Error| ConnectionError::BadConnection(with_causes(&error));
    let mut plain: tokio_postgres::Config = database_url.parse().map_err(told)?;
    plain.application_name(APPLICATION);
    let mut planned = plain.clone();
    planned.options(plain.get_options().into_iter().chain(options.iter().copied()).collect::<Vec<_>>().join(" "));
    let (client, connection) = match planned.connect(tokio_postgres::NoTls).await {
        // Some poolers take no options; there they are the role's (docs/operations.md).
        Err(error) if refuses_options(&error) => plain.connect(tokio_postgres::NoTls).await,
        opened => opened,
    }
    .map_err(told)?;
    let mut conn = AsyncPgConnection::try_from_client_and_connection(client, connection).await?;
    // A listener is told of the URL, as of a connection that diesel opens by itself.
    if let Some(mut listener) = get_default_instrumentation() {
        listener.on_connection_event(InstrumentationEvent::start_establish_connection(database_url));
        conn.set_instrumentation(listener);
    }
    Ok(conn)
}

/// Whether it is a pooler's word on the options of a connection's start.
fn refuses_options(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|error| error.message().contains("unsupported startup parameter"))
}

/// An error with all that it came from.
fn with_causes(error: &dyn Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Sees to it that the database keeps any text.
pub async fn refuse_encoding(conn: &mut Conn) -> Result<(), StoreError> {
    let setting = diesel::dsl::sql::<Text>("current_setting('server_encoding')");
    let encoding: String = diesel::select(setting).get_result(conn).await?;
    if encoding == "UTF8" { Ok(()) } else { Err(StoreError::Encoding(encoding)) }
}

/// Connections for reads and small writes, a bounded number of them. Clones share them.
///
/// Work runs on the store's own runtime: a connection lives on the runtime that opened it, and a request's
/// thread may end, or drop a request half-way.
#[derive(Clone)]
pub struct Connections {
    pool: Pool<Conn>,
    runtime: tokio::runtime::Handle,
}

impl Connections {
    /// Connections to this database, none of them open yet.
    pub fn new(database_url: &str, runtime: tokio::runtime::Handle) -> Result<Self, StoreError> {
        let mut config = ManagerConfig::default();
        config.custom_setup = Box::new(|database_url| Box::pin(establish(database_url, &[PLANNING])));
        let pool = Pool::builder(AsyncDieselConnectionManager::new_with_config(database_url, config))
            .max_size(POOL_CONNECTIONS_MAX)
            .runtime(deadpool::Runtime::Tokio1)
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(CONNECT_TIMEOUT))
            .build()
            .map_err(|error| StoreError::Broken(error.to_string()))?;
        Ok(Self { pool, runtime })
    }

    /// Runs `work` on a connection, to its end even if the caller gives up.
    pub async fn run<R, F>(&self, work: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: for<'a> FnOnce(&'a mut Conn) -> BoxFuture<'a, Result<R, StoreError>> + Send + 'static,
    {
        let pool = self.pool.clone();
        let task = self.runtime.spawn(async move {
            let mut conn = pool.get().await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            let failed = |why: &str| Err(StoreError::Unavailable(why.to_owned()));
            let ended = contained("reader", tokio::time::timeout(QUERY_TIMEOUT, work(&mut conn))).await;
            let result = match ended {
                Some(Ok(result)) => result,
                Some(Err(_)) => failed("PostgreSQL did not answer in time"),
                None => failed("a fault of this program"),
            };
            // Whatever a failure left open on it must not meet the next one.
            if matches!(result, Err(StoreError::Unavailable(_))) {
                drop(Object::take(conn));
            }
            result
        });
        task.await.map_err(|_| StoreError::Unavailable("the store is closed".to_owned()))?
    }
}

/// A shard of the totals for a writer to add to. Several may have one: they then wait for each other's rows, so
/// the database hands them out in turn.
pub async fn shard_claim(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(diesel::select(diesel::dsl::sql::<BigInt>("nextval('writer_shards')")).get_result(conn).await?)
}

/// What a failed `COMMIT` means here: a database that answers has rolled back; one that is gone may not have.
pub fn commit_failed(error: diesel::result::Error) -> GroupError {
    use diesel::result::DatabaseErrorKind::{ClosedConnection, UnableToSendCommand, Unknown};
    let text = error.to_string();
    match error {
        diesel::result::Error::DatabaseError(ClosedConnection | UnableToSendCommand | Unknown, _) => {
            GroupError::Unknown(text)
        }
        other => GroupError::NotStored(other.into()),
    }
}

/// The ids of orders whose text has a pattern, which is bound after it.
pub const BY_TRIGRAMS: &str = "select s.order_id as id from order_search s where s.body like ";

/// The pattern by which the trigram index is asked for a text. Its wildcards are escaped.
pub fn trigram_pattern(wanted: &str) -> String {
    let escaped = wanted.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// Where a text lies in another, from 1; zero if it does not.
pub const PLACE_OF: &str = "strpos";

/// The customer's note within the searched text of an order: it follows the id, 36 characters, and the
/// product, each with the end of its line.
pub const NOTE: &str = "substr(s.body, 38 + strpos(substr(s.body, 38), chr(10)))";

/// The walks of `queries/lists.rs`: each condition fits one index only, which the planner finds.
pub mod walks {
    /// All orders.
    pub const BY_CREATED: &str = " from orders where ";
    /// An account's.
    pub const BY_ACCOUNT: &str = BY_CREATED;
    /// Those of a status.
    pub const BY_STATUS: &str = BY_CREATED;
    /// Those of an account in a status.
    pub const BY_ACCOUNT_STATUS: &str = BY_CREATED;
}

/// Ends a list of candidates: first the candidates, then each one's order by its id. `offset 0` keeps the
/// planner from pulling the parts into one another and finding another way.
pub const OF_CANDIDATES: &str = " offset 0) c cross join lateral \
                                 (select * from orders where orders.id = c.id offset 0) orders where true";
