//! The names of things: orders, accounts, keys, payments, attention items, audited writes, webhooks.
//!
//! Each is a type of its own, built by `parse` at the edge or from a fresh UUID; strings stay outside.
//! Shapes: contract, sections 1 and 2.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// How many bytes of a version 7 UUID are its time.
const TIME_BYTES: usize = 6;

/// An order: `ord_` and 32 lower-case hex digits of a version 7 UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(Uuid);

impl OrderId {
    /// Names a new order by a fresh version 7 UUID.
    #[must_use]
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads exactly the form that is written; anything else is no order of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("ord_")?;
        let lower = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (hex.len() == 32 && lower).then(|| Uuid::try_parse(hex).ok().map(Self))?
    }

    /// What its buyer's token is made of.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ord_{}", self.0.as_simple())
    }
}

/// A customer account: a bare UUID on the wire, `acc_<uuid>` accepted in filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Uuid);

impl AccountId {
    /// Names a new account.
    #[must_use]
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads a hyphenated UUID, bare or behind `acc_`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hyphenated(text.strip_prefix("acc_").unwrap_or(text)).map(Self)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// An API key's id, `key_<uuid>`; not the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Uuid);

impl KeyId {
    /// Names a new key.
    #[must_use]
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads `key_<uuid>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hyphenated(text.strip_prefix("key_")?).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key_{}", self.0.as_hyphenated())
    }
}

/// Something raised to the operator, `att_<uuid>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttentionId(Uuid);

impl AttentionId {
    /// Names an item.
    #[must_use]
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads `att_<uuid>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hyphenated(text.strip_prefix("att_")?).map(Self)
    }

    /// What its row is found by.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for AttentionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "att_{}", self.0.as_hyphenated())
    }
}

/// An audited write, `aud_<uuid>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditId(Uuid);

impl AuditId {
    /// Names an audited write.
    #[must_use]
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// What its row is found by.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "aud_{}", self.0.as_hyphenated())
    }
}

/// A merchant's endpoint for webhooks, `whk_<uuid>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookId(Uuid);

impl WebhookId {
    /// Names a new endpoint.
    #[must_use]
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads `whk_<uuid>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hyphenated(text.strip_prefix("whk_")?).map(Self)
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "whk_{}", self.0.as_hyphenated())
    }
}

/// One event on its way to one endpoint, `wdl_<uuid>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(Uuid);

impl DeliveryId {
    /// The name of this event's delivery to this endpoint. There is only ever one, so it follows from the two, and
    /// whoever queues it needs no randomness. It sorts by the time that is in the event's own id.
    #[must_use]
    pub fn of(webhook: WebhookId, event: Uuid) -> Self {
        let digest = Sha256::new().chain_update(webhook.0.as_bytes()).chain_update(event.as_bytes()).finalize();
        let mut bytes = event.into_bytes();
        bytes.iter_mut().zip(digest).skip(TIME_BYTES).for_each(|(byte, hashed)| *byte = hashed);
        Self(Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// Reads `wdl_<uuid>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hyphenated(text.strip_prefix("wdl_")?).map(Self)
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wdl_{}", self.0.as_hyphenated())
    }
}

/// A provider's payment: opaque text of 1 to 128 printable characters, unique over all orders.
///
/// The provider spells ids as numbers or strings; `provider/wire.rs` brings both to one spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentId(Arc<str>);

impl PaymentId {
    /// Reads 1 to 128 characters, none of them a control character, no blank at either end.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let printable = text.chars().all(|c| !c.is_control());
        let sized = (1..=128).contains(&text.chars().count());
        (printable && sized && text.trim() == text).then(|| Self(text.into()))
    }

    /// The text as the provider wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn hyphenated(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok())?
}

macro_rules! serialize_as_text {
    ($($id:ty),*) => {$(
        impl serde::Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
serialize_as_text!(OrderId, AccountId, KeyId, AttentionId, AuditId, WebhookId, DeliveryId, PaymentId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_is_read_only_as_it_is_written() {
        let text = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";
        assert_eq!(OrderId::parse(text).unwrap().to_string(), text);
        for wrong in ["", "ord_", "ord_01", "ORD_01890a5d96e77c9f8a0b1c2d3e4f5a6b"] {
            assert_eq!(OrderId::parse(wrong), None, "{wrong}");
        }
        assert_eq!(OrderId::parse("ord_01890A5D96E77C9F8A0B1C2D3E4F5A6B"), None);
    }

    #[test]
    fn an_account_id_is_read_bare_and_prefixed() {
        let bare = "0f0e0d0c-0b0a-4908-8706-050403020100";
        assert_eq!(AccountId::parse(bare), AccountId::parse(&format!("acc_{bare}")));
        assert_eq!(AccountId::parse(bare).unwrap().to_string(), bare);
        assert_eq!(AccountId::parse("acc_"), None);
    }

    #[test]
    fn a_payment_id_is_printable_and_bounded() {
        assert!(PaymentId::parse("np_abc123").is_some());
        assert!(PaymentId::parse(&"9".repeat(128)).is_some());
        assert!(PaymentId::parse(&"9".repeat(129)).is_none());
        assert!(PaymentId::parse("").is_none());
        assert!(PaymentId::parse("a\u{0}b").is_none());
        assert!(PaymentId::parse(" ").is_none());
    }
}
