//! `PATCH /v1/webhooks/{id}`: another URL, other events, another description, a pause or its end.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::access::Permission;
use crate::domain::ids::WebhookId;
use crate::domain::webhook::endpoint::Edit;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::openapi::problems::{self, example};
use crate::http::openapi::schemas::WebhookUrl;
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer, body};

use super::{EndpointResource, description, events, named, own_endpoint, reachable, unable, url};

/// What is to be changed; at least one field.
#[derive(utoipa::ToSchema)]
#[schema(as = WebhookEndpointChange, example = json!({"active": false}))]
#[expect(dead_code, reason = "read field by field, so that everything that is wrong is told at once")]
pub struct Body {
    /// Where events are sent, those too that wait.
    #[schema(value_type = WebhookUrl, required = false)]
    url: Option<String>,
    /// What is sent from now on; repeats are folded.
    #[schema(schema_with = named)]
    events: Option<Vec<String>>,
    /// What you call it: one line; `null` and empty clear it.
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$", example = "the shop")]
    description: Option<String>,
    /// `false` pauses: nothing new is queued, and what waits goes on waiting. `true` ends a pause.
    #[schema(nullable = false)]
    active: Option<bool>,
}

/// Changes an endpoint for webhooks, pauses it or ends a pause.
#[utoipa::path(patch, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "change_webhook", security(("bearer" = [])),
    params(("id" = WebhookId, Path, description = "The endpoint.")),
    request_body = Body,
    responses(
        (status = 200, description = "The endpoint as it is now.", body = EndpointResource),
        (status = 409, description = "The endpoint is disabled.", body = ProblemDocument,
            example = json!(example(&problems::webhook_disabled()))),
    ),
)]
pub async fn change(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = shared.holder_who_may(&request, Permission::WriteWebhooks).await?;
    let mut fields = body::required(&request, payload).await?;
    let account = holder.account_id;
    let endpoint = own_endpoint(&shared, account, &request).await?;
    let edits = edits(&mut fields, &shared);
    fields.finish()?;
    endpoint.may_change().map_err(|why| unable(&endpoint, why))?;
    let new_url = edits.iter().find_map(|edit| if let Edit::Url(url) = edit { Some(url) } else { None });
    if let Some(url) = new_url {
        reachable(url, &shared).await?;
    }
    let resumed = edits.contains(&Edit::Resume);
    let stored = shared.store.endpoint_edit(endpoint.id, edits).await?;
    // As it is now: what was not asked for may have changed meanwhile.
    let endpoint = own_endpoint(&shared, account, &request).await?;
    if !stored {
        endpoint.may_change().map_err(|why| unable(&endpoint, why))?;
        return Err(ApiError::Busy("an endpoint that keeps changing"));
    }
    if resumed {
        shared.courier.ring();
    }
    let by = holder.verified.key.id;
    tracing::info!(event = "webhook_changed", webhook.id = %endpoint.id, account.id = %account, by.id = %by, "a customer changed an endpoint");
    answer::ok(&EndpointResource::of(&endpoint, shared.clock.now()))
}

fn edits(fields: &mut Fields, shared: &Shared) -> Vec<Edit> {
    let mut edits = Vec::new();
    if fields.has("url") {
        edits.push(Edit::Url(url(fields, shared)));
    }
    if fields.has("events") {
        edits.push(Edit::Events(events(fields)));
    }
    if fields.has("description") {
        edits.push(Edit::Description(description(fields)));
    }
    if fields.has("active") {
        edits.push(if fields.choice("active") == Some(true) { Edit::Resume } else { Edit::Pause });
    }
    if edits.is_empty() {
        fields.wrong_form("At least one field must be provided.");
    }
    edits
}
