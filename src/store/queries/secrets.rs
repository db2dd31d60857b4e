//! Secrets that all nodes share. Compiled once for each engine.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::store::StoreError;
use crate::store::access_rows::SecretRow;
use crate::store::schema::service_secrets;

/// The secret of this name, if one was made.
pub async fn secret_load(conn: &mut Conn, name: &str) -> Result<Option<String>, StoreError> {
    Ok(service_secrets::table.find(name).select(service_secrets::secret).first(conn).await.optional()?)
}

/// Keeps this secret, unless another node was faster; answers the one that stands.
pub async fn secret_keep(conn: &mut Conn, row: &SecretRow) -> Result<String, StoreError> {
    diesel::insert_into(service_secrets::table).values(row).on_conflict_do_nothing().execute(conn).await?;
    Ok(service_secrets::table.find(&row.name).select(service_secrets::secret).first(conn).await?)
}

/// A page of secrets, after this name.
pub async fn secrets_page(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<SecretRow>, StoreError> {
    let rows = service_secrets::table.filter(service_secrets::name.gt(after)).order(service_secrets::name);
    Ok(rows.limit(limit).select(SecretRow::as_select()).load(conn).await?)
}
