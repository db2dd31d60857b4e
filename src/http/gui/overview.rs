//! `/admin`: all orders in numbers and charts, what waits for somebody, and whether the service is well.
//!
//! Every number is read as the API reads it, from the kept totals or a bounded piece of an index, so that the
//! page costs the same at any number of orders. How numbers become charts is in `overview/drawings.rs`, how the
//! service is in `overview/wellness.rs`.

mod drawings;
mod wellness;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::domain::order::StatusName;
use crate::domain::time::{Span, Timestamp};
use crate::http::Shared;
use crate::http::admin::LastDays;
use crate::http::admin::evidence_metrics::{EvidenceMetrics, Lag, moves_of};
use crate::http::admin::idempotency_metrics::{Totals, of_all};
use crate::http::admin::stats::{Statistics, all_orders};
use crate::http::error::ApiError;
use crate::http::query::{LimitRule, Query};
use crate::store::records::{AttentionFilter, AttentionItem, AttentionState, Stretch};
use crate::store::totals::{AccountUsage, DayCount, PendingAges};

use super::charts::Chart;
use super::figures::{counted, grouped, money};
use super::idempotency::{KeyUse, Misuse};
use super::moment::{Moment, length};
use super::shell::{Section, Shell};
use super::{GuiError, see_other};
use drawings::Days;
use wellness::Wellness;

const DAYS: LimitRule = LimitRule { max: 90, default: 14 };
/// How many of the orders that were paid last are looked at.
const PAID_LATELY_MAX: usize = 1_000;
/// How many accounts and items are listed.
const LISTED_MAX: usize = 10;

#[derive(Template)]
#[template(path = "overview.html", config = "src/http/pages/askama.toml")]
struct Overview {
    shell: Shell,
    days: usize,
    wellness: Wellness,
    orders: Orders,
    by_day: Chart,
    waiting: Waiting,
    paying: Paying,
    moves: Moves,
    keys: KeyUse,
    misuses: Vec<Misuse>,
    attention: Attention,
}

/// All orders.
struct Orders {
    total: i64,
    all: String,
    statuses: Vec<(StatusName, String)>,
    revenue: Vec<String>,
    products: Vec<Product>,
}

/// What was sold of one product.
struct Product {
    name: String,
    paid: String,
    revenue: Vec<String>,
}

/// Pending orders.
struct Waiting {
    ages: Chart,
    candidates: i64,
    sweepable: String,
    pay_window: String,
    value: Vec<String>,
}

/// How long payment takes.
struct Paying {
    spans: Chart,
    looked_at: usize,
    counted: String,
    average: Option<String>,
    sample: String,
}

/// By whose word orders moved.
struct Moves {
    by_day: Chart,
    witnesses: Vec<Witness>,
}

struct Witness {
    name: &'static str,
    moves: String,
    lag: [String; 4],
    average: Option<String>,
}

/// What somebody should look at.
struct Attention {
    items: Vec<Raised>,
    has_more: bool,
}

struct Raised {
    kind: &'static str,
    order: Option<String>,
    payment: Option<String>,
    count: String,
    first_at: Moment,
}

/// What is read for the page, all at once.
struct Read {
    statistics: Statistics,
    day_counts: Vec<DayCount>,
    ages: PendingAges,
    paid_lately: Vec<Span>,
    moves: EvidenceMetrics,
    keys: Totals,
    misuses: Vec<AccountUsage>,
    items: Vec<AttentionItem>,
    wellness: Wellness,
}

/// `GET /`: to the pages.
pub async fn home() -> HttpResponse {
    see_other("/admin")
}

/// `GET /admin`.
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let visitor = shared.visitor(&request).await?;
    let days = Query::of(&request)?.filled().count("days", DAYS)?;
    let read = Box::pin(read(&shared, days, visitor.now)).await?;
    let each = Days(LastDays::until(visitor.now, days).each(visitor.now));
    let page = Overview {
        shell: Shell::new(&visitor, &request, Section::Overview),
        days,
        wellness: read.wellness,
        by_day: each.orders(&read.day_counts)?,
        waiting: waiting(&read.ages, shared.settings.orders.pay_window)?,
        paying: paying(&read.paid_lately, &read.statistics)?,
        orders: orders(&read.statistics),
        moves: Moves { by_day: each.moves(&read.moves.rows)?, witnesses: witnesses(&read.moves) },
        keys: KeyUse::of(&read.keys),
        misuses: read.misuses.into_iter().map(Misuse::of).collect(),
        attention: attention(read.items, visitor.now),
    };
    visitor.answer(&page)
}

