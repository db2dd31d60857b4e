//! Writes JSON answers.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use super::error::ApiError;

/// 200 with this body.
///
/// # Errors
/// 500 if it cannot be written as JSON.
pub fn ok(body: &impl Serialize) -> Result<HttpResponse, ApiError> {
    with_status(StatusCode::OK, body)
}

/// 201 with this body.
///
/// # Errors
/// 500 if it cannot be written as JSON.
pub fn created(body: &impl Serialize) -> Result<HttpResponse, ApiError> {
    with_status(StatusCode::CREATED, body)
}

/// 202 with this body.
///
/// # Errors
/// 500 if it cannot be written as JSON.
pub fn accepted(body: &impl Serialize) -> Result<HttpResponse, ApiError> {
    with_status(StatusCode::ACCEPTED, body)
}

/// 204, which has no body.
#[must_use]
pub fn no_content() -> HttpResponse {
    HttpResponse::new(StatusCode::NO_CONTENT)
}

fn with_status(status: StatusCode, body: &impl Serialize) -> Result<HttpResponse, ApiError> {
    let bytes = serde_json::to_vec(body).map_err(|error| ApiError::Broken(error.to_string().into()))?;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    Ok(HttpResponseBuilder::new(status).insert_header((CONTENT_TYPE, json)).body(bytes))
}
