//! What can be asked of the audit log, by the macros of `calls.rs`, and what of the command line stands on it.
//!
//! What changes an order, a delivery, an item or a session carries its row itself.

use tokio::sync::oneshot;

use super::calls::{read, write};
use super::changeset::AuditEntry;
use super::records::{AuditFilter, AuditRecord, Stretch};
use super::writer::SideWork;
use super::{Engine, Store, StoreError, postgres, sqlite};
use crate::domain::access::ApiKey;
use crate::domain::ids::KeyId;

impl Store {
    /// Audited writes, newest first.
    pub async fn audit_page(&self, filter: AuditFilter, stretch: Stretch) -> Result<Vec<AuditRecord>, StoreError> {
        read!(self.access, records::audit_page(filter, stretch))
    }

    /// Puts on the audit log what no other row of the database tells of.
    pub async fn audit_write(&self, entry: AuditEntry) -> Result<(), StoreError> {
        write!(self.access, records::audit_write(&entry))
    }

    /// Keeps a new key and audits it.
    pub async fn key_insert_audited(&self, key: ApiKey, entry: AuditEntry) -> Result<(), StoreError> {
        write!(self.access, access::key_insert_audited(&key, &entry))
    }

    /// Revokes a key at the entry's time and audits it; false if there is none of that id. A second time changes nothing.
    pub async fn key_revoke_audited(&self, id: KeyId, entry: AuditEntry) -> Result<bool, StoreError> {
        write!(self.access, access::key_revoke_audited(id, &entry))
    }
}
