//! Holds `decide` against `tests/data/lifecycle.txt`: every situation under every input, once and no more.
//!
//! The expectations are the text's, written from the contract; this file only sets the scenes, reads
//! the text and compares. It never tells the text what to expect.

use std::collections::{BTreeMap, BTreeSet};

use super::samples::*;
use super::{Decision, Input, LatePayments, Moment, Refusal, Rules, ZeroReceived, decide};
use crate::domain::attention::AttentionKind;
use crate::domain::evidence::{Evidence, NamedPrice, Ownership, ProviderWord, Witness};
use crate::domain::ledger::{Ledger, OtherMoney, Payment, Role};
use crate::domain::order::{AmountCheck, FailureReason, Order, Status};
use crate::domain::time::Span;
use crate::domain::webhook::Announcement;

const TABLE: &str = include_str!("../../../tests/data/lifecycle.txt");

/// An order, what happens to it, and when.
struct Scene {
    order: Order,
    input: Input,
    moment: Moment,
}

impl Scene {
    fn hears(self, evidence: Evidence) -> Self {
        Self { input: free(evidence), ..self }
    }

    fn hears_of_another_s(self, evidence: Evidence) -> Self {
        Self { input: Input::Evidence(Box::new(evidence), Ownership::Another), ..self }
    }

    fn meets(self, input: Input) -> Self {
        Self { input, ..self }
    }

    fn later(self, span: Span) -> Self {
        Self { moment: Moment { now: self.moment.now.after(span), ..self.moment }, ..self }
    }

    fn on_the_sandbox(self) -> Self {
        let rules = Rules { zero_received: ZeroReceived::Unknown, ..self.moment.rules };
        Self { moment: Moment { rules, ..self.moment }, ..self }
    }

    fn topped_up(self) -> Self {
        Self { order: with_top_up(&self.order), ..self }
    }

    /// Beside what it has, a further deposit is in its ledger: at this word, with this much of that coin.
    fn with_deposit(self, deposit: Payment) -> Self {
        let payments = self.order.ledger.iter().cloned().chain([deposit]).collect();
        Self { order: Order { ledger: Ledger::new(payments), ..self.order }, ..self }
    }

    fn owing_nobody_knows_what(self) -> Self {
        let unpriced = |payment: &Payment| Payment { pay_amount: None, ..payment.clone() };
        let ledger = Ledger::new(self.order.ledger.iter().map(unpriced).collect());
        Self { order: Order { owed: None, ledger, ..self.order }, ..self }
    }
}

type Staging = fn(Scene) -> Scene;

