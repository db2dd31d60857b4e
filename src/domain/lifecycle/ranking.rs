//! Reports of one payment arrive in any order and from several clocks: what `decide` makes of them, as single
//! sentences and over random orders of arrival (contract, section 2, "Order of evidence" and "Late rate").

use proptest::prelude::*;
use proptest::sample::select;

use super::samples::*;
use super::{Input, LateRate, Moment, Rules, decide};
use crate::domain::attention::AttentionKind as Kind;
use crate::domain::evidence::{Evidence, Outcome, PaymentWorth, Witness};
use crate::domain::ids::KeyId;
use crate::domain::order::{Order, Status, StatusName};
use crate::domain::time::Span;
use crate::domain::webhook::Announcement;

#[test]
fn a_full_payment_settles_an_order_even_where_it_is_dated_before_an_earlier_report() {
    for earlier in ["waiting", "confirming", "confirmed", "sending", "partially_paid"] {
        let first = Evidence { provider_at: Some(at("13:00:02")), ..says(earlier) };
        let order = hearing(&bound(), first).order;
        let decision = hearing(&order, paying("finished", "100"));
        assert_eq!(decision.order.status.name(), StatusName::Paid, "{earlier}");
        assert_eq!(decision.order.ledger.received(), btc("100"));
        assert_eq!(raised(&decision), []);
    }
}

#[test]
fn a_failure_that_is_older_than_what_is_known_moves_and_raises_nothing() {
    let older = |word| Evidence { provider_at: Some(at("12:59")), ..unpaid(word) };
    for word in ["failed", "expired", "refunded"] {
        for known in [says("confirming"), paying("partially_paid", "50"), paying("finished", "100")] {
            let order = hearing(&bound(), known).order;
            let decision = hearing(&order, older(word));
            assert_eq!((&decision.order.status, decision.outcome), (&order.status, Outcome::Ignored), "{word}");
            assert_eq!((decision.announcement, decision.attention), (None, vec![]), "{word}");
        }
    }
}

#[test]
fn money_under_a_word_that_is_not_known_is_kept_with_its_numbers_and_binds_its_payment() {
    for order in [placed(), bound()] {
        let decision = hearing(&order, paying("on_hold", "100"));
        let payment = decision.order.ledger.bound().unwrap();
        let unclear = payment.unclear.as_ref().unwrap();
        assert_eq!((unclear.word.as_str(), &unclear.received, &unclear.coin), ("on_hold", &btc("100"), &coin("btc")));
        assert_eq!(decision.order.ledger.received(), btc("0"));
        assert!(decision.order.ledger.has_money());
        assert_eq!(raised(&decision), [Kind::UnknownStatus]);
    }
}

#[test]
fn a_settled_wrong_coin_makes_an_unpaid_order_partial_so_that_no_clock_ends_it() {
    let usdt = Evidence { coin: coin("usdttrc20"), ..child("finished", "149") };
    let decision = hearing(&bound(), usdt);
    assert_eq!(decision.order.status, Status::Partial);
    assert_eq!(raised(&decision), [Kind::CurrencyMismatch, Kind::ChildPayment]);
    let later = decide(&decision.order, &Input::Tick, &moment("14:30")).unwrap();
    assert_eq!((later.order.status, later.event), (Status::Partial, None));
    let accepted = Input::Accept { payment: None, actor: None };
    assert!(decide(&decision.order, &accepted, &moment("14:30")).is_ok());
}

