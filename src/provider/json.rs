//! A small JSON reader for bytes nobody has vouched for yet.
//!
//! It never recurses: open containers stand on a list of their own, so that 64 KiB of `[` cost memory
//! in proportion and no stack. It never turns a number into anything: a number is the text on the wire.
//! The document is a flat list of nodes; [`super::canonical`] writes the signed forms from it, and
//! [`super::wire`] reads the fields. Rejected: `serde_json::Value`, which re-spells numbers and so both
//! loses digits and fails the provider's own signatures.

mod reader;
mod text;

#[cfg(test)]
mod tests;

pub use text::Text;

/// The text is not one complete JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON")]
pub struct NotJson;

/// A JSON document: the text, and where in it each value lies.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    nodes: Vec<Node>,
    depth: usize,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

/// One value or key. The children of a container follow it; those of an object are key and value in turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// The bytes of a scalar's text; those of a string are what stands between the quotes.
    start: usize,
    end: usize,
    /// The index of the first node that is neither this one nor inside it.
    after: usize,
}

/// What stands past the last node; no index that the walks below make reaches it.
const NOTHING: Node = Node { kind: Kind::Null, start: 0, end: 0, after: usize::MAX };

/// A field's value, as far as fields are read here: nothing of interest is nested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number, as it is spelled on the wire.
    Number(&'a str),
    /// A string.
    Text(Text<'a>),
    /// An array or an object.
    Container,
}

impl<'a> Document<'a> {
    /// Reads one complete JSON value with nothing but blanks around it.
    ///
    /// # Errors
    /// [`NotJson`] for everything else.
    pub fn read(text: &'a str) -> Result<Self, NotJson> {
        reader::read(text)
    }

    /// How deep containers are nested; a bare scalar has depth 0, `[]` has 1.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// True if any object, at any level, names a key twice; `"a"` and `"\u0061"` are one key.
    #[must_use]
    pub fn has_duplicate_keys(&self) -> bool {
        let objects = self.nodes.iter().enumerate().filter(|(_, node)| node.kind == Kind::Object);
        objects.map(|(index, _)| index).any(|object| {
            let mut keys: Vec<Text<'a>> = self.keys(object).map(|key| self.text(key)).collect();
            keys.sort_unstable();
            keys.windows(2).any(|pair| pair.first() == pair.last())
        })
    }

    /// True if the whole is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.node(0).kind == Kind::Object
    }

    /// The value of a field of the outermost object.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Value<'a>> {
        self.index_of(name).map(|value| self.value(value))
    }

    /// The value of a field of an object that stands in a field of the outermost object.
    #[must_use]
    pub fn field_in(&self, object: &str, name: &str) -> Option<Value<'a>> {
        let object = self.index_of(object)?;
        self.index_in(object, name).map(|value| self.value(value))
    }

    /// The values of an array in a field of the outermost object; none if something else stands there.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<Vec<Value<'a>>> {
        let array = self.index_of(name).filter(|value| self.node(*value).kind == Kind::Array)?;
        Some(self.values(array).map(|value| self.value(value)).collect())
    }

    fn index_of(&self, name: &str) -> Option<usize> {
        self.index_in(0, name)
    }

    fn index_in(&self, object: usize, name: &str) -> Option<usize> {
        if self.node(object).kind != Kind::Object {
            return None;
        }
        let key = self.keys(object).find(|key| self.text(*key).is(name))?;
        Some(key.saturating_add(1))
    }

    fn value(&self, value: usize) -> Value<'a> {
        match self.node(value).kind {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool,
            Kind::Number => Value::Number(self.lexeme(value)),
            Kind::Text => Value::Text(self.text(value)),
            Kind::Array | Kind::Object => Value::Container,
        }
    }

    /// The length of the text it was read from.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    pub(super) fn node(&self, index: usize) -> Node {
        self.nodes.get(index).copied().unwrap_or(NOTHING)
    }

    /// The scalar's text as it is on the wire.
    pub(super) fn lexeme(&self, index: usize) -> &'a str {
        let node = self.node(index);
        self.text.get(node.start..node.end).unwrap_or_default()
    }

    /// The string or key at this index.
    pub(super) fn text(&self, index: usize) -> Text<'a> {
        Text::new(self.lexeme(index))
    }

    /// The indices of an array's values.
    pub(super) fn values(&self, array: usize) -> impl Iterator<Item = usize> {
        let end = self.node(array).after;
        let first = array.saturating_add(1);
        std::iter::successors(Some(first), |value| Some(self.node(*value).after)).take_while(move |value| *value < end)
    }

    /// The indices of an object's keys; each value's is the next.
    pub(super) fn keys(&self, object: usize) -> impl Iterator<Item = usize> {
        let end = self.node(object).after;
        let first = object.saturating_add(1);
        std::iter::successors(Some(first), |key| Some(self.node(key.saturating_add(1)).after))
            .take_while(move |key| *key < end)
    }
}
