//! One operation as the page shows it: parameters, body, answers, and a command to try it.
//!
//! What an earlier operation has shown already, word for word, is not shown again but linked to.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::prose::{Prose, Verbatim, paragraphs, sentence};
use super::shape::text;
use super::shape::{Field, kind};
use super::shape_pages::tagged;
use crate::http::openapi::problems;

/// An operation.
pub struct Operation {
    /// Its name, and its place on the page.
    pub id: String,
    /// GET, POST, …
    pub method: String,
    /// With its parameters in braces.
    pub path: String,
    /// Its title.
    pub summary: String,
    /// What else there is to say.
    pub description: Vec<Prose>,
    /// Whether a key is needed.
    pub keyed: bool,
    /// The parameters, unless an earlier operation has the same.
    pub parameters: Vec<Field>,
    /// Which operation has the same.
    pub parameters_of: Option<Place>,
    /// What is sent.
    pub body: Option<Body>,
    /// Its own answers.
    pub answers: Vec<Answer>,
    /// The statuses of the answers that many share.
    pub refusals: String,
    /// How to ask for it.
    pub curl: Verbatim,
}

/// Where on the page something was shown.
#[derive(Clone)]
pub struct Place {
    /// The operation's.
    pub id: String,
    /// The operation's.
    pub summary: String,
}

/// What is sent.
pub struct Body {
    /// Whether it must be there.
    pub required: bool,
    /// Its shape.
    pub kind: Prose,
}

/// An answer of one operation.
pub struct Answer {
    /// Its status.
    pub status: String,
    /// When it comes.
    pub description: Prose,
    /// Its media type, where it is not plain JSON.
    pub media_type: String,
    /// Its shape.
    pub kind: Prose,
    /// The headers that not all answers have.
    pub headers: Vec<Header>,
    /// What a refusal says.
    pub sentence: Option<Verbatim>,
    /// What it looks like, unless that was shown.
    pub example: Option<Verbatim>,
    /// Where it was shown.
    pub example_of: Option<Place>,
}

/// A header.
pub struct Header {
    /// Its name.
    pub name: String,
    /// What it says.
    pub description: Prose,
}

/// Reads operations, and remembers what it has read.
pub struct Reader<'d> {
    document: &'d Value,
    public_url: String,
    shown: HashMap<String, Place>,
}

impl<'d> Reader<'d> {
    /// Has read nothing yet.
    #[must_use]
    pub fn new(document: &'d Value, public_url: &str) -> Self {
        Self { document, public_url: public_url.to_owned(), shown: HashMap::new() }
    }

    /// All operations under this tag, by path.
    pub fn tagged(&mut self, tag: &str) -> Vec<Operation> {
        let mut found = Vec::new();
        let document = self.document;
        for (path, item) in object(document.get("paths")) {
            for (method, operation) in object(Some(item)) {
                if tagged(operation, tag) {
                    found.push(self.operation(&Spot { method, path }, operation));
                }
            }
        }
        found
    }

    fn operation(&mut self, spot: &Spot<'_>, operation: &Value) -> Operation {
        let place =
            Place { id: text(operation, "operationId").to_owned(), summary: text(operation, "summary").to_owned() };
        let parameters = operation.get("parameters");
        // One parameter is as short as a link.
        let many = parameters.and_then(Value::as_array).filter(|parameters| parameters.len() > 1);
        let parameters_of = many.and_then(|_| self.earlier(&place, &parameters.map(Value::to_string)?));
        let listed = parameters.filter(|_| parameters_of.is_none()).and_then(Value::as_array);
        let answers = object(operation.get("responses"));
        let answers = answers.filter_map(|(status, response)| self.answer(&place, status, response)).collect();
        Operation {
            method: spot.method.to_uppercase(),
            path: spot.path.to_owned(),
            description: paragraphs(text(operation, "description")),
            keyed: is_keyed(operation),
            parameters: listed.into_iter().flatten().map(parameter).collect(),
            parameters_of,
            body: operation.get("requestBody").map(body),
            answers,
            refusals: refusals(operation),
            curl: Verbatim(self.curl(spot, operation)),
            id: place.id,
            summary: place.summary,
        }
    }

    fn answer(&mut self, place: &Place, status: &str, response: &Value) -> Option<Answer> {
        let (media_type, content) = match object(response.get("content")).next() {
            Some((media_type, content)) => (media_type.as_str(), Some(content)),
            None if response.get("$ref").is_some() => return None,
            None => ("", None),
        };
        let example = content.and_then(|content| content.get("example"));
        if media_type == problems::MEDIA_TYPE {
            return Some(refusal(status, response, example));
        }
        let example = example.map(pretty).unwrap_or_default();
        // A short one is as short as a link.
        let long = example.lines().count() > 6;
        let example_of = if long { self.earlier(place, &example) } else { None };
        Some(Answer {
            status: status.to_owned(),
            description: sentence(text(response, "description")),
            media_type: if media_type == "application/json" { String::new() } else { media_type.to_owned() },
            kind: content.and_then(|content| content.get("schema")).map(kind).unwrap_or_default(),
            headers: headers(response.get("headers")),
            sentence: None,
            example: Some(example).filter(|example| example_of.is_none() && !example.is_empty()).map(Verbatim),
            example_of,
        })
    }

    /// Where this was shown before; else it is shown here.
    fn earlier(&mut self, place: &Place, shown: &str) -> Option<Place> {
        let known = self.shown.get(shown).cloned();
        if known.is_none() {
            self.shown.insert(shown.to_owned(), place.clone());
        }
        known
    }

