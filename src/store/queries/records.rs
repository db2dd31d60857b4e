//! Lists of what was recorded, newest first: verified IPNs of an order, and audited writes.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, Db};
use crate::clock::fresh_uuid;
use crate::domain::ids::OrderId;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::access_rows::AuditRow;
use crate::store::changeset::AuditEntry;
use crate::store::records::{AuditFilter, AuditRecord, KeptIpn, SecretAge, Stretch};
use crate::store::schema::{audit_log, received_ipns};

#[derive(Queryable, Selectable)]
#[diesel(table_name = received_ipns)]
struct IpnRow {
    received_at: i64,
    last_received_at: i64,
    payment_id: String,
    payment_status: String,
    verified_form: String,
    verified_secret: i64,
    outcome: String,
    times_seen: i64,
    raw_body: String,
    body_sha256: String,
}

impl IpnRow {
    fn into_kept(self) -> KeptIpn {
        KeptIpn {
            received_at: Timestamp::from_micros(self.received_at),
            last_received_at: Timestamp::from_micros(self.last_received_at),
            payment_id: self.payment_id,
            payment_status: self.payment_status,
            verified_form: self.verified_form,
            verified_secret: if self.verified_secret == 0 { SecretAge::Current } else { SecretAge::Previous },
            outcome: self.outcome,
            times_seen: self.times_seen,
            raw_body: self.raw_body,
            body_sha256: self.body_sha256,
        }
    }
}

/// Verified IPNs that were judged for this order, newest first.
pub async fn ipns_of_order(conn: &mut Conn, order: OrderId, stretch: Stretch) -> Result<Vec<KeptIpn>, StoreError> {
    use received_ipns as r;
    let mut query = r::table.into_boxed::<Db>().filter(r::order_id.eq(order.to_string()));
    if let Some(place) = stretch.after {
        let at = place.at.micros();
        query = query.filter(r::received_at.le(at)).filter(r::received_at.lt(at).or(r::body_sha256.lt(place.id)));
    }
    let rows: Vec<IpnRow> = query
        .order((r::received_at.desc(), r::body_sha256.desc()))
        .limit(i64::try_from(stretch.limit).unwrap_or(i64::MAX))
        .select(IpnRow::as_select())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(IpnRow::into_kept).collect())
}

/// Puts an admin write on the audit log, in the transaction of the write itself where there is one.
pub async fn audit_write(conn: &mut Conn, entry: &AuditEntry) -> Result<(), StoreError> {
    diesel::insert_into(audit_log::table).values(&AuditRow::of(fresh_uuid(entry.at), entry)).execute(conn).await?;
    Ok(())
}

/// Audited writes, newest first.
pub async fn audit_page(
    conn: &mut Conn,
    filter: AuditFilter,
    stretch: Stretch,
) -> Result<Vec<AuditRecord>, StoreError> {
    use audit_log as l;
    let mut query = l::table.into_boxed::<Db>();
    if let Some(target) = filter.target {
        query = query.filter(l::target.eq(target));
    }
    if let Some(actor) = filter.actor {
        query = query.filter(l::actor.eq(actor.to_string()));
    }
    if let Some(place) = stretch.after {
        let at = place.at.micros();
        query = query.filter(l::at.le(at)).filter(l::at.lt(at).or(l::id.lt(place.id)));
    }
    let rows: Vec<AuditRow> = query
        .order((l::at.desc(), l::id.desc()))
        .limit(i64::try_from(stretch.limit).unwrap_or(i64::MAX))
        .select(AuditRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(AuditRow::into_record).collect()
}
