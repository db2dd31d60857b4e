//! Reads the catalogue from its one-line form, `solo_manual=7900 USD, team_manual=24900 USD`.
//!
//! `file.rs` brings the tables of a settings file to this form, so that a product is judged once.

use std::collections::BTreeMap;

use crate::domain::catalogue::{Catalogue, ProductCode};
use crate::domain::money::{Currency, Price};

/// The dearest product, in minor units: a million such orders still sum up within 64 bits.
const PRICE_CENTS_MAX: i64 = 1_000_000_000_000;

/// Reads all products. The error says which one is wrong, and how.
pub(super) fn parse(text: &str) -> Result<Catalogue, String> {
    let mut products = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (code, price) = product(entry)?;
        if products.insert(code, price).is_some() {
            return Err(format!("the product of \"{entry}\" is given twice"));
        }
    }
    if products.is_empty() {
        return Err("no product is given, so that nothing could be bought".to_owned());
    }
    Ok(Catalogue::new(products))
}

fn product(entry: &str) -> Result<(ProductCode, Price), String> {
    let (code, price) = entry.split_once('=').ok_or_else(|| format!("\"{entry}\" names no price"))?;
    let (cents, currency) =
        price.trim().split_once(' ').ok_or_else(|| format!("\"{entry}\" lacks the price or its currency"))?;
    let code = ProductCode::parse(code.trim()).ok_or_else(|| format!("\"{}\" is no product code", code.trim()))?;
    let cents = cents
        .parse()
        .ok()
        .filter(|cents| (1..=PRICE_CENTS_MAX).contains(cents))
        .ok_or_else(|| format!("the price_cents of \"{code}\", {cents}, is not a whole number in bounds"))?;
    let currency = Currency::parse(currency.trim()).ok_or_else(|| {
        format!("the price_currency of \"{code}\", \"{}\", has no known ISO 4217 exponent", currency.trim())
    })?;
    Ok((code, Price { cents, currency }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_has_a_code_a_price_and_a_currency() {
        let catalogue = parse("solo_manual=7900 USD, tea.jp=500 JPY").unwrap();
        assert_eq!(catalogue.find("tea.jp").unwrap().1.cents, 500);
        assert_eq!(catalogue.codes().count(), 2);
    }

    #[test]
    fn a_wrong_product_is_named_with_what_is_wrong() {
        let wrong = [
            ("", "no product"),
            ("a", "names no price"),
            ("a=1", "lacks"),
            ("A=1 USD", "no product code"),
            ("a=0 USD", "price_cents"),
            ("a=7.9 USD", "price_cents"),
            ("a=1 usd", "exponent"),
            ("a=1 XXX", "exponent"),
            ("a=1 USD, a=2 USD", "twice"),
        ];
        for (text, what) in wrong {
            let said = parse(text).unwrap_err();
            assert!(said.contains(what), "{text}: {said}");
        }
    }
}
