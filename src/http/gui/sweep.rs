//! `/admin/sweep`: first what would fail and what the provider says about each, then the button.
//!
//! The button sweeps what the list was made of: orders created up to the time that the list was read for, and no
//! younger one. Between the two an order may have been paid; then it is left alone, as its own actor decides.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use futures_util::stream::{self, StreamExt};
use serde_json::json;
use tokio::time::{Duration, timeout};

use crate::actors::sweeper::{SweepMode, SweepRequest};
use crate::domain::order::Order;
use crate::domain::time::{Span, Timestamp};
use crate::http::Shared;
use crate::http::error::ApiError;
use crate::http::query::{LimitRule, Query};

use super::form::Submission;
use super::moment::{Moment, length};
use super::session::Visitor;
use super::shell::{Section, Shell};
use super::{Turned, see_other};

/// How many orders are listed and swept at once, so that a person can look at each.
const LIMIT: LimitRule = LimitRule { max: 100, default: 100 };
const MINUTES_MAX: i64 = 525_600;
const TIME_CHARS_MAX: usize = 40;
/// About how many of them the provider is asked, for how long each, and how many at once.
const ASKED_MAX: usize = 25;
const ASKED_AT_ONCE: usize = 4;
const ASK_WITHIN: Duration = Duration::from_secs(3);

#[derive(Template)]
#[template(path = "sweep.html", config = "src/http/pages/askama.toml")]
struct Sweep {
    shell: Shell,
    older_than_minutes: i64,
    window_minutes: i64,
    limit: usize,
    swept: Option<u64>,
    created_until: String,
    rows: Vec<Row>,
    capped: bool,
    asked: Asked,
}

/// Whether the provider was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// There is nobody to ask.
    Nobody,
    /// Not yet: it is a button.
    NotYet,
    /// About the first so many.
    Yes,
}

struct Row {
    id: String,
    account: String,
    product: String,
    price: String,
    created: Moment,
    age: String,
    payment: Option<String>,
    provider: Option<Said>,
}

/// What the provider says of a payment just now.
struct Said {
    told: String,
    /// Whether money is there or on its way: then a sweep would be a mistake.
    is_warning: bool,
}

impl Row {
    fn of(order: &Order, provider: Option<Said>, now: Timestamp) -> Self {
        Self {
            id: order.id.to_string(),
            account: order.account_id.to_string(),
            product: order.product.as_str().to_owned(),
            price: format!("{} {}", order.price.in_major_units(), order.price.currency),
            created: Moment::new(order.created_at, now),
            age: length(now.since(order.created_at)),
            payment: order.payment_id().map(|id| id.as_str().to_owned()),
            provider,
        }
    }
}

/// `GET /admin/sweep`: the dry run.
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, Turned> {
    let visitor = shared.visitor(&request).await?;
    let query = Query::of(&request)?.filled();
    let window_minutes = whole_minutes(shared.settings.orders.pay_window);
    let older_than_minutes = minutes(query.get("older_than_minutes"), window_minutes)?;
    let limit = query.limit(LIMIT)?;
    let created_until = visitor.now.before(Span::minutes(older_than_minutes));
    let dry_run = SweepRequest {
        created_until,
        limit,
        mode: SweepMode::DryRun,
        operation: visitor.operator.operation("crypto_order.swept", &json!({})),
    };
    let found = shared.sweeper.sweep(dry_run).await.map_err(|error| ApiError::Order(String::new(), error))?;
    let asked = match &shared.payments {
        None => Asked::Nobody,
        Some(_) if query.switch("ask")? => Asked::Yes,
        Some(_) => Asked::NotYet,
    };
    let numbered = stream::iter(found.order_ids.into_iter().enumerate());
    let rows = numbered.map(|(nth, id)| {
        let (shared, now) = (shared.clone(), visitor.now);
        async move {
            let Some(order) = shared.store.order_load(id).await? else { return Ok::<_, ApiError>(None) };
            let ask = asked == Asked::Yes && nth < ASKED_MAX;
            let said = if ask { ask_about(&shared, &order).await } else { None };
            Ok(Some(Row::of(&order, said, now)))
        }
    });
    let rows: Vec<_> = rows.buffered(ASKED_AT_ONCE).collect().await;
    let rows = rows.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
    let page = Sweep {
        shell: Shell::new(&visitor, &request, Section::Sweep),
        older_than_minutes,
        window_minutes,
        limit,
        swept: query.get("count").and_then(|count| count.parse().ok()),
        created_until: created_until.to_string(),
        rows,
        capped: found.capped,
        asked,
    };
    visitor.answer(&page)
}

/// `POST /admin/sweep`.
pub async fn sweep(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, Turned> {
    let Submission { visitor, form } = shared.submission(&request, payload).await?;
    let until = form.text("created_until", TIME_CHARS_MAX)?;
    let created_until = listed_until(&shared, &visitor, until.as_deref())?;
    let limit = form.count("limit", LIMIT)?;
    let input = json!({"created_until": created_until, "limit": limit, "dry_run": false});
    let swept = shared.sweeper.sweep(SweepRequest {
        created_until,
        limit,
        mode: SweepMode::Real,
        operation: visitor.operator.operation("crypto_order.swept", &input),
    });
    let swept = swept.await.map_err(|error| ApiError::Order(String::new(), error))?;
    Ok(see_other(&format!("/admin/sweep?done=swept&count={}", swept.order_ids.len())))
}

/// The time that a list was made for: nobody sweeps what is within its pay window.
fn listed_until(shared: &Shared, visitor: &Visitor, text: Option<&str>) -> Result<Timestamp, ApiError> {
    let wrong = || ApiError::BadRequest("created_until must be the time that the list was made for.".into());
    let until = text.and_then(Timestamp::parse).ok_or_else(wrong)?;
    let latest = visitor.now.before(shared.settings.orders.pay_window);
    if until <= latest { Ok(until) } else { Err(wrong()) }
}

fn minutes(text: Option<&str>, window_minutes: i64) -> Result<i64, ApiError> {
    let Some(text) = text else { return Ok(window_minutes) };
    let sentence = || {
        let sentence =
            format!("The age must be whole minutes from {window_minutes}, the pay window, to {MINUTES_MAX}.");
        ApiError::BadRequest(sentence.into())
    };
    let asked = text.trim().parse::<i64>().ok();
    asked.filter(|asked| (window_minutes..=MINUTES_MAX).contains(asked)).ok_or_else(sentence)
}

fn whole_minutes(span: Span) -> i64 {
    span.as_millis().saturating_add(59_999) / 60_000
}

/// What the provider says of the order's payment, without telling the order: looking changes nothing.
async fn ask_about(shared: &Shared, order: &Order) -> Option<Said> {
    let (payments, payment) = (shared.payments.as_ref()?, order.payment_id()?);
    let answer = timeout(ASK_WITHIN, payments.client.payment(payment)).await;
    let Ok(Ok(report)) = answer else {
        return Some(Said { told: "no answer".to_owned(), is_warning: false });
    };
    let evidence = report.evidence;
    let coin = evidence.coin.as_ref().map_or("", |coin| coin.as_str());
    let received = evidence.actually_paid.as_ref().filter(|amount| !amount.is_zero());
    let told = match received {
        Some(amount) => format!("{}, {amount} {coin} received", evidence.word.as_str()),
        None => evidence.word.as_str().to_owned(),
    };
    let is_quiet = matches!(evidence.word.as_str(), "waiting" | "expired" | "failed" | "refunded");
    Some(Said { told, is_warning: received.is_some() || !is_quiet })
}
