//! Single sentences about `decide` that the table has no column for: boundaries, sums, news, and which
//! of two reports is the newer. The table itself is `tests/data/lifecycle.txt`.

use super::samples::*;
use super::{Input, Made, Moment, Refusal, decide};
use crate::domain::attention::AttentionKind as Kind;
use crate::domain::evidence::{Evidence, Outcome, Ownership, ProviderWord};
use crate::domain::ledger::{PayTo, Role};
use crate::domain::order::{AmountCheck, FailureReason, Order, Source, Status, StatusName};
use crate::domain::time::Span;
use crate::domain::webhook::Announcement;

fn tick(order: &Order, time: &str) -> super::Decision {
    decide(order, &Input::Tick, &moment(time)).unwrap()
}

#[test]
fn the_window_ends_at_its_sixtieth_minute_and_not_a_millisecond_before() {
    let cancel = |time| decide(&placed(), &Input::Cancel, &moment(time)).unwrap().order.status;
    let failed = Status::Failed { reason: FailureReason::Expired };
    assert_eq!(cancel("13:29:59.999"), Status::Cancelled);
    assert_eq!(cancel("13:30"), failed);
    assert_eq!(tick(&placed(), "13:29:59.999").event, None);
    let expired = tick(&placed(), "13:30");
    assert_eq!((expired.order.status, expired.order.due_at), (failed, None));
    assert_eq!(expired.event.unwrap().source, Source::Expired);
}

#[test]
fn only_a_pending_order_can_be_cancelled() {
    let refusal = decide(&half_paid(), &Input::Cancel, &moment("13:00")).unwrap_err();
    assert_eq!(refusal, Refusal::NotCancellable(StatusName::Partial));
}

fn accepting(order: &Order, payment: Option<&str>) -> Result<super::Decision, Refusal> {
    let actor = crate::domain::ids::KeyId::parse("key_0f0e0d0c-0b0a-4908-8706-050403020100");
    decide(order, &Input::Accept { payment: payment.map(payment_id), actor }, &moment("13:00"))
}

#[test]
fn an_acceptance_names_the_operator_and_the_payment_and_ends_the_wait_for_news() {
    let topped_up = with_top_up(&half_paid());
    for (named, about) in [(None, "ours"), (Some("ours"), "ours"), (Some("top-up"), "top-up")] {
        let accepted = accepting(&topped_up, named).unwrap();
        let event = accepted.event.unwrap();
        assert_eq!((event.source, event.status, event.seq), (Source::Ipn, StatusName::Paid, 2));
        assert!(event.actor.is_some() && event.word.is_none());
        assert_eq!(event.payment_id, Some(payment_id(about)));
        assert_eq!((accepted.order.paid_at(), accepted.order.due_at), (Some(at("13:00")), None));
        assert_eq!(accepted.order.ledger, topped_up.ledger);
    }
}

#[test]
fn each_refusal_of_an_acceptance_says_what_stands_in_its_way() {
    let refused = |order: &Order, payment| accepting(order, payment).unwrap_err();
    let cancelled = standing(Status::Cancelled, ProviderWord::Waiting, Some("0"));
    assert_eq!(refused(&placed(), None), Refusal::NotAcceptable(StatusName::Pending));
    assert_eq!(refused(&accepting(&half_paid(), None).unwrap().order, None), Refusal::NotAcceptable(StatusName::Paid));
    assert_eq!(refused(&cancelled, Some("stranger")), Refusal::NoMoney(StatusName::Cancelled));
    assert_eq!(refused(&half_paid(), Some("stranger")), Refusal::NotItsPayment);
}

#[test]
fn an_operators_acceptance_is_not_taken_back_by_what_amounts_say_later() {
    let accepted = accepting(&half_paid(), None).unwrap().order;
    let reports = [paying("finished", "50"), paying("partially_paid", "60"), paying("finished", "100")];
    let told = reports.into_iter().fold(accepted.clone(), |order, report| {
        let decision = hearing(&order, report);
        assert_eq!((raised(&decision), decision.event), (vec![], None));
        decision.order
    });
    assert_eq!(told.status, accepted.status);
    assert_eq!(raised(&hearing(&told, paying("finished", "150"))), [Kind::Overpaid]);
}

