//! Every type oddity the provider was ever seen with, and what must not slip through as absent.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::*;
use crate::domain::evidence::ProviderWord;
use crate::domain::ids::{OrderId, PaymentId};
use crate::domain::money::{Coin, CoinAmount};
use crate::domain::time::Timestamp;
use crate::provider::canonical::{self, Form};
use crate::provider::json::Document;
use crate::provider::signature::{Verifier, sign};

const SECRET: &str = "test-ipn-secret-0001";
const ORDER: &str = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";

#[derive(Deserialize)]
struct Case<'a> {
    note: &'a str,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Sends `wire`, signed over `signed`.
fn send(signed: &str, wire: &str) -> Result<Ipn, IpnRefusal> {
    let header = sign(SECRET, signed.as_bytes()).unwrap();
    let verifier = Verifier::new([SECRET]).unwrap();
    Ipn::read(&verifier.verify(header.as_bytes(), wire.as_bytes())?)
}

fn read(wire: &str) -> Result<Ipn, IpnRefusal> {
    send(wire, wire)
}

/// A body that lacks nothing, with these fields beside.
fn with(fields: &str) -> Result<Ipn, IpnRefusal> {
    read(&format!("{{\"payment_id\":1,\"payment_status\":\"finished\",{fields}}}"))
}

fn amount(text: &str) -> Option<CoinAmount> {
    Some(CoinAmount::parse(text).unwrap())
}

fn missing(field: &'static str) -> Result<Ipn, IpnRefusal> {
    Err(IpnRefusal::MissingFields(field))
}

#[test]
fn every_real_ipn_is_read_without_loss_of_a_digit() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../../tests/data/provider-bodies.json")).unwrap();
    let is_answer = |note: &str| ["GET ", "POST ", "list:"].iter().any(|start| note.starts_with(start));
    let ipns: Vec<&Case> = cases.iter().filter(|case| !is_answer(case.note)).collect();
    assert_eq!(ipns.len(), 5);
    for case in ipns {
        let wire = case.body.get();
        let js = canonical::write(&Document::read(wire).unwrap(), Form::JsNumbers);
        for signed in [wire, &js] {
            compare(&send(signed, wire).unwrap(), wire);
        }
    }
}

/// What was read is what the body says, by another reader.
fn compare(ipn: &Ipn, wire: &str) {
    let said: BTreeMap<&str, &RawValue> = serde_json::from_str(wire).unwrap();
    let text = |name: &str| said.get(name).map(|raw| raw.get().trim_matches('"')).filter(|text| *text != "null");
    let evidence = &ipn.evidence;
    let amounts = [
        ("pay_amount", &evidence.pay_amount),
        ("actually_paid", &evidence.actually_paid),
        ("price_amount", &evidence.price.amount),
    ];
    for (name, read) in amounts {
        assert_eq!(read.as_ref().map(ToString::to_string).as_deref(), text(name), "{name}");
    }
    assert_eq!(Some(evidence.payment_id.as_str()), text("payment_id"));
    assert_eq!(evidence.parent_payment_id.as_ref().map(PaymentId::as_str), text("parent_payment_id"));
    assert_eq!(Some(ipn.payment_status()), text("payment_status"));
    assert_eq!(evidence.price.currency.as_deref(), text("price_currency"));
    assert_eq!(evidence.coin.as_ref().map(Coin::as_str), text("pay_currency"));
    assert_eq!(evidence.provider_at.is_some(), text("updated_at").is_some());
    let order = if text("order_id").is_some() { OrderReference::Foreign } else { OrderReference::None };
    assert_eq!(ipn.order, order);
}

#[test]
fn an_id_is_one_id_as_number_and_as_text() {
    let id = |payment_id: &str| {
        let wire = format!("{{\"payment_id\":{payment_id},\"payment_status\":\"waiting\"}}");
        read(&wire).map(|ipn| ipn.evidence.payment_id.to_string())
    };
    for spelling in ["5745459419", "\"5745459419\"", "5745459419.0", "5.745459419e9", "57454594190E-1"] {
        assert_eq!(id(spelling), Ok("5745459419".to_owned()), "{spelling}");
    }
    assert_eq!(id("\"np_\\u0061bc/1.0\""), Ok("np_abc/1.0".to_owned()));
    assert_eq!(id("90071992547409931234"), Ok("90071992547409931234".to_owned()));
    let long = "9".repeat(129);
    for wrong in
        ["null", "true", "-1", "1.5", "1e-1", "1e300", "\"\"", "\" \"", "\"a\\u0000\"", "\"\\ud800\"", "[1]", "{}"]
    {
        assert_eq!(id(wrong), Err(IpnRefusal::MissingFields("payment_id")), "{wrong}");
    }
    assert!(id(&long).is_err() && id(&format!("\"{long}\"")).is_err());
}