async fn read(shared: &Shared, days: usize, now: Timestamp) -> Result<Read, ApiError> {
    let (store, pay_window) = (&shared.store, shared.settings.orders.pay_window);
    let LastDays { first, today, .. } = LastDays::until(now, days);
    let open = AttentionFilter { state: AttentionState::Open, kind: None, order: None };
    let newest = Stretch { limit: LISTED_MAX.saturating_add(1), after: None };
    let orders = async {
        let counts = async { Ok::<_, ApiError>(store.day_counts(first, today).await?) };
        let ages = async { Ok(store.pending_ages(now, pay_window).await?) };
        let paid_lately = async { Ok(store.paid_lately(PAID_LATELY_MAX).await?) };
        tokio::try_join!(all_orders(shared), counts, ages, paid_lately)
    };
    let keys = async {
        let misuses = async { Ok(store.idempotency_busiest(LISTED_MAX).await?) };
        tokio::try_join!(of_all(shared), misuses)
    };
    let items = async { Ok(store.attention_page(open, newest).await?) };
    let moves = moves_of(shared, LastDays::until(now, days));
    let (orders, moves, keys, items, wellness) =
        tokio::try_join!(orders, moves, keys, items, Wellness::of(shared, now))?;
    let (statistics, day_counts, ages, paid_lately) = orders;
    let (keys, misuses) = keys;
    Ok(Read { statistics, day_counts, ages, paid_lately, moves, keys, misuses, items, wellness })
}

fn orders(statistics: &Statistics) -> Orders {
    let count = |status| (status, grouped(statistics.by_status.get(status)));
    let product = |(name, revenue): (&String, &std::collections::BTreeMap<String, i64>)| Product {
        name: name.clone(),
        paid: grouped(statistics.paid_count_by_product.get(name).copied().unwrap_or_default()),
        revenue: amounts(revenue),
    };
    Orders {
        total: statistics.total,
        all: grouped(statistics.total),
        statuses: StatusName::ALL.into_iter().map(count).collect(),
        revenue: amounts(&statistics.paid_revenue_cents),
        products: statistics.paid_revenue_by_product.iter().map(product).collect(),
    }
}

fn amounts(cents: &std::collections::BTreeMap<String, i64>) -> Vec<String> {
    cents.iter().map(|(currency, cents)| money(*cents, currency)).collect()
}

fn waiting(ages: &PendingAges, pay_window: Span) -> Result<Waiting, ApiError> {
    Ok(Waiting {
        ages: drawings::ages(ages)?,
        candidates: ages.past_window,
        sweepable: grouped(ages.past_window),
        pay_window: length(pay_window),
        value: ages.value.iter().map(|value| money(value.cents, value.currency.as_str())).collect(),
    })
}

fn paying(spans: &[Span], statistics: &Statistics) -> Result<Paying, ApiError> {
    Ok(Paying {
        spans: drawings::spans(spans)?,
        looked_at: spans.len(),
        counted: counted(spans.len()),
        average: statistics.avg_time_to_paid_ms.map(|millis| length(Span::millis(millis))),
        sample: grouped(statistics.paid_sample),
    })
}

fn witnesses(metrics: &EvidenceMetrics) -> Vec<Witness> {
    let witness = |name, moves: i64, lag: &Lag| Witness {
        name,
        moves: grouped(moves),
        lag: [lag.under_10s, lag.s10_to_1m, lag.m1_to_10m, lag.over_10m].map(grouped),
        average: lag.avg_ms.map(|millis| length(Span::millis(millis))),
    };
    let EvidenceMetrics { moves, lag, .. } = metrics;
    vec![
        witness(drawings::BY_IPN, moves.ipn, &lag.ipn),
        witness(drawings::BY_POLL, moves.poll, &lag.poll),
        witness(drawings::BY_HAND, moves.operator, &lag.operator),
    ]
}

fn attention(items: Vec<AttentionItem>, now: Timestamp) -> Attention {
    let has_more = items.len() > LISTED_MAX;
    let raised = |item: AttentionItem| Raised {
        kind: item.kind.as_str(),
        order: item.order_id.map(|order| order.to_string()),
        payment: item.payment_id.map(|payment| payment.to_string()),
        count: grouped(item.count),
        first_at: Moment::new(item.first_at, now),
    };
    Attention { items: items.into_iter().take(LISTED_MAX).map(raised).collect(), has_more }
}
