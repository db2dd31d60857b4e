//! What the page must have: every operation and shape, links that lead somewhere, nothing that runs or loads.

use std::collections::BTreeSet;

use serde_json::Value;

use super::render;
use crate::http::openapi::tests::document;

fn html() -> String {
    render(&document(), "https://pay.example.com")
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
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(ids.contains(format!("shape-{name}").as_str()), "{name}");
    }
}

#[test]
fn every_name_is_given_once_and_every_link_leads_to_one() {
    let html = html();
    let ids = values(&html, "id");
    let names: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(names.len(), ids.len());
    for link in values(&html, "href") {
        match link.strip_prefix('#') {
            Some(name) => assert!(names.contains(name), "{link}"),
            None => assert!(link.starts_with("/assets/") || link == "/openapi.json", "{link}"),
        }
    }
}

#[test]
fn nothing_runs_and_nothing_is_styled_in_place() {
    let html = html().to_lowercase();
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
fn the_page_is_small() {
    // Before compression; all of it is text.
    assert!(html().len() < 130_000, "{} bytes", html().len());
}

#[test]
fn a_document_of_nothing_makes_a_page_of_nothing() {
    assert!(render(&Value::Null, "").contains("<h1"));
}
