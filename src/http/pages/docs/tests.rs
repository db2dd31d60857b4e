//! What the pages must have: every operation and shape, links that lead somewhere, nothing that runs or loads.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::library::{API, INDEX, OPERATORS_API, OPERATORS_SHAPES, PAGES, SHAPES};
use super::{Pages, render};
use crate::http::openapi::tests::document;

/// Every page by its address.
fn pages() -> BTreeMap<&'static str, String> {
    let Pages(pages) = render(&document(), "https://pay.example.com");
    pages.into_iter().collect()
}

/// The values of an attribute.
fn values<'h>(html: &'h str, attribute: &str) -> Vec<&'h str> {
    let opening = format!(" {attribute}=\"");
    html.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_operation_and_every_shape_has_one_place() {
    let (document, pages) = (document(), pages());
    let ids = |address: &str| values(&pages[address], "id").into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    let one_of_two = |name: &str, [common, own]: [&BTreeSet<String>; 2]| common.contains(name) != own.contains(name);
    let (common, own) = (ids(API), ids(OPERATORS_API));
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let mut count = 0;
    for id in operations.map(|operation| operation["operationId"].as_str().unwrap()) {
        assert!(one_of_two(id, [&common, &own]), "{id}");
        count += 1;
    }
    assert!(count > 15);
    let (common, own) = (ids(SHAPES), ids(OPERATORS_SHAPES));
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(one_of_two(name, [&common, &own]), "{name}");
    }
}

#[test]
fn what_customers_read_never_sends_them_to_the_pages_of_operators() {
    let pages = pages();
    for address in [API, SHAPES] {
        let main = pages[address].split("<main").nth(1).unwrap();
        let links = values(main, "href");
        let strays: Vec<_> = links.iter().filter(|link| link.contains("/operators#")).collect();
        assert!(strays.is_empty(), "{address}: {strays:?}");
    }
    assert!(pages[OPERATORS_API].contains("href=\"/docs/shapes/operators#AdminOrder\""));
    assert!(pages[API].contains("href=\"/docs/shapes#Problem\""));
}

#[test]
fn every_name_is_given_once_and_every_link_leads_to_one() {
    let pages = pages();
    let mut names = BTreeMap::new();
    for (address, html) in &pages {
        let ids = values(html, "id");
        let own: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(own.len(), ids.len(), "{address}");
        names.insert(*address, own);
    }
    for (address, html) in &pages {
        for link in values(html, "href") {
            let (page, name) = link.split_once('#').unwrap_or((link, ""));
            match names.get(if page.is_empty() { *address } else { page }) {
                Some(own) => assert!(name.is_empty() || own.contains(name), "{address}: {link}"),
                None => assert!(
                    link.starts_with("/assets/") || link.starts_with("https://") || link == "/openapi.json",
                    "{address}: {link}"
                ),
            }
        }
    }
}

#[test]
fn every_page_leads_to_every_other_and_says_which_it_is() {
    let pages = pages();
    assert_eq!(pages.len(), PAGES.len() + 1);
    for (address, html) in &pages {
        let links = values(html, "href");
        assert!(pages.keys().all(|other| links.contains(other)), "{address}");
        assert_eq!(html.matches("aria-current=\"page\"").count(), usize::from(*address != INDEX), "{address}");
        assert_eq!(html.matches("<h1").count(), 1, "{address}");
        let name = PAGES.iter().find(|page| page.address == *address).map_or("Documentation", |page| page.name);
        assert!(html.contains(&format!("<title>{name} · crypto-orders</title>")), "{address}");
    }
}

#[test]
fn headings_skip_no_level() {
    for (address, html) in pages() {
        let levels = html.split("<h").skip(1).filter_map(|rest| rest.chars().next()?.to_digit(10)).collect::<Vec<_>>();
        assert!(
            levels.first() == Some(&1) && levels.windows(2).all(|two| two[1] <= two[0] + 1),
            "{address}: {levels:?}"
        );
    }
}

#[test]
fn what_may_scroll_is_reached_by_keys_under_a_name_of_its_own() {
    for (address, html) in pages() {
        let regions: Vec<_> = html.split("class=\"scroll\"").skip(1).collect();
        let named = regions.iter().filter(|rest| rest.starts_with(" role=\"group\" tabindex=\"0\" aria-label=\""));
        assert_eq!(named.count(), regions.len(), "{address}");
        let names = values(&html, "aria-label");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{address}: {names:?}");
        assert!(!html.contains("<th>") && !html.contains("<th scope=\"col\"></th>"), "{address}");
    }
}

#[test]
fn nothing_runs_and_nothing_is_styled_in_place() {
    let html = pages().into_values().collect::<String>().to_lowercase();
    for banned in ["<script", " style=\"", "<style", " onclick", " onload", "javascript:", "<img", " src="] {
        assert!(!html.contains(banned), "{banned}");
    }
}

#[test]
fn commands_can_be_pasted() {
    let html = pages().remove(API).unwrap();
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
    // Before compression, with what it brings along; all of it is text.
    let beside = include_str!("../style.css").len() + include_str!("../icon.svg").len();
    for (address, html) in pages() {
        assert!(html.len() < 70_000, "{address}: {} bytes", html.len());
        assert!(html.len() + beside < 100_000, "{address}: {} bytes and {beside} beside it", html.len());
    }
}

#[test]
fn a_document_of_nothing_makes_pages_of_nothing() {
    let Pages(pages) = render(&Value::Null, "");
    assert!(pages.iter().all(|(_, html)| html.contains("<h1")));
}
