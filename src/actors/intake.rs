//! The way of an IPN: find its order, tell it, answer.
//!
//! Evidence finds its order by `order_id`, if that is absent by its payment, then by the parent payment
//! (contract, section 2). What finds none is stored all the same, and raised.

use super::OrderError;
use super::directory::OrderDirectory;
use super::order::Told;
use crate::clock::Clock;
use crate::domain::attention::{Attention, AttentionKind};
use crate::domain::evidence::Outcome;
use crate::domain::ids::OrderId;
use crate::domain::order::StatusName;
use crate::provider::wire::OrderReference;
use crate::store::Store;
use crate::store::changeset::{Changeset, ReceivedIpn};

/// Takes verified IPNs. Clones share it.
#[derive(Clone)]
pub struct Intake {
    /// Where an order's actor is found.
    pub directory: OrderDirectory,
    /// Where owners of payments are looked up.
    pub store: Store,
    /// The time.
    pub clock: Clock,
}

impl Intake {
    /// Takes a verified IPN; answers its order's status once everything is durable, none if there is no
    /// such order.
    ///
    /// # Errors
    /// [`OrderError`] where it is not, or perhaps not, stored: the provider must send it again.
    pub async fn take(&self, told: Told, reference: OrderReference) -> Result<Option<StatusName>, OrderError> {
        let intake = self.clone();
        // The work goes on if the caller gives up: half an IPN would be none.
        let work = actix::spawn(async move { intake.serve(told, reference).await });
        work.await.map_err(|_| OrderError::Busy("the IPN was interrupted"))?
    }

    /// Keeps a verified body that is about no payment; answers once it is durable.
    ///
    /// # Errors
    /// [`OrderError`] where it is not, or perhaps not, stored: the provider must send it again.
    pub async fn keep(&self, notice: ReceivedIpn) -> Result<(), OrderError> {
        let changeset = Changeset { ipn: Some(notice), ..Changeset::new(self.clock.now()) };
        self.store.commit(changeset).await?;
        Ok(())
    }

    async fn serve(&self, told: Told, reference: OrderReference) -> Result<Option<StatusName>, OrderError> {
        match reference {
            OrderReference::Ours(id) => match self.directory.tell(id, told.clone()).await {
                Ok(heard) => Ok(Some(heard.order.status.name())),
                Err(OrderError::NotFound) => self.stray(told).await,
                Err(error) => Err(error),
            },
            OrderReference::None => match self.owner(&told).await? {
                Some(id) => Ok(Some(self.directory.tell(id, told).await?.order.status.name())),
                None => self.stray(told).await,
            },
            OrderReference::Foreign => self.stray(told).await,
        }
    }

    /// The order that its payment, or else the parent payment, belongs to.
    async fn owner(&self, told: &Told) -> Result<Option<OrderId>, OrderError> {
        if let Some(owner) = self.store.payment_owner(told.evidence.payment_id.clone()).await? {
            return Ok(Some(owner));
        }
        match &told.evidence.parent_payment_id {
            Some(parent) => Ok(self.store.payment_owner(parent.clone()).await?),
            None => Ok(None),
        }
    }

    /// Keeps an IPN that names no order of ours. If its payment is one of ours all the same, the two
    /// disagree: that order is left alone, and the operator is told.
    async fn stray(&self, told: Told) -> Result<Option<StatusName>, OrderError> {
        let owner = self.owner(&told).await?;
        let (outcome, kind) = match owner {
            Some(_) => (Outcome::Mismatch, AttentionKind::PaymentMismatch),
            None => (Outcome::Unmatched, AttentionKind::UnmatchedIpn),
        };
        let mut changeset = Changeset::new(self.clock.now());
        changeset.ipn = told.ipn.map(|ipn| ReceivedIpn { order_id: owner, outcome, ..ipn });
        changeset.attention = vec![Attention { kind, order: owner, payment: Some(told.evidence.payment_id) }];
        self.store.commit(changeset).await?;
        match owner {
            Some(id) => Ok(self.store.order_load(id).await?.map(|order| order.status.name())),
            None => Ok(None),
        }
    }
}
