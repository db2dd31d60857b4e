//! What is true at the provider: the payments, and what is still to happen to them.
//!
//! Pure: nothing here waits, reads a clock or draws randomness. Whoever holds a world says what time it
//! is, and takes out what is due. `creation.rs` makes payments, `scenario.rs` says what becomes of them,
//! `bodies.rs` shows them; `mod.rs` holds the world and sends the letters.

use std::collections::{BTreeMap, VecDeque};

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;

use crate::domain::time::{Span, Timestamp};

use super::bodies;
use super::dice::Dice;
use super::payment::Payment;
use super::scenario::{Place, Scenario, Step, Telling};

/// How long after its creation a payment's first word is told.
pub(super) const FIRST_WORD_AFTER: Span = Span::seconds(1);
/// How long the provider waits before it sends a refused IPN again.
const SENT_AGAIN_AFTER: Span = Span::minutes(1);
/// How often it does.
const SENT_AGAIN_MAX: u32 = 3;
/// From one thing to the next, for a payer who is being watched.
const WATCHED_STEP: Span = Span::millis(400);

/// The provider's world.
#[derive(Debug)]
pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) payments: BTreeMap<u64, Payment>,
    /// The payments in the order in which they were made.
    pub(super) made: Vec<u64>,
    /// What becomes of the next creations.
    pub(super) script: VecDeque<Scenario>,
    /// No IPN is sent at all.
    pub(super) is_silent: bool,
    /// How many requests were answered.
    pub(super) answers: u64,
    due: BTreeMap<(Timestamp, u64), Happening>,
    /// The payment whose letter is on its way.
    on_its_way: Option<u64>,
    happenings: u64,
}

/// Something that is still to happen.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// A step of a scenario.
    Step { payment: u64, step: Step },
    /// An IPN is sent.
    Tell(Letter),
    /// Nobody looks at the address any more.
    Expire(u64),
}

/// An IPN to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    /// The payment whose scenario it belongs to; it may tell of a child.
    pub(super) payment: u64,
    pub(super) word: &'static str,
    pub(super) url: String,
    pub(super) body: String,
    /// How often it was sent before.
    pub(super) sent: u32,
}

/// A step as it will happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) at: Timestamp,
    pub(super) step: Step,
}

/// What a payment comes to.
#[derive(Debug, Clone, Copy)]
struct Turn {
    word: &'static str,
    at: Timestamp,
}

/// How fast a payer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As the tables say.
    AsScripted,
    /// The same things in the same order, a moment apart.
    Instantly,
}

