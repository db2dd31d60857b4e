//! `/admin/audit-log`: who did what, newest first; of one target or one key, if asked.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::domain::time::Timestamp;
use crate::http::Shared;
use crate::http::admin::audit_log::{Entry, entries};
use crate::http::query::Query;

use super::moment::Moment;
use super::shell::{Section, Shell};
use super::{GuiError, with_cursor};

#[derive(Template)]
#[template(path = "audit_log.html", config = "src/http/pages/askama.toml")]
struct AuditLog {
    shell: Shell,
    target: String,
    actor: String,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    at: Moment,
    actor: Option<String>,
    action: String,
    target: String,
    order: Option<String>,
    input: String,
    result: String,
    ip: Option<String>,
}

impl Row {
    fn of(entry: Entry, now: Timestamp) -> Self {
        Self {
            at: Moment::new(entry.at, now),
            actor: entry.actor.map(|key| key.to_string()),
            action: entry.action,
            order: entry.target.starts_with("ord_").then(|| format!("/admin/orders/{}", entry.target)),
            target: entry.target,
            input: entry.input.get().to_owned(),
            result: entry.result.get().to_owned(),
            ip: entry.ip,
        }
    }
}

/// `GET /admin/audit-log`.
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let visitor = shared.visitor(&request).await?;
    let query = Query::of(&request)?.filled();
    let found = entries(&shared, &query).await?;
    let asked = |name| query.get(name).unwrap_or_default().to_owned();
    let page = AuditLog {
        shell: Shell::new(&visitor, &request, Section::AuditLog),
        target: asked("target"),
        actor: asked("actor"),
        next: found.next_cursor.map(|cursor| with_cursor("/admin/audit-log", &query, Some(&cursor))),
        rows: found.data.into_iter().map(|entry| Row::of(entry, visitor.now)).collect(),
    };
    visitor.answer(&page)
}
