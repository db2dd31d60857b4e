//! Times of rows as text: ISO-8601 with milliseconds, read back only as it is written.
//!
//! Rows hold microseconds; a [`Timestamp`] is whole milliseconds, so nothing is lost between the two.

use serde::{Deserialize, Deserializer, Serializer};

use crate::domain::time::Timestamp;

/// Writes the time of a row.
pub fn serialize<S: Serializer>(micros: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Timestamp::from_micros(*micros))
}

/// Reads the time of a row.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    read::<D>(&String::deserialize(deserializer)?)
}

fn read<'de, D: Deserializer<'de>>(text: &str) -> Result<i64, D::Error> {
    let exact = Timestamp::parse(text).filter(|time| time.to_string() == text);
    let shaped = || serde::de::Error::custom(format!("{text:?} is no time such as 2026-05-12T13:00:00.000Z"));
    exact.map(Timestamp::micros).ok_or_else(shaped)
}

/// The same where there may be none.
pub mod or_null {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the time of a row, or null.
    pub fn serialize<S: Serializer>(micros: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match micros {
            Some(micros) => super::serialize(micros, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the time of a row, or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| super::read::<D>(&text)).transpose()
    }
}
