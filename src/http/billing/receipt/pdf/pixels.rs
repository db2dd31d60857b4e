//! Letters that no font of ours has, as GNU Unifont has them: 16 pixels high, 8 or 16 wide.
//!
//! Coarse, but right for nearly every script in use. A letter is one path, so that no seams show.

use krilla::geom::{Path, PathBuilder, Rect};
use unifont::Glyph;

use super::At;
use super::faces::{EM, points};

/// Pixels of a letter from its top to its foot; as many make an em.
const ROWS: i32 = 16;
/// Of those, how many are over the baseline.
const ROWS_ABOVE: i32 = 14;
/// A pixel, in units of the em.
const PIXEL: i32 = EM / ROWS;

/// Pixels in their place.
pub struct Cell {
    /// Which of them are black.
    pub glyph: &'static Glyph,
    /// From the left of its piece, in units of the em.
    pub left: i32,
}

/// The width in units of the em.
pub fn width(glyph: &Glyph) -> i32 {
    i32::try_from(glyph.get_width()).unwrap_or(0).saturating_mul(PIXEL)
}

/// The outline of all black pixels; none if there are none.
pub fn path(cell: &Cell, at: At) -> Option<Path> {
    let mut path = PathBuilder::new();
    let pixel = at.length(PIXEL);
    let left = at.left.saturating_add(at.length(cell.left));
    let top = at.baseline.saturating_sub(pixel.saturating_mul(ROWS_ABOVE));
    for row in 0..ROWS {
        for stroke in strokes(cell.glyph, row) {
            let rectangle = Rect::from_xywh(
                points(left.saturating_add(pixel.saturating_mul(stroke.start))),
                points(top.saturating_add(pixel.saturating_mul(row))),
                points(pixel.saturating_mul(stroke.end.saturating_sub(stroke.start))),
                points(pixel),
            );
            path.push_rect(rectangle?);
        }
    }
    path.finish()
}

/// A filled rectangle's outline.
pub fn rectangle(rectangle: Rect) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.push_rect(rectangle);
    path.finish()
}

/// Neighbouring black pixels of a row, from left to right.
fn strokes(glyph: &Glyph, row: i32) -> Vec<std::ops::Range<i32>> {
    let place = |number: i32| usize::try_from(number).unwrap_or(usize::MAX);
    let columns = i32::try_from(glyph.get_width()).unwrap_or(0);
    let mut strokes: Vec<std::ops::Range<i32>> = Vec::new();
    for column in (0..columns).filter(|column| glyph.get_pixel(place(*column), place(row))) {
        match strokes.last_mut() {
            Some(stroke) if stroke.end == column => stroke.end = column.saturating_add(1),
            _ => strokes.push(column..column.saturating_add(1)),
        }
    }
    strokes
}
