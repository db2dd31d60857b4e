//! Every answer the provider was ever seen to give, and what must not slip through as absent.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::evidence::ProviderWord;
use crate::domain::ids::OrderId;
use crate::domain::money::CoinAmount;
use crate::provider::canonical::{self, Form};
use crate::provider::json::Document;

const ORDER: &str = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";

#[derive(Deserialize)]
struct Case<'a> {
    note: &'a str,
    #[serde(borrow)]
    body: &'a RawValue,
}

fn cases() -> Vec<Case<'static>> {
    serde_json::from_str(include_str!("../../../tests/data/provider-bodies.json")).unwrap()
}

/// The body whose note begins like this.
fn body(note: &str) -> &'static str {
    cases().iter().find(|case| case.note.starts_with(note)).unwrap().body.get()
}

/// A payment that lacks nothing, with these fields beside.
fn with(fields: &str) -> Result<PaymentReport, Unreadable> {
    PaymentReport::read(&format!("{{\"payment_id\":1,\"payment_status\":\"finished\",{fields}}}"))
}

fn amount(text: &str) -> Option<CoinAmount> {
    Some(CoinAmount::parse(text).unwrap())
}

fn id(text: &str) -> PaymentId {
    PaymentId::parse(text).unwrap()
}

/// The text without what may stand between its tokens; nothing inside a string is touched.
fn without_blanks(text: &str) -> String {
    let (mut is_string, mut is_escaped) = (false, false);
    let keep = |character: &char| {
        let inside = is_string;
        if is_escaped {
            is_escaped = false;
        } else {
            is_escaped = is_string && *character == '\\';
            is_string ^= *character == '"';
        }
        inside || !character.is_ascii_whitespace()
    };
    text.chars().filter(keep).collect()
}

/// The same value with its keys sorted and no blanks, by another reader; every scalar is its own text.
fn sorted(text: &str) -> String {
    if let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) {
        let fields = fields.iter().map(|(key, value)| format!("{key:?}:{}", sorted(value.get())));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    } else if let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(text) {
        format!("[{}]", values.iter().map(|value| sorted(value.get())).collect::<Vec<_>>().join(","))
    } else {
        text.to_owned()
    }
}

#[test]
fn every_real_body_is_written_back_without_loss() {
    let mut came_sorted = 0;
    let cases = cases();
    assert_eq!(cases.len(), 9);
    for case in cases {
        let document = Document::read(case.body.get()).unwrap();
        let written = canonical::write(&document, Form::Sorted);
        assert_eq!(written, sorted(case.body.get()), "{}", case.note);
        came_sorted += usize::from(written == without_blanks(case.body.get()));
    }
    assert_eq!(came_sorted, 2, "these are their own text, blank by blank");
}

/// What a body says, as a person reads it.
struct Said {
    id: &'static str,
    word: ProviderWord,
    parent: Option<&'static str>,
    children: &'static [&'static str],
    price: &'static str,
    asked: &'static str,
    paid: Option<&'static str>,
    coin: &'static str,
    updated_at: Option<&'static str>,
    created_at: Option<&'static str>,
    address: Option<&'static str>,
    purchase: Option<&'static str>,
}

impl Said {
    fn is_read_from(&self, text: &str) {
        let read = PaymentReport::read(text).unwrap();
        let evidence = &read.evidence;
        assert_eq!((evidence.witness, &evidence.word), (Witness::Poll, &self.word), "{}", self.id);
        assert_eq!((&evidence.payment_id, &evidence.parent_payment_id), (&id(self.id), &self.parent.map(id)));
        assert_eq!(read.children, self.children.iter().map(|child| id(child)).collect::<Vec<_>>());
        let text = |amount: &Option<CoinAmount>| amount.as_ref().map(ToString::to_string);
        assert_eq!(text(&evidence.price.amount).as_deref(), Some(self.price));
        assert_eq!(evidence.price.currency.as_deref(), Some("usd"));
        assert_eq!(text(&evidence.pay_amount).as_deref(), Some(self.asked));
        assert_eq!(text(&evidence.actually_paid).as_deref(), self.paid);
        assert_eq!(evidence.coin.as_ref().map(|coin| coin.as_str()), Some(self.coin));
        assert_eq!(evidence.provider_at, self.updated_at.and_then(Timestamp::parse));
        assert_eq!(read.created_at, self.created_at.and_then(Timestamp::parse));
        assert_eq!(read.pay_to.as_ref().map(|pay_to| pay_to.address.as_str()), self.address);
        assert_eq!(read.pay_to.as_ref().and_then(|pay_to| pay_to.purchase_id.as_deref()), self.purchase);
        assert_eq!(evidence.order_id, None, "none of these orders is of our form");
    }
}

