//! The wall between two customers: nobody sees another's order, note, key or endpoint, whatever they ask with.
//!
//! What is another's is as good as not there: 404 and never 403, which would tell that it exists. What
//! each key may do at all is in `permissions.rs`; that two customers may use one idempotency key is in
//! `idempotency.rs`.

use std::collections::BTreeSet;

use crypto_orders::domain::access::Tier;
use crypto_orders::domain::ids::WebhookId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::deliveries;
use crate::engines::Engine;
use crate::harness::{Answer, TestApp, payment};

on_both_engines![
    another_customers_order_is_as_good_as_none,
    another_customers_key_is_as_good_as_none,
    a_list_never_shows_another_customers_orders,
    a_list_never_shows_another_customers_keys,
    another_customers_endpoint_is_as_good_as_none,
    no_answer_of_any_route_tells_of_another_customer,
];

const NOBODYS: &str = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";
const NOBODYS_KEY: &str = "key_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b";
const ORDERS: &str = "/v1/billing/crypto-orders";
const CHECKOUT: &str = "/v1/billing/crypto-checkout";
const KEYS: &str = "/v1/api-keys";
const HOOKS: &str = "/v1/webhooks";

/// A request with this key; with a body that is right for every route that takes one.
async fn ask(app: &TestApp, key: &str, method: Method, path: &str) -> Answer {
    let body = json!({
        "product": "solo_manual", "price_cents": 7900, "price_currency": "USD", "customer_note": "overwritten",
        "description": "overwritten", "url": "https://93.184.215.14/theirs", "events": ["crypto.order.paid"],
    });
    let request = app.request(method.clone(), path).bearer_auth(key);
    let bodyless = [Method::GET, Method::DELETE].contains(&method);
    let request =
        if bodyless { request } else { request.header("content-type", "application/json").body(body.to_string()) };
    app.send(request).await
}

async fn another_customers_order_is_as_good_as_none(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let before = app.look(&order).await;
    let (_, stranger) = app.stranger(Tier::Enterprise).await;
    let ways = [
        (Method::GET, ""),
        (Method::GET, "?wait=30"),
        (Method::GET, "?wait=30&since=2099-01-01T00:00:00.000Z"),
        (Method::PATCH, ""),
        (Method::POST, "/cancel"),
        (Method::GET, "/events"),
    ];
    for (method, rest) in ways {
        for id in [order.as_str(), NOBODYS, "nonsense", &order.to_uppercase()] {
            let answer = ask(&app, &stranger, method.clone(), &format!("{ORDERS}/{id}{rest}")).await;
            let told = answer.problem(404, "not-found");
            assert_eq!(told, format!("No crypto order with id \"{id}\"."), "{method} {rest}");
        }
    }
    for receipt in ["/receipt", "/receipt.txt", "/receipt.pdf"] {
        ask(&app, &stranger, Method::GET, &format!("{ORDERS}/{order}{receipt}")).await.problem(404, "not-found");
    }
    assert_eq!(app.look(&order).await, before, "nothing has moved");
}

async fn another_customers_key_is_as_good_as_none(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let own = app.get("/v1/account/whoami").await.json()["key"]["id"].as_str().expect("an id").to_owned();
    let operators = app.sql("select id from api_keys where account_id is null").await;
    let (_, stranger) = app.stranger(Tier::Enterprise).await;
    for id in [own.as_str(), &operators, NOBODYS_KEY] {
        for (method, rest) in [(Method::DELETE, ""), (Method::POST, "/rotate")] {
            let answer = ask(&app, &stranger, method.clone(), &format!("{KEYS}/{id}{rest}")).await;
            assert_eq!(answer.problem(404, "not-found"), format!("No API key with id \"{id}\"."), "{method} {rest}");
        }
    }
    assert_eq!(app.get(ORDERS).await.code(), 200, "the key is as good as before");
    assert_eq!(app.admin("").await.code(), 200, "the operator's too");
    assert_eq!(app.sql("select count(*) from api_keys where revoked_at is not null").await, "0");
}

