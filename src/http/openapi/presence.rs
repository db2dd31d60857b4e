//! A parameter or a body is there or it is not; it is never `null`.
//!
//! Handlers describe one that may be absent as an `Option`, which the generator takes for nullable.

use serde_json::{Map, Value, json};

/// Takes `null` out of every parameter and every body as such.
pub fn settle(document: &mut Value) {
    for item in members(document.get_mut("paths")) {
        for operation in members(Some(item)) {
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            parameters.into_iter().flatten().for_each(never_null);
            let contents = operation.get_mut("requestBody").and_then(|body| body.get_mut("content"));
            members(contents).for_each(never_null);
        }
    }
}

/// A change changes something: of these shapes one field at least is there.
const CHANGES: [&str; 1] = ["/components/schemas/WebhookEndpointChange"];

/// Asks for one field at least of those, which the generator cannot say.
pub fn demand(document: &mut Value) {
    for shape in CHANGES {
        let Some(shape) = document.pointer_mut(shape).and_then(Value::as_object_mut) else { continue };
        let names = shape.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let one_of_them: Vec<Value> = names.map(|name| json!({ "required": [name] })).collect();
        shape.insert("anyOf".to_owned(), one_of_them.into());
    }
}

/// The values of an object.
pub fn members(object: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    object.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
}

fn never_null(described: &mut Value) {
    let Some(schema) = described.get_mut("schema") else { return };
    if let Some(kinds) = schema.get_mut("type").filter(|kinds| kinds.is_array()) {
        let other = kinds.as_array().and_then(|kinds| kinds.iter().find(|kind| *kind != "null")).cloned();
        *kinds = other.unwrap_or_default();
    }
    let is_null = |choice: &Value| choice.get("type").is_some_and(|kind| kind == "null");
    let choices = schema.get("oneOf").and_then(Value::as_array);
    let nullable = choices.is_some_and(|choices| choices.iter().any(is_null));
    let other = choices.and_then(|choices| choices.iter().find(|choice| !is_null(choice))).filter(|_| nullable);
    if let Some(other) = other.cloned() {
        *schema = other;
    }
}
