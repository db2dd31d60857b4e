//! Running text with code and links in it, escaped on its way into a page.

use std::fmt::{self, Write};

use askama::Template;
use askama::filters::HtmlSafe;

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Words.
    Text(String),
    /// Something to be typed or read letter by letter.
    Code(String),
    /// The address of a shape, which ends with its name.
    Shape(String),
}

impl Span {
    /// Words.
    pub fn text(words: impl Into<String>) -> Self {
        Self::Text(words.into())
    }
}

/// A paragraph or a part of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Template)]
#[template(
    ext = "html",
    source = r##"{% for span in spans %}{% match span %}{% when Span::Text with (words) %}{{ Verbatim(words.clone()) }}{% when Span::Code with (code) %}<code>{{ Verbatim(code.clone()) }}</code>{% when Span::Shape with (address) %}<a href="{{ address }}">{{ self::name_in(address) }}</a>{% endmatch %}{% endfor %}"##
)]
pub struct Prose {
    spans: Vec<Span>,
}

impl Prose {
    /// True if it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

/// What follows the last sign of a number.
fn name_in(address: &str) -> &str {
    address.rsplit('#').next().unwrap_or_default()
}

/// The template above escapes every span itself.
impl HtmlSafe for Prose {}

impl From<Vec<Span>> for Prose {
    fn from(spans: Vec<Span>) -> Self {
        Self { spans }
    }
}

/// Text that is shown as it is, in the content of an element and never in an attribute: quotes, of which
/// examples are full, need no escape there.
pub struct Verbatim(pub String);

impl HtmlSafe for Verbatim {}

impl fmt::Display for Verbatim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            other => f.write_char(other),
        })
    }
}

/// Reads a description: what stands between backquotes is code. Nothing else of Markdown is used in it.
#[must_use]
pub fn sentence(text: &str) -> Prose {
    let mut spans = Vec::new();
    for (place, piece) in text.split('`').enumerate() {
        if !piece.is_empty() {
            let piece = piece.to_owned();
            spans.push(if place % 2 == 0 { Span::Text(piece) } else { Span::Code(piece) });
        }
    }
    Prose { spans }
}

/// Reads paragraphs, which blank lines part.
#[must_use]
pub fn paragraphs(text: &str) -> Vec<Prose> {
    text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()).map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_marked_and_everything_is_escaped() {
        let html = sentence("See `a<b` & <script>.").to_string();
        assert_eq!(html, "See <code>a&lt;b</code> &amp; &lt;script&gt;.");
    }

    #[test]
    fn what_is_shown_as_it_is_cannot_become_an_element() {
        assert_eq!(Verbatim("a \"b\" <c> &d;".into()).to_string(), "a \"b\" &lt;c&gt; &amp;d;");
    }

    #[test]
    fn blank_lines_part_paragraphs() {
        assert_eq!(paragraphs("One\nline.\n\nTwo."), [sentence("One\nline."), sentence("Two.")]);
    }
}
