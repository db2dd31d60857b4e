//! Every signed vector and every classic mistake is named rightly, and no secret is shown.

use serde::Deserialize;

use super::*;
use crate::provider::signature::sign;

const SECRET: &str = "test-ipn-secret-0001";
/// A body with everything in it that some program writes differently.
const BODY: &str = concat!(
    r#"{"fee":{"currency":"btc","depositFee":0.000002,"serviceFee":1e-7},"order_description":"Café <b>/ 50%","#,
    r#""payment_extra_ids":[1,2],"payment_id":5800567260,"payment_status":"finished","price_amount":10.5,"#,
    r#""purchase_id":null}"#
);

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
}

fn diagnosed(body: &[u8], header: &str) -> Diagnosis {
    diagnose(&Case { secrets: &[SECRET], others: &["API-KEY"], body, header })
}

/// Signs one text and diagnoses another.
fn of(signed: &str, wire: &str) -> Diagnosis {
    diagnosed(wire.as_bytes(), &sign(SECRET, signed.as_bytes()).unwrap())
}

/// The mistake found, as it is told: the key's fault, then the text's.
fn told(diagnosis: &Diagnosis) -> String {
    match &diagnosis.verdict {
        Verdict::Signed { form, secret } => format!("signed {} by {secret}", form.as_str()),
        Verdict::Mistaken(mistake) => {
            let oddity = mistake.key_form.oddity().unwrap_or("plain");
            format!("{:?}, {oddity}: {}", mistake.key, mistake.text)
        }
        Verdict::NoSignature => "no signature".to_owned(),
        Verdict::Unmatched => "unmatched".to_owned(),
    }
}

/// The header over this text, with a key that no secret may be.
fn header_with(key: &[u8], text: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let tag = Hmac::<sha2::Sha512>::new_from_slice(key).unwrap().chain_update(text).finalize();
    data_encoding::HEXLOWER.encode(&tag.into_bytes())
}

#[test]
fn every_vector_is_named_rightly() {
    let file: Vectors = serde_json::from_str(include_str!("../../../tests/data/ipn-vectors.json")).unwrap();
    let expected = [
        ("sorted_small_fee", "signed raw by 0"),
        ("unsorted_wire", "signed sorted by 0"),
        ("exponent_numbers", "signed raw by 0"),
        ("array_kept", "signed raw by 0"),
        ("array_as_object", "signed sorted_indexed by 0"),
        ("unicode_and_slash", "signed raw by 0"),
        ("foreign_number_spelling", "signed js_numbers by 0"),
        ("wrong_asset_child", "signed raw by 0"),
        ("tampered", "unmatched"),
        ("empty_key", "Empty, plain: the form `raw`"),
        ("duplicate_key_smuggle", "Secret(0), plain: the body with each key once"),
    ];
    assert_eq!(file.vectors.len(), expected.len());
    for (vector, (name, verdict)) in file.vectors.iter().zip(expected) {
        let case = Case {
            secrets: &[&file.ipn_secret],
            others: &[],
            body: vector.wire.as_bytes(),
            header: &vector.x_nowpayments_sig,
        };
        assert_eq!((vector.name.as_str(), told(&diagnose(&case)).as_str()), (name, verdict));
    }
}

#[test]
fn a_text_as_some_other_program_writes_it_is_named_with_what_it_does() {
    let number = |from: &str, to: &str| BODY.replace(from, to);
    let python = number("0.000002", "2e-06").replace("1e-7", "1e-07");
    let table = [
        (BODY.replace("{\"currency\":\"btc\",\"depositFee\":0.000002,\"serviceFee\":1e-7}", "{}"), "empties"),
        (python.clone(), "Python"),
        (number("0.000002", "2.0e-06").replace("1e-7", "1.0e-07"), "Ruby"),
        (number("0.000002", "2.0e-6").replace("1e-7", "1.0e-7"), "PHP does (2.0e-6)"),
        (number("0.000002", "2e-6"), "serde_json"),
        (number("0.000002", "2.0E-6").replace("1e-7", "1.0E-7"), "Java"),
        (number("1e-7", "0.0000001"), "without any exponent"),
        (BODY.replace('/', "\\/"), "`/` escaped"),
        (BODY.replace('é', "\\u00e9"), "past ASCII escaped"),
        (BODY.replace('é', "\\u00e9").replace('/', "\\/"), "as PHP does"),
        (BODY.replace('<', "\\u003c").replace('>', "\\u003e"), "as Go does"),
        (BODY.replace(",\"purchase_id\":null", ""), "null left out"),
        (python.replace('é', "\\u00e9").replace(':', ": ").replace(',', ", "), "a blank after each comma"),
    ];
    for (signed, name) in table {
        let told = told(&of(&signed, BODY));
        assert!(told.starts_with("Secret(0), plain: the body with: ") && told.contains(name), "{name}: {told}");
    }
}

