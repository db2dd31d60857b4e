//! Where two texts part, shown so that a person sees it on a terminal.

use std::fmt::Write;

/// How many bytes are shown before the place, and from it on.
const BEFORE: usize = 24;
const AFTER: usize = 24;

/// The first byte in which a text is not the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The byte, counted from 0.
    pub at: usize,
    /// What both say before it; what has no shape is shown as `<0A>`.
    pub before: String,
    /// How the body goes on.
    pub body: String,
    /// How the other text goes on.
    pub other: String,
}

impl Difference {
    /// None if both are the same.
    pub(super) fn between(body: &[u8], other: &[u8]) -> Option<Self> {
        if body == other {
            return None;
        }
        let at = body.iter().zip(other).take_while(|(ours, theirs)| ours == theirs).count();
        let ahead = |text: &[u8]| excerpt(text, at, AFTER);
        let start = at.saturating_sub(BEFORE);
        let before = excerpt(body, start, at.saturating_sub(start));
        Some(Self { at, before, body: ahead(body), other: ahead(other) })
    }
}

/// A stretch of a text; characters that it cuts in two show as their bytes.
#[must_use]
pub fn excerpt(text: &[u8], start: usize, length: usize) -> String {
    let stretch = text.iter().skip(start).take(length).copied().collect::<Vec<u8>>();
    let mut shown = String::new();
    for chunk in stretch.utf8_chunks() {
        chunk.valid().chars().for_each(|character| show(character, &mut shown));
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(shown, "<{byte:02X}>");
        }
    }
    shown
}

/// Control characters and what moves or hides its neighbours would lie to the reader.
fn show(character: char, shown: &mut String) {
    let has_shape = matches!(character, '"' | '\'' | '\\') || character.escape_debug().len() == 1;
    if has_shape {
        shown.push(character);
    } else {
        let _ = write!(shown, "<{:02X}>", u32::from(character));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_differs_is_shown_with_its_surroundings() {
        let difference = Difference::between(br#"{"a":1,"b":2.0}"#, br#"{"a":1,"b":2}"#).unwrap();
        assert_eq!(difference.at, 12);
        assert_eq!(difference.before, r#"{"a":1,"b":2"#);
        assert_eq!((difference.body.as_str(), difference.other.as_str()), (".0}", "}"));
        assert_eq!(Difference::between(b"{}", b"{}"), None);
        let at_the_end = Difference::between(b"{}\n", b"{}").unwrap();
        assert_eq!((at_the_end.at, at_the_end.body.as_str(), at_the_end.other.as_str()), (2, "<0A>", ""));
    }

    #[test]
    fn what_has_no_shape_shows_as_its_code() {
        assert_eq!(excerpt("é\t\u{202e}\"\\".as_bytes(), 0, 99), "é<09><202E>\"\\");
        assert_eq!(excerpt(b"a\xff\x1b[2J", 0, 99), "a<FF><1B>[2J");
        assert_eq!(excerpt("é".as_bytes(), 0, 1), "<C3>");
    }
}