#[test]
fn a_sweep_takes_an_order_of_exactly_its_age_and_names_the_operator() {
    let actor = crate::domain::ids::KeyId::parse("key_0f0e0d0c-0b0a-4908-8706-050403020100");
    let sweep =
        |time| decide(&placed(), &Input::Sweep { created_until: at(time), actor }, &moment("13:00")).unwrap().event;
    assert_eq!(sweep("12:29:59.999"), None);
    let event = sweep("12:30").unwrap();
    assert_eq!((event.source, event.actor, event.seq), (Source::Swept, actor, 2));
}

#[test]
fn the_tolerance_holds_to_the_last_digit() {
    let worth = |received| {
        let decision = hearing(&bound(), paying("finished", received));
        (decision.order.status.name(), raised(&decision))
    };
    assert_eq!(worth("98.999999999999999999"), (StatusName::Partial, vec![Kind::Underpaid]));
    assert_eq!(worth("99"), (StatusName::Paid, vec![]));
    assert_eq!(worth("101"), (StatusName::Paid, vec![]));
    assert_eq!(worth("101.000000000000000001"), (StatusName::Paid, vec![Kind::Overpaid]));
}

#[test]
fn nothing_owed_is_never_settled_by_nothing() {
    let free_of_charge = Evidence { pay_amount: Some(btc("0")), ..paying("finished", "0") };
    let decision = hearing(&placed(), free_of_charge);
    let partial_at = at("13:00");
    assert_eq!(decision.announcement, Some(Announcement::Partial { partial_at }));
    assert_eq!(decision.order.status, Status::Partial);
}

#[test]
fn an_amount_in_another_coin_is_never_added_up() {
    let in_dollars = Evidence { coin: coin("usdt"), ..paying("finished", "14900") };
    let after = after_all(bound(), &[in_dollars, child("finished", "1")]);
    assert_eq!(after.status, Status::Partial);
    assert_eq!(after.ledger.received(), btc("1"));
}

#[test]
fn money_in_another_coin_is_kept_apart_at_its_newest_and_zero_is_none() {
    let told = |code, received| Evidence { coin: coin(code), ..paying("confirming", received) };
    let kept = |reports: &[Evidence]| {
        let order = after_all(bound(), reports);
        let payment = order.ledger.bound().unwrap().clone();
        assert_eq!((payment.received, payment.coin), (Some(btc("0")), coin("btc")));
        payment.other.map(|other| (other.coin.to_string(), other.received))
    };
    assert_eq!(kept(&[told("usdt", "0")]), None);
    assert_eq!(kept(&[told("usdt", "7")]), Some(("usdt".to_owned(), btc("7"))));
    assert_eq!(kept(&[told("usdt", "7"), told("USDT", "9"), told("usdt", "8")]), Some(("usdt".to_owned(), btc("9"))));
    assert_eq!(kept(&[told("usdt", "7"), told("eth", "1"), told("eth", "0")]), Some(("eth".to_owned(), btc("1"))));
}

#[test]
fn money_in_another_coin_is_raised_when_its_payment_fails() {
    let seen = hearing(&bound(), Evidence { coin: coin("usdt"), ..paying("confirming", "7") }).order;
    assert_eq!(raised(&hearing(&seen, replayed("failed"))), [Kind::FailedWithMoney]);
}

#[test]
fn an_amount_in_another_coin_never_becomes_what_is_owed() {
    let unpriced = |word| Evidence { pay_amount: None, ..says(word) };
    let in_dollars = Evidence { coin: coin("usdt"), pay_amount: Some(btc("1")), ..paying("finished", "1") };
    let after = after_all(placed(), &[unpriced("waiting"), in_dollars]);
    assert_eq!((after.status, after.owed), (Status::Partial, None));
}

#[test]
fn a_further_deposit_that_is_not_settled_or_of_another_coin_completes_nothing() {
    // The provider calls 99.5 of 100 partial: its word stands as long as nothing further arrived.
    let nearly = standing(Status::Partial, ProviderWord::PartiallyPaid, Some("99.5"));
    let other_coin = Evidence { coin: coin("eth"), ..child("finished", "3") };
    for further in [child("waiting", "0"), child("confirming", "50"), child("finished", "0"), other_coin] {
        let decision = hearing(&nearly, further.clone());
        assert_eq!(decision.order.status, Status::Partial, "{:?}", further.word);
        assert_eq!(hearing(&decision.order, paying("partially_paid", "99.5")).order.status, Status::Partial);
    }
    assert_eq!(hearing(&nearly, child("finished", "0.5")).order.status.name(), StatusName::Paid);
}

#[test]
fn a_further_deposit_that_overshoots_is_raised_as_such() {
    let decision = hearing(&half_paid(), child("finished", "60"));
    assert_eq!(decision.order.status, Status::Paid { paid_at: at("13:00"), check: AmountCheck::Checked });
    assert_eq!(raised(&decision), [Kind::Overpaid, Kind::ChildPayment]);
}

