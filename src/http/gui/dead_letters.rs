//! `/admin/dead-letters`: webhooks that were given up, and what to do with each.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::domain::time::Timestamp;
use crate::domain::webhook::resend::Wish;
use crate::http::Shared;
use crate::http::admin::webhook_deliveries::{AdminDelivery, wished};
use crate::http::admin::webhook_dlq::dead_letters;
use crate::http::query::Query;
use crate::http::webhooks::deliveries::asked_for;

use super::form::Submission;
use super::moment::Moment;
use super::shell::{Section, Shell};
use super::{GuiError, see_other, with_cursor};

/// How much of an answer is shown: fifty of them are a page, and pages stay light.
const SHOWN_CHARS_MAX: usize = 300;

#[derive(Template)]
#[template(path = "dead_letters.html", config = "src/http/pages/askama.toml")]
struct DeadLetters {
    shell: Shell,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    id: String,
    event: &'static str,
    order: Option<String>,
    account: String,
    url: String,
    attempts: i64,
    status: Option<i64>,
    error: Option<String>,
    excerpt: Option<String>,
    created: Moment,
}

impl Row {
    fn of(dead: AdminDelivery, now: Timestamp) -> Self {
        let delivery = dead.delivery;
        Self {
            id: delivery.id.to_string(),
            event: delivery.event_type,
            order: dead.order_id.map(|id| id.to_string()),
            account: dead.account_id.to_string(),
            url: dead.url,
            attempts: delivery.attempts,
            status: delivery.last_response_status,
            error: delivery.last_error,
            excerpt: delivery
                .last_response_excerpt
                .filter(|excerpt| !excerpt.is_empty())
                .map(|excerpt| beginning(&excerpt)),
            created: Moment::new(delivery.created_at, now),
        }
    }
}

/// As much of an answer as tells one from another; the order's page has all of it that is kept.
fn beginning(excerpt: &str) -> String {
    let begun: String = excerpt.chars().take(SHOWN_CHARS_MAX).collect();
    if begun.len() < excerpt.len() { format!("{begun}…") } else { begun }
}

/// `GET /admin/dead-letters`.
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let visitor = shared.visitor(&request).await?;
    let query = Query::of(&request)?.filled();
    let found = dead_letters(&shared, &query).await?;
    let page = DeadLetters {
        shell: Shell::new(&visitor, &request, Section::DeadLetters),
        next: found.next_cursor.map(|cursor| with_cursor("/admin/dead-letters", &query, Some(&cursor))),
        rows: found.data.into_iter().map(|dead| Row::of(dead, visitor.now)).collect(),
    };
    visitor.answer(&page)
}

/// `POST /admin/dead-letters/{id}/requeue`.
pub async fn requeue(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let Submission { visitor, .. } = shared.submission(&request, payload).await?;
    wished(&shared, (visitor.operator, Wish::Requeue), asked_for(&request)?).await?;
    Ok(see_other("/admin/dead-letters?done=requeued"))
}

/// `POST /admin/dead-letters/{id}/discard`.
pub async fn discard(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let Submission { visitor, .. } = shared.submission(&request, payload).await?;
    wished(&shared, (visitor.operator, Wish::Discard), asked_for(&request)?).await?;
    Ok(see_other("/admin/dead-letters?done=discarded"))
}
