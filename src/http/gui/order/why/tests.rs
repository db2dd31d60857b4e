//! The sentence over an order: word for word in the cases that support meets, and without nonsense in all others.

use uuid::Uuid;

use super::*;
use crate::domain::catalogue::ProductCode;
use crate::domain::evidence::PaymentWorth;
use crate::domain::ids::{AccountId, KeyId, OrderId, PaymentId};
use crate::domain::ledger::{Ledger, OtherMoney, Payment, Role};
use crate::domain::money::{Coin, CoinAmount, Currency, Price};
use crate::domain::money_facts::samples::{ledgers, worth};
use crate::domain::order::{NewOrder, Source};
use crate::domain::time::Span;

const PLACED: i64 = 1_778_590_800_000;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(PLACED).after(Span::minutes(minutes))
}

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
    Order::place(new, at(0))
}

fn amount(text: &str) -> CoinAmount {
    CoinAmount::parse(text).unwrap()
}

/// A payment over 0.5 eth under this word, of which so much arrived.
fn payment(word: &ProviderWord, received: Option<&str>) -> Payment {
    Payment {
        id: PaymentId::parse("pay-1").unwrap(),
        role: Role::Bound,
        word: word.clone(),
        coin: Coin::parse("eth"),
        pay_amount: Some(amount("0.5")),
        received: received.map(amount),
        other: None,
        unclear: None,
        worth: PaymentWorth::default(),
        before_failure: None,
        provider_at: None,
        first_seen_at: at(1),
        pay_to: None,
    }
}

/// How an order came to a status.
struct Came {
    status: Status,
    source: Source,
    word: Option<ProviderWord>,
    witness: Option<WitnessKind>,
    actor: Option<KeyId>,
}

fn by(status: Status, source: Source) -> Came {
    Came { status, source, word: None, witness: None, actor: None }
}

fn heard(status: Status, word: ProviderWord) -> Came {
    Came { word: Some(word), witness: Some(WitnessKind::Ipn), ..by(status, Source::Ipn) }
}

/// The placed order, moved 61 minutes later, with these payments and 0.5 eth owed.
fn moved(came: Came, payments: Vec<Payment>) -> Order {
    let mut order = placed();
    order.owed = payments.first().map(|_| amount("0.5"));
    order.ledger = Ledger::new(payments);
    if came.status.name() != StatusName::Pending {
        order.events.push(OrderEvent {
            seq: 2,
            status: came.status.name(),
            at: at(61),
            source: came.source,
            word: came.word,
            payment_id: None,
            actor: came.actor,
            witness: came.witness,
            provider_at: None,
        });
    }
    order.status = came.status;
    order
}

fn key() -> KeyId {
    KeyId::new(Uuid::nil())
}

fn told_at(order: &Order, minutes: i64) -> String {
    why(order, &Names::new(vec![(key().to_string(), "Ada".to_owned())]), at(minutes))
}

fn told(order: &Order) -> String {
    told_at(order, 90)
}

fn failed(reason: FailureReason, source: Source) -> Came {
    by(Status::Failed { reason }, source)
}

fn paid(check: AmountCheck) -> Came {
    heard(Status::Paid { paid_at: at(61), check }, ProviderWord::Finished)
}

#[test]
fn a_pending_order_waits_until_its_window_ends() {
    let waiting = moved(by(placed().status, Source::Create), vec![payment(&ProviderWord::Waiting, None)]);
    assert_eq!(
        told_at(&waiting, 20),
        "Waiting for the buyer: no payment has been confirmed, and the pay window is open until 2026-05-12 14:00:00 UTC \
         (in 40 min)."
    );
    assert_eq!(
        told(&waiting),
        "Still pending although its pay window ended at 2026-05-12 14:00:00 UTC (30 min ago): no payment has been \
         confirmed. It is a candidate for a sweep."
    );
    assert!(
        told_at(&placed(), 1)
            .ends_with("The provider has made no payment for it yet, so there is no address to pay to.")
    );
}

