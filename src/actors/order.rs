//! The actor of one order: it judges one input after the other, and each is durable before the next.
//!
//! Its memory is the order as it was last stored, or nothing yet. Memory changes after the commit, never
//! before. What a stale memory decides never holds: the commit is against the version that was judged, and
//! whatever moves nothing is judged on fresh data too (`directory.rs` starts the actor, and again after a
//! panic; `domain::lifecycle` decides).

mod messages;

use std::sync::Arc;

use actix::prelude::*;
use serde_json::json;

use super::OrderError;
use super::bell::Bell;
use super::waiting::ChangeBoard;
use crate::clock::{Clock, fresh_uuid};
use crate::domain::attention::{Attention, AttentionKind};
use crate::domain::evidence::{Evidence, Ownership};
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::lifecycle::{Decision, Input, Moment, Rules, decide};
use crate::domain::order::{ADDRESS_WITHIN, Order, Status};
use crate::domain::polling::next_look;
use crate::domain::time::Timestamp;
use crate::domain::webhook::WebhookEvent;
use crate::store::changeset::{AuditEntry, Changeset, CommitError, Committed, OrderChange, ReceivedIpn};
use crate::store::work::ProviderWork;
use crate::store::{Store, StoreError};

pub use messages::{Command, Heard, Operation, Place, Placed, Take, Told};

/// How many messages one order may have waiting; the directory counts them.
pub const ORDER_MAILBOX_MAX: usize = 512;
/// How often an input is judged again because the order had changed meanwhile.
const JUDGE_ATTEMPTS_MAX: usize = 5;

/// What every order actor works with.
pub struct Surroundings {
    /// Where orders are kept.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The rules that decisions follow.
    pub rules: Rules,
    /// Who waits for a change.
    pub changes: ChangeBoard,
    /// Whether there is a provider to be asked about orders.
    pub provider: Asked,
    /// Who tells merchants.
    pub courier: Bell,
}

/// Whether the provider is asked about orders that are not paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// By the poller.
    FromTimeToTime,
    /// There is none to ask.
    Never,
}

/// The actor of one order.
pub struct OrderActor {
    id: OrderId,
    memory: Option<Order>,
    surroundings: Arc<Surroundings>,
}

impl OrderActor {
    /// The actor of this order, which it will load when it needs it.
    #[must_use]
    pub fn new(id: OrderId, surroundings: Arc<Surroundings>) -> Self {
        Self { id, memory: None, surroundings }
    }

    /// Judges and stores one input, and answers this much of what became of it. Atomic: no other message is looked
    /// at until this one is stored.
    fn judged<T: 'static>(
        &mut self,
        case: Case,
        answer: impl FnOnce(Heard) -> T + 'static,
    ) -> AtomicResponse<Self, Result<T, OrderError>> {
        let work = self.surroundings.clone().settle(self.id, self.memory.clone(), case);
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|(memory, outcome), actor, _| {
            actor.memory = memory;
            outcome.map(answer)
        })))
    }
}

impl Actor for OrderActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(ORDER_MAILBOX_MAX);
    }
}

impl Handler<Place> for OrderActor {
    type Result = AtomicResponse<Self, Result<Placed, OrderError>>;

    fn handle(&mut self, place: Place, _: &mut Context<Self>) -> Self::Result {
        let surroundings = self.surroundings.clone();
        let work = async move { surroundings.place(place).await };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|outcome, actor, _| {
            if let Ok(Placed::New(order)) = &outcome {
                actor.memory = Some(order.clone());
            }
            outcome
        })))
    }
}

impl Handler<Told> for OrderActor {
    type Result = AtomicResponse<Self, Result<Heard, OrderError>>;

    fn handle(&mut self, told: Told, _: &mut Context<Self>) -> Self::Result {
        let Told { evidence, ipn, operation, ownership, overruled } = told;
        let input = Input::Evidence(Box::new(evidence), ownership);
        let case = Case { input, ipn, operation, overruled, work: None };
        self.judged(case, |heard| heard)
    }
}

impl Handler<Take> for OrderActor {
    type Result = AtomicResponse<Self, Result<Heard, OrderError>>;

    fn handle(&mut self, take: Take, _: &mut Context<Self>) -> Self::Result {
        let input = Input::Made(Box::new(take.made), Ownership::Free);
        let case = Case { input, ipn: None, operation: take.operation, overruled: None, work: Some(take.work) };
        self.judged(case, |heard| heard)
    }
}

impl Handler<Command> for OrderActor {
    type Result = AtomicResponse<Self, Result<Order, OrderError>>;

