//! The idempotency key of a checkout and the fingerprint of what was asked under it.
//!
//! Rules: contract, section 3. `actors/idempotency.rs` holds keys in use; the store keeps them.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// A client's key: 1 to 255 ASCII characters without blanks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Arc<str>);

/// The header's value breaks the rule of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Idempotency-Key must be 1-255 ASCII chars (no whitespace).")]
pub struct InvalidKey;

impl IdempotencyKey {
    /// Reads the header: blank is absent; trimmed; one surrounding pair of quotes removed.
    ///
    /// # Errors
    /// [`InvalidKey`] for anything but 1 to 255 of 0x21 to 0x7E.
    pub fn parse(header: &[u8]) -> Result<Option<Self>, InvalidKey> {
        let trimmed = header.trim_ascii();
        if trimmed.is_empty() {
            return Ok(None);
        }
        let bare = trimmed.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(trimmed);
        let legal = (1..=255).contains(&bare.len()) && bare.iter().all(|b| (0x21..=0x7e).contains(b));
        let text = std::str::from_utf8(bare).map_err(|_| InvalidKey)?;
        if legal { Ok(Some(Self(text.into()))) } else { Err(InvalidKey) }
    }

    /// The key as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the client asked for, as sent: the part of the body that must not differ under one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The product code as sent.
    pub product: String,
    /// The price as sent, minor units.
    pub price_cents: i64,
    /// The currency as sent.
    pub price_currency: String,
}

impl Asked {
    /// SHA-256 over the canonical `{product, price_cents, price_currency}`: sorted keys, no blanks.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let canonical = serde_json::json!({
            "price_cents": self.price_cents,
            "price_currency": self.price_currency,
            "product": self.product,
        });
        Fingerprint(Sha256::digest(canonical.to_string().as_bytes()).into())
    }

    /// The first field in which `other` asks for something else.
    #[must_use]
    pub fn differs_in(&self, other: &Self) -> Option<&'static str> {
        if self.product != other.product {
            Some("product")
        } else if self.price_cents != other.price_cents {
            Some("price_cents")
        } else if self.price_currency != other.price_currency {
            Some("price_currency")
        } else {
            None
        }
    }
}

/// The SHA-256 of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(header: &[u8]) -> Result<Option<String>, InvalidKey> {
        IdempotencyKey::parse(header).map(|key| key.map(|key| key.to_string()))
    }

    #[test]
    fn a_key_is_trimmed_and_one_pair_of_quotes_removed() {
        assert_eq!(parsed(b"  abc-1 "), Ok(Some("abc-1".into())));
        assert_eq!(parsed(b"\"abc\""), Ok(Some("abc".into())));
        assert_eq!(parsed(b"\"\"abc\"\""), Ok(Some("\"abc\"".into())));
        assert_eq!(parsed(b"\""), Ok(Some("\"".into())));
        assert_eq!(parsed(b"   "), Ok(None));
    }

    #[test]
    fn blanks_controls_and_foreign_letters_are_refused() {
        for wrong in [&b"a b"[..], b"\"\"", b"a\x7f", "schlüssel".as_bytes(), &[b'a'; 256], b"\xff"] {
            assert_eq!(parsed(wrong), Err(InvalidKey));
        }
        assert!(parsed(&[b'a'; 255]).is_ok());
    }

    #[test]
    fn the_fingerprint_tells_bodies_apart() {
        let asked =
            |product: &str, price_cents| Asked { product: product.into(), price_cents, price_currency: "USD".into() };
        assert_eq!(asked("a", 1).fingerprint(), asked("a", 1).fingerprint());
        assert_ne!(asked("a", 1).fingerprint(), asked("a", 2).fingerprint());
        assert_eq!(asked("a", 1).differs_in(&asked("b", 1)), Some("product"));
    }
}
