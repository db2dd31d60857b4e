//! The address of a buyer's page: a token that names its order, and that nobody can make without the key.
//!
//! Nothing is stored of a token. It is the order's id with a MAC over it, so every order has one, also those that are
//! older than these pages; a forged one is refused by computing alone. The key is kept in the database
//! (`store/secrets.rs`), where all nodes of a service find the same.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::ids::OrderId;

/// What the MAC is about, so that a key never vouches for anything else by accident.
const PURPOSE: &[u8] = b"pay_link";
/// How many bytes of a token name the order.
const ID_BYTES: usize = 16;
/// How many bytes of the MAC follow: 128 bits, which nobody guesses.
const MAC_BYTES: usize = 16;

/// The key by which tokens are made and known again.
#[derive(Clone, PartialEq, Eq)]
pub struct PayKey([u8; 32]);

/// What stands behind `/pay/`: 43 characters of base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayToken(String);

impl PayKey {
    /// The name under which the service's key is kept.
    pub const NAME: &'static str = "pay_link";

    /// A key of these random bytes.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// Reads exactly the form that is written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// The whole key, to be stored.
    #[must_use]
    pub fn expose(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// The token of an order: always the same.
    #[must_use]
    pub fn token(&self, order: OrderId) -> PayToken {
        let id = order.uuid().into_bytes();
        PayToken(BASE64URL_NOPAD.encode(&[id, self.mac(&id)].concat()))
    }

    /// The order of a token that this key made.
    #[must_use]
    pub fn order(&self, token: &str) -> Option<OrderId> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (id, told) = bytes.split_first_chunk::<ID_BYTES>()?;
        let genuine = bool::from(self.mac(id).as_slice().ct_eq(told));
        genuine.then(|| OrderId::new(Uuid::from_bytes(*id)))
    }

    fn mac(&self, id: &[u8; ID_BYTES]) -> [u8; MAC_BYTES] {
        let mut mac = [0; MAC_BYTES];
        // HMAC takes keys of every length, so this one always fits.
        if let Ok(keyed) = Hmac::<Sha256>::new_from_slice(&self.0) {
            let tag = keyed.chain_update(PURPOSE).chain_update(id).finalize().into_bytes();
            mac.iter_mut().zip(tag).for_each(|(byte, told)| *byte = told);
        }
        mac
    }
}

impl fmt::Debug for PayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayKey(…)")
    }
}

impl fmt::Display for PayToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ORDER: &str = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";

    #[test]
    fn a_token_is_the_same_for_ever() {
        let token = PayKey::new([7; 32]).token(OrderId::parse(ORDER).unwrap());
        assert_eq!(token.to_string(), "AYkKXZbnfJ-KCxwtPk9aaxsMKW69oW72GzDns-7ku60");
    }

    #[test]
    fn a_key_is_read_as_it_is_written_and_shown_to_nobody() {
        let key = PayKey::new([0xab; 32]);
        assert_eq!(PayKey::parse(&key.expose()), Some(key.clone()));
        assert_eq!((key.expose().len(), format!("{key:?}").as_str()), (64, "PayKey(…)"));
        for wrong in ["", "ab", &"AB".repeat(32), &"ab".repeat(33), &"xy".repeat(32)] {
            assert_eq!(PayKey::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_token_leads_to_its_order_by_its_own_key_alone(key: [u8; 32], other: [u8; 32], id: u128) {
            prop_assume!(key != other);
            let order = OrderId::new(Uuid::from_u128(id));
            let token = PayKey::new(key).token(order).to_string();
            prop_assert_eq!(token.len(), 43);
            prop_assert_eq!(PayKey::new(key).order(&token), Some(order));
            prop_assert_eq!(PayKey::new(other).order(&token), None);
        }

        #[test]
        fn no_other_spelling_of_a_token_is_one(at in 0_usize..43, letter in "[A-Za-z0-9_-]", id: u128) {
            let key = PayKey::new([7; 32]);
            let token = key.token(OrderId::new(Uuid::from_u128(id))).to_string();
            let mut forged = token.clone();
            forged.replace_range(at..=at, &letter);
            prop_assume!(forged != token);
            prop_assert_eq!(key.order(&forged), None);
        }

        #[test]
        fn whatever_is_asked_for_is_no_order(text in "\\PC{0,60}") {
            prop_assert_eq!(PayKey::new([7; 32]).order(&text), None);
        }
    }
}