/// A new endpoint of the test's own account.
async fn endpoint(app: &TestApp) -> Value {
    let body = json!({
        "url": "https://93.184.215.14/endpoint-of-the-victim", "events": ["crypto.order.paid"],
        "description": "description-of-the-victim",
    });
    let answer = app.call(Method::POST, HOOKS, &body).await;
    assert_eq!(answer.code(), 201, "{}", answer.text);
    answer.json()
}

async fn another_customers_endpoint_is_as_good_as_none(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let id = endpoint(&app).await["id"].as_str().expect("an id").to_owned();
    let before = app.get(&format!("{HOOKS}/{id}")).await.json();
    let (_, stranger) = app.stranger(Tier::Enterprise).await;
    let ways = [
        (Method::GET, ""),
        (Method::PATCH, ""),
        (Method::DELETE, ""),
        (Method::POST, "/rotate-secret"),
        (Method::POST, "/test"),
    ];
    for (method, rest) in ways {
        let answer = ask(&app, &stranger, method.clone(), &format!("{HOOKS}/{id}{rest}")).await;
        let told = answer.problem(404, "not-found");
        assert_eq!(told, format!("No webhook endpoint with id \"{id}\"."), "{method} {rest}");
    }
    assert_eq!(ask(&app, &stranger, Method::GET, HOOKS).await.json(), json!({ "data": [] }));
    assert_eq!(ask(&app, &stranger, Method::POST, HOOKS).await.code(), 201);
    assert_eq!(ids(&app.get(HOOKS).await.json()["data"], "id"), BTreeSet::from([id.clone()]));
    assert_eq!(app.get(&format!("{HOOKS}/{id}")).await.json(), before, "nothing has moved");
    // What happens to an order is told to its own customer only.
    let order = app.order().await;
    assert_eq!(app.ipn(&payment(&order, "1", "finished")).await.code(), 200);
    assert_eq!(app.sql("select distinct webhook_id from webhook_deliveries").await, id);
}