#[test]
fn a_failure_is_told_by_who_said_so() {
    let waiting = || vec![payment(&ProviderWord::Waiting, Some("0"))];
    assert_eq!(
        told(&moved(failed(FailureReason::Expired, Source::Expired), waiting())),
        "Nobody paid within the pay window; it expired on 2026-05-12 14:01:00 UTC, 1 h 1 min after it was placed. No \
         payment has been seen."
    );
    let swept = Came { actor: Some(key()), ..failed(FailureReason::Swept, Source::Swept) };
    assert_eq!(
        told(&moved(swept, waiting())),
        "Swept by support (key \u{201c}Ada\u{201d}) on 2026-05-12 14:01:00 UTC, 1 h 1 min after it was placed: it was \
         pending past its pay window. No payment has been seen."
    );
    assert!(told(&moved(failed(FailureReason::Swept, Source::Swept), waiting())).contains("(the command line)"));
    let refused = heard(Status::Failed { reason: FailureReason::Ipn }, ProviderWord::Failed);
    assert_eq!(
        told(&moved(refused, vec![payment(&ProviderWord::Failed, Some("0.3"))])),
        "The provider said failed on 2026-05-12 14:01:00 UTC. Recorded: 0.3 ETH came, but the \
         provider calls its payment failed."
    );
    let expired = heard(Status::Failed { reason: FailureReason::IpnExpired }, ProviderWord::Expired);
    assert_eq!(
        told(&moved(expired, vec![payment(&ProviderWord::Expired, Some("0"))])),
        "The provider said expired on 2026-05-12 14:01:00 UTC: nobody paid in time, as far as it knows. No payment has \
         been seen."
    );
    let replayed = Came {
        actor: Some(key()),
        witness: Some(WitnessKind::Operator),
        ..heard(Status::Failed { reason: FailureReason::Ipn }, ProviderWord::Refunded)
    };
    assert!(
        told(&moved(replayed, waiting()))
            .contains("said refunded on 2026-05-12 14:01:00 UTC, as key \u{201c}Ada\u{201d} replayed it.")
    );
}

#[test]
fn what_is_short_and_what_is_over_is_told_to_the_last_digit() {
    let partial = || heard(Status::Partial, ProviderWord::PartiallyPaid);
    assert_eq!(
        told(&moved(partial(), vec![payment(&ProviderWord::PartiallyPaid, Some("0.4"))])),
        "Received 0.4 of 0.5 ETH: 0.1 ETH is missing. It is partial since 2026-05-12 14:01:00 UTC."
    );
    let other = OtherMoney { coin: Coin::parse("usdtbsc").unwrap(), received: amount("790") };
    let in_another = Payment { other: Some(other), ..payment(&ProviderWord::Waiting, None) };
    assert_eq!(
        told(&moved(partial(), vec![in_another])),
        "790 USDTBSC came, but the order is in ETH, and none of the 0.5 ETH owed has arrived. It is partial since \
         2026-05-12 14:01:00 UTC: accept what came, or agree with the customer on another way."
    );
    let other = OtherMoney { coin: Coin::parse("usdtbsc").unwrap(), received: amount("79") };
    let known = Payment { other: Some(other), worth: worth("78.98"), ..payment(&ProviderWord::Waiting, None) };
    let sentence = told(&moved(partial(), vec![known]));
    assert!(
        sentence.starts_with("79 USDTBSC (worth 78.98 USD when it came) came, but the order is in ETH"),
        "{sentence}"
    );
    let fallen = Payment { worth: worth("39.1"), ..payment(&ProviderWord::Finished, Some("0.5")) };
    assert_eq!(
        told(&moved(partial(), vec![fallen])),
        "0.5 ETH has arrived, but it was worth 39.10 USD when it came, and the price is 79.00 USD. It is partial since \
         2026-05-12 14:01:00 UTC: accept it, or agree with the customer on the difference."
    );
    let unknown = Order { owed: None, ..moved(partial(), vec![payment(&ProviderWord::PartiallyPaid, Some("0.4"))]) };
    assert!(told(&unknown).contains("what is owed is not known"));
    for (received, expected) in [
        ("0.5", "Paid on 2026-05-12 14:01:00 UTC: 0.5 of 0.5 ETH arrived."),
        ("0.52", "Paid on 2026-05-12 14:01:00 UTC: 0.52 of 0.5 ETH arrived, which is 0.02 ETH over."),
        (
            "0.499",
            "Paid on 2026-05-12 14:01:00 UTC: 0.499 of 0.5 ETH arrived; that 0.001 ETH is missing is within the tolerance.",
        ),
    ] {
        let order = moved(paid(AmountCheck::Checked), vec![payment(&ProviderWord::Finished, Some(received))]);
        assert_eq!(told(&order), expected);
    }
}

