//! What holds of `decide` whatever happens, in whatever order, however often: random histories.
//!
//! Reports come late, twice, out of order, without times, of other payments and other orders, from
//! clocks that run backwards. The single cases are in `table.rs` and `proofs.rs`.

use proptest::prelude::*;
use proptest::sample::select;

use super::histories::*;
use super::samples::*;
use super::{Input, LatePayments, Moment, decide};
use crate::domain::attention::AttentionKind;
use crate::domain::evidence::{Evidence, Outcome, Witness, WitnessKind};
use crate::domain::ledger::Role;
use crate::domain::money::CoinAmount;
use crate::domain::order::{FailureReason, Order, Source, Status, StatusName};
use crate::domain::time::Span;
use crate::domain::webhook::endpoint::EventType;

/// What an operator may settle: never what is unpaid, still on its way or paid already.
fn may_be_accepted(from: &Order) -> bool {
    match from.status.name() {
        StatusName::Partial => true,
        StatusName::Failed | StatusName::Cancelled => from.ledger.has_money(),
        StatusName::Pending | StatusName::Confirming | StatusName::Paid => false,
    }
}

/// The edges of the contract's table, and which of them need a guess to have come before.
fn may_move(from: &Order, to: &Status, late: LatePayments) -> bool {
    use StatusName::{Cancelled, Confirming, Failed, Paid, Partial, Pending};
    let guessed = match from.failure_reason() {
        Some(FailureReason::Expired | FailureReason::Swept | FailureReason::IpnExpired) => true,
        Some(FailureReason::Ipn) | None => false,
    };
    match (from.status.name(), to.name()) {
        (Pending, Confirming | Partial | Paid | Failed | Cancelled) => true,
        (Confirming, Partial | Paid | Failed) | (Partial, Paid | Failed) => true,
        (Failed, Confirming | Partial | Paid) => guessed && late == LatePayments::Reopen,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn version_and_updated_at_grow_with_every_change_and_only_then((order, steps) in any_history()) {
        walk(order, &steps, |before, _, decision| {
            let after = &decision.order;
            if decision.changes(before) {
                assert_eq!(after.version, before.version + 1);
                assert!(before.updated_at < after.updated_at);
            } else {
                assert_eq!(after, before);
                assert_eq!(decision.event, None);
            }
        });
    }

    #[test]
    fn the_log_has_no_gap_is_only_added_to_and_never_runs_backwards((order, steps) in any_history()) {
        let last = walk(order, &steps, |before, _, decision| {
            let mut expected = before.events.clone();
            expected.extend(decision.event.clone());
            assert_eq!(decision.order.events, expected);
        });
        for (nth, event) in (1..).zip(&last.events) {
            assert_eq!(event.seq, nth);
        }
        assert!(last.events.is_sorted_by_key(|event| event.at));
        let created = last.events.iter().filter(|event| event.source == Source::Create).count();
        assert_eq!((created, last.events[0].source), (1, Source::Create));
    }

    #[test]
    fn an_order_moves_only_along_the_edges_and_says_so_in_one_event((order, steps) in any_history()) {
        walk(order, &steps, |before, (input, moment), decision| {
            let after = &decision.order.status;
            match &decision.event {
                Some(event) if matches!(input, Input::Accept { .. }) => {
                    assert!(may_be_accepted(before), "{:?}", before.status);
                    assert_eq!((event.status, event.source), (StatusName::Paid, Source::Ipn));
                }
                Some(event) => {
                    assert!(may_move(before, after, moment.rules.late_payments), "{:?} -> {after:?}", before.status);
                    assert_eq!(event.status, after.name());
                }
                None => assert_eq!(after.name(), before.status.name()),
            }
        });
    }

    #[test]
    fn each_step_to_paid_failed_or_partial_and_each_larger_sum_is_announced_once_and_nothing_else((order, steps) in any_history()) {
        let mut paid_steps = 0;
        walk(order, &steps, |before, _, decision| {
            let reached = decision.event.as_ref().map(|event| event.status);
            let announced = decision.announcement.map(|announcement| match announcement.event_type() {
                EventType::OrderPaid => StatusName::Paid,
                EventType::OrderPartial => StatusName::Partial,
                EventType::OrderFailed | EventType::TestPing => StatusName::Failed,
            });
            let told = [StatusName::Paid, StatusName::Failed, StatusName::Partial];
            let of_a_step = reached.filter(|status| told.contains(status));
            let grew = before.ledger.received() < decision.order.ledger.received();
            let of_a_sum = (before.status == Status::Partial && decision.order.status == Status::Partial && grew)
                .then_some(StatusName::Partial);
            assert_eq!(announced, of_a_step.or(of_a_sum));
            paid_steps += usize::from(announced == Some(StatusName::Paid));
        });
        assert!(paid_steps <= 1);
    }

    #[test]
    fn what_is_paid_stays_paid_from_its_first_paid_event((order, steps) in any_history()) {
        let last = walk(order, &steps, |before, _, decision| {
            if before.status.name() == StatusName::Paid {
                assert_eq!(decision.order.paid_at(), before.paid_at());
            }
        });
        let first = last.events.iter().find(|event| event.status == StatusName::Paid).map(|event| event.at);
        assert_eq!(last.paid_at(), first);
    }

    #[test]
    fn the_same_report_again_does_nothing_however_late((order, steps) in any_history(), again_at in any_now()) {
        walk(order, &steps, |_, (input, moment), decision| {
            if let Input::Evidence(..) | Input::Made(..) = input {
                let order = &decision.order;
                let again = decide(order, input, &Moment { now: again_at, ..*moment }).unwrap();
                assert_eq!((&again.order, &again.event, again.announcement), (order, &None, None));
            }
        });
    }

    #[test]
    fn one_payment_is_bound_for_good_and_none_is_counted_twice((order, steps) in any_history()) {
        let last = walk(order, &steps, |before, _, decision| {
            if before.payment_id().is_some() {
                assert_eq!(decision.order.payment_id(), before.payment_id());
            }
            if before.owed.is_some() {
                assert_eq!(decision.order.owed, before.owed);
            }
        });
        let mut ids: Vec<_> = last.ledger.iter().map(|payment| &payment.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), last.ledger.iter().count());
        // No report names more than 102 btc of one payment.
        let most = (0..ids.len()).fold(CoinAmount::zero(), |sum, _| sum.plus(&btc("102")));
        assert!(last.ledger.received() <= most);
    }

    #[test]
    fn a_made_payment_binds_only_an_order_that_has_none_and_else_joins_as_our_own((order, steps) in any_history()) {
        walk(order, &steps, |before, (input, _), decision| {
            let Input::Made(made, _) = input else { return };
            let id = &made.evidence.payment_id;
            let (known, joined) = (before.ledger.find(id), decision.order.ledger.find(id));
            let role = joined.map(|payment| payment.role.clone());
            match (known, &made.evidence.parent_payment_id) {
                _ if decision.outcome == Outcome::Mismatch => assert_eq!(decision.order, *before),
                (Some(known), _) => assert_eq!(role, Some(known.role.clone())),
                (None, Some(parent)) => assert_eq!(role, Some(Role::Child(parent.clone()))),
                (None, None) if before.payment_id().is_none() => assert_eq!(role, Some(Role::Bound)),
                (None, None) => assert_eq!(role, Some(Role::Own)),
            }
            let kept = joined.filter(|payment| !matches!(payment.role, Role::Child(_)));
            assert!(kept.is_none_or(|payment| decision.outcome == Outcome::Mismatch || payment.pay_to.is_some()));
        });
    }

    #[test]
    fn where_a_payment_is_paid_never_changes_and_what_is_owed_is_the_bound_ones((order, steps) in any_history()) {
        walk(order, &steps, |before, _, decision| {
            let after = &decision.order;
            for (payment, known) in before.ledger.iter().filter_map(|payment| Some((payment, payment.pay_to.as_ref()?))) {
                let now = after.ledger.find(&payment.id).and_then(|payment| payment.pay_to.as_ref()).unwrap();
                assert_eq!(now.address, known.address);
                for (known, now) in [(&known.extra_id, &now.extra_id), (&known.purchase_id, &now.purchase_id)] {
                    assert!(known.is_none() || known == now);
                }
            }
            if before.owed.is_none() {
                assert_eq!(after.owed, after.ledger.bound().and_then(|bound| bound.pay_amount.clone()));
            }
        });
    }

    #[test]
    fn money_that_was_recorded_is_never_forgotten((order, steps) in any_history()) {
        walk(order, &steps, |before, _, decision| {
            for payment in before.ledger.iter().filter(|payment| payment.other.is_some()) {
                assert!(decision.order.ledger.find(&payment.id).is_some_and(|after| after.other.is_some()));
            }
        });
    }

    #[test]
    fn a_move_has_the_witness_and_the_time_of_the_evidence_that_made_it((order, steps) in any_history()) {
        walk(order, &steps, |_, (input, _), decision| {
            let Some(event) = &decision.event else { return };
            let (witness, provider_at) = match (input, input.evidence()) {
                (_, Some(evidence)) => (Some(evidence.witness.kind()), evidence.provider_at),
                (Input::Accept { .. }, None) => (Some(WitnessKind::Operator), None),
                _ => (None, None),
            };
            assert_eq!((event.witness, event.provider_at), (witness, provider_at));
            assert_eq!(event.witness.is_some(), event.source == Source::Ipn);
            assert!(event.lag().is_none_or(|lag| lag == event.at.since(provider_at.unwrap())));
        });
    }

    #[test]
    fn what_is_raised_names_the_order_and_no_item_stands_twice((order, steps) in any_history()) {
        walk(order, &steps, |before, _, decision| {
            let items = &decision.attention;
            for (nth, item) in items.iter().enumerate() {
                // Silence is nothing about one order.
                let about = (item.kind != AttentionKind::IpnSilence).then_some(before.id);
                assert_eq!(item.order, about);
                assert!(!items[..nth].contains(item));
            }
        });
    }

    #[test]
    fn a_poll_raises_silence_exactly_where_it_moves_what_an_ipn_should_have((order, steps) in any_history()) {
        walk(order, &steps, |before, (input, moment), decision| {
            let now = before.events.last().map_or(moment.now, |last| moment.now.max(last.at));
            let late = match input {
                Input::Evidence(evidence, _) if evidence.witness == Witness::Poll => {
                    evidence.provider_at.is_none_or(|at| at.after(Span::minutes(1)) < now)
                }
                _ => false,
            };
            let raised = decision.attention.iter().any(|item| item.kind == AttentionKind::IpnSilence);
            assert_eq!(raised, late && decision.event.is_some());
        });
    }

    #[test]
    fn what_a_poll_finds_again_of_a_known_payment_is_not_raised_again((order, steps) in any_history()) {
        walk(order, &steps, |_, (input, moment), decision| {
            let Input::Evidence(evidence, _) = input else { return };
            if evidence.witness != Witness::Poll {
                return;
            }
            let newest = decision.order.ledger.find(&evidence.payment_id).map(|payment| &payment.word);
            let recorded = matches!(decision.outcome, Outcome::Applied | Outcome::Refreshed | Outcome::Child);
            if recorded && newest == Some(&evidence.word) {
                let again = decide(&decision.order, input, moment).unwrap();
                assert_eq!(again.attention, []);
            }
        });
    }

    #[test]
    fn money_on_its_way_is_neither_expired_nor_swept_nor_cancelled((order, steps) in any_history()) {
        walk(order, &steps, |before, (input, _), decision| {
            let by_evidence = matches!(input, Input::Evidence(..) | Input::Made(..) | Input::Accept { .. });
            if !by_evidence && before.status.name() != StatusName::Pending {
                assert_eq!(decision.order.status, before.status);
            }
        });
    }

    #[test]
    fn the_four_reports_of_a_payment_lead_to_paid_in_every_order_and_however_often(
        reports in Just(["waiting", "confirming", "sending", "finished"].to_vec()).prop_shuffle(),
        repeated in prop::collection::vec(0_usize..4, 0..4),
        order in select(vec![placed(), bound()]),
        timed in any::<bool>(),
    ) {
        let words: Vec<_> = reports.iter().chain(repeated.iter().map(|nth| &reports[*nth])).copied().collect();
        let evidence: Vec<_> = words.iter().map(|word| stamped(word, timed)).collect();
        assert_paid_once(&after_all(order, &evidence));
    }

    #[test]
    fn deposits_that_make_up_the_sum_together_lead_to_paid_in_every_order(
        reports in Just(parts()).prop_shuffle(),
        order in select(vec![placed(), bound()]),
    ) {
        assert_paid_once(&after_all(order, &reports));
    }

    #[test]
    fn a_payment_between_which_the_window_ends_still_leads_to_paid(
        reports in Just(["waiting", "confirming", "sending", "finished"].to_vec()).prop_shuffle(),
        ends_before in 0_usize..4,
    ) {
        let mut order = bound();
        for (nth, word) in reports.iter().enumerate() {
            if nth == ends_before {
                order = decide(&order, &Input::Tick, &moment("13:30")).unwrap().order;
            }
            order = hearing(&order, stamped(word, true)).order;
        }
        assert_paid_once(&order);
    }
}

