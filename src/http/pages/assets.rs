//! The files beside the pages: one style sheet, one icon, and the few scripts of our own.
//!
//! They are part of the program. Those that pages ask for by the address of their content are kept by browsers
//! for ever: another content has another address. What each script does is said in it; every page says all it has
//! to say without them.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::http::error::ApiError;

const STYLE: &str = include_str!("style.css");
const ICON: &str = include_str!("icon.svg");
const ADMIN: &str = include_str!("../gui/admin.js");
const PAY: &str = include_str!("../pay/pay.js");

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The address of the style sheet: another one for every content, so that none is ever stale.
#[must_use]
pub fn style_address() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| address("style.css", STYLE));
    &ADDRESS
}

/// The address of the operators' script.
#[must_use]
pub fn admin_script_address() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| address("admin.js", ADMIN));
    &ADDRESS
}

/// The address of the buyer's script.
#[must_use]
pub fn pay_script_address() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| address("pay.js", PAY));
    &ADDRESS
}

/// Gives the style sheet of all pages.
#[utoipa::path(get, path = "/assets/style.css", operation_id = "show_style", tag = "Service", responses(
    (status = 200, description = "The style sheet.", content_type = "text/css", body = String,
        example = json!("body { margin: 0 }")),
))]
pub async fn style() -> Result<HttpResponse, ApiError> {
    Ok(asset("text/css; charset=utf-8", STYLE))
}

/// Gives the icon of all pages.
#[utoipa::path(get, path = "/assets/icon.svg", operation_id = "show_icon", tag = "Service", responses(
    (status = 200, description = "The icon.", content_type = "image/svg+xml", body = String,
        example = json!("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")),
))]
pub async fn icon() -> Result<HttpResponse, ApiError> {
    Ok(asset("image/svg+xml", ICON))
}

/// Gives the operators' script.
pub async fn admin_script() -> HttpResponse {
    asset(JAVASCRIPT, ADMIN)
}

/// Gives the buyer's script.
pub async fn pay_script() -> HttpResponse {
    asset(JAVASCRIPT, PAY)
}

fn address(name: &str, content: &str) -> String {
    let hash = HEXLOWER.encode(&Sha256::digest(content));
    format!("/assets/{name}?v={}", hash.get(..12).unwrap_or_default())
}

fn asset(kind: &'static str, text: &'static str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(kind)));
    response.insert_header((CACHE_CONTROL, FOR_EVER)).body(text)
}
