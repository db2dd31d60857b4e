//! `GET /v1/billing/crypto-orders`: the customer's orders, newest first.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::access::Permission;
use crate::domain::order::StatusName;
use crate::http::envelope::{CustomerOrder, Listing, for_customer};
use crate::http::error::ApiError;
use crate::http::openapi::schemas::InputTime;
use crate::http::query::{LimitRule, Query, Start};
use crate::http::{Shared, answer, cursor};
use crate::store::filter::{OrderFilter, OrderPage, Page};

const LIMIT: LimitRule = LimitRule { max: 100, default: 50 };

/// Lists the customer's orders.
///
/// Those of the key's account that fulfil every filter, newest first. `next_cursor` leads to the next page and stays right
/// while orders are added; a cursor that is none of ours has an empty page.
#[utoipa::path(get, path = "/v1/billing/crypto-orders", operation_id = "list_own_orders",
    tag = "Orders", security(("bearer" = [])),
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 100, example = 50,
            description = "How many orders at most; 50 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, example = "AQAGUZ5w1bQAAYkKXZbnfJ-KCxwtPk9aaw",
            description = "Where the page starts: the last page's `next_cursor`."),
        ("status" = Option<StatusName>, Query, description = "Only orders in this status."),
        ("created_after" = Option<InputTime>, Query, example = "2026-05-12T13:00:00.000Z", description = "Only orders created then or later."),
        ("created_before" = Option<InputTime>, Query, example = "2026-05-13T13:00:00.000Z",
            description = "Only orders created before; must be later than `created_after`."),
    ),
    responses((status = 200, description = "One page.", body = Listing<CustomerOrder>)),
)]
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let customer = shared.customer(&request, Permission::ReadOrders).await?;
    let query = Query::of(&request)?;
    let created = query.between("created")?;
    let filter = OrderFilter {
        account: Some(customer.account_id),
        status: query.status()?,
        created_after: created.after,
        created_before: created.before,
        ..OrderFilter::default()
    };
    let limit = query.limit(LIMIT)?;
    let page = match query.start(cursor::to_order)? {
        Start::Newest => shared.store.orders_page(filter, Page { limit, after: None }).await?,
        Start::After(place) => shared.store.orders_page(filter, Page { limit, after: Some(place) }).await?,
        Start::Nowhere => OrderPage::default(),
    };
    answer::ok(&Listing::new(page.orders.iter().map(for_customer).collect(), page.next))
}
