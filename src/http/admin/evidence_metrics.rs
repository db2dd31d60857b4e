//! `GET /v1/admin/crypto-orders/evidence-metrics`: by whose word orders moved, and how late the news was.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::evidence::WitnessKind;
use crate::http::error::ApiError;
use crate::http::{Shared, answer};
use crate::store::totals::{LagTotal, WitnessTotal};

use super::LastDays;

/// By whose word orders moved.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EvidenceMetrics {
    /// How many days `rows` looks at, today among them.
    #[schema(minimum = 1, maximum = 90, example = 7)]
    days: usize,
    /// All moves since the counters began.
    pub moves: Moves,
    /// How late the news of all of them was.
    pub lag: Lags,
    /// The moves of these days; sorted by date, then by witness; without rows that count nothing.
    pub rows: Vec<MovesOfDay>,
}

/// A number of moves for each witness.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Moves {
    /// By the provider's notifications.
    #[schema(minimum = 0, example = 1204)]
    pub ipn: i64,
    /// By its answers to our questions.
    #[schema(minimum = 0, example = 17)]
    pub poll: i64,
    /// By an operator's hand.
    #[schema(minimum = 0, example = 3)]
    pub operator: i64,
}

/// A lag for each witness.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lags {
    /// Of the provider's notifications.
    pub ipn: Lag,
    /// Of its answers to our questions.
    pub poll: Lag,
    /// Of what operators brought.
    pub operator: Lag,
}

/// How long it took from the provider's own time of what it said until the order had moved.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lag {
    /// How many moves this is of: those for which the provider gave a time.
    #[schema(minimum = 0, example = 1198)]
    pub samples: i64,
    /// On average, rounded down; null without samples.
    #[schema(required = true, minimum = 0, example = 1730)]
    pub avg_ms: Option<i64>,
    /// Less than ten seconds.
    #[schema(minimum = 0, example = 1190)]
    pub under_10s: i64,
    /// Ten seconds or more, less than a minute.
    #[schema(minimum = 0, example = 5)]
    pub s10_to_1m: i64,
    /// A minute or more, less than ten.
    #[schema(minimum = 0, example = 2)]
    pub m1_to_10m: i64,
    /// Ten minutes or more.
    #[schema(minimum = 0, example = 1)]
    pub over_10m: i64,
}

/// Moves of one day by one witness.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MovesOfDay {
    /// The UTC day of the moves.
    #[schema(format = Date, example = "2026-05-12")]
    pub date: String,
    /// By whose word.
    #[schema(value_type = WitnessKind)]
    pub witness: &'static str,
    /// How many.
    #[schema(minimum = 1, example = 12)]
    pub moves: i64,
    /// How late the news of them was.
    lag: Lag,
}

/// Counts moves of orders by whose word brought them about, and how late the news was.
///
/// A move is a line of an order's log with a `witness`; it belongs to the UTC day on which it was written. Where
/// `poll` grows beside `ipn`, notifications do not arrive as they should.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/evidence-metrics", operation_id = "show_evidence_metrics",
    tag = "Operators", security(("bearer" = [])),
    params(("days" = Option<usize>, Query, minimum = 1, maximum = 90, example = 7,
        description = "How many days; 7 without it.")),
    responses((status = 200, description = "The counters.", body = EvidenceMetrics)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let days = LastDays::asked(&request, shared.clock.now())?;
    answer::ok(&moves_of(&shared, days).await?)
}

/// The counters, with those of these days.
///
/// # Errors
/// 500 if a sum leaves the integers; 503.
pub async fn moves_of(shared: &Shared, days: LastDays) -> Result<EvidenceMetrics, ApiError> {
    let LastDays { count, first, today } = days;
    let totals = shared.store.witness_totals(first, today).await?;
    metrics(count, totals).ok_or_else(|| ApiError::Broken("the counters do not fit an integer".into()))
}

/// Sorts the counters out; nothing if a sum leaves the integers.
fn metrics(days: usize, totals: Vec<WitnessTotal>) -> Option<EvidenceMetrics> {
    let mut metrics = EvidenceMetrics { days, moves: Moves::default(), lag: Lags::default(), rows: Vec::new() };
    for WitnessTotal { day, witness, moves, lag } in totals {
        let lag = lag_of(lag)?;
        if day.is_empty() {
            *metrics.moves.by(witness) = moves;
            *metrics.lag.of(witness) = lag;
        } else {
            metrics.rows.push(MovesOfDay { date: day, witness: witness.as_str(), moves, lag });
        }
    }
    Some(metrics)
}

fn lag_of(total: LagTotal) -> Option<Lag> {
    let LagTotal { lag_ms, under_10s, s10_to_1m, m1_to_10m, over_10m } = total;
    let samples = under_10s.checked_add(s10_to_1m)?.checked_add(m1_to_10m)?.checked_add(over_10m)?;
    Some(Lag { samples, avg_ms: lag_ms.checked_div(samples), under_10s, s10_to_1m, m1_to_10m, over_10m })
}

impl Moves {
    fn by(&mut self, witness: WitnessKind) -> &mut i64 {
        match witness {
            WitnessKind::Ipn => &mut self.ipn,
            WitnessKind::Poll => &mut self.poll,
            WitnessKind::Operator => &mut self.operator,
        }
    }
}

impl Lags {
    fn of(&mut self, witness: WitnessKind) -> &mut Lag {
        match witness {
            WitnessKind::Ipn => &mut self.ipn,
            WitnessKind::Poll => &mut self.poll,
            WitnessKind::Operator => &mut self.operator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polled(day: &str, lag: LagTotal) -> WitnessTotal {
        WitnessTotal { day: day.to_owned(), witness: WitnessKind::Poll, moves: 5, lag }
    }

    #[test]
    fn an_average_is_of_the_moves_with_a_time_and_null_without_any() {
        let lag = LagTotal { lag_ms: 20_001, under_10s: 1, s10_to_1m: 1, ..LagTotal::default() };
        let told = metrics(1, vec![polled("", lag), polled("2026-05-12", LagTotal::default())]).unwrap();
        assert_eq!((told.moves.poll, told.lag.poll.samples, told.lag.poll.avg_ms), (5, 2, Some(10_000)));
        assert_eq!((told.rows[0].moves, told.rows[0].lag.samples, told.rows[0].lag.avg_ms), (5, 0, None));
        assert_eq!(told.lag.ipn, Lag::default());
    }

    #[test]
    fn a_sum_that_leaves_the_integers_is_no_answer() {
        let lag = LagTotal { under_10s: i64::MAX, over_10m: 1, ..LagTotal::default() };
        assert_eq!(metrics(1, vec![polled("", lag)]), None);
    }
}
