//! Text of one direction to glyphs: which font draws which letters, and where each of them stands.
//!
//! Every letter of the text is in the file as text, so that it can be searched and copied; also where its
//! shape is none of a font's. What nothing can draw is shown by its number, never dropped.

use std::ops::Range;

use harfrust::{ShapeOptions, UnicodeBuffer};
use krilla::text::{GlyphId, KrillaGlyph};
use unicode_bidi::{BidiClass, bidi_class};
use unicode_segmentation::UnicodeSegmentation;

use super::faces::{EM, Face, Faces, ems, is_unseen};
use super::pixels::{self, Cell};

/// As wide as a letter of 16 pixels, and as one of 8.
const EM_SPACE: &str = "\u{2003}";
const EN_SPACE: &str = "\u{2002}";

/// Which way text runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// As Latin does.
    LeftToRight,
    /// As Hebrew and Arabic do.
    RightToLeft,
}

/// Letters that are drawn in one go.
pub struct Piece {
    /// What they say.
    pub text: String,
    /// Whose glyphs they are.
    pub face: &'static Face,
    /// Their glyphs, from left to right.
    pub glyphs: Vec<KrillaGlyph>,
    /// Shapes that no font has, drawn besides.
    pub cells: Vec<Cell>,
    /// In units of the em.
    pub width: i32,
}

/// The pieces of a text of one direction, from left to right.
pub fn pieces(faces: &'static Faces, text: &str, direction: Direction) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut run: Option<(&'static Face, Range<usize>)> = None;
    for (start, grapheme) in text.grapheme_indices(true) {
        let end = start.saturating_add(grapheme.len());
        let face = if has_control(grapheme) { None } else { faces.having(grapheme) };
        match (&mut run, face) {
            (Some((running, range)), Some(face)) if std::ptr::eq(*running, face) => range.end = end,
            (_, face) => {
                pieces.extend(run.take().and_then(|(face, range)| Some(face.piece(text.get(range)?, direction))));
                match face {
                    Some(face) => run = Some((face, start..end)),
                    None => pieces.extend(makeshift(faces, grapheme, direction)),
                }
            }
        }
    }
    pieces.extend(run.and_then(|(face, range)| Some(face.piece(text.get(range)?, direction))));
    if direction == Direction::RightToLeft {
        pieces.reverse();
    }
    pieces
}

/// A grapheme that no font has as a whole, letter by letter, in the order of the text.
fn makeshift(faces: &'static Faces, grapheme: &str, direction: Direction) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for letter in grapheme.chars() {
        let alone = letter.to_string();
        let upon = if bidi_class(letter) == BidiClass::NSM { pieces.last_mut() } else { None };
        let glyph = if letter.is_control() { None } else { unifont::get_glyph(letter) };
        match (upon, faces.having(&alone), glyph) {
            // It steers the letter before it, and that one is drawn already.
            (Some(base), _, _) if is_unseen(letter) => base.say(&alone),
            (Some(base), _, Some(glyph)) => base.put_upon(&alone, glyph),
            (_, Some(face), _) if !letter.is_control() => pieces.push(face.piece(&alone, direction)),
            (None, _, Some(glyph)) => pieces.push(Piece::of_pixels(faces, &alone, glyph)),
            _ => pieces.push(Piece::of_number(faces, letter)),
        }
    }
    pieces
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

impl Face {
    /// Letters of this font.
    pub fn piece(&'static self, text: &str, direction: Direction) -> Piece {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(match direction {
            Direction::LeftToRight => harfrust::Direction::LeftToRight,
            Direction::RightToLeft => harfrust::Direction::RightToLeft,
        });
        let shaper = self.shaper.shaper(&self.font).build();
        let placed = shaper.shape(buffer, ShapeOptions::new().scale(Some(EM)));
        let start = |cluster: u32| usize::try_from(cluster).unwrap_or(usize::MAX);
        let mut starts: Vec<usize> = placed.glyph_infos().iter().map(|info| start(info.cluster)).collect();
        starts.push(text.len());
        starts.sort_unstable();
        let mut width = 0_i32;
        let glyphs = placed.glyph_infos().iter().zip(placed.glyph_positions()).map(|(info, position)| {
            let from = start(info.cluster);
            let to = starts.iter().copied().find(|start| *start > from).unwrap_or(text.len());
            width = width.saturating_add(position.x_advance);
            KrillaGlyph::new(
                GlyphId::new(info.glyph_id),
                ems(position.x_advance),
                ems(position.x_offset),
                ems(position.y_offset),
                ems(position.y_advance),
                from..to,
                None,
            )
        });
        let glyphs = glyphs.collect();
        Piece { text: text.to_owned(), face: self, glyphs, cells: Vec::new(), width }
    }
}

impl Piece {
    /// A letter as pixels. A space as wide stands in the same place, and says the letter.
    fn of_pixels(faces: &'static Faces, text: &str, glyph: &'static unifont::Glyph) -> Self {
        let space = if glyph.is_fullwidth() { EM_SPACE } else { EN_SPACE };
        let mut piece = faces.text.piece(space, Direction::LeftToRight);
        for space in &mut piece.glyphs {
            space.text_range = 0..text.len();
        }
        Self { text: text.to_owned(), cells: vec![Cell { glyph, left: 0 }], ..piece }
    }

    /// The number of a character that cannot be drawn. It is copied as the character itself.
    fn of_number(faces: &'static Faces, letter: char) -> Self {
        let number = format!("\u{2039}U+{:04X}\u{203a}", u32::from(letter));
        let mut piece = faces.text.piece(&number, Direction::LeftToRight);
        piece.text = letter.to_string();
        for glyph in &mut piece.glyphs {
            glyph.text_range = 0..piece.text.len();
        }
        piece
    }

    /// Draws a mark over or under the letters.
    fn put_upon(&mut self, text: &str, glyph: &'static unifont::Glyph) {
        let left = self.width.saturating_sub(pixels::width(glyph)) / 2;
        self.cells.push(Cell { glyph, left });
        self.say(text);
    }

    /// Adds to what its last glyphs say.
    fn say(&mut self, text: &str) {
        let before = self.text.len();
        self.text.push_str(text);
        for glyph in self.glyphs.iter_mut().filter(|glyph| glyph.text_range.end == before) {
            glyph.text_range.end = self.text.len();
        }
    }
}
