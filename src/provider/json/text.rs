//! Strings of a document: compared, decoded and written as JavaScript does.
//!
//! JavaScript's strings are UTF-16 units, sorted as such, and may hold half a surrogate pair; so
//! comparing goes through units, and nothing is decoded before it is asked for.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;
use std::str::Chars;

/// A string or key as it stands between its quotes, its escapes already known to be well-formed.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    raw: &'a str,
    is_escaped: bool,
}

impl<'a> Text<'a> {
    pub(super) fn new(raw: &'a str) -> Self {
        Self { raw, is_escaped: raw.contains('\\') }
    }

    /// The string's characters; none if it holds half a surrogate pair and so is no Unicode text.
    #[must_use]
    pub fn decode(self) -> Option<Cow<'a, str>> {
        if self.is_escaped {
            char::decode_utf16(self.units()).collect::<Result<String, _>>().ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(self.raw))
        }
    }

    /// True if it spells `name`, with or without escapes.
    #[must_use]
    pub fn is(self, name: &str) -> bool {
        if self.is_escaped { self.units().eq(name.encode_utf16()) } else { self.raw == name }
    }

    /// The number that JavaScript sees in this key and sorts before all names: an array's index.
    pub(in crate::provider) fn array_index(self) -> Option<u32> {
        let text = self.decode()?;
        let is_canonical = text == "0" || text.starts_with(|first: char| matches!(first, '1'..='9'));
        // A plus sign is refused by the first character; 2^32 - 1 is a length, not an index.
        let index: u32 = is_canonical.then(|| text.parse().ok())??;
        (index < u32::MAX).then_some(index)
    }

    /// Appends the string as `JSON.stringify` writes it: quoted, with no escape that is not needed.
    pub(in crate::provider) fn write_to(self, out: &mut String) {
        out.push('"');
        if self.is_escaped {
            char::decode_utf16(self.units()).for_each(|decoded| match decoded {
                Ok(character) => write_character(character, out),
                Err(half) => write_unit(half.unpaired_surrogate(), out),
            });
        } else {
            // What needs an escape has one on the wire already, or it would not be JSON.
            out.push_str(self.raw);
        }
        out.push('"');
    }

    fn units(self) -> Units<'a> {
        Units { rest: self.raw.chars(), second_half: None }
    }
}

fn write_character(character: char, out: &mut String) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        '\0'..='\u{1f}' => character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| write_unit(*unit, out)),
        _ => out.push(character),
    }
}

fn write_unit(unit: u16, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\u{unit:04x}");
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        // Plain ASCII, which all real keys are, sorts by bytes as it does by UTF-16 units.
        let is_plain = |text: &Self| !text.is_escaped && text.raw.is_ascii();
        if is_plain(self) && is_plain(other) { self.raw.cmp(other.raw) } else { self.units().cmp(other.units()) }
    }
}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Text<'_> {}

/// The UTF-16 units of a string, its escapes decoded on the way.
struct Units<'a> {
    rest: Chars<'a>,
    second_half: Option<u16>,
}

impl Units<'_> {
    fn escaped(&mut self) -> Option<char> {
        Some(match self.rest.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            other => other,
        })
    }

    fn hex(&mut self) -> Option<u16> {
        let code = self.rest.by_ref().take(4).try_fold(0, |code, digit| Some(code * 16 + digit.to_digit(16)?))?;
        u16::try_from(code).ok()
    }
}

impl Iterator for Units<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if let Some(second) = self.second_half.take() {
            return Some(second);
        }
        let character = match self.rest.next()? {
            '\\' => match self.escaped()? {
                'u' => return self.hex(),
                character => character,
            },
            character => character,
        };
        let mut units = [0; 2];
        let mut encoded = character.encode_utf16(&mut units).iter().copied();
        let first = encoded.next();
        self.second_half = encoded.next();
        first
    }
}
