//! Numbers as people read them: exact, in groups of three digits, money in its major units.

use crate::domain::money::{Currency, Price};

/// A narrow blank that no line ends at.
const THIN: char = '\u{202f}';

/// A whole number in groups of three digits: `1 204`.
#[must_use]
pub fn grouped(number: i64) -> String {
    in_groups(&number.to_string())
}

/// A count in groups of three digits.
#[must_use]
pub fn counted(number: impl TryInto<i64>) -> String {
    grouped(number.try_into().unwrap_or(i64::MAX))
}

/// Minor units of a currency by its name, exactly: `1 204.50 USD`. What has no known currency stays as it is.
#[must_use]
pub fn money(cents: i64, currency: &str) -> String {
    let amount = Currency::parse(currency).map(|currency| Price { cents, currency }.in_major_units().to_string());
    let amount = amount.unwrap_or_else(|| format!("{cents} minor units"));
    let (whole, rest) = amount.split_once('.').map_or((amount.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let point = rest.map(|rest| format!(".{rest}")).unwrap_or_default();
    format!("{}{point} {currency}", in_groups(whole))
}

/// How much of the whole a part is, in percent with one digit, rounded down; none of nothing.
#[must_use]
pub fn share(part: i64, whole: i64) -> Option<String> {
    let tenths = i128::from(part).checked_mul(1000)?.checked_div(i128::from(whole))?;
    Some(format!("{}.{} %", tenths / 10, tenths % 10))
}

fn in_groups(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{sign}{digits}");
    }
    let mut grouped = sign.to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place) % 3 == 0 {
            grouped.push(THIN);
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_groups_of_three() {
        for (number, told) in
            [(0, "0"), (999, "999"), (1_000, "1\u{202f}000"), (-1_234_567, "-1\u{202f}234\u{202f}567")]
        {
            assert_eq!(grouped(number), told);
        }
        assert_eq!(counted(u64::MAX), grouped(i64::MAX));
    }

    #[test]
    fn money_is_exact_in_its_currency() {
        for (cents, currency, told) in [
            (7_900, "USD", "79.00 USD"),
            (i64::MAX, "USD", "92\u{202f}233\u{202f}720\u{202f}368\u{202f}547\u{202f}758.07 USD"),
            (1_500, "JPY", "1\u{202f}500 JPY"),
            (7_901, "KWD", "7.901 KWD"),
            (0, "USD", "0.00 USD"),
        ] {
            assert_eq!(money(cents, currency), told);
        }
    }

    #[test]
    fn a_share_is_of_something() {
        assert_eq!(share(1, 3).as_deref(), Some("33.3 %"));
        assert_eq!(share(i64::MAX, i64::MAX).as_deref(), Some("100.0 %"));
        assert_eq!(share(0, 0), None);
    }
}
