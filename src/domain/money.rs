//! Money: prices in integer minor units, coin amounts as exact decimals of the text on the wire.
//!
//! No float exists here or anywhere else. A [`CoinAmount`] keeps every digit it was given; a
//! [`Price`] knows its currency's ISO 4217 exponent, so that 7900 JPY is never read as 79.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, Signed, Zero};

/// The most characters a number on the wire may have; no coin comes near it.
const LEXEME_BYTES_MAX: usize = 128;
/// The widest power of ten a number may carry, so that no comparison is made to build a huge one.
const EXPONENT_MAX: i64 = 128;

/// An ISO 4217 currency whose exponent is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Reads three upper-case letters; `None` for a currency whose exponent is not known here.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code = Self(text.as_bytes().try_into().ok()?);
        exponent_of(text).map(|_| code)
    }

    /// How many digits stand behind the point: USD 2, JPY 0, KWD 3.
    #[must_use]
    pub fn exponent(self) -> u32 {
        exponent_of(self.as_str()).unwrap_or(2)
    }

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Currencies and funds of ISO 4217 by exponent, up to its amendment 179. A code that it has withdrawn since the first
/// order was made (ANG, BGN) stays: orders were priced in it. A code that is absent has no known exponent.
fn exponent_of(code: &str) -> Option<u32> {
    const ZERO: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
    const TWO: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN \
        BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP \
        GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP \
        LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD \
        PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP \
        SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG";
    const THREE: &str = "BHD IQD JOD KWD LYD OMR TND";
    const FOUR: &str = "CLF UYW";
    let shaped = code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
    let listed = |list: &str| shaped && list.split_ascii_whitespace().any(|known| known == code);
    [(ZERO, 0), (TWO, 2), (THREE, 3), (FOUR, 4)]
        .into_iter()
        .find_map(|(list, exponent)| listed(list).then_some(exponent))
}

/// What an order costs: whole minor units of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price {
    /// Minor units (the contract says cents, whatever the exponent).
    pub cents: i64,
    /// The currency.
    pub currency: Currency,
}

impl Price {
    /// The exact amount in major units, `price_cents / 10^exponent`: 7900 USD cents are 79.
    #[must_use]
    pub fn in_major_units(&self) -> CoinAmount {
        let scale = i64::from(self.currency.exponent());
        CoinAmount(BigDecimal::new(BigInt::from(self.cents), scale))
    }

    /// The part of this price that `part` is of `whole`, in major units: exact, and rounded up at the currency's
    /// minor unit. None of nothing.
    #[must_use]
    pub fn share(&self, part: &CoinAmount, whole: &CoinAmount) -> Option<CoinAmount> {
        if whole.is_zero() {
            return None;
        }
        let scale = part.0.fractional_digit_count().max(whole.0.fractional_digit_count());
        let units = |amount: &CoinAmount| amount.0.with_scale(scale).into_bigint_and_scale().0;
        let (part, whole) = (units(part), units(whole));
        let cents: BigInt = (BigInt::from(self.cents) * part + &whole - 1) / whole;
        Some(CoinAmount(BigDecimal::new(cents, i64::from(self.currency.exponent()))))
    }

    /// True if the provider names just this price: the same amount exactly, the currency in any case.
    #[must_use]
    pub fn is(&self, amount: &CoinAmount, currency: &str) -> bool {
        self.in_major_units() == *amount && currency.eq_ignore_ascii_case(self.currency.as_str())
    }
}

/// A coin's code, compared without case (contract, section 2): 1 to 32 of letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Coin(Arc<str>);

impl Coin {
    /// Reads a code in any case; it is kept in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let legal = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        ((1..=32).contains(&text.len()) && legal).then(|| Self(text.to_ascii_lowercase().into()))
    }

    /// The code in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Coin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An amount of a coin, or of a currency as the provider writes it: an exact decimal, never negative.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CoinAmount(BigDecimal);

