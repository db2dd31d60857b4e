//! Every signed vector gets its stated verdict, and nothing unsigned gets in.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::provider::wire::Ipn;

const SECRET: &str = "test-ipn-secret-0001";

#[derive(Deserialize)]
struct Vectors {
    ipn_secret: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    wire: String,
    x_nowpayments_sig: String,
    accept: serde_json::Value,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../tests/data/ipn-vectors.json")).unwrap()
}

fn verifier() -> Verifier {
    Verifier::new([SECRET]).unwrap()
}

/// Signs one text and sends another.
fn verdict(signed: &str, wire: &str) -> Result<Form, IpnRefusal> {
    let header = sign(SECRET, signed.as_bytes()).unwrap();
    verifier().verify(header.as_bytes(), wire.as_bytes()).map(|verified| verified.form)
}

#[test]
fn every_vector_gets_its_stated_verdict() {
    let file = vectors();
    let verifier = Verifier::new([file.ipn_secret.as_str()]).unwrap();
    assert_eq!(file.vectors.len(), 11);
    for vector in file.vectors {
        let verdict = verifier.verify(vector.x_nowpayments_sig.as_bytes(), vector.wire.as_bytes());
        // "policy" stands for duplicate keys, which are refused.
        assert_eq!(verdict.is_ok(), vector.accept == true, "{}: {verdict:?}", vector.name);
        if let Ok(verified) = verdict {
            assert!(Ipn::read(&verified).is_ok(), "{}", vector.name);
        }
    }
}

#[test]
fn every_vector_verifies_in_the_form_it_was_signed_in() {
    let verifier = verifier();
    let form = |vector: &Vector| {
        let verdict = verifier.verify(vector.x_nowpayments_sig.as_bytes(), vector.wire.as_bytes());
        verdict.map(|verified| verified.form.as_str())
    };
    let forms: Vec<_> = vectors().vectors.iter().map(|vector| (vector.name.clone(), form(vector))).collect();
    let of = |name: &str| forms.iter().find(|(known, _)| known == name).unwrap().1;
    for raw in ["sorted_small_fee", "exponent_numbers", "array_kept", "unicode_and_slash", "wrong_asset_child"] {
        assert_eq!(of(raw), Ok("raw"), "{raw}");
    }
    assert_eq!(of("unsorted_wire"), Ok("sorted"));
    assert_eq!(of("array_as_object"), Ok("sorted_indexed"));
    assert_eq!(of("foreign_number_spelling"), Ok("js_numbers"));
    assert_eq!(of("duplicate_key_smuggle"), Err(IpnRefusal::BadSignature));
}

#[test]
fn both_secrets_of_a_rotation_verify_and_are_told_apart() {
    let verifier = Verifier::new(["new", "", "old\n"]).unwrap();
    let signed_by = |secret: &str, wire: &str| {
        let header = sign(secret, b"{\"a\":1,\"b\":2}").unwrap();
        verifier.verify(header.as_bytes(), wire.as_bytes()).map(|verified| (verified.form, verified.secret))
    };
    assert_eq!(signed_by("new", "{\"a\":1,\"b\":2}"), Ok((Form::Raw, 0)));
    assert_eq!(signed_by("old", "{\"a\":1,\"b\":2}"), Ok((Form::Raw, 2)));
    assert_eq!(signed_by("old", "{\"b\":2, \"a\":1}"), Ok((Form::Sorted, 2)));
    assert_eq!(signed_by("other", "{\"a\":1,\"b\":2}"), Err(IpnRefusal::BadSignature));
}

#[test]
fn a_blank_secret_neither_signs_nor_verifies() {
    assert!(Verifier::new([]).is_none());
    assert!(Verifier::new(["", " \t\n"]).is_none());
    assert_eq!(sign(" ", b"{}"), None);
}

#[test]
fn a_secret_is_the_bytes_of_its_trimmed_text() {
    assert_eq!(sign("  c2VjcmV0\n", b"{}"), sign("c2VjcmV0", b"{}"));
    assert_ne!(sign("c2VjcmV0", b"{}"), sign("secret", b"{}"));
}

#[test]
fn the_header_is_128_hex_digits_of_any_case() {
    let header = sign(SECRET, b"{}").unwrap();
    let verify = |header: &str| verifier().verify(header.as_bytes(), b"{}").is_ok();
    assert!(verify(&header) && verify(&header.to_uppercase()));
    let (half, rest) = header.split_at(64);
    assert!(verify(&format!("{}{rest}", half.to_uppercase())));
    let wrong =
        [String::new(), format!(" {header}"), format!("{header}00"), half.to_owned(), format!("sha512={header}")];
    assert!(wrong.iter().all(|wrong| !verify(wrong)));
    assert!(!verify(&"0".repeat(128)) && !verify(&"é".repeat(64)));
}

