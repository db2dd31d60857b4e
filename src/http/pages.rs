//! Pages for people, rendered on the server, without any script.
//!
//! `pages/layout.html` is the frame of every page, `pages/style.css` its one style sheet, served from the
//! binary. A page loads nothing from elsewhere and runs nothing: its policy says so to the browser.

pub mod docs;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::error::ApiError;

const STYLE: &str = include_str!("pages/style.css");
const ICON: &str = include_str!("pages/icon.svg");

/// Nothing but our own style sheet, image and, once there are forms, our own server.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
);
/// For files whose address changes with their content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_FIRST: HeaderValue = HeaderValue::from_static("no-cache");

/// The address of the style sheet: another one for every content, so that none is ever stale.
#[must_use]
pub fn style_address() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| {
        let hash = HEXLOWER.encode(&Sha256::digest(STYLE));
        format!("/assets/style.css?v={}", hash.get(..12).unwrap_or_default())
    });
    &ADDRESS
}

/// A page with the headers of every page.
fn page(html: String) -> HttpResponse {
    let html_in_utf8 = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, html_in_utf8));
    response.insert_header((CONTENT_SECURITY_POLICY, POLICY)).insert_header((CACHE_CONTROL, ASK_FIRST));
    response.body(html)
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

fn asset(kind: &'static str, text: &'static str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(kind)));
    response.insert_header((CACHE_CONTROL, FOR_EVER)).body(text)
}