impl CoinAmount {
    /// Reads a JSON number's text, or the same digits from a string. `None` for a negative or absurd
    /// one: over 128 characters, or with an exponent beyond ±128.
    #[must_use]
    pub fn parse(lexeme: &str) -> Option<Self> {
        let legal = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E');
        let starts = lexeme.as_bytes().first().is_some_and(u8::is_ascii_digit);
        if lexeme.len() > LEXEME_BYTES_MAX || !starts || !lexeme.bytes().all(legal) {
            return None;
        }
        if let Some((_, exponent)) = lexeme.split_once(['e', 'E']) {
            let exponent: i64 = exponent.parse().ok()?;
            if exponent.checked_abs().is_none_or(|size| size > EXPONENT_MAX) {
                return None;
            }
        }
        let amount = BigDecimal::from_str(lexeme).ok()?;
        // Nothing of tens is nothing: written plainly it would have two zeros, which is no number in JSON.
        let is_round_nothing = amount.is_zero() && amount.fractional_digit_count() < 0;
        (!amount.is_negative()).then(|| if is_round_nothing { Self::zero() } else { Self(amount) })
    }

    /// Nothing at all.
    #[must_use]
    pub fn zero() -> Self {
        Self(BigDecimal::zero())
    }

    /// True for exactly nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// The sum of both, exact.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self(&self.0 + &other.0)
    }

    /// What is left of this amount without the other; nothing where the other is as much or more.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        if self <= other { Self::zero() } else { Self(&self.0 - &other.0) }
    }

    /// The least amount that is written with so many digits behind the point.
    #[must_use]
    pub fn unit(decimals: u32) -> Self {
        Self(BigDecimal::new(BigInt::from(1), i64::from(decimals)))
    }

    /// With how many digits behind the point it was written.
    #[must_use]
    pub fn decimals(&self) -> u32 {
        u32::try_from(self.0.fractional_digit_count()).unwrap_or(0)
    }

    /// The plain digits without zeros at the end of a fraction: equal amounts have equal texts, however they were
    /// spelled.
    #[must_use]
    pub fn shortest(&self) -> String {
        self.0.normalized().to_plain_string()
    }

    /// The least amount of so many digits behind the point that is not below this one; itself, where it has no
    /// more of them.
    #[must_use]
    pub fn rounded_up(&self, decimals: u32) -> Self {
        if self.decimals() <= decimals {
            return self.clone();
        }
        let cut = self.0.with_scale(i64::from(decimals));
        if cut < self.0 { Self(cut + Self::unit(decimals).0) } else { Self(cut) }
    }

    /// This amount times `parts / 10 000`, exact.
    #[must_use]
    pub fn times_basis_points(&self, parts: u32) -> Self {
        Self(&self.0 * BigDecimal::new(BigInt::from(parts), 4))
    }

    /// At least this amount, with just the decimals that people write in this currency: `94.2` USD is `94.20`.
    #[must_use]
    pub fn as_money(&self, currency: Currency) -> Self {
        let scale = i64::from(currency.exponent());
        Self(self.0.with_scale_round(scale, RoundingMode::Up))
    }
}

