//! `GET /v1/admin/crypto-orders`: everybody's orders, filtered, newest first.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::ids::{AccountId, PaymentId};
use crate::domain::order::StatusName;
use crate::http::envelope::{AdminOrder, Listing, for_admin};
use crate::http::error::ApiError;
use crate::http::query::{LimitRule, Query, Start};
use crate::http::{Shared, answer, cursor};
use crate::store::filter::{OrderFilter, OrderPage, Page, SearchReach};

const LIMIT: LimitRule = LimitRule { max: 200, default: 50 };
const SEARCH_CHARS_MAX: usize = 200;
const SEARCH_BOUNDED: HeaderName = HeaderName::from_static("x-driftstack-search-bounded");

/// Shows one page.
#[utoipa::path(get, path = "/v1/admin/crypto-orders", tag = "Operators", security(("bearer" = [])),
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 200, description = "How many; 50 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, description = "Where the page starts."),
        ("status" = Option<StatusName>, Query, description = "Only orders in this status."),
    ),
    responses((status = 200, description = "One page, newest first.", body = Listing<AdminOrder>)),
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
fn filter(query: &Query) -> Result<OrderFilter, ApiError> {
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
