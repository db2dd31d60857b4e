//! The life of one seeded order: what happens to it and when, told to the domain, which decides.
//!
//! Nothing is made up that a decision gives: log, ledger, attention and outgoing events are what `decide`
//! answers to the same inputs in the service. What would happen after the end of time has not happened yet,
//! so the newest orders are pending, and some are on their way, by themselves.

use serde_json::json;

use super::crowd;
use super::dice::Dice;
use super::payments::{Deposit, Payment, Report, received};
use crate::config::OrderSettings;
use crate::domain::catalogue::ProductCode;
use crate::domain::evidence::{Evidence, Ownership, Witness};
use crate::domain::idempotency::{Asked, IdempotencyKey};
use crate::domain::ids::{AccountId, KeyId, OrderId};
use crate::domain::lifecycle::{Input, Moment, decide};
use crate::domain::money::Price;
use crate::domain::order::{NewOrder, Order};
use crate::domain::time::{Span, Timestamp};
use crate::domain::webhook::WebhookEvent;
use crate::store::changeset::{AuditEntry, Changeset, KeyClaim, KeyUse, KeyUseKind, OrderChange, ReceivedIpn};

/// What is the same for all orders of a seed.
pub struct World<'a> {
    /// Products, pay window and rules.
    pub settings: &'a OrderSettings,
    /// The operator's key.
    pub operator: KeyId,
    /// The end of time.
    pub until: Timestamp,
}

/// What is placed.
pub struct Placing<'a> {
    /// The order's number in the seed.
    pub number: u64,
    /// Who orders.
    pub account: AccountId,
    /// What.
    pub product: (&'a ProductCode, Price),
    /// When.
    pub at: Timestamp,
}

/// One thing that happens to an order, so long after it was placed.
struct Step {
    after: Span,
    what: What,
}

enum What {
    Report(Report),
    /// The same bytes as the report before.
    Repeat,
    Cancel,
    Expire,
    Sweep,
    SupportNote(String),
    Use(KeyUseKind),
}

/// An order's commits, oldest first.
pub struct Story<'a> {
    world: &'a World<'a>,
    dice: Dice,
    payment: Payment,
    order: Order,
    claim: Option<KeyClaim>,
    witness: Witness,
    /// The provider's time of what it said last.
    known_at: Timestamp,
    told: Option<String>,
    /// The commits.
    pub history: Vec<Changeset>,
}

impl<'a> Story<'a> {
    /// Places an order and lets happen to it what its dice say.
    pub fn tell(world: &'a World<'a>, placing: &Placing<'a>, mut dice: Dice) -> Self {
        let (product, price) = (placing.product.0, placing.product.1);
        let id = OrderId::new(dice.uuid(placing.at));
        let new = NewOrder {
            id,
            account_id: placing.account,
            product: product.clone(),
            price,
            pay_currency: None,
            customer_note: crowd::customer_note(&mut dice),
            pay_window: world.settings.pay_window,
        };
        let order = Order::place(new, placing.at);
        let payment = Payment::new(&mut dice, placing.number, &id.to_string(), (product.as_str(), price));
        let claim = dice.in_1000(850).then(|| claim(&mut dice, &order)).flatten();
        let mut placed = Changeset::new(placing.at);
        placed.order = Some(OrderChange { before: None, after: order.clone() });
        placed.key = claim.clone();
        let steps = steps(&mut dice, claim.is_some());
        let witness = witness(&mut dice, world.operator);
        let (known_at, history) = (placing.at, vec![placed]);
        let mut story = Self { world, dice, payment, order, claim, witness, known_at, told: None, history };
        for Step { after, what } in steps {
            let now = placing.at.after(after);
            if now < world.until {
                story.happen(what, now);
            }
        }
        story
    }

    /// The dice, for what is told of the order later.
    pub fn into_dice(self) -> Dice {
        self.dice
    }

