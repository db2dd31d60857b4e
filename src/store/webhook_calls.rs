//! What can be asked of the store about webhooks: endpoints, their deliveries, and what is on its way.
//!
//! Part of `calls.rs`: each call runs one of `queries/` on whichever engine it has.

use tokio::sync::oneshot;

use super::calls::{read, rows, write};
use super::resend::{Outlived, Pinged};
use super::writer::SideWork;
use super::{Engine, Store, StoreError, postgres, sqlite};
use crate::domain::ids::{AccountId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::WebhookEvent;
use crate::domain::webhook::endpoint::{Edit, Endpoint};
use crate::domain::webhook::secret::EndpointSecret;

/// How many deliveries are given up in one transaction.
const BURIED_AT_ONCE: usize = 500;

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

    /// Changes an endpoint; false if it is over.
    pub async fn endpoint_edit(&self, id: WebhookId, edits: Vec<Edit>) -> Result<bool, StoreError> {
        write!(self.access, endpoints::endpoint_edit(id, &edits))
    }

    /// Gives an endpoint a new secret, and the one that it has its grace until then; false if it has another one by
    /// now, or is over.
    pub async fn endpoint_rotate(
        &self,
        endpoint: Endpoint,
        secret: EndpointSecret,
        grace_until: Timestamp,
    ) -> Result<bool, StoreError> {
        write!(self.access, endpoints::endpoint_rotate(&endpoint, &secret, grace_until))
    }

    /// Deletes an endpoint. A second time changes nothing.
    pub async fn endpoint_delete(&self, id: WebhookId, now: Timestamp) -> Result<(), StoreError> {
        write!(self.access, endpoints::endpoint_delete(id, now))
    }

    /// Keeps a ping and queues it for an endpoint, unless that is not active or was sent as many as it may be.
    pub async fn endpoint_ping(
        &self,
        endpoint: Endpoint,
        ping: WebhookEvent,
        now: Timestamp,
    ) -> Result<Pinged, StoreError> {
        write!(self.access, endpoints::endpoint_ping(&endpoint, &ping, now))
    }

    /// Removes up to `limit` deliveries whose retention ended before then; answers how many there were.
    pub async fn deliveries_purge(
        &self,
        which: Outlived,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let found = read!(self.access, retention::deliveries_outlived(which, before, rows(limit)))?;
        // Most looks find nothing: they must not take a place between the writer's groups.
        if found.is_empty() {
            return Ok(0);
        }
        write!(self.access, retention::deliveries_purge(which, before, &found))
    }

    /// Gives up all deliveries that wait for an endpoint which is disabled or deleted, in pages, so that no other write
    /// waits for all of it. What is being attempted just now is left to whoever attempts it.
    pub async fn deliveries_bury(&self, webhook: WebhookId) -> Result<(), StoreError> {
        while self.deliveries_bury_some(webhook).await? > 0 {}
        Ok(())
    }

    /// Gives up a page of them, and answers how many it was.
    pub async fn deliveries_bury_some(&self, webhook: WebhookId) -> Result<usize, StoreError> {
        let now = self.clock.now();
        write!(self.access, endpoints::deliveries_bury(webhook, rows(BURIED_AT_ONCE), now))
    }
}
