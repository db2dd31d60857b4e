//! A value to rows of pieces: where a row ends, and in which order its letters stand.
//!
//! Rows end where Unicode lets a line end, and within a word only if it is wider than the page; never
//! within what a reader takes for one letter. Each paragraph runs in the direction of its first letter.

use std::ops::Range;

use unicode_bidi::{Level, ParagraphBidiInfo};
use unicode_linebreak::{BreakOpportunity, linebreaks};
use unicode_segmentation::UnicodeSegmentation;

use super::faces::Faces;
use super::letters::{Direction, Piece, pieces};

/// One line of the page.
pub struct Row {
    /// From left to right.
    pub pieces: Vec<Piece>,
    /// In units of the em.
    pub width: i32,
    /// Whether it is read from the right, and so begins at the right edge.
    pub from_the_right: bool,
}

/// What is read without a line end in between; a line end at the very end begins none.
pub fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let ends = linebreaks(text).filter(|(_, opportunity)| *opportunity == BreakOpportunity::Mandatory);
    let mut start = 0;
    ends.filter_map(move |(end, _)| {
        let paragraph = text.get(start..end);
        start = end;
        paragraph.map(|paragraph| {
            paragraph.trim_end_matches(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'])
        })
    })
}

/// The rows of a text, none wider than this (in units of the em).
pub fn of(faces: &'static Faces, text: &str, width: i32) -> Vec<Row> {
    // A tab has no width of its own here.
    let text = text.replace('\t', " ");
    paragraphs(&text).flat_map(|text| Paragraph::new(faces, text).rows(width)).collect()
}

struct Paragraph<'t> {
    faces: &'static Faces,
    text: &'t str,
    order: ParagraphBidiInfo<'t>,
}

impl<'t> Paragraph<'t> {
    fn new(faces: &'static Faces, text: &'t str) -> Self {
        Self { faces, text, order: ParagraphBidiInfo::new(text, None) }
    }

    fn rows(&self, width_max: i32) -> Vec<Row> {
        self.breaks(width_max).into_iter().map(|range| self.row(range)).collect()
    }

    /// The ranges of text that fit into a row each.
    fn breaks(&self, width_max: i32) -> Vec<Range<usize>> {
        let mut rows = Rows { width_max, done: Vec::new(), row: 0..0, width: 0 };
        let mut start = 0;
        for (end, _) in linebreaks(self.text) {
            let word = Word { range: start..end, width: self.width(start..end), ink: self.row(start..end).width };
            start = end;
            if word.ink <= width_max {
                rows.take(&word);
                continue;
            }
            let letters = self.text.get(word.range.clone()).unwrap_or_default().grapheme_indices(true);
            for (at, letter) in letters {
                let at = word.range.start.saturating_add(at);
                let range = at..at.saturating_add(letter.len());
                let width = self.width(range.clone());
                rows.take(&Word { range, width, ink: width });
            }
        }
        rows.finish()
    }

    /// The width of a part, with the space at its end.
    fn width(&self, range: Range<usize>) -> i32 {
        width_of(&self.ordered(range))
    }

    /// A row of the page, without the space at its end.
    fn row(&self, range: Range<usize>) -> Row {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let pieces = self.ordered(range.start..range.start.saturating_add(text.trim_end().len()));
        Row { width: width_of(&pieces), pieces, from_the_right: self.order.paragraph_level.is_rtl() }
    }

    /// The pieces of a part, from left to right.
    fn ordered(&self, range: Range<usize>) -> Vec<Piece> {
        if range.is_empty() {
            return Vec::new();
        }
        let (levels, runs) = self.order.visual_runs(range);
        let run = |run: Range<usize>| {
            let direction = match levels.get(run.start).is_some_and(Level::is_rtl) {
                true => Direction::RightToLeft,
                false => Direction::LeftToRight,
            };
            pieces(self.faces, self.text.get(run).unwrap_or_default(), direction)
        };
        runs.into_iter().flat_map(run).collect()
    }
}

fn width_of(pieces: &[Piece]) -> i32 {
    pieces.iter().map(|piece| piece.width).fold(0, i32::saturating_add)
}

/// What is not parted while it fits into a row.
struct Word {
    range: Range<usize>,
    /// With the space after it.
    width: i32,
    /// Without.
    ink: i32,
}

/// Rows as they fill up.
struct Rows {
    width_max: i32,
    done: Vec<Range<usize>>,
    row: Range<usize>,
    width: i32,
}

impl Rows {
    /// Puts a word at the end, on a new row if this one has no room left.
    fn take(&mut self, word: &Word) {
        if !self.row.is_empty() && self.width.saturating_add(word.ink) > self.width_max {
            self.done.push(self.row.clone());
            self.row.start = self.row.end;
            self.width = 0;
        }
        self.row.end = word.range.end;
        self.width = self.width.saturating_add(word.width);
    }

    /// All rows; a text without letters has an empty one.
    fn finish(mut self) -> Vec<Range<usize>> {
        self.done.push(self.row);
        self.done
    }
}
