//! The texts that others sign by mistake: a body written as some other program writes JSON.
//!
//! The provider's own forms are in [`canonical`](crate::provider::canonical); what is written here never
//! verifies anything. It only gives a mistake its name. The writer recurses: its caller has seen that
//! the body is not deep.

use std::collections::BTreeMap;

use crate::provider::json::{Document, Kind, Text};

use super::numbers::Numbers;

/// So many habits at once are still looked for.
const ODDITIES_MAX: usize = 3;

/// One way to write a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// In which order keys come, and which of them.
    pub order: Order,
    /// Who spelled the numbers.
    pub numbers: Numbers,
    /// Which characters are escaped that need not be.
    pub escapes: Escapes,
    blanks: Blanks,
    nulls: Nulls,
    arrays: Arrays,
}

/// The keys of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Sorted at every level, as the provider does.
    Sorted,
    /// Sorted at the top, as they came below.
    SortedAtTop,
    /// As they came.
    Wire,
    /// The documentation's old sample: only keys that the top level has, in their sorted order.
    ReplacerArray,
}

/// Characters that are escaped without need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escapes {
    /// None.
    None,
    /// `\/`.
    Slash,
    /// `\u00e9`.
    PastAscii,
    /// Both, as PHP does.
    SlashAndPastAscii,
    /// `\u003c`.
    Html,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blanks {
    None,
    AfterSeparators,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Kept,
    Dropped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrays {
    Kept,
    Indexed,
}

impl Style {
    /// All styles, those with the fewest oddities first.
    pub(super) fn all() -> Vec<Self> {
        let mut styles = Vec::new();
        for order in [Order::Sorted, Order::SortedAtTop, Order::Wire, Order::ReplacerArray] {
            for numbers in Numbers::ALL {
                for escapes in Escapes::ALL {
                    for blanks in [Blanks::None, Blanks::AfterSeparators] {
                        for nulls in [Nulls::Kept, Nulls::Dropped] {
                            let arrays = [Arrays::Kept, Arrays::Indexed];
                            styles.extend(arrays.map(|arrays| Self { order, numbers, escapes, blanks, nulls, arrays }));
                        }
                    }
                }
            }
        }
        styles.retain(|style| style.oddities().len() <= ODDITIES_MAX);
        styles.sort_by_key(|style| style.oddities().len());
        styles
    }

    /// What the provider does not do, one phrase each.
    #[must_use]
    pub fn oddities(self) -> Vec<&'static str> {
        let order = match self.order {
            Order::Sorted => None,
            Order::SortedAtTop => Some("keys sorted at the top level only, not inside `fee`"),
            Order::Wire => Some("keys not sorted at all"),
            Order::ReplacerArray => Some(
                "JSON.stringify(body, Object.keys(body).sort()), the documentation's old sample, which empties \
                 nested objects such as `fee` to {}",
            ),
        };
        let blanks = (self.blanks == Blanks::AfterSeparators).then_some("a blank after each comma and colon");
        let nulls = (self.nulls == Nulls::Dropped).then_some("fields that are null left out");
        [order, self.numbers.oddity(), self.escapes.oddity(), blanks, nulls].into_iter().flatten().collect()
    }

    /// The body in this style. A key that stands twice has its last value, as in JavaScript.
    pub(super) fn write(self, document: &Document<'_>) -> String {
        let mut pen = Pen { document, style: self, listed: Vec::new(), out: String::with_capacity(document.bytes()) };
        if document.is_object() {
            pen.listed = pen.last_values(0).into_keys().collect();
        }
        pen.value(0);
        self.escapes.apply(pen.out)
    }
}

impl Escapes {
    const ALL: [Self; 5] = [Self::None, Self::Slash, Self::PastAscii, Self::SlashAndPastAscii, Self::Html];

