//! The files beside the pages: one style sheet, one icon, and the few scripts of our own.
//!
//! They are part of the program. Those that pages ask for by the address of their content are kept by browsers
//! for ever: another content has another address. A node of another release may be asked for an address that is not
//! its own; what it has instead is kept nowhere. What each script does is said in it; every page says all it has to
//! say without them.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::http::error::ApiError;

static STYLE: Asset = Asset {
    kind: "text/css; charset=utf-8",
    text: include_str!("style.css"),
    address: LazyLock::new(|| address("style.css", &STYLE)),
};
static ICON: Asset = Asset {
    kind: "image/svg+xml",
    text: include_str!("icon.svg"),
    address: LazyLock::new(|| address("icon.svg", &ICON)),
};
static ADMIN: Asset = Asset {
    kind: JAVASCRIPT,
    text: include_str!("../gui/admin.js"),
    address: LazyLock::new(|| address("admin.js", &ADMIN)),
};
static PAY: Asset =
    Asset { kind: JAVASCRIPT, text: include_str!("../pay/pay.js"), address: LazyLock::new(|| address("pay.js", &PAY)) };

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const KEEP_NOTHING: HeaderValue = HeaderValue::from_static("no-store");
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// A file, and by what address pages ask for it.
struct Asset {
    kind: &'static str,
    text: &'static str,
    address: LazyLock<String>,
}

/// The address of the style sheet: another one for every content, so that none is ever stale.
#[must_use]
pub fn style_address() -> &'static str {
    &STYLE.address
}

/// The address of the icon.
#[must_use]
pub fn icon_address() -> &'static str {
    &ICON.address
}

/// The address of the operators' script.
#[must_use]
pub fn admin_script_address() -> &'static str {
    &ADMIN.address
}

/// The address of the buyer's script.
#[must_use]
pub fn pay_script_address() -> &'static str {
    &PAY.address
}

/// Gives the style sheet of all pages.
#[utoipa::path(get, path = "/assets/style.css", operation_id = "show_style", tag = "Service", responses(
    (status = 200, description = "The style sheet.", content_type = "text/css", body = String,
        example = json!("body { margin: 0 }")),
))]
pub async fn style(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Ok(STYLE.answer(&request))
}

/// Gives the icon of all pages.
#[utoipa::path(get, path = "/assets/icon.svg", operation_id = "show_icon", tag = "Service", responses(
    (status = 200, description = "The icon.", content_type = "image/svg+xml", body = String,
        example = json!("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")),
))]
pub async fn icon(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Ok(ICON.answer(&request))
}

/// Gives the operators' script.
pub async fn admin_script(request: HttpRequest) -> HttpResponse {
    ADMIN.answer(&request)
}

/// Gives the buyer's script.
pub async fn pay_script(request: HttpRequest) -> HttpResponse {
    PAY.answer(&request)
}

fn address(name: &str, asset: &Asset) -> String {
    let hash = HEXLOWER.encode(&Sha256::digest(asset.text));
    format!("/assets/{name}?v={}", hash.get(..12).unwrap_or_default())
}

impl Asset {
    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let own = self.address.split_once('?').is_some_and(|(_, version)| version == request.query_string());
        let mut response = HttpResponse::Ok();
        response.insert_header((CONTENT_TYPE, HeaderValue::from_static(self.kind)));
        response.insert_header((CACHE_CONTROL, if own { FOR_EVER } else { KEEP_NOTHING })).body(self.text)
    }
}
