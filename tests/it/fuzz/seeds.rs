//! What the fuzzer finds: orders in every status, endpoints, keys and deliveries, enough of each that an operation which
//! can be done once, or in one state only, is done.

use std::collections::BTreeMap;

use crypto_orders::domain::access::Scope;
use crypto_orders::domain::time::Span;
use crypto_orders::provider::simulator::{Pace, Scenario, Target};
use reqwest::Method;
use serde_json::{Value, json};

use crate::deliveries::{set, stand};
use crate::harness::{TestApp, order_body, told};

/// How many of what can be used up.
const SEVERAL: usize = 6;

/// Makes all of it, and answers what `tests/fuzz/hooks.py` reads of the environment.
pub async fn plant(app: &TestApp) -> BTreeMap<&'static str, String> {
    // First, because time passes until their payments are partial.
    let short = short_at_the_provider(app).await;
    let endpoints = endpoints(app).await;
    let (orders, partial) = orders(app).await;
    let mut seeds = deliveries(app, &endpoints[0]).await;
    seeds.insert("POST /v1/admin/crypto-orders/{order_id}/accept", partial);
    seeds.insert("POST /v1/admin/crypto-orders/{order_id}/top-up", short);
    seeds.insert("POST /v1/admin/crypto-orders/attention/{id}/resolve", attention(app).await);
    seeds.insert("DELETE /v1/webhooks/{id}", endpoints[2..].to_vec());
    let mut pending = Vec::new();
    for _ in 0..SEVERAL {
        pending.push(order(app, None).await);
    }
    seeds.insert("POST /v1/billing/crypto-orders/{order_id}/cancel", pending);
    let own_keys = keys(app).await;
    let mut spare = Vec::new();
    for _ in 0..2 * SEVERAL {
        app.key(&[Scope::Read]).await;
    }
    spare.extend(keys(app).await.into_iter().filter(|key| !own_keys.contains(key)));
    seeds.insert("DELETE /v1/api-keys/{id}", spare[..SEVERAL].to_vec());
    seeds.insert("POST /v1/api-keys/{id}/rotate", spare[SEVERAL..].to_vec());
    BTreeMap::from([
        ("ORDER_IDS", orders.join(",")),
        ("KEY_IDS", own_keys.join(",")),
        ("WEBHOOK_IDS", endpoints[..2].join(",")),
        ("SEEDS", json!(seeds).to_string()),
    ])
}

/// The ids of new endpoints of the customer's: one to be pinged, one to be changed, and some to be deleted.
async fn endpoints(app: &TestApp) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..5 {
        let body = json!({ "url": "https://93.184.215.14/hooks", "events": ["crypto.order.paid"] });
        let answer = app.call(Method::POST, "/v1/webhooks", &body).await;
        assert_eq!(answer.code(), 201, "{}", answer.text);
        ids.push(text(&answer.json(), "id"));
    }
    ids
}

/// The ids of the customer's keys.
async fn keys(app: &TestApp) -> Vec<String> {
    let answer = app.get("/v1/api-keys").await.json();
    answer["data"].as_array().expect("keys").iter().map(|key| text(key, "id")).collect()
}

/// The ids of open attention.
async fn attention(app: &TestApp) -> Vec<String> {
    app.walk("/v1/admin/crypto-orders/attention", 50).await.iter().map(|item| text(item, "id")).collect()
}

/// The ids of the customer's orders: one in each status, and one that may yet go anywhere; and some of which a part has
/// arrived.
async fn orders(app: &TestApp) -> (Vec<String>, Vec<String>) {
    let mut orders = vec![order(app, None).await, order(app, None).await];
    for word in ["confirming", "partially_paid", "finished", "failed"] {
        orders.push(order(app, Some(word)).await);
    }
    let cancelled = order(app, None).await;
    let path = format!("/v1/billing/crypto-orders/{cancelled}/cancel");
    assert_eq!(app.call(Method::POST, &path, &json!({})).await.code(), 200);
    orders.push(cancelled);
    let mut partial = Vec::new();
    for _ in 0..SEVERAL {
        partial.push(order(app, Some("partially_paid")).await);
    }
    (orders, partial)
}

/// The ids of orders of which the provider itself has received a part, so that it takes a payment of the rest.
async fn short_at_the_provider(app: &TestApp) -> Vec<String> {
    let mut orders = Vec::new();
    for _ in 0..SEVERAL {
        let order = order(app, None).await;
        let target = Target::Order(&order);
        app.simulator().pay(target, Scenario::Partial, Pace::AsScripted).expect("a plan");
        orders.push(order);
    }
    for _ in 0..20 {
        app.advance(Span::minutes(1)).await;
    }
    for order in &orders {
        assert_eq!(app.look(order).await["status"], "partial");
    }
    orders
}

/// A new order, of whose payment the provider has this word; a little of what was asked for has arrived if that is partial.
async fn order(app: &TestApp, word: Option<&str>) -> String {
    let made = app.checkout_of(&order_body(), None).await;
    assert_eq!((made.code(), &made.json()["provider"]), (201, &json!("nowpayments")), "{}", made.text);
    let made = made.json();
    let order = text(&made, "order_id");
    if let Some(word) = word {
        let asked = &made["pay_amount"];
        let arrived = if word == "partially_paid" { &json!(0.0001) } else { asked };
        let fields = json!({ "pay_amount": asked, "actually_paid": arrived, "pay_currency": made["pay_currency"] });
        told(app, &order, [&text(&made, "payment_id"), word], fields).await;
    }
    order
}

/// Deliveries of an endpoint, some of them given up, by what can be done to them.
async fn deliveries(app: &TestApp, endpoint: &str) -> BTreeMap<&'static str, Vec<String>> {
    for _ in 0..4 * SEVERAL {
        order(app, Some("finished")).await;
    }
    let listed = app.get(&format!("/v1/webhooks/{endpoint}/deliveries?limit=100")).await.json();
    let ids: Vec<String> = listed["data"].as_array().expect("deliveries").iter().map(|row| text(row, "id")).collect();
    let dead = &ids[..2 * SEVERAL];
    for id in dead {
        stand(app, id, "dlq", 6);
    }
    set(app, "update webhook_deliveries set attempt_due_at = created_at where status = 'dlq'");
    BTreeMap::from([
        ("POST /v1/admin/webhook-dlq/{id}/requeue", dead[..SEVERAL].to_vec()),
        ("POST /v1/admin/webhook-dlq/{id}/discard", dead[SEVERAL..].to_vec()),
        ("POST /v1/webhook-deliveries/{id}/replay", ids[2 * SEVERAL..].to_vec()),
        ("POST /v1/admin/webhook-deliveries/{id}/replay", ids[2 * SEVERAL..].to_vec()),
        ("GET /v1/admin/webhook-deliveries/{id}", ids.clone()),
    ])
}

fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_else(|| panic!("no {field} in {object}")).to_owned()
}
