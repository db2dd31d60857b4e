//! Every status an order can have, with everything that changes what its buyer should know.

use uuid::Uuid;

use super::*;
use crate::domain::catalogue::ProductCode;
use crate::domain::evidence::PaymentWorth;
use crate::domain::ids::{AccountId, KeyId, OrderId, PaymentId};
use crate::domain::ledger::{Ledger, OtherMoney, PayTo, Role};
use crate::domain::lifecycle::Rules;
use crate::domain::money::{Coin, CoinAmount, Currency, Price};
use crate::domain::money_facts::samples::{ledgers, worth};
use crate::domain::order::{NewOrder, OrderEvent, Source, StatusName};
use crate::domain::time::{Span, Timestamp};

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(1_778_587_200_000).after(Span::minutes(minutes))
}

pub fn moment(minutes: i64, late_payments: LatePayments) -> Moment {
    let rules = Rules { late_payments, ..Rules::SHIPPED };
    Moment { now: at(minutes), rules }
}

fn amount(text: &str) -> CoinAmount {
    CoinAmount::parse(text).unwrap()
}

/// A payment in ether of which the provider says this word, and that so much came.
fn payment(id: &str, role: Role, word: &str, received: Option<&str>) -> Payment {
    Payment {
        id: PaymentId::parse(id).unwrap(),
        role,
        word: ProviderWord::parse(word),
        coin: Coin::parse("eth"),
        pay_amount: Some(amount("0.5")),
        received: received.map(amount),
        other: None,
        unclear: None,
        worth: PaymentWorth::default(),
        before_failure: None,
        provider_at: None,
        first_seen_at: at(0),
        pay_to: Some(PayTo {
            address: "0xabc".to_owned(),
            extra_id: None,
            network: None,
            purchase_id: None,
            decimals: Some(8),
        }),
    }
}

fn bound(word: &str, received: Option<&str>) -> Payment {
    payment("1", Role::Bound, word, received)
}

/// An order over 0.5 ether, placed at 0 and to be paid within an hour, with these payments.
fn order(status: Status, payments: Vec<Payment>) -> Order {
    let new = NewOrder {
        id: OrderId::new(Uuid::from_u128(1)),
        account_id: AccountId::new(Uuid::from_u128(2)),
        product: ProductCode::parse("solo_manual").unwrap(),
        price: Price { cents: 7900, currency: Currency::parse("USD").unwrap() },
        pay_currency: None,
        customer_note: Some("a note".to_owned()),
        pay_window: Span::minutes(60),
    };
    let internal_note = Some("fraud?".to_owned());
    let ledger = Ledger::new(payments);
    Order { status, owed: Some(amount("0.5")), ledger, internal_note, ..Order::place(new, at(0)) }
}

fn pending() -> Status {
    Status::Pending { expires_at: at(60) }
}

fn failed(reason: FailureReason) -> Status {
    Status::Failed { reason }
}

/// An order that waits for its payment, for an hour.
pub fn pending_order() -> Order {
    order(pending(), vec![bound("waiting", None)])
}

/// An order of which part has arrived, and the rest is asked for.
pub fn asking_for_the_rest() -> Order {
    let rest = Payment { pay_amount: Some(amount("0.3")), ..payment("2", Role::Own, "waiting", None) };
    order(Status::Partial, vec![bound("partially_paid", Some("0.2")), rest])
}

fn said(order: &Order) -> String {
    told(order, &moment(10, LatePayments::Reopen)).sentence
}

fn advised(order: &Order) -> &'static str {
    told(order, &moment(10, LatePayments::Reopen)).advice
}

#[test]
fn a_pending_order_waits_for_exactly_its_amount() {
    assert_eq!(said(&order(pending(), vec![bound("waiting", None)])), "Waiting for your payment of exactly 0.5 ETH.");
    let digits = Payment { pay_amount: Some(amount("0.025314000000000001")), ..bound("waiting", None) };
    let exact = "Waiting for your payment of exactly 0.025314000000000001 ETH.";
    assert_eq!(said(&order(pending(), vec![digits])), exact);
    let unknown = Payment { pay_amount: None, ..bound("waiting", None) };
    assert_eq!(said(&order(pending(), vec![unknown])), "Waiting for your payment.");
}