    fn happen(&mut self, what: What, now: Timestamp) {
        match what {
            What::Report(report) => {
                self.known_at = self.known_at.max(now.before(lag(&mut self.dice, self.witness)));
                let body = self.payment.body(report, self.known_at);
                self.hear(&body, now);
                self.told = Some(body).filter(|_| self.witness == Witness::Ipn);
            }
            What::Repeat => self.repeat(now),
            What::Cancel => self.settle(&Input::Cancel, now, Because::default()),
            What::Expire => self.settle(&Input::Tick, now, Because::default()),
            What::Sweep => {
                let input = Input::Sweep { created_until: self.order.created_at, actor: Some(self.world.operator) };
                let asked = json!({ "older_than_minutes": 60, "limit": 500, "dry_run": false }).to_string();
                self.settle(&input, now, Because { operation: Some(("crypto_order.swept", asked)), ipn: None });
            }
            What::SupportNote(note) => {
                let asked = json!({ "internal_note": note }).to_string();
                let operation = Some(("crypto_order.note_updated", asked));
                self.settle(&Input::SetInternalNote(Some(note)), now, Because { operation, ipn: None });
            }
            What::Use(kind) => {
                let Some(KeyClaim { account_id, key, .. }) = self.claim.clone() else { return };
                let mut used = Changeset::new(now);
                used.replay = Some(KeyUse { account_id, key, kind });
                self.history.push(used);
            }
        }
    }

    /// Evidence that came as a body, or was asked for: then nothing was received.
    fn hear(&mut self, body: &str, now: Timestamp) {
        let Some((ipn, evidence)) = received(body, now) else { return };
        let because = match self.witness {
            Witness::Ipn => Because { ipn: Some(ipn), operation: None },
            Witness::Poll => Because::default(),
            Witness::Operator(_) => {
                let asked = json!({ "payment_id": evidence.payment_id, "provider_status": evidence.word.as_str() });
                Because { ipn: None, operation: Some(("crypto_order.ipn_applied", asked.to_string())) }
            }
        };
        let evidence = Evidence { witness: self.witness, ..evidence };
        self.settle(&Input::Evidence(Box::new(evidence), Ownership::Free), now, because);
    }

    /// The same bytes again: they count on their row, and do nothing else.
    fn repeat(&mut self, now: Timestamp) {
        let Some((ipn, _)) = self.told.as_deref().and_then(|body| received(body, now)) else { return };
        let mut again = Changeset::new(now);
        again.ipn = Some(ReceivedIpn { order_id: Some(self.order.id), ..ipn });
        self.history.push(again);
    }

    /// What the domain makes of an input, as a commit.
    fn settle(&mut self, input: &Input, now: Timestamp, because: Because) {
        let moment = Moment { now, rules: self.world.settings.rules };
        let Ok(decision) = decide(&self.order, input, &moment) else { return };
        let mut set = Changeset::new(now);
        let after = decision.order.clone();
        if decision.changes(&self.order) {
            set.order = Some(OrderChange { before: None, after: after.clone() });
        }
        set.ipn = because.ipn.map(|ipn| ReceivedIpn { order_id: Some(after.id), outcome: decision.outcome, ..ipn });
        set.attention = decision.attention;
        let dice = &mut self.dice;
        set.webhook = decision.announcement.map(|told| WebhookEvent::new(dice.uuid(now), told, &after));
        set.audit = because.operation.map(|(action, input)| AuditEntry {
            actor: Some(self.world.operator),
            action,
            target: after.id.to_string(),
            input,
            result: json!({ "outcome": decision.outcome.as_str(), "status": after.status.name().as_str() }).to_string(),
            ip: Some("10.1.2.3".to_owned()),
            at: now,
        });
        self.order = after;
        self.history.push(set);
    }
}