#[test]
fn a_paid_order_says_on_whose_word() {
    let by_hand = Came { actor: Some(key()), witness: Some(WitnessKind::Operator), ..paid(AmountCheck::Unchecked) };
    assert_eq!(
        told(&moved(by_hand, vec![payment(&ProviderWord::Finished, None)])),
        "Paid on 2026-05-12 14:01:00 UTC: key \u{201c}Ada\u{201d} replayed the provider\u{2019}s word, without amounts to \
         compare."
    );
    let accepted = Came { actor: Some(key()), witness: Some(WitnessKind::Operator), ..paid(AmountCheck::Accepted) };
    assert_eq!(
        told(&moved(accepted, vec![payment(&ProviderWord::PartiallyPaid, Some("0.4"))])),
        "Accepted as paid by key \u{201c}Ada\u{201d} on 2026-05-12 14:01:00 UTC. Recorded: 0.4 ETH has arrived. Of 0.5 ETH \
         owed, 0.1 ETH was waived."
    );
    let taken_back = |received| moved(paid(AmountCheck::Checked), vec![payment(&ProviderWord::Refunded, received)]);
    assert_eq!(
        told(&taken_back(Some("0.5"))),
        "Paid on 2026-05-12 14:01:00 UTC. Recorded: 0.5 ETH came, but the provider calls its payment refunded. Look \
         whether the money is still there."
    );
    assert!(
        told(&taken_back(None))
            .ends_with("Since then the provider said refunded: look whether the money is still there.")
    );
}

#[test]
fn a_withdrawn_order_tells_of_money_that_came_all_the_same() {
    let cancelled = || by(Status::Cancelled, Source::Cancel);
    let none = moved(cancelled(), Vec::new());
    assert_eq!(told(&none), "Cancelled by the customer on 2026-05-12 14:01:00 UTC. No payment has been seen.");
    let late = moved(cancelled(), vec![payment(&ProviderWord::Finished, Some("0.5"))]);
    assert!(told(&late).ends_with("Recorded: 0.5 ETH has arrived."));
}

#[test]
fn a_payment_that_came_after_the_order_was_given_up_says_what_it_was_worth() {
    let late = |worth: PaymentWorth| {
        let finished = Payment { worth, ..payment(&ProviderWord::Finished, Some("0.5")) };
        let mut order = moved(failed(FailureReason::Expired, Source::Expired), vec![finished]);
        let paid = moved(paid(AmountCheck::Checked), Vec::new());
        order.events.extend(paid.events.into_iter().skip(1));
        told(&Order { status: paid.status, ..order })
    };
    let paid = "Paid on 2026-05-12 14:01:00 UTC: 0.5 of 0.5 ETH arrived. It came after the pay window";
    assert_eq!(late(worth("78.5")), format!("{paid} and was worth 78.50 USD then; the price is 79.00 USD."));
    assert_eq!(late(PaymentWorth::default()), format!("{paid}; what it was worth then is not known."));
}

/// Every way to stand somewhere.
fn ways() -> Vec<Status> {
    let mut ways = vec![placed().status, Status::Confirming, Status::Partial, Status::Cancelled];
    for check in [AmountCheck::Checked, AmountCheck::Unchecked, AmountCheck::Accepted] {
        ways.push(Status::Paid { paid_at: at(61), check });
    }
    for reason in [FailureReason::Ipn, FailureReason::IpnExpired, FailureReason::Expired, FailureReason::Swept] {
        ways.push(Status::Failed { reason });
    }
    ways
}

#[test]
fn whatever_the_facts_are_the_sentence_is_whole_and_hides_no_money() {
    let mut seen = 0;
    for (ledger, status) in
        ledgers().into_iter().flat_map(|ledger| ways().into_iter().map(move |way| (ledger.clone(), way)))
    {
        for witness in [None, Some(WitnessKind::Ipn), Some(WitnessKind::Operator)] {
            let word = ledger.last().map(|payment| payment.word.clone());
            let order = moved(Came { word, witness, ..by(status.clone(), Source::Ipn) }, ledger.clone());
            for minutes in [20, 90] {
                is_true_of(&told_at(&order, minutes), &order);
                seen += 1;
            }
        }
    }
    assert!(15_000 < seen, "{seen}");
}

/// Asserts that a sentence is well formed, names every amount, and denies none.
fn is_true_of(sentence: &str, order: &Order) {
    let ledger = &order.ledger;
    assert!(sentence.ends_with('.') && sentence.contains("2026-05-12 14:0"), "{sentence}");
    assert!(!sentence.contains("  ") && !sentence.contains("None") && !sentence.contains(".."), "{sentence}");
    let facts = MoneyFacts::of(order);
    for denied in ["No payment has been seen", "Nobody paid", "nobody paid"] {
        assert!(!(facts.is_seen() && sentence.contains(denied)), "{sentence}: {ledger:?}");
    }
    assert!(!format!(" {sentence}").contains(" 0 "), "{sentence}: {ledger:?}");
    if !facts.settled.is_zero() {
        assert!(sentence.contains(&facts.settled.to_string()), "{sentence}: {ledger:?}");
    }
    for seen in facts.uncounted() {
        assert!(sentence.contains(&format!("{} ", seen.amount)), "{} in {sentence}: {ledger:?}", seen.amount);
    }
}
