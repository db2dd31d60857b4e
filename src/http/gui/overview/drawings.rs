//! Which bars the overview's charts have, from the numbers that the API tells.

use crate::domain::evidence::WitnessKind;
use crate::domain::order::StatusName;
use crate::domain::time::Span;
use crate::http::admin::evidence_metrics::MovesOfDay;
use crate::http::error::ApiError;
use crate::http::gui::charts::{Chart, Plan, Series, Tint};
use crate::store::totals::{DayCount, PendingAges};

/// What the provider's notifications are called.
pub const BY_IPN: &str = "IPN";
/// What its answers to our questions are called.
pub const BY_POLL: &str = "Poll";
/// What operators brought.
pub const BY_HAND: &str = "By hand";

/// From creation to payment: up to so long, and how that is called; all else is more.
const SPANS: [(Span, &str); 5] = [
    (Span::minutes(1), "≤ 1 min"),
    (Span::minutes(5), "≤ 5 min"),
    (Span::minutes(15), "≤ 15 min"),
    (Span::minutes(60), "≤ 60 min"),
    (Span::hours(24), "≤ 24 h"),
];
const MORE: &str = "more";

/// The days of a chart, as text.
pub struct Days(pub Vec<String>);

impl Days {
    /// The orders of each day by where they stand now.
    pub fn orders(&self, counts: &[DayCount]) -> Result<Chart, ApiError> {
        let of = |status| {
            let counted = |row: &&DayCount| row.status == status;
            let rows = counts.iter().filter(counted).map(|row| (row.day.as_str(), row.orders));
            Series { name: StatusName::as_str(status), tint: tint(status), counts: self.counts(rows) }
        };
        let series = StatusName::ALL.into_iter().map(of).collect();
        self.chart("orders-by-day", "Orders by the day of their creation and by where they stand now", series)
    }

    /// The moves of each day by whose word brought them about.
    pub fn moves(&self, rows: &[MovesOfDay]) -> Result<Chart, ApiError> {
        let of = |witness: WitnessKind| {
            let counted = |row: &&MovesOfDay| row.witness == witness.as_str();
            let rows = rows.iter().filter(counted).map(|row| (row.date.as_str(), row.moves));
            let (name, tint) = match witness {
                WitnessKind::Ipn => (BY_IPN, Tint::Good),
                WitnessKind::Poll => (BY_POLL, Tint::Accent),
                WitnessKind::Operator => (BY_HAND, Tint::Warn),
            };
            Series { name, tint, counts: self.counts(rows) }
        };
        let series = WitnessKind::ALL.into_iter().map(of).collect();
        self.chart("moves-by-day", "Moves of orders by day and by whose word brought them about", series)
    }

    fn chart(&self, id: &'static str, title: &str, series: Vec<Series>) -> Result<Chart, ApiError> {
        Chart::new(Plan { id, title: title.to_owned(), head: "Day (UTC)", labels: self.0.clone(), series })
    }

    /// A count for each day, zero where there is no row.
    fn counts<'a>(&self, rows: impl Iterator<Item = (&'a str, i64)>) -> Vec<i64> {
        let mut counts = vec![0_i64; self.0.len()];
        for (day, count) in rows {
            // They are in order, as text and as days.
            if let Ok(place) = self.0.binary_search_by(|known| known.as_str().cmp(day))
                && let Some(known) = counts.get_mut(place)
            {
                *known = known.saturating_add(count);
            }
        }
        counts
    }
}

/// Pending orders by age.
pub fn ages(ages: &PendingAges) -> Result<Chart, ApiError> {
    let counts = vec![ages.under_1h, ages.h1_to_6h, ages.h6_to_24h, ages.over_24h];
    Chart::new(Plan {
        id: "pending-age",
        title: "Pending orders by age".to_owned(),
        head: "Age",
        labels: ["< 1 h", "1 to 6 h", "6 to 24 h", "≥ 24 h"].map(str::to_owned).to_vec(),
        series: vec![Series { name: "Pending orders", tint: Tint::Quiet, counts }],
    })
}

/// Paid orders by how long it took.
pub fn spans(spans: &[Span]) -> Result<Chart, ApiError> {
    let labels = SPANS.iter().map(|(_, name)| *name).chain([MORE]);
    Chart::new(Plan {
        id: "time-to-paid",
        title: "Paid orders by the time from creation to payment".to_owned(),
        head: "Time to paid",
        labels: labels.map(str::to_owned).collect(),
        series: vec![Series { name: "Paid orders", tint: Tint::Good, counts: in_buckets(spans) }],
    })
}

/// How many took how long; a span that is a bound exactly belongs to the shorter side.
fn in_buckets(spans: &[Span]) -> Vec<i64> {
    let mut counts = vec![0_i64; SPANS.len().saturating_add(1)];
    for span in spans {
        let bucket = SPANS.iter().position(|(longest, _)| span <= longest).unwrap_or(SPANS.len());
        if let Some(count) = counts.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
    }
    counts
}

fn tint(status: StatusName) -> Tint {
    match status {
        StatusName::Pending => Tint::Quiet,
        StatusName::Confirming => Tint::Accent,
        StatusName::Partial => Tint::Warn,
        StatusName::Paid => Tint::Good,
        StatusName::Failed => Tint::Bad,
        StatusName::Cancelled => Tint::Ink,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_that_is_a_bound_belongs_to_the_shorter_side() {
        assert_eq!(in_buckets(&[]), [0; 6]);
        let at = [0, 60_000, 60_001, 300_000, 900_000, 3_600_000, 3_600_001, 86_400_000, 86_400_001, i64::MAX];
        assert_eq!(in_buckets(&at.map(Span::millis)), [2, 2, 1, 1, 2, 2]);
    }

    #[test]
    fn a_day_without_orders_has_its_zero_and_a_strange_day_no_place() {
        let days = Days(["2026-05-11", "2026-05-12"].map(str::to_owned).to_vec());
        let count = |day: &str, status, orders| DayCount { day: day.to_owned(), status, orders };
        let counts = [
            count("2026-05-12", StatusName::Paid, 3),
            count("2026-05-12", StatusName::Failed, 1),
            count("2026-05-13", StatusName::Paid, 9),
        ];
        let chart = days.orders(&counts).unwrap();
        let rows: Vec<_> = chart.rows().map(|(day, counts)| format!("{day}: {}", counts.join(" "))).collect();
        assert_eq!(rows, ["2026-05-11: 0 0 0 0 0 0", "2026-05-12: 0 0 0 3 1 0"]);
    }
}