/// What an input came with.
#[derive(Default)]
struct Because {
    ipn: Option<ReceivedIpn>,
    operation: Option<(&'static str, String)>,
}

fn claim(dice: &mut Dice, order: &Order) -> Option<KeyClaim> {
    let number = dice.uuid(order.created_at);
    let text = if dice.in_1000(300) { format!("cart-{}", number.as_simple()) } else { number.to_string() };
    let asked = Asked {
        product: order.product.to_string(),
        price_cents: order.price.cents,
        price_currency: order.price.currency.to_string(),
    };
    let key = IdempotencyKey::parse(text.as_bytes()).ok().flatten()?;
    Some(KeyClaim { account_id: order.account_id, key, asked, forgotten_before: None })
}

/// Who tells of an order's payment. For a few the provider's notifications get lost: it is asked, or support
/// finds the payment in its dashboard.
fn witness(dice: &mut Dice, operator: KeyId) -> Witness {
    match dice.below(1000) {
        0..980 => Witness::Ipn,
        980..997 => Witness::Poll,
        _ => Witness::Operator(operator),
    }
}

/// How long ago the provider knew what it says.
fn lag(dice: &mut Dice, witness: Witness) -> Span {
    match witness {
        Witness::Ipn if dice.in_1000(985) => dice.span(0, 4),
        Witness::Ipn => dice.span(4, 200),
        Witness::Poll => dice.span(5, 300),
        Witness::Operator(_) => dice.span(300, 20_000),
    }
}

/// What happens to an order, in time order.
fn steps(dice: &mut Dice, keyed: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    if keyed && dice.in_1000(40) {
        steps.push(Step { after: dice.span(1, 90), what: What::Use(KeyUseKind::Replay) });
    }
    if keyed && dice.in_1000(4) {
        steps.push(Step { after: dice.span(100, 3_000), what: What::Use(KeyUseKind::MismatchReplayed) });
    }
    if dice.in_1000(12) {
        let note = crowd::internal_note(dice);
        steps.push(Step { after: dice.span(4_000, 90_000), what: What::SupportNote(note) });
    }
    match dice.below(1000) {
        0..760 => paid(dice, &mut steps),
        760..905 => steps.push(Step { after: Span::minutes(60), what: What::Expire }),
        905..935 => steps.push(Step { after: dice.span(20, 3_500), what: What::Cancel }),
        935..958 => steps.push(Step { after: dice.span(7_200, 90_000), what: What::Sweep }),
        958..974 => failed(dice, &mut steps),
        974..982 => short(dice, &mut steps),
        982..985 => steps.push(report(dice.span(60, 3_000), "confirming", 100)),
        985..997 => late(dice, &mut steps),
        // Nothing came, and the clock did not look.
        997 => {}
        _ => twice(dice, &mut steps),
    }
    steps.sort_by_key(|step| step.after);
    steps
}

fn report(after: Span, word: &'static str, arrived_percent: u64) -> Step {
    Step { after, what: What::Report(Report { word, arrived_percent, deposit: Deposit::First }) }
}

/// So long after the one before.
fn later(before: Span, more: Span) -> Span {
    Span::millis(before.as_millis().saturating_add(more.as_millis()))
}

fn paid(dice: &mut Dice, steps: &mut Vec<Step>) {
    if dice.in_1000(80) {
        steps.push(report(dice.span(2, 40), "waiting", 0));
    }
    let seen = dice.span(60, 2_400);
    if dice.in_1000(550) {
        steps.push(report(seen, "confirming", 100));
    }
    let settled = later(seen, dice.span(30, 1_100));
    let percent = if dice.in_1000(6) { 106 } else { 100 };
    steps.push(report(settled, "finished", percent));
    if dice.in_1000(30) {
        steps.push(Step { after: later(settled, dice.span(1, 600)), what: What::Repeat });
    }
}

fn failed(dice: &mut Dice, steps: &mut Vec<Step>) {
    let word = dice.pick(&["failed", "expired", "refunded"]);
    let percent = if word == "refunded" { 100 } else { 0 };
    steps.push(report(dice.span(600, 3_500), word, percent));
}

/// Too little arrived; for some the rest comes as a second deposit, which an operator looks at.
fn short(dice: &mut Dice, steps: &mut Vec<Step>) {
    let first = dice.span(120, 3_000);
    let percent = dice.below(70).saturating_add(20);
    steps.push(report(first, "partially_paid", percent));
    if dice.in_1000(400) {
        let rest = Report { word: "finished", arrived_percent: 100 - percent.min(100), deposit: Deposit::Second };
        steps.push(Step { after: later(first, dice.span(600, 40_000)), what: What::Report(rest) });
    }
}

/// The clock was faster than the chain.
fn late(dice: &mut Dice, steps: &mut Vec<Step>) {
    steps.push(Step { after: Span::minutes(60), what: What::Expire });
    steps.push(report(dice.span(3_700, 20_000), "finished", 100));
}

/// Paid, and cancelled by somebody who did not wait; or the provider takes back its word.
fn twice(dice: &mut Dice, steps: &mut Vec<Step>) {
    if dice.in_1000(500) {
        steps.push(Step { after: dice.span(20, 900), what: What::Cancel });
        steps.push(report(dice.span(1_000, 4_000), "finished", 100));
    } else {
        steps.push(report(dice.span(60, 900), "finished", 100));
        steps.push(report(dice.span(1_000, 80_000), "refunded", 100));
    }
}
