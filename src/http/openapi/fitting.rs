//! What the settings decide about the document: where the service is, which products there are, and what may be swept.
//!
//! A document that named other products than the service sells would be a document of another service.

use serde_json::{Value, json};

use crate::config::OrderSettings;
use crate::domain::catalogue::ProductCode;

const MILLIS_PER_MINUTE: i64 = 60_000;
const MILLIS_PER_HOUR: i64 = 3_600_000;

/// Fills in what this service's settings say.
pub fn fit(document: &mut Value, orders: &OrderSettings, public_url: &str) {
    put(document, "", "servers", json!([{ "url": public_url }]));
    let codes: Vec<&str> = orders.catalogue.codes().map(ProductCode::as_str).collect();
    put(document, "/components/schemas/CataloguedProduct", "enum", json!(codes));
    for shape in ["CataloguedProduct", "ProductCode"] {
        let first: Vec<&str> = codes.iter().copied().take(1).collect();
        put(document, &format!("/components/schemas/{shape}"), "examples", json!(first));
    }
    let window = orders.pay_window.as_millis();
    let at_least = |unit: i64| json!(window.saturating_add(unit - 1) / unit);
    let by_minutes = "/components/schemas/SweepByMinutes/properties/older_than_minutes";
    put(document, by_minutes, "minimum", at_least(MILLIS_PER_MINUTE));
    let by_hours = "/components/schemas/SweepByHours/properties/older_than_hours";
    put(document, by_hours, "minimum", at_least(MILLIS_PER_HOUR));
}

/// Adds a rule to a shape; `tests.rs` holds that the shape is there.
fn put(document: &mut Value, shape: &str, rule: &str, value: Value) {
    if let Some(fields) = document.pointer_mut(shape).and_then(Value::as_object_mut) {
        fields.insert(rule.to_owned(), value);
    }
}
