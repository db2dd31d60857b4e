//! What the page must have: every operation and shape, links that lead somewhere, nothing that runs or loads.

use std::collections::BTreeSet;

use serde_json::Value;

use super::render;
use crate::http::openapi::tests::document;

/// The page of operations.
fn html() -> String {
    render(&document(), "https://pay.example.com").operations
}

/// The page of shapes.
fn shapes() -> String {
    render(&document(), "https://pay.example.com").shapes
}

/// The values of an attribute.
fn values<'h>(html: &'h str, attribute: &str) -> Vec<&'h str> {
    let opening = format!(" {attribute}=\"");
    html.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_operation_and_every_shape_has_a_place() {
    let (document, html) = (document(), html());
    let ids: BTreeSet<_> = values(&html, "id").into_iter().collect();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let mut count = 0;
    for id in operations.map(|operation| operation["operationId"].as_str().unwrap()) {
        assert!(ids.contains(id), "{id}");
        count += 1;
    }
    assert!(count > 15);
    let html = shapes();
    let ids: BTreeSet<_> = values(&html, "id").into_iter().collect();
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(ids.contains(name.as_str()), "{name}");
    }
}

#[test]
fn every_name_is_given_once_and_every_link_leads_to_one() {
    let (html, shapes) = (html(), shapes());
    let names = |html: &'_ str| -> BTreeSet<String> {
        let ids = values(html, "id");
        let names: BTreeSet<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(names.len(), ids.len());
        names
    };
    let named_shapes = names(&shapes);
    for (page, own) in [(&html, names(&html)), (&shapes, named_shapes.clone())] {
        for link in values(page, "href") {
            match link.split_once('#') {
                Some(("", name)) => assert!(own.contains(name), "{link}"),
                Some(("/docs/shapes", name)) => assert!(named_shapes.contains(name), "{link}"),
                _ => assert!(
                    link.starts_with("/assets/") || ["/openapi.json", "/docs/api", "/docs/shapes"].contains(&link),
                    "{link}"
                ),
            }
        }
    }
}

#[test]
fn nothing_runs_and_nothing_is_styled_in_place() {
    let html = (html() + &shapes()).to_lowercase();
    for banned in ["<script", " style=\"", "<style", " onclick", " onload", "javascript:"] {
        assert!(!html.contains(banned), "{banned}");
    }
}

#[test]
fn commands_can_be_pasted() {
    let html = html();
    for line in [
        "curl -sS 'https://pay.example.com/v1/billing/crypto-checkout'",
        "-H \"Authorization: Bearer $KEY\"",
        "-X PATCH 'https://pay.example.com/v1/billing/crypto-orders/ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b'",
        "-d '{\"customer_note\":\"For Ada.\"}'",
        "curl -sS -OJ 'https://pay.example.com/v1/billing/crypto-orders/ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b/receipt.pdf'",
    ] {
        assert!(html.contains(line), "{line}");
    }
}

#[test]
fn each_page_is_small() {
    // Before compression; all of it is text.
    for page in [html(), shapes()] {
        assert!(page.len() < 130_000, "{} bytes", page.len());
    }
}

#[test]
fn a_document_of_nothing_makes_pages_of_nothing() {
    let pages = render(&Value::Null, "");
    assert!(pages.operations.contains("<h1") && pages.shapes.contains("<h1"));
}
