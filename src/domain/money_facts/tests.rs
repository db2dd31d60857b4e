//! No amount of a ledger is lost on the way to whoever tells of it, and none is told twice.

use uuid::Uuid;

use super::samples::{child, ledgers, other, payment};
use super::*;
use crate::domain::catalogue::ProductCode;
use crate::domain::ids::{AccountId, OrderId};
use crate::domain::money::{Currency, Price};
use crate::domain::order::NewOrder;
use crate::domain::time::{Span, Timestamp};

/// An order over 0.5 ether with these payments.
fn order(payments: Vec<Payment>) -> Order {
    let new = NewOrder {
        id: OrderId::new(Uuid::nil()),
        account_id: AccountId::new(Uuid::nil()),
        product: ProductCode::parse("solo_manual").unwrap(),
        price: Price { cents: 7900, currency: Currency::parse("USD").unwrap() },
        pay_currency: None,
        customer_note: None,
        pay_window: Span::minutes(60),
    };
    let placed = Order::place(new, Timestamp::from_millis(0));
    Order { owed: CoinAmount::parse("0.5"), ledger: Ledger::new(payments), ..placed }
}

fn standings(payments: Vec<Payment>) -> Vec<String> {
    let order = order(payments);
    let facts = MoneyFacts::of(&order);
    let told = |seen: &SeenAmount| {
        format!("{} {} {}", seen.amount, seen.coin.map_or("-", Coin::as_str), seen.standing.as_str())
    };
    facts.amounts.iter().map(told).collect()
}

#[test]
fn every_amount_of_a_ledger_is_told_once_and_the_counted_ones_are_the_sum() {
    for ledger in ledgers() {
        let order = order(ledger.clone());
        let facts = MoneyFacts::of(&order);
        let own = ledger.iter().filter_map(|payment| payment.received.as_ref());
        let apart = ledger.iter().filter_map(|payment| payment.other.as_ref().map(|other| &other.received));
        let unclear = ledger.iter().filter_map(|payment| payment.unclear.as_ref().map(|unclear| &unclear.received));
        let mut reported: Vec<&CoinAmount> =
            own.chain(apart).chain(unclear).filter(|amount| !amount.is_zero()).collect();
        let mut told: Vec<&CoinAmount> = facts.amounts.iter().map(|seen| seen.amount).collect();
        reported.sort();
        told.sort();
        assert_eq!(told, reported, "{ledger:?}");
        let counted = facts.with(AmountStanding::Counted).map(|seen| seen.amount);
        let sum = counted.fold(CoinAmount::zero(), |sum, amount| sum.plus(amount));
        assert_eq!((&facts.settled, &sum), (&order.ledger.received(), &sum), "{ledger:?}");
        assert_eq!(facts.is_seen(), order.ledger.has_money(), "{ledger:?}");
        assert!(facts.is_seen() || facts.amounts.is_empty(), "{ledger:?}");
    }
}

#[test]
fn an_amount_stands_as_its_payments_word_and_coin_say() {
    assert_eq!(standings(vec![payment("finished", Some("0.5"))]), ["0.5 eth counted"]);
    assert_eq!(standings(vec![payment("refunded", Some("0.5"))]), ["0.5 eth returned"]);
    assert_eq!(standings(vec![payment("on_hold", Some("0.5"))]), ["0.5 eth unsettled"]);
    assert_eq!(standings(vec![payment("finished", Some("0"))]), Vec::<String>::new());
    let wrong = Payment { other: other("usdtbsc", "79"), ..payment("waiting", None) };
    assert_eq!(standings(vec![wrong.clone()]), ["79 usdtbsc other_coin"]);
    let sent_back = Payment { word: ProviderWord::Refunded, ..wrong };
    assert_eq!(standings(vec![sent_back]), ["79 usdtbsc returned"]);
    let two = vec![payment("partially_paid", Some("0.2")), child("finished", "usdtbsc", Some("7"))];
    assert_eq!(standings(two), ["0.2 eth counted", "7 usdtbsc other_coin"]);
    // Without a bound payment there is no coin to compare with.
    assert_eq!(standings(vec![child("finished", "eth", Some("0.5"))]), ["0.5 eth other_coin"]);
}

#[test]
fn what_is_missing_and_what_is_over_is_known_once_what_is_owed_is() {
    let told = |order: &Order| {
        let facts = MoneyFacts::of(order);
        [facts.owed.cloned(), facts.missing, facts.over]
            .map(|amount| amount.map_or("-".to_owned(), |it| it.to_string()))
    };
    let of = |received| order(vec![payment("finished", Some(received))]);
    assert_eq!(told(&of("0.4")), ["0.5", "0.1", "0"]);
    assert_eq!(told(&of("0.6")), ["0.5", "0", "0.1"]);
    for owed in [None, CoinAmount::parse("0.0")] {
        assert_eq!(told(&Order { owed, ..of("0.4") }), ["-", "-", "-"]);
    }
}
