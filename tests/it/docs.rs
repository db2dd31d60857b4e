//! The documentation as a browser and a program meet it. What must stand in it is tested beside it in `src/http`.

use reqwest::Method;

use crate::engines::Engine;
use crate::harness::{Answer, TestApp};

on_both_engines![the_document_and_its_page_are_there_without_a_key];

async fn the_document_and_its_page_are_there_without_a_key(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let document = fetched(&app, "/openapi.json").await;
    assert_eq!(document.header("content-type"), Some("application/json; charset=utf-8"));
    let product = &document.json()["components"]["schemas"]["CataloguedProduct"]["enum"];
    assert_eq!(product.as_array().map(Vec::len), Some(6), "the shipped catalogue");

    let page = fetched(&app, "/docs/api").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-frame-options"), Some("SAMEORIGIN"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));

    let style = page.text.split("rel=\"stylesheet\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let style = fetched(&app, style.expect("a style sheet")).await;
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(style.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let icon = fetched(&app, "/assets/icon.svg").await;
    assert_eq!(icon.header("content-type"), Some("image/svg+xml"));
}

async fn fetched(app: &TestApp, path: &str) -> Answer {
    let answer = app.send(app.request(Method::GET, path)).await;
    assert_eq!(answer.code(), 200, "{path}: {}", answer.text);
    answer
}
