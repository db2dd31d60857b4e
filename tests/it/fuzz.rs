//! A stranger with the document in hand: schemathesis makes requests from `/openapi.json`, legal and
//! illegal ones, and checks every answer against it: no 5xx, no answer outside the document, nothing legal
//! refused, nothing illegal taken, no route without its key.
//!
//! How it asks stands in `tests/fuzz/`. `tests/run` puts the program into `target/schemathesis`; nothing is
//! installed here.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, io};

use reqwest::Method;
use serde_json::json;

use crate::engines::{Engine, fresh_folder};
use crate::harness::{IPN_SECRET, TestApp, payment};

on_both_engines![the_service_answers_as_its_document_says];

async fn the_service_answers_as_its_document_says(engine: Engine) {
    let Some(program) = program() else { return };
    let app = TestApp::spawn(engine).await;
    let orders = orders_in_every_status(&app).await;
    let mut fuzzer = Command::new(program);
    let settings = top().join("tests/fuzz");
    fuzzer.arg("--config-file").arg(settings.join("schemathesis.toml")).arg("--no-color").arg("run");
    fuzzer.arg(format!("http://{}/openapi.json", app.app.local_addr()));
    // What it keeps for itself goes into a folder that is forgotten, not beside its settings.
    fuzzer.current_dir(fresh_folder("fuzz")).env("PYTHONPATH", settings).env("PYTHONDONTWRITEBYTECODE", "1");
    fuzzer.env("CUSTOMER_KEY", &app.customer).env("OPERATOR_KEY", &app.operator);
    fuzzer.env("IPN_SECRET", IPN_SECRET).env("ORDER_IDS", orders.join(",")).stdin(Stdio::null());
    fuzzer.env("KEY_IDS", own_keys(&app).await.join(","));
    fuzzer.env("WEBHOOK_IDS", [endpoint(&app).await, endpoint(&app).await].join(","));
    let ran = tokio::task::spawn_blocking(move || fuzzer.output()).await.expect("it ends");
    let Output { status, stdout, stderr } = ran.expect("it runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(status.success(), "{}\n{}", said(&stdout), said(&stderr));
}

/// The fuzzer, if it is installed; else this is said, and where everything is promised, it is a failure.
fn program() -> Option<PathBuf> {
    let program = top().join("target/schemathesis/bin/schemathesis");
    if program.is_file() {
        return Some(program);
    }
    let missing = format!("there is no {}: tests/run installs it", program.display());
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
    // Not `eprintln`, which a passing test keeps to itself.
    drop(writeln!(io::stderr(), "\n!!! SKIPPED: the fuzzer. {missing}\n"));
    None
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The id of a new endpoint of the customer's.
async fn endpoint(app: &TestApp) -> String {
    let body = json!({ "url": "https://93.184.215.14/hooks", "events": ["crypto.order.paid"] });
    let answer = app.call(Method::POST, "/v1/webhooks", &body).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// The ids of the customer's keys.
async fn own_keys(app: &TestApp) -> Vec<String> {
    let answer = app.get("/v1/api-keys").await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    let keys = answer.json()["data"].as_array().cloned().unwrap_or_default();
    keys.iter().filter_map(|key| key["id"].as_str().map(str::to_owned)).collect()
}

/// The ids of the customer's orders, one in each status, and one that may yet go anywhere.
async fn orders_in_every_status(app: &TestApp) -> Vec<String> {
    let mut orders = vec![app.order().await, app.order().await];
    for (number, word) in ["confirming", "partially_paid", "finished", "failed"].into_iter().enumerate() {
        let order = app.order().await;
        assert_eq!(app.ipn(&payment(&order, &format!("fuzz-{number}"), word)).await.code(), 200);
        orders.push(order);
    }
    let cancelled = app.order().await;
    let path = format!("/v1/billing/crypto-orders/{cancelled}/cancel");
    assert_eq!(app.call(Method::POST, &path, &json!({})).await.code(), 200);
    orders.push(cancelled);
    orders
}