async fn a_list_never_shows_another_customers_orders(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (account, stranger) = app.stranger(Tier::Enterprise).await;
    let (mut mine, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..4 {
        mine.insert(app.order().await);
        let answer = ask(&app, &stranger, Method::POST, CHECKOUT).await;
        theirs.insert(answer.json()["order_id"].as_str().unwrap_or_default().to_owned());
    }
    let first = app.get(&format!("{ORDERS}?limit=1")).await.json();
    let cursor = first["next_cursor"].as_str().expect("a next page").to_owned();
    for query in [
        String::new(),
        format!("?cursor={cursor}"),
        format!("?account_id={}", app.account),
        format!("?account_id=acc_{}&search=ord&payment_id=1001", app.account),
    ] {
        let answer = ask(&app, &stranger, Method::GET, &format!("{ORDERS}{query}")).await;
        let seen = ids(&answer.json()["orders"], "order_id");
        assert!(!seen.is_empty() && seen.is_subset(&theirs), "{query}: {}", answer.text);
        assert!(!answer.text.contains(&account.to_string()), "a customer's envelope has no account");
    }
    assert_eq!(ids(&app.get(ORDERS).await.json()["orders"], "order_id"), mine);
}

async fn a_list_never_shows_another_customers_keys(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (account, stranger) = app.stranger(Tier::Enterprise).await;
    for n in 0..3 {
        let body = json!({ "name": format!("key {n}"), "scopes": ["read"] });
        assert_eq!(app.call(Method::POST, KEYS, &body).await.code(), 201);
    }
    let first = app.get(&format!("{KEYS}?limit=1")).await.json();
    let cursor = first["next_cursor"].as_str().expect("a next page").to_owned();
    for query in [String::new(), format!("?cursor={cursor}"), format!("?account_id={}", app.account)] {
        let page = ask(&app, &stranger, Method::GET, &format!("{KEYS}{query}")).await.json();
        let owners = ids(&page["data"], "account_id");
        assert!(owners.is_subset(&BTreeSet::from([account.to_string()])), "{query}: {page}");
    }
    // The other way round, the place in the stranger's list is newer or older than one's own keys.
    let page = app.get(&format!("{KEYS}?cursor={cursor}")).await.json();
    assert_eq!(ids(&page["data"], "account_id"), BTreeSet::from([app.account.to_string()]));
}

/// What a stranger could ask for by its id.
struct Things {
    key: String,
    order: String,
    hook: String,
    delivery: String,
}

impl Things {
    /// The victim's key, order and endpoint, which is told of the order.
    async fn of_the_victim(app: &TestApp, named: [&str; 3]) -> Self {
        let [key, order, hook] = named.map(str::to_owned);
        deliveries::catch_up(app, WebhookId::parse(&hook).expect("its id")).await;
        let delivery = app.sql("select id from webhook_deliveries").await;
        Self { key, order, hook, delivery }
    }

    /// What this path's `{id}` may be.
    fn of(&self, path: &str) -> &str {
        match path {
            path if path.contains("api-keys") => &self.key,
            path if path.contains("webhook-deliveries") => &self.delivery,
            path if path.contains("webhooks") => &self.hook,
            _ => &self.order,
        }
    }
}

/// Every `GET` that the service documents, asked by a stranger about the victim's things: so a route that
/// is added tomorrow is held to the wall too.
async fn no_answer_of_any_route_tells_of_another_customer(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    app.call(Method::PATCH, &format!("{ORDERS}/{order}"), &json!({ "customer_note": "note-of-the-victim" })).await;
    app.admin_call(Method::PATCH, &format!("/{order}/internal-note"), &json!({ "internal_note": "note-of-support" }))
        .await;
    assert_eq!(app.ipn(&payment(&order, "payment-of-the-victim", "finished")).await.code(), 200);
    let made = app.call(Method::POST, KEYS, &json!({ "name": "key-of-the-victim", "scopes": ["read"] })).await.json();
    let key = made["id"].as_str().expect("an id");
    let hook = endpoint(&app).await;
    let hook = ["id", "secret_prefix"].map(|field| hook[field].as_str().expect("text").to_owned());
    let cursors = [format!("{KEYS}?limit=1"), format!("{ORDERS}?limit=1")];
    app.order().await;
    let mut queries = vec![
        String::new(),
        "?search=victim&payment_id=payment-of-the-victim".to_owned(),
        format!("?account_id={}", app.account),
    ];
    for list in cursors {
        let cursor = app.get(&list).await.json()["next_cursor"].as_str().expect("a next page").to_owned();
        queries.push(format!("?cursor={cursor}"));
    }
    let prefix = made["key_prefix"].as_str().expect("a prefix").to_owned();
    let marks = ["note-of-the-victim", "note-of-support", "payment-of-the-victim", "key-of-the-victim", &prefix];
    let marks = marks.into_iter().chain(["endpoint-of-the-victim", "description-of-the-victim", &hook[1]]);
    let marks: Vec<&str> = marks.collect();
    let things = Things::of_the_victim(&app, [key, &order, &hook[0]]).await;
    let (_, stranger) = app.stranger(Tier::Enterprise).await;
    let document = app.send(app.request(Method::GET, "/openapi.json")).await.json();
    let paths = document["paths"].as_object().expect("paths");
    let reads: Vec<&String> =
        paths.iter().filter(|(_, item)| item.get("get").is_some()).map(|(path, _)| path).collect();
    assert!(reads.iter().any(|path| *path == KEYS), "{reads:?}");
    for path in reads {
        for query in &queries {
            let id = things.of(path);
            let path = path.replace("{order_id}", &order).replace("{id}", id);
            let answer = ask(&app, &stranger, Method::GET, &format!("{path}{query}")).await;
            assert!(answer.code() < 500, "{path}{query}: {}", answer.text);
            for mark in marks.iter().chain([&app.account.to_string().as_str()]) {
                assert!(!answer.text.contains(mark), "{path}{query} tells {mark}: {}", answer.text);
            }
            let tells = answer.text.contains(&order) && !path.contains(&order);
            assert!(!tells, "{path}{query} tells of the order: {}", answer.text);
        }
    }
}

fn ids(list: &Value, field: &str) -> BTreeSet<String> {
    let items = list.as_array().expect("a list");
    items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}
