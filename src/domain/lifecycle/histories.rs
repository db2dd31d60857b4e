//! Random histories of an order for `properties.rs`: what happens, when, and under which rules.

use proptest::prelude::*;
use proptest::sample::select;

use super::samples::*;
use super::{Decision, Input, LatePayments, Made, Moment, Rules, ZeroReceived, decide};
use crate::domain::evidence::{Evidence, NamedPrice, Ownership, Witness};
use crate::domain::ids::KeyId;
use crate::domain::ledger::PayTo;
use crate::domain::money::CoinAmount;
use crate::domain::order::Order;
use crate::domain::time::{Span, Timestamp};

const WORDS: [&str; 10] = [
    "waiting",
    "confirming",
    "confirmed",
    "sending",
    "partially_paid",
    "finished",
    "failed",
    "expired",
    "refunded",
    "wrong_asset_confirmed",
];

/// One step of a history: what happens, when, and under which rules.
pub(super) type Step = (Input, Moment);

fn any_amount() -> impl Strategy<Value = Option<CoinAmount>> {
    select(vec![None, Some("0"), Some("1"), Some("50"), Some("99"), Some("100"), Some("102")])
        .prop_map(|text| text.map(btc))
}

fn any_report() -> impl Strategy<Value = Evidence> {
    let about = (
        select(vec!["ours", "ours", "ours", "child", "second-child", "top-up", "stranger"]),
        select(vec![None, None, None, Some("ours"), Some("stranger")]),
        select(vec![Some(1), Some(1), Some(1), Some(9), None]),
    );
    let told = (select(WORDS.to_vec()), any_amount(), any_amount(), select(vec![Some("btc"), Some("eth"), None]));
    let witness = select(vec![Witness::Ipn, Witness::Poll, Witness::Operator(KeyId::new(uuid::Uuid::nil()))]);
    let said = (prop::option::of(0_i64..300), select(vec![Some("149"), Some("149"), Some("148")]), witness);
    (about, told, said).prop_map(|((id, parent, order), (word, asked, received, code), (minutes, price, witness))| {
        let parent = if id == "ours" { None } else { parent };
        Evidence {
            witness,
            order_id: order.map(order_id),
            payment_id: payment_id(id),
            parent_payment_id: parent.map(payment_id),
            price: NamedPrice { amount: price.map(btc), currency: None },
            pay_amount: asked,
            actually_paid: received,
            coin: code.and_then(coin),
            provider_at: minutes.map(|minutes| at("12:30").after(Span::minutes(minutes))),
            ..says(word)
        }
    })
}

fn any_pay_to() -> impl Strategy<Value = PayTo> {
    (select(vec!["bc1-a", "bc1-a", "bc1-b"]), select(vec![None, Some("7".to_owned())]), prop::option::of(0_u32..12))
        .prop_map(|(address, purchase_id, decimals)| PayTo { purchase_id, decimals, ..pay_to(address) })
}

fn any_input() -> impl Strategy<Value = Input> {
    let ownership = select(vec![Ownership::Free, Ownership::Free, Ownership::Free, Ownership::Another]);
    let made = (any_report(), any_pay_to()).prop_map(|(evidence, pay_to)| Made { evidence, pay_to });
    prop_oneof![
        3 => (made, ownership.clone()).prop_map(|(made, whose)| Input::Made(Box::new(made), whose)),
        12 => (any_report(), ownership).prop_map(|(report, whose)| Input::Evidence(Box::new(report), whose)),
        2 => Just(Input::Tick),
        1 => (0_i64..120).prop_map(|minutes| {
            Input::Sweep { created_until: at("12:00").after(Span::minutes(minutes)), actor: None }
        }),
        1 => Just(Input::Cancel),
        1 => select(vec![None, Some("ours"), Some("child"), Some("stranger")])
            .prop_map(|payment| Input::Accept { payment: payment.map(payment_id), actor: None }),
        1 => select(vec![None, Some("a"), Some("b")])
            .prop_map(|note| Input::SetCustomerNote(note.map(str::to_owned))),
        1 => select(vec![None, Some("a")]).prop_map(|note| Input::SetInternalNote(note.map(str::to_owned))),
    ]
}

/// Mostly minutes after the checkout, sometimes days, sometimes a clock that runs behind.
pub(super) fn any_now() -> impl Strategy<Value = Timestamp> {
    prop_oneof![6 => -5_i64..180, 1 => 0_i64..20_000].prop_map(|minutes| {
        let early = at("12:00");
        early.after(Span::minutes(minutes.saturating_add(30)))
    })
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let late = select(vec![LatePayments::Reopen, LatePayments::Record]);
    let zero = select(vec![ZeroReceived::Short, ZeroReceived::Unknown]);
    (late, zero).prop_map(|(late_payments, zero_received)| Rules { late_payments, zero_received, ..SHIPPED })
}

pub(super) fn any_history() -> impl Strategy<Value = (Order, Vec<Step>)> {
    let start = select(vec![placed(), bound(), with_top_up(&bound()), half_paid(), with_top_up(&half_paid())]);
    let steps = prop::collection::vec((any_input(), any_now()), 1..24);
    (start, any_rules(), steps).prop_map(|(order, rules, steps)| {
        (order, steps.into_iter().map(|(input, now)| (input, Moment { now, rules })).collect())
    })
}

/// Walks through a history and shows each order that was judged with what was decided of it.
pub(super) fn walk(order: Order, steps: &[Step], mut look: impl FnMut(&Order, &Step, &Decision)) -> Order {
    steps.iter().fold(order, |order, step| match decide(&order, &step.0, &step.1) {
        Ok(decision) => {
            look(&order, step, &decision);
            decision.order
        }
        Err(_) => order,
    })
}
