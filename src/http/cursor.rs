//! The opaque text by which a client asks for the next page.
//!
//! A cursor is a place in the keyset, not a number of rows: it stays right while rows are inserted, and
//! it never expires (contract, section 1). The first byte says which layout follows.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use crate::domain::ids::{KeyId, OrderId};
use crate::domain::time::Timestamp;
use crate::store::filter::Position;
use crate::store::records::Place;

/// Created-at in microseconds, then the 16 bytes of the order's id.
const ORDER_LAYOUT: u8 = 1;
/// First-seen-at in microseconds, then the idempotency key.
const KEY_LAYOUT: u8 = 2;

/// Created-at in microseconds, then the API key's id as text.
const API_KEY_LAYOUT: u8 = 7;
/// A list of records; each has a layout of its own, so that a cursor of one leads nowhere in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// Verified IPNs of an order.
    Ipns,
    /// Attention items.
    Attention,
    /// Audited writes.
    Audit,
    /// Payments of an order.
    Payments,
    /// Deliveries to an endpoint.
    Deliveries,
    /// Dead letters of all endpoints.
    DeadLetters,
    /// Deliveries of an order.
    OrderDeliveries,
}

impl Records {
    /// The record's time in microseconds follows, then its id.
    fn layout(self) -> u8 {
        match self {
            Self::Ipns => 10,
            Self::Attention => 11,
            Self::Audit => 12,
            Self::Payments => 13,
            Self::Deliveries => 14,
            Self::DeadLetters => 15,
            Self::OrderDeliveries => 16,
        }
    }
}

/// Writes a place in a list of orders.
#[must_use]
pub fn of_order(position: &Position) -> String {
    let id = position.id.to_string();
    let hex = id.strip_prefix("ord_").unwrap_or_default();
    let id = HEXLOWER.decode(hex.as_bytes()).unwrap_or_default();
    write(ORDER_LAYOUT, position.created_at, &id)
}

/// Reads a place in a list of orders; nothing from anything else.
#[must_use]
pub fn to_order(text: &str) -> Option<Position> {
    let (created_at, id) = read(ORDER_LAYOUT, text)?;
    let id = OrderId::parse(&format!("ord_{}", HEXLOWER.encode(&id)))?;
    Some(Position { created_at, id })
}

/// Writes a place in a list of idempotency keys.
#[must_use]
pub fn of_key(first_seen_at: Timestamp, key: &str) -> String {
    write(KEY_LAYOUT, first_seen_at, key.as_bytes())
}

/// Reads a place in a list of idempotency keys; nothing from anything else.
#[must_use]
pub fn to_key(text: &str) -> Option<(Timestamp, String)> {
    let (first_seen_at, key) = read(KEY_LAYOUT, text)?;
    let key = String::from_utf8(key).ok()?;
    let legal = key.bytes().all(|b| (0x21..=0x7e).contains(&b));
    legal.then_some((first_seen_at, key))
}

/// Writes a place in a list of API keys.
#[must_use]
pub fn of_api_key(created_at: Timestamp, id: KeyId) -> String {
    write(API_KEY_LAYOUT, created_at, id.to_string().as_bytes())
}

/// Reads a place in a list of API keys; nothing from anything else.
#[must_use]
pub fn to_api_key(text: &str) -> Option<(Timestamp, KeyId)> {
    let (created_at, id) = read(API_KEY_LAYOUT, text)?;
    let id = KeyId::parse(&String::from_utf8(id).ok()?)?;
    Some((created_at, id))
}

/// Writes a place in a list of records.
#[must_use]
pub fn of_record(list: Records, place: &Place) -> String {
    write(list.layout(), place.at, place.id.as_bytes())
}

/// Reads a place in that list of records; nothing from anything else.
#[must_use]
pub fn to_record(list: Records, text: &str) -> Option<Place> {
    let (at, id) = read(list.layout(), text)?;
    let id = String::from_utf8(id).ok()?;
    // Ids of records are hex digits, in groups or not, some behind a word.
    let legal = !id.is_empty() && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'-'));
    legal.then_some(Place { at, id })
}

fn write(layout: u8, at: Timestamp, rest: &[u8]) -> String {
    let bytes = [&[layout][..], &at.micros().to_be_bytes(), rest].concat();
    BASE64URL_NOPAD.encode(&bytes)
}

fn read(layout: u8, text: &str) -> Option<(Timestamp, Vec<u8>)> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let (micros, rest) = bytes.strip_prefix(&[layout])?.split_first_chunk::<8>()?;
    let micros = i64::from_be_bytes(*micros);
    let at = Timestamp::from_micros(micros);
    (at.micros() == micros).then(|| (at, rest.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Position {
        let id = OrderId::parse("ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b").unwrap();
        Position { created_at: Timestamp::from_millis(1_765_249_461_097), id }
    }

    #[test]
    fn a_place_survives_the_round_trip() {
        assert_eq!(to_order(&of_order(&position())), Some(position()));
        let at = Timestamp::from_millis(7);
        assert_eq!(to_key(&of_key(at, "abc-1")), Some((at, "abc-1".to_owned())));
    }

    #[test]
    fn a_place_among_api_keys_survives_the_round_trip_and_is_no_other_place() {
        let (at, id) = (Timestamp::from_millis(7), KeyId::parse("key_0f0e0d0c-0b0a-4908-8706-050403020100").unwrap());
        let text = of_api_key(at, id);
        assert_eq!(to_api_key(&text), Some((at, id)));
        assert_eq!((to_order(&text), to_key(&text)), (None, None));
        assert_eq!(to_api_key(&of_key(at, &id.to_string())), None);
    }

    #[test]
    fn a_place_among_records_leads_nowhere_in_another_list() {
        let place = Place { at: Timestamp::from_millis(7), id: "0f0e0d0c-0b0a".to_owned() };
        let cursor = of_record(Records::Audit, &place);
        assert_eq!(to_record(Records::Audit, &cursor), Some(place));
        for other in [Records::Ipns, Records::Attention, Records::Payments] {
            assert_eq!(to_record(other, &cursor), None);
        }
        assert_eq!(to_record(Records::Audit, &write(12, Timestamp::from_millis(7), b"a\0b")), None);
        assert_eq!(to_record(Records::Audit, &write(12, Timestamp::from_millis(7), b"")), None);
    }

    #[test]
    fn the_longest_key_still_fits_a_cursor() {
        assert!(of_key(position().created_at, &"k".repeat(255)).len() <= 512);
    }

    #[test]
    fn anything_else_is_no_place() {
        let cursor = of_order(&position());
        let cut = &cursor[..cursor.len() - 2];
        for wrong in ["", "x", "not a cursor", "AAAA", "AQ", cut, "\0", "ÿÿ", &of_key(position().created_at, "k")] {
            assert_eq!(to_order(wrong), None, "{wrong}");
        }
        assert_eq!(to_key(&cursor), None);
        assert_eq!(to_key(&write(KEY_LAYOUT, position().created_at, b"a\0b")), None);
    }
}