#[test]
fn without_an_address_there_is_nothing_to_pay_to() {
    let unknown = Payment { pay_to: None, ..bound("waiting", None) };
    for payments in [vec![], vec![unknown]] {
        let order = order(pending(), payments);
        assert_eq!(said(&order), "There is no address to pay to yet.");
        assert!(advised(&order).contains("appears here"));
    }
}

#[test]
fn once_the_window_has_passed_nothing_is_to_be_sent_and_what_was_sent_counts_as_the_settings_say() {
    let order = order(pending(), vec![bound("waiting", None)]);
    let sentence = "The time to pay is over: please do not send anything any more.";
    let before = Moment { now: at(60).before(Span::millis(1)), ..moment(0, LatePayments::Reopen) };
    assert_ne!(told(&order, &before).sentence, sentence);
    for (rule, advice) in [(LatePayments::Reopen, SENT_LATE_COUNTS), (LatePayments::Record, SENT_LATE_ASK)] {
        let told = told(&order, &moment(60, rule));
        assert_eq!((told.sentence.as_str(), told.advice, told.mood), (sentence, advice, Mood::Warn));
    }
}

#[test]
fn what_is_on_its_way_asks_nothing_of_the_buyer() {
    let seen = order(Status::Confirming, vec![bound("confirming", Some("0.5"))]);
    assert_eq!(said(&seen), "Your payment has been seen and is being confirmed.");
    for word in ["confirming", "confirmed", "sending"] {
        let more = payment("2", Role::Own, word, Some("0.3"));
        let order = order(Status::Partial, vec![bound("partially_paid", Some("0.2")), more]);
        assert_eq!(said(&order), "More of your payment has been seen and is being confirmed.");
        assert_eq!(asked_for(&order, &moment(10, LatePayments::Reopen)), None, "nobody pays twice");
    }
}

#[test]
fn what_is_missing_is_told_to_the_last_digit() {
    let short = order(Status::Partial, vec![bound("partially_paid", Some("0.199999999999999999"))]);
    let sentence = "0.199999999999999999 ETH of your payment has arrived, and 0.300000000000000001 ETH is missing.";
    assert_eq!((said(&short).as_str(), advised(&short)), (sentence, ASK_THE_SHOP));
    let child = payment("2", Role::Child(PaymentId::parse("1").unwrap()), "finished", Some("0.1"));
    let two = order(Status::Partial, vec![bound("partially_paid", Some("0.2")), child]);
    assert_eq!(said(&two), "0.3 ETH of your payment has arrived, and 0.2 ETH is missing.");
    let fallen = Payment { worth: worth("39.1"), ..bound("finished", Some("0.5")) };
    let sentence = "Your payment has arrived, but it was worth 39.10 USD when it came, and the price is 79.00 USD.";
    assert_eq!(said(&order(Status::Partial, vec![fallen])), sentence);
    let unknown = Order { owed: None, ..short };
    assert_eq!(said(&unknown), "Part of your payment has arrived; how much is missing is not known yet.");
    let whole = order(Status::Partial, vec![bound("partially_paid", Some("0.5"))]);
    assert_eq!(said(&whole), "Your payment has arrived, and the shop is looking at it.");
}

#[test]
fn the_rest_is_sent_to_where_an_operator_asked_for_it_and_only_while_it_is_watched() {
    let order = asking_for_the_rest();
    assert_eq!(advised(&order), "Please send the rest to the address below.");
    let asked = asked_for(&order, &moment(10, LatePayments::Reopen)).map(|payment| payment.id.to_string());
    assert_eq!(asked.as_deref(), Some("2"));
    let later = moment(8 * 24 * 60, LatePayments::Reopen);
    assert_eq!((asked_for(&order, &later), told(&order, &later).advice), (None, ASK_THE_SHOP));
}

/// A payment in this coin of which nothing came, while so much came in that other one.
fn wrong(coin: &str, [other, received]: [&str; 2]) -> Payment {
    let other = OtherMoney { coin: Coin::parse(other).unwrap(), received: amount(received) };
    Payment { coin: Coin::parse(coin), other: Some(other), ..bound("waiting", None) }
}