/// What the provider says of a payment that runs its course, minute by minute.
fn stamped(word: &str, timed: bool) -> Evidence {
    let (received, time) = match word {
        "waiting" => ("0", "12:46"),
        "confirming" => ("0", "12:47"),
        "sending" => ("100", "12:48"),
        _ => ("100", "12:49"),
    };
    Evidence { provider_at: timed.then(|| at(time)), ..paying(word, received) }
}

/// 60 btc on the order's own payment and two further deposits of 20.
fn parts() -> Vec<Evidence> {
    let second = Evidence { payment_id: payment_id("second-child"), ..child("partially_paid", "20") };
    [paying("confirming", "60"), paying("partially_paid", "60"), child("finished", "20"), second]
        .into_iter()
        .map(untimed)
        .collect()
}

fn assert_paid_once(order: &Order) {
    assert_eq!(order.status.name(), StatusName::Paid, "{:#?}", order.events);
    let steps: Vec<_> = order.events.iter().map(|event| event.status).collect();
    assert_eq!(steps.iter().filter(|status| **status == StatusName::Paid).count(), 1);
    assert_eq!(steps.last(), Some(&StatusName::Paid));
    let forward = steps.iter().filter(|status| **status != StatusName::Failed);
    assert!(forward.is_sorted());
}