#[test]
fn a_late_payment_that_is_worth_too_much_less_than_the_price_leaves_the_order_partial() {
    let expired = decide(&bound(), &Input::Tick, &moment("13:30")).unwrap().order;
    let worth = |outcome: &str| PaymentWorth {
        outcome_amount: Some(btc(outcome)),
        outcome_currency: coin("usdttrc20"),
        ..PaymentWorth::default()
    };
    let arrives = |outcome: &str, rules| {
        let evidence = Evidence { worth: worth(outcome), ..paying("finished", "100") };
        let decision = decide(&expired, &free(evidence), &Moment { now: at("19:00"), rules }).unwrap();
        (decision.order.status.name(), raised(&decision))
    };
    // 149 USD and at most 5 % less.
    assert_eq!(arrives("141.55", Rules::SHIPPED), (StatusName::Paid, vec![Kind::LatePayment]));
    assert_eq!(arrives("141.54", Rules::SHIPPED), (StatusName::Partial, vec![Kind::WorthLess]));
    assert_eq!(arrives("0", Rules::SHIPPED), (StatusName::Paid, vec![Kind::LatePayment]));
    let accepting = Rules { late_rate: LateRate::Accept, ..Rules::SHIPPED };
    assert_eq!(arrives("39.1", accepting), (StatusName::Paid, vec![Kind::LatePayment]));
    let in_time = Evidence { worth: worth("39.1"), ..paying("finished", "100") };
    let decision = hearing(&bound(), in_time);
    assert_eq!((decision.order.status.name(), raised(&decision)), (StatusName::Paid, vec![]));
}

#[test]
fn a_worth_that_was_too_low_is_not_forgotten_when_the_payment_is_reported_again() {
    let expired = decide(&bound(), &Input::Tick, &moment("13:30")).unwrap().order;
    let worth = PaymentWorth { paid_at_fiat: Some(btc("39.1")), ..PaymentWorth::default() };
    let first = Evidence { worth, ..paying("finished", "100") };
    let without = Evidence { provider_at: Some(at("18:00")), ..paying("finished", "100") };
    let order = after_all(expired, &[first, without]);
    assert_eq!(order.status, Status::Partial);
}

#[test]
fn a_deposit_that_completes_a_late_order_is_weighed_with_what_came_before_it() {
    let expired = decide(&bound(), &Input::Tick, &moment("13:30")).unwrap().order;
    let worth = |fiat: &str| PaymentWorth { paid_at_fiat: Some(btc(fiat)), ..PaymentWorth::default() };
    let first = Evidence { worth: worth("70"), ..paying("partially_paid", "50") };
    let partial = hearing(&expired, first).order;
    assert_eq!(partial.status, Status::Partial);
    // 149 USD and at most 5 % less.
    for (rest, status, also) in
        [("71.55", StatusName::Paid, Kind::LatePayment), ("71.54", StatusName::Partial, Kind::WorthLess)]
    {
        let deposit = Evidence { worth: worth(rest), ..child("finished", "50") };
        let decision = hearing(&partial, deposit.clone());
        let kinds = raised(&decision);
        assert_eq!(decision.order.status.name(), status, "{rest}");
        assert!(kinds.len() == 2 && kinds.contains(&also) && kinds.contains(&Kind::ChildPayment), "{kinds:?}");
        let again = hearing(&decision.order, Evidence { witness: Witness::Poll, ..deposit });
        assert_eq!((&again.order.status, raised(&again)), (&decision.order.status, vec![]), "{rest}");
    }
}

/// The provider's reports of a payment that ends well, in the order in which they were made.
fn true_reports() -> Vec<Vec<Evidence>> {
    let whole = ["waiting", "confirming", "confirmed", "sending"].map(says).to_vec();
    let told_late = vec![says("waiting"), paying("sending", "100")];
    let in_two_parts = vec![says("confirming"), paying("partially_paid", "50")];
    [whole, told_late, in_two_parts].map(|reports| [reports, vec![paying("finished", "100")]].concat()).to_vec()
}