#[test]
fn a_payment_of_ours_whose_parent_is_another_s_belongs_to_nobody() {
    let torn = Evidence { parent_payment_id: Some(payment_id("theirs")), ..paying("finished", "100") };
    let input = Input::Evidence(Box::new(torn), Ownership::Another);
    let decision = decide(&bound(), &input, &moment("13:00")).unwrap();
    assert_eq!((decision.outcome, raised(&decision)), (Outcome::Mismatch, vec![Kind::PaymentMismatch]));
    assert_eq!(decision.order, bound());
}

#[test]
fn the_same_word_again_is_no_news_and_does_not_hide_a_stalled_payment() {
    let first = hearing(&bound(), says("confirming")).order;
    let later = Moment { now: at("23:00"), ..moment("13:00") };
    let polled = decide(&first, &free(says("confirming")), &later).unwrap();
    assert!(!polled.changes(&first) && polled.outcome == Outcome::Refreshed);
    let confirmed = decide(&first, &free(says("confirmed")), &later).unwrap();
    assert_eq!(confirmed.order.due_at, Some(at("23:00").after(Span::hours(24))));
}

#[test]
fn news_of_any_payment_of_the_order_keeps_it_from_stalling() {
    let expected = Some(at("13:00").after(Span::hours(7 * 24)));
    assert_eq!(hearing(&half_paid(), child("confirming", "10")).order.due_at, expected);
    assert_eq!(hearing(&with_top_up(&half_paid()), top_up("confirming", "0")).order.due_at, expected);
}

#[test]
fn a_stalled_order_is_raised_once_until_there_is_news() {
    let due = Moment { now: half_paid().due_at.unwrap(), ..moment("13:00") };
    let stalled = decide(&half_paid(), &Input::Tick, &due).unwrap();
    assert_eq!((raised(&stalled), stalled.order.status.clone()), (vec![Kind::Stalled], Status::Partial));
    let again = decide(&stalled.order, &Input::Tick, &due).unwrap();
    assert!(again.attention.is_empty() && !again.changes(&stalled.order));
    assert!(decide(&stalled.order, &free(child("waiting", "0")), &due).unwrap().order.due_at.is_some());
}

#[test]
fn money_that_was_seen_is_raised_when_its_payment_fails_whatever_the_last_report_says() {
    let seen = hearing(&bound(), paying("confirming", "100")).order;
    let failed = hearing(&seen, replayed("failed"));
    assert_eq!(failed.order.status, Status::Failed { reason: FailureReason::Ipn });
    assert_eq!(raised(&failed), [Kind::FailedWithMoney]);
}

#[test]
fn a_top_up_given_back_after_it_settled_the_order_is_raised() {
    let paid = hearing(&with_top_up(&half_paid()), top_up("finished", "50")).order;
    assert_eq!(paid.status.name(), StatusName::Paid);
    let refunded = hearing(&paid, top_up("refunded", "50"));
    assert_eq!((refunded.order.status.name(), raised(&refunded)), (StatusName::Paid, vec![Kind::PaidThenFailed]));
}

#[test]
fn what_was_given_back_is_not_counted_though_no_report_bears_a_time() {
    let reports = [untimed(child("finished", "20")), untimed(child("refunded", "20"))];
    let after = after_all(half_paid(), &reports);
    assert_eq!(after.ledger.received(), btc("50"));
}

#[test]
fn of_two_reports_that_nothing_else_tells_apart_the_greater_total_is_the_newer() {
    let reports = [untimed(paying("partially_paid", "60")), untimed(paying("partially_paid", "50"))];
    assert_eq!(after_all(placed(), &reports).ledger.received(), btc("60"));
}

#[test]
fn the_largest_total_counts_whatever_its_date() {
    let older = Evidence { provider_at: Some(at("12:50")), ..paying("partially_paid", "70") };
    let after = after_all(half_paid(), &[paying("partially_paid", "60"), older]);
    assert_eq!(after.ledger.received(), btc("70"));
    let less = after_all(half_paid(), &[paying("partially_paid", "40")]);
    assert_eq!(less.ledger.received(), btc("50"));
}

