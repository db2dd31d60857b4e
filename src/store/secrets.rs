//! Secrets that all nodes of a service share, each made once by whichever node needs it first.
//!
//! They are never logged and never shown; an archive carries them, so that what was signed here is known where the
//! service moves to.

use tokio::sync::oneshot;

use super::access_rows::SecretRow;
use super::calls::{read, write};
use super::writer::SideWork;
use super::{Engine, Store, StoreError, postgres, sqlite};

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
