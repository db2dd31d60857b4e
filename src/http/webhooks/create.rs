//! `POST /v1/webhooks`: where events of the account are sent from now on.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use crate::clock::{fresh_uuid, random_bytes};
use crate::domain::access::Permission;
use crate::domain::ids::WebhookId;
use crate::domain::webhook::endpoint::{DeliveryCounts, ENDPOINTS_MAX, Endpoint, Health, Standing};
use crate::domain::webhook::secret::EndpointSecret;
use crate::http::error::{ApiError, WebhookError};
use crate::http::openapi::problems::{self, example};
use crate::http::openapi::schemas::WebhookUrl;
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer, body};

use super::{EndpointResource, description, events, named, reachable, url};

/// An endpoint to be made.
#[derive(utoipa::ToSchema)]
#[schema(as = NewWebhookEndpoint)]
#[expect(dead_code, reason = "read field by field, so that everything that is wrong is told at once")]
pub struct Body {
    /// Where events are sent.
    #[schema(value_type = WebhookUrl)]
    url: String,
    /// What is sent; repeats are folded.
    #[schema(schema_with = named)]
    events: Vec<String>,
    /// What you call it: one line; empty is none.
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$", example = "the shop")]
    description: Option<String>,
}

/// An endpoint that was just made, with the only copy of its secret.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = CreatedWebhookEndpoint)]
pub struct Created<'a> {
    #[serde(flatten)]
    endpoint: EndpointResource<'a>,
    /// What deliveries are signed with. It is shown only now.
    #[schema(pattern = "^whsec_[a-z2-7]{32}$", example = "whsec_mfrggzdfmztwq2lknnwg23tpobyxe43u")]
    secret: &'a str,
}

/// Makes an endpoint for webhooks. Its secret is in this answer alone.
///
/// It is sent what happens from now on; what happened before, by a catch-up. A URL of a place that is not publicly
/// reachable is refused, here and at every attempt.
#[utoipa::path(post, path = "/v1/webhooks", tag = "Webhooks", operation_id = "create_webhook", security(("bearer" = [])),
    request_body = Body,
    responses(
        (status = 201, description = "The endpoint, with the only copy of its secret.", body = Created),
        (status = 409, description = "The account has 10 endpoints that are neither disabled nor deleted.", body = ProblemDocument,
            example = json!(example(&problems::webhooks_full()))),
    ),
)]
pub async fn create(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = shared.holder_who_may(&request, Permission::WriteWebhooks).await?;
    let mut fields = body::required(&request, payload).await?;
    let url = url(&mut fields, &shared);
    let events = events(&mut fields);
    let description = description(&mut fields);
    fields.finish()?;
    reachable(&url, &shared).await?;
    let now = shared.clock.now();
    let endpoint = Endpoint {
        id: WebhookId::new(fresh_uuid(now)),
        account_id: holder.account_id,
        url,
        secret: EndpointSecret::new(random_bytes()),
        previous: None,
        events,
        description,
        standing: Standing::Active,
        health: Health::default(),
        counts: DeliveryCounts::default(),
        created_at: now,
    };
    if !shared.store.endpoint_insert(endpoint.clone(), ENDPOINTS_MAX).await? {
        return Err(WebhookError::Full(ENDPOINTS_MAX).into());
    }
    let (account, by) = (holder.account_id, holder.verified.key.id);
    tracing::info!(event = "webhook_created", webhook.id = %endpoint.id, account.id = %account, by.id = %by, "a customer made an endpoint");
    answer::created(&Created { endpoint: EndpointResource::of(&endpoint, now), secret: endpoint.secret.expose() })
}
