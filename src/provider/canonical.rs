//! The texts that the provider may have signed instead of the bytes it sent.
//!
//! It signs `JSON.stringify` of the body with all keys sorted; its documentation and its SDK differ in
//! what becomes of arrays, and middlemen re-spell numbers (`nowpayments.md`, section 6). So there are
//! four candidates beside the raw bytes, all written here and none of them ever read as an amount.
//! Written iteratively, from a document that [`super::signature`] has found neither deep nor ambiguous.

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

/// What is still to be written, last first.
enum Task {
    Literal(&'static str),
    Key(usize),
    Index(usize),
    Value(usize),
}

struct Writer<'d> {
    document: &'d Document<'d>,
    form: Form,
    tasks: Vec<Task>,
    out: String,
}

/// Writes the document in one of the forms of [`Form::WRITTEN`].
pub(super) fn write(document: &Document<'_>, form: Form) -> String {
    let mut writer = Writer { document, form, tasks: vec![Task::Value(0)], out: String::new() };
    while let Some(task) = writer.tasks.pop() {
        match task {
            Task::Literal(literal) => writer.out.push_str(literal),
            Task::Key(key) => {
                document.text(key).write_to(&mut writer.out);
                writer.out.push(':');
            }
            Task::Index(index) => {
                writer.out.push('"');
                writer.out.push_str(&index.to_string());
                writer.out.push_str("\":");
            }
            Task::Value(value) => writer.value(value),
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
            Kind::Array => self.array(value),
            Kind::Object => self.object(value),
        }
    }

    fn number(&mut self, lexeme: &str) {
        if !self.form.respells_numbers() {
            self.out.push_str(lexeme);
            return;
        }
        // Only a spelling of what was signed: what JavaScript's numbers cannot hold it writes as null.
        match lexeme.parse::<f64>() {
            Ok(number) if number.is_finite() => self.out.push_str(ryu_js::Buffer::new().format_finite(number)),
            _ => self.out.push_str("null"),
        }
    }

    fn array(&mut self, array: usize) {
        let is_indexed = self.form.indexes_arrays();
        self.out.push(if is_indexed { '{' } else { '[' });
        let values: Vec<usize> = self.document.values(array).collect();
        self.tasks.push(Task::Literal(if is_indexed { "}" } else { "]" }));
        for (index, value) in values.into_iter().enumerate().rev() {
            self.tasks.push(Task::Value(value));
            if is_indexed {
                self.tasks.push(Task::Index(index));
            }
            self.comma_before(index);
        }
    }

    fn object(&mut self, object: usize) {
        self.out.push('{');
        self.tasks.push(Task::Literal("}"));
        for (index, key) in self.sorted_keys(object).into_iter().enumerate().rev() {
            self.tasks.push(Task::Value(key.saturating_add(1)));
            self.tasks.push(Task::Key(key));
            self.comma_before(index);
        }
    }

    fn comma_before(&mut self, index: usize) {
        if 0 < index {
            self.tasks.push(Task::Literal(","));
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
