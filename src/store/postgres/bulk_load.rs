//! A whole load in one transaction, on PostgreSQL.
//!
//! Its locks on the tables keep every later process waiting until it ends; one that is there before is
//! found by the name under which this program connects.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{APPLICATION, Conn, archive};
use crate::store::StoreError;
use crate::store::archive::load_error::LoadError;

/// The tables that a load writes, and those that must not change meanwhile.
const TABLES: &str = "accounts, api_keys, orders, order_events, order_payments, idempotency_keys, \
    idempotency_totals, order_totals, received_ipns, attention_items, outbox_events, audit_log, search_queue, \
    order_search, witness_totals, webhook_endpoints, webhook_deliveries, confirmed_events, \
    service_secrets";
/// A connection that was just closed is listed for a moment longer.
const LOOKS_MAX: u32 = 30;
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sql: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Locks the tables, begins, and takes their indexes away, but for what keeps rows unique; answers how to make them again.
pub async fn begin(conn: &mut Conn) -> Result<Vec<String>, LoadError> {
    if let Some(held) = archive::contents(conn).await? {
        return Err(LoadError::NotEmpty(held));
    }
    refuse_others(conn).await?;
    let locked = format!(
        "set statement_timeout = 0; begin; set local lock_timeout = '5s'; \
         lock table {TABLES} in access exclusive mode; set local maintenance_work_mem = '256MB'"
    );
    conn.batch_execute(&locked).await.map_err(|error| LoadError::InUse(error.to_string()))?;
    if let Some(held) = archive::contents(conn).await? {
        return Err(LoadError::NotEmpty(held));
    }
    archive::secrets_forget(conn).await?;
    let made: Vec<Named> = diesel::sql_query(format!(
        "select c.relname::text as name, pg_get_indexdef(i.indexrelid) as sql from pg_index i \
         join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid \
         where t.relnamespace = current_schema()::regnamespace and not i.indisunique \
         and t.relname = any(string_to_array('{TABLES}', ', '))"
    ))
    .load(conn)
    .await
    .map_err(StoreError::from)?;
    for Named { name, .. } in &made {
        conn.batch_execute(&format!("drop index {name}")).await.map_err(StoreError::from)?;
    }
    Ok(made.into_iter().map(|made| made.sql).collect())
}

/// Refuses while another process of this program is connected to the database.
async fn refuse_others(conn: &mut Conn) -> Result<(), LoadError> {
    let mut others = 0;
    for _ in 0..LOOKS_MAX {
        let found: Count = diesel::sql_query(
            "select count(*) as count from pg_stat_activity where datname = current_database() \
             and application_name = $1 and pid <> pg_backend_pid()",
        )
        .bind::<Text, _>(APPLICATION)
        .get_result(conn)
        .await
        .map_err(StoreError::from)?;
        others = found.count;
        if others == 0 {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(LoadError::InUse(format!("a server or command holds {others} connection(s); end it first")))
}

/// Makes the indexes again, has the planner look at the tables, and commits.
pub async fn finish(conn: &mut Conn, made: &[String]) -> Result<(), StoreError> {
    for sql in made {
        conn.batch_execute(sql).await?;
    }
    conn.batch_execute(&format!("analyze {TABLES}; commit")).await?;
    Ok(())
}
