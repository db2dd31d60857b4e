//! Reads the settings file: TOML tables to keys with a dot, each value as its text and its line.
//!
//! Numbers stay the digits that were typed. What the values mean is `load.rs`'s affair. No message
//! quotes a line of the file: it might hold a secret.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::given::{Given, Origin};
use super::names::{Form, SETTINGS, Setting, nearest};

/// What stands in a product's table.
const PRODUCT_FIELDS: [&str; 2] = ["price_cents", "price_currency"];

/// The settings of one file, and what is wrong with it.
#[derive(Default)]
pub(super) struct FileLayer {
    pub(super) given: BTreeMap<&'static str, Given>,
    pub(super) problems: Vec<String>,
}

/// Reads a file that was named: that it is missing is an error.
pub(super) fn read(path: &Path) -> FileLayer {
    let shown = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&shown, &text),
        Err(error) => {
            let problem = format!("the settings file {shown} cannot be read: {error}");
            FileLayer { problems: vec![problem], ..FileLayer::default() }
        }
    }
}

fn parse(path: &str, text: &str) -> FileLayer {
    let mut reading = Reading { path, text, layer: FileLayer::default() };
    match DeTable::parse(text) {
        Ok(table) => reading.table("", table.get_ref()),
        Err(error) => {
            let line = reading.line(error.span().map_or(0, |span| span.start));
            // Only the first line: further ones of the parser's message show the text around.
            let said = error.message().lines().next().unwrap_or_default().to_owned();
            reading.layer.problems.push(format!("{path}, line {line}, is not TOML: {said}"));
        }
    }
    reading.layer
}

struct Reading<'a> {
    path: &'a str,
    text: &'a str,
    layer: FileLayer,
}

impl Reading<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            match (Setting::find(&key), value.get_ref()) {
                (Some(setting), DeValue::Table(products)) if setting.form == Form::Catalogue => {
                    self.catalogue(setting.key, products, name.span().start);
                }
                (Some(setting), _) => self.value(setting, value),
                // A section that is misspelt is looked into too, so that the nearest names are told.
                (None, DeValue::Table(inner)) if is_section(&key) || !inner.is_empty() => {
                    self.table(&format!("{key}."), inner);
                }
                (None, _) => self.unknown(&key, name.span().start),
            }
        }
    }

    fn value(&mut self, setting: &'static Setting, value: &Spanned<DeValue<'_>>) {
        let line = self.line(value.span().start);
        let text = match value.get_ref() {
            DeValue::Array(items) if setting.form == Form::Many => {
                items.iter().map(|item| scalar(item.get_ref())).collect::<Option<Vec<_>>>().map(|all| all.join(","))
            }
            single => scalar(single),
        };
        match text {
            Some(text) => {
                let origin = Origin::File { path: self.path.to_owned(), line };
                self.layer.given.insert(setting.key, Given { text, origin });
            }
            None => self.layer.problems.push(format!(
                "{}: what stands in {}, line {line}, is not {}",
                setting.key, self.path, setting.expects
            )),
        }
    }

    fn catalogue(&mut self, key: &'static str, products: &DeTable<'_>, start: usize) {
        let mut entries = Vec::new();
        for (code, product) in products {
            let Some(fields) = product.get_ref().as_table() else {
                self.unknown(&format!("{key}.{}", code.get_ref()), code.span().start);
                continue;
            };
            for (field, _) in fields.iter().filter(|(field, _)| !PRODUCT_FIELDS.contains(&field.get_ref().as_ref())) {
                self.unknown_product_field(code.get_ref(), field);
            }
            let [cents, currency] = PRODUCT_FIELDS
                .map(|field| fields.get(field).and_then(|value| scalar(value.get_ref())).unwrap_or_default());
            entries.push(format!("{}={cents} {currency}", code.get_ref()));
        }
        let origin = Origin::File { path: self.path.to_owned(), line: self.line(start) };
        self.layer.given.insert(key, Given { text: entries.join(", "), origin });
    }

    fn unknown(&mut self, key: &str, start: usize) {
        let known = nearest(key, SETTINGS.iter().map(|setting| setting.key.to_owned()));
        let line = self.line(start);
        self.layer
            .problems
            .push(format!("{}, line {line}: there is no setting {key}; the nearest is {known}", self.path));
    }

    fn unknown_product_field(&mut self, code: &str, field: &Spanned<toml::de::DeString<'_>>) {
        let known = nearest(field.get_ref(), PRODUCT_FIELDS.map(str::to_owned).into_iter());
        let line = self.line(field.span().start);
        self.layer.problems.push(format!(
            "{}, line {line}: the product {code} has no field {}; the nearest is {known}",
            self.path,
            field.get_ref()
        ));
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
    }
}

fn is_section(key: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// A single value as it was typed; none for a table, an array or a number in another base.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        DeValue::Integer(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