/// The reports as they arrive: in any order, some twice, and each from a clock that is off by any amount, or undated.
fn arrivals() -> impl Strategy<Value = Vec<Evidence>> {
    let witness = select(vec![Witness::Ipn, Witness::Poll, Witness::Operator(KeyId::new(uuid::Uuid::nil()))]);
    let clock = (prop::option::of(-600_000_i64..600_000), witness);
    select(true_reports()).prop_flat_map(move |reports| {
        let repeated = prop::collection::vec(select(reports.clone()), 0..3);
        let all = repeated.prop_map(move |more| [reports.clone(), more].concat()).prop_shuffle();
        (all, prop::collection::vec(clock.clone(), 8)).prop_map(|(reports, clocks)| {
            let dated = reports.into_iter().zip(clocks).map(|(report, (off, witness))| Evidence {
                witness,
                provider_at: off.map(|seconds| at("13:00").after(Span::seconds(seconds))),
                ..report
            });
            dated.collect()
        })
    })
}

/// Tells the order all of it, and holds that no report raises a false alarm or tells the merchant of a failure.
fn told_without_alarm(order: Order, reports: &[Evidence]) -> Order {
    reports.iter().fold(order, |order, report| {
        let decision = hearing(&order, report.clone());
        assert!(!matches!(decision.announcement, Some(Announcement::Failed { .. })), "{report:?}");
        let partly = decision.order.status == Status::Partial;
        let mut false_alarms = raised(&decision);
        // A poll's news and a part of the sum are true when they come.
        false_alarms.retain(|kind| *kind != Kind::IpnSilence && !(partly && *kind == Kind::Underpaid));
        assert_eq!(false_alarms, [], "{report:?}");
        decision.order
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_payment_ends_as_paid_in_every_order_of_arrival_with_clocks_off_by_any_amount(
        reports in arrivals(),
        order in select(vec![placed(), bound()]),
    ) {
        let known = order.ledger.bound().and_then(|bound| bound.provider_at);
        let told = told_without_alarm(order, &reports);
        prop_assert_eq!(told.status.name(), StatusName::Paid);
        let payment = told.ledger.bound().unwrap();
        prop_assert_eq!((payment.word.as_str(), &payment.received), ("finished", &Some(btc("100"))));
        prop_assert_eq!(payment.provider_at, reports.iter().map(|report| report.provider_at).chain([known]).max().flatten());
    }

    #[test]
    fn a_failure_older_than_what_arrived_before_it_changes_nothing_of_the_end(
        word in select(vec!["failed", "expired", "refunded"]),
        older_by in 1_i64..100_000,
        after in 1_usize..5,
        reports in select(true_reports()),
    ) {
        let mut arrived = reports;
        let after = after.min(arrived.len());
        arrived.insert(after, Evidence { provider_at: Some(at("13:00").before(Span::seconds(older_by))), ..unpaid(word) });
        let told = told_without_alarm(bound(), &arrived);
        prop_assert_eq!(told.status.name(), StatusName::Paid);
        prop_assert_eq!(told.ledger.bound().unwrap().word.as_str(), "finished");
    }

    #[test]
    fn a_payment_that_comes_to_nothing_ends_as_failed_in_every_order_of_arrival_and_is_told_once(
        word in select(vec!["failed", "expired", "refunded"]),
        arrived in Just(vec![0_usize, 1, 2, 3, 4, 1, 3, 4]).prop_shuffle(),
        order in select(vec![placed(), bound()]),
    ) {
        let words = ["waiting", "confirming", "confirmed", "sending", word];
        let report = |nth: usize| {
            let dated = at("13:00").after(Span::seconds(i64::try_from(nth).unwrap()));
            Evidence { provider_at: Some(dated), ..unpaid(words[nth]) }
        };
        let mut failures = 0;
        let told = arrived.into_iter().fold(order, |order, nth| {
            let decision = hearing(&order, report(nth));
            failures += usize::from(matches!(decision.announcement, Some(Announcement::Failed { .. })));
            assert_eq!(raised(&decision), [], "{}", words[nth]);
            decision.order
        });
        prop_assert_eq!((told.status.name(), failures), (StatusName::Failed, 1));
        prop_assert_eq!(told.ledger.bound().unwrap().word.as_str(), word);
    }
}