#[test]
fn money_in_another_coin_is_named_and_no_more_is_asked_for() {
    let expired = moment(90, LatePayments::Reopen);
    for (status, at) in
        [(Status::Partial, &moment(10, LatePayments::Reopen)), (pending(), &expired), (pending(), &expired)]
    {
        let order = order(status, vec![wrong("eth", ["bnbbsc", "0.10"])]);
        let told = told(&order, at);
        let sentence = "0.10 BNB has arrived, but this order is in ETH. The shop is looking at it.";
        assert_eq!((told.sentence.as_str(), told.advice), (sentence, LOOKED_AT));
    }
    let parent = PaymentId::parse("1").unwrap();
    let child = Payment { coin: Coin::parse("usdttrc20"), ..payment("2", Role::Child(parent), "finished", Some("7")) };
    let mixed = order(Status::Partial, vec![bound("partially_paid", Some("0.2")), child]);
    let sentence = "0.2 ETH and 7 USDT have arrived, but this order is in ETH. The shop is looking at it.";
    assert_eq!((said(&mixed).as_str(), advised(&mixed)), (sentence, LOOKED_AT));
    let known = Payment { worth: worth("78.98"), ..wrong("eth", ["usdterc20", "79"]) };
    let sentence = "79 USDT (worth 78.98 USD) has arrived, but this order is in ETH. The shop is looking at it.";
    assert_eq!(said(&order(Status::Partial, vec![known])), sentence);
    // Two coins of one ticker are told apart by their networks.
    let alike = order(Status::Partial, vec![wrong("usdttrc20", ["usdtbsc", "79"])]);
    let sentence = "79 USDT on BNB Smart Chain (BEP-20) has arrived, but this order is in USDT on Tron (TRC-20). The \
                    shop is looking at it.";
    assert_eq!(said(&alike), sentence);
}

#[test]
fn the_rest_is_asked_for_beside_a_wrong_coin_only_where_an_operator_did() {
    let rest = Payment { pay_amount: Some(amount("0.5")), ..payment("2", Role::Own, "waiting", None) };
    let asking = order(Status::Partial, vec![wrong("eth", ["bnbbsc", "0.10"]), rest]);
    assert_eq!(said(&asking), "0.10 BNB has arrived, but this order is in ETH: 0.5 ETH is missing.");
    assert_eq!(advised(&asking), "Please send the rest to the address below.");
}

#[test]
fn money_under_a_word_that_is_not_known_is_named_and_no_more_is_asked_for() {
    let order = order(pending(), vec![bound("on_hold", Some("0.5"))]);
    for minutes in [10, 90] {
        let told = told(&order, &moment(minutes, LatePayments::Reopen));
        assert_eq!(
            (told.sentence.as_str(), told.advice),
            ("0.5 ETH has been seen. The shop is looking at it.", LOOKED_AT)
        );
    }
}

#[test]
fn what_was_sent_back_after_an_order_was_paid_is_told() {
    let status = Status::Paid { paid_at: at(5), check: AmountCheck::Checked };
    let order = order(status, vec![bound("refunded", Some("0.5"))]);
    assert_eq!(said(&order), "Paid: your payment has arrived. Thank you. 0.5 ETH was sent back.");
    assert_eq!(advised(&order), SENT_BACK);
}

/// Every status in which the buyer is told of all that came.
fn telling() -> Vec<Status> {
    let reasons = [FailureReason::Ipn, FailureReason::IpnExpired, FailureReason::Expired, FailureReason::Swept];
    reasons.into_iter().map(failed).chain([pending(), Status::Partial, Status::Cancelled]).collect()
}

#[test]
fn whatever_came_is_named_and_nothing_is_asked_for_while_nobody_asked() {
    for (payments, status) in
        ledgers().into_iter().flat_map(|ledger| telling().into_iter().map(move |way| (ledger.clone(), way)))
    {
        let order = order(status, payments);
        let facts = MoneyFacts::of(&order);
        for minutes in [10, 90] {
            let told = told(&order, &moment(minutes, LatePayments::Reopen));
            let text = format!("{} {}", told.sentence, told.advice);
            assert!(told.sentence.ends_with('.') && !text.contains("  "), "{text}");
            assert!(!format!(" {text}").contains(" 0 "), "{text}: {order:?}");
            let is_on_its_way = text.contains("is being confirmed");
            for seen in facts.uncounted().filter(|_| !is_on_its_way) {
                let named = text.contains(&format!("{} ", seen.amount));
                let short = order.status == Status::Partial && !facts.settled.is_zero();
                assert!(named || short, "{} in {text}: {order:?}", seen.amount);
            }
            if facts.is_seen() {
                assert!(!text.contains("Waiting for your payment") && !text.contains("no address to pay to"), "{text}");
                assert!(!text.contains("place a new order"), "{text}: {order:?}");
            }
        }
    }
}