#[test]
fn keys_that_are_sorted_only_at_the_top_or_not_at_all_are_told_apart() {
    let wire = r#"{"b":{"z":1,"a":2},"a": 1}"#;
    assert!(told(&of(r#"{"a":1,"b":{"z":1,"a":2}}"#, wire)).contains("sorted at the top level only"));
    assert!(told(&of(r#"{"b":{"z":1,"a":2},"a":1}"#, wire)).contains("not sorted at all"));
    // The sample keeps the keys below that the top level has too.
    assert!(told(&of(r#"{"a":1,"b":{"a":2}}"#, wire)).contains("Object.keys(body).sort()"));
    assert_eq!(told(&of(r#"{"a":1,"b":{"a":2,"z":1}}"#, wire)), "signed sorted by 0");
}

#[test]
fn what_a_file_does_to_a_body_is_named() {
    let wire = "{\"b\":1, \"a\":1}";
    let table = [
        (wire.to_owned(), format!("{wire}\n"), "without the blanks or line end"),
        (format!("{wire}\n"), wire.to_owned(), "with a line end after it"),
        (wire.to_owned(), format!("\u{feff}{wire}"), "byte order mark"),
        ("{\n\"b\":1}".to_owned(), "{\r\n\"b\":1}".to_owned(), "ended by LF"),
    ];
    for (signed, came, name) in table {
        let told = told(&of(&signed, &came));
        assert!(told.contains(name), "{name}: {told}");
    }
}

#[test]
fn a_secret_that_was_used_wrongly_is_named() {
    let decoded = data_encoding::BASE64_NOPAD.encode(b"sixteen bytes ok");
    let secrets: &[&str] = &["new-secret", &decoded];
    let table: [(&[u8], &str); 6] = [
        (b"new-secret\n", "Secret(0), with the end of its line still at its end"),
        (b"new-secret\r\n", "Secret(0), with the end of its line (CR LF)"),
        (b"\"new-secret\"", "Secret(0), with quotes"),
        (b"sixteen bytes ok", "Secret(1), decoded as base64"),
        (b"API-KEY", "Other(0), plain"),
        (b"", "Empty, plain"),
    ];
    for (key, name) in table {
        let header = header_with(key, BODY);
        let told = told(&diagnose(&Case { secrets, others: &["API-KEY"], body: BODY.as_bytes(), header: &header }));
        assert!(told.starts_with(name), "{name}: {told}");
    }
    let header = header_with(decoded.as_bytes(), BODY);
    let case = Case { secrets, others: &[], body: BODY.as_bytes(), header: &header };
    assert_eq!(told(&diagnose(&case)), "signed raw by 1");
}

#[test]
fn a_header_that_is_no_128_hex_digits_is_told_and_still_looked_into() {
    let header = sign(SECRET, BODY.as_bytes()).unwrap();
    let fault = |header: &str| {
        let diagnosis = diagnosed(BODY.as_bytes(), header);
        (diagnosis.header_fault, told(&diagnosis))
    };
    let signed = "signed raw by 0".to_owned();
    let none = "no signature".to_owned();
    assert_eq!(fault(&header.to_uppercase()), (None, signed.clone()));
    assert_eq!(fault(&format!("sha512={header}")), (Some(HeaderFault::Decorated), signed.clone()));
    let tag = HEXLOWER_PERMISSIVE.decode(header.as_bytes()).unwrap();
    assert_eq!(fault(&data_encoding::BASE64.encode(&tag)), (Some(HeaderFault::Base64), signed));
    assert_eq!(fault(&"a".repeat(64)), (Some(HeaderFault::Sha256), none.clone()));
    assert_eq!(fault(&header[1..]), (Some(HeaderFault::Length(127)), none.clone()));
    assert_eq!(fault(&header.replacen(|_| true, "x", 1)), (Some(HeaderFault::NotHex(1)), none.clone()));
    assert_eq!(fault(""), (Some(HeaderFault::Length(0)), none));
}

#[test]
fn the_faults_of_a_body_are_told_whoever_signed_it() {
    let faults = |body: &[u8]| diagnosed(body, &"0".repeat(128)).body_faults;
    assert_eq!(faults(b""), [BodyFault::Empty]);
    assert_eq!(faults(b"{\"a\":\xff}"), [BodyFault::NotUtf8(5)]);
    assert_eq!(faults(b"payment_id=1"), [BodyFault::NotJson { line: 1, column: 1 }]);
    assert_eq!(faults(b"{\"a\":1,\n\"a\":2}"), [BodyFault::DuplicateKeys]);
    assert_eq!(faults("\u{feff}{}".as_bytes()), [BodyFault::Mark]);
    assert_eq!(faults(&[b'['; BODY_BYTES_MAX + 1])[0], BodyFault::TooLong);
    let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
    assert_eq!(faults(deep.as_bytes()), [BodyFault::Deep]);
    assert_eq!(of(r#"{"payment_id":1}"#, r#"{"payment_id":1}"#).body_faults, [BodyFault::Field("payment_status")]);
    // Signed as they came, and refused for what they are.
    assert_eq!(told(&of(r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#)), "signed raw by 0");
    assert_eq!(told(&of("nonsense", "nonsense")), "signed raw by 0");
}

#[test]
fn each_form_says_where_the_body_is_not_in_it() {
    let diagnosis = of("{}", r#"{"b":1.0,"a":[]}"#);
    let seen: Vec<_> = diagnosis.forms.iter().map(|form| (form.form.as_str(), form.difference.as_ref())).collect();
    let at: Vec<_> = seen.iter().map(|(name, difference)| (*name, difference.map(|it| it.other.as_str()))).collect();
    let expected = [
        ("sorted", Some(r#"a":[],"b":1.0}"#)),
        ("sorted_indexed", Some(r#"a":{},"b":1.0}"#)),
        ("js_numbers", Some(r#"a":[],"b":1}"#)),
        ("js_numbers_indexed", Some(r#"a":{},"b":1}"#)),
    ];
    assert_eq!(at, expected);
    assert!(of("{}", r#"{"a":1}"#).forms.iter().all(|form| form.difference.is_none()));
    assert_eq!(rewritten(r#"{"b":1,"a":2}"#).unwrap().at, 2);
    assert_eq!(rewritten(r#"{"a":2,"b":1}"#), None);
}
