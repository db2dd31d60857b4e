//! `/admin/orders`: all orders, by the very parameters of the API's list. The filter is the address, so that a
//! view can be kept and sent around.
//!
//! It reads rows only, no logs and no payments, and then once each what its rows name. What each order is, is
//! told by `order.rs`; how the parameters are read, by `orders/filter.rs`.

mod filter;

use std::collections::HashMap;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::domain::attention::AttentionKind;
use crate::domain::money::{Currency, Price};
use crate::domain::time::Timestamp;
use crate::http::admin::csv::of_all;
use crate::http::admin::list::{self, LIMIT};
use crate::http::error::ApiError;
use crate::http::query::{Query, Start};
use crate::http::{Shared, cursor};
use crate::store::StoreError;
use crate::store::filter::{LinePage, OrderLine, Page, SearchReach};

use super::moment::Moment;
use super::session::Visitor;
use super::shell::{Section, Shell};
use super::{GuiError, with_cursor};
use filter::{Filters, in_full};

const LIST: &str = "/admin/orders";

#[derive(Template)]
#[template(path = "orders.html", config = "src/http/pages/askama.toml")]
struct Orders {
    shell: Shell,
    filters: Filters,
    presets: Vec<Preset>,
    /// Why nothing was looked for.
    refused: Option<String>,
    rows: Vec<Row>,
    bounded: bool,
    here: String,
    csv: String,
    next: Option<String>,
    /// Whether a later page is shown: that there is nothing more is no sign that there is nothing.
    begins_later: bool,
}

/// A view that is often wanted.
struct Preset {
    name: &'static str,
    address: String,
}

struct Row {
    order_id: String,
    account_id: String,
    account: String,
    product: String,
    price: String,
    status: String,
    created: Moment,
    marks: Vec<&'static str>,
}

/// What was found, with what its rows name.
#[derive(Default)]
struct Found {
    page: LinePage,
    accounts: HashMap<String, String>,
    marks: HashMap<String, Vec<AttentionKind>>,
}

/// `GET /admin/orders`.
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let visitor = shared.visitor(&request).await?;
    let asked = Query::of(&request)?.filled();
    let query = in_full(asked);
    match found(&shared, &query).await {
        Ok(found) => {
            let page = shown(&visitor, &request, (&query, found));
            visitor.answer(&page)
        }
        Err(error) if error.problem().status.is_client_error() => {
            let page = shown(&visitor, &request, (&query, Found::default()));
            visitor.refuse(&error, &Orders { refused: Some(error.to_string()), ..page })
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /admin/orders.csv`: the file that the API gives for the same filter and `all=1`.
pub async fn csv(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let visitor = shared.visitor(&request).await?;
    let query = in_full(Query::of(&request)?.filled());
    let mut file = of_all(&shared, &visitor.operator, list::filter(&query)?).await?;
    file.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    visitor.hand(file)
}

async fn found(shared: &Shared, query: &Query) -> Result<Found, ApiError> {
    let filter = list::filter(query)?;
    let limit = query.limit(LIMIT)?;
    let page = match query.start(cursor::to_order)? {
        Start::Newest => shared.store.lines_page(filter, Page { limit, after: None }).await?,
        Start::After(place) => shared.store.lines_page(filter, Page { limit, after: Some(place) }).await?,
        Start::Nowhere => LinePage::default(),
    };
    Ok(named(shared, page).await?)
}

/// The page with the names of its accounts and what was raised about its orders: one look-up each.
async fn named(shared: &Shared, page: LinePage) -> Result<Found, StoreError> {
    let mut accounts: Vec<String> = page.lines.iter().map(|line| line.account_id.clone()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let accounts = shared.store.account_names(accounts).await?.into_iter().collect();
    let orders = page.lines.iter().map(|line| line.order_id.clone()).collect();
    let mut marks: HashMap<String, Vec<AttentionKind>> = HashMap::new();
    for (order, kind) in shared.store.attention_marks(orders).await? {
        marks.entry(order).or_default().push(kind);
    }
    Ok(Found { page, accounts, marks })
}

fn shown(visitor: &Visitor, request: &HttpRequest, (query, found): (&Query, Found)) -> Orders {
    let Found { page, accounts, marks } = found;
    let row = |line: OrderLine| Row {
        price: price(&line),
        account: accounts.get(&line.account_id).unwrap_or(&line.account_id).clone(),
        marks: marks.get(&line.order_id).into_iter().flatten().map(|kind| kind.as_str()).collect(),
        created: Moment::new(line.created_at, visitor.now),
        order_id: line.order_id,
        account_id: line.account_id,
        product: line.product,
        status: line.status,
    };
    let next = page.next.as_ref().map(cursor::of_order);
    Orders {
        shell: Shell::new(visitor, request, Section::Orders),
        filters: Filters::of(query),
        presets: presets(visitor.now),
        refused: None,
        rows: page.lines.into_iter().map(row).collect(),
        bounded: page.search == SearchReach::Newest,
        here: with_cursor(LIST, query, None),
        csv: with_cursor("/admin/orders.csv", query, None),
        next: next.map(|next| with_cursor(LIST, query, Some(&next))),
        begins_later: query.get("cursor").is_some(),
    }
}

/// `79.00 USD`.
fn price(line: &OrderLine) -> String {
    let in_major_units = |currency| Price { cents: line.price_cents, currency }.in_major_units().to_string();
    let amount = Currency::parse(&line.price_currency).map(in_major_units);
    format!("{} {}", amount.unwrap_or_else(|| line.price_cents.to_string()), line.price_currency)
}

fn presets(now: Timestamp) -> Vec<Preset> {
    let today = format!("{}T00:00:00.000Z", now.day());
    let preset = |name, parameters: String| Preset { name, address: format!("{LIST}{parameters}") };
    vec![
        preset("All", String::new()),
        preset("Pending", "?status=pending".to_owned()),
        preset("Needs a decision (partial)", "?status=partial".to_owned()),
        preset("Paid today", format!("?paid_after={today}")),
        preset("Failed, placed today", format!("?status=failed&created_after={today}")),
    ]
}