#[test]
fn a_paid_order_says_thanks() {
    for (check, sentence) in [
        (AmountCheck::Checked, "Paid: your payment has arrived. Thank you."),
        (AmountCheck::Unchecked, "Paid: your payment has arrived. Thank you."),
        (AmountCheck::Accepted, "Paid: the shop has accepted your payment. Thank you."),
    ] {
        let paid = order(Status::Paid { paid_at: at(5), check }, vec![bound("finished", Some("0.5"))]);
        assert_eq!((said(&paid).as_str(), told(&paid, &moment(10, LatePayments::Record)).mood), (sentence, Mood::Good));
    }
}

#[test]
fn who_closed_an_order_that_nobody_paid_is_no_matter_to_its_buyer() {
    for reason in [FailureReason::Expired, FailureReason::Swept, FailureReason::IpnExpired] {
        let order = order(failed(reason), vec![bound("expired", None)]);
        let sentence =
            "No full payment has arrived in time, so this order is closed: please do not send anything any more.";
        assert_eq!((said(&order).as_str(), advised(&order)), (sentence, SENT_LATE_COUNTS));
        assert_eq!(told(&order, &moment(10, LatePayments::Record)).advice, SENT_LATE_ASK);
    }
}

#[test]
fn a_payment_that_failed_says_so_and_whether_it_was_sent_back() {
    let failed_by = |word: &str| {
        let order = order(failed(FailureReason::Ipn), vec![bound(word, None)]);
        let event = OrderEvent {
            seq: 2,
            status: StatusName::Failed,
            at: at(5),
            source: Source::Ipn,
            word: Some(ProviderWord::parse(word)),
            payment_id: None,
            actor: Some(KeyId::new(Uuid::nil())),
            witness: None,
            provider_at: None,
        };
        Order { events: vec![event], ..order }
    };
    let failed = failed_by("failed");
    assert_eq!(said(&failed), "The payment failed, and this order is not paid: please do not send anything more.");
    assert_eq!(advised(&failed), "To buy all the same, please place a new order.");
    assert_eq!(said(&failed_by("refunded")), "The payment was sent back, and this order is not paid.");
}

#[test]
fn a_cancelled_order_takes_nothing() {
    let cancelled = order(Status::Cancelled, vec![bound("waiting", None)]);
    assert_eq!(said(&cancelled), "This order was cancelled: please do not send anything.");
    assert_eq!(advised(&cancelled), "");
}

#[test]
fn money_that_came_for_a_closed_order_is_never_kept_from_its_buyer() {
    let reasons = [FailureReason::Ipn, FailureReason::IpnExpired, FailureReason::Expired, FailureReason::Swept];
    let closed = reasons.into_iter().map(failed).chain([Status::Cancelled]);
    for status in closed {
        let order = order(status, vec![bound("finished", Some("0.1"))]);
        assert!(said(&order).ends_with(" 0.1 ETH has arrived."), "{}", said(&order));
        assert_eq!((advised(&order), told(&order, &moment(10, LatePayments::Record)).advice), (MONEY_CAME, MONEY_CAME));
    }
}

#[test]
fn nothing_of_the_inside_is_ever_told() {
    let statuses = [
        pending(),
        Status::Confirming,
        Status::Partial,
        Status::Paid { paid_at: at(5), check: AmountCheck::Accepted },
        failed(FailureReason::Swept),
        Status::Cancelled,
    ];
    for (status, minutes) in statuses.into_iter().flat_map(|status| [(status.clone(), 10), (status, 90)]) {
        let told = told(&order(status, vec![bound("waiting", Some("0.1"))]), &moment(minutes, LatePayments::Reopen));
        let text = format!("{} {}", told.sentence, told.advice).to_lowercase();
        for inside in ["swept", "fraud", "a note", "00000000", "ipn", "provider", "null"] {
            assert!(!text.contains(inside), "{inside}: {text}");
        }
        assert!(told.sentence.ends_with('.'), "{text}");
    }
}