/// Every input of the table, by its name there.
const INPUTS: &[(&str, Staging)] = &[
    ("waiting", |scene| scene.hears(says("waiting"))),
    ("confirming", |scene| scene.hears(says("confirming"))),
    ("confirmed", |scene| scene.hears(says("confirmed"))),
    ("sending", |scene| scene.hears(says("sending"))),
    ("partially_paid", |scene| scene.hears(paying("partially_paid", "50"))),
    ("finished", |scene| scene.hears(paying("finished", "100"))),
    ("failed", |scene| scene.hears(unpaid("failed"))),
    ("expired", |scene| scene.hears(unpaid("expired"))),
    ("refunded", |scene| scene.hears(unpaid("refunded"))),
    ("failed, with money", |scene| scene.hears(paying("failed", "3"))),
    ("expired, with money", |scene| scene.hears(paying("expired", "3"))),
    ("refunded, with money", |scene| scene.hears(paying("refunded", "3"))),
    ("a word nobody knows", |scene| scene.hears(paying("Finished", "100"))),
    ("finished, at the tolerance below", |scene| scene.hears(paying("finished", "99"))),
    ("finished, at the tolerance above", |scene| scene.hears(paying("finished", "101.00"))),
    ("finished, short", |scene| scene.hears(paying("finished", "98.99"))),
    ("finished, over", |scene| scene.hears(paying("finished", "101.01"))),
    ("finished, in another coin", |scene| scene.hears(in_another_coin(paying("finished", "100")))),
    ("finished, but what is owed is not known", |scene| {
        scene.owing_nobody_knows_what().hears(Evidence { pay_amount: None, ..paying("finished", "100") })
    }),
    ("finished, without amounts", |scene| scene.hears(replayed("finished"))),
    ("finished, zero on the live provider", |scene| scene.hears(paying("finished", "0"))),
    ("finished, zero on the sandbox", |scene| scene.on_the_sandbox().hears(paying("finished", "0.000"))),
    ("finished, found by a poll within a minute", |scene| {
        scene.hears(polled(paying("finished", "100"), Some("12:59")))
    }),
    ("finished, found by a poll later", |scene| scene.hears(polled(paying("finished", "100"), Some("12:58:59.999")))),
    ("waiting, found by a poll without a time", |scene| scene.hears(polled(says("waiting"), None))),
    ("confirming, found by a poll without a time", |scene| scene.hears(polled(says("confirming"), None))),
    ("finished, at another price", |scene| scene.hears(priced(paying("finished", "100"), "148.99", "usd"))),
    ("finished, in another currency of the price", |scene| {
        scene.hears(priced(paying("finished", "100"), "149", "eur"))
    }),
    ("waiting, at another price", |scene| scene.hears(priced(says("waiting"), "149.01", "USD"))),
    ("finished, a payment that is another order's", |scene| {
        scene.hears_of_another_s(about("theirs", paying("finished", "100")))
    }),
    ("finished, our payment under another order's name", |scene| {
        scene.hears(Evidence { order_id: Some(order_id(9)), ..paying("finished", "100") })
    }),
    ("finished, a payment that is nobody's yet", |scene| scene.hears(about("stranger", paying("finished", "100")))),
    ("a word nobody knows, of a payment that is nobody's yet", |scene| {
        scene.hears(about("stranger", says("wrong_asset_confirmed")))
    }),
    ("child, completing", |scene| scene.hears(child("finished", "50"))),
    ("child, completing and over", |scene| scene.hears(child("finished", "51.01"))),
    ("child, not completing", |scene| scene.hears(child("finished", "48.99"))),
    ("child, enough but not settled yet", |scene| scene.hears(child("sending", "100"))),
    ("child, enough but in another coin", |scene| scene.hears(in_another_coin(child("finished", "100")))),
    ("child, failed", |scene| scene.hears(child("failed", "1"))),
    ("child, with a word nobody knows", |scene| scene.hears(in_another_coin(child("wrong_asset_confirmed", "13")))),
    ("child of a payment that is nobody's yet", |scene| scene.hears(child_of("stranger"))),
    ("child of a payment that is another order's", |scene| scene.hears_of_another_s(child_of("theirs"))),
    ("top-up, confirming", |scene| scene.topped_up().hears(top_up("confirming", "0"))),
    ("top-up, finished with the missing half", |scene| scene.topped_up().hears(top_up("finished", "50"))),
    ("top-up, partially_paid", |scene| scene.topped_up().hears(top_up("partially_paid", "10"))),
    ("top-up, expired", |scene| scene.topped_up().hears(top_up("expired", "0"))),
    ("top-up, failed with money", |scene| scene.topped_up().hears(top_up("failed", "3"))),
    ("made, waiting", |scene| scene.meets(made(fresh("waiting")))),
    ("made, at another price", |scene| scene.meets(made(priced(fresh("waiting"), "148.99", "usd")))),
    ("made, confirming already", |scene| scene.meets(made(fresh("confirming")))),
    ("made, finished already", |scene| scene.meets(made(about("made", paying("finished", "100"))))),
    ("made, expired already", |scene| scene.meets(made(fresh("expired")))),
    ("made, with a word nobody knows", |scene| scene.meets(made(fresh("wrong_asset_confirmed")))),
    ("made, and another order's", |scene| scene.meets(made(fresh("waiting")).of_another())),
    ("made, under another order's name", |scene| {
        scene.meets(made(Evidence { order_id: Some(order_id(9)), ..fresh("waiting") }))
    }),
    ("made, but a child", |scene| scene.meets(made(child("confirming", "50")))),
    ("tick", |scene| scene.meets(Input::Tick)),
    ("tick, after eight silent days", |scene| scene.later(Span::hours(8 * 24)).meets(Input::Tick)),
    ("accept", |scene| scene.meets(accept(None))),
    ("accept, with money in the ledger", |scene| {
        let received = Some(btc("3"));
        scene.with_deposit(Payment { received, ..deposit(ProviderWord::Failed) }).meets(accept(None))
    }),
    ("accept, with a settled word and no amount in the ledger", |scene| {
        scene.with_deposit(Payment { received: None, ..deposit(ProviderWord::Finished) }).meets(accept(None))
    }),
    ("accept, with money in another coin in the ledger", |scene| {
        let other = Some(OtherMoney { coin: coin("eth").unwrap(), received: btc("3") });
        scene.with_deposit(Payment { other, ..deposit(ProviderWord::Waiting) }).meets(accept(None))
    }),
    ("accept, with money that is only on its way in the ledger", |scene| {
        scene.with_deposit(deposit(ProviderWord::Sending)).meets(accept(None))
    }),
    ("accept, naming a payment of the order", |scene| {
        let received = Some(btc("3"));
        scene.with_deposit(Payment { received, ..deposit(ProviderWord::Failed) }).meets(accept(Some("deposit")))
    }),
    ("accept, naming a payment that is none of the order's", |scene| {
        let received = Some(btc("3"));
        scene.with_deposit(Payment { received, ..deposit(ProviderWord::Failed) }).meets(accept(Some("stranger")))
    }),
    ("sweep, of orders this old", |scene| scene.meets(sweep("12:30"))),
    ("sweep, of older orders", |scene| scene.meets(sweep("12:29:59.999"))),
    ("cancel", |scene| scene.meets(Input::Cancel)),
    ("customer note", |scene| scene.meets(Input::SetCustomerNote(Some("Invoice 7".to_owned())))),
    ("internal note", |scene| scene.meets(Input::SetInternalNote(Some("Called twice.".to_owned())))),
];

