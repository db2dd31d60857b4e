//! What the kept totals answer: sums of orders, over all days or day by day.
//!
//! They are kept by every commit (`effect_rows.rs`) and summed over the writers' own rows here
//! (`queries/totals.rs`), so that a statistic costs the same at ten orders and at ten million. Nothing
//! here looks at an order, except to learn how old the youngest pending ones are.

use super::IdempotencyTotals;
use crate::domain::evidence::WitnessKind;
use crate::domain::ids::AccountId;
use crate::domain::money::Currency;
use crate::domain::order::StatusName;

/// All orders of one status, product and currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderTotal {
    /// Where they stand.
    pub status: StatusName,
    /// What was bought, also where the catalogue no longer has it.
    pub product: String,
    /// What it is paid in.
    pub currency: Currency,
    /// How many.
    pub orders: i64,
    /// What they cost together.
    pub cents: i64,
    /// How long it took together until they were paid.
    pub paid_after_ms: i64,
}

/// How many orders of one day stand somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCount {
    /// The UTC day on which they were created, `2026-05-12`.
    pub day: String,
    /// Where they stand now.
    pub status: StatusName,
    /// How many.
    pub orders: i64,
}

/// Pending orders by their age, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingAges {
    /// Younger than an hour.
    pub under_1h: i64,
    /// An hour old or older, younger than six.
    pub h1_to_6h: i64,
    /// Six hours old or older, younger than a day.
    pub h6_to_24h: i64,
    /// A day old or older.
    pub over_24h: i64,
    /// Older than the pay window: what a sweep by hand would fail.
    pub past_window: i64,
    /// All of them.
    pub total: i64,
    /// What they cost together, by currency.
    pub value: Vec<Value>,
}

/// An amount of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// The currency.
    pub currency: Currency,
    /// The amount in minor units.
    pub cents: i64,
}

/// How the idempotency keys of one account were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountUsage {
    /// Whose keys.
    pub account: AccountId,
    /// Its counters.
    pub totals: IdempotencyTotals,
}

/// The moves that one kind of witness has brought about, on one day or on all days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessTotal {
    /// The UTC day of the moves, `2026-05-12`; empty for all days.
    pub day: String,
    /// By whose word.
    pub witness: WitnessKind,
    /// How many.
    pub moves: i64,
    /// How long the provider's news took to them.
    pub lag: LagTotal,
}

/// How long the provider's news took, over those moves of which it gave a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LagTotal {
    /// All of it together.
    pub lag_ms: i64,
    /// Moves that took less than ten seconds.
    pub under_10s: i64,
    /// Ten seconds or more, less than a minute.
    pub s10_to_1m: i64,
    /// A minute or more, less than ten.
    pub m1_to_10m: i64,
    /// Ten minutes or more.
    pub over_10m: i64,
}
