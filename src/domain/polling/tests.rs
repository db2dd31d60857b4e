//! What holds of the schedule: in the worked example of the README's window, and for every order there can be.

use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use super::*;
use crate::domain::catalogue::ProductCode;
use crate::domain::ids::{AccountId, OrderId};
use crate::domain::ledger::Ledger;
use crate::domain::money::{Currency, Price};
use crate::domain::order::{AmountCheck, FailureReason, NewOrder, OrderEvent, Source};

const NOON: &str = "2026-05-12T12:00:00Z";

fn noon() -> Timestamp {
    Timestamp::parse(NOON).unwrap()
}

fn payment(id: &str, role: Role, word: ProviderWord) -> Payment {
    Payment {
        id: PaymentId::parse(id).unwrap(),
        role,
        word,
        coin: None,
        pay_amount: None,
        received: None,
        other: None,
        unclear: None,
        worth: crate::domain::evidence::PaymentWorth::default(),
        before_failure: None,
        provider_at: None,
        first_seen_at: noon(),
        pay_to: None,
    }
}

/// A bound order, placed at noon with an hour to pay, in this status since then.
fn order(window: Span, status: Option<(Status, Timestamp)>) -> Order {
    let new = NewOrder {
        id: OrderId::new(Uuid::from_u128(1)),
        account_id: AccountId::new(Uuid::from_u128(2)),
        product: ProductCode::parse("api_starter").unwrap(),
        price: Price { cents: 14_900, currency: Currency::parse("USD").unwrap() },
        pay_currency: None,
        customer_note: None,
        pay_window: window,
    };
    let mut order = Order::place(new, noon());
    order.ledger = Ledger::new(vec![payment("ours", Role::Bound, ProviderWord::Waiting)]);
    if let Some((status, at)) = status {
        let moved = OrderEvent { seq: 2, status: status.name(), at, source: Source::Ipn, ..order.events[0].clone() };
        order.events.push(moved);
        order.status = status;
    }
    order
}

fn paid_at_noon() -> Order {
    let paid = Status::Paid { paid_at: noon(), check: AmountCheck::Checked };
    order(Span::minutes(60), Some((paid, noon())))
}

/// Every look from `first` on, until there is none or the time is over.
fn looks(order: &Order, first: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let next = |at: &Timestamp| next_look(order, *at).filter(|next| *next <= until);
    std::iter::successors(next(&first), next).collect()
}

fn minutes_of(order: &Order, first: Timestamp, until: Timestamp) -> Vec<i64> {
    looks(order, first, until).iter().map(|at| at.since(noon()).as_millis() / 60_000).collect()
}

fn any_status() -> impl Strategy<Value = Status> {
    select(vec![
        Status::Confirming,
        Status::Partial,
        Status::Failed { reason: FailureReason::Expired },
        Status::Failed { reason: FailureReason::Swept },
        Status::Failed { reason: FailureReason::Ipn },
        Status::Failed { reason: FailureReason::IpnExpired },
        Status::Cancelled,
    ])
}

#[test]
fn in_the_window_of_an_hour_it_asks_soon_then_less_and_often_near_the_end() {
    let order = order(Span::minutes(60), None);
    let until = noon().after(Span::minutes(60));
    let asked = minutes_of(&order, noon(), until);
    assert_eq!(asked, [2, 4, 6, 8, 10, 12, 15, 19, 24, 30, 38, 47, 50, 52, 54, 56, 58, 60]);
}

#[test]
fn after_an_expiry_it_asks_every_quarter_of_an_hour_then_slowly_and_for_the_last_time_after_seven_days() {
    let expired = noon().after(Span::minutes(60));
    let order = order(Span::minutes(60), Some((Status::Failed { reason: FailureReason::Expired }, expired)));
    let asked = looks(&order, expired, noon().after(Span::hours(1_000)));
    let first: Vec<_> = asked.iter().take(6).map(|at| at.since(expired).as_millis() / 60_000).collect();
    assert_eq!(first, [15, 30, 45, 60, 75, 90]);
    assert_eq!(asked.last(), Some(&noon().after(ADDRESS_WATCHED_FOR)));
    // Some sixty questions for a week of an order that nobody pays.
    assert!((40..=60).contains(&asked.len()), "{}", asked.len());
}

#[test]
fn an_order_without_a_payment_is_not_asked_after() {
    let unbound = Order { ledger: Ledger::default(), ..order(Span::minutes(60), None) };
    assert_eq!(next_look(&unbound, noon()), None);
}

#[test]
fn a_paid_order_is_looked_at_after_an_hour_a_day_three_days_and_seven() {
    let paid = paid_at_noon();
    let asked: Vec<_> = looks(&paid, noon(), noon().after(Span::hours(1_000)))
        .iter()
        .map(|at| at.since(noon()).as_millis() / 3_600_000)
        .collect();
    assert_eq!(asked, [1, 24, 72, 168]);
    let hours = |hours| noon().after(Span::hours(hours));
    // The row that it had as an unpaid order comes up before the first of them.
    assert!(!is_asked_about(&paid, hours(1).before(Span::millis(1))));
    for due in [1, 24, 72, 168, 191] {
        assert!(is_asked_about(&paid, hours(due)), "{due}");
    }
    assert!(!is_asked_about(&paid, hours(192)));
    assert_eq!((next_try(&paid, 9, hours(1)), next_try(&paid, 1, hours(192))), (Some(hours(2)), None));
}

