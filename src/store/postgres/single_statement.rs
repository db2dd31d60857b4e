//! A group whose keys and IPNs are new, and whose orders still have the versions that were judged, in one statement that
//! is a transaction of its own: one round trip instead of four, and one more where a webhook is due.
//!
//! Nearly every group is one. The statement checks that itself (`go`), and writes nothing at all otherwise; then
//! `queries/commit.rs` finds out what each changeset came to. A row that another node commits after the snapshot of the
//! statement makes it fail. It locks rows in the order in which `queries/commit.rs` does: orders, IPNs, keys, payments,
//! and then the rest.

use std::collections::HashSet;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Array, BigInt, Integer, Text};
use diesel_async::RunQueryDsl;
use diesel_async::pooled_connection::PoolableConnection;

use super::write::WriteParts;
use super::{Conn, bulk, commit};
use crate::store::StoreError;
use crate::store::changeset::Changeset;
use crate::store::group::{GroupError, Verdict};
use crate::store::stored_row::append;
use crate::store::tables::{IpnRow, KeyClaimRow, PaymentRow};
use crate::store::write_set::{Claims, WriteSet, all_payments_changed, judged};

/// Writes the group and commits it. With a [`Verdict::Conflict`] among the answers nothing was written.
pub async fn group_commit(conn: &mut Conn, sets: &[Changeset], shard: i64) -> Result<Vec<Verdict>, GroupError> {
    if conn.is_broken() {
        return Err(GroupError::NotStored(StoreError::Unavailable("the connection was lost".to_owned())));
    }
    let outcome = match NewGroup::of(sets) {
        Some(group) => group.commit(conn, sets, shard).await?,
        None => StatementOutcome::NotWritten,
    };
    match outcome {
        StatementOutcome::Written => Ok(vec![Verdict::Done; sets.len()]),
        StatementOutcome::NotWritten => commit::group_commit(conn, sets, shard).await,
        StatementOutcome::Failed => match commit::group_commit(conn, sets, shard).await {
            // The failure may have been a pooler's word on a server that was lost, perhaps after its commit.
            Err(GroupError::NotStored(StoreError::Unavailable(cause))) => Err(GroupError::Unknown(cause)),
            other => other,
        },
    }
}

/// The outcome of the statement.
enum StatementOutcome {
    /// All of it is written, durably.
    Written,
    /// Nothing is written: a row exists, or an order has another version.
    NotWritten,
    /// It failed. Nothing is written if the error is the server's own.
    Failed,
}

/// A group as one statement can write it.
struct NewGroup {
    ipns: Vec<IpnRow>,
    keys: Vec<KeyClaimRow>,
    /// The ids of the orders that were judged, sorted.
    order_ids: Vec<String>,
    /// The version of each of them then.
    order_versions: Vec<i64>,
    accounts: Vec<String>,
    payments: Vec<PaymentRow>,
}

impl NewGroup {
    /// Returns the group, unless two of its changesets have the same order, key, IPN or payment, or one has rows beside
    /// those of a write set.
    fn of(sets: &[Changeset]) -> Option<Self> {
        let is_plain = |set: &Changeset| set.audit.is_none() && set.addressed.is_none() && set.replay.is_none();
        let Claims { ipns, keys, orders, accounts } = Claims::of(sets);
        let mut versions: Vec<(String, i64)> =
            sets.iter().filter_map(judged).map(|(id, version)| (id.to_string(), version)).collect();
        versions.sort_unstable();
        let changed = sets.iter().filter_map(|set| set.order.as_ref());
        let payments = all_payments_changed(changed);
        let are_own = ipns.len() == sets.iter().filter(|set| set.ipn.is_some()).count()
            && keys.len() == sets.iter().filter(|set| set.key.is_some()).count()
            && orders.len() == versions.len();
        let own_payments: HashSet<&str> = payments.iter().map(|row| row.payment_id.as_str()).collect();
        let is_new = are_own && own_payments.len() == payments.len() && sets.iter().all(is_plain);
        let (order_ids, order_versions) = versions.into_iter().unzip();
        is_new.then_some(Self { ipns, keys, order_ids, order_versions, accounts, payments })
    }

