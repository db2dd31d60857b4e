//! JSON as the provider writes it: compact, numbers in JavaScript's spelling, keys sorted where it signs.

use bigdecimal::BigDecimal;

/// A value to be written.
#[derive(Debug, Clone)]
pub(super) enum Json {
    Null,
    Flag(bool),
    /// The spelling itself.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// A text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A text, or null.
    pub(super) fn text_or_null(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// A whole number.
    pub(super) fn whole(number: u64) -> Self {
        Self::Number(number.to_string())
    }

    /// A decimal number, spelled as `JSON.stringify` spells it.
    pub(super) fn decimal(amount: &BigDecimal) -> Self {
        Self::Number(spelled(amount))
    }

    /// A decimal number's digits as a text.
    pub(super) fn decimal_text(amount: &BigDecimal) -> Self {
        Self::Text(spelled(amount))
    }

    /// An object, its keys in the order they stand here.
    pub(super) fn object(fields: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self::Object(fields.into_iter().collect())
    }

    /// The same with the keys of every object sorted.
    pub(super) fn sorted(self) -> Self {
        match self {
            Self::Object(mut fields) => {
                fields.sort_by_key(|(name, _)| *name);
                Self::Object(fields.into_iter().map(|(name, value)| (name, value.sorted())).collect())
            }
            Self::List(values) => Self::List(values.into_iter().map(Self::sorted).collect()),
            scalar @ (Self::Null | Self::Flag(_) | Self::Number(_) | Self::Text(_)) => scalar,
        }
    }

    /// The text, without blanks.
    pub(super) fn written(&self) -> String {
        let mut out = String::new();
        self.write_to(&mut out);
        out
    }

    fn write_to(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Number(spelling) => out.push_str(spelling),
            Self::Text(text) => quote(text, out),
            Self::List(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    value.write_to(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    quote(name, out);
                    out.push(':');
                    value.write_to(out);
                }
                out.push('}');
            }
        }
    }
}

/// Escapes as little as JavaScript does.
fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// The provider counts in JavaScript; amounts of the simulator's coins have few enough digits to survive it.
fn spelled(amount: &BigDecimal) -> String {
    let plain = amount.to_plain_string();
    match plain.parse::<f64>() {
        Ok(number) if number.is_finite() => ryu_js::Buffer::new().format_finite(number).to_owned(),
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn numbers_are_spelled_as_javascript_does() {
        for (given, spelling) in [("79.00", "79"), ("0.000002", "0.000002"), ("0.0000001", "1e-7"), ("0", "0")] {
            assert_eq!(Json::decimal(&BigDecimal::from_str(given).unwrap()).written(), spelling);
        }
    }

    #[test]
    fn keys_are_sorted_at_every_level() {
        let inner = Json::object([("d", Json::Null), ("c", Json::Flag(true))]);
        let outer = Json::object([("b", Json::text("ü/\"")), ("a", Json::List(vec![inner]))]);
        assert_eq!(outer.sorted().written(), r#"{"a":[{"c":true,"d":null}],"b":"ü/\""}"#);
    }
}
