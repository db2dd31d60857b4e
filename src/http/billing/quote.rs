//! `POST /v1/billing/crypto-checkout/quote`: what a product costs. Creates nothing.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::Permission;
use crate::domain::catalogue::ProductCode;
use crate::http::error::ApiError;
use crate::http::openapi::schemas::CataloguedProduct;
use crate::http::{Shared, answer, body};

use super::checkout::{CODE_CHARS_MAX, check_currency, product};

/// What a product costs.
#[derive(Debug, Serialize, ToSchema)]
struct Quote<'a> {
    product: &'a ProductCode,
    /// In the currency's minor unit.
    #[schema(minimum = 1, example = 7900)]
    price_cents: i64,
    #[schema(pattern = "^[A-Z]{3}$", example = "USD")]
    price_currency: &'a str,
}

/// Whose price is asked.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document shows its shape; `tell` reads it field by field")]
struct QuoteRequest {
    product: CataloguedProduct,
    /// Three upper-case letters; taken note of only: the answer is always the catalogue's.
    #[schema(pattern = "^([A-Z]{3})?$", example = "USD")]
    price_currency: Option<String>,
}

/// Quotes a product's price.
///
/// Creates nothing. The answer is always the catalogue's price and currency, whatever currency was asked for.
#[utoipa::path(post, path = "/v1/billing/crypto-checkout/quote", operation_id = "quote_product",
    tag = "Orders", security(("bearer" = [])),
    request_body = QuoteRequest,
    responses((status = 200, description = "The catalogue's price.", body = Quote)),
)]
pub async fn tell(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    shared.customer(&request, Permission::ReadOrders).await?;
    let mut fields = body::required(&request, payload).await?;
    let catalogue = &shared.settings.orders.catalogue;
    let asked = product(&mut fields, catalogue);
    if let Some(currency) = fields.optional_text("price_currency", CODE_CHARS_MAX) {
        check_currency(&mut fields, &currency);
    }
    fields.finish()?;
    let (product, price) = catalogue.find(&asked).ok_or(ApiError::Broken("a quoted product is gone".into()))?;
    let price_currency = price.currency.as_str();
    answer::ok(&Quote { product, price_cents: price.cents, price_currency })
}
