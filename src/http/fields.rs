//! The fields of a JSON body, read one by one; everything that is wrong with them is told at once.
//!
//! A field that breaks its rule is read as its type's default, and [`Fields::finish`] then refuses the
//! whole: no handler goes on with such a value. Lengths are counted in characters.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::domain::ids::PaymentId;
use crate::domain::time::Timestamp;

use super::error::ApiError;
use super::problem::Issues;
use super::query::TIME_RULE;

/// The object as it came, and what was found wrong so far.
#[derive(Debug, Default)]
pub struct Fields {
    object: Map<String, Value>,
    issues: Issues,
}

impl Fields {
    /// Starts reading.
    #[must_use]
    pub fn new(object: Map<String, Value>) -> Self {
        Self { object, issues: Issues::default() }
    }

    /// Notes what is wrong with a field.
    pub fn wrong(&mut self, name: &'static str, sentence: impl Into<String>) {
        self.issues.field_errors.entry(name).or_default().push(sentence.into());
    }

    /// Notes what is wrong with the request as a whole.
    pub fn wrong_form(&mut self, sentence: impl Into<String>) {
        self.issues.form_errors.push(sentence.into());
    }

    /// True once something was found wrong with this field.
    #[must_use]
    pub fn is_wrong(&self, name: &str) -> bool {
        self.issues.field_errors.contains_key(name)
    }

    /// True if the field is there, be it `null`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// True if the field is there and is not `null`.
    #[must_use]
    pub fn is_given(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(|value| !value.is_null())
    }

    /// Ends reading.
    ///
    /// # Errors
    /// 400 with every issue, if there is one.
    pub fn finish(self) -> Result<(), ApiError> {
        let right = self.issues == Issues::default();
        if right { Ok(()) } else { Err(ApiError::Invalid(self.issues)) }
    }

    /// A text of 1 to `max` characters that must be there.
    pub fn text(&mut self, name: &'static str, max: usize) -> String {
        match self.object.remove(name) {
            None => {
                self.wrong(name, format!("{name} is required."));
                String::new()
            }
            Some(Value::String(text)) if text.is_empty() => {
                self.wrong(name, format!("{name} must not be empty."));
                text
            }
            Some(value) => self.bounded(name, max, value).unwrap_or_default(),
        }
    }

    /// A text of at most `max` characters; absent, `null` and `""` are the same.
    pub fn optional_text(&mut self, name: &'static str, max: usize) -> Option<String> {
        match self.object.remove(name) {
            None | Some(Value::Null) => None,
            Some(value) => self.bounded(name, max, value).filter(|text| !text.is_empty()),
        }
    }

    /// Like [`Self::optional_text`], but the field itself must be there: it is what the request is for.
    pub fn nullable_text(&mut self, name: &'static str, max: usize) -> Option<String> {
        if !self.object.contains_key(name) {
            self.wrong(name, format!("{name} is required; null clears it."));
        }
        self.optional_text(name, max)
    }

    /// A payment's id; absent and `null` are the same.
    pub fn optional_payment_id(&mut self, name: &'static str) -> Option<PaymentId> {
        let text = match self.object.remove(name)? {
            Value::Null => return None,
            Value::String(text) => text,
            other => {
                self.wrong(name, format!("{name} must be a string, not {}.", kind(&other)));
                return None;
            }
        };
        let payment = PaymentId::parse(&text);
        if payment.is_none() {
            self.wrong(name, format!("{name} must be 1 to 128 printable characters."));
        }
        payment
    }

    fn bounded(&mut self, name: &'static str, max: usize, value: Value) -> Option<String> {
        let text = match value {
            Value::String(text) => text,
            other => {
                self.wrong(name, format!("{name} must be a string, not {}.", kind(&other)));
                return None;
            }
        };
        if text.chars().count() > max {
            self.wrong(name, format!("{name} must be at most {max} characters."));
        }
        // PostgreSQL cannot keep it, so nobody may send it.
        if text.contains('\0') {
            self.wrong(name, format!("{name} must not contain NUL characters."));
        }
        Some(text)
    }

    /// An integer in its range that must be there.
    pub fn integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> i64 {
        if !self.object.contains_key(name) {
            self.wrong(name, format!("{name} is required."));
            return 0;
        }
        match self.object.remove(name) {
            None => 0,
            Some(value) => self.in_range(name, &range, &value).unwrap_or_default(),
        }
    }

