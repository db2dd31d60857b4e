//! What is offered is what would be done: held against the functions that do it.

use uuid::Uuid;

use super::*;
use crate::domain::catalogue::ProductCode;
use crate::domain::ids::{AccountId, OrderId};
use crate::domain::lifecycle::Rules;
use crate::domain::money::{Currency, Price};
use crate::domain::order::{FailureReason, NewOrder};
use crate::domain::time::Timestamp;

fn placed() -> Order {
    let new = NewOrder {
        id: OrderId::new(Uuid::nil()),
        account_id: AccountId::new(Uuid::nil()),
        product: ProductCode::parse("solo_manual").unwrap(),
        price: Price { cents: 7900, currency: Currency::parse("USD").unwrap() },
        pay_currency: None,
        customer_note: None,
        pay_window: Span::minutes(60),
    };
    Order::place(new, Timestamp::from_millis(0))
}

fn asker(minutes: i64) -> Asker {
    let rules = Rules::SHIPPED;
    Asker {
        key: KeyId::new(Uuid::nil()),
        moment: Moment { now: Timestamp::from_millis(0).after(Span::minutes(minutes)), rules },
        pay_window: Span::minutes(60),
        makes_payments: MakesPayments::No,
    }
}

fn word(order: &Order, word: &str) -> String {
    let offers = offers(order, &asker(10));
    offers.words.into_iter().find(|(known, _)| known == word).map(|(_, told)| told).unwrap_or_default()
}

fn is_open(offer: &Offer) -> bool {
    matches!(offer, Offer::Open(_))
}

#[test]
fn a_sweep_is_offered_when_the_window_is_over_and_not_before() {
    let order = placed();
    for (minutes, offered) in [(0, false), (59, false), (60, true), (600, true)] {
        assert_eq!(is_open(&offers(&order, &asker(minutes)).expire), offered, "{minutes}");
    }
    // One that was placed when the window was longer keeps its own.
    let longer = Order {
        status: Status::Pending { expires_at: Timestamp::from_millis(0).after(Span::minutes(90)) },
        ..placed()
    };
    assert!(!is_open(&offers(&longer, &asker(61)).expire));
    for status in [Status::Confirming, Status::Partial, Status::Cancelled] {
        assert!(!is_open(&offers(&Order { status, ..placed() }, &asker(600)).expire));
    }
}

#[test]
fn each_word_says_what_it_would_come_to() {
    assert_eq!(word(&placed(), "finished"), "the order becomes paid");
    assert_eq!(word(&placed(), "waiting"), "the order stays pending");
    assert_eq!(word(&placed(), "refunded"), "the order becomes failed");
    let swept = Order { status: Status::Failed { reason: FailureReason::Swept }, ..placed() };
    assert_eq!(word(&swept, "finished"), "the order becomes paid, and it is raised", "it is late");
    let cancelled = Order { status: Status::Cancelled, ..placed() };
    assert_eq!(word(&cancelled, "finished"), "nothing moves, and it is raised");
}

#[test]
fn what_is_not_offered_says_why_as_the_api_would() {
    let offers = offers(&placed(), &asker(0));
    let (Offer::Closed(accept), Offer::Closed(rest)) = (&offers.accept, &offers.rest) else {
        panic!("both are closed")
    };
    assert!(accept.starts_with("Order is in state \"pending\" and cannot be accepted"), "{accept}");
    assert!(rest.starts_with("Order is in state \"pending\""), "{rest}");
}
