//! `GET /v1/admin/crypto-orders.csv`: the operators' list as a file, a page of it or all of it.
//!
//! All of it is sent page by page: while one is sent the next is read, no transaction is open in between,
//! and what is in memory does not grow with the file. A client that goes away ends the work with the page
//! that is being read. If the storage fails half-way the connection breaks, so that no client takes the
//! part for the whole. How a row is written stands in `http/csv.rs`.

use std::io;

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::rt::task::JoinHandle;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::{Value, json};

use super::list::{Filters, SEARCH_BOUNDED, filter};
use crate::domain::order::StatusName;
use crate::http::error::ApiError;
use crate::http::extract::Operator;
use crate::http::query::{LimitRule, Query, Start};
use crate::http::{Shared, csv, cursor};
use crate::store::filter::{LinePage, OrderFilter, Page, Position, SearchReach};
use crate::store::{Store, StoreError};

const LIMIT: LimitRule = LimitRule { max: 1000, default: 1000 };
/// How many orders are read at once where all are sent: two such pages are in memory.
const PAGE_LINES: usize = 2_000;
const TRUNCATED: HeaderName = HeaderName::from_static("x-driftstack-export-truncated");
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-driftstack-next-cursor");

/// Sends the file.
#[utoipa::path(get, path = "/v1/admin/crypto-orders.csv", tag = "Operators", operation_id = "export_orders",
    security(("bearer" = [])),
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 1000, description = "How many at most; 1000 without it. With `all` it counts for nothing."),
        ("all" = Option<String>, Query, pattern = "^(0|1|true|false)$", example = "1", description = "`1` or `true`: every order that is meant, however many."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, description = "Where the file starts: `X-Driftstack-Next-Cursor` of a truncated one, or `next_cursor` of the list."),
        Filters,
    ),
    responses((status = 200, description = "The orders, newest first, after a row of names. RFC 4180 with CRLF after every row; a text that begins with `=`, `+`, `-`, `@`, tab, CR or LF has an apostrophe before it, and so has such a sign after `,`, `;`, a tab or a line end inside of a text; null is empty.",
        content_type = "text/csv", body = String,
        headers(
            ("X-Driftstack-Export-Truncated" = String, description = "`1` if more orders are meant than the limit lets through."),
            ("X-Driftstack-Next-Cursor" = String, description = "Where a truncated file goes on."),
            ("X-Driftstack-Search-Bounded" = String, description = "`1` if the search looked at the newest 10 000 orders only."),
        ),
    )),
)]
pub async fn export(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let operator = shared.operator(&request).await?;
    let query = Query::of(&request)?;
    let filter = filter(&query)?;
    let limit = query.limit(LIMIT)?;
    let extent = if query.switch("all")? { Extent::Whole } else { Extent::First };
    let start = query.start(cursor::to_order)?;
    file(&shared, &operator, filter, Part { extent, limit, start }).await
}

/// The file of every order that is meant.
///
/// # Errors
/// 503.
pub async fn of_all(shared: &Shared, operator: &Operator, filter: OrderFilter) -> Result<HttpResponse, ApiError> {
    file(shared, operator, filter, Part { extent: Extent::Whole, limit: LIMIT.default, start: Start::Newest }).await
}

async fn file(shared: &Shared, operator: &Operator, filter: OrderFilter, part: Part) -> Result<HttpResponse, ApiError> {
    let asked = asked(&filter, part.extent);
    let reader = Reader { store: shared.store.clone(), filter };
    let Part { extent, limit, start } = part;
    let limit = if extent == Extent::Whole { PAGE_LINES } else { limit };
    // Read before the answer begins: a storage that is away can still be told.
    let first = match start {
        Start::Newest => reader.page(Page { limit, after: None }).await?,
        Start::After(place) => reader.page(Page { limit, after: Some(place) }).await?,
        Start::Nowhere => LinePage::default(),
    };
    // On the audit log before the first row leaves: of a stream that breaks off some rows were sent too.
    let streams = extent == Extent::Whole && first.next.is_some();
    let rows = (!streams).then_some(first.lines.len());
    let entry = operator.exported(&asked, &json!({ "rows": rows }), shared.clock.now());
    shared.store.audit_write(entry).await?;
    let mut answer = begun(&first);
    let bytes = written(&first);
    match (extent, first.next) {
        (Extent::Whole, Some(next)) => Ok(answer.streaming(whole(bytes, reader, next))),
        (Extent::First, Some(next)) => {
            answer.insert_header((TRUNCATED, HeaderValue::from_static("1")));
            answer.insert_header((NEXT_CURSOR, cursor::of_order(&next)));
            Ok(answer.body(bytes))
        }
        (_, None) => Ok(answer.body(bytes)),
    }
}

/// What is asked for, as the audit log tells it.
fn asked(filter: &OrderFilter, extent: Extent) -> Value {
    json!({
        "format": "csv",
        "all": extent == Extent::Whole,
        "account_id": filter.account,
        "status": filter.status.map(StatusName::as_str),
        "created_after": filter.created_after,
        "created_before": filter.created_before,
        "paid_after": filter.paid_after,
        "paid_before": filter.paid_before,
        "search": filter.search,
        "payment_id": filter.payment_id,
    })
}

/// Which part of what is meant is sent.
struct Part {
    extent: Extent,
    limit: usize,
    start: Start<Position>,
}

/// How much is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// As many as the limit says.
    First,
    /// All.
    Whole,
}

fn begun(first: &LinePage) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")));
    let attachment = HeaderValue::from_static("attachment; filename=\"crypto-orders.csv\"");
    answer.insert_header((CONTENT_DISPOSITION, attachment));
    if first.search == SearchReach::Newest {
        answer.insert_header((SEARCH_BOUNDED, HeaderValue::from_static("1")));
    }
    answer
}

/// The row of names and the first page.
fn written(first: &LinePage) -> Bytes {
    let mut bytes = csv::head();
    bytes.extend_from_slice(&csv::rows(&first.lines));
    bytes.into()
}

/// Reads pages of what is asked for.
#[derive(Clone)]
struct Reader {
    store: Store,
    filter: OrderFilter,
}

impl Reader {
    async fn page(&self, page: Page) -> Result<LinePage, StoreError> {
        self.store.lines_page(self.filter.clone(), page).await
    }

    /// Begins to read the page after this place, whether or not somebody waits for it yet.
    fn ahead(&self, place: Position) -> JoinHandle<Result<LinePage, StoreError>> {
        let reader = self.clone();
        actix_web::rt::spawn(async move { reader.page(Page { limit: PAGE_LINES, after: Some(place) }).await })
    }
}

/// What is written already, and every page after this place.
fn whole(begun: Bytes, reader: Reader, next: Position) -> impl Stream<Item = io::Result<Bytes>> {
    let ahead = reader.ahead(next);
    let rest = stream::try_unfold((reader, Some(ahead)), async |(reader, ahead)| {
        let Some(ahead) = ahead else { return Ok(None) };
        let page = ahead.await.map_err(io::Error::other).and_then(|page| page.map_err(io::Error::other));
        let page = page.inspect_err(|error| tracing::error!(%error, "an export broke off"))?;
        let ahead = page.next.map(|next| reader.ahead(next));
        Ok(Some((Bytes::from(csv::rows(&page.lines)), (reader, ahead))))
    });
    stream::once(async { Ok(begun) }).chain(rest)
}