    fn handle(&mut self, command: Command, _: &mut Context<Self>) -> Self::Result {
        let (input, operation) = match command {
            Command::Cancel => (Input::Cancel, None),
            Command::Tick => (Input::Tick, None),
            Command::Sweep { created_until, operation } => {
                (Input::Sweep { created_until, actor: operation.actor }, Some(operation))
            }
            Command::Accept { payment, operation } => {
                (Input::Accept { payment, actor: operation.actor }, Some(operation))
            }
            Command::SetCustomerNote(note) => (Input::SetCustomerNote(note), None),
            Command::SetInternalNote { note, operation } => (Input::SetInternalNote(note), Some(operation)),
        };
        let case = Case { input, ipn: None, operation, overruled: None, work: None };
        self.judged(case, |heard| heard.order)
    }
}

/// One input with what is stored beside it.
#[derive(Clone)]
struct Case {
    input: Input,
    ipn: Option<ReceivedIpn>,
    operation: Option<Operation>,
    overruled: Option<String>,
    work: Option<ProviderWork>,
}

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// What the actor remembers: right, unless another node has changed the order.
    Memory,
    /// What was just read.
    Loaded,
    /// What was just read, because a commit met a conflict: over the version, or over a payment.
    LoadedAgain,
}

/// What one judging came to.
enum Step {
    /// It is done, and this is the order now.
    Done(Box<Heard>),
    /// What was judged was stale.
    Stale,
}

impl Surroundings {
    async fn place(&self, place: Place) -> Result<Placed, OrderError> {
        let now = self.clock.now();
        let order = Order::place(place.new, now);
        let mut changeset = Changeset::new(now);
        changeset.order = Some(OrderChange { before: None, after: order.clone() });
        changeset.key = place.key;
        changeset.work = place.payment.map(|claim| ProviderWork::placed(&order, claim));
        match self.store.commit(changeset).await? {
            Committed::Done | Committed::SeenBefore => Ok(Placed::New(order)),
            Committed::KeyTaken(record) => Ok(Placed::KeyTaken(record)),
        }
    }

    /// Judges and stores, again on fresh data while what was judged proves stale. Answers what the actor
    /// may remember (nothing after an outcome that is unknown), and what came of it.
    async fn settle(
        self: Arc<Self>,
        id: OrderId,
        memory: Option<Order>,
        case: Case,
    ) -> (Option<Order>, Result<Heard, OrderError>) {
        let mut remembered = memory;
        for attempt in 0..JUDGE_ATTEMPTS_MAX {
            let basis = match remembered {
                Some(_) => Basis::Memory,
                None if attempt == 0 => Basis::Loaded,
                None => Basis::LoadedAgain,
            };
            let order = match remembered.take() {
                Some(order) => order,
                None => match self.store.order_load(id).await {
                    Ok(Some(order)) => order,
                    Ok(None) => return (None, Err(OrderError::NotFound)),
                    Err(error) => return (None, Err(error.into())),
                },
            };
            match self.judge(&order, &case, basis).await {
                Ok(Step::Done(heard)) => {
                    if heard.order.version != order.version {
                        self.changes.tell(id);
                    }
                    return (Some(heard.order.clone()), Ok(*heard));
                }
                Ok(Step::Stale) => {}
                // Nobody knows whether it is stored: forget, and let the next message load what is.
                Err(error @ OrderError::NotStored(CommitError::Unknown(_))) => return (None, Err(error)),
                Err(error) => return (Some(order), Err(error)),
            }
        }
        (None, Err(OrderError::Busy("the order changes faster than it can be judged")))
    }

