//! A schema in words: "integer, 1 to 100", "list of CustomerEvent or null".
//!
//! Its references are addresses of shapes by now; `shape_pages.rs` has seen to that.

use serde_json::{Map, Value};

use super::prose::{Prose, Span, sentence};

/// A field or a parameter.
pub struct Field {
    /// Its name.
    pub name: String,
    /// Where a parameter stands.
    pub place: String,
    /// Whether it must be there.
    pub required: bool,
    /// What it is for.
    pub description: Prose,
    /// What it may be.
    pub kind: Prose,
}

/// A named shape with its fields.
pub struct Shape {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Prose,
    /// What it may be, where it is more or other than fields.
    pub kind: Prose,
    /// Its own fields.
    pub fields: Vec<Field>,
}

/// Reads a named shape.
#[must_use]
pub fn shape(name: &str, schema: &Value) -> Shape {
    let fields = fields(schema);
    let plain_object = schema.get("type").is_some_and(|kind| kind == "object") && !fields.is_empty();
    Shape {
        name: name.to_owned(),
        description: description(schema),
        kind: if plain_object { Prose::default() } else { kind(schema) },
        fields,
    }
}

/// The fields of an object, and of what it is put together from.
fn fields(schema: &Value) -> Vec<Field> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    let own = properties(schema).map(|(name, shape)| Field {
        name: name.clone(),
        place: String::new(),
        required: is_required(name),
        description: description(shape),
        kind: kind(shape),
    });
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    own.chain(parts.flat_map(fields)).collect()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// What a schema, or the one choice of it that is not null, says of itself.
#[must_use]
pub fn description(schema: &Value) -> Prose {
    let said = |schema: &Value| schema.get("description").and_then(Value::as_str).map(sentence);
    let choices = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    said(schema).or_else(|| choices.filter_map(said).next()).unwrap_or_default()
}

/// What a value of this schema may be.
#[must_use]
pub fn kind(schema: &Value) -> Prose {
    words(schema).into()
}

fn words(schema: &Value) -> Vec<Span> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return vec![Span::Shape(reference.to_owned())];
    }
    // Beside a type, these only say which fields must be there.
    let composed = schema.get("type").is_none();
    for (word, between) in [("allOf", " with "), ("oneOf", " or "), ("anyOf", " or ")] {
        if let Some(parts) = schema.get(word).filter(|_| composed).and_then(Value::as_array) {
            return joined(parts.iter().map(words), between);
        }
    }
    let mut spans = kinds(schema);
    for rule in rules(schema) {
        spans.push(Span::text(", "));
        spans.extend(rule);
    }
    spans
}

fn joined(parts: impl Iterator<Item = Vec<Span>>, between: &str) -> Vec<Span> {
    let mut all = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        if !all.is_empty() {
            all.push(Span::text(between));
        }
        all.extend(part);
    }
    all
}

fn kinds(schema: &Value) -> Vec<Span> {
    let one = |kind: &Value| match kind.as_str() {
        Some("array") => {
            let mut spans = vec![Span::text("list of ")];
            spans.extend(schema.get("items").map(words).unwrap_or_default());
            spans
        }
        Some("object") => match schema.get("additionalProperties").filter(|values| values.is_object()) {
            Some(values) => {
                let mut spans = vec![Span::text("object of ")];
                spans.extend(words(values));
                spans
            }
            None => vec![Span::text("object")],
        },
        other => vec![Span::text(other.unwrap_or_default())],
    };
    match schema.get("type") {
        None => vec![Span::text("anything")],
        Some(Value::Array(kinds)) => joined(kinds.iter().map(one), " or "),
        Some(kind) => one(kind),
    }
}

/// The bounds of a value.
fn rules(schema: &Value) -> Vec<Vec<Span>> {
    let number = |name: &str| schema.get(name).map(ToString::to_string);
    let text = |name: &str| schema.get(name).and_then(Value::as_str);
    let mut rules = Vec::new();
    rules.extend(range(number("minimum"), number("maximum")).map(|range| vec![Span::Text(range)]));
    let lengths = range(number("minLength"), number("maxLength"));
    rules.extend(lengths.map(|range| vec![Span::Text(format!("{range} characters"))]));
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let mut spans = vec![Span::text("one of ")];
        let codes = choices.iter().filter_map(Value::as_str).map(|word| vec![Span::Code(word.to_owned())]);
        spans.extend(joined(codes, ", "));
        rules.push(spans);
    }
    // The format says it better than the pattern that holds it.
    match (text("format").filter(|format| format.starts_with("date")), text("pattern")) {
        (Some(format), _) => rules.push(vec![Span::text(format)]),
        (None, Some(pattern)) => rules.push(vec![Span::text("matches "), Span::Code(pattern.to_owned())]),
        (None, None) => {}
    }
    rules
}

fn range(least: Option<String>, most: Option<String>) -> Option<String> {
    match (least, most) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (None, None) => None,
    }
}

/// A text field, or nothing.
#[must_use]
pub fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(schema: &Value) -> String {
        kind(schema).to_string()
    }

    #[test]
    fn schemas_are_told_in_words() {
        for (schema, words) in [
            (json!({"type": "integer", "minimum": 1, "maximum": 100}), "integer, 1 to 100"),
            (json!({"type": ["string", "null"], "maxLength": 500}), "string or null, at most 500 characters"),
            (json!({"type": "string", "enum": ["a", "b"]}), "string, one of <code>a</code>, <code>b</code>"),
            (json!({"type": "array", "items": {"$ref": "/docs/shapes#X"}}), "list of <a href=\"/docs/shapes#X\">X</a>"),
            (json!({"oneOf": [{"type": "null"}, {"type": "integer"}]}), "null or integer"),
            (json!({"type": "string", "pattern": "^a$"}), "string, matches <code>^a$</code>"),
        ] {
            assert_eq!(told(&schema), words);
        }
    }

    #[test]
    fn fields_of_all_parts_are_listed() {
        let schema = json!({"allOf": [
            {"$ref": "/docs/shapes#X"},
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "boolean"}, "b": {"type": "boolean"}}},
        ]});
        let shape = shape("Y", &schema);
        let listed: Vec<_> = shape.fields.iter().map(|field| (field.name.as_str(), field.required)).collect();
        assert_eq!(listed, [("a", true), ("b", false)]);
    }
}
