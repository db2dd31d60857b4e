//! No amount of a ledger is lost on the way to whoever tells of it, and none is told twice.

use uuid::Uuid;

use super::samples::{child, ledgers, other, payment, unclear, worth};
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
        let reported = own.chain(apart).chain(unclear);
        let mut reported: Vec<&CoinAmount> = reported.filter(|amount| !amount.is_zero()).collect();
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
    let failed = Payment { unclear: unclear("eth", "0.5"), ..payment("failed", None) };
    assert_eq!(standings(vec![failed]), ["0.5 eth returned"]);
    // Without a bound payment there is no coin to compare with.
    assert_eq!(standings(vec![child("finished", "eth", Some("0.5"))]), ["0.5 eth other_coin"]);
}

#[test]
fn money_under_a_word_that_is_not_known_is_one_amount_with_what_settles_it() {
    let of = |received, unclear| vec![Payment { unclear, ..payment("finished", received) }];
    assert_eq!(standings(of(None, unclear("eth", "0.5"))), ["0.5 eth unsettled"]);
    assert_eq!(standings(of(Some("0.5"), unclear("eth", "0.5"))), ["0.5 eth counted"]);
    assert_eq!(standings(of(Some("0.4"), unclear("eth", "0.5"))), ["0.4 eth counted", "0.5 eth unsettled"]);
    assert_eq!(standings(of(Some("9"), unclear("usdtbsc", "8"))), ["9 eth counted", "8 usdtbsc unsettled"]);
    let both = Payment { other: other("usdtbsc", "8"), unclear: unclear("usdtbsc", "8"), ..payment("waiting", None) };
    assert_eq!(standings(vec![both]), ["8 usdtbsc other_coin"]);
}

#[test]
fn the_worth_is_told_of_the_amount_that_it_can_only_be_of() {
    let told = |payment: Payment| {
        let order = order(vec![payment]);
        let facts = MoneyFacts::of(&order);
        let worth = |worth: Option<&CoinAmount>| worth.map_or("-".to_owned(), |worth| facts.as_money(worth));
        let each: Vec<String> = facts.amounts.iter().map(|seen| worth(seen.worth.as_ref())).collect();
        (each, worth(facts.worth_below_price()))
    };
    let wrong = Payment { other: other("usdtbsc", "79"), worth: worth("78.98"), ..payment("waiting", None) };
    assert_eq!(told(wrong.clone()), (vec!["78.98 USD".to_owned()], "-".to_owned()));
    let two = Payment { received: CoinAmount::parse("0.1"), ..wrong };
    assert_eq!(told(two), (vec!["-".to_owned(), "-".to_owned()], "-".to_owned()));
    let fallen = |received| Payment { worth: worth("39.1"), ..payment("finished", Some(received)) };
    assert_eq!(told(fallen("0.5")), (vec!["39.10 USD".to_owned()], "39.10 USD".to_owned()));
    assert_eq!(told(fallen("0.4")).1, "-", "what is missing comes first");
}

#[test]
fn a_payment_is_listed_with_its_own_word_and_with_an_unknown_one_where_nothing_else_came() {
    let listed = |payment: Payment| {
        let money = PaymentMoney::of(&payment);
        let other = money.other.map(|(coin, amount)| format!("{amount} {coin}"));
        let received = money.received.map(ToString::to_string);
        [Some(money.word.as_str().to_owned()), received, other].map(|told| told.unwrap_or("-".to_owned()))
    };
    assert_eq!(listed(payment("finished", Some("0.5"))), ["finished", "0.5", "-"]);
    let held = |coin| Payment { unclear: unclear(coin, "8"), ..payment("waiting", Some("0")) };
    assert_eq!(listed(held("eth")), ["on_hold", "8", "-"]);
    assert_eq!(listed(held("usdtbsc")), ["on_hold", "0", "8 usdtbsc"]);
    let since = Payment { unclear: unclear("eth", "0.5"), ..payment("finished", Some("0.5")) };
    assert_eq!(listed(since), ["finished", "0.5", "-"]);
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
