//! Examples of bodies, put together from the examples of their fields, where an operation gives none.
//!
//! A field's example stands with the field, so there is one place to keep right, and no body goes without.

use serde_json::{Map, Value, json};

use super::presence::members;

/// How deep a shape is followed: ours are flat, and a shape within itself must end.
const DEPTH_MAX: usize = 12;

/// Gives an example to every parameter and every body that has none.
pub fn complete(document: &mut Value) {
    let shapes = document.clone();
    for item in members(document.get_mut("paths")) {
        for operation in members(Some(item)) {
            for (name, part) in operation.as_object_mut().into_iter().flatten() {
                match name.as_str() {
                    "parameters" => {
                        part.as_array_mut().into_iter().flatten().for_each(|parameter| give(parameter, &shapes));
                    }
                    "requestBody" => give_contents(part, &shapes),
                    "responses" => members(Some(part)).for_each(|response| give_contents(response, &shapes)),
                    _ => {}
                }
            }
        }
    }
}

fn give_contents(body: &mut Value, shapes: &Value) {
    members(body.get_mut("content")).for_each(|content| give(content, shapes));
}

/// Gives an example to what has a schema and none.
fn give(described: &mut Value, shapes: &Value) {
    let Some(fields) = described.as_object_mut() else { return };
    let shown = fields.contains_key("example") || fields.contains_key("examples");
    let composed = fields.get("schema").filter(|_| !shown).map(|schema| compose(schema, shapes, DEPTH_MAX));
    if let Some(example) = composed {
        fields.insert("example".to_owned(), example);
    }
}

/// Something that fits the schema.
fn compose(schema: &Value, shapes: &Value, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if let Some(said) = said(schema) {
        return said.clone();
    }
    if let Some(shape) = schema.get("$ref").and_then(Value::as_str).and_then(|name| resolve(name, shapes)) {
        return compose(shape, shapes, depth);
    }
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        let parts = parts.iter().map(|part| compose(part, shapes, depth));
        return parts.fold(json!({}), merged);
    }
    let choices = ["oneOf", "anyOf"].into_iter().find_map(|word| schema.get(word)?.as_array());
    if let Some(choice) = choices.and_then(|choices| choices.iter().find(|choice| kind(choice) != Some("null"))) {
        return compose(choice, shapes, depth);
    }
    match kind(schema) {
        Some("object") => Value::Object(fields(schema, shapes, depth)),
        Some("array") => {
            let item = schema.get("items").map(|items| compose(items, shapes, depth));
            Value::Array(item.into_iter().collect())
        }
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") if schema.get("format").is_some_and(|format| format == "date-time") => {
            json!("2026-05-12T13:00:00.000Z")
        }
        Some("string") => json!("text"),
        Some(_) | None => Value::Null,
    }
}

/// What the schema itself gives as an example, or could not be otherwise.
fn said(schema: &Value) -> Option<&Value> {
    let listed = |name: &str| schema.get(name)?.as_array()?.first();
    schema.get("example").or_else(|| listed("examples")).or_else(|| schema.get("const")).or_else(|| listed("enum"))
}

fn fields(schema: &Value, shapes: &Value, depth: usize) -> Map<String, Value> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties
        // A field that must not be given is not shown.
        .filter(|(_, shape)| kind(shape) != Some("null"))
        .map(|(name, shape)| (name.clone(), compose(shape, shapes, depth)))
        .collect()
}

fn merged(mut all: Value, part: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (all.as_object_mut(), part) {
        fields.extend(more);
    }
    all
}

/// The type of a schema; of several, the first that is not null.
fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        one => one.as_str(),
    }
}

/// What a reference within the document points to.
pub fn resolve<'d>(reference: &str, document: &'d Value) -> Option<&'d Value> {
    document.pointer(reference.strip_prefix('#')?)
}
