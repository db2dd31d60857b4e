//! `GET /docs` and all below it: the documentation for people, the same for everybody.
//!
//! Made once at the start. `docs/library.rs` lists the pages; `docs/markdown.rs` renders those that are written, from
//! the files in `docs/` of the repository, which are part of the program; `docs/api.rs` makes the others from the
//! OpenAPI document. All stand in one frame with the way to each other, `docs/frame.html`.

mod api;
mod library;
mod markdown;
mod operation;
mod prose;
mod shape;
mod shape_pages;
#[cfg(test)]
mod tests;

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use serde_json::Value;

use super::page;
use crate::http::Shared;
use crate::http::error::ApiError;
use library::{INDEX, PAGES, Page};
use markdown::{Html, Part};

/// All pages as they are sent, each with its address.
pub struct Pages(Vec<(&'static str, String)>);

/// What the frame says of the page in it.
struct Frame<'d> {
    address: &'static str,
    name: &'static str,
    version: &'d str,
}

impl<'d> Frame<'d> {
    fn of(document: &'d Value, address: &'static str) -> Self {
        let known = PAGES.iter().find(|page| page.address == address);
        let version = document.pointer("/info/version").and_then(Value::as_str).unwrap_or_default();
        Self { address, name: known.map_or("Documentation", |page| page.name), version }
    }
}

/// The way to all pages.
#[derive(Template)]
#[template(path = "docs/index.html", config = "src/http/pages/askama.toml")]
struct Index<'d> {
    frame: Frame<'d>,
}

/// A page that is a file.
#[derive(Template)]
#[template(path = "docs/written.html", config = "src/http/pages/askama.toml")]
struct Text<'d> {
    frame: Frame<'d>,
    contents: Vec<Part>,
    text: Html,
}

/// Shows the documentation of this API.
///
/// A page for people, made from this document.
#[utoipa::path(get, path = "/docs/api", operation_id = "show_docs", tag = "Service", responses(
    (status = 200, description = "The page.", content_type = "text/html", body = String,
        example = json!("<!DOCTYPE html>")),
))]
pub async fn show(shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    Ok(answer(&shared, library::API))
}

/// Shows the shapes of what this API takes and answers.
///
/// A page for people, made from this document.
#[utoipa::path(get, path = "/docs/shapes", operation_id = "show_shapes", tag = "Service", responses(
    (status = 200, description = "The page.", content_type = "text/html", body = String,
        example = json!("<!DOCTYPE html>")),
))]
pub async fn show_shapes(shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    Ok(answer(&shared, library::SHAPES))
}

/// The addresses of all pages but the two above, which the OpenAPI document has.
pub fn addresses() -> impl Iterator<Item = &'static str> {
    let all = [INDEX].into_iter().chain(PAGES.iter().map(|page| page.address));
    all.filter(|address| ![library::API, library::SHAPES].contains(address))
}

/// The page at one of these addresses.
#[must_use]
pub fn answer(shared: &Shared, address: &str) -> HttpResponse {
    let known = shared.docs.0.iter().find(|(known, _)| *known == address);
    page(known.map(|(_, html)| html.clone()).unwrap_or_default())
}

/// Renders all pages; the commands on those of the API ask the service at this address.
#[must_use]
pub fn render(document: &Value, public_url: &str) -> Pages {
    let mut pages = vec![(INDEX, index(document))];
    pages.extend(PAGES.iter().filter_map(|page| Some((page.address, written(page, document)?))));
    pages.extend(api::render(document, public_url));
    Pages(pages)
}

// Writing into a string cannot fail, and the templates call nothing that could.

fn index(document: &Value) -> String {
    Index { frame: Frame::of(document, INDEX) }.render().unwrap_or_default()
}

fn written(page: &'static Page, document: &Value) -> Option<String> {
    let rendered = markdown::render(page.written.as_ref()?.text, library::resolve);
    let frame = Frame::of(document, page.address);
    let text = Text { frame, contents: rendered.contents, text: rendered.text };
    Some(text.render().unwrap_or_default())
}
