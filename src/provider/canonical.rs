//! The texts that the provider may have signed instead of the bytes it sent.
//!
//! It signs `JSON.stringify` of the body with all keys sorted; its documentation and its SDK differ in
//! what becomes of arrays, and middlemen re-spell numbers. So there are four candidates beside the raw
//! bytes, all written here and none of them ever read as an amount.
//! Written iteratively, from a document that [`super::signature`] has found neither deep nor ambiguous.

use std::fmt::Write;

use super::json::{Document, Kind};

/// The form of the body that verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// The bytes as they came.
    Raw,
    /// Keys sorted at every level, no blanks, strings escaped as little as JavaScript does.
    Sorted,
    /// The same, with arrays as objects of their indices, as the documentation's sample makes them.
    SortedIndexed,
    /// `Sorted`, with numbers spelled as JavaScript does.
    JsNumbers,
    /// `SortedIndexed`, with numbers spelled as JavaScript does.
    JsNumbersIndexed,
}

impl Form {
    /// The candidates after the raw bytes, in the order they are tried.
    pub(super) const WRITTEN: [Self; 4] = [Self::Sorted, Self::SortedIndexed, Self::JsNumbers, Self::JsNumbersIndexed];

    /// The name in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Sorted => "sorted",
            Self::SortedIndexed => "sorted_indexed",
            Self::JsNumbers => "js_numbers",
            Self::JsNumbersIndexed => "js_numbers_indexed",
        }
    }

    /// True if the signature is over JavaScript's spelling of the numbers: digits past its precision are
    /// then not signed.
    #[must_use]
    pub fn respells_numbers(self) -> bool {
        matches!(self, Self::JsNumbers | Self::JsNumbersIndexed)
    }

    fn indexes_arrays(self) -> bool {
        matches!(self, Self::SortedIndexed | Self::JsNumbersIndexed)
    }
}

/// A container that is being written.
struct Open {
    names: Names,
    /// The nodes still to be written: an array's values, or an object's keys in their order.
    rest: std::vec::IntoIter<usize>,
    written: usize,
}

/// What stands before each value of a container.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    None,
    Indices,
    Keys,
}

struct Writer<'d> {
    document: &'d Document<'d>,
    form: Form,
    open: Vec<Open>,
    out: String,
}

/// Writes the document in one of the forms of [`Form::WRITTEN`].
pub(super) fn write(document: &Document<'_>, form: Form) -> String {
    let out = String::with_capacity(document.bytes());
    let mut writer = Writer { document, form, open: Vec::new(), out };
    writer.value(0);
    while let Some(container) = writer.open.last_mut() {
        match container.rest.next() {
            Some(child) => {
                let value = writer.name_of(child);
                writer.value(value);
            }
            None => writer.close(),
        }
    }
    writer.out
}

impl Writer<'_> {
    fn value(&mut self, value: usize) {
        match self.document.node(value).kind {
            Kind::Null | Kind::Bool => self.out.push_str(self.document.lexeme(value)),
            Kind::Number => self.number(self.document.lexeme(value)),
            Kind::Text => self.document.text(value).write_to(&mut self.out),
            Kind::Array if self.form.indexes_arrays() => {
                self.open(Names::Indices, self.document.values(value).collect())
            }
            Kind::Array => self.open(Names::None, self.document.values(value).collect()),
            Kind::Object => self.open(Names::Keys, self.sorted_keys(value)),
        }
    }

    fn number(&mut self, lexeme: &str) {
        if !self.form.respells_numbers() || is_small_integer(lexeme) {
            self.out.push_str(lexeme);
            return;
        }
        self.out.push_str(&js_number(lexeme));
    }

    fn open(&mut self, names: Names, children: Vec<usize>) {
        self.out.push(if names == Names::None { '[' } else { '{' });
        self.open.push(Open { names, rest: children.into_iter(), written: 0 });
    }

    fn close(&mut self) {
        if let Some(container) = self.open.pop() {
            self.out.push(if container.names == Names::None { ']' } else { '}' });
        }
    }

    /// Writes what stands before the next value of the innermost container; answers where that value is.
    fn name_of(&mut self, child: usize) -> usize {
        let Some(container) = self.open.last_mut() else { return child };
        let index = container.written;
        container.written = index.saturating_add(1);
        if 0 < index {
            self.out.push(',');
        }
        match container.names {
            Names::None => child,
            Names::Indices => {
                // Writing to a String cannot fail.
                let _ = write!(self.out, "\"{index}\":");
                child
            }
            Names::Keys => {
                self.document.text(child).write_to(&mut self.out);
                self.out.push(':');
                child.saturating_add(1)
            }
        }
    }

    /// The keys as JavaScript enumerates them after they were inserted in sorted order: whatever the
    /// order of insertion, keys that are array indices come first, by number.
    fn sorted_keys(&self, object: usize) -> Vec<usize> {
        let mut keys: Vec<usize> = self.document.keys(object).collect();
        keys.sort_by_cached_key(|key| {
            let text = self.document.text(*key);
            (text.array_index().unwrap_or(u32::MAX), text)
        });
        keys
    }
}

/// A number as JavaScript spells it. Only a spelling of what was signed: what JavaScript's numbers cannot
/// hold it writes as null.
pub(super) fn js_number(lexeme: &str) -> String {
    match lexeme.parse::<f64>() {
        Ok(number) if number.is_finite() => ryu_js::Buffer::new().format_finite(number).to_owned(),
        _ => "null".to_owned(),
    }
}

/// True for digits that JavaScript spells just so; most numbers are, and need not be parsed.
fn is_small_integer(lexeme: &str) -> bool {
    lexeme.len() <= 15 && lexeme.bytes().all(|byte| byte.is_ascii_digit())
}