#[test]
fn a_clock_that_runs_behind_never_dates_a_step_before_the_one_it_follows() {
    let order = hearing(&bound(), says("confirming")).order;
    let decision = decide(&order, &free(paying("finished", "100")), &moment("12:00")).unwrap();
    let event = decision.event.unwrap();
    assert_eq!((event.at, decision.order.paid_at()), (at("13:00"), Some(at("13:00"))));
    assert!(order.updated_at < decision.order.updated_at);
}

#[test]
fn a_late_payment_is_raised_together_with_what_is_wrong_with_its_amount() {
    let cancelled = standing(Status::Cancelled, ProviderWord::Waiting, None);
    let short = hearing(&cancelled, paying("finished", "10"));
    assert_eq!(raised(&short), [Kind::LatePayment, Kind::Underpaid]);
    assert_eq!(short.order.ledger.received(), btc("10"));
}

#[test]
fn a_note_moves_updated_at_within_the_same_millisecond_and_the_same_note_does_not() {
    let input = Input::SetCustomerNote(Some("Invoice 7".to_owned()));
    let noted = decide(&placed(), &input, &moment("12:30")).unwrap().order;
    assert_eq!((noted.updated_at, noted.version), (at("12:30:00.001"), 2));
    assert_eq!(decide(&noted, &input, &moment("13:00")).unwrap().order, noted);
}

#[test]
fn a_made_payment_that_was_heard_of_before_keeps_its_place_and_learns_how_it_is_paid() {
    let heard = hearing(&placed(), about_made("confirming")).order;
    let decision = decide(&heard, &made(fresh("waiting")), &moment("13:01")).unwrap();
    assert_eq!((decision.event, decision.order.payment_id()), (None, Some(&payment_id("made"))));
    let bound = decision.order.ledger.bound().unwrap();
    assert_eq!((bound.pay_to.as_ref(), &bound.word), (Some(&pay_to("bc1-made")), &ProviderWord::Confirming));
    // A word nobody knows takes back nothing that is known either.
    let strange = decide(&heard, &made(fresh("spending")), &moment("13:01")).unwrap();
    assert_eq!((strange.order.ledger.bound(), raised(&strange)), (Some(bound), vec![Kind::UnknownStatus]));
}

fn about_made(word: &str) -> Evidence {
    Evidence { actually_paid: Some(btc("0")), ..fresh(word) }
}

#[test]
fn an_address_once_given_never_becomes_another() {
    let adopted = decide(&placed(), &made(fresh("waiting")), &moment("13:00")).unwrap().order;
    let elsewhere = Made { evidence: fresh("waiting"), pay_to: PayTo { decimals: Some(2), ..pay_to("bc1-else") } };
    let again = decide(&adopted, &Input::Made(Box::new(elsewhere), Ownership::Free), &moment("13:01")).unwrap();
    assert_eq!(again.order, adopted);
}

#[test]
fn a_top_up_neither_binds_nor_changes_what_is_owed() {
    let quoted = Order { owed: None, ..half_paid() };
    let rest = Evidence { pay_amount: Some(btc("50")), ..fresh("waiting") };
    for order in [half_paid(), quoted] {
        let joined = decide(&order, &made(rest.clone()), &moment("13:00")).unwrap().order;
        assert_eq!((joined.owed, joined.ledger.bound()), (Some(btc("100")), order.ledger.bound()));
        assert_eq!(joined.ledger.find(&payment_id("made")).unwrap().role, Role::Own);
    }
}

#[test]
fn a_wrong_asset_is_recorded_with_its_numbers_and_no_sum_knows_it() {
    let usdt = |evidence: Evidence| Evidence { coin: coin("usdtbsc"), ..evidence };
    let further = hearing(&half_paid(), usdt(child("wrong_asset_confirmed", "100"))).order;
    let deposit = further.ledger.find(&payment_id("child")).unwrap();
    let unclear = deposit.unclear.as_ref().unwrap();
    assert_eq!((&unclear.received, &unclear.coin, &deposit.received), (&btc("100"), &coin("usdtbsc"), &None));
    assert_eq!(further.ledger.received(), btc("50"));
    // In the bound coin too: a word that nobody knows settles nothing.
    assert_eq!(hearing(&half_paid(), child("wrong_asset_confirmed", "50")).order.ledger.received(), btc("50"));
    let same_payment = hearing(&half_paid(), usdt(paying("wrong_asset_confirmed", "13"))).order;
    let bound = same_payment.ledger.bound().unwrap();
    assert_eq!(bound.unclear.as_ref().map(|unclear| &unclear.received), Some(&btc("13")));
    assert_eq!((&bound.word, &bound.received), (&ProviderWord::PartiallyPaid, &Some(btc("50"))));
}
