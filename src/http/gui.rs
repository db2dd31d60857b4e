//! The operators' pages, under `/admin`: the same answers as the admin API, to look at.
//!
//! Every page asks who is signed in (`session.rs`), reads what the API's handlers read, and renders a template
//! that lies beside it; every form goes through `form.rs`. Pages decide nothing: what they do they do through the
//! functions of `admin/`, which audit it. Frame and words that they share are in `shell.rs`, `moment.rs`,
//! `figures.rs`, `charts.rs` and `macros.html`. `admin.js` only makes them handier.

pub mod attention;
pub mod audit_log;
mod charts;
pub mod dead_letters;
mod figures;
mod form;
pub mod idempotency;
mod moment;
pub mod order;
pub mod orders;
pub mod overview;
mod session;
mod shell;
pub mod sign_in;
pub mod sign_in_limiter;
pub mod sweep;

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, LOCATION};
use actix_web::{HttpResponse, ResponseError};
use url::form_urlencoded;

use super::error::ApiError;
use super::pages::PageError;
use super::query::Query;

/// Why a page is not shown.
#[derive(Debug)]
pub enum GuiError {
    /// With a page that says why.
    Refused(PageError),
    /// To the door: nobody is signed in. Afterwards they come back to this address.
    SignInRequired(String),
}

impl<E: Into<ApiError>> From<E> for GuiError {
    fn from(error: E) -> Self {
        Self::Refused(PageError(error.into()))
    }
}

impl fmt::Display for GuiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::SignInRequired(_) => f.write_str("nobody is signed in"),
        }
    }
}

impl ResponseError for GuiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Refused(error) => error.status_code(),
            Self::SignInRequired(_) => StatusCode::SEE_OTHER,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Refused(error) => error.error_response(),
            Self::SignInRequired(next) => {
                let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
                see_other(&format!("/admin/sign-in?next={next}"))
            }
        }
    }
}

/// Leads on to another page of ours; what was sent is not sent again when that is reloaded.
fn see_other(address: &str) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store, private")));
    response.insert_header((LOCATION, address)).finish()
}

/// The address of a page with these parameters, but for `cursor` and what was just done: those of another page.
fn with_cursor(path: &str, query: &Query, cursor: Option<&str>) -> String {
    let kept = query.pairs().filter(|(name, _)| !matches!(*name, "cursor" | "done"));
    let all = kept.chain(cursor.map(|cursor| ("cursor", cursor)));
    let parameters = form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
    if parameters.is_empty() { path.to_owned() } else { format!("{path}?{parameters}") }
}