    async fn judge(&self, order: &Order, case: &Case, basis: Basis) -> Result<Step, OrderError> {
        let now = self.clock.now();
        let moment = Moment { now, rules: self.rules };
        let mut decision = match decide(order, &case.input, &moment) {
            Ok(decision) => decision,
            Err(_) if basis == Basis::Memory => return Ok(Step::Stale),
            Err(refusal) => return Err(refusal.into()),
        };
        if let Some(evidence) = case.input.evidence()
            && self.is_anothers(order, strangers(order, evidence, &decision, basis)).await?
        {
            decision = decide(order, &case.input.clone().of_another(), &moment)?;
        }
        let mut changeset = changeset(order, &decision, case, now);
        if self.provider == Asked::FromTimeToTime && is_hastened(order, &decision, case) {
            changeset.look = next_look(&decision.order, now).map(|at| (order.id, at));
        }
        changeset.addressed = is_addressed_late(&decision.order, case, now).then_some(order.id);
        if !changeset.writes() {
            return Ok(if basis == Basis::Memory { Step::Stale } else { Step::Done(Box::new(heard(decision))) });
        }
        let told = changeset.webhook.is_some();
        match self.store.commit(changeset).await {
            Ok(Committed::Done) => {
                if told {
                    self.courier.ring();
                }
                Ok(Step::Done(Box::new(heard(decision))))
            }
            // Counted, and nothing else. Whoever saw it first may have been another node: memory cannot
            // answer what came of it.
            Ok(Committed::SeenBefore | Committed::KeyTaken(_)) => {
                let order = self.store.order_load(order.id).await?.ok_or(OrderError::NotFound)?;
                Ok(Step::Done(Box::new(Heard { order, outcome: decision.outcome })))
            }
            Err(CommitError::Conflict) => Ok(Step::Stale),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether one of these payments is another order's.
    async fn is_anothers(&self, order: &Order, strangers: Vec<PaymentId>) -> Result<bool, StoreError> {
        for payment in strangers {
            let owner = self.store.payment_owner(payment).await?;
            if owner.is_some_and(|owner| owner != order.id) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The payments of the evidence whose owner must be asked for. One that this very commit will claim need not
/// be: the table's key gives it to one order only, and a conflict over it brings us back with fresh data.
fn strangers(order: &Order, evidence: &Evidence, decision: &Decision, basis: Basis) -> Vec<PaymentId> {
    let unknown = |id: &&PaymentId| order.ledger.find(id).is_none();
    let claims = basis != Basis::LoadedAgain && decision.order.ledger.find(&evidence.payment_id).is_some();
    let payment = Some(&evidence.payment_id).filter(unknown).filter(|_| !claims);
    let parent = evidence.parent_payment_id.as_ref().filter(unknown);
    payment.into_iter().chain(parent).cloned().collect()
}

/// True if the provider is to be asked sooner about an order that moved than its row says.
fn is_hastened(before: &Order, decision: &Decision, case: &Case) -> bool {
    let told = case.input.evidence().is_some() || matches!(case.input, Input::Accept { .. });
    // An order that waits for its money is due within the hour, well before the first look at a paid one: the commit
    // that pays it has nothing to write here.
    let in_time = matches!(before.status, Status::Pending { .. } | Status::Confirming)
        && matches!(decision.order.status, Status::Paid { .. });
    decision.event.is_some() && told && case.work.is_none() && !in_time
}

/// True if this brings the address of an order of which it may have been raised that it has none.
fn is_addressed_late(after: &Order, case: &Case, now: Timestamp) -> bool {
    let known = after.ledger.bound().is_some_and(|bound| bound.pay_to.is_some());
    case.work.is_some() && known && after.created_at.after(ADDRESS_WITHIN) <= now
}

fn heard(decision: Decision) -> Heard {
    Heard { order: decision.order, outcome: decision.outcome }
}

/// Everything of one transition, to be stored together.
fn changeset(before: &Order, decision: &Decision, case: &Case, now: Timestamp) -> Changeset {
    let after = &decision.order;
    let mut changeset = Changeset::new(now);
    if decision.changes(before) {
        changeset.order = Some(OrderChange { before: Some(before.clone()), after: after.clone() });
    }
    changeset.judged = Some((before.id, before.version));
    changeset.ipn =
        case.ipn.clone().map(|ipn| ReceivedIpn { order_id: Some(before.id), outcome: decision.outcome, ..ipn });
    changeset.attention = decision.attention.clone();
    changeset.attention.extend(forced(case));
    changeset.work.clone_from(&case.work);
    changeset.webhook = decision.announcement.map(|told| WebhookEvent::new(fresh_uuid(now), told, after));
    // A sweep that moved nothing is no admin write.
    let writes = !matches!(case.input, Input::Sweep { .. }) || decision.event.is_some();
    changeset.audit = case.operation.clone().filter(|_| writes).map(|operation| AuditEntry {
        actor: operation.actor,
        action: operation.action,
        target: before.id.to_string(),
        input: operation.input,
        result: result_of(decision, case),
        ip: operation.ip,
        at: now,
    });
    changeset
}

/// What is raised of an operator's word that is applied against the provider's answer, whatever becomes of it.
fn forced(case: &Case) -> Option<Attention> {
    case.overruled.as_ref()?;
    let evidence = case.input.evidence()?;
    let (order, payment) = (evidence.order_id, Some(evidence.payment_id.clone()));
    Some(Attention { kind: AttentionKind::ForcedReplay, order, payment })
}

/// What came of an operator's request, for the audit log.
fn result_of(decision: &Decision, case: &Case) -> String {
    let (outcome, status) = (decision.outcome.as_str(), decision.order.status.name().as_str());
    match (&case.input, &case.overruled) {
        (Input::Made(made, _), _) => {
            json!({ "outcome": outcome, "status": status, "payment_id": made.evidence.payment_id })
        }
        (_, Some(answered)) => {
            json!({ "outcome": outcome, "status": status, "forced": true, "provider_answered": answered })
        }
        (_, None) => json!({ "outcome": outcome, "status": status }),
    }
    .to_string()
}
