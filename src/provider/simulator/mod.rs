//! A provider in the box: NOWPayments' routes with its odd types, real signatures, and money that is
//! worth nothing.
//!
//! What is true stands in `world.rs`, pure and in virtual time; this is the shell around it: it asks the
//! clock, answers requests (`routes.rs`, and `control.rs` for whoever directs the play) and sends what is
//! due as signed IPNs. With a clock that is moved by hand nothing happens but in [`Simulator::run_due`].
//! The same seed and the same requests give the same bytes; [`Simulator::transcript`] holds them.

mod alone;
mod answer;
mod bodies;
mod coins;
mod control;
mod creation;
mod dice;
mod invoice;
mod json;
mod listing;
mod market;
mod payment;
mod refusal;
mod routes;
mod scenario;
mod sent;
#[cfg(test)]
mod tests;
mod token;
mod world;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Secret;
use crate::dial;
use crate::domain::time::Timestamp;

use super::signature::sign;
use world::{FIRST_WORD_AFTER, Letter, Planned, World, planned};

pub use answer::AsItIs;
pub use control::PATH as CONTROL_PATH;
pub use scenario::Scenario;
pub use world::Pace;

/// How long the provider waits for the answer to an IPN.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// The same where time is moved by hand: how busy the machine is, is not part of the play.
const ANSWER_WITHIN_BY_HAND: Duration = Duration::from_secs(30);
/// How often is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The most entries of the transcript; the oldest are forgotten.
const TRANSCRIPT_MAX: usize = 20_000;
/// The most answers to IPNs that are remembered.
const TOLD_MAX: usize = 20_000;

/// The simulated provider; clones share it.
#[derive(Clone)]
pub struct Simulator(Arc<Shared>);

struct Shared {
    world: Mutex<World>,
    clock: Clock,
    /// Without one no IPN is sent at all, as the provider has it.
    secret: Option<Secret>,
    client: reqwest::Client,
    /// Held while something happens, so that all happens in one order.
    turn: tokio::sync::Mutex<()>,
    /// Called when those who get no answer are let go.
    released: tokio::sync::Notify,
    transcript: Mutex<VecDeque<String>>,
    told: Mutex<VecDeque<Told>>,
}

/// An IPN that was sent, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When it was due.
    pub at: Timestamp,
    /// The payment whose scenario it belongs to; the body may tell of another, a further deposit.
    pub payment: u64,
    /// The provider's word in it.
    pub word: &'static str,
    /// The whole body.
    pub body: String,
    /// The status that was answered; none if nobody answered.
    pub answer: Option<u16>,
}

/// What will happen to a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The payment.
    pub payment: u64,
    scenario: Scenario,
    from: Timestamp,
    steps: Vec<Planned>,
}

/// Why nobody can pay as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// There is no such payment, or none of the order.
    #[error("there is no such payment")]
    Unknown,
    /// The scenario is about making a payment.
    #[error("the scenario is about the creation of a payment: script the next one")]
    OfCreation,
}

/// Which payment is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The newest that was made for this order.
    Order(&'a str),
    /// This one.
    Payment(u64),
}

