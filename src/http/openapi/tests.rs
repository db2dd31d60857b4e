//! Holds the document against the table of routes and against itself: no undocumented route, no ghost,
//! nothing without a summary, an example or an end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::examples::resolve;
use crate::config::OrderSettings;
use crate::domain::catalogue::{Catalogue, ProductCode};
use crate::domain::lifecycle::Rules;
use crate::domain::money::{Currency, Price};
use crate::domain::time::Span;
use crate::http::routes::table;

fn orders(pay_window: Span) -> OrderSettings {
    let price = Price { cents: 7900, currency: Currency::parse("USD").unwrap() };
    OrderSettings {
        catalogue: Catalogue::new(BTreeMap::from([(ProductCode::parse("solo_manual").unwrap(), price)])),
        pay_window,
        pay_currency: None,
        rules: Rules::SHIPPED,
    }
}

/// The document of a service that sells one product.
pub fn document() -> Value {
    super::document(&orders(Span::minutes(60)), "https://pay.example.com")
}

/// Every operation under its name, `GET /healthz`.
fn operations(document: &Value) -> BTreeMap<String, &Value> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &'_ Value)| -> Vec<String> {
        item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())).collect()
    };
    let names = paths.iter().flat_map(of);
    names
        .map(|name| {
            let (method, path) = name.split_once(' ').unwrap();
            let operation = &paths[path][method.to_lowercase()];
            (name, operation)
        })
        .collect()
}

/// Everything in the document that has this name, with what it is.
fn all<'d>(value: &'d Value, name: &str) -> Vec<&'d Value> {
    let inside: Vec<&Value> = match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    value.get(name).into_iter().chain(inside.into_iter().flat_map(|inner| all(inner, name))).collect()
}

#[test]
fn the_document_has_exactly_what_is_served() {
    let document = document();
    let documented: BTreeSet<String> = operations(&document).into_keys().collect();
    let served: BTreeSet<String> = table().iter().flat_map(|place| place.operations()).collect();
    assert_eq!(documented.difference(&served).collect::<Vec<_>>(), Vec::<&String>::new(), "documented, not served");
    assert_eq!(served.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "served, not documented");
}

#[test]
fn every_operation_has_a_title_and_an_id_of_its_own() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{name}: {summary}");
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(!id.is_empty() && ids.insert(id.to_owned()), "{name}: {id}");
    }
}

#[test]
fn every_tag_that_is_used_is_described() {
    let document = document();
    let described: BTreeSet<_> = all(&document["tags"], "name").into_iter().filter_map(Value::as_str).collect();
    for (name, operation) in operations(&document) {
        let tags = operation["tags"].as_array().unwrap();
        assert!(
            tags.len() == 1 && tags.iter().all(|tag| described.contains(tag.as_str().unwrap())),
            "{name}: {tags:?}"
        );
    }
}

#[test]
fn every_parameter_says_what_it_is_for_and_is_never_null() {
    let document = document();
    for (name, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let told = parameter["description"].as_str().unwrap_or_default();
            assert!(!told.is_empty() && parameter.get("example").is_some(), "{name}: {parameter}");
            assert!(!parameter["schema"].to_string().contains("\"null\""), "{name}: {parameter}");
        }
    }
}

#[test]
fn every_body_and_every_refusal_has_an_example() {
    let document = document();
    for (name, operation) in operations(&document) {
        let asked = operation.get("requestBody").into_iter();
        let answered = operation["responses"].as_object().unwrap().iter();
        for body in asked.chain(answered.map(|(_, answer)| answer)) {
            let body = body.get("$ref").map_or(body, |name| resolve(name.as_str().unwrap(), &document).unwrap());
            let empty = serde_json::Map::new();
            for content in body.get("content").and_then(Value::as_object).unwrap_or(&empty).values() {
                let shown = content.get("example").or(content.get("examples")).unwrap_or(&Value::Null);
                assert!(!shown.is_null() && *shown != serde_json::json!({}), "{name}: {body}");
            }
        }
    }
}

#[test]
fn every_operation_says_how_it_is_refused() {
    let document = document();
    for (name, operation) in operations(&document) {
        let answers = operation["responses"].as_object().unwrap();
        for status in ["405", "500", "503"] {
            assert!(answers.contains_key(status), "{name}: {status}");
        }
        let keyed = operation["security"] != serde_json::json!([]);
        assert_eq!(name.contains("/v1/") && !name.contains("/webhooks/nowpayments"), keyed, "{name}");
        for status in ["401", "403", "429"] {
            assert!(!keyed || answers.contains_key(status), "{name}: {status}");
        }
        for (status, answer) in answers.iter().filter(|(status, _)| status.as_str() >= "400") {
            let answer = answer.get("$ref").map_or(answer, |name| resolve(name.as_str().unwrap(), &document).unwrap());
            let content = &answer["content"]["application/problem+json"];
            assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{name}: {status}");
            let example = content.get("example").unwrap_or(&Value::Null);
            assert!(example.is_null() || example["status"] == status.parse::<u16>().unwrap(), "{name}: {example}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let references = all(&document, "$ref");
    assert!(references.len() > 100);
    for reference in references {
        assert!(resolve(reference.as_str().unwrap(), &document).is_some(), "{reference}");
    }
}

#[test]
fn samples_have_all_the_fields_of_what_they_stand_for() {
    let document = document();
    let ipn = &document["components"]["schemas"]["IpnBody"];
    let keys = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&ipn["example"]), keys(&ipn["properties"]));
    for name in ["CustomerOrder", "AdminOrder", "CheckoutAnswer", "TopUpAnswer"] {
        let shape = &document["components"]["schemas"][name];
        let sample: BTreeSet<_> = shape["example"].as_object().unwrap().keys().collect();
        let fields: BTreeSet<_> = shape["properties"].as_object().unwrap().keys().collect();
        let required: BTreeSet<_> = shape["required"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
        assert_eq!(sample, fields, "{name}");
        assert_eq!(fields.len(), required.len(), "{name}: every field is always there, even if null");
    }
}

#[test]
fn what_the_settings_decide_is_filled_in() {
    let document = super::document(&orders(Span::minutes(90)), "https://pay.example.com");
    let shapes = &document["components"]["schemas"];
    assert_eq!(shapes["CataloguedProduct"]["enum"], serde_json::json!(["solo_manual"]));
    assert_eq!(shapes["SweepByMinutes"]["properties"]["older_than_minutes"]["minimum"], 90);
    assert_eq!(shapes["SweepByHours"]["properties"]["older_than_hours"]["minimum"], 2);
}

#[test]
fn the_document_names_its_version_and_licence() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["info"]["license"]["identifier"], "MIT");
}
