//! `GET /v1/admin/crypto-orders/stats`: all orders in numbers, from the totals that every commit keeps.

use std::collections::BTreeMap;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::order::StatusName;
use crate::http::error::ApiError;
use crate::http::{Shared, answer};
use crate::store::totals::OrderTotal;

/// Minor units by currency.
type Cents = BTreeMap<String, i64>;

/// All orders in numbers.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Statistics {
    /// How many there are.
    #[schema(minimum = 0, example = 20)]
    pub total: i64,
    /// How many stand where now.
    pub by_status: ByStatus,
    /// What the paid ones cost, by currency.
    #[schema(value_type = BTreeMap<String, i64>, example = json!({"USD": 94800}))]
    pub paid_revenue_cents: Cents,
    /// From creation to payment, on average, rounded down; null while none is paid.
    #[schema(required = true, minimum = 0, example = 184_000)]
    pub avg_time_to_paid_ms: Option<i64>,
    /// How many orders that average is of: all that are paid.
    #[schema(minimum = 0, example = 12)]
    pub paid_sample: i64,
    /// What the paid ones cost, by product and currency.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, i64>>, example = json!({"solo_manual": {"USD": 94800}}))]
    pub paid_revenue_by_product: BTreeMap<String, Cents>,
    /// How many are paid, by product.
    #[schema(example = json!({"solo_manual": 12}))]
    pub paid_count_by_product: BTreeMap<String, i64>,
    /// Always false: all orders are counted.
    #[schema(example = false)]
    truncated: bool,
    /// How many orders the answer is about: all.
    #[schema(minimum = 0, example = 20)]
    scanned: i64,
}

/// A number for each status.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ByStatus {
    #[schema(minimum = 0, example = 3)]
    pending: i64,
    #[schema(minimum = 0, example = 1)]
    confirming: i64,
    #[schema(minimum = 0, example = 1)]
    partial: i64,
    #[schema(minimum = 0, example = 12)]
    paid: i64,
    #[schema(minimum = 0, example = 2)]
    failed: i64,
    #[schema(minimum = 0, example = 1)]
    cancelled: i64,
}

/// Tells about all orders in numbers.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/stats", operation_id = "show_stats", tag = "Operators",
    security(("bearer" = [])),
    responses((status = 200, description = "All orders in numbers.", body = Statistics)),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    answer::ok(&all_orders(&shared).await?)
}

/// All orders in numbers.
///
/// # Errors
/// 500 if a sum leaves the integers; 503.
pub async fn all_orders(shared: &Shared) -> Result<Statistics, ApiError> {
    let totals = shared.store.order_totals().await?;
    statistics(&totals).ok_or_else(|| ApiError::Broken("the totals do not fit an integer".into()))
}

/// Adds the totals up; nothing if a sum leaves the integers.
fn statistics(totals: &[OrderTotal]) -> Option<Statistics> {
    let mut by_status = ByStatus::default();
    let (mut revenue, mut by_product, mut count_by_product) = (Cents::new(), BTreeMap::new(), BTreeMap::new());
    let (mut total, mut paid_after_ms) = (0_i64, 0_i64);
    for row in totals {
        total = total.checked_add(row.orders)?;
        add(by_status.of(row.status), row.orders)?;
        if row.status == StatusName::Paid {
            let currency = row.currency.to_string();
            add(revenue.entry(currency.clone()).or_default(), row.cents)?;
            let of_product: &mut Cents = by_product.entry(row.product.clone()).or_default();
            add(of_product.entry(currency).or_default(), row.cents)?;
            add(count_by_product.entry(row.product.clone()).or_default(), row.orders)?;
            add(&mut paid_after_ms, row.paid_after_ms)?;
        }
    }
    Some(Statistics {
        total,
        paid_revenue_cents: revenue,
        avg_time_to_paid_ms: paid_after_ms.checked_div(by_status.paid),
        paid_sample: by_status.paid,
        paid_revenue_by_product: by_product,
        paid_count_by_product: count_by_product,
        by_status,
        truncated: false,
        scanned: total,
    })
}

fn add(sum: &mut i64, amount: i64) -> Option<()> {
    *sum = sum.checked_add(amount)?;
    Some(())
}

impl ByStatus {
    /// How many stand there.
    #[must_use]
    pub fn get(&self, status: StatusName) -> i64 {
        match status {
            StatusName::Pending => self.pending,
            StatusName::Confirming => self.confirming,
            StatusName::Partial => self.partial,
            StatusName::Paid => self.paid,
            StatusName::Failed => self.failed,
            StatusName::Cancelled => self.cancelled,
        }
    }

    fn of(&mut self, status: StatusName) -> &mut i64 {
        match status {
            StatusName::Pending => &mut self.pending,
            StatusName::Confirming => &mut self.confirming,
            StatusName::Partial => &mut self.partial,
            StatusName::Paid => &mut self.paid,
            StatusName::Failed => &mut self.failed,
            StatusName::Cancelled => &mut self.cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    fn paid(cents: i64, paid_after_ms: i64) -> OrderTotal {
        let currency = Currency::parse("USD").unwrap();
        OrderTotal { status: StatusName::Paid, product: "solo".to_owned(), currency, orders: 2, cents, paid_after_ms }
    }

    #[test]
    fn an_average_is_rounded_down_and_null_of_nothing() {
        assert_eq!(statistics(&[paid(100, 2001)]).unwrap().avg_time_to_paid_ms, Some(1000));
        assert_eq!(statistics(&[]).unwrap().avg_time_to_paid_ms, None);
    }

    #[test]
    fn a_sum_that_leaves_the_integers_is_no_answer() {
        assert_eq!(statistics(&[paid(i64::MAX, 0), paid(1, 0)]), None);
        assert_eq!(statistics(&[paid(0, i64::MAX), paid(0, 1)]), None);
    }
}
