//! A customer's endpoints for webhooks (contract, section 6), one file for each call.
//!
//! What may be done with an endpoint is decided in `domain/webhook/endpoint.rs`, where it may lead in
//! `webhooks/address.rs`. Its secret stands in the one answer that made it, and nowhere else.

pub mod catch_up;
pub mod create;
pub mod delete;
pub mod deliveries;
pub mod get;
pub mod list;
pub mod patch;
pub mod replay;
pub mod rotate;
pub mod test;

use actix_web::HttpRequest;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};

use crate::domain::ids::{AccountId, WebhookId};
use crate::domain::time::Timestamp;
use crate::domain::webhook::endpoint::{
    DESCRIPTION_CHARS_MAX, DeliveryCounts, EVENTS_NAMED_MAX, Endpoint, EventType, Standing, Unable,
};
use crate::webhooks::address;
use crate::webhooks::names::check_registration;

use super::Shared;
use super::error::{ApiError, WebhookError};
use super::fields::Fields;

/// An endpoint, without what its deliveries are signed with; the fields in the contract's order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub struct EndpointResource<'a> {
    id: WebhookId,
    /// Where events are sent.
    #[schema(example = "https://shop.example.com/webhooks")]
    url: &'a str,
    /// The first 12 characters of the secret.
    #[schema(example = "whsec_mfrggz")]
    secret_prefix: &'a str,
    /// The same of the secret before it, while that signs too.
    #[schema(required = true, example = json!(null))]
    prev_secret_prefix: Option<&'a str>,
    /// Until when that is.
    #[schema(required = true, example = json!(null))]
    rotation_grace_expires_at: Option<Timestamp>,
    /// What is sent.
    #[schema(schema_with = subscribed)]
    events: Vec<&'static str>,
    /// What you call it.
    #[schema(required = true, example = "the shop")]
    description: Option<&'a str>,
    /// False while it is paused, and once it is disabled.
    active: bool,
    /// Failed attempts since the last success; after 50 it is disabled.
    #[schema(minimum = 0, example = 0)]
    consecutive_failures: i64,
    /// The newest success.
    #[schema(required = true)]
    last_success_at: Option<Timestamp>,
    /// The newest failure.
    #[schema(required = true, example = json!(null))]
    last_failure_at: Option<Timestamp>,
    /// When it was disabled; that is for good.
    #[schema(required = true, example = json!(null))]
    disabled_at: Option<Timestamp>,
    delivery_counts: Counts,
    /// When it was made.
    created_at: Timestamp,
}

/// How many deliveries stand where, without those that wait for their first attempt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryCounts)]
pub struct Counts {
    /// Confirmed, also those that are kept no longer.
    #[schema(minimum = 0, example = 41)]
    delivered: i64,
    /// Attempted without success so far.
    #[schema(minimum = 0, example = 0)]
    failed: i64,
    /// Given up.
    #[schema(minimum = 0, example = 0)]
    dlq: i64,
}

impl<'a> EndpointResource<'a> {
    /// An endpoint as its owner sees it at this time.
    #[must_use]
    pub fn of(endpoint: &'a Endpoint, now: Timestamp) -> Self {
        let previous = endpoint.grace_at(now);
        let DeliveryCounts { delivered, failed, dlq } = endpoint.counts;
        Self {
            id: endpoint.id,
            url: &endpoint.url,
            secret_prefix: endpoint.secret.prefix(),
            prev_secret_prefix: previous.map(|previous| previous.secret.prefix()),
            rotation_grace_expires_at: previous.map(|previous| previous.until),
            events: endpoint.events.iter().map(|event| event.as_str()).collect(),
            description: endpoint.description.as_deref(),
            active: endpoint.standing == Standing::Active,
            consecutive_failures: endpoint.health.consecutive_failures,
            last_success_at: endpoint.health.last_success_at,
            last_failure_at: endpoint.health.last_failure_at,
            disabled_at: match endpoint.standing {
                Standing::Disabled { at } => Some(at),
                Standing::Active | Standing::Paused | Standing::Deleted { .. } => None,
            },
            delivery_counts: Counts { delivered, failed, dlq },
            created_at: endpoint.created_at,
        }
    }
}