    /// A command that can be pasted.
    fn curl(&self, spot: &Spot<'_>, operation: &Value) -> String {
        let mut url = format!("{}{}", self.public_url, spot.path);
        let mut lines = Vec::new();
        if is_keyed(operation) {
            lines.push("-H \"Authorization: Bearer $KEY\"".to_owned());
        }
        for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            let (name, example) = (text(parameter, "name"), text(parameter, "example"));
            match text(parameter, "in") {
                "path" => url = url.replace(&format!("{{{name}}}"), example),
                "header" => lines.push(format!("-H {}", quoted(&format!("{name}: {example}")))),
                _ => {}
            }
        }
        let body = operation.pointer("/requestBody/content/application~1json/example");
        if let Some(body) = body {
            lines.push("-H 'Content-Type: application/json'".to_owned());
            lines.push(format!("-d {}", quoted(&body.to_string())));
        }
        // What curl does by itself is not said.
        let method = match (spot.method, body.is_some()) {
            ("get", false) | ("post", true) => String::new(),
            (other, _) => format!("-X {} ", other.to_uppercase()),
        };
        // A terminal is no place for a file that is no text.
        let file = operation.pointer("/responses/200/content/application~1pdf").is_some();
        let output = if file { "-OJ " } else { "" };
        lines.insert(0, format!("curl -sS {output}{method}{}", quoted(&url)));
        lines.join(" \\\n  ")
    }
}

/// A method on a path.
struct Spot<'p> {
    method: &'p str,
    path: &'p str,
}

/// Whether a key is asked for.
fn is_keyed(operation: &Value) -> bool {
    operation.get("security").and_then(Value::as_array).is_some_and(|schemes| !schemes.is_empty())
}

fn parameter(parameter: &Value) -> Field {
    Field {
        name: text(parameter, "name").to_owned(),
        place: text(parameter, "in").to_owned(),
        required: parameter.get("required").and_then(Value::as_bool).unwrap_or_default(),
        description: sentence(text(parameter, "description")),
        kind: parameter.get("schema").map(kind).unwrap_or_default(),
    }
}

fn body(body: &Value) -> Body {
    let schema = object(body.get("content")).find_map(|(_, content)| content.get("schema"));
    Body {
        required: body.get("required").and_then(Value::as_bool).unwrap_or_default(),
        kind: schema.map(kind).unwrap_or_default(),
    }
}

/// A refusal that is the operation's own: of a problem only the sentence is news.
fn refusal(status: &str, response: &Value, example: Option<&Value>) -> Answer {
    Answer {
        status: status.to_owned(),
        description: sentence(text(response, "description")),
        media_type: String::new(),
        kind: Prose::default(),
        headers: headers(response.get("headers")),
        sentence: example.map(|example| Verbatim(text(example, "detail").to_owned())),
        example: None,
        example_of: None,
    }
}

/// The statuses of the answers that are the document's, not the operation's.
fn refusals(operation: &Value) -> String {
    let shared = object(operation.get("responses")).filter(|(_, response)| response.get("$ref").is_some());
    shared.map(|(status, _)| status.as_str()).collect::<Vec<_>>().join(", ")
}

/// The headers that are described in place; the others are the document's, and shown once.
#[must_use]
pub fn headers(described: Option<&Value>) -> Vec<Header> {
    let own = object(described).filter(|(_, header)| header.get("$ref").is_none());
    let header = |(name, header): (&String, &Value)| Header {
        name: name.clone(),
        description: sentence(text(header, "description")),
    };
    own.map(header).collect()
}

/// An example as a person reads it: a text as it is, anything else as JSON.
#[must_use]
pub fn pretty(example: &Value) -> String {
    match example.as_str() {
        Some(text) => text.to_owned(),
        None => laid_out(example, 0),
    }
}

/// How wide a line of an example may be before it is broken.
const LINE_CHARS_MAX: usize = 96;

/// JSON with as much on a line as fits: what is short needs no lines of its own.
fn laid_out(value: &Value, indent: usize) -> String {
    let flat = value.to_string();
    if flat.chars().count().saturating_add(indent) <= LINE_CHARS_MAX {
        return flat;
    }
    let (inner, margin) = (indent.saturating_add(2), " ".repeat(indent));
    let lines = |parts: Vec<String>| parts.into_iter().map(|part| format!("{margin}  {part}")).collect::<Vec<_>>();
    let (open, parts, close) = match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("\"{name}\": {}", laid_out(value, inner));
            ("{", lines(fields.iter().map(field).collect()), "}")
        }
        Value::Array(items) => ("[", lines(items.iter().map(|item| laid_out(item, inner)).collect()), "]"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return flat,
    };
    format!("{open}\n{}\n{margin}{close}", parts.join(",\n"))
}

fn object(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// A word of a shell's command.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_breaks_its_lines_only_where_it_must() {
        let short = serde_json::json!({"a": 1, "b": [true, null]});
        assert_eq!(pretty(&short), r#"{"a":1,"b":[true,null]}"#);
        let long = serde_json::json!({"short": short, "long": "x".repeat(100)});
        let expected =
            format!("{{\n  \"long\": \"{}\",\n  \"short\": {{\"a\":1,\"b\":[true,null]}}\n}}", "x".repeat(100));
        assert_eq!(pretty(&long), expected);
        assert_eq!(serde_json::from_str::<Value>(&pretty(&long)).unwrap(), long);
    }

    #[test]
    fn a_quote_does_not_end_a_word_of_a_command() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
