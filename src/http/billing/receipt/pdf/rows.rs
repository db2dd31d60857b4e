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

/// The characters that end a paragraph.
const LINE_ENDS: [char; 7] = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

/// What is read without a line end in between; a line end at the very end begins none.
pub fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let ends = linebreaks(text).filter(|(_, opportunity)| *opportunity == BreakOpportunity::Mandatory);
    let mut start = 0;
    ends.filter_map(move |(end, _)| {
        let paragraph = text.get(start..end);
        start = end;
        paragraph.map(|paragraph| paragraph.trim_end_matches(LINE_ENDS))
    })
}

/// A text without line ends, its words measured.
pub struct Paragraph<'t> {
    faces: &'static Faces,
    text: &'t str,
    order: ParagraphBidiInfo<'t>,
    words: Vec<Word>,
}

impl<'t> Paragraph<'t> {
    /// A paragraph for rows of this width (in units of the em) or wider ones.
    pub fn new(faces: &'static Faces, text: &'t str, width_min: i32) -> Self {
        let mut paragraph = Self { faces, text, order: ParagraphBidiInfo::new(text, None), words: Vec::new() };
        paragraph.words = paragraph.measured(width_min);
        paragraph
    }

    fn measured(&self, width_min: i32) -> Vec<Word> {
        let mut words = Vec::new();
        let mut start = 0;
        for (end, _) in linebreaks(self.text) {
            let word = self.word(start..end);
            if word.ink > width_min {
                let letters = self.text.get(start..end).unwrap_or_default().grapheme_indices(true);
                words.extend(letters.map(|(at, letter)| {
                    let at = start.saturating_add(at);
                    self.word(at..at.saturating_add(letter.len()))
                }));
            } else {
                words.push(word);
            }
            start = end;
        }
        words
    }

    fn word(&self, range: Range<usize>) -> Word {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let space = range.start.saturating_add(text.trim_end().len());
        let ink = width_of(&self.ordered(range.start..space));
        let width = ink.saturating_add(width_of(&self.ordered(space..range.end)));
        Word { range, width, ink }
    }

    /// Where its rows end, if none may be wider than this; one that says nothing has an empty row.
    pub fn breaks(&self, width_max: i32) -> Vec<Range<usize>> {
        let mut done = Vec::new();
        let mut row = 0..0;
        let mut width = 0_i32;
        for word in &self.words {
            if !row.is_empty() && width.saturating_add(word.ink) > width_max {
                done.push(row.clone());
                row.start = row.end;
                width = 0;
            }
            row.end = word.range.end;
            width = width.saturating_add(word.width);
        }
        done.push(row);
        done
    }

    /// The row of a range, without the space at its end.
    pub fn row(&self, range: Range<usize>) -> Row {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let pieces = self.ordered(range.start..range.start.saturating_add(text.trim_end().len()));
        Row { width: width_of(&pieces), pieces, from_the_right: self.order.paragraph_level.is_rtl() }
    }

    /// The pieces of a part, from left to right.
    fn ordered(&self, range: Range<usize>) -> Vec<Piece> {
        if range.is_empty() {
            return Vec::new();
        }
        let levels = self.order.reordered_levels(range.clone());
        let mixed = levels.get(range.clone()).is_some_and(|part| part.iter().any(|level| Some(level) != part.first()));
        // Not asked where there is nothing to order: version 0.3.18 panics at a part all of the highest level.
        let runs = if mixed { self.order.visual_runs(range).1 } else { vec![range] };
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

/// What is not parted.
struct Word {
    range: Range<usize>,
    /// With the space after it.
    width: i32,
    /// Without.
    ink: i32,
}
