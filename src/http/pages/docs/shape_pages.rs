//! On which of the two pages of shapes a shape stands: what only operators meet has a page of its own.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::library::{OPERATORS_SHAPES, SHAPES};
use super::shape::text;

/// The tag of the operations that only operators may ask for.
pub const OPERATORS: &str = "Operators";

const SCHEMA: &str = "#/components/schemas/";

/// The document with every reference to a shape as the address of its place on a page.
#[must_use]
pub fn addressed(document: &Value) -> Value {
    let common = common(document);
    let mut addressed = document.clone();
    address(&mut addressed, &common);
    addressed
}

/// The shapes that not only operators meet.
#[must_use]
pub fn common(document: &Value) -> BTreeSet<String> {
    let operations = document.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let operations = operations.filter_map(Value::as_object).flat_map(Map::values);
    let for_others = operations.filter(|operation| !tagged(operation, OPERATORS));
    let shared = ["responses", "headers"].map(|part| document.pointer(&format!("/components/{part}")));
    let mut open: Vec<&Value> = for_others.chain(shared.into_iter().flatten()).collect();
    let mut met = BTreeSet::new();
    while let Some(value) = open.pop() {
        for name in named(value) {
            if met.insert(name.to_owned()) {
                open.extend(document.pointer(&format!("/components/schemas/{name}")));
            }
        }
    }
    met
}

/// Whether an operation has this tag.
#[must_use]
pub fn tagged(operation: &Value, tag: &str) -> bool {
    operation.get("tags").and_then(Value::as_array).is_some_and(|tags| tags.iter().any(|known| known == tag))
}

/// The shapes that a part of the document refers to.
fn named(value: &Value) -> Vec<&str> {
    let inner: Vec<&Value> = match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    let own = text(value, "$ref").strip_prefix(SCHEMA);
    own.into_iter().chain(inner.into_iter().flat_map(named)).collect()
}

fn address(value: &mut Value, common: &BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref")
                && let Some(name) = reference.strip_prefix(SCHEMA)
            {
                let page = if common.contains(name) { SHAPES } else { OPERATORS_SHAPES };
                *reference = format!("{page}#{name}");
            }
            fields.values_mut().for_each(|inner| address(inner, common));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| address(inner, common)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