#[test]
fn of_a_paid_order_settled_payments_are_asked_for_too_because_they_may_be_refunded() {
    let child = |id: &str, word| payment(id, Role::Child(PaymentId::parse("ours").unwrap()), word);
    let bound = payment("ours", Role::Bound, ProviderWord::Finished);
    let others = [child("settled", ProviderWord::Finished), child("refunded", ProviderWord::Refunded)];
    let paid = Order { ledger: Ledger::new(others.into_iter().chain([bound]).collect()), ..paid_at_noon() };
    let asked: Vec<_> = questions(&paid, noon()).iter().map(ToString::to_string).collect();
    assert_eq!(asked, ["ours", "settled"]);
}

#[test]
fn unanswered_questions_are_repeated_soon_then_every_ten_minutes_and_for_a_day_past_the_end() {
    let order = order(Span::minutes(60), None);
    let pauses: Vec<_> =
        (0..8).map(|times| next_try(&order, times, noon()).unwrap().since(noon()).as_millis() / 1_000).collect();
    assert_eq!(pauses, [30, 30, 60, 120, 240, 480, 600, 600]);
    let over = Order { status: Status::Cancelled, ..order };
    let end = noon().after(ADDRESS_WATCHED_FOR);
    assert_eq!(next_try(&over, 1, end), Some(end.after(Span::seconds(30))));
    assert_eq!(next_try(&over, 1, end.after(Span::hours(24))), None);
}

#[test]
fn the_bound_payment_is_always_asked_for_and_others_until_they_are_settled() {
    let child = || Role::Child(PaymentId::parse("ours").unwrap());
    let others = [
        ("top-up", Role::Own, ProviderWord::Waiting),
        ("late top-up", Role::Own, ProviderWord::Expired),
        ("done top-up", Role::Own, ProviderWord::Finished),
        ("child", child(), ProviderWord::Sending),
        ("dead child", child(), ProviderWord::Expired),
        ("done child", child(), ProviderWord::Finished),
    ];
    let bound = [("ours", Role::Bound, ProviderWord::Finished)];
    let payments = others.into_iter().chain(bound).map(|(id, role, word)| payment(id, role, word)).collect();
    let order = Order { ledger: Ledger::new(payments), ..order(Span::minutes(60), None) };
    let asked: Vec<_> = questions(&order, noon()).iter().map(ToString::to_string).collect();
    assert_eq!(asked, ["ours", "top-up", "late top-up", "child"]);
}

#[test]
fn of_many_payments_each_is_asked_for_by_one_look_or_another() {
    let many = (0..30).map(|nth| payment(&format!("child-{nth}"), Role::Own, ProviderWord::Confirming));
    let bound = payment("ours", Role::Bound, ProviderWord::Confirming);
    let order = Order { ledger: Ledger::new(many.chain([bound]).collect()), ..order(Span::minutes(60), None) };
    let mut asked = Vec::new();
    for second in 0..30 {
        let look = questions(&order, noon().after(Span::seconds(second)));
        assert_eq!((look.len(), look[0].as_str()), (QUESTIONS_MAX, "ours"));
        asked.extend(look);
    }
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 31);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_look_is_always_in_the_future_and_never_far(
        status in prop::option::of(any_status()),
        window in 5_i64..1_440,
        moved in 0_i64..10_000,
        now in 0_i64..60_000,
    ) {
        let minute = |minutes| noon().after(Span::minutes(minutes));
        let order = order(Span::minutes(window), status.map(|status| (status, minute(moved))));
        if let Some(next) = next_look(&order, minute(now)) {
            assert!(minute(now) < next);
            let most = match order.status {
                Status::Pending { expires_at } if minute(now) < expires_at => Span::minutes(15),
                Status::Confirming => Span::hours(1),
                _ => Span::hours(6),
            };
            assert!(next <= minute(now).after(most));
        }
    }

    #[test]
    fn the_first_look_is_two_minutes_after_the_payment_was_made(window in 15_i64..10_000) {
        let order = order(Span::minutes(window), None);
        assert_eq!(next_look(&order, noon()), Some(noon().after(Span::minutes(2))));
    }

    #[test]
    fn the_last_ten_minutes_of_every_window_are_looked_at_every_other_minute(window in 5_i64..10_000) {
        let order = order(Span::minutes(window), None);
        let expires_at = noon().after(Span::minutes(window));
        let asked = looks(&order, noon(), expires_at);
        let near = asked.iter().filter(|at| expires_at.before(END_OF_WINDOW) <= **at).count();
        assert!(2 <= near, "{near} of {}", asked.len());
        // And nobody is asked about all day long.
        assert!(asked.len() < 30 + usize::try_from(window / 15).unwrap(), "{}", asked.len());
    }

    #[test]
    fn every_order_is_let_go_of_and_not_before_its_last_moment(status in any_status(), moved in 0_i64..9_000) {
        let moved = noon().after(Span::minutes(moved));
        let ends = match status {
            Status::Confirming | Status::Partial => moved.after(UNSETTLED_ASKED_FOR),
            _ => noon().after(ADDRESS_WATCHED_FOR),
        };
        let order = order(Span::minutes(60), Some((status, moved)));
        let asked = looks(&order, noon(), noon().after(Span::hours(24 * 400)));
        assert_eq!(asked.last(), Some(&ends));
        assert_eq!(next_look(&order, ends), None);
        assert!(next_try(&order, 3, ends).is_some());
        assert_eq!(next_try(&order, 3, ends.after(LAST_ANSWER_WITHIN)), None);
    }
}
