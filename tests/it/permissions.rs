//! Who may do what: every route with every key, against `tests/data/permissions.txt`.
//!
//! The routes are asked of the service itself: an operation of `/openapi.json` without a line in the table
//! fails here, so nobody adds a route without saying who may use it. How keys are told good from bad is in
//! `access.rs`, what one customer sees of another in `isolation.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crypto_orders::clock::fresh_key;
use crypto_orders::domain::access::keys::NewKey;
use crypto_orders::domain::access::{ApiKey, Scope};
use crypto_orders::provider::signature::sign;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::{Engine, run};
use crate::harness::{Answer, IPN_SECRET, TestApp};

on_both_engines![every_route_answers_every_key_as_the_table_says];

const TABLE: &str = include_str!("../data/permissions.txt");
const NO_ACCOUNT: &str = "This API key belongs to no account. Customer routes need a key of the customer's account.";

/// A method and a path, without the names of its parameters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Operation {
    method: String,
    path: String,
}

/// What the table says of a route.
#[derive(Debug)]
struct Line {
    /// Per kind of key, what is answered.
    cells: Vec<(&'static str, &'static str)>,
    /// What the route asks for.
    asks: &'static str,
}

impl Operation {
    fn new(method: &str, path: &str) -> Self {
        let nameless = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
        let path: Vec<String> = path.trim_end_matches('/').split('/').map(nameless).collect();
        Self { method: method.to_uppercase(), path: path.join("/") }
    }

    /// The path on things that nobody has, so that nothing is found and nothing is changed.
    fn on_nobodys(&self) -> String {
        let id = if self.path.contains("crypto-orders/{}") {
            "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b"
        } else if self.path.contains("api-keys") {
            "key_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b"
        } else if self.path.starts_with("/v1/webhooks") {
            "whk_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b"
        } else {
            "01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b"
        };
        self.path.replace("{}", id)
    }
}

/// The table as it stands in the file; a route that stands in it twice is a mistake.
fn table() -> BTreeMap<Operation, Line> {
    let lines = || TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let short: BTreeMap<&str, &str> =
        lines().filter_map(|line| line.strip_prefix('@')?.split_once('=')).map(|(a, b)| (a.trim(), b.trim())).collect();
    let split = |line: &'static str| {
        let parts: Vec<&str> = line.split('|').collect();
        let [route, cells, asks] = parts[..] else { panic!("three parts: {line}") };
        (route, cells.split_whitespace(), asks.trim())
    };
    let mut rows = lines().filter(|line| !line.starts_with('@')).map(split);
    let (_, names, _) = rows.next().expect("the names of the keys");
    let names: Vec<&str> = names.map(|name| short.get(name).copied().unwrap_or(name)).collect();
    let mut table = BTreeMap::new();
    for (route, cells, asks) in rows {
        let (method, path) = route.trim().split_once(' ').expect("a method and a path");
        let cells: Vec<_> = names.iter().copied().zip(cells).collect();
        assert_eq!(cells.len(), names.len(), "{route} has a cell for every key");
        let known = table.insert(Operation::new(method, path.trim()), Line { cells, asks });
        assert!(known.is_none(), "{route} stands there twice");
    }
    table
}

/// Every operation that the service says it has.
async fn documented(app: &TestApp) -> BTreeSet<Operation> {
    let document = app.send(app.request(Method::GET, "/openapi.json")).await.json();
    let methods = |(path, item): (&String, &Value)| -> Vec<Operation> {
        let methods = item.as_object().expect("methods").keys();
        let verbs = methods.filter(|key| ["get", "put", "post", "delete", "patch"].contains(&key.as_str()));
        verbs.map(|method| Operation::new(method, path)).collect()
    };
    document["paths"].as_object().expect("paths").iter().flat_map(methods).collect()
}

