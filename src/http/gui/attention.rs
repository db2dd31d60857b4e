//! `/admin/attention`: what somebody should look at, what it means, and disposing of it.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::domain::attention::AttentionKind;
use crate::domain::money::{CoinAmount, Currency, Price};
use crate::domain::time::Timestamp;
use crate::http::Shared;
use crate::http::admin::attention::{Item, ItemPayment, dispose, item_id, items};
use crate::http::fields::Fields;
use crate::http::query::Query;

use super::form::Submission;
use super::moment::Moment;
use super::shell::{Section, Shell};
use super::{GuiError, see_other, with_cursor};

#[derive(Template)]
#[template(path = "attention.html", config = "src/http/pages/askama.toml")]
struct Attention {
    shell: Shell,
    state: String,
    kind: String,
    kinds: Vec<&'static str>,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    id: String,
    kind: &'static str,
    meaning: &'static str,
    next_action: &'static str,
    order: Option<String>,
    payment: Option<String>,
    amounts: Option<String>,
    detail: Option<String>,
    count: i64,
    first: Moment,
    last: Moment,
    resolved: Option<Resolved>,
}

struct Resolved {
    at: Moment,
    by: String,
    note: String,
}

impl Row {
    fn of(item: Item, now: Timestamp) -> Self {
        let amounts = item.payment.as_ref().map(|payment| amounts(payment, &item));
        let by = item.resolved_by.map_or_else(|| "the service".to_owned(), |key| key.to_string());
        let note = item.resolution_note.unwrap_or_default();
        Self {
            id: item.id.to_string(),
            kind: item.kind,
            meaning: AttentionKind::parse(item.kind).map_or("", AttentionKind::meaning),
            next_action: item.next_action,
            order: item.order_id.map(|id| id.to_string()),
            amounts,
            detail: item.detail,
            payment: item.payment_id.map(|id| id.as_str().to_owned()),
            count: item.count,
            first: Moment::new(item.first_at, now),
            last: Moment::new(item.last_at, now),
            resolved: item.resolved_at.map(|at| Resolved { at: Moment::new(at, now), by, note }),
        }
    }
}

/// What arrived, of how much, what is missing of it and what it was worth, in exact digits.
fn amounts(payment: &ItemPayment, item: &Item) -> String {
    let in_coin = |amount: &str, coin: Option<&str>| format!("{amount} {}", coin.unwrap_or("of an unknown coin"));
    let received = payment.received.as_deref().map(|received| in_coin(received, payment.coin.as_deref()));
    let other = payment.other_received.as_deref().map(|other| in_coin(other, payment.other_coin.as_deref()));
    let arrived = [received, other].into_iter().flatten().collect::<Vec<_>>().join(" and ");
    let arrived = if arrived.is_empty() { "an amount that was not said".to_owned() } else { arrived };
    let in_owed = |amount: &str| in_coin(amount, item.owed_coin.as_deref());
    let owed = item.owed.as_deref().map(|owed| format!(" of {}", in_owed(owed))).unwrap_or_default();
    let missing = item.missing.as_deref().filter(|missing| missing.contains(|digit| matches!(digit, '1'..='9')));
    let missing = missing.map(|missing| format!("; {} is missing", in_owed(missing))).unwrap_or_default();
    let worth = worth(payment, item).unwrap_or_default();
    format!("{arrived}{owed}{missing}{worth}; the provider said {}", payment.provider_status)
}

/// What the payment was worth when it came, beside the price; of late money also that this is not known.
fn worth(payment: &ItemPayment, item: &Item) -> Option<String> {
    let currency = Currency::parse(item.price_currency.as_deref()?)?;
    let price = Price { cents: item.price_cents?, currency }.in_major_units().as_money(currency);
    let is_late = [AttentionKind::LatePayment, AttentionKind::WorthLess].iter().any(|late| late.as_str() == item.kind);
    match payment.worth.as_deref().and_then(CoinAmount::parse) {
        Some(worth) => {
            let worth = worth.as_money(currency);
            Some(format!("; it was worth {worth} {currency} when it came, and the price is {price} {currency}"))
        }
        None if is_late => {
            Some(format!("; what it was worth when it came is not known, and the price is {price} {currency}"))
        }
        None => None,
    }
}

/// `GET /admin/attention`.
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let visitor = shared.visitor(&request).await?;
    let query = Query::of(&request)?.filled();
    let found = items(&shared, &query).await?;
    let asked = |name| query.get(name).unwrap_or_default().to_owned();
    let page = Attention {
        shell: Shell::new(&visitor, &request, Section::Attention),
        state: asked("state"),
        kind: asked("kind"),
        kinds: AttentionKind::ALL.into_iter().map(AttentionKind::as_str).collect(),
        next: found.next_cursor.map(|cursor| with_cursor("/admin/attention", &query, Some(&cursor))),
        rows: found.data.into_iter().map(|item| Row::of(item, visitor.now)).collect(),
    };
    visitor.answer(&page)
}

/// `POST /admin/attention/{id}/resolve`.
pub async fn resolve(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let Submission { visitor, form } = shared.submission(&request, payload).await?;
    dispose(&shared, visitor.operator, item_id(&request)?, Fields::new(form.object(&["note"]))).await?;
    Ok(see_other("/admin/attention?done=resolved"))
}
