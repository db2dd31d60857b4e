//! `GET /v1/admin/crypto-orders`: everybody's orders, filtered, newest first.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::ids::{AccountId, PaymentId};
use crate::domain::order::StatusName;
use crate::http::envelope::{AdminOrder, Listing, for_admin};
use crate::http::error::ApiError;
use crate::http::openapi::schemas::{AccountFilter, InputTime};
use crate::http::query::{LimitRule, Query, Start};
use crate::http::{Shared, answer, cursor};
use crate::store::filter::{OrderFilter, OrderPage, Page, SearchReach};

/// How many orders a page has.
pub const LIMIT: LimitRule = LimitRule { max: 200, default: 50 };
const SEARCH_CHARS_MAX: usize = 200;
/// Says that a search looked at the newest orders only.
pub const SEARCH_BOUNDED: HeaderName = HeaderName::from_static("x-driftstack-search-bounded");

/// The filters, as the document shows them; [`filter`] reads them.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes; the query is read strictly, one parameter after the other")]
pub struct Filters {
    /// Only orders in this status.
    status: Option<StatusName>,
    /// Only this customer's orders.
    account_id: Option<AccountFilter>,
    /// Only orders created then or later.
    #[param(example = "2026-05-12T13:00:00.000Z")]
    created_after: Option<InputTime>,
    /// Only orders created before; must be later than `created_after`.
    #[param(example = "2026-05-13T13:00:00.000Z")]
    created_before: Option<InputTime>,
    /// Only orders paid then or later.
    #[param(example = "2026-05-12T13:00:00.000Z")]
    paid_after: Option<InputTime>,
    /// Only orders paid before; must be later than `paid_after`.
    #[param(example = "2026-05-13T13:00:00.000Z")]
    paid_before: Option<InputTime>,
    /// Only orders with this in their id, product or customer's note, in any case. One or two characters are
    /// looked for in the newest 10 000 orders only. What was written within the last 2 seconds may be missing.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^\u0000]*$", example = "ada")]
    search: Option<String>,
    /// Only the order to which this payment belongs, bound or only recorded.
    payment_id: Option<PaymentId>,
}

/// Lists everybody's orders.
///
/// Those that fulfil every filter, newest first. `next_cursor` leads to the next page and stays right while orders are added;
/// a cursor that is none of ours has an empty page.
#[utoipa::path(get, path = "/v1/admin/crypto-orders", operation_id = "list_orders",
    tag = "Operators", security(("bearer" = [])),
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 200, example = 50,
            description = "How many orders at most; 50 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, example = "AQAGUZ5w1bQAAYkKXZbnfJ-KCxwtPk9aaw",
            description = "Where the page starts: the last page's `next_cursor`."),
        Filters,
    ),
    responses((status = 200, description = "One page.", body = Listing<AdminOrder>,
        headers(("X-Driftstack-Search-Bounded" = String,
            description = "`1` if a search of one or two characters looked at the newest 10000 orders only; else \
                absent.")))),
)]
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let query = Query::of(&request)?;
    let filter = filter(&query)?;
    let limit = query.limit(LIMIT)?;
    let page = match query.start(cursor::to_order)? {
        Start::Newest => shared.store.orders_page(filter, Page { limit, after: None }).await?,
        Start::After(place) => shared.store.orders_page(filter, Page { limit, after: Some(place) }).await?,
        Start::Nowhere => OrderPage::default(),
    };
    let mut response = answer::ok(&Listing::new(page.orders.iter().map(for_admin).collect(), page.next))?;
    if page.search == SearchReach::Newest {
        response.headers_mut().insert(SEARCH_BOUNDED, HeaderValue::from_static("1"));
    }
    Ok(response)
}

/// Reads all filters; those that are present must all hold.
///
/// # Errors
/// 400 if one breaks its rule.
pub fn filter(query: &Query) -> Result<OrderFilter, ApiError> {
    let created = query.between("created")?;
    let paid = query.between("paid")?;
    Ok(OrderFilter {
        account: account(query)?,
        status: query.status()?,
        created_after: created.after,
        created_before: created.before,
        paid_after: paid.after,
        paid_before: paid.before,
        search: query.text("search", SEARCH_CHARS_MAX)?,
        payment_id: payment_id(query)?,
    })
}

/// `account_id`, bare or behind `acc_`.
pub fn account(query: &Query) -> Result<Option<AccountId>, ApiError> {
    let Some(text) = query.get("account_id") else { return Ok(None) };
    let wrong = || ApiError::BadRequest("account_id must be a UUID, bare or as acc_<uuid>.".into());
    AccountId::parse(text).map(Some).ok_or_else(wrong)
}

fn payment_id(query: &Query) -> Result<Option<PaymentId>, ApiError> {
    let Some(text) = query.get("payment_id") else { return Ok(None) };
    let wrong = || ApiError::BadRequest("payment_id must be 1 to 128 printable characters.".into());
    PaymentId::parse(text).map(Some).ok_or_else(wrong)
}
