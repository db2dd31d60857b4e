//! `GET /v1/admin/crypto-orders/{order_id}/ipns`: what the provider sent about an order, and what became of it.
//!
//! Only what verified is kept under an order; bodies that did not are the doctor's.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::evidence::Outcome;
use crate::domain::ids::OrderId;
use crate::domain::time::Timestamp;
use crate::http::cursor::Records;
use crate::http::error::ApiError;
use crate::http::paging::{Asked, Paged};
use crate::http::query::Query;
use crate::http::{Shared, answer};
use crate::store::records::{KeptIpn, Place, SecretAge};

use super::any_order;

/// A verified IPN.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceivedIpn)]
pub struct Ipn {
    /// When this report first came.
    received_at: Timestamp,
    /// When the same report last came.
    last_received_at: Timestamp,
    /// The payment it names.
    payment_id: String,
    /// The provider's word.
    payment_status: String,
    /// Over which form of the body the signature is right: `raw`, or one that the provider rewrites it to.
    #[schema(example = "raw")]
    verified_form: String,
    verified_secret: Secret,
    #[schema(value_type = Outcome)]
    outcome: String,
    /// How often the same report came, in whatever spelling; only the first time counts.
    #[schema(minimum = 1)]
    times_seen: i64,
    /// The body that came first, character by character.
    raw_body: String,
    /// SHA-256 of the body.
    #[schema(pattern = "^[0-9a-f]{64}$", example = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9")]
    body_sha256: String,
}

/// Which IPN secret verified it.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = IpnSecret)]
pub enum Secret {
    /// The newest.
    Current,
    /// The one before, during a rotation.
    Previous,
}

/// Shows one page of an order's verified IPNs.
#[utoipa::path(get, path = "/v1/admin/crypto-orders/{order_id}/ipns", tag = "Operators", security(("bearer" = [])),
    operation_id = "list_order_ipns",
    params(
        ("order_id" = OrderId, Path, description = "The order."),
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 200, description = "How many; 50 without it."),
        ("cursor" = Option<String>, Query, min_length = 1, max_length = 512, description = "Where the page starts."),
    ),
    responses((status = 200, description = "One page, newest first.", body = Paged<Ipn>)),
)]
pub async fn page(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.operator(&request).await?;
    let asked = Asked::of(&Query::of(&request)?, Records::Ipns)?;
    let order = any_order(&shared, &request).await?;
    let found = match asked.stretch() {
        Some(stretch) => shared.store.ipns_of_order(order.id, stretch).await?,
        None => Vec::new(),
    };
    let place = |ipn: &Ipn| Place { at: ipn.received_at, id: ipn.body_sha256.clone() };
    answer::ok(&asked.page(found.into_iter().map(shown).collect(), place))
}

fn shown(ipn: KeptIpn) -> Ipn {
    Ipn {
        received_at: ipn.received_at,
        last_received_at: ipn.last_received_at,
        payment_id: ipn.payment_id,
        payment_status: ipn.payment_status,
        verified_form: ipn.verified_form,
        verified_secret: match ipn.verified_secret {
            SecretAge::Current => Secret::Current,
            SecretAge::Previous => Secret::Previous,
        },
        outcome: ipn.outcome,
        times_seen: ipn.times_seen,
        raw_body: ipn.raw_body,
        body_sha256: ipn.body_sha256,
    }
}