impl World {
    /// A world in which nothing was paid yet.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed),
            payments: BTreeMap::new(),
            made: Vec::new(),
            script: VecDeque::new(),
            is_silent: false,
            answers: 0,
            due: BTreeMap::new(),
            on_its_way: None,
            happenings: 0,
        }
    }

    /// An id of ten digits that nothing has yet.
    pub(super) fn fresh_id(&mut self) -> u64 {
        loop {
            self.happenings = self.happenings.saturating_add(1);
            let id = 1_000_000_000_u64.saturating_add(self.dice.below(9_000_000_000, "id", self.happenings));
            if !self.payments.contains_key(&id) {
                return id;
            }
        }
    }

    /// Takes a payment in. Its first word is told soon, and one day its window ends.
    pub(super) fn take_in(&mut self, payment: Payment) {
        let (id, at, ends) = (payment.id, payment.created_at, payment.valid_until());
        self.made.push(id);
        let first_word = self.letter(id, &payment);
        self.payments.insert(id, payment);
        if let Some(letter) = first_word {
            self.later(at.after(FIRST_WORD_AFTER), Happening::Tell(letter));
        }
        self.later(ends, Happening::Expire(id));
    }

    /// The payments of an order, oldest first, without further deposits.
    pub(super) fn payments_of<'w>(&'w self, order: &'w str) -> impl DoubleEndedIterator<Item = &'w Payment> {
        let payments = self.made.iter().filter_map(|id| self.payments.get(id));
        payments.filter(move |payment| payment.parent.is_none() && payment.order_id.as_deref() == Some(order))
    }

    /// Lets this happen to a payment, in place of whatever was going on with it.
    pub(super) fn begin(&mut self, payment: u64, planned: &[Planned]) {
        self.due.retain(|_, happening| !matches!(happening, Happening::Step { payment: of, .. } if *of == payment));
        for Planned { at, step } in planned {
            self.later(*at, Happening::Step { payment, step: *step });
        }
    }

    /// The next thing that is due, taken out, and its time.
    pub(super) fn next_due(&mut self, now: Timestamp) -> Option<(Timestamp, Happening)> {
        let first = self.due.first_entry()?;
        let (at, _) = *first.key();
        (at <= now).then(|| (at, first.remove()))
    }

    /// How many steps and letters of a payment are still ahead, one on its way included; the end of its
    /// window is none.
    pub(super) fn ahead_of(&self, payment: u64) -> usize {
        let is_its = |happening: &&Happening| match happening {
            Happening::Step { payment: of, .. } => *of == payment,
            Happening::Tell(letter) => letter.payment == payment,
            Happening::Expire(_) => false,
        };
        let on_its_way = usize::from(self.on_its_way == Some(payment));
        self.due.values().filter(is_its).count().saturating_add(on_its_way)
    }

    /// Lets something happen; a letter is to be sent.
    pub(super) fn happen(&mut self, at: Timestamp, happening: Happening) -> Option<Letter> {
        match happening {
            Happening::Tell(_) if self.is_silent => {}
            Happening::Tell(letter) => {
                self.on_its_way = Some(letter.payment);
                return Some(letter);
            }
            Happening::Expire(id) => self.expire(id, at),
            Happening::Step { payment, step } => self.step(payment, step, at),
        }
        None
    }

    /// The letter that was on its way has its answer, or will have none.
    pub(super) fn arrived(&mut self) {
        self.on_its_way = None;
    }

    /// A letter was not taken: it is sent again a few times.
    pub(super) fn refused(&mut self, at: Timestamp, letter: Letter) {
        if letter.sent < SENT_AGAIN_MAX {
            let sent = letter.sent.saturating_add(1);
            self.later(at.after(SENT_AGAIN_AFTER), Happening::Tell(Letter { sent, ..letter }));
        }
    }

    fn later(&mut self, at: Timestamp, happening: Happening) {
        self.happenings = self.happenings.saturating_add(1);
        self.due.insert((at, self.happenings), happening);
    }

    fn expire(&mut self, id: u64, at: Timestamp) {
        let Some(payment) = self.payments.get_mut(&id).filter(|payment| payment.word == "waiting") else { return };
        payment.word = "expired";
        payment.updated_at = at;
        self.tell([id, id], Telling::Once, at);
    }

    fn step(&mut self, id: u64, step: Step, at: Timestamp) {
        if let Some(about) = self.money(id, step, at) {
            self.tell([id, about], step.telling, at);
        }
    }

    /// Moves the money of a step; answers the payment it is about.
    fn money(&mut self, id: u64, step: Step, at: Timestamp) -> Option<u64> {
        let turn = Turn { word: step.word, at };
        let payment = self.payments.get(&id)?;
        match step.place {
            Place::Payment => {
                let share = BigDecimal::new(BigInt::from(step.percent), 2);
                let received = payment.coin.rounded_down(&(&payment.pay_amount * share));
                self.set(id, turn, received)
            }
            Place::Rest => match self.top_up_of(payment) {
                Some(top_up) => {
                    let all = self.payments.get(&top_up)?.pay_amount.clone();
                    self.set(top_up, turn, all)
                }
                None => {
                    let rest = payment.missing();
                    let child = Payment { pay_amount: rest.clone(), received: rest, ..payment.clone() };
                    Some(self.add_child(child, turn))
                }
            },
            Place::Stray => {
                let coin = payment.coin.mistaken()?;
                let child = Payment { coin, pay_amount: coin.dust(), received: coin.dust(), ..payment.clone() };
                Some(self.add_child(child, turn))
            }
        }
    }

    fn set(&mut self, id: u64, turn: Turn, received: BigDecimal) -> Option<u64> {
        let payment = self.payments.get_mut(&id)?;
        payment.word = turn.word;
        payment.received = received;
        payment.updated_at = turn.at;
        Some(id)
    }

    /// The payment of the same purchase that waits for the rest.
    fn top_up_of(&self, payment: &Payment) -> Option<u64> {
        let waits = |other: &&Payment| {
            other.purchase_id == payment.purchase_id && other.id != payment.id && other.word == "waiting"
        };
        self.made.iter().rev().filter_map(|id| self.payments.get(id)).find(waits).map(|top_up| top_up.id)
    }

    /// A further deposit to the address of the payment that this one was copied from.
    fn add_child(&mut self, copy: Payment, Turn { word, at }: Turn) -> u64 {
        let (id, parent) = (self.fresh_id(), copy.id);
        let child =
            Payment { id, parent: Some(parent), children: Vec::new(), word, created_at: at, updated_at: at, ..copy };
        self.payments.insert(id, child);
        self.made.push(id);
        if let Some(parent) = self.payments.get_mut(&parent) {
            parent.children.push(id);
        }
        id
    }

    /// Puts letters about the second payment, as it is now, among what is due; they belong to the scenario
    /// of the first.
    fn tell(&mut self, [of, about]: [u64; 2], telling: Telling, at: Timestamp) {
        let Some(letter) = self.payments.get(&about).and_then(|payment| self.letter(of, payment)) else { return };
        match telling {
            Telling::Never => {}
            Telling::Once => self.later(at, Happening::Tell(letter)),
            Telling::Late(seconds) => self.later(at.after(Span::seconds(seconds)), Happening::Tell(letter)),
            Telling::Twice => {
                self.later(at, Happening::Tell(letter.clone()));
                self.later(at, Happening::Tell(letter));
            }
        }
    }

    /// The letter about a payment as it is now; none where nobody is to be told.
    fn letter(&self, of: u64, payment: &Payment) -> Option<Letter> {
        let url = payment.callback.clone()?;
        let body = bodies::told(payment, self.dice).written();
        Some(Letter { payment: of, word: payment.word, url, body, sent: 0 })
    }
}

/// When the steps of a scenario happen to a payer who begins now.
pub(super) fn planned(scenario: Scenario, pace: Pace, now: Timestamp) -> Vec<Planned> {
    match pace {
        Pace::AsScripted => as_scripted(scenario.steps(), now),
        Pace::Instantly => instantly(scenario.steps(), now),
    }
}

fn as_scripted(steps: &[Step], now: Timestamp) -> Vec<Planned> {
    steps.iter().map(|step| Planned { at: now.after(Span::seconds(step.after_seconds)), step: *step }).collect()
}

/// The same order of things, a moment apart. What is told late is told at the end, the latest last.
fn instantly(steps: &[Step], now: Timestamp) -> Vec<Planned> {
    let mut at = now;
    let mut planned: Vec<Planned> = Vec::new();
    for step in steps {
        at = at.after(WATCHED_STEP);
        // Seconds between letters that were minutes apart.
        let telling = match step.telling {
            Telling::Late(seconds) => Telling::Late(seconds.div_euclid(30)),
            told @ (Telling::Once | Telling::Twice | Telling::Never) => told,
        };
        planned.push(Planned { at, step: Step { telling, ..*step } });
    }
    planned
}
