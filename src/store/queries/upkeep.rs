//! Small things beside the orders: the readiness probe, refused IPNs.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::time::Timestamp;
use crate::store::records::KeptRefusal;
use crate::store::schema::{api_keys, received_ipns, refused_ipns, write_probe};
use crate::store::{RefusedIpn, StoreError};

/// How many refused bodies are kept (contract, section 5).
const REFUSED_KEPT: i64 = 1_000;

/// Writes the probe's row of a writer.
pub async fn probe_write(conn: &mut Conn, shard: i64, now: Timestamp) -> Result<(), StoreError> {
    diesel::insert_into(write_probe::table)
        .values((write_probe::id.eq(shard), write_probe::at.eq(now.micros())))
        .on_conflict(write_probe::id)
        .do_update()
        .set(write_probe::at.eq(now.micros()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Reads what every request with a key reads.
pub async fn probe_read(conn: &mut Conn) -> Result<(), StoreError> {
    let of_prefix = api_keys::table.filter(api_keys::key_prefix.eq("")).select(api_keys::id);
    let _none: Vec<String> = of_prefix.load(conn).await?;
    Ok(())
}

/// Keeps a refused body under a time-ordered id, and drops the oldest past the bound.
pub async fn refused_ipn_keep(conn: &mut Conn, id: String, refused: &RefusedIpn) -> Result<(), StoreError> {
    use refused_ipns as r;
    // A NUL cannot be kept as text by PostgreSQL; the doctor looks at the rest.
    let body = String::from_utf8_lossy(&refused.body).replace('\0', "\u{fffd}");
    diesel::insert_into(r::table)
        .values((
            r::id.eq(id),
            r::reason.eq(refused.reason),
            r::ip.eq(&refused.ip),
            r::at.eq(refused.at.micros()),
            r::body.eq(body),
        ))
        .execute(conn)
        .await?;
    let oldest_kept: Option<String> = r::table
        .order(r::id.desc())
        .offset(REFUSED_KEPT.saturating_sub(1))
        .select(r::id)
        .first(conn)
        .await
        .optional()?;
    if let Some(oldest) = oldest_kept {
        diesel::delete(r::table.filter(r::id.lt(oldest))).execute(conn).await?;
    }
    Ok(())
}

/// The newest refused bodies, newest first.
pub async fn refused_ipns_newest(conn: &mut Conn, limit: i64) -> Result<Vec<KeptRefusal>, StoreError> {
    use refused_ipns as r;
    let rows: Vec<(i64, String, Option<String>, String)> =
        r::table.order(r::id.desc()).limit(limit).select((r::at, r::reason, r::ip, r::body)).load(conn).await?;
    let kept = |(at, reason, ip, body)| KeptRefusal { at: Timestamp::from_micros(at), reason, ip, body };
    Ok(rows.into_iter().map(kept).collect())
}

/// How many bodies that are still kept were refused at this time or later.
pub async fn refused_ipns_since(conn: &mut Conn, since: Timestamp) -> Result<i64, StoreError> {
    Ok(refused_ipns::table.filter(refused_ipns::at.ge(since.micros())).count().get_result(conn).await?)
}

/// How many verified bodies about no payment first came at this time or later.
pub async fn other_ipns_since(conn: &mut Conn, since: Timestamp) -> Result<i64, StoreError> {
    use received_ipns as r;
    // In the words of the index, so that it is used whatever is planned before the parameters are known.
    let others = r::table.filter(sql::<Bool>("outcome = 'other'"));
    Ok(others.filter(r::received_at.ge(since.micros())).count().get_result(conn).await?)
}