const LOOKED_UP: Said = Said {
    id: "6249365965",
    word: ProviderWord::Finished,
    parent: None,
    children: &["5513339153"],
    price: "1",
    asked: "11.8",
    paid: Some("12"),
    coin: "trx",
    updated_at: Some("2023-07-28T15:09:40.535Z"),
    created_at: Some("2023-07-28T15:06:09.932Z"),
    address: Some("address"),
    purchase: Some("5312822613"),
};
const MADE: Said = Said {
    id: "5745459419",
    word: ProviderWord::Waiting,
    children: &[],
    price: "3999.5",
    asked: "0.17070286",
    paid: None,
    coin: "btc",
    updated_at: Some("2020-12-22T15:00:22.742Z"),
    created_at: Some("2020-12-22T15:00:22.742Z"),
    address: Some("3EZ2uTdVDAMFXTfc6uLDDKR6o8qKBZXVkj"),
    purchase: Some("5837122679"),
    ..LOOKED_UP
};
const LISTED: Said = Said {
    id: "5592161154",
    word: ProviderWord::PartiallyPaid,
    children: &["4526424492"],
    asked: "12.5",
    paid: Some("10"),
    updated_at: None,
    created_at: None,
    address: None,
    purchase: None,
    ..LOOKED_UP
};
const LISTED_CHILD: Said = Said {
    id: "4526424492",
    word: ProviderWord::Finished,
    parent: Some("5592161154"),
    children: &[],
    paid: Some("12.5"),
    ..LISTED
};
/// What the notification of the same shape would say, were it an answer.
const RECOVERED: Said = Said {
    id: "4870885867",
    word: ProviderWord::PartiallyPaid,
    parent: Some("6160305429"),
    children: &[],
    price: "13",
    asked: "13",
    paid: Some("13"),
    coin: "usdtbsc",
    ..LISTED
};
const MANA: Said = Said {
    id: "5077125051",
    price: "170",
    asked: "155.38559757",
    paid: Some("0"),
    coin: "mana",
    updated_at: Some("2021-04-12T14:23:06.244Z"),
    created_at: Some("2021-04-12T14:22:54.942Z"),
    address: Some("0xd1cDE08A07cD25adEbEd35c3867a59228C09B606"),
    purchase: Some("6084744717"),
    ..MADE
};

#[test]
fn every_real_answer_is_read_as_a_person_reads_it() {
    LOOKED_UP.is_read_from(body("GET /payment/{id}"));
    MADE.is_read_from(body("POST /payment 201"));
    RECOVERED.is_read_from(body("incident"));
    MANA.is_read_from(body("2021"));
    let list = body("list:");
    let page = PaymentPage::read(list).unwrap();
    assert_eq!((page.payments.len(), page.pages, page.unreadable), (2, 582, 0));
    let items: BTreeMap<String, &RawValue> = serde_json::from_str(list).unwrap();
    let items: Vec<&RawValue> = serde_json::from_str(items["data"].get()).unwrap();
    LISTED.is_read_from(items[0].get());
    LISTED_CHILD.is_read_from(items[1].get());
    for (item, listed) in items.iter().zip(&page.payments) {
        assert_eq!(PaymentReport::read(item.get()).as_ref(), Ok(listed));
    }
    let made = PaymentReport::read(body("POST /payment")).unwrap().pay_to.unwrap();
    assert_eq!((made.network.as_deref(), made.decimals, made.extra_id), (Some("btc"), Some(8), None));
    assert_eq!(PaymentReport::read(body("POST /invoice")), Err(Unreadable("payment_id")), "no invoice is a payment");
}

