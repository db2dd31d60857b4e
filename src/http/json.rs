//! Reads the JSON object of a body, more kindly than a strict parser where clients write what can mean one thing only.
//!
//! Half a surrogate pair becomes U+FFFD, the character for what could not be read: programs that cut texts by UTF-16
//! units leave one behind. A number that is whole is an integer however it is spelled, `7900.0` as `7.9e3`; it is read
//! from its digits, because a float would also take what only lies close to a whole number.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::error::ApiError;
use super::fields::Fields;
use super::problem::Issues;
use crate::provider::json::{Document, Value as Spelled};

/// The most digits of an integer that is kept.
const DIGITS_MAX: usize = 19;

/// The fields of a body.
///
/// # Errors
/// 400 if it is not JSON, or not an object.
pub fn object(bytes: &[u8]) -> Result<Fields, ApiError> {
    let bytes = without_halves(bytes);
    let value = serde_json::from_slice::<Value>(&bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        ApiError::BadRequest(format!("The request body is not valid JSON (line {line}, column {column}).").into())
    })?;
    match value {
        Value::Object(fields) => Ok(Fields::new(with_integers(fields, &bytes))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            let form_errors = vec!["The request body must be a JSON object.".to_owned()];
            Err(ApiError::Invalid(Issues { form_errors, ..Issues::default() }))
        }
    }
}

/// The text with `\ufffd` in the place of every half of a surrogate pair that stands alone. The length stays, and so
/// does what a parser says of a place.
fn without_halves(text: &[u8]) -> Cow<'_, [u8]> {
    let mut mended = Cow::Borrowed(text);
    let mut at = 0;
    while let Some(backslash) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at = at.saturating_add(backslash);
        let here = unit(text, at);
        let step = match here {
            Some(0xD800..=0xDBFF) if matches!(unit(text, at.saturating_add(6)), Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => {
                let digits = at.saturating_add(2)..at.saturating_add(6);
                if let Some(digits) = mended.to_mut().get_mut(digits) {
                    digits.copy_from_slice(b"fffd");
                }
                6
            }
            Some(_) => 6,
            None => 2,
        };
        at = at.saturating_add(step);
    }
    mended
}

/// The UTF-16 unit of the escape that begins there, if one does.
fn unit(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at.saturating_add(6))?.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// The fields with integers in the place of whole numbers that were spelled with a point or an exponent.
fn with_integers(mut fields: Map<String, Value>, text: &[u8]) -> Map<String, Value> {
    if !fields.values().any(Value::is_f64) {
        return fields;
    }
    let Some(document) = str::from_utf8(text).ok().and_then(|text| Document::read(text).ok()) else { return fields };
    for (name, value) in fields.iter_mut().filter(|(_, value)| value.is_f64()) {
        if let Some(Spelled::Number(lexeme)) = document.field(name)
            && let Some(whole) = whole(lexeme)
        {
            *value = Value::Number(Number::from(whole));
        }
    }
    fields
}

/// The integer that a number's text spells, if it is one.
fn whole(lexeme: &str) -> Option<i64> {
    let (sign, number) = lexeme.strip_prefix('-').map_or((1_i64, lexeme), |number| (-1, number));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{before}{after}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    // Where the point stands in the digits, once it was moved by the exponent.
    let exponent = exponent.parse::<i64>().ok()?;
    let leading = digits.len().saturating_sub(significant.len());
    let point = i64::try_from(before.len()).ok()?.checked_add(exponent)?.checked_sub(i64::try_from(leading).ok()?)?;
    let point = usize::try_from(point).ok().filter(|point| (1..=DIGITS_MAX).contains(point))?;
    let (kept, rest) = significant.split_at_checked(point).unwrap_or((significant, ""));
    if rest.bytes().any(|digit| digit != b'0') {
        return None;
    }
    format!("{kept:0<point$}").parse::<i64>().ok()?.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_json_is_a_bad_request_that_says_where() {
        for wrong in [&b"{"[..], b"{\"a\":}", b"\xff\xfe", b"{\"a\":\"\\ud80\"}", b"\\ud800", &[b'['; 65536]] {
            let told = object(wrong).unwrap_err().to_string();
            assert!(told.starts_with("The request body is not valid JSON (line 1, column "), "{told}");
        }
    }

    #[test]
    fn json_that_is_no_object_fails_validation() {
        for wrong in ["[]", "null", "1", "\"x\""] {
            assert!(matches!(object(wrong.as_bytes()), Err(ApiError::Invalid(_))), "{wrong}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character() {
        for (written, read) in [
            (r"\ud83d", "\u{fffd}"),
            (r"\uDE00 x", "\u{fffd} x"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
            (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (r"\ud83d\n", "\u{fffd}\n"),
            (r"\ud83d\ude00", "😀"),
            (r"\\ud83d", r"\ud83d"),
            (r"\\\ud83d", "\\\u{fffd}"),
            (r"\u00fc", "ü"),
        ] {
            let mut fields = object(format!("{{\"a\":\"{written}\"}}").as_bytes()).unwrap();
            assert_eq!(fields.optional_text("a", 500).as_deref(), Some(read), "{written}");
        }
    }

    #[test]
    fn a_number_is_whole_by_its_digits() {
        for (lexeme, read) in [
            ("7900.0", Some(7900)),
            ("7.9e3", Some(7900)),
            ("79000E-1", Some(7900)),
            ("7900.000000000000000000000000000000000000", Some(7900)),
            ("0.79e+4", Some(7900)),
            ("-1.0", Some(-1)),
            ("-0.0", Some(0)),
            ("0e999999999", Some(0)),
            ("9.223372036854775807e18", Some(i64::MAX)),
            ("9.223372036854775808e18", None),
            ("1998.9999999999998", None),
            ("7900.00000000000000000000000000000000000001", None),
            ("79.5", None),
            ("0.5", None),
            ("1e-1", None),
            ("1e300", None),
            ("1e99999999999999999999", None),
        ] {
            assert_eq!(whole(lexeme), read, "{lexeme}");
        }
    }

    #[test]
    fn integers_of_a_body_may_be_spelled_with_a_point() {
        let body = json!({ "a": "1.0", "b": [1.0], "c": 3.0, "d": 4.5 }).to_string();
        let mut fields = object(body.as_bytes()).unwrap();
        assert_eq!(fields.integer("c", 1..=9), 3);
        fields.integer("d", 1..=9);
        assert!(fields.is_wrong("d") && !fields.is_wrong("c"));
    }
}