/// Plain digits without an exponent, as many as were given.
impl fmt::Display for CoinAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_plain_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(text: &str) -> CoinAmount {
        CoinAmount::parse(text).unwrap()
    }

    #[test]
    fn a_price_is_the_provider_s_amount_only_to_the_last_digit() {
        let usd = Price { cents: 7900, currency: Currency::parse("USD").unwrap() };
        assert!(usd.is(&amount("79"), "usd") && usd.is(&amount("79.00"), "USD") && usd.is(&amount("7.9e1"), "Usd"));
        assert!(!usd.is(&amount("79.0000000000000001"), "usd") && !usd.is(&amount("79"), "eur"));
    }

    #[test]
    fn the_exponent_of_a_currency_is_its_own() {
        let price = |cents, code| Price { cents, currency: Currency::parse(code).unwrap() };
        assert_eq!(price(7900, "USD").in_major_units(), amount("79"));
        assert_eq!(price(7900, "JPY").in_major_units(), amount("7900"));
        assert_eq!(price(7900, "KWD").in_major_units(), amount("7.9"));
        // The newest codes, the one that XCG took the place of, and funds.
        for code in ["XCG", "ANG", "XAD", "ZWG", "SLE", "VED"] {
            assert_eq!(price(7900, code).in_major_units(), amount("79"), "{code}");
        }
        assert_eq!(price(79_000, "UYW").in_major_units(), amount("7.9"));
        assert_eq!(Currency::parse("XXX"), None);
        assert_eq!(Currency::parse("usd"), None);
    }

    #[test]
    fn absurd_numbers_are_refused_before_they_cost_anything() {
        for text in ["", "-1", "1e999999999", "1e-129", "NaN", "0x1", "1e", &"9".repeat(129)] {
            assert_eq!(CoinAmount::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_share_is_rounded_up_at_the_minor_unit_of_its_currency() {
        let share = |cents, code, part, whole| {
            let price = Price { cents, currency: Currency::parse(code).unwrap() };
            price.share(&amount(part), &amount(whole)).map(|share| share.to_string())
        };
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(share(7900, "USD", "0.3", "0.5"), told("47.40"));
        assert_eq!(share(7900, "USD", "1", "3"), told("26.34"));
        assert_eq!(share(7900, "JPY", "1", "3"), told("2634"));
        assert_eq!(share(7900, "KWD", "1", "3"), told("2.634"));
        assert_eq!(share(7900, "USD", "0.000000000000000001", "1e3"), told("0.01"));
        assert_eq!(share(7900, "USD", "1e-20", "1e-20"), told("79.00"));
        assert_eq!(share(7900, "USD", "0", "1"), told("0.00"));
        assert_eq!(share(7900, "USD", "1", "0.00"), None);
    }

    #[test]
    fn an_amount_is_rounded_up_only_where_it_has_more_digits() {
        for (text, decimals, expected) in [
            ("0.3", 8, "0.3"),
            ("0.300000001", 8, "0.30000001"),
            ("0.300000000", 8, "0.30000000"),
            ("0.0000000000001", 8, "0.00000001"),
            ("0.1", 0, "1"),
            ("12e3", 0, "12000"),
            ("0.999999999", 8, "1.00000000"),
        ] {
            assert_eq!(amount(text).rounded_up(decimals).to_string(), expected, "{text}");
        }
        assert_eq!(amount("0.5").minus(&amount("0.20")).to_string(), "0.30");
        assert_eq!((amount("0.5").minus(&amount("0.50")), amount("1").minus(&amount("2"))), (amount("0"), amount("0")));
    }

    #[test]
    fn an_amount_of_money_has_the_decimals_of_its_currency_and_is_never_less() {
        let shown = |text: &str, currency| amount(text).as_money(Currency::parse(currency).unwrap()).to_string();
        let usd = ["94.2", "94.2001", "94", "0"].map(|text| shown(text, "USD"));
        assert_eq!(usd, ["94.20", "94.21", "94.00", "0.00"]);
        assert_eq!((shown("94.2", "JPY"), shown("94.2", "KWD")), ("95".to_owned(), "94.200".to_owned()));
    }

    #[test]
    fn equal_amounts_have_one_shortest_text() {
        for (spellings, shortest) in [
            (["79", "79.00", "7.9e1", "790e-1"], "79"),
            (["0.5", "0.50", "5e-1", "0.500000"], "0.5"),
            (["0", "0.00", "0e7", "0e-7"], "0"),
            (["1000", "1e3", "1000.0", "10e2"], "1000"),
        ] {
            assert_eq!(spellings.map(|text| amount(text).shortest()), [shortest; 4]);
        }
    }

    #[test]
    fn nothing_is_written_as_one_number_however_it_was_spelled() {
        for (text, plain) in [("0e1", "0"), ("0E+99", "0"), ("0.0e9", "0"), ("0.00", "0.00"), ("0e-2", "0.00")] {
            assert_eq!(amount(text).to_string(), plain, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_digit_survives(whole in 0_u128.., fraction in "[0-9]{0,40}") {
            let text = if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") };
            prop_assert_eq!(amount(&text).to_string(), text);
        }
    }
}