#[test]
fn every_type_that_a_field_was_met_with_is_read() {
    for told in ["12.50", "\"12.50\""] {
        let read = with(&format!("\"price_amount\":{told},\"pay_amount\":{told},\"actually_paid\":{told}")).unwrap();
        let evidence = read.evidence;
        assert_eq!((evidence.price.amount, evidence.pay_amount), (amount("12.50"), amount("12.50")));
        assert_eq!(evidence.actually_paid, amount("12.50"));
    }
    let nothing = with(
        "\"invoice_id\":[0],\"outcome_amount\":null,\"amount_received\":null,\"time_limit\":\"null\",\
         \"burning_percent\":\"null\",\"smart_contract\":\"\",\"actually_paid\":\"null\",\"is_fixed_rate\":\"x\"",
    );
    assert_eq!(nothing.unwrap().evidence.actually_paid, None);
    for moment in ["1765249461097", "\"2025-12-09T03:04:21.097Z\""] {
        let read = with(&format!("\"created_at\":{moment},\"updated_at\":{moment}")).unwrap();
        let expected = Timestamp::parse("2025-12-09T03:04:21.097Z");
        assert_eq!((read.created_at, read.evidence.provider_at), (expected, expected));
    }
    for id_told in ["5745459419", "\"5745459419\"", "5745459419.0"] {
        let text = format!("{{\"payment_id\":{id_told},\"payment_status\":\"spending\"}}");
        let read = PaymentReport::read(&text).unwrap();
        assert_eq!(read.evidence.payment_id, id("5745459419"));
        assert_eq!(read.evidence.word, ProviderWord::Unknown("spending".to_owned()));
    }
}

#[test]
fn an_order_is_ours_or_foreign_or_none() {
    let ours = OrderId::parse(ORDER).unwrap();
    let read = with(&format!("\"order_id\":\"{ORDER}\"")).unwrap();
    assert_eq!((read.order, read.evidence.order_id), (OrderReference::Ours(ours), Some(ours)));
    assert_eq!(with("\"order_id\":\"RGDBP-21314\"").unwrap().order, OrderReference::Foreign);
    assert_eq!(with("\"order_id\":null").unwrap().order, OrderReference::None);
}

#[test]
fn where_to_pay_is_told_by_an_address_and_whole() {
    let pay_to = |fields: &str| with(&format!("\"pay_address\":\"rEb8\",{fields}")).map(|read| read.pay_to.unwrap());
    for tag in ["0", "\"0\"", "0.0"] {
        let extra_id = pay_to(&format!("\"payin_extra_id\":{tag}")).unwrap().extra_id;
        assert_eq!(extra_id.as_deref(), Some("0"), "a tag of nought is a tag");
    }
    assert_eq!(pay_to("\"payin_extra_id\":104322").unwrap().extra_id.as_deref(), Some("104322"));
    for none in ["null", "\"null\"", "\"\"", "\" \""] {
        let read = pay_to(&format!("\"payin_extra_id\":{none},\"purchase_id\":{none},\"network\":{none}")).unwrap();
        assert_eq!((read.extra_id, read.purchase_id, read.network), (None, None, None));
        assert_eq!(with(&format!("\"pay_address\":{none},\"payin_extra_id\":7")).unwrap().pay_to, None, "{none}");
    }
    let decimals = [("8", Some(8)), ("\"18\"", Some(18)), ("6.0", Some(6)), ("0", Some(0)), ("null", None)];
    for (told, read) in decimals.into_iter().chain([("\"null\"", None), ("-1", None), ("65", None), ("[]", None)]) {
        assert_eq!(pay_to(&format!("\"network_precision\":{told}")).unwrap().decimals, read, "{told}");
    }
    for purchase in ["5837122679", "\"5837122679\""] {
        let read = pay_to(&format!("\"purchase_id\":{purchase}")).unwrap();
        assert_eq!(read.purchase_id.as_deref(), Some("5837122679"));
    }
    for (field, wrong) in [("payin_extra_id", "[1]"), ("payin_extra_id", "\"a\\u0007\""), ("purchase_id", "{}")] {
        assert_eq!(pay_to(&format!("\"{field}\":{wrong}")), Err(Unreadable(field)), "{wrong}");
    }
    assert_eq!(with("\"pay_address\":true"), Err(Unreadable("pay_address")));
    assert_eq!(with(&format!("\"pay_address\":\"{}\"", "x".repeat(1025))), Err(Unreadable("pay_address")));
}