    /// An integer in its range; absent and `null` are the same.
    pub fn optional_integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        match self.object.remove(name) {
            None | Some(Value::Null) => None,
            Some(value) => self.in_range(name, &range, &value),
        }
    }

    fn in_range(&mut self, name: &'static str, range: &RangeInclusive<i64>, value: &Value) -> Option<i64> {
        let rule = format!("{name} must be an integer between {} and {}", range.start(), range.end());
        match value {
            Value::Number(number) => match number.as_i64().filter(|number| range.contains(number)) {
                Some(number) => Some(number),
                None => {
                    self.wrong(name, format!("{rule}."));
                    None
                }
            },
            other => {
                self.wrong(name, format!("{rule}, not {}.", kind(other)));
                None
            }
        }
    }

    /// One of these words; absent and `null` are the same.
    pub fn optional_word(&mut self, name: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let given = self.object.remove(name).filter(|value| !value.is_null())?;
        let word = words.iter().find(|word| given.as_str() == Some(word)).copied();
        if word.is_none() {
            self.wrong(name, format!("{name} must be one of {}.", words.join(", ")));
        }
        word
    }

    /// A time; absent and `null` are the same.
    pub fn optional_time(&mut self, name: &'static str) -> Option<Timestamp> {
        let given = self.object.remove(name).filter(|value| !value.is_null())?;
        let time = given.as_str().and_then(Timestamp::parse);
        if time.is_none() {
            self.wrong(name, format!("{name} {TIME_RULE}."));
        }
        time
    }

    /// A time that must be there; where it is not, the beginning of time.
    pub fn time(&mut self, name: &'static str) -> Timestamp {
        if self.object.get(name).is_none_or(Value::is_null) {
            self.wrong(name, format!("{name} is required."));
        }
        self.optional_time(name).unwrap_or(Timestamp::from_micros(0))
    }

    /// One text or more; how each must look is the caller's affair.
    pub fn texts(&mut self, name: &'static str) -> Vec<String> {
        let rule = match self.object.remove(name) {
            None => format!("{name} is required."),
            Some(Value::Array(values)) if values.is_empty() => format!("{name} must not be empty."),
            Some(Value::Array(values)) => {
                let texts = values.into_iter().map(|value| value.as_str().map(str::to_owned));
                match texts.collect::<Option<Vec<String>>>() {
                    Some(texts) => return texts,
                    None => format!("{name} must hold strings only."),
                }
            }
            Some(other) => format!("{name} must be an array of strings, not {}.", kind(&other)),
        };
        self.wrong(name, rule);
        Vec::new()
    }

    /// Yes or no; absent and `null` are no.
    pub fn flag(&mut self, name: &'static str) -> bool {
        if self.object.get(name).is_some_and(Value::is_null) { false } else { self.choice(name).unwrap_or_default() }
    }

    /// Yes or no, if the field is there; `null` is neither.
    pub fn choice(&mut self, name: &'static str) -> Option<bool> {
        match self.object.remove(name)? {
            Value::Bool(flag) => Some(flag),
            other => {
                self.wrong(name, format!("{name} must be true or false, not {}.", kind(&other)));
                None
            }
        }
    }
}

/// A JSON value's type, as a sentence names it.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        match value {
            Value::Object(object) => Fields::new(object),
            other => panic!("{other} is no object"),
        }
    }

    fn issues(fields: Fields) -> Value {
        match fields.finish() {
            Err(ApiError::Invalid(issues)) => serde_json::to_value(issues).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let mut fields = fields(json!({"product": 7, "price_cents": "7900", "note": "xxx"}));
        fields.text("product", 64);
        fields.integer("price_cents", 1..=1_000_000);
        fields.text("price_currency", 3);
        fields.optional_text("note", 2);
        fields.wrong_form("The key is wrong.");
        assert_eq!(
            issues(fields),
            json!({
                "fieldErrors": {
                    "product": ["product must be a string, not a number."],
                    "price_cents": ["price_cents must be an integer between 1 and 1000000, not a string."],
                    "price_currency": ["price_currency is required."],
                    "note": ["note must be at most 2 characters."],
                },
                "formErrors": ["The key is wrong."],
            })
        );
    }

    #[test]
    fn only_an_integer_in_range_is_a_price() {
        for wrong in [
            json!(0),
            json!(1_000_001),
            json!(7900.0),
            json!(7900.5),
            json!(1e300),
            json!(-1.0),
            json!(u64::MAX),
            json!(null),
            json!([]),
        ] {
            let mut fields = fields(json!({ "price_cents": wrong }));
            fields.integer("price_cents", 1..=1_000_000);
            assert!(fields.is_wrong("price_cents"));
        }
        let mut fields = fields(json!({"price_cents": 1_000_000}));
        assert_eq!(fields.integer("price_cents", 1..=1_000_000), 1_000_000);
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn a_note_is_counted_in_characters_and_empty_is_none() {
        let mut right = fields(json!({"a": "ü".repeat(500), "b": "", "c": null}));
        assert_eq!(right.optional_text("a", 500).unwrap().chars().count(), 500);
        assert_eq!(right.optional_text("b", 500), None);
        assert_eq!(right.nullable_text("c", 500), None);
        assert!(right.finish().is_ok());
        let mut wrong = fields(json!({"a": "a\0b"}));
        wrong.optional_text("a", 500);
        wrong.nullable_text("b", 500);
        assert!(wrong.is_wrong("a") && wrong.is_wrong("b"));
    }
}
