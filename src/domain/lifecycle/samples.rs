//! Orders and evidence for the tests of `decide`, in round numbers: 100 btc are owed, 1 % is tolerated.
//!
//! Nothing here expects anything; `table.rs`, `properties.rs` and `proofs.rs` do. It is one o'clock, and
//! all the provider said before was said a quarter of an hour ago.

use uuid::Uuid;

use super::{Decision, Input, Made, Moment, Rules, decide};
use crate::domain::attention::AttentionKind;
use crate::domain::catalogue::ProductCode;
use crate::domain::evidence::{Evidence, NamedPrice, Ownership, PaymentWorth, ProviderWord, Witness};
use crate::domain::ids::{AccountId, OrderId, PaymentId};
use crate::domain::ledger::{Ledger, PayTo, Payment, Role};
use crate::domain::money::{Coin, CoinAmount, Currency, Price};
use crate::domain::order::{NewOrder, Order, Status};
use crate::domain::time::{Span, Timestamp};

/// The rules as they are shipped, on the live provider.
pub(super) const SHIPPED: Rules = Rules::SHIPPED;

/// A time of the day of all samples: `at("13:00")`, `at("13:29:59.999")`.
pub(super) fn at(time: &str) -> Timestamp {
    let seconds = if time.len() == 5 { ":00" } else { "" };
    Timestamp::parse(&format!("2026-05-12T{time}{seconds}Z")).unwrap()
}

pub(super) fn moment(time: &str) -> Moment {
    Moment { now: at(time), rules: SHIPPED }
}

pub(super) fn btc(text: &str) -> CoinAmount {
    CoinAmount::parse(text).unwrap()
}

pub(super) fn coin(code: &str) -> Option<Coin> {
    Coin::parse(code)
}

pub(super) fn payment_id(text: &str) -> PaymentId {
    PaymentId::parse(text).unwrap()
}

pub(super) fn order_id(number: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(number))
}

/// A pending order without a payment, placed at 12:30, that may be paid until 13:30.
pub(super) fn placed() -> Order {
    let new = NewOrder {
        id: order_id(1),
        account_id: AccountId::new(Uuid::from_u128(2)),
        product: ProductCode::parse("api_starter").unwrap(),
        price: Price { cents: 14_900, currency: Currency::parse("USD").unwrap() },
        pay_currency: coin("btc"),
        customer_note: None,
        pay_window: Span::minutes(60),
    };
    Order::place(new, at("12:30"))
}

/// The same, bound to payment `ours`, for which nothing has come.
pub(super) fn bound() -> Order {
    Order {
        owed: Some(btc("100")),
        ledger: Ledger::new(vec![payment("ours", Role::Bound, ProviderWord::Waiting)]),
        ..placed()
    }
}

/// A bound order in this status whose payment stands at this word, with this much received.
pub(super) fn standing(status: Status, word: ProviderWord, received: Option<&str>) -> Order {
    let paying = Payment { received: received.map(btc), ..payment("ours", Role::Bound, word) };
    let due_at = super::stalls_at(&status, at("12:45"));
    Order { status, due_at, ledger: Ledger::new(vec![paying]), ..bound() }
}

/// A partial order: half has arrived.
pub(super) fn half_paid() -> Order {
    standing(Status::Partial, ProviderWord::PartiallyPaid, Some("50"))
}

/// The order with a top-up for the missing half, still unpaid.
pub(super) fn with_top_up(order: &Order) -> Order {
    let top_up = Payment { pay_amount: Some(btc("50")), ..payment("top-up", Role::Own, ProviderWord::Waiting) };
    let payments = order.ledger.iter().cloned().chain([top_up]).collect();
    Order { ledger: Ledger::new(payments), ..order.clone() }
}

