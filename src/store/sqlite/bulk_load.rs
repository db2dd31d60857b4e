//! A whole load in one transaction, on SQLite: nearly as fast as without any, and as safe as ever.
//!
//! With a rollback journal in place of the write-ahead log, pages that are new need no copy: an empty
//! database grows in place, and a load that fails or is killed leaves the few pages that were there. The
//! file is ours alone meanwhile.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{Conn, archive};
use crate::store::StoreError;
use crate::store::archive::load_error::LoadError;

/// What a load keeps of the file in memory: rows whose keys are random fall all over it.
const CACHE_KIB: u32 = 393_216;

/// A program that is just ending has the file open for a moment longer.
const LOOKS_MAX: u32 = 50;
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sql: String,
}

#[derive(QueryableByName)]
struct Mode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

/// Takes the file for itself, begins, and takes indexes and triggers away, but for what keeps rows unique; answers how to make them again.
pub async fn begin(conn: &mut Conn) -> Result<Vec<String>, LoadError> {
    refuse_contents(conn).await?;
    leave_wal(conn).await?;
    // Sorting may use the disk, or memory would grow with the database.
    let alone = format!(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -{CACHE_KIB}; PRAGMA temp_store = FILE; \
         PRAGMA threads = 2; BEGIN EXCLUSIVE"
    );
    conn.batch_execute(&alone).await.map_err(StoreError::from)?;
    refuse_contents(conn).await?;
    archive::secrets_forget(conn).await?;
    let made: Vec<Named> = diesel::sql_query(
        "select type as kind, name, sql from sqlite_master where type in ('index', 'trigger') \
         and sql not like 'create unique %'",
    )
    .load(conn)
    .await
    .map_err(StoreError::from)?;
    for Named { kind, name, .. } in &made {
        conn.batch_execute(&format!("drop {kind} {name}")).await.map_err(StoreError::from)?;
    }
    Ok(made.into_iter().map(|made| made.sql).collect())
}

/// Ends the write-ahead log, which only the file's one user can. SQLite does not wait for that by itself.
async fn leave_wal(conn: &mut Conn) -> Result<(), LoadError> {
    for _ in 0..LOOKS_MAX {
        let mode = diesel::sql_query("PRAGMA journal_mode = DELETE").get_result::<Mode>(conn).await;
        if mode.is_ok_and(|mode| mode.journal_mode == "delete") {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(LoadError::InUse("another program has the file open; end it first".to_owned()))
}

async fn refuse_contents(conn: &mut Conn) -> Result<(), LoadError> {
    archive::contents(conn).await?.map_or(Ok(()), |held| Err(LoadError::NotEmpty(held)))
}

/// Makes indexes and triggers again, has the planner look at the tables, and commits.
pub async fn finish(conn: &mut Conn, made: &[String]) -> Result<(), StoreError> {
    for sql in made {
        conn.batch_execute(sql).await?;
    }
    // The trigger that feeds the search index was away; built as a whole it is also smaller.
    conn.batch_execute("insert into order_search_fts (order_search_fts) values ('rebuild')").await?;
    conn.batch_execute("ANALYZE; COMMIT; PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL").await?;
    Ok(())
}
