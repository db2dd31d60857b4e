//! The documentation as a browser and a program meet it. What must stand in it is tested beside it in `src/http`.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;

use crate::engines::Engine;
use crate::harness::{Answer, TestApp};
use crate::pay::link_of;

on_both_engines![
    the_document_and_its_page_are_there_without_a_key,
    every_page_is_found_from_the_index,
    every_link_leads_to_what_is_there,
    a_file_is_kept_for_ever_under_its_own_address_and_nowhere_under_another,
];

/// The addresses that others link to, each with its file.
const KNOWN: [[&str; 2]; 6] = [
    ["/docs/crypto-orders-ops-runbook", "crypto-orders-ops-runbook.md"],
    ["/docs/webhooks-crypto-events", "webhooks.md"],
    ["/docs/admin-csv-export", "admin-csv-export.md"],
    ["/docs/admin-api-pagination", "admin-api-pagination.md"],
    ["/docs/idempotency-keys", "idempotency-keys.md"],
    ["/docs/operations", "operations.md"],
];

async fn the_document_and_its_page_are_there_without_a_key(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let document = fetched(&app, "/openapi.json").await;
    assert_eq!(document.header("content-type"), Some("application/json; charset=utf-8"));
    let product = &document.json()["components"]["schemas"]["CataloguedProduct"]["enum"];
    assert_eq!(product.as_array().map(Vec::len), Some(6), "the shipped catalogue");

    let style = fetched(&app, "/assets/style.css").await;
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    let icon = fetched(&app, "/assets/icon.svg").await;
    assert_eq!(icon.header("content-type"), Some("image/svg+xml"));
}

/// While nodes of two releases answer, one of them is asked for what only the other has.
async fn a_file_is_kept_for_ever_under_its_own_address_and_nowhere_under_another(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let buyers = fetched(&app, &link_of(&app, &app.order().await)).await;
    let operators = app.signed_in().await.get("/admin").await;
    let mut asked = BTreeSet::new();
    for page in [fetched(&app, "/docs/api").await, buyers, operators] {
        let beside = [values(&page.text, "href"), values(&page.text, "src")].concat();
        asked.extend(beside.into_iter().filter(|link| link.starts_with("/assets/")).map(str::to_owned));
    }
    let names: Vec<_> = asked.iter().map(|address| address.split('?').next().unwrap_or_default()).collect();
    assert_eq!(names, ["/assets/admin.js", "/assets/icon.svg", "/assets/pay.js", "/assets/style.css"]);
    for address in &asked {
        let kept = fetched(&app, address).await;
        assert_eq!(kept.header("cache-control"), Some("public, max-age=31536000, immutable"), "{address}");
        let (path, version) = address.split_once('?').expect("a version");
        let other: String = version.chars().rev().collect();
        for foreign in
            [path.to_owned(), format!("{path}?v=0123456789ab"), format!("{path}?{other}"), format!("{address}0")]
        {
            let answer = fetched(&app, &foreign).await;
            assert_eq!((answer.header("cache-control"), &answer.text), (Some("no-store"), &kept.text), "{foreign}");
        }
    }
}

async fn every_page_is_found_from_the_index(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let pages = pages(&app).await;
    for [address, file] in KNOWN {
        assert!(pages.contains_key(address), "{address}");
        let row = format!(" | [docs/{file}](docs/{file}) | `{address}` |\n");
        assert!(include_str!("../../README.md").contains(&row), "the README lacks{row}");
    }
    for (address, page) in &pages {
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{address}");
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{address}: {policy}");
        assert_eq!(page.header("x-frame-options"), Some("SAMEORIGIN"), "{address}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{address}");
        assert_eq!(page.header("cache-control"), Some("no-cache"), "{address}");
    }
}

async fn every_link_leads_to_what_is_there(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let pages = pages(&app).await;
    let mut links = BTreeSet::new();
    for (address, page) in &pages {
        for link in values(&page.text, "href") {
            match link.split_at_checked(1) {
                Some(("#", _)) => drop(links.insert(format!("{address}{link}"))),
                Some(("/", _)) => drop(links.insert(link.to_owned())),
                _ => assert!(link.starts_with("https://"), "{address}: {link}"),
            }
        }
    }
    assert!(200 < links.len(), "{links:?}");
    for link in links {
        let (path, name) = link.split_once('#').unwrap_or((&link, ""));
        let page = match pages.get(path) {
            Some(page) => page,
            None => &fetched(&app, path).await,
        };
        assert!(name.is_empty() || values(&page.text, "id").contains(&name), "{link}");
    }
}

/// The index and every page that it leads to.
pub async fn pages(app: &TestApp) -> BTreeMap<String, Answer> {
    let index = fetched(app, "/docs").await;
    let links: BTreeSet<_> =
        values(&index.text, "href").into_iter().filter(|link| link.starts_with("/docs/")).collect();
    let mut pages = BTreeMap::new();
    for link in links {
        pages.insert(link.to_owned(), fetched(app, link).await);
    }
    pages.insert("/docs".to_owned(), index);
    pages
}

/// The values of an attribute.
pub fn values<'h>(html: &'h str, attribute: &str) -> Vec<&'h str> {
    let opening = format!(" {attribute}=\"");
    html.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

async fn fetched(app: &TestApp, path: &str) -> Answer {
    let answer = app.send(app.request(Method::GET, path)).await;
    assert_eq!(answer.code(), 200, "{path}: {}", answer.text);
    answer
}