#[test]
fn duplicate_keys_are_refused_only_after_the_signature() {
    let twice = "{\"a\":1,\"a\":2}";
    assert_eq!(verdict(twice, twice), Err(IpnRefusal::DuplicateKeys));
    assert_eq!(verdict("{\"a\":2}", twice), Err(IpnRefusal::BadSignature));
    let deep = "{\"o\":{\"k\":1,\"\\u006b\":1}}";
    assert_eq!(verdict(deep, deep), Err(IpnRefusal::DuplicateKeys));
}

#[test]
fn a_body_nested_deeper_than_32_verifies_by_its_raw_bytes_only() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let blank = |text: &str| text.replacen(':', ": ", 1);
    assert_eq!(verdict(&nested(32), &blank(&nested(32))), Ok(Form::Sorted));
    assert_eq!(verdict(&nested(33), &blank(&nested(33))), Err(IpnRefusal::BadSignature));
    assert_eq!(verdict(&nested(33), &nested(33)), Ok(Form::Raw));
}

#[test]
fn what_is_no_json_is_told_only_to_the_one_who_signed_it() {
    for body in [b"not json".as_slice(), b"", b"\xff\xfe", b"{} x", &[b'['; BODY_BYTES_MAX]] {
        let header = sign(SECRET, body).unwrap();
        let refused = |header: &str| verifier().verify(header.as_bytes(), body).unwrap_err();
        assert_eq!(refused(&header), IpnRefusal::MissingFields("body"));
        assert_eq!(refused(&"0".repeat(128)), IpnRefusal::BadSignature);
    }
}

#[test]
fn a_body_past_the_bound_is_not_looked_at() {
    let body = format!("\"{}\"", "a".repeat(BODY_BYTES_MAX - 1));
    assert_eq!(verdict(&body, &body), Err(IpnRefusal::BadSignature));
}

#[test]
fn numbers_are_spelled_as_javascript_does() {
    // Each was printed by JSON.stringify(JSON.parse(…)).
    let spelled = [
        ("-0", "0"),
        ("-0.0", "0"),
        ("1e400", "null"),
        ("-1e400", "null"),
        ("1e-400", "0"),
        ("9007199254740993", "9007199254740992"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("2e-06", "0.000002"),
        ("0.0000001", "1e-7"),
        ("100.0", "100"),
        ("1E+2", "100"),
        ("4.9e-324", "5e-324"),
    ];
    for (wire, signed) in spelled {
        let body = |number: &str| format!("{{\"x\":{number}}}");
        assert_eq!(verdict(&body(signed), &body(wire)), Ok(Form::JsNumbers), "{wire}");
    }
}

#[test]
fn objects_and_arrays_are_ordered_as_javascript_orders_them() {
    // Signed texts printed by the provider's two sample sorters for this very wire text.
    let wire =
        "{\"z\":1,\"10\":[],\"2\":{\"b\":-0,\"a\":1e400},\"\\u00e9\":\"\\ud800\\u001F\\/\",\"01\":9007199254740993}";
    let kept = "{\"2\":{\"a\":null,\"b\":0},\"10\":[],\"01\":9007199254740992,\"z\":1,\"é\":\"\\ud800\\u001f/\"}";
    assert_eq!(verdict(kept, wire), Ok(Form::JsNumbers));
    assert_eq!(verdict(&kept.replace("[]", "{}"), wire), Ok(Form::JsNumbersIndexed));
    let wire = "{\"l\":[0,1,2,3,4,5,6,7,8,9,10]}";
    let indexed = "{\"l\":{\"0\":0,\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5,\"6\":6,\"7\":7,\"8\":8,\"9\":9,\"10\":10}}";
    assert_eq!(verdict(indexed, wire), Ok(Form::SortedIndexed));
}

#[test]
fn a_verifier_does_not_show_its_secrets() {
    assert!(!format!("{:?}", verifier()).contains(SECRET));
}

proptest! {
    #[test]
    fn no_bytes_verify_without_a_signature(body in prop::collection::vec(any::<u8>(), 0..300), header in "[0-9a-fA-F]{128}") {
        prop_assert_eq!(verifier().verify(header.as_bytes(), &body).map(|_| ()), Err(IpnRefusal::BadSignature));
    }

    #[test]
    fn one_changed_byte_of_a_value_is_refused(at in 0_usize..18, digit in b'0'..=b'9') {
        let signed = b"{\"a\":1.2345678,\"b\":\"5678\"}";
        let mut body = signed.to_vec();
        let digits: Vec<usize> = (0..body.len()).filter(|index| body[*index].is_ascii_digit()).collect();
        let place = digits[at % digits.len()];
        prop_assume!(body[place] != digit);
        body[place] = digit;
        let header = sign(SECRET, signed).unwrap();
        prop_assert!(verifier().verify(header.as_bytes(), &body).is_err());
    }
}