#[test]
fn children_are_ids_or_the_payment_is_unreadable() {
    let children = |told: &str| with(&format!("\"payment_extra_ids\":{told}")).map(|read| read.children);
    for none in ["null", "[]", "\"null\"", "\"\""] {
        assert_eq!(children(none), Ok(Vec::new()), "{none}");
    }
    assert_eq!(children("[5513339153,\"4526424492\"]"), Ok(vec![id("5513339153"), id("4526424492")]));
    for wrong in ["[1,null]", "[[1]]", "[1.5]", "{\"0\":1}", "7", "true", "\"7\""] {
        assert_eq!(children(wrong), Err(Unreadable("payment_extra_ids")), "{wrong}");
    }
}

#[test]
fn what_is_told_and_makes_no_sense_makes_the_payment_unreadable() {
    let fields = ["price_amount", "pay_amount", "actually_paid", "pay_currency", "parent_payment_id"];
    for (field, wrong) in fields.into_iter().flat_map(|field| [(field, "true"), (field, "[]"), (field, "-1")]) {
        assert_eq!(with(&format!("\"{field}\":{wrong}")), Err(Unreadable(field)), "{wrong}");
    }
    for whole in ["", "[]", "null", "<html>", "{\"payment_id\":1,\"payment_id\":1,\"payment_status\":\"x\"}"] {
        assert_eq!(PaymentReport::read(whole), Err(Unreadable("body")), "{whole}");
    }
    assert_eq!(PaymentReport::read("{\"payment_id\":\"\",\"payment_status\":\"x\"}"), Err(Unreadable("payment_id")));
    assert_eq!(PaymentReport::read("{\"payment_id\":1}"), Err(Unreadable("payment_status")));
}

proptest! {
    #[test]
    fn a_number_keeps_its_exact_value_however_it_is_spelled(
        whole in "0|[1-9][0-9]{0,40}",
        fraction in "(\\.[0-9]{1,40})?",
        exponent in "([eE][+-]?[0-9]{1,2})?",
    ) {
        let lexeme = format!("{whole}{fraction}{exponent}");
        for told in [lexeme.clone(), format!("\"{lexeme}\"")] {
            let read = with(&format!("\"pay_amount\":{told},\"actually_paid\":{told},\"price_amount\":{told}")).unwrap();
            let evidence = read.evidence;
            for amount in [evidence.pay_amount, evidence.actually_paid, evidence.price.amount] {
                prop_assert_eq!(decimal(&amount.unwrap().to_string()), decimal(&lexeme));
            }
        }
    }

    #[test]
    fn a_document_is_written_with_every_number_as_it_was(
        numbers in prop::collection::vec("-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,5})?", 1..6),
    ) {
        let text = format!("{{\"a\":[{}]}}", numbers.join(","));
        prop_assert_eq!(canonical::write(&Document::read(&text).unwrap(), Form::Sorted), text);
    }

    #[test]
    fn any_value_in_any_field_is_read_or_named(
        field in "payment_extra_ids|pay_address|payin_extra_id|purchase_id|network|network_precision|created_at",
        value in "null|true|-?[0-9]{1,3}(\\.[0-9]{1,3})?([eE]-?[0-9]{1,6})?|\"[ -!#-\\[\\]-~é]{0,200}\"|\\[1?\\]|\\{\\}",
    ) {
        let verdict = with(&format!("\"pay_address\":\"a\",\"{field}\":{value}").replacen(
            "\"pay_address\":\"a\",\"pay_address\"", "\"pay_address\"", 1));
        let blamed = |name: &str| name == field || name == "body";
        prop_assert!(verdict.is_ok() || matches!(verdict, Err(Unreadable(name)) if blamed(name)));
    }
}

/// A number's digits without zeros at either end, and the power of ten of the last: reckoned on the text alone.
fn decimal(lexeme: &str) -> (String, i64) {
    let (mantissa, exponent) = lexeme.split_once(['e', 'E']).unwrap_or((lexeme, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let short = digits.trim_end_matches('0');
    let dropped = digits.len() - short.len();
    let power = exponent.parse::<i64>().unwrap() - i64::try_from(fraction.len()).unwrap();
    match short.trim_start_matches('0') {
        "" => (String::new(), 0),
        digits => (digits.to_owned(), power + i64::try_from(dropped).unwrap()),
    }
}
