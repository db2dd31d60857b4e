//! `POST /v1/billing/crypto-checkout/quote`: what a product costs. Creates nothing.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use crate::domain::access::Permission;
use crate::domain::catalogue::ProductCode;
use crate::http::error::ApiError;
use crate::http::{Shared, answer, body};

use super::checkout::{CODE_CHARS_MAX, check_currency, product};

#[derive(Debug, Serialize)]
struct Quote<'a> {
    product: &'a ProductCode,
    price_cents: i64,
    price_currency: &'a str,
}

/// Tells the catalogue's price and currency, whatever currency was asked for.
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
