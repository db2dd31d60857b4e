//! `GET /v1/admin/audit-log`: who did what to which order or item, from where, and what came of it.
//!
//! A row is written in the transaction of the write it tells of, and before the first row of an export leaves. What was
//! refused, or only tried, has none, but for sign-ins: of those that are refused as many are listed as have room.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::ids::{AuditId, KeyId};
use crate::domain::time::Timestamp;
use crate::http::cursor::Records;
use crate::http::error::ApiError;
use crate::http::paging::{Asked, Paged};
use crate::http::query::Query;
use crate::http::{Shared, answer};
use crate::store::records::{AuditFilter, AuditRecord, Place};

const TARGET_CHARS_MAX: usize = 200;

/// An admin write, an export or a sign-in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditedWrite)]
pub struct Entry {
    /// Its own id.
    pub id: AuditId,
    /// The operator's key; null for the command line, and for a sign-in that was refused.
    #[schema(required = true)]
    pub actor: Option<KeyId>,
    /// What was done: `crypto_order.ipn_applied`, `.swept`, `.note_updated`, `.accepted`, `.topped_up`;
    /// `webhook_delivery.replayed`, `.requeued`, `.discarded`; `attention.resolved`; `orders.exported`;
    /// `operator.signed_in`, `operator.sign_in_refused`; `api_key.created`, `api_key.revoked`.
    #[schema(example = "crypto_order.accepted")]
    pub action: String,
    /// To which order, item or key.
    #[schema(example = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b")]
    pub target: String,
    /// What was asked.
    #[schema(value_type = serde_json::Value)]
    pub input: Box<RawValue>,
    /// What came of it.
    #[schema(value_type = serde_json::Value)]
    pub result: Box<RawValue>,
    /// From where; null for the command line.
    #[schema(required = true)]
    pub ip: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Shows one page of the audited writes.
#[utoipa::path(get, path = "/v1/admin/audit-log", tag = "Operators", security(("bearer" = [])),
    operation_id = "list_audit_log",
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 200, description = "How many; 50 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, description = "Where the page starts."),
        ("target" = Option<String>, Query, min_length = 1, max_length = 200, pattern = r"^[^\u0000]*$",
            description = "Only what was done to this order or item."),
        ("actor" = Option<KeyId>, Query, description = "Only what was done with this key."),
    ),
    responses((status = 200, description = "One page, newest first.", body = Paged<Entry>)),
)]
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    answer::ok(&entries(&shared, &Query::of(&request)?).await?)
}

/// The page that a query asks for.
///
/// # Errors
/// 400 if a parameter breaks its rule; 503.
pub async fn entries(shared: &Shared, query: &Query) -> Result<Paged<Entry>, ApiError> {
    let actor = query.get("actor").map(|text| {
        let wrong = || ApiError::BadRequest("actor must be a key's id, key_<uuid>.".into());
        KeyId::parse(text).ok_or_else(wrong)
    });
    let filter = AuditFilter { target: query.text("target", TARGET_CHARS_MAX)?, actor: actor.transpose()? };
    let asked = Asked::of(query, Records::Audit)?;
    let found = match asked.stretch() {
        Some(stretch) => shared.store.audit_page(filter, stretch).await?,
        None => Vec::new(),
    };
    let place = |entry: &Entry| Place { at: entry.at, id: entry.id.uuid().to_string() };
    Ok(asked.page(found.into_iter().map(shown).collect::<Result<_, _>>()?, place))
}

fn shown(record: AuditRecord) -> Result<Entry, ApiError> {
    let json = |text: String| RawValue::from_string(text).map_err(|error| ApiError::Broken(error.to_string().into()));
    Ok(Entry {
        id: record.id,
        actor: record.actor,
        action: record.action,
        target: record.target,
        input: json(record.input)?,
        result: json(record.result)?,
        ip: record.ip,
        at: record.at,
    })
}
