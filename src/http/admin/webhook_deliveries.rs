//! `/v1/admin/webhook-deliveries/{id}`, and the deliveries of an order: what a merchant was told, and telling it again.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::domain::ids::{AccountId, DeliveryId, OrderId};
use crate::domain::webhook::resend::Wish;
use crate::http::cursor::Records;
use crate::http::error::{ApiError, DeliveryRefusal};
use crate::http::extract::Operator;
use crate::http::openapi::problems::{self, example};
use crate::http::paging::{Asked, Paged};
use crate::http::problem::ProblemDocument;
use crate::http::query::Query;
use crate::http::webhooks::deliveries::{DeliveryResource, asked_for, malformed_id};
use crate::http::webhooks::replay::resend;
use crate::http::{Shared, answer};
use crate::store::changeset::AuditEntry;
use crate::store::records::Place;
use crate::store::resend::{Resend, Traced};

use super::any_order;

/// A delivery as operators see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminDelivery {
    /// What its customer sees.
    #[serde(flatten)]
    pub delivery: DeliveryResource,
    /// Whose endpoint it is.
    pub account_id: AccountId,
    /// The order that the event tells of; null for a ping.
    #[schema(required = true)]
    pub order_id: Option<OrderId>,
    /// The endpoint's address, as it is now.
    #[schema(example = "https://shop.example/hooks")]
    pub url: String,
}

impl AdminDelivery {
    /// A delivery as operators see it.
    #[must_use]
    pub fn of(found: Traced) -> Self {
        let (account_id, order_id, url) = (found.account_id, found.delivery.order_id, found.url);
        Self { delivery: DeliveryResource::of(found.delivery), account_id, order_id, url }
    }

    /// Where it lies in a list.
    #[must_use]
    pub fn place(&self) -> Place {
        self.delivery.place()
    }
}

/// Shows a delivery.
#[utoipa::path(get, path = "/v1/admin/webhook-deliveries/{id}", tag = "Operators", security(("bearer" = [])),
    operation_id = "get_any_webhook_delivery",
    params(("id" = DeliveryId, Path, description = "The delivery.")),
    responses(
        (status = 200, description = "The delivery.", body = AdminDelivery),
        (status = 400, description = "The id is not of a delivery's form.", body = ProblemDocument,
            example = json!(example(&malformed_id()))),
    ),
)]
pub async fn show(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let id = asked_for(&request)?;
    let found = shared.store.delivery_load(id).await?.ok_or(DeliveryRefusal::NotFound(id))?;
    answer::ok(&AdminDelivery::of(found))
}

/// Sends any customer's delivery again.
#[utoipa::path(post, path = "/v1/admin/webhook-deliveries/{id}/replay", tag = "Operators", security(("bearer" = [])),
    operation_id = "replay_any_webhook_delivery",
    params(("id" = DeliveryId, Path, description = "The delivery.")),
    responses(
        (status = 200, description = "The delivery, `pending` again.", body = AdminDelivery),
        (status = 400, description = "The id is not of a delivery's form.", body = ProblemDocument,
            example = json!(example(&malformed_id()))),
        (status = 409, description = "It is being attempted just now, or its endpoint is disabled or deleted.",
            body = ProblemDocument, example = json!(example(&problems::delivery_in_flight()))),
    ),
)]
pub async fn replay(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let operator = shared.operator(&request).await?;
    fulfil(&shared, &request, (operator, Wish::Replay)).await
}

/// Does what an operator asks with the delivery that the path names, puts it on the audit log, and shows it.
pub async fn fulfil(shared: &Shared, request: &HttpRequest, asked: (Operator, Wish)) -> Result<HttpResponse, ApiError> {
    let id = asked_for(request)?;
    answer::ok(&AdminDelivery::of(wished(shared, asked, id).await?))
}

/// Does with a delivery what an operator asks, and puts it on the audit log.
///
/// # Errors
/// 404 if there is none, 409 if it stays as it is, or 503.
pub async fn wished(shared: &Shared, asked: (Operator, Wish), id: DeliveryId) -> Result<Traced, ApiError> {
    let (operator, wish) = asked;
    let at = shared.clock.now();
    let (action, status) = match wish {
        Wish::Replay => ("webhook_delivery.replayed", "pending"),
        Wish::Requeue => ("webhook_delivery.requeued", "pending"),
        Wish::Discard => ("webhook_delivery.discarded", "failed"),
    };
    let audit = AuditEntry {
        actor: Some(operator.key_id),
        action,
        target: id.to_string(),
        input: json!({}).to_string(),
        result: json!({ "status": status }).to_string(),
        ip: operator.ip,
        at,
    };
    resend(shared, Resend { id, owner: None, wish, audit: Some(audit), at }).await
}

/// Lists what was sent, or is to be, of an order.
///
/// Each event of the order to each endpoint that its account had, newest first.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/{order_id}/deliveries", tag = "Operators",
    security(("bearer" = [])), operation_id = "list_order_deliveries",
    params(
        ("order_id" = OrderId, Path, description = "The order."),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 200, description = "How many; 50 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, description = "Where the page starts."),
    ),
    responses((status = 200, description = "One page, newest first.", body = Paged<AdminDelivery>)),
)]
pub async fn of_order(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let asked = Asked::of(&Query::of(&request)?, Records::OrderDeliveries)?;
    let order = any_order(&shared, &request).await?;
    let found = match asked.stretch() {
        Some(stretch) => shared.store.order_deliveries(order.id, stretch).await?,
        None => Vec::new(),
    };
    answer::ok(&asked.page(found.into_iter().map(AdminDelivery::of).collect(), AdminDelivery::place))
}
