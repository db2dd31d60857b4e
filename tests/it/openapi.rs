//! The OpenAPI document as a linter reads it, and as clients use it who only have the document.
//!
//! `tests/run` puts the linter into `target/openapi`; nothing is installed here.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crypto_orders::domain::catalogue::{Catalogue, ProductCode};
use crypto_orders::domain::money::{Currency, Price};
use serde_json::Value;

use crate::engines::{Engine, run};
use crate::harness::TestApp;
use crate::harness::browser::skipped;

/// A service below a path that sells one product of its own.
async fn document() -> Value {
    let app = TestApp::spawn_with(Engine::Sqlite, |settings| {
        settings.public_url = "https://example.org/shop".to_owned();
        let price = Price { cents: 500, currency: Currency::parse("EUR").expect("a currency") };
        let product = ProductCode::parse("tea").expect("a code");
        settings.orders.catalogue = Catalogue::new(BTreeMap::from([(product, price)]));
    });
    app.await.get("/openapi.json").await.json()
}

#[test]
fn a_linter_finds_nothing_wrong_with_the_document() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = top.join("target/openapi");
    if !home.join("installed.json").is_file() {
        skipped::<()>("the linter of the OpenAPI document", "tests/run installs it into target/openapi");
        return;
    }
    run(async {
        let mut linter = Command::new("node");
        linter.arg(top.join("tests/openapi/lint.mjs")).arg(home.join("package.json"));
        let mut linter = linter.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node runs");
        let mut input = linter.stdin.take().expect("its input");
        input.write_all(document().await.to_string().as_bytes()).expect("it reads");
        drop(input);
        let output = linter.wait_with_output().expect("it ends");
        let found: Vec<String> = serde_json::from_slice(&output.stdout).expect("a list of what is wrong");
        assert_eq!(found, Vec::<String>::new());
    });
}

#[test]
fn a_document_is_of_the_service_that_gives_it() {
    run(async { is_of_its_service(&document().await) });
}

fn is_of_its_service(document: &Value) {
    assert_eq!(document["servers"], serde_json::json!([{ "url": "https://example.org/shop" }]));
    let product = &document["components"]["schemas"]["CataloguedProduct"];
    assert_eq!([&product["enum"], &product["examples"]], [&serde_json::json!(["tea"]); 2]);
    let bodies = document["paths"]["/v1/billing/crypto-checkout"]["post"]["requestBody"].to_string();
    assert!(bodies.contains("\"product\":\"tea\""), "{bodies}");
    for (path, item) in document["paths"].as_object().expect("paths") {
        assert!(!path.ends_with('/'), "{path} is another path's second spelling");
        for (method, operation) in item.as_object().expect("operations") {
            let keyed = path.starts_with("/v1/") && path != "/v1/webhooks/nowpayments";
            let asked = operation["security"].as_array().expect("whether a key is asked for");
            assert_eq!(asked.len(), usize::from(keyed), "{method} {path}");
        }
    }
    let text = document.to_string();
    for name in document["components"]["schemas"].as_object().expect("shapes").keys() {
        assert!(text.contains(&format!("\"#/components/schemas/{name}\"")), "nothing names {name}");
    }
    assert_eq!(document["components"]["schemas"]["Timestamp"]["format"], "date-time");
}
