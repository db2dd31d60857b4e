//! `/admin/sweep`: first what would fail and what the provider says about each, then the button.
//!
//! The button sweeps the orders that are ticked, and no other. Between the list and the button an order may have been
//! paid; then it is left alone, as its own actor decides. What the provider has money for is not ticked.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use futures_util::stream::{self, StreamExt};
use serde_json::json;
use tokio::time::{Duration, Instant, timeout_at};

use crate::actors::sweeper::{SweepMode, SweepRequest};
use crate::domain::evidence::ProviderWord;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::time::{Span, Timestamp};
use crate::http::Shared;
use crate::http::admin::sweep::sweep_one;
use crate::http::error::ApiError;
use crate::http::query::{LimitRule, Query};

use super::form::Submission;
use super::moment::{Moment, length};
use super::shell::{Section, Shell};
use super::{Turned, see_other};

/// How many orders are listed and swept at once, so that a person can look at each.
const LIMIT: LimitRule = LimitRule { max: 100, default: 100 };
const MINUTES_MAX: i64 = 525_600;
/// How many are listed where the provider is asked about each: it bears no more questions at a time.
const ASKED_MAX: usize = 25;
const ASKED_AT_ONCE: usize = 8;
/// For how long it is asked about all of them.
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// How many orders are swept at once.
const SWEPT_AT_ONCE: usize = 16;

#[derive(Template)]
#[template(path = "sweep.html", config = "src/http/pages/askama.toml")]
struct Sweep {
    shell: Shell,
    older_than_minutes: i64,
    window_minutes: i64,
    limit: usize,
    rows: Vec<Row>,
    capped: bool,
    asked: Asked,
}

/// Whether the provider was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// There is nobody to ask.
    Nobody,
    /// Nobody wanted to know.
    No,
    /// About each.
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
    /// True unless the provider has money for it.
    fn is_ticked(&self) -> bool {
        !self.provider.as_ref().is_some_and(|said| said.is_warning)
    }

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
    let asked = match &shared.payments {
        None => Asked::Nobody,
        Some(_) if query.get("ask") == Some("0") => Asked::No,
        Some(_) => Asked::Yes,
    };
    let limit = query.limit(LIMIT)?;
    let dry_run = SweepRequest {
        created_until: visitor.now.before(Span::minutes(older_than_minutes)),
        limit: if asked == Asked::Yes { limit.min(ASKED_MAX) } else { limit },
        mode: SweepMode::DryRun,
        operation: visitor.operator.operation("crypto_order.swept", &json!({})),
    };
    let found = shared.sweeper.sweep(dry_run).await.map_err(|error| ApiError::Order(String::new(), error))?;
    let ask_until = Instant::now().checked_add(ASK_WITHIN);
    let rows = stream::iter(found.order_ids).map(|id| {
        let (shared, now) = (shared.clone(), visitor.now);
        async move {
            let Some(order) = shared.store.order_load(id).await? else { return Ok::<_, ApiError>(None) };
            let until = ask_until.filter(|_| asked == Asked::Yes);
            let said = match until {
                Some(until) => ask_about(&shared, &order, until).await,
                None => None,
            };
            Ok(Some(Row::of(&order, said, now)))
        }
    });
    let rows: Vec<_> = rows.buffered(ASKED_AT_ONCE).collect().await;
    let rows = rows.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
    let shell = Shell::new(&visitor, &request, Section::Sweep);
    visitor.answer(&Sweep { shell, older_than_minutes, window_minutes, limit, rows, capped: found.capped, asked })
}

/// `POST /admin/sweep`.
pub async fn sweep(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, Turned> {
    let Submission { visitor, form } = shared.submission(&request, payload).await?;
    let ticked = form.all("order").map(|id| OrderId::parse(id).ok_or_else(|| ApiError::NoSuchOrder(id.to_owned())));
    let ticked = ticked.collect::<Result<Vec<_>, _>>()?;
    if !(1..=LIMIT.max).contains(&ticked.len()) {
        let sentence = format!("Tick 1 to {} orders of the list.", LIMIT.max);
        return Err(ApiError::BadRequest(sentence.into()).into());
    }
    let swept = stream::iter(ticked).map(|id| sweep_one(&shared, &visitor.operator, id)).buffered(SWEPT_AT_ONCE);
    swept.collect::<Vec<_>>().await.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(see_other("/admin/sweep?done=swept"))
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
async fn ask_about(shared: &Shared, order: &Order, until: Instant) -> Option<Said> {
    let (payments, payment) = (shared.payments.as_ref()?, order.payment_id()?);
    let answer = timeout_at(until, payments.client.payment(payment)).await;
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
    let is_quiet = match evidence.word {
        ProviderWord::Waiting | ProviderWord::Expired | ProviderWord::Failed | ProviderWord::Refunded => true,
        ProviderWord::Confirming
        | ProviderWord::Confirmed
        | ProviderWord::Sending
        | ProviderWord::PartiallyPaid
        | ProviderWord::Finished
        | ProviderWord::Unknown(_) => false,
    };
    Some(Said { told, is_warning: received.is_some() || !is_quiet })
}