#[test]
fn an_id_is_not_read_past_the_digits_that_javascript_signed() {
    let wire = |id: &str| format!("{{\"payment_status\":\"waiting\",\"payment_id\":{id},\"x\":1.0}}");
    let signed = |id: &str| format!("{{\"payment_id\":{id},\"payment_status\":\"waiting\",\"x\":1}}");
    assert!(send(&signed("123456789012345"), &wire("123456789012345.0")).is_ok());
    assert_eq!(send(&signed("9007199254740992"), &wire("9007199254740993")), missing("payment_id"));
}

#[test]
fn an_amount_is_the_digits_of_a_number_or_of_a_string() {
    for (told, read) in [("0.1", "0.1"), ("\"0.17070286\"", "0.17070286"), ("8.3e-05", "0.000083"), ("-0.0", "0")] {
        let evidence = with(&format!("\"actually_paid\":{told},\"pay_amount\":{told}")).unwrap().evidence;
        assert_eq!((evidence.actually_paid, evidence.pay_amount), (amount(read), amount(read)), "{told}");
    }
    let evidence = with("\"actually_paid\":0.123456789012345678901234567890").unwrap().evidence;
    assert_eq!(evidence.actually_paid.unwrap().to_string(), "0.123456789012345678901234567890");
    for absent in ["null", "\"null\""] {
        let evidence = with(&format!("\"actually_paid\":{absent}")).unwrap().evidence;
        assert_eq!(evidence.actually_paid, None);
    }
}

#[test]
fn what_is_told_and_makes_no_sense_is_never_taken_as_absent() {
    let wrong =
        ["-1", "1e999", "true", "\"\"", "\"abc\"", "\"1,5\"", "\" 1\"", "\"0x1\"", "\"NaN\"", "[]", "{}", "[1]"];
    for field in ["actually_paid", "pay_amount", "price_amount"] {
        for wrong in wrong {
            assert_eq!(with(&format!("\"{field}\":{wrong}")), missing(field), "{wrong}");
        }
    }
    for wrong in ["1", "\"\"", "\"b t c\"", "[]"] {
        assert_eq!(with(&format!("\"pay_currency\":{wrong}")), missing("pay_currency"), "{wrong}");
    }
    for wrong in ["-1", "1.5", "{}", "[1]", "true"] {
        assert_eq!(with(&format!("\"parent_payment_id\":{wrong}")), missing("parent_payment_id"), "{wrong}");
    }
    assert_eq!(with("\"price_currency\":840"), missing("price_currency"));
}

#[test]
fn a_parent_is_told_by_an_id_and_not_by_zero_or_null() {
    let parent = |told: &str| with(&format!("\"parent_payment_id\":{told}")).unwrap().evidence.parent_payment_id;
    for none in ["null", "0", "0.0", "\"0\"", "\"\"", "\"null\""] {
        assert_eq!(parent(none), None, "{none}");
    }
    assert_eq!(parent("6160305429"), PaymentId::parse("6160305429"));
    assert_eq!(parent("\"6160305429\""), PaymentId::parse("6160305429"));
    assert_eq!(with("\"x\":1").unwrap().evidence.parent_payment_id, None);
}

#[test]
fn a_foreign_order_is_not_an_absent_one() {
    let order = |told: &str| with(&format!("\"order_id\":{told}")).unwrap();
    let ours = OrderId::parse(ORDER).unwrap();
    let read = order(&format!("\"{ORDER}\""));
    assert_eq!((read.order, read.evidence.order_id), (OrderReference::Ours(ours), Some(ours)));
    for none in ["null", "\"\"", "\"  \""] {
        assert_eq!(order(none).order, OrderReference::None, "{none}");
    }
    let upper = format!("\"{}\"", ORDER.to_uppercase());
    let suffixed = format!("\"{ORDER}-1\"");
    for foreign in ["\"RGDBP-21314\"", "2", "0", "true", "[]", "{}", "\"\\ud800\"", "\"null\"", &upper, &suffixed] {
        let read = order(foreign);
        assert_eq!((read.order, read.evidence.order_id), (OrderReference::Foreign, None), "{foreign}");
    }
}

