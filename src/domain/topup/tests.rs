//! The rest that is asked for: never less than what is missing, by less than a unit more, and not twice.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::catalogue::ProductCode;
use crate::domain::evidence::{Evidence, NamedPrice, Ownership, PaymentWorth, Witness};
use crate::domain::ids::{AccountId, OrderId, PaymentId};
use crate::domain::ledger::PayTo;
use crate::domain::lifecycle::{Input, Made, Moment, Rules, decide};
use crate::domain::money::{Coin, Currency, Price};
use crate::domain::order::NewOrder;
use crate::domain::time::Span;

const RULES: Rules = Rules { tolerance_basis_points: 0, ..Rules::SHIPPED };

fn amount(text: &str) -> CoinAmount {
    CoinAmount::parse(text).unwrap()
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(1_778_587_200_000).after(Span::minutes(minutes))
}

fn pay_to(decimals: Option<u32>) -> PayTo {
    let purchase_id = Some("77".to_owned());
    PayTo { address: "0xabc".to_owned(), extra_id: None, network: None, purchase_id, decimals }
}

/// What the provider says of a payment in ether: so much is asked for, and so much has come.
fn says(id: &str, word: &str, asked: &CoinAmount, received: Option<CoinAmount>) -> Evidence {
    Evidence {
        witness: Witness::Poll,
        order_id: None,
        payment_id: PaymentId::parse(id).unwrap(),
        parent_payment_id: None,
        word: ProviderWord::parse(word),
        price: NamedPrice { amount: None, currency: None },
        pay_amount: Some(asked.clone()),
        actually_paid: received,
        coin: Coin::parse("eth"),
        provider_at: None,
        worth: PaymentWorth::default(),
    }
}

fn after(order: &Order, input: &Input, minutes: i64) -> Order {
    decide(order, input, &Moment { now: at(minutes), rules: RULES }).unwrap().order
}

fn hearing(order: &Order, evidence: Evidence) -> Order {
    after(order, &Input::Evidence(Box::new(evidence), Ownership::Free), 30)
}

fn making(order: &Order, evidence: Evidence, decimals: Option<u32>) -> Order {
    let made = Made { evidence, pay_to: pay_to(decimals) };
    after(order, &Input::Made(Box::new(made), Ownership::Free), 40)
}

/// An order of 79 dollars whose payment was made at this precision, and of which so much has arrived.
fn partial(owed: &CoinAmount, received: CoinAmount, decimals: Option<u32>) -> Order {
    let new = NewOrder {
        id: OrderId::new(Uuid::from_u128(1)),
        account_id: AccountId::new(Uuid::from_u128(2)),
        product: ProductCode::parse("solo_manual").unwrap(),
        price: Price { cents: 7900, currency: Currency::parse("USD").unwrap() },
        pay_currency: None,
        customer_note: None,
        pay_window: Span::minutes(60),
    };
    let bound = making(&Order::place(new, at(0)), says("1", "waiting", owed, None), decimals);
    hearing(&bound, says("1", "partially_paid", owed, Some(received)))
}

fn rest(order: &Order) -> [String; 2] {
    let rest = rest_of(order).unwrap();
    [rest.pay_amount.to_string(), rest.price_amount.to_string()]
}

#[test]
fn the_rest_is_what_is_missing_at_the_precision_of_the_coin() {
    assert_eq!(rest(&partial(&amount("0.5"), amount("0.2"), Some(8))), ["0.3", "47.40"]);
    assert_eq!(rest(&partial(&amount("0.5"), amount("0.2000001"), Some(6))), ["0.300000", "47.40"]);
    assert_eq!(rest(&partial(&amount("0.5"), amount("0.2000009"), Some(6))), ["0.300000", "47.40"]);
    // More digits than the provider quotes it does not take, whatever the network can.
    assert_eq!(rest(&partial(&amount("0.5"), amount("0.2000000001"), Some(18))), ["0.30000000", "47.40"]);
    assert_eq!(rest(&partial(&amount("0.5000000000"), amount("0.2000000001"), Some(18))), ["0.2999999999", "47.40"]);
    // Without the provider's word: the digits that it quoted, and eight at least.
    assert_eq!(rest(&partial(&amount("0.5"), amount("0.2000000001"), None)), ["0.30000000", "47.40"]);
    assert_eq!(rest(&partial(&amount("0.5000000000"), amount("0.2000000001"), None)), ["0.2999999999", "47.40"]);
}

#[test]
fn what_lacks_no_rest_is_told_apart() {
    let half = partial(&amount("0.5"), amount("0.2"), Some(8));
    let why = |order: &Order| rest_of(order).unwrap_err();
    let paid = hearing(&half, says("1", "finished", &amount("0.5"), Some(amount("0.5"))));
    assert_eq!(why(&paid), NoTopUp::NotPartial(StatusName::Paid));
    assert_eq!(why(&Order { owed: None, ..half.clone() }), NoTopUp::AmountsUnknown);
    assert_eq!(why(&Order { owed: Some(amount("0.0")), ..half.clone() }), NoTopUp::AmountsUnknown);
    // The provider's word for it is partial though all of it came.
    let enough = hearing(&half, says("1", "partially_paid", &amount("0.5"), Some(amount("0.5"))));
    assert_eq!((enough.status.name(), why(&enough)), (StatusName::Partial, NoTopUp::NothingMissing));
    assert_eq!(missing(&enough), Some(CoinAmount::zero()));
}

