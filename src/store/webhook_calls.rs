//! What can be asked of the store about webhooks: endpoints, their deliveries, and what is on its way.
//!
//! Part of `calls.rs`: each call runs one of `queries/` on whichever engine it has.

use tokio::sync::oneshot;

use super::calls::{read, rows, write};
use super::writer::SideWork;
use super::{Engine, Store, StoreError, postgres, sqlite};
use crate::domain::ids::{AccountId, WebhookId};
use crate::domain::webhook::endpoint::Endpoint;

impl Store {
    /// Keeps a new endpoint, unless its account has so many in use already; answers whether it did.
    pub async fn endpoint_insert(&self, endpoint: Endpoint, in_use_max: usize) -> Result<bool, StoreError> {
        write!(self.access, endpoints::endpoint_insert(&endpoint, rows(in_use_max)))
    }

    /// One endpoint, also one that was deleted.
    pub async fn endpoint_load(&self, id: WebhookId) -> Result<Option<Endpoint>, StoreError> {
        read!(self.access, endpoints::endpoint_load(id))
    }

    /// An account's endpoints without those that were deleted, newest first.
    pub async fn endpoints_of(&self, account: AccountId) -> Result<Vec<Endpoint>, StoreError> {
        read!(self.access, endpoints::endpoints_of(account))
    }

    /// Gives up to `limit` deliveries up that wait for an endpoint which is disabled or deleted; answers how many.
    /// What is being attempted just now is left to whoever attempts it.
    pub async fn deliveries_bury(&self, webhook: WebhookId, limit: usize) -> Result<usize, StoreError> {
        let now = self.clock.now();
        write!(self.access, endpoints::deliveries_bury(webhook, rows(limit), now))
    }
}
