//! Any order that the domain can mean survives its line; whatever it cannot mean joins no batch.

use proptest::prelude::*;
use uuid::Uuid;

use super::batch::Batches;
use super::records::{Kind, Record};
use crate::domain::access::{Account, Tier};
use crate::domain::catalogue::ProductCode;
use crate::domain::evidence::{Evidence, NamedPrice, Ownership, PaymentWorth, ProviderWord, Witness};
use crate::domain::ids::{AccountId, OrderId, PaymentId};
use crate::domain::lifecycle::{Input, Moment, Rules, decide};
use crate::domain::money::{Coin, CoinAmount, Currency, Price};
use crate::domain::order::{NewOrder, Order};
use crate::domain::time::{Span, Timestamp};
use crate::store::changeset::{Changeset, OrderChange};

const RULES: Rules = Rules::SHIPPED;

fn account() -> Account {
    let at = Timestamp::from_millis(1_765_000_000_000);
    Account { id: AccountId::new(Uuid::from_u128(2)), name: "A".to_owned(), tier: Tier::Free, created_at: at }
}

fn placed(note: Option<String>, cents: i64) -> Order {
    let new = NewOrder {
        id: OrderId::new(Uuid::from_u128(1)),
        account_id: account().id,
        product: ProductCode::parse("api_starter").unwrap(),
        price: Price { cents, currency: Currency::parse("KWD").unwrap() },
        pay_currency: Coin::parse("btc"),
        customer_note: note,
        pay_window: Span::minutes(60),
    };
    Order::place(new, account().created_at)
}

fn report((word, payment, amount): &(&'static str, String, String)) -> Evidence {
    Evidence {
        witness: Witness::Ipn,
        order_id: None,
        payment_id: PaymentId::parse(payment).unwrap(),
        parent_payment_id: None,
        word: ProviderWord::parse(word),
        price: NamedPrice { amount: None, currency: None },
        pay_amount: CoinAmount::parse(amount),
        actually_paid: CoinAmount::parse(amount),
        coin: Coin::parse("btc"),
        provider_at: None,
        worth: PaymentWorth::default(),
    }
}

/// The commits of an order to which these inputs happen, a minute after each other.
fn history(order: Order, inputs: &[Input]) -> Vec<Changeset> {
    let mut sets = vec![Changeset::new(order.created_at)];
    sets[0].order = Some(OrderChange { before: None, after: order.clone() });
    let mut order = order;
    for (minute, input) in inputs.iter().enumerate() {
        let now = order.created_at.after(Span::minutes(i64::try_from(minute).unwrap() * 25));
        let Ok(decision) = decide(&order, input, &Moment { now, rules: RULES }) else { continue };
        let mut set = Changeset::new(now);
        set.order = decision.changes(&order).then(|| OrderChange { before: None, after: decision.order.clone() });
        set.attention = decision.attention;
        order = decision.order;
        sets.push(set);
    }
    sets
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let word = prop::sample::select(vec!["waiting", "confirming", "partially_paid", "finished", "failed", "odd"]);
    let told = (word, "[0-9]{1,3}", "[0-9]{1,30}(\\.[0-9]{1,40})?");
    let input = prop_oneof![
        4 => told.prop_map(|told| Input::Evidence(Box::new(report(&told)), Ownership::Free)),
        1 => Just(Input::Tick),
        1 => Just(Input::Cancel),
        1 => "\\PC{0,20}".prop_map(|note| Input::SetInternalNote(Some(note))),
    ];
    prop::collection::vec(input, 0..6)
}

proptest! {
    #[test]
    fn an_order_survives_its_line_and_joins_a_batch(
        note in prop::option::of("[^\\x00]{0,60}"), cents in 1_i64.., inputs in inputs(),
    ) {
        let mut ids = 0_u128;
        let fresh = |_| { ids += 1; Uuid::from_u128(ids) };
        let record = Record::order(&history(placed(note, cents), &inputs), fresh).unwrap();
        let line = record.line().unwrap();
        let read = Record::parse(&line).unwrap();
        prop_assert_eq!(&read, &record);
        prop_assert_eq!(read.line().unwrap(), line);
        let mut batches = Batches::default();
        batches.add(Record::account(&account())).unwrap();
        prop_assert_eq!(batches.add(read), Ok(()));
    }

    #[test]
    fn no_line_makes_the_reader_panic(line in "\\PC{0,200}") {
        prop_assert!(Record::parse(&line).is_err());
    }
}

#[test]
fn an_order_of_an_unknown_account_joins_no_batch() {
    let record = Record::order(&history(placed(None, 1), &[]), |_| Uuid::nil()).unwrap();
    let refused = Batches::default().add(record).unwrap_err();
    assert_eq!(refused.to_string(), "its account stands nowhere before it");
}

#[test]
fn a_log_that_ends_elsewhere_than_its_order_joins_no_batch() {
    let mut record = Record::order(&history(placed(None, 1), &[Input::Cancel]), |_| Uuid::nil()).unwrap();
    if let Kind::Order(parts) = &mut record.0 {
        parts.events.pop();
    }
    let mut batches = Batches::default();
    batches.add(Record::account(&account())).unwrap();
    assert_eq!(batches.add(record).unwrap_err().to_string(), "its log does not end at its status");
}

#[test]
fn a_nul_is_told_from_a_backslash_before_its_spelling() {
    let line = |note: &str| {
        format!(
            r#"{{"kind":"account","id":"x","name":"{note}","tier":"free","created_at":"2026-05-12T13:00:00.000Z"}}"#
        )
    };
    assert!(Record::parse(&line(r"a\\u0000")).is_ok());
    assert!(Record::parse(&line(r"a\\\u0000")).is_err());
    assert!(Record::parse(&line(r"a\u0000")).is_err());
}