fn about(payment: &str, evidence: Evidence) -> Evidence {
    Evidence { payment_id: payment_id(payment), ..evidence }
}

/// The provider's answer to our own question, of a state that it dates so.
fn polled(evidence: Evidence, time: Option<&str>) -> Evidence {
    Evidence { witness: Witness::Poll, provider_at: time.map(at), ..evidence }
}

fn child_of(parent: &str) -> Evidence {
    Evidence { parent_payment_id: Some(payment_id(parent)), ..child("finished", "50") }
}

fn in_another_coin(evidence: Evidence) -> Evidence {
    Evidence { coin: coin("eth"), ..evidence }
}

fn priced(evidence: Evidence, amount: &str, currency: &str) -> Evidence {
    let price = NamedPrice { amount: Some(btc(amount)), currency: Some(currency.to_owned()) };
    Evidence { price, ..evidence }
}

fn sweep(created_until: &str) -> Input {
    Input::Sweep { created_until: at(created_until), actor: None }
}

fn accept(payment: Option<&str>) -> Input {
    Input::Accept { payment: payment.map(payment_id), actor: None }
}

/// A further deposit for which nothing has come.
fn deposit(word: ProviderWord) -> Payment {
    payment("deposit", Role::Child(payment_id("ours")), word)
}

/// Every situation of the table.
fn situations() -> BTreeMap<&'static str, Scene> {
    let scene = |order| Scene { order, input: Input::Tick, moment: moment("13:00") };
    let failed = |reason| Status::Failed { reason };
    let paid = |check| Status::Paid { paid_at: at("12:45"), check };
    let past = Status::Pending { expires_at: at("12:50") };
    let unbound = |status: Status| scene(Order { status, due_at: None, ..placed() });
    let held = |scene: Scene| {
        let rules = Rules { late_payments: LatePayments::Record, ..SHIPPED };
        Scene { moment: Moment { rules, ..scene.moment }, ..scene }
    };
    use FailureReason::{Expired, Ipn, IpnExpired, Swept};
    use ProviderWord as Word;
    let guess = || scene(standing(failed(IpnExpired), Word::Expired, Some("0")));
    let expired = || scene(standing(failed(Expired), Word::Waiting, Some("0")));
    let swept = || scene(standing(failed(Swept), Word::Waiting, Some("0")));
    BTreeMap::from([
        ("pending", scene(bound())),
        ("overdue", scene(standing(past.clone(), Word::Waiting, Some("0")))),
        ("confirming", scene(standing(Status::Confirming, Word::Confirming, Some("0")))),
        ("partial", scene(half_paid())),
        ("paid", scene(standing(paid(AmountCheck::Checked), Word::Finished, Some("100")))),
        ("trusted", scene(standing(paid(AmountCheck::Unchecked), Word::Finished, None))),
        ("accepted", scene(standing(paid(AmountCheck::Accepted), Word::PartiallyPaid, Some("50")))),
        ("failed-ipn", scene(standing(failed(Ipn), Word::Failed, Some("0")))),
        ("failed-guess", guess()),
        ("failed-expired", expired()),
        ("failed-swept", swept()),
        ("cancelled", scene(standing(Status::Cancelled, Word::Waiting, Some("0")))),
        ("failed-guess!", held(guess())),
        ("failed-expired!", held(expired())),
        ("failed-swept!", held(swept())),
        ("pending?", scene(placed())),
        ("overdue?", unbound(past)),
        ("failed-expired?", unbound(failed(Expired))),
        ("failed-swept?", unbound(failed(Swept))),
        ("cancelled?", unbound(Status::Cancelled)),
        ("failed-expired?!", held(unbound(failed(Expired)))),
        ("failed-swept?!", held(unbound(failed(Swept)))),
    ])
}

