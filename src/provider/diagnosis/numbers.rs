//! How other languages spell a number, where the provider's JavaScript has a spelling of its own.
//!
//! Only spellings that are signed and compared: no amount is ever read here. Rejected: floats that are
//! calculated with; the digits come from the standard library's shortest form, and are placed as text.

use crate::provider::canonical;

/// Who spelled the numbers of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// The digits of the wire.
    Kept,
    /// The provider.
    JavaScript,
    /// `2e-06`, `100.0`.
    Python,
    /// `2.0e-06`, `100.0`.
    Ruby,
    /// `2.0e-6`, `100`.
    Php,
    /// The same with all 17 digits, `0.10000000000000001`.
    PhpDigits,
    /// `2e-6`, `100.0`.
    Rust,
    /// `2.0E-6`, `100.0`.
    Java,
    /// Never an exponent.
    Plain,
}

/// When and how an exponent is written. A number is `0.digits × 10^point`.
struct Rule {
    /// Below this point, and above the other, there is an exponent.
    point_least: i32,
    point_most: i32,
    /// Whole numbers end in `.0`.
    has_whole_fraction: bool,
    /// So do mantissas of one digit.
    has_mantissa_fraction: bool,
    mark: char,
    has_plus: bool,
    exponent_digits: usize,
}

const PYTHON: Rule = Rule {
    point_least: -3,
    point_most: 16,
    has_whole_fraction: true,
    has_mantissa_fraction: false,
    mark: 'e',
    has_plus: true,
    exponent_digits: 2,
};
const RUBY: Rule = Rule { has_mantissa_fraction: true, ..PYTHON };
const PHP: Rule = Rule { point_most: 17, has_whole_fraction: false, exponent_digits: 1, ..RUBY };
const RUST: Rule = Rule { point_least: -4, has_plus: false, exponent_digits: 1, ..PYTHON };
const JAVA: Rule = Rule { point_least: -2, point_most: 7, mark: 'E', has_plus: false, exponent_digits: 1, ..RUBY };
const PLAIN: Rule = Rule { point_least: i32::MIN, point_most: i32::MAX, has_whole_fraction: false, ..PYTHON };

impl Numbers {
    pub(super) const ALL: [Self; 9] = [
        Self::Kept,
        Self::JavaScript,
        Self::Python,
        Self::Ruby,
        Self::Php,
        Self::PhpDigits,
        Self::Rust,
        Self::Java,
        Self::Plain,
    ];

    /// The sentence about a spelling that the provider does not sign.
    pub(super) fn oddity(self) -> Option<&'static str> {
        Some(match self {
            Self::Kept | Self::JavaScript => return None,
            Self::Python => "numbers spelled as Python does (2e-06, 100.0)",
            Self::Ruby => "numbers spelled as Ruby does (2.0e-06, 100.0)",
            Self::Php => "numbers spelled as PHP does (2.0e-6)",
            Self::PhpDigits => "numbers spelled with 17 digits, as PHP does with serialize_precision = 17",
            Self::Rust => "numbers spelled as Rust's serde_json does (2e-6, 100.0)",
            Self::Java => "numbers spelled as Java does (2.0E-6, 100.0)",
            Self::Plain => "numbers spelled without any exponent (0.0000001)",
        })
    }

    /// A number of the wire in this spelling.
    pub(super) fn spell(self, lexeme: &str) -> String {
        let rule = match self {
            Self::Kept => return lexeme.to_owned(),
            Self::JavaScript => return canonical::js_number(lexeme),
            Self::Python => PYTHON,
            Self::Ruby => RUBY,
            Self::Php | Self::PhpDigits => PHP,
            Self::Rust => RUST,
            Self::Java => JAVA,
            Self::Plain => PLAIN,
        };
        // All these languages read digits alone as an integer, and write it so.
        let is_integer = !lexeme.contains(['.', 'e', 'E']);
        match lexeme.parse::<f64>() {
            Ok(number) if number.is_finite() && !is_integer => {
                let scientific = if self == Self::PhpDigits { format!("{number:.16e}") } else { format!("{number:e}") };
                placed(&scientific, &rule).unwrap_or(lexeme.to_owned())
            }
            _ => lexeme.to_owned(),
        }
    }
}

/// The digits of `d.ddde-7` with the point or the exponent where the rule wants it.
fn placed(scientific: &str, rule: &Rule) -> Option<String> {
    let (sign, rest) = scientific.strip_prefix('-').map_or(("", scientific), |rest| ("-", rest));
    let (mantissa, exponent) = rest.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (first, others) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let others = others.trim_end_matches('0');
    let point = exponent.checked_add(1)?;
    if point < rule.point_least || rule.point_most < point {
        let fraction = match others {
            "" if rule.has_mantissa_fraction => ".0".to_owned(),
            "" => String::new(),
            others => format!(".{others}"),
        };
        let exponent_sign = if exponent < 0 {
            "-"
        } else if rule.has_plus {
            "+"
        } else {
            ""
        };
        let (mark, width, exponent) = (rule.mark, rule.exponent_digits, exponent.unsigned_abs());
        return Some(format!("{sign}{first}{fraction}{mark}{exponent_sign}{exponent:0width$}"));
    }
    let digits = format!("{first}{others}");
    let places = usize::try_from(point.max(0)).ok()?;
    let zeros = |count: usize| "0".repeat(count);
    Some(match digits.split_at_checked(places) {
        _ if point <= 0 => format!("{sign}0.{}{digits}", zeros(usize::try_from(point.unsigned_abs()).ok()?)),
        Some((whole, fraction)) if !fraction.is_empty() => format!("{sign}{whole}.{fraction}"),
        _ => {
            let whole = format!("{sign}{digits}{}", zeros(places.saturating_sub(digits.len())));
            if rule.has_whole_fraction { format!("{whole}.0") } else { whole }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_its_spelling() {
        // Python printed its own; the others' are from their documentation.
        let table = [
            ("0.000002", ["2e-06", "2.0e-06", "2.0e-6", "2e-6", "2.0E-6", "0.000002"]),
            ("1e-7", ["1e-07", "1.0e-07", "1.0e-7", "1e-7", "1.0E-7", "0.0000001"]),
            ("0.000083", ["8.3e-05", "8.3e-05", "8.3e-5", "0.000083", "8.3E-5", "0.000083"]),
            ("0.0001", ["0.0001", "0.0001", "0.0001", "0.0001", "1.0E-4", "0.0001"]),
            ("100.0", ["100.0", "100.0", "100", "100.0", "100.0", "100"]),
            ("-12.50", ["-12.5", "-12.5", "-12.5", "-12.5", "-12.5", "-12.5"]),
            ("1e21", ["1e+21", "1.0e+21", "1.0e+21", "1e21", "1.0E21", "1000000000000000000000"]),
            ("0.0", ["0.0", "0.0", "0", "0.0", "0.0", "0"]),
            ("5745459419", ["5745459419"; 6]),
        ];
        let languages = [Numbers::Python, Numbers::Ruby, Numbers::Php, Numbers::Rust, Numbers::Java, Numbers::Plain];
        for (lexeme, spelled) in table {
            for (numbers, expected) in languages.iter().zip(spelled) {
                assert_eq!(numbers.spell(lexeme), expected, "{numbers:?} of {lexeme}");
            }
        }
        assert_eq!(Numbers::PhpDigits.spell("0.1"), "0.10000000000000001");
        assert_eq!(Numbers::JavaScript.spell("2e-06"), "0.000002");
        assert_eq!(Numbers::Python.spell("1e400"), "1e400");
    }
}
