//! What can be bought: product codes and their prices.
//!
//! The catalogue is a setting (`config.rs`); its price is what an order charges, whatever the client
//! sends (contract, section 3).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::money::Price;

/// A product's code: 1 to 64 of `a-z`, `0-9`, `_`, `-`, `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductCode(Arc<str>);

impl ProductCode {
    /// Reads a code.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let legal = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
        ((1..=64).contains(&text.len()) && text.bytes().all(legal)).then(|| Self(text.into()))
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProductCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for ProductCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// All products and their prices.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(BTreeMap<ProductCode, Price>);

impl Catalogue {
    /// A catalogue of these products.
    #[must_use]
    pub fn new(products: BTreeMap<ProductCode, Price>) -> Self {
        Self(products)
    }

    /// The product of this code as the catalogue holds it, with its price.
    #[must_use]
    pub fn find(&self, code: &str) -> Option<(&ProductCode, &Price)> {
        self.0.get_key_value(&ProductCode::parse(code)?)
    }

    /// All codes, sorted.
    pub fn codes(&self) -> impl Iterator<Item = &ProductCode> {
        self.0.keys()
    }
}