    fn oddity(self) -> Option<&'static str> {
        Some(match self {
            Self::None => return None,
            Self::Slash => r"`/` escaped as `\/`",
            Self::PastAscii => r"characters past ASCII escaped as \uXXXX",
            Self::SlashAndPastAscii => r"`/` escaped as `\/` and characters past ASCII as \uXXXX, as PHP does",
            Self::Html => r"`<`, `>` and `&` escaped as \u003c, \u003e and \u0026, as Go does",
        })
    }

    /// These characters stand in strings only, so the whole text can be gone through.
    fn apply(self, text: String) -> String {
        let is_escaped = |character: char| match self {
            Self::None => false,
            Self::Slash => character == '/',
            Self::PastAscii => !character.is_ascii(),
            Self::SlashAndPastAscii => character == '/' || !character.is_ascii(),
            Self::Html => matches!(character, '<' | '>' | '&'),
        };
        if !text.contains(is_escaped) {
            return text;
        }
        let mut escaped = String::with_capacity(text.len().saturating_mul(2));
        for character in text.chars() {
            match character {
                '/' if is_escaped('/') => escaped.push_str("\\/"),
                _ if is_escaped(character) => {
                    character
                        .encode_utf16(&mut [0; 2])
                        .iter()
                        .for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
                }
                _ => escaped.push(character),
            }
        }
        escaped
    }
}

struct Pen<'d> {
    document: &'d Document<'d>,
    style: Style,
    /// The keys of the top level, sorted.
    listed: Vec<Text<'d>>,
    out: String,
}

impl<'d> Pen<'d> {
    fn value(&mut self, value: usize) {
        match self.document.node(value).kind {
            Kind::Null | Kind::Bool => self.out.push_str(self.document.lexeme(value)),
            Kind::Number => self.out.push_str(&self.style.numbers.spell(self.document.lexeme(value))),
            Kind::Text => self.document.text(value).write_to(&mut self.out),
            Kind::Array => self.array(value),
            Kind::Object => self.object(value),
        }
    }

    fn array(&mut self, array: usize) {
        let is_indexed = self.style.arrays == Arrays::Indexed;
        self.out.push(if is_indexed { '{' } else { '[' });
        let values: Vec<usize> = self.document.values(array).collect();
        for (index, value) in values.into_iter().enumerate() {
            self.comma(index);
            if is_indexed {
                self.out.push_str(&format!("\"{index}\""));
                self.colon();
            }
            self.value(value);
        }
        self.out.push(if is_indexed { '}' } else { ']' });
    }

    fn object(&mut self, object: usize) {
        self.out.push('{');
        for (index, (key, value)) in self.fields(object).into_iter().enumerate() {
            self.comma(index);
            key.write_to(&mut self.out);
            self.colon();
            self.value(value);
        }
        self.out.push('}');
    }

    /// The fields that are written, in their order.
    fn fields(&self, object: usize) -> Vec<(Text<'d>, usize)> {
        let mut last = self.last_values(object);
        if self.style.nulls == Nulls::Dropped {
            last.retain(|_, value| self.document.node(*value).kind != Kind::Null);
        }
        let is_sorted = match self.style.order {
            Order::Sorted => true,
            Order::SortedAtTop => object == 0,
            Order::Wire => false,
            Order::ReplacerArray => {
                return self.listed.iter().filter_map(|key| last.remove_entry(key)).collect();
            }
        };
        if is_sorted {
            return last.into_iter().collect();
        }
        let keys = self.document.keys(object).map(|key| self.document.text(key));
        keys.filter_map(|key| last.remove_entry(&key)).collect()
    }

    fn last_values(&self, object: usize) -> BTreeMap<Text<'d>, usize> {
        let keys = self.document.keys(object);
        keys.map(|key| (self.document.text(key), key.saturating_add(1))).collect()
    }

    fn comma(&mut self, index: usize) {
        if 0 < index {
            self.out.push_str(if self.style.blanks == Blanks::None { "," } else { ", " });
        }
    }

    fn colon(&mut self) {
        self.out.push_str(if self.style.blanks == Blanks::None { ":" } else { ": " });
    }
}
