//! What can be asked of the store about operators' sessions, by the macros of `calls.rs`.

use tokio::sync::oneshot;
use uuid::Uuid;

use super::calls::{read, write};
use super::changeset::AuditEntry;
use super::writer::SideWork;
use super::{Engine, Store, StoreError, postgres, sqlite};
use crate::domain::access::ApiKey;
use crate::domain::session::Session;

impl Store {
    /// Keeps a new session and audits it; those that have ended go.
    pub async fn session_insert(&self, session: Session, audit: AuditEntry) -> Result<(), StoreError> {
        write!(self.access, sessions::session_insert(&session, &audit))
    }

    /// The session whose token, or token before, has this hash, with its key.
    pub async fn session_by_token(&self, hash: String) -> Result<Option<(Session, ApiKey)>, StoreError> {
        read!(self.access, sessions::session_by_token(&hash))
    }

    /// Gives a session its new tokens, unless it no longer has the token of this hash; answers whether it did.
    pub async fn session_rotate(&self, seen: String, rotated: Session) -> Result<bool, StoreError> {
        write!(self.access, sessions::session_rotate(&seen, &rotated))
    }

    /// Ends the token before, once the one of this hash has come back.
    pub async fn session_confirm(&self, id: Uuid, hash: String) -> Result<(), StoreError> {
        write!(self.access, sessions::session_confirm(id, &hash))
    }

    /// Ends a session.
    pub async fn session_end(&self, id: Uuid) -> Result<(), StoreError> {
        write!(self.access, sessions::session_end(id))
    }
}
