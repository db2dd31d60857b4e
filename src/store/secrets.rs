//! Secrets that all nodes of a service share, each made once by whichever node needs it first.
//!
//! They are never logged and never shown; an archive carries them, so that what was signed here is known where the
//! service moves to.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::archive::iso;
use super::calls::{read, write};
use super::schema::service_secrets;
use super::writer::SideWork;
use super::{Engine, Store, StoreError, postgres, sqlite};

/// A row of `service_secrets`.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, Deserialize)]
#[diesel(table_name = service_secrets)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretRow {
    pub name: String,
    pub secret: String,
    #[serde(with = "iso")]
    pub created_at: i64,
}

impl std::fmt::Debug for SecretRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretRow").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Store {
    /// The service's secret of this name: the one that is kept, else this fresh one, which is kept from now on. All
    /// who ask are answered the same.
    pub async fn service_secret(&self, name: &'static str, fresh: String) -> Result<String, StoreError> {
        if let Some(kept) = read!(self.access, secrets::secret_load(name))? {
            return Ok(kept);
        }
        let row = SecretRow { name: name.to_owned(), secret: fresh, created_at: self.clock.now().micros() };
        write!(self.access, secrets::secret_keep(&row))
    }
}