fn status_name(status: &Status) -> &'static str {
    match status {
        Status::Pending { .. } => "pending",
        Status::Confirming => "confirming",
        Status::Partial => "partial",
        Status::Paid { check: AmountCheck::Checked, .. } => "paid",
        Status::Paid { check: AmountCheck::Unchecked, .. } => "trusted",
        Status::Paid { check: AmountCheck::Accepted, .. } => "accepted",
        Status::Failed { reason: FailureReason::Ipn } => "failed-ipn",
        Status::Failed { reason: FailureReason::IpnExpired } => "failed-guess",
        Status::Failed { reason: FailureReason::Expired } => "failed-expired",
        Status::Failed { reason: FailureReason::Swept } => "failed-swept",
        Status::Cancelled => "cancelled",
    }
}

/// What came of a scene, written as the table writes it.
fn written(before: &Order, answer: &Result<Decision, Refusal>) -> String {
    let Ok(decision) = answer else { return "= - refused - - -".to_owned() };
    let after = &decision.order;
    let becomes = if after.status == before.status { "=" } else { status_name(&after.status) };
    let source = decision.event.as_ref().map_or("-", |event| event.source.as_str());
    let announces = match decision.announcement {
        Some(Announcement::Paid { .. }) => "paid",
        Some(Announcement::Failed { .. }) => "failed",
        Some(Announcement::Partial { .. }) => "partial",
        None => "-",
    };
    let ledger = match (before.payment_id(), after.payment_id()) {
        (None, Some(_)) => "binds",
        _ if before.ledger.iter().count() < after.ledger.iter().count() => "joins",
        _ => "-",
    };
    let attention = match raised(decision).iter().map(|kind| kind.as_str()).collect::<Vec<_>>() {
        none if none.is_empty() => "-".to_owned(),
        kinds => kinds.join(","),
    };
    let outcome = decision.outcome.as_str();
    format!("{becomes} {source} {outcome} {announces} {ledger} {attention}")
}

/// The table as it is written: for each input, each situation with what is expected of it.
fn expectations() -> BTreeMap<&'static str, BTreeMap<&'static str, String>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut table: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    let mut input = None;
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            assert!(table.insert(name, BTreeMap::new()).is_none(), "[{name}] stands twice");
            input = Some(name);
        } else if let Some((situations, expected)) = line.split_once("->") {
            let block = table.get_mut(input.expect("a line stands under an input")).unwrap();
            let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
            for situation in spelled_out(&groups, situations) {
                let twice = block.insert(situation, expected.clone());
                assert_eq!(twice, None, "{situation} stands twice under {input:?}");
            }
        } else {
            let (name, members) = line.split_once('=').unwrap_or_else(|| panic!("what is this? {line}"));
            let members = spelled_out(&groups, members);
            groups.insert(name.trim(), members);
        }
    }
    table
}

fn spelled_out(groups: &BTreeMap<&str, Vec<&'static str>>, names: &'static str) -> Vec<&'static str> {
    let members = |name: &'static str| match name.starts_with('@') {
        true => groups.get(name).unwrap_or_else(|| panic!("no group {name}")).clone(),
        false => vec![name],
    };
    names.split_whitespace().flat_map(members).collect()
}

#[test]
fn every_situation_stands_under_every_input_exactly_once() {
    let table = expectations();
    let inputs: BTreeSet<_> = INPUTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(table.keys().copied().collect::<BTreeSet<_>>(), inputs);
    let all: BTreeSet<_> = situations().into_keys().collect();
    for (input, rows) in &table {
        assert_eq!(rows.keys().copied().collect::<BTreeSet<_>>(), all, "[{input}]");
    }
}

#[test]
fn every_line_of_the_table_comes_true() {
    let table = expectations();
    let mut wrong = Vec::new();
    for (input, stage) in INPUTS {
        for (situation, scene) in situations() {
            let expected = &table[input][situation];
            let Scene { order, input: happens, moment } = stage(scene);
            let actual = written(&order, &decide(&order, &happens, &moment));
            if expected != "impossible" && *expected != actual {
                wrong.push(format!("[{input}] {situation}\n  table:  {expected}\n  decide: {actual}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} lines do not come true:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_kind_that_an_order_can_raise_stands_in_the_table() {
    let raised: BTreeSet<_> = expectations()
        .values()
        .flat_map(BTreeMap::values)
        .filter_map(|expected| expected.split(' ').next_back().map(str::to_owned))
        .flat_map(|kinds| kinds.split(',').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    // These are raised where no evidence is judged; what a late payment was worth is judged in `ranking.rs`.
    let elsewhere = [
        AttentionKind::UnmatchedIpn,
        AttentionKind::CreateRefused,
        AttentionKind::OrderWithoutAddress,
        AttentionKind::ForcedReplay,
        AttentionKind::WorthLess,
    ];
    for kind in AttentionKind::ALL.into_iter().filter(|kind| !elsewhere.contains(kind)) {
        assert!(raised.contains(kind.as_str()), "{}", kind.as_str());
    }
}