    /// Writes and commits the group if its condition holds.
    async fn commit(self, conn: &mut Conn, sets: &[Changeset], shard: i64) -> Result<StatementOutcome, GroupError> {
        let Self { ipns, keys, order_ids, order_versions, accounts, payments } = self;
        let listeners = match bulk::listeners_load(conn, accounts).await {
            Ok(listeners) => listeners,
            Err(error) => return Err(GroupError::NotStored(error.into())),
        };
        let set = WriteSet::of(&sets.iter().collect::<Vec<_>>(), payments, &listeners, shard);
        let mut statement = GroupStatement { order_ids, order_versions, ..GroupStatement::default() };
        statement.parts.claim(&ipns);
        statement.parts.claim(&keys);
        set.put(&mut statement.parts).map_err(|error| GroupError::NotStored(error.into()))?;
        if statement.parts.is_empty() {
            return Ok(StatementOutcome::NotWritten);
        }
        for row in &ipns {
            statement.bodies.push(&row.body_sha256);
            statement.contents.extend(row.content_sha256.as_deref());
        }
        for row in &keys {
            statement.key_accounts.push(&row.account_id);
            statement.keys.push(&row.key);
        }
        for row in &set.payments {
            statement.payments.push(&row.payment_id);
            statement.owners.push(&row.order_id);
        }
        let written: QueryResult<Vec<i32>> = statement.load(conn).await;
        match written {
            Ok(counts) => Ok(if counts == [1] { StatementOutcome::Written } else { StatementOutcome::NotWritten }),
            // Nothing came back from the server: it may have committed.
            Err(Error::DatabaseError(
                DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection,
                error,
            )) => Err(GroupError::Unknown(error.message().to_owned())),
            // The server ends a connection between statements, or in one that it then rolls back.
            Err(Error::DatabaseError(_, error)) if error.message().starts_with("terminating connection due to ") => {
                Err(GroupError::NotStored(StoreError::Unavailable(error.message().to_owned())))
            }
            Err(error) => {
                tracing::debug!(%error, "a group is not written at once");
                Ok(StatementOutcome::Failed)
            }
        }
    }
}

/// The statement. It returns one row: 1 if all is written, 0 if nothing is.
#[derive(Default)]
struct GroupStatement<'a> {
    parts: WriteParts<'a>,
    order_ids: Vec<String>,
    order_versions: Vec<i64>,
    bodies: Vec<&'a str>,
    contents: Vec<&'a str>,
    key_accounts: Vec<&'a str>,
    keys: Vec<&'a str>,
    payments: Vec<&'a str>,
    owners: Vec<&'a str>,
}

impl QueryId for GroupStatement<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for GroupStatement<'_> {
    type SqlType = Integer;
}

impl QueryFragment<Pg> for GroupStatement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.push_condition(&mut out)?;
        self.parts.push_all("go, ", &mut out)?;
        // All or nothing: a division by zero takes back what was written without the rest.
        out.push_sql(" select case when (select count(*) from go) = 0 then 0 else 1 / (true");
        for (name, part) in self.parts.counted() {
            append(&[" and (select count(*) from ", &name, ") = "], &mut |piece| out.push_sql(piece));
            out.push_bind_param::<BigInt, _>(&part.rows)?;
        }
        out.push_sql(")::int end");
        Ok(())
    }
}

impl GroupStatement<'_> {
    /// Appends the condition, which locks the orders that were judged in the order of their ids.
    fn push_condition<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("with held as materialized (select o.id from unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.order_ids)?;
        out.push_sql("::text[], ");
        out.push_bind_param::<Array<BigInt>, _>(&self.order_versions)?;
        out.push_sql(
            "::bigint[]) n (id, version) join orders o on o.id = n.id and o.version = n.version order by o.id \
             for update of o), go as materialized (select 1 from (select count(*) as held from held) h where h.held = cardinality(",
        );
        out.push_bind_param::<Array<BigInt>, _>(&self.order_versions)?;
        out.push_sql("::bigint[]) and not exists (select 1 from received_ipns where body_sha256 = any(");
        out.push_bind_param::<Array<Text>, _>(&self.bodies)?;
        out.push_sql("::text[])) and not exists (select 1 from received_ipns where content_sha256 = any(");
        out.push_bind_param::<Array<Text>, _>(&self.contents)?;
        out.push_sql("::text[])) and not exists (select 1 from unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.key_accounts)?;
        out.push_sql("::text[], ");
        out.push_bind_param::<Array<Text>, _>(&self.keys)?;
        out.push_sql(
            "::text[]) n (account_id, key) join idempotency_keys k on k.account_id = n.account_id and k.key = n.key) \
             and not exists (select 1 from unnest(",
        );
        out.push_bind_param::<Array<Text>, _>(&self.payments)?;
        out.push_sql("::text[], ");
        out.push_bind_param::<Array<Text>, _>(&self.owners)?;
        out.push_sql(
            "::text[]) n (payment_id, order_id) join order_payments p on p.payment_id = n.payment_id \
             and p.order_id <> n.order_id)), ",
        );
        Ok(())
    }
}
