//! The list of payments, as the provider pages and sorts it. There is no filter by order.

use crate::domain::time::Timestamp;

use super::bodies;
use super::json::Json;
use super::payment::Payment;
use super::refusal::Refusal;
use super::world::World;

/// The most entries of a page.
const LIMIT_MAX: usize = 500;

/// What is asked of the list.
#[derive(Debug)]
pub(super) struct Page {
    limit: usize,
    page: usize,
    sort_by: String,
    is_descending: bool,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    invoice: Option<String>,
}

impl Page {
    /// Reads the query's pairs; other names are passed over.
    pub(super) fn read(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let given = |name: &str| {
            pairs.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
        };
        let number = |name: &'static str, otherwise: usize| match given(name) {
            None => Ok(otherwise),
            Some(text) => text.parse().map_err(|_| Refusal::parameter(format!("{name} must be a number"))),
        };
        let time = |name: &'static str| match given(name) {
            None => Ok(None),
            Some(text) => {
                let at = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
                at.map(Some).ok_or_else(|| Refusal::parameter(format!("{name} must be a valid date")))
            }
        };
        let limit = number("limit", 10)?;
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Refusal::parameter("limit must be from 1 to 500"));
        }
        Ok(Self {
            limit,
            page: number("page", 0)?,
            sort_by: given("sortBy").unwrap_or("created_at").to_owned(),
            is_descending: given("orderBy").is_some_and(|order| order.eq_ignore_ascii_case("desc")),
            from: time("dateFrom")?,
            to: time("dateTo")?,
            invoice: given("invoiceId").map(str::to_owned),
        })
    }

    fn holds(&self, payment: &Payment) -> bool {
        let from = self.from.is_none_or(|from| from <= payment.created_at);
        let to = self.to.is_none_or(|to| payment.created_at <= to);
        // The simulator makes no invoices.
        from && to && self.invoice.is_none()
    }
}

impl World {
    /// A page of the payments that this key made.
    pub(super) fn list(&self, api_key: &str, page: &Page) -> Json {
        let made = self.made.iter().filter_map(|id| self.payments.get(id));
        let mut found: Vec<&Payment> =
            made.filter(|payment| payment.api_key == api_key && page.holds(payment)).collect();
        match page.sort_by.as_str() {
            "updated_at" => found.sort_by_key(|payment| payment.updated_at),
            "payment_id" => found.sort_by_key(|payment| payment.id),
            "payment_status" => found.sort_by_key(|payment| payment.word),
            "price_amount" => found.sort_by_key(|payment| payment.price.clone()),
            _ => found.sort_by_key(|payment| payment.created_at),
        }
        if page.is_descending {
            found.reverse();
        }
        let shown = found.iter().skip(page.limit.saturating_mul(page.page)).take(page.limit);
        let data = shown.map(|payment| bodies::shown(payment, self.dice)).collect();
        let count = |number: usize| Json::Number(number.to_string());
        Json::object([
            ("data", Json::List(data)),
            ("limit", count(page.limit)),
            ("page", count(page.page)),
            ("pagesCount", count(found.len().div_ceil(page.limit))),
            ("total", count(found.len())),
        ])
    }
}
