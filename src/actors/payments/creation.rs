//! One creation under a claim, and what the order's row says after each of its ends.
//!
//! Before the provider is asked, the row says that it will be; an end that is certain takes this back, and one
//! that is not leaves it, with the claim, to whoever looks next. Nothing here decides whether a payment is wanted
//! (`payments.rs`) or binds one (`lifecycle::decide`).

use std::time::Duration;

use tokio::time::sleep;

use super::errand::Errand;
use super::shares::{NotYet, WhyNotYet};
use super::{CLAIM_FOR, PaymentDesk};
use crate::actors::OrderError;
use crate::actors::order::{Operation, Take};
use crate::domain::attention::{Attention, AttentionKind};
use crate::domain::ids::PaymentId;
use crate::domain::ledger::Role;
use crate::domain::lifecycle::Made;
use crate::domain::order::{ADDRESS_WITHIN, Order};
use crate::domain::polling::next_look;
use crate::domain::time::{Span, Timestamp};
use crate::provider::client::CallError;
use crate::provider::report::PaymentReport;
use crate::store::changeset::Changeset;
use crate::store::work::{Claim, ProviderWork};

/// When a payment is looked at whose order's schedule has no time for it.
const LOOK_AGAIN: Span = Span::minutes(2);
/// The pauses between the tries to store what the provider has made: nobody else knows of it.
const STORE_PAUSES: [Duration; 4] =
    [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// The row of an order whose claim is ours.
pub(super) struct Held {
    /// The claim's name.
    pub(super) token: String,
    /// The row as it is on disk.
    pub(super) row: ProviderWork,
    /// When an earlier creation was sent of which nobody knows what came.
    doubt: Option<Timestamp>,
}

impl Held {
    /// The row that was written with the order itself: the creation is announced, and it is the first.
    pub(super) fn placed(order: &Order, claim: Claim, now: Timestamp) -> Self {
        let token = claim.token.clone();
        let row = ProviderWork { asked_at: Some(now), ..ProviderWork::placed(order, claim) };
        Self { token, row, doubt: None }
    }

    /// A row that was claimed: what was asked before is in doubt.
    pub(super) fn claimed(row: ProviderWork, claim: Claim) -> Self {
        Self { token: claim.token.clone(), doubt: row.asked_at, row: ProviderWork { claim: Some(claim), ..row } }
    }

    /// The row with the reason why this try came to nothing, in words for operators.
    pub(super) fn because(mut self, reason: impl std::fmt::Display) -> Self {
        self.row.last_error = Some(reason.to_string());
        self
    }

    /// The row with another try counted; an order that has its payment keeps its time.
    fn tried(&self, order: &Order, due_at: Timestamp) -> ProviderWork {
        let due_at = if order.ledger.bound().is_some() { self.row.due_at } else { due_at };
        ProviderWork { due_at, tries: self.row.tries.saturating_add(1), ..self.row.clone() }
    }
}

/// What an attempt came to.
pub(super) enum Attempt {
    /// This payment is the order's.
    Taken(Box<Order>, PaymentId),
    /// The provider says no, in these words.
    Refused(String),
    /// Nothing is known to be made; the row says when to try again.
    Away,
}

impl Attempt {
    /// The order afterwards.
    pub(super) fn order_or(self, before: Order) -> Order {
        match self {
            Self::Taken(order, _) => *order,
            Self::Refused(_) | Self::Away => before,
        }
    }
}

impl PaymentDesk {
    /// Makes the payment, after what an earlier try may have made was looked for.
    pub(super) async fn make_claimed(&self, held: Held, errand: &Errand) -> Result<Attempt, OrderError> {
        let mut held = held;
        if let Some(since) = held.doubt.filter(|_| self.client.can_list()) {
            let looked = match self.searches.turn().await {
                Ok(turn) => self.twins(errand, since, turn).await,
                Err(error) => Err(error),
            };
            match looked {
                Ok(twins) if twins.is_empty() => held.doubt = None,
                Ok(twins) => return self.adopt(errand, twins).await,
                // As long as it may be there, no other is made.
                Err(error) => {
                    tracing::warn!(order.id = %errand.order.id, %error, "a lost payment cannot be looked for now");
                    self.put_back(held.because(error), &errand.order, away_for).await;
                    return Ok(Attempt::Away);
                }
            }
        }
        // Looking may have taken longer than the claim lasts.
        self.make_renewed(held, errand).await
    }

    /// Makes the payment under a claim that was taken a while ago, if it is still ours: it lasts anew.
    pub(super) async fn make_renewed(&self, held: Held, errand: &Errand) -> Result<Attempt, OrderError> {
        let mut held = held;
        let now = self.clock.now();
        let claim = Claim { token: held.token.clone(), until: now.after(CLAIM_FOR) };
        let due_at = if errand.order.ledger.bound().is_some() { held.row.due_at } else { claim.until };
        held.row = ProviderWork { due_at, claim: Some(claim), asked_at: held.doubt.or(Some(now)), ..held.row };
        if !self.store.work_update(held.token.clone(), held.row.clone()).await? {
            return Ok(Attempt::Away);
        }
        self.make_announced(held, errand).await
    }

    /// Makes the payment of which the row says already that it is being made.
    pub(super) async fn make_announced(&self, held: Held, errand: &Errand) -> Result<Attempt, OrderError> {
        match self.client.create_payment(&errand.wish()).await {
            Ok(report) => match errand.answered(&report) {
                Some(made) => self.take(errand, made).await,
                None => self.misunderstood(held, errand, &report).await,
            },
            Err(CallError::Refused { status, code, message }) => {
                let words = code.map(|code| format!("{code}: {message}")).unwrap_or(message);
                self.refused(held, errand, Refusal { status, words }).await
            }
            Err(error) if error.may_have_happened() => {
                tracing::warn!(order.id = %errand.order.id, %error, "it is not known whether a payment was made");
                self.in_doubt(held.because(error), errand).await
            }
            Err(error) => {
                tracing::warn!(order.id = %errand.order.id, %error, "a payment was not made; trying again");
                let wait = match error {
                    CallError::RateLimited { retry_after } => {
                        self.pauses.creation_refused(retry_after);
                        retry_after.unwrap_or(Span::millis(0))
                    }
                    _ => Span::millis(0),
                };
                self.put_back(held.because(error), &errand.order, |tries| away_for(tries).max(wait)).await;
                Ok(Attempt::Away)
            }
        }
    }

    /// The provider answers with a payment that is not the one asked for. Another price is a refusal of ours: the
    /// same wish would be answered in the same way. What else it may mean is not known.
    async fn misunderstood(&self, held: Held, errand: &Errand, report: &PaymentReport) -> Result<Attempt, OrderError> {
        if let Some(words) = errand.other_price(report) {
            return self.refused(held, errand, Refusal { status: 201, words }).await;
        }
        let words = "the provider's answer is not about the payment asked for";
        tracing::error!(order.id = %errand.order.id, words);
        self.in_doubt(held.because(words), errand).await
    }

    /// Hands payments to their order, the oldest first: it binds, the others join the ledger.
    async fn adopt(&self, errand: &Errand, twins: Vec<Made>) -> Result<Attempt, OrderError> {
        let mut first = Attempt::Away;
        for twin in twins {
            tracing::info!(order.id = %errand.order.id, payment.id = %twin.evidence.payment_id, "a lost payment is found");
            let taken = self.take(errand, twin).await?;
            first = match (first, taken) {
                (Attempt::Taken(_, payment), Attempt::Taken(order, _)) => Attempt::Taken(order, payment),
                (_, taken) => taken,
            };
        }
        Ok(first)
    }

    /// Hands a payment to its order. Nobody else knows of it, so storage that is away is waited for.
    pub(super) async fn take(&self, errand: &Errand, made: Made) -> Result<Attempt, OrderError> {
        let payment = made.evidence.payment_id.clone();
        let operation: Option<Operation> = errand.top_up.as_ref().map(|rest| rest.operation.clone());
        let take = Take { work: self.looked_at(&errand.order, &made), made, operation };
        let mut pauses = STORE_PAUSES.iter();
        loop {
            let settled = self.directory.take(errand.order.id, take.clone()).await;
            let again = matches!(settled, Err(OrderError::Busy(_) | OrderError::NotStored(_) | OrderError::NotRead(_)));
            match pauses.next().filter(|_| again) {
                Some(pause) => sleep(*pause).await,
                None => return settled.map(|heard| Attempt::Taken(Box::new(heard.order), payment)),
            }
        }
    }

    /// The row once the order has this payment.
    fn looked_at(&self, order: &Order, made: &Made) -> ProviderWork {
        let (mut then, now) = (order.clone(), self.clock.now());
        then.ledger.record(&made.evidence, Role::Bound, now);
        ProviderWork::idle(order.id, next_look(&then, now).unwrap_or_else(|| now.after(LOOK_AGAIN)))
    }

    /// The provider said no: that is certain, and somebody has to do something about it.
    async fn refused(&self, held: Held, errand: &Errand, refusal: Refusal) -> Result<Attempt, OrderError> {
        let Refusal { status, words } = refusal;
        let id = errand.order.id;
        if matches!(status, 401 | 403) {
            tracing::error!(order.id = %id, status, words, "the provider refuses this account: check nowpayments.api_key");
        } else {
            tracing::warn!(order.id = %id, status, words, pay_currency = %errand.coin, "the provider refuses a payment");
        }
        let held = held.because(&words);
        if errand.top_up.is_some() {
            self.put_back(held, &errand.order, refused_for).await;
            return Ok(Attempt::Refused(words));
        }
        let mut changeset = Changeset::new(self.clock.now());
        changeset.attention = vec![Attention { kind: AttentionKind::CreateRefused, order: Some(id), payment: None }];
        changeset.reason = Some(words.clone());
        changeset.work = Some(self.returned(&held, &errand.order, refused_for));
        self.store.commit(changeset).await?;
        Ok(Attempt::Refused(words))
    }

    /// Nobody knows what came of it: the claim stays until it runs out, so that nobody makes another before.
    async fn in_doubt(&self, held: Held, errand: &Errand) -> Result<Attempt, OrderError> {
        // Where many are lost at once, whoever looks next at the order looks for it.
        if let Some(turn) = self.searches.free_turn().filter(|_| self.client.can_list()) {
            let since = held.row.asked_at.unwrap_or_else(|| self.clock.now());
            match self.twins(errand, since, turn).await {
                Ok(twins) if twins.is_empty() => {}
                Ok(twins) => return self.adopt(errand, twins).await,
                Err(error) => tracing::warn!(order.id = %errand.order.id, %error, "a lost payment is looked for later"),
            }
        }
        let until = held.row.claim.as_ref().map_or(held.row.due_at, |claim| claim.until);
        let row = held.tried(&errand.order, until.max(self.clock.now().after(away_for(held.row.tries))));
        self.write(held.token, row).await;
        Ok(Attempt::Away)
    }

    /// Gives the claim back where nothing was asked.
    pub(super) async fn give_back(&self, held: Held) {
        self.write(held.token, ProviderWork { claim: None, ..held.row }).await;
    }

    /// Gives the claim back after something that was certainly not made.
    pub(super) async fn put_back(&self, held: Held, order: &Order, pause: impl Fn(i64) -> Span) {
        let row = self.returned(&held, order, pause);
        self.write(held.token, row).await;
    }

    /// Gives the claim back where nothing may be asked yet. Where only the account's own share is the reason, the time
    /// after which an order without an address is raised counts from its turn.
    pub(super) async fn postpone(&self, held: Held, order: &Order, not_yet: NotYet) {
        let due_at = order.expires_at().map_or(not_yet.at, |expires_at| not_yet.at.min(expires_at));
        let raise_at = held.row.raise_at.map(|at| match not_yet.why {
            WhyNotYet::Paused => at,
            WhyNotYet::ShareUsedUp => at.max(due_at.after(ADDRESS_WITHIN)),
        });
        let held = held.because(not_yet.why.words());
        self.write(held.token, ProviderWork { claim: None, asked_at: held.doubt, due_at, raise_at, ..held.row }).await;
    }

    /// The row without its claim, due after a pause that grows; at the end of the window at the latest, where
    /// trying ends.
    fn returned(&self, held: &Held, order: &Order, pause: impl Fn(i64) -> Span) -> ProviderWork {
        let next = self.clock.now().after(pause(held.row.tries));
        let due_at = order.expires_at().map_or(next, |expires_at| next.min(expires_at));
        ProviderWork { claim: None, asked_at: held.doubt, ..held.tried(order, due_at) }
    }

    async fn write(&self, token: String, row: ProviderWork) {
        let id = row.order_id;
        if let Err(error) = self.store.work_update(token, row).await {
            tracing::warn!(order.id = %id, %error, "an order's row was not given back; its claim runs out");
        }
    }
}

/// A definite no.
struct Refusal {
    status: u16,
    words: String,
}

/// How long until the provider is tried again that could not be reached: 1, 2, 4, 8, then 15 minutes.
pub(super) fn away_for(tries: i64) -> Span {
    growing(Span::minutes(1), tries, Span::minutes(15))
}

/// How long until it is tried again that said no: 5, 10, 20, then 30 minutes.
pub(super) fn refused_for(tries: i64) -> Span {
    growing(Span::minutes(5), tries, Span::minutes(30))
}

/// Twice as long each time.
fn growing(first: Span, tries: i64, most: Span) -> Span {
    let factor = 1_i64.checked_shl(u32::try_from(tries.clamp(0, 16)).unwrap_or(0)).unwrap_or(1);
    Span::millis(first.as_millis().saturating_mul(factor).min(most.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let minutes = |pause: fn(i64) -> Span| [0, 1, 2, 3, 4, 99].map(|tries| pause(tries).as_millis() / 60_000);
        assert_eq!(minutes(away_for), [1, 2, 4, 8, 15, 15]);
        assert_eq!(minutes(refused_for), [5, 10, 20, 30, 30, 30]);
    }
}