/// What an endpoint is told, as it is shown.
fn subscribed() -> RefOr<Schema> {
    events_schema().examples([serde_json::json!(known_events())]).into()
}

/// What a request may name.
fn named() -> RefOr<Schema> {
    let example = serde_json::json!([EventType::OrderPaid.as_str()]);
    events_schema().max_items(Some(EVENTS_NAMED_MAX)).examples([example]).into()
}

fn events_schema() -> ArrayBuilder {
    let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(known_events()));
    ArrayBuilder::new().description(Some("What is sent.")).items(word).min_items(Some(1))
}

fn known_events() -> Vec<&'static str> {
    EventType::SUBSCRIBED.map(EventType::as_str).to_vec()
}

/// The endpoint that the path names, if it is of this account and was not deleted. Another's is as good as none.
async fn own_endpoint(shared: &Shared, account: AccountId, request: &HttpRequest) -> Result<Endpoint, ApiError> {
    let endpoint = once_own(shared, account, request).await?;
    match endpoint.standing {
        Standing::Deleted { .. } => Err(unable(&endpoint, Unable::Deleted)),
        Standing::Active | Standing::Paused | Standing::Disabled { .. } => Ok(endpoint),
    }
}

/// The same, also if it was deleted.
async fn once_own(shared: &Shared, account: AccountId, request: &HttpRequest) -> Result<Endpoint, ApiError> {
    let asked = request.match_info().get("id").unwrap_or_default();
    let id = WebhookId::parse(asked).ok_or_else(malformed_id)?;
    let found = shared.store.endpoint_load(id).await?;
    found.filter(|endpoint| endpoint.account_id == account).ok_or(WebhookError::NotFound(id).into())
}

/// What a path gets whose id is not of an endpoint's form.
pub fn malformed_id() -> ApiError {
    ApiError::BadRequest("Invalid id format. Expected \"whk_<uuid>\".".into())
}

/// Why this endpoint does not do what was asked.
fn unable(endpoint: &Endpoint, why: Unable) -> ApiError {
    WebhookError::Unable(endpoint.id, why).into()
}

/// Where events are to be sent; whether its name leads there is asked once all fields are right ([`reachable`]).
fn url(fields: &mut Fields, shared: &Shared) -> String {
    // How long it may be is a rule of its own, with an answer of its own.
    let url = fields.text("url", usize::MAX);
    let refused = address::check(&url, shared.settings.webhooks.reach).err();
    if let Some(refused) = refused.filter(|refused| refused.is_of_form() && !fields.is_wrong("url")) {
        fields.wrong("url", refused.sentence());
    }
    url
}

/// Refuses a URL to which nothing is sent.
async fn reachable(url: &str, shared: &Shared) -> Result<(), ApiError> {
    let checked = check_registration(url, shared.settings.webhooks.reach, &shared.names).await;
    checked.map_err(|refused| WebhookError::Url(refused).into())
}

/// What is to be sent, each once.
fn events(fields: &mut Fields) -> Vec<EventType> {
    let words = fields.texts("events");
    if words.len() > EVENTS_NAMED_MAX {
        fields.wrong("events", format!("events must have at most {EVENTS_NAMED_MAX} items."));
    }
    let mut events = Vec::new();
    for word in &words {
        match EventType::parse(word) {
            Some(EventType::TestPing) => {
                fields.wrong(
                    "events",
                    "events must not hold test.ping; it comes when it is asked for, whatever they hold.",
                );
            }
            Some(event) if events.contains(&event) => {}
            Some(event) => events.push(event),
            None => {
                let sentence = format!("events may hold {}, and nothing else.", known_events().join(", "));
                fields.wrong("events", sentence);
                break;
            }
        }
    }
    events
}

/// What it is called: one line, or nothing.
fn description(fields: &mut Fields) -> Option<String> {
    let given = fields.optional_text("description", DESCRIPTION_CHARS_MAX);
    if given.as_ref().is_some_and(|text| text.chars().any(char::is_control)) && !fields.is_wrong("description") {
        fields.wrong("description", "description must be one line.");
    }
    given
}
