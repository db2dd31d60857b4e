//! Pages for people, rendered on the server; what they show, they show without any script.
//!
//! `pages/layout.html` is the frame of every page, `pages/style.css` its one style sheet (`assets.rs`). A page
//! loads nothing from elsewhere and runs nothing that stands in it: its policy says so to the browser. Here are
//! the documentation and what all pages share; the operators' pages are in `gui/`.

pub mod assets;
pub mod docs;

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use askama::Template;

use super::error::ApiError;
pub use assets::style_address;

/// Nothing but our own style sheet, scripts and images, and for forms and scripts our own server.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
);
const ASK_FIRST: HeaderValue = HeaderValue::from_static("no-cache");
const KEEP_NOTHING: HeaderValue = HeaderValue::from_static("no-store, private");

/// Says to the frame that a refusal has a body of its own, which people can read.
#[derive(Clone, Copy)]
pub struct AsPage;

/// A refusal, as a page instead of a problem document.
#[derive(Debug)]
pub struct PageError(pub ApiError);

impl From<askama::Error> for ApiError {
    fn from(error: askama::Error) -> Self {
        Self::Broken(error.to_string().into())
    }
}

impl<E: Into<ApiError>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What went wrong, in words.
#[derive(Template)]
#[template(path = "refused.html", config = "src/http/pages/askama.toml")]
struct Refused<'a> {
    status: u16,
    title: &'a str,
    detail: &'a str,
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        self.0.status_code()
    }

    /// The page; the frame takes the cause for the log, and the headers, from the problem beside it.
    fn error_response(&self) -> HttpResponse {
        let problem = self.0.problem();
        let page = Refused { status: problem.status.as_u16(), title: problem.title, detail: &problem.detail };
        let mut builder = HttpResponseBuilder::new(problem.status);
        let mut response = dressed(&mut builder, KEEP_NOTHING).body(page.render().unwrap_or_default());
        response.extensions_mut().insert(AsPage);
        response.extensions_mut().insert(problem);
        response
    }
}

/// A page that is the same for everybody, with the headers of every page.
pub fn page(html: String) -> HttpResponse {
    dressed(&mut HttpResponse::Ok(), ASK_FIRST).body(html)
}

/// A page that is kept nowhere: it shows what only this reader may see, or what changes by itself.
///
/// # Errors
/// 500 if the template cannot be rendered.
pub fn private_page(template: &impl Template) -> Result<HttpResponse, ApiError> {
    Ok(dressed(&mut HttpResponse::Ok(), KEEP_NOTHING).body(template.render()?))
}

fn dressed(response: &mut HttpResponseBuilder, kept: HeaderValue) -> &mut HttpResponseBuilder {
    let html_in_utf8 = HeaderValue::from_static("text/html; charset=utf-8");
    response.insert_header((CONTENT_TYPE, html_in_utf8));
    response.insert_header((CONTENT_SECURITY_POLICY, POLICY)).insert_header((CACHE_CONTROL, kept))
}