/// The keys of the table's columns: for each name one request or two.
async fn keys(app: &TestApp) -> BTreeMap<&'static str, Vec<Option<String>>> {
    let NewKey { key, plaintext } = NewKey::of_operator(fresh_key(app.clock.now()));
    let root = ApiKey { scopes: Scope::ALL.to_vec(), ..key };
    app.store.key_insert(root).await.expect("a key");
    let operators = vec![Some(app.operator.clone()), Some(plaintext.reveal().to_owned())];
    let mut keys =
        BTreeMap::from([("none", vec![None]), ("bare", vec![Some(app.key(&[]).await)]), ("operator", operators)]);
    for scope in Scope::ALL {
        keys.insert(scope.as_str(), vec![Some(app.key(&[scope]).await)]);
    }
    keys
}

/// A body that is right for whichever route needs one, and changes nothing where a thing could be changed.
fn any_body() -> String {
    json!({
        "product": "solo_manual", "price_cents": 7900, "price_currency": "USD",
        "customer_note": null, "internal_note": null, "note": "x", "reason": "x",
        "payment_id": "1", "provider_status": "waiting", "payment_status": "waiting", "dry_run": true,
        "name": "x", "scopes": ["read"],
        "url": "https://93.184.215.14/hooks", "events": ["crypto.order.paid"],
    })
    .to_string()
}

async fn knock(app: &TestApp, operation: &Operation, key: Option<&str>) -> Answer {
    let method = Method::from_bytes(operation.method.as_bytes()).expect("a method");
    let mut request = app.request(method.clone(), &operation.on_nobodys());
    if ![Method::GET, Method::DELETE].contains(&method) {
        request = request.header("content-type", "application/json").body(any_body());
    }
    if operation.path == "/v1/webhooks/nowpayments" {
        // What this door asks for instead of a key.
        request = request.header("x-nowpayments-sig", sign(IPN_SECRET, any_body().as_bytes()).expect("a secret"));
    }
    app.send(key.into_iter().fold(request, |request, key| request.bearer_auth(key))).await
}

async fn every_route_answers_every_key_as_the_table_says(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (keys, table) = (keys(&app).await, table());
    for (operation, line) in &table {
        for (name, expected) in &line.cells {
            for key in &keys[name] {
                let answer = knock(&app, operation, key.as_deref()).await;
                let case = format!("{operation:?} with {name}: {}", answer.text);
                match *expected {
                    "ok" => {
                        assert!(answer.code() < 500 && ![401, 403, 405].contains(&answer.code()), "{case}");
                        let nobody = answer.code() == 404 && answer.text.contains("No route for");
                        assert!(!nobody, "{case}");
                    }
                    "401" => assert_eq!(answer.problem(401, "unauthorized"), "Missing Authorization header.", "{case}"),
                    "403" if *name == "operator" => assert_eq!(answer.problem(403, "forbidden"), NO_ACCOUNT, "{case}"),
                    "403" => {
                        let sentence = format!("This action requires the \"{}\" scope.", line.asks);
                        assert_eq!(answer.problem(403, "forbidden"), sentence, "{case}");
                    }
                    other => panic!("no such cell: {other}"),
                }
            }
        }
    }
}

#[test]
fn the_table_has_a_key_of_every_scope() {
    let mut expected: BTreeSet<&str> = Scope::ALL.map(Scope::as_str).into();
    expected.extend(["none", "bare", "operator"]);
    for (operation, line) in table() {
        let names: BTreeSet<&str> = line.cells.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, expected, "{operation:?}");
    }
}

#[test]
fn no_route_of_the_document_is_missing_from_the_table() {
    run(async {
        let documented = documented(&TestApp::spawn(Engine::Sqlite).await).await;
        assert!(documented.contains(&Operation::new("GET", "/v1/api-keys")), "{documented:?}");
        let table: BTreeSet<Operation> = table().into_keys().collect();
        assert_eq!(documented.difference(&table).collect::<Vec<_>>(), Vec::<&Operation>::new());
    });
}

#[test]
fn no_route_of_the_table_is_missing_from_the_document() {
    run(async {
        let documented = documented(&TestApp::spawn(Engine::Sqlite).await).await;
        let table: BTreeSet<Operation> = table().into_keys().collect();
        assert_eq!(table.difference(&documented).collect::<Vec<_>>(), Vec::<&Operation>::new());
    });
}
