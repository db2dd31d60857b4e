//! A stranger with the document in hand: schemathesis makes requests from `/openapi.json`, legal and
//! illegal ones, and checks every answer against it: no 5xx, no answer outside the document, nothing legal
//! refused, nothing illegal taken, no route without its key. Each operation succeeds at least once, so that its success
//! is held against the document too.
//!
//! How it asks stands in `tests/fuzz/`. `tests/run` puts the program into `target/schemathesis`; nothing is
//! installed here. What there is to ask about is made in `fuzz/seeds.rs`.

mod seeds;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::engines::{Engine, fresh_folder};
use crate::harness::browser::skipped;
use crate::harness::{IPN_SECRET, TestApp};

on_both_engines![the_service_answers_as_its_document_says];

async fn the_service_answers_as_its_document_says(engine: Engine) {
    let Some(program) = program() else { return };
    // Nobody is told of anything by itself: an endpoint's deliveries stay as they are made.
    let app = TestApp::simulated_with(engine, |settings| settings.webhooks.automatic = false).await;
    let (settings, folder) = (top().join("tests/fuzz"), fresh_folder("fuzz"));
    let answers = folder.join("answers.txt");
    let mut fuzzer = Command::new(program);
    fuzzer.arg("--config-file").arg(settings.join("schemathesis.toml")).arg("--no-color").arg("run");
    fuzzer.arg(format!("http://{}/openapi.json", app.app.local_addr()));
    // What it keeps for itself goes into a folder that is forgotten, not beside its settings.
    fuzzer.current_dir(&folder).env("PYTHONPATH", settings).env("PYTHONDONTWRITEBYTECODE", "1");
    fuzzer.env("CUSTOMER_KEY", &app.customer).env("OPERATOR_KEY", &app.operator);
    fuzzer.env("IPN_SECRET", IPN_SECRET).env("ANSWERS", &answers).stdin(Stdio::null());
    fuzzer.envs(seeds::plant(&app).await);
    let ran = tokio::task::spawn_blocking(move || fuzzer.output()).await.expect("it ends");
    let Output { status, stdout, stderr } = ran.expect("it runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(status.success(), "{}\n{}", said(&stdout), said(&stderr));
    let answers = std::fs::read_to_string(answers).expect("what was answered");
    let mut met: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (operation, status) in answers.lines().filter_map(|line| line.rsplit_once(' ')) {
        met.entry(operation).or_default().insert(status);
    }
    let document = app.get("/openapi.json").await.json();
    let statuses = |name: &str| met.get(name).cloned().unwrap_or_default();
    let succeeded = |name: &String| statuses(name).iter().any(|status| status.starts_with(['2', '3']));
    // Reading the document is how the fuzzer begins.
    let asked = operations(&document).filter(|name| name != "GET /openapi.json");
    let never: Vec<String> = asked.filter(|name| !succeeded(name)).collect();
    let met: Vec<_> = never.iter().map(|name| statuses(name)).collect();
    assert_eq!(never, Vec::<String>::new(), "these never did what they are for; they answered {met:?}");
}

/// Every operation of a document, `GET /healthz`.
fn operations(document: &Value) -> impl Iterator<Item = String> {
    let paths = document["paths"].as_object().expect("paths").iter();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().expect("operations").keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    })
}

/// The fuzzer, if it is installed.
fn program() -> Option<PathBuf> {
    let program = top().join("target/schemathesis/bin/schemathesis");
    if program.is_file() {
        Some(program)
    } else {
        skipped("the fuzzer", "tests/run installs it into target/schemathesis")
    }
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
