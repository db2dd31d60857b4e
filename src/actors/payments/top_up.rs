//! A further payment for an order whose first one fell short.
//!
//! It goes under the same purchase, with the same claim and the same search for a lost one as the first, and joins
//! the order's ledger beside it. How much the rest is the caller has found by `domain::topup`; it is found again under
//! the claim, because somebody else may have asked for it, or the order may have moved, a moment ago.

use std::time::Duration;

use tokio::time::timeout;

use super::errand::{Errand, TopUp};
use super::{Attempt, Held, PaymentDesk};
use crate::actors::OrderError;
use crate::actors::order::Operation;
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::ledger::Payment;
use crate::domain::order::Order;
use crate::domain::topup::{self, Rest};
use crate::provider::client::CallError;

/// For how long an operator waits for a further payment: looking for a lost one may take minutes.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Why a further payment was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TopUpError {
    /// Somebody else asks the provider about this order just now.
    #[error("a payment of the order is being made already")]
    Busy,
    /// The provider cannot be reached, or nobody knows what came of it.
    #[error("the provider is away, or what it did is not known yet")]
    Away,
    /// The provider says no.
    #[error("the provider refuses: {message}")]
    Refused {
        /// In these words.
        message: String,
    },
    /// The order could not be read or changed.
    #[error(transparent)]
    Order(#[from] OrderError),
}

impl PaymentDesk {
    /// Makes a further payment of this rest under the bound payment's purchase. Answers its id once it is in the
    /// order's ledger, or that the provider is away where that takes too long. The work goes on all the same.
    ///
    /// # Errors
    /// [`TopUpError`].
    pub async fn top_up(&self, order: &Order, rest: Rest, operation: Operation) -> Result<PaymentId, TopUpError> {
        let (desk, id) = (self.clone(), order.id);
        let Rest { pay_amount, price_amount } = rest;
        let rest = TopUp { pay_amount, price_amount, purchase_id: None, operation };
        let work = actix::spawn(async move { desk.top_up_claimed(id, rest).await });
        // Asked again, it is told what came of it.
        timeout(ANSWER_WITHIN, work).await.map_or(Err(TopUpError::Away), |done| done.unwrap_or(Err(TopUpError::Away)))
    }

    async fn top_up_claimed(&self, id: OrderId, rest: TopUp) -> Result<PaymentId, TopUpError> {
        let claim = self.claim();
        let work = self.store.work_claim(id, claim.clone()).await.map_err(OrderError::from)?;
        let held = Held::claimed(work.ok_or(TopUpError::Busy)?, claim);
        let order = self.order(id).await?;
        let wanted = Rest { pay_amount: rest.pay_amount.clone(), price_amount: rest.price_amount.clone() };
        if let Some(before) = topup::asked_before(&order, &wanted, self.clock.now()) {
            self.give_back(held).await;
            return Ok(before.id.clone());
        }
        if topup::rest_of(&order) != Ok(wanted) {
            self.give_back(held).await;
            return Err(TopUpError::Busy);
        }
        if self.pauses.creations_until().is_some() {
            self.give_back(held).await;
            return Err(TopUpError::Away);
        }
        let Some((bound, coin)) = order.ledger.bound().and_then(|bound| Some((bound, bound.coin.clone()?))) else {
            self.give_back(held).await;
            return Err(TopUpError::Refused { message: "the order has no payment to be added to".to_owned() });
        };
        let purchase_id = match self.purchase(bound).await {
            Ok(purchase_id) => purchase_id,
            Err(error) => {
                tracing::warn!(order.id = %order.id, %error, "the purchase of a payment is not told; none is added");
                self.give_back(held).await;
                return Err(TopUpError::Away);
            }
        };
        let errand = Errand { coin, top_up: Some(TopUp { purchase_id, ..rest }), order };
        match self.make_claimed(held, &errand).await? {
            Attempt::Taken(_, payment) => Ok(payment),
            Attempt::Refused(message) => Err(TopUpError::Refused { message }),
            Attempt::Away => Err(TopUpError::Away),
        }
    }

    /// The purchase of a payment. One that was not made by this service is asked about.
    async fn purchase(&self, bound: &Payment) -> Result<Option<String>, CallError> {
        match &bound.pay_to {
            Some(pay_to) => Ok(pay_to.purchase_id.clone()),
            None => Ok(self.client.payment(&bound.id).await?.pay_to.and_then(|pay_to| pay_to.purchase_id)),
        }
    }
}
