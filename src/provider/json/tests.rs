//! The reader against the grammar, against another reader, and against input made to hurt.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;
use crate::provider::canonical::{self, Form};

fn sorted(text: &str) -> String {
    canonical::write(&Document::read(text).unwrap(), Form::Sorted)
}

#[test]
fn a_complete_value_is_read_and_nothing_else() {
    for good in ["0", " null ", "[]", "{}", "[1,[2,{\"a\":[]}]]", "\"\\ud800\"", "-0.0e-0", "{\"a\":{},\"b\":[{}]}\r\n"]
    {
        assert!(Document::read(good).is_ok(), "{good}");
    }
    let bad = "|[|]|{|[}|{]|[1,]|[,1]|{\"a\"}|{\"a\":}|{\"a\":1,}|{a:1}|{1:2}|01|1.|.5|+1|-|1e|1e+|nul|nulll|\
        \"|\"\\x\"|\"\\u12\"|\"\\u12g4\"|\"\t\"|'a'|[1 2]|1 2|[] []|NaN|Infinity|\u{feff}{}|[1]]|{\"a\" 1}|\u{a0}1";
    for bad in bad.split('|') {
        assert!(Document::read(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn brackets_without_end_neither_pass_nor_end_the_process() {
    let half = 32 * 1024;
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        assert!(Document::read(&open.repeat(2 * half)).is_err());
    }
    let closed = format!("{}{}", "[".repeat(half), "]".repeat(half));
    let document = Document::read(&closed).unwrap();
    assert_eq!(document.depth(), half);
    assert_eq!(canonical::write(&document, Form::Sorted), closed);
}

#[test]
fn depth_counts_open_containers() {
    for (text, depth) in [("1", 0), ("[]", 1), ("[[],[]]", 2), ("{\"a\":[{\"b\":1}],\"c\":{}}", 3)] {
        assert_eq!(Document::read(text).unwrap().depth(), depth, "{text}");
    }
}

#[test]
fn a_key_is_duplicate_however_it_is_spelled_and_wherever_it_is() {
    for twice in
        ["{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":1,\"\\u0061\":1}", "[{\"x\":{\"\\/\":1,\"/\":1}}]", "{\"\":1,\"\":1}"]
    {
        assert!(Document::read(twice).unwrap().has_duplicate_keys(), "{twice}");
    }
    for once in
        ["{\"a\":{\"a\":{\"a\":1}}}", "[{\"a\":1},{\"a\":1}]", "{\"a\":1,\"A\":1,\"a \":1}", "[\"a\",\"a\"]", "1"]
    {
        assert!(!Document::read(once).unwrap().has_duplicate_keys(), "{once}");
    }
}

#[test]
fn a_field_is_found_only_at_the_top_and_by_its_decoded_name() {
    let document =
        Document::read("{\"in\":{\"id\":1},\"\\u0069d\":2.50,\"t\":\"\\u00e9\\ud83d\\ude00\",\"half\":\"\\ude00\"}");
    let document = document.unwrap();
    assert_eq!(document.field("id"), Some(Value::Number("2.50")));
    assert_eq!(document.field("in"), Some(Value::Container));
    assert_eq!(document.field("absent"), None);
    let decoded = |name| match document.field(name) {
        Some(Value::Text(text)) => text.decode().map(String::from),
        other => panic!("{other:?}"),
    };
    assert_eq!(decoded("t"), Some("é😀".to_owned()));
    assert_eq!(decoded("half"), None);
    assert_eq!(Document::read("[{\"id\":1}]").unwrap().field("id"), None);
}

#[test]
fn strings_are_written_with_the_escapes_of_json_stringify_alone() {
    let wire = r#""\u0041\/\u00e9\u2028\u007f\"\\\b\f\n\r\t\u0001\u001F\ud83d\ude00\uD800x\ude00""#;
    let written = "\"A/é\u{2028}\u{7f}\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f😀\\ud800x\\ude00\"";
    assert_eq!(sorted(wire), written);
}

#[test]
fn keys_sort_by_utf16_units_after_array_indices() {
    // U+FF5E comes before U+1F600 by code point and after it by UTF-16 units; "01" is no index.
    let wire = "{\"\u{ff5e}\":1,\"😀\":2,\"a\":3,\"01\":4,\"10\":5,\"2\":6,\"4294967295\":7,\"!\":8}";
    let written = "{\"2\":6,\"10\":5,\"!\":8,\"01\":4,\"4294967295\":7,\"a\":3,\"😀\":2,\"\u{ff5e}\":1}";
    assert_eq!(sorted(wire), written);
}

/// Any JSON text: blanks, escapes and number spellings that no single writer makes.
fn any_json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?",
        string(),
    ];
    scalar.prop_recursive(6, 60, 6, |inner| {
        let member = (string(), inner.clone()).prop_map(|(key, value)| format!("{key} :{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(|values| format!("[{}]", values.join(" ,\n"))),
            prop::collection::vec(member, 0..6).prop_map(|members| format!("{{\t{}}}", members.join(", "))),
        ]
    })
}

fn string() -> impl Strategy<Value = String> {
    "([a-c0-2 é😀]|\\\\u00[0-7][0-9a-fA-F]|\\\\u[dD]8[0-9]{2}|\\\\[nt/\"\\\\]){0,6}"
        .prop_map(|inner| format!("\"{inner}\""))
}

proptest! {
    #[test]
    fn any_json_is_read(text in any_json()) {
        prop_assert!(Document::read(&text).is_ok());
    }

    #[test]
    fn what_is_json_is_decided_as_another_reader_does(text in "[\\[\\]{}:,\"\\\\u01e.+tfnrals \\-]{0,12}|\\PC{0,20}") {
        let other = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        prop_assert_eq!(Document::read(&text).is_ok(), other);
    }

    #[test]
    fn a_broken_text_is_judged_as_another_reader_does(text in any_json(), at in 0_usize..400, byte in "[\\[\\]{}:,\"\\\\0-]?") {
        let at = text.char_indices().map(|(index, _)| index).nth(at).unwrap_or(0);
        let broken = format!("{}{byte}{}", &text[..at], text[at..].chars().skip(1).collect::<String>());
        let other = serde_json::from_str::<IgnoredAny>(&broken).is_ok();
        prop_assert_eq!(Document::read(&broken).is_ok(), other);
    }

    #[test]
    fn a_number_keeps_its_very_text(number in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,5})?") {
        let text = format!("{{\"x\": {number} }}");
        prop_assert_eq!(Document::read(&text).unwrap().field("x"), Some(Value::Number(&number)));
        prop_assert_eq!(sorted(&text), format!("{{\"x\":{number}}}"));
    }

    #[test]
    fn the_written_form_is_its_own_written_form(text in any_json()) {
        for form in [Form::Sorted, Form::SortedIndexed, Form::JsNumbers, Form::JsNumbersIndexed] {
            let written = canonical::write(&Document::read(&text).unwrap(), form);
            prop_assert_eq!(canonical::write(&Document::read(&written).unwrap(), form), written.clone());
        }
    }

    #[test]
    fn the_order_of_keys_on_the_wire_does_not_show(
        members in prop::collection::btree_map("[a-c0-2é😀]{0,3}", any_json(), 0..8).prop_flat_map(|members| {
            let members: Vec<String> = members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            (Just(members.clone()), Just(members).prop_shuffle())
        }),
    ) {
        let wire = |members: &[String]| format!("{{{}}}", members.join(","));
        prop_assert_eq!(sorted(&wire(&members.0)), sorted(&wire(&members.1)));
    }
}