#[test]
fn a_time_is_iso_or_milliseconds_or_none() {
    let time = |told: &str| with(&format!("\"updated_at\":{told}")).unwrap().evidence.provider_at;
    let moment = Timestamp::parse("2025-12-09T03:04:21.097Z");
    for told in
        ["1765249461097", "1765249461097.0", "1.765249461097e12", "\"1765249461097\"", "\"2025-12-09T03:04:21.097Z\""]
    {
        assert_eq!(time(told), moment, "{told}");
    }
    for none in ["null", "\"null\"", "\"\"", "1765249461", "-1", "0", "1e18", "1e300", "\"soon\"", "true", "[]"] {
        assert_eq!(time(none), None, "{none}");
    }
}

#[test]
fn unknown_words_and_fields_are_no_obstacle() {
    let ipn =
        read("{\"payment_id\":1,\"payment_status\":\"wrong_asset\\u0000_confirmed\",\"new\":{\"a\":[1]}}").unwrap();
    assert_eq!(ipn.payment_status(), "wrong_asset_confirmed");
    assert!(matches!(ipn.evidence.word, ProviderWord::Unknown(_)));
    let near = read("{\"payment_id\":1,\"payment_status\":\"Finished\"}").unwrap();
    assert!(matches!(near.evidence.word, ProviderWord::Unknown(_)));
}

#[test]
fn a_body_without_payment_or_status_is_refused() {
    assert_eq!(read("{\"payment_status\":\"finished\"}"), missing("payment_id"));
    // The notification of a payout, which comes to the same address.
    assert_eq!(read("{\"id\":\"1\",\"batch_withdrawal_id\":\"2\",\"status\":\"FINISHED\"}"), missing("payment_id"));
    for status in ["null", "1", "\"\"", "\" \"", "[\"finished\"]"] {
        let wire = format!("{{\"payment_id\":1,\"payment_status\":{status}}}");
        assert_eq!(read(&wire), missing("payment_status"), "{status}");
    }
    for whole in ["[]", "1", "null", "\"payment_id\"", "[{\"payment_id\":1,\"payment_status\":\"finished\"}]"] {
        assert_eq!(read(whole), missing("body"), "{whole}");
    }
    assert_eq!(read("{}"), missing("payment_id"));
}

#[test]
fn only_the_outermost_object_is_read() {
    let read = with("\"fee\":{\"actually_paid\":5,\"order_id\":\"x\"}").unwrap();
    assert_eq!((read.evidence.actually_paid, read.order), (None, OrderReference::None));
}

proptest! {
    #[test]
    fn every_digit_of_an_amount_survives(digits in "(0|[1-9][0-9]{0,30})(\\.[0-9]{1,40})?") {
        for told in [digits.clone(), format!("\"{digits}\"")] {
            let evidence = with(&format!("\"actually_paid\":{told}")).unwrap().evidence;
            prop_assert_eq!(evidence.actually_paid.unwrap().to_string(), digits.clone());
        }
    }

    #[test]
    fn any_signed_value_in_any_field_is_read_or_refused(
        field in "payment_id|parent_payment_id|payment_status|order_id|actually_paid|pay_amount|pay_currency|updated_at",
        value in "null|true|-?[0-9]{1,3}(\\.[0-9]{1,3})?([eE]-?[0-9]{1,6})?|\"[ -!#-\\[\\]-~é]{0,200}\"|\\[\\]|\\{\\}",
    ) {
        let others = ["\"payment_id\":1", "\"payment_status\":\"finished\""];
        let others = others.iter().filter(|other| !other.contains(&format!("\"{field}\"")));
        let wire = others.fold(format!("\"{field}\":{value}"), |wire, other| format!("{wire},{other}"));
        let verdict = read(&format!("{{{wire}}}"));
        // A leading zero makes it no JSON, which is a refusal too.
        let blamed = |name: &str| name == field || name == "body";
        prop_assert!(verdict.is_ok() || matches!(verdict, Err(IpnRefusal::MissingFields(name)) if blamed(name)));
    }
}