impl Simulator {
    /// A provider at which nothing was paid yet. It signs with this secret.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(seed: u64, clock: Clock, secret: Option<Secret>) -> io::Result<Self> {
        let within = if clock.is_manual() { ANSWER_WITHIN_BY_HAND } else { ANSWER_WITHIN };
        let sender = || {
            dial::builder()
                .redirect(reqwest::redirect::Policy::none())
                // A server lets idle connections go after some seconds; one that is just closing loses the IPN.
                .pool_idle_timeout(Duration::from_secs(2))
                .timeout(within)
        };
        // A machine without certificates can still be told over plain HTTP.
        let client = sender().build().or_else(|_| sender().tls_certs_only([]).build()).map_err(io::Error::other)?;
        Ok(Self(Arc::new(Shared {
            world: Mutex::new(World::new(seed)),
            clock,
            secret,
            client,
            turn: tokio::sync::Mutex::default(),
            released: tokio::sync::Notify::default(),
            transcript: Mutex::default(),
            told: Mutex::default(),
        })))
    }

    /// Says what becomes of the next creation that is not scripted yet.
    pub fn script_next(&self, scenario: Scenario) {
        self.world().script.push_back(scenario);
    }

    /// Lets a payer begin, in place of whatever was going on with the payment.
    ///
    /// # Errors
    /// [`NoPlan`].
    pub fn pay(&self, target: Target<'_>, scenario: Scenario, pace: Pace) -> Result<Plan, NoPlan> {
        if scenario.is_of_creation() {
            return Err(NoPlan::OfCreation);
        }
        let mut world = self.world();
        let payment = match target {
            Target::Order(order) => world.payments_of(order).next_back(),
            Target::Payment(id) => world.payments.get(&id),
        };
        let payment = payment.ok_or(NoPlan::Unknown)?;
        let from = self.0.clock.now();
        let begins = match pace {
            Pace::AsScripted => from,
            // The first word comes first, even to whoever pays faster than anybody can.
            Pace::Instantly => from.max(payment.created_at.after(FIRST_WORD_AFTER)),
        };
        let payment = payment.id;
        let steps = planned(scenario, pace, begins);
        world.begin(payment, &steps);
        Ok(Plan { payment, scenario, from, steps })
    }

    /// Switches all IPNs off, or on again; what was not sent meanwhile is lost.
    pub fn silence(&self, silence: Silence) {
        self.world().is_silent = silence == Silence::On;
    }

    /// The ids of the payments that were made for an order, oldest first, without further deposits.
    #[must_use]
    pub fn payments_of(&self, order: &str) -> Vec<u64> {
        self.world().payments_of(order).map(|payment| payment.id).collect()
    }

    /// The newest things that were sent out: answers and IPNs, whole.
    #[must_use]
    pub fn transcript(&self) -> Vec<String> {
        held(&self.0.transcript).iter().cloned().collect()
    }

    /// The newest IPNs that were sent, oldest first.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        held(&self.0.told).iter().cloned().collect()
    }

    /// Lets everything happen that is due, in its order: each IPN is sent, and its answer awaited.
    pub async fn run_due(&self) {
        let _turn = self.0.turn.lock().await;
        let now = self.0.clock.now();
        loop {
            // Taken and done under one lock: nobody sees a world in between.
            let (at, letter) = {
                let mut world = self.world();
                let Some((at, happening)) = world.next_due(now) else { return };
                (at, world.happen(at, happening))
            };
            if let Some(letter) = letter {
                self.send(at, letter).await;
                self.world().arrived();
            }
        }
    }

    /// Looks for what is due until it is dropped.
    pub async fn run(self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            self.run_due().await;
        }
    }

    /// Ends the connections of those who were to get no answer.
    pub fn let_go(&self) {
        self.0.released.notify_waiters();
    }

    async fn send(&self, at: Timestamp, letter: Letter) {
        let Some(signature) = self.0.secret.as_ref().and_then(|secret| sign(secret.reveal(), letter.body.as_bytes()))
        else {
            return;
        };
        self.note(format!("POST\nx-nowpayments-sig: {signature}\n\n{}", letter.body));
        let request = self.0.client.post(&letter.url).header("content-type", "application/json");
        let request = request.header("x-nowpayments-sig", signature).body(letter.body.clone());
        let answer = request.send().await.map(|answer| answer.status().as_u16());
        let was_taken = answer.as_ref().is_ok_and(|status| (200..300).contains(status));
        let told =
            Told { at, payment: letter.payment, word: letter.word, body: letter.body.clone(), answer: answer.ok() };
        tracing::debug!(payment.id = told.payment, word = told.word, answer = told.answer, "the simulator sent an IPN");
        push(&self.0.told, told, TOLD_MAX);
        if !was_taken {
            self.world().refused(at, letter);
        }
    }

    /// A name for the next answer.
    fn ray(&self) -> String {
        let mut world = self.world();
        world.answers = world.answers.saturating_add(1);
        format!("{:016x}-FRA", world.dice.below(u64::MAX, "cf-ray", world.answers))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        held(&self.0.world)
    }

    fn note(&self, sent: String) {
        push(&self.0.transcript, sent, TRANSCRIPT_MAX);
    }
}

/// Whether IPNs are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// None is.
    On,
    /// They are.
    Off,
}

/// A world in which somebody panicked is still a world.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn push<T>(list: &Mutex<VecDeque<T>>, entry: T, most: usize) {
    let mut list = held(list);
    if most <= list.len() {
        list.pop_front();
    }
    list.push_back(entry);
}