#[test]
fn a_rest_that_was_asked_for_is_asked_for_once_while_it_can_be_paid() {
    let half = partial(&amount("0.5"), amount("0.2"), Some(8));
    let wanted = rest_of(&half).unwrap();
    let before = |order: &Order, minutes| asked_before(order, &wanted, at(minutes)).map(|found| found.id.to_string());
    let top_up = |word, received: &str| says("2", word, &wanted.pay_amount, Some(amount(received)));
    assert_eq!(before(&half, 41), None, "the bound one is none");
    let asked = making(&half, says("2", "waiting", &wanted.pay_amount, None), Some(8));
    assert_eq!(before(&asked, 41), Some("2".to_owned()));
    let week = 7 * 24 * 60;
    assert_eq!([before(&asked, 39 + week), before(&asked, 40 + week)], [Some("2".to_owned()), None]);
    assert_eq!(before(&hearing(&asked, top_up("confirming", "0.3")), 50), Some("2".to_owned()));
    assert_eq!(before(&hearing(&asked, top_up("expired", "0")), 50), None);
    assert_eq!(before(&hearing(&asked, top_up("failed", "0")), 50), None);
    // A part of it came: now another rest is missing.
    let short = hearing(&asked, top_up("partially_paid", "0.1"));
    assert_eq!((before(&short, 50), rest(&short)), (None, ["0.2".to_owned(), "31.60".to_owned()]));
    // Something has come though nobody says so: what is asked there is no longer what is missing.
    assert_eq!(before(&hearing(&asked, top_up("waiting", "0.1")), 50), None);
}

#[test]
fn a_rest_is_known_again_in_the_provider_s_own_rounding() {
    let found = |owed: &str, received: &str, asked: &str| {
        let half = partial(&amount(owed), amount(received), Some(6));
        let order = making(&half, says("2", "waiting", &amount(asked), None), Some(6));
        asked_before(&order, &rest_of(&half).unwrap(), at(41)).is_some()
    };
    assert_eq!(["0.297", "0.303"].map(|asked| found("0.5", "0.2", asked)), [true; 2]);
    assert_eq!(["0.296999", "0.303001", "0.31", "0.2"].map(|asked| found("0.5", "0.2", asked)), [false; 4]);
    // Of little, a unit is much.
    assert_eq!(["0.000009", "0.000011"].map(|asked| found("0.5", "0.49999", asked)), [true; 2]);
    assert_eq!(["0.0000089", "0.000012"].map(|asked| found("0.5", "0.49999", asked)), [false; 2]);
}

fn any_amount() -> impl Strategy<Value = CoinAmount> {
    ("[1-9][0-9]{0,5}", "[0-9]{0,20}").prop_map(|(whole, fraction)| match fraction.as_str() {
        "" => amount(&whole),
        _ => amount(&format!("{whole}.{fraction}")),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rest_is_never_below_what_is_missing_by_less_than_a_unit_above_and_completes_the_order(
        one in any_amount(), other in any_amount(), decimals in prop::option::of(0_u32..19),
    ) {
        prop_assume!(one != other);
        let (received, owed) = if one < other { (one, other) } else { (other, one) };
        let order = partial(&owed, received, decimals);
        let Rest { pay_amount, price_amount } = rest_of(&order).unwrap();
        let missing = missing(&order).unwrap();
        prop_assert!(missing <= pay_amount);
        let quoted = owed.decimals().max(DECIMALS_GUESSED);
        let places = decimals.map_or(quoted, |told| told.min(quoted));
        let unit = amount(&format!("1e-{places}"));
        prop_assert!(pay_amount < missing.plus(&unit) && pay_amount.decimals() <= places);
        // The price never falls short of the part of it that is missing, by less than a cent above.
        let (price, cent) = (order.price.in_major_units(), amount("0.01"));
        let exact = |part: &CoinAmount, whole: &CoinAmount| amount(&product(part, whole));
        prop_assert!(exact(&price, &missing) <= exact(&price_amount, &owed));
        prop_assert!(exact(&price_amount.minus(&cent), &owed) < exact(&price, &missing));
        prop_assert!(price_amount <= price && cent <= price_amount);

        let asked = making(&order, says("2", "waiting", &pay_amount, None), decimals);
        // Whatever of it the provider rounds away at that precision, it is the same rest.
        let wanted = rest_of(&order).unwrap();
        for answered in [pay_amount.plus(&unit), pay_amount.minus(&unit), pay_amount.clone()] {
            let made = making(&order, says("2", "waiting", &answered, None), decimals);
            prop_assert!(asked_before(&made, &wanted, at(41)).is_some(), "{answered:?}");
        }
        let told = says("2", "finished", &pay_amount, Some(pay_amount.clone()));
        let done = hearing(&asked, told);
        prop_assert_eq!(done.status.name(), StatusName::Paid);
        prop_assert!(owed <= done.ledger.received());
    }
}

/// The product of both, digit by digit as on paper.
fn product(one: &CoinAmount, other: &CoinAmount) -> String {
    let digits = |amount: &CoinAmount| amount.to_string().replace('.', "").parse::<bigdecimal::num_bigint::BigInt>();
    let product = digits(one).unwrap() * digits(other).unwrap();
    format!("{product}e-{}", one.decimals() + other.decimals())
}