pub(super) fn payment(id: &str, role: Role, word: ProviderWord) -> Payment {
    Payment {
        id: payment_id(id),
        role,
        word,
        coin: coin("btc"),
        pay_amount: Some(btc("100")),
        received: Some(btc("0")),
        other: None,
        unclear: None,
        worth: PaymentWorth::default(),
        provider_at: Some(at("12:45")),
        before_failure: None,
        first_seen_at: at("12:30"),
        pay_to: None,
    }
}

/// A notification about `ours`: it names the order and its price, and nothing has been received.
pub(super) fn says(word: &str) -> Evidence {
    Evidence {
        witness: Witness::Ipn,
        order_id: Some(order_id(1)),
        payment_id: payment_id("ours"),
        parent_payment_id: None,
        word: ProviderWord::parse(word),
        price: NamedPrice { amount: Some(btc("149")), currency: Some("usd".to_owned()) },
        pay_amount: Some(btc("100")),
        actually_paid: Some(btc("0")),
        coin: coin("BTC"),
        provider_at: Some(at("13:00")),
        worth: PaymentWorth::default(),
    }
}

/// The same with an amount received.
pub(super) fn paying(word: &str, received: &str) -> Evidence {
    Evidence { actually_paid: Some(btc(received)), ..says(word) }
}

/// The provider says this of a payment for which it reports nothing at all.
pub(super) fn unpaid(word: &str) -> Evidence {
    paying(word, "0")
}

/// A further deposit to the address of `ours`; the provider repeats what arrived as its `pay_amount`.
pub(super) fn child(word: &str, received: &str) -> Evidence {
    Evidence {
        payment_id: payment_id("child"),
        parent_payment_id: Some(payment_id("ours")),
        pay_amount: Some(btc(received)),
        ..paying(word, received)
    }
}

/// News of the top-up.
pub(super) fn top_up(word: &str, received: &str) -> Evidence {
    Evidence { payment_id: payment_id("top-up"), pay_amount: Some(btc("50")), ..paying(word, received) }
}

/// An operator's replay: a word and no amounts.
pub(super) fn replayed(word: &str) -> Evidence {
    let price = NamedPrice { amount: None, currency: None };
    Evidence { price, pay_amount: None, actually_paid: None, coin: None, provider_at: None, ..says(word) }
}

/// The evidence without the provider's time, as many notifications come.
pub(super) fn untimed(evidence: Evidence) -> Evidence {
    Evidence { provider_at: None, ..evidence }
}

/// A payment `made` that this service has just made: the whole price, nothing received.
pub(super) fn fresh(word: &str) -> Evidence {
    Evidence { payment_id: payment_id("made"), actually_paid: None, ..says(word) }
}

/// How the payments of these tests are paid.
pub(super) fn pay_to(address: &str) -> PayTo {
    let (extra_id, network, purchase_id) = (None, Some("btc".to_owned()), Some("77".to_owned()));
    PayTo { address: address.to_owned(), extra_id, network, purchase_id, decimals: Some(8) }
}

/// The payment was made for the order, or found made.
pub(super) fn made(evidence: Evidence) -> Input {
    let pay_to = pay_to("bc1-made");
    Input::Made(Box::new(Made { evidence, pay_to }), Ownership::Free)
}

pub(super) fn free(evidence: Evidence) -> Input {
    Input::Evidence(Box::new(evidence), Ownership::Free)
}

/// What evidence about a payment of nobody else does to the order at one o'clock.
pub(super) fn hearing(order: &Order, evidence: Evidence) -> Decision {
    decide(order, &free(evidence), &moment("13:00")).unwrap()
}

/// The order after all of these, one after the other.
pub(super) fn after_all(order: Order, evidence: &[Evidence]) -> Order {
    evidence.iter().fold(order, |order, next| hearing(&order, next.clone()).order)
}

/// The kinds raised, sorted.
pub(super) fn raised(decision: &Decision) -> Vec<AttentionKind> {
    let mut kinds: Vec<_> = decision.attention.iter().map(|item| item.kind).collect();
    kinds.sort();
    kinds
}
