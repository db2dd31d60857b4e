//! Letters that no font of ours has, as GNU Unifont has them: 16 pixels high, 8 or 16 wide.
//!
//! Coarse, but right for nearly every script in use. A letter is one path, so that no seams show.

use std::ops::Range;

use krilla::geom::{Path, PathBuilder, Rect, Transform};
use krilla::surface::Surface;
use unifont::Glyph;

use super::At;
use super::faces::{EM, points};

/// Pixels of a letter from its top to its foot; as many make an em.
const ROWS: u8 = 16;
/// Of those, how many are over the baseline.
const ROWS_ABOVE: i32 = 14;
/// A pixel, in units of the em.
const PIXEL: i32 = EM / 16;

/// Pixels in their place.
pub struct Cell {
    /// Which of them are black.
    pub glyph: &'static Glyph,
    /// From the left of its piece, in units of the em.
    pub left: i32,
}

/// The width in units of the em.
pub fn width(glyph: &Glyph) -> i32 {
    i32::from(columns(glyph)).saturating_mul(PIXEL)
}

impl Cell {
    /// Draws the black pixels.
    pub fn draw(&self, surface: &mut Surface<'_>, at: At) {
        let Some(path) = path(self.glyph) else { return };
        let pixel = at.length(PIXEL);
        let left = at.left.saturating_add(at.length(self.left));
        let top = at.baseline.saturating_sub(pixel.saturating_mul(ROWS_ABOVE));
        // The path counts pixels: short numbers make a short file.
        let place = Transform::from_row(points(pixel), 0.0, 0.0, points(pixel), points(left), points(top));
        surface.push_transform(&place);
        surface.draw_path(&path);
        surface.pop();
    }
}

/// The outline of all black pixels; none if there are none.
fn path(glyph: &Glyph) -> Option<Path> {
    let mut path = PathBuilder::new();
    for row in 0..ROWS {
        for stroke in strokes(glyph, row) {
            let [left, right] = [stroke.start, stroke.end].map(f32::from);
            path.push_rect(Rect::from_ltrb(left, f32::from(row), right, f32::from(row.saturating_add(1)))?);
        }
    }
    path.finish()
}

/// Neighbouring black pixels of a row, from left to right.
fn strokes(glyph: &Glyph, row: u8) -> Vec<Range<u8>> {
    let mut strokes: Vec<Range<u8>> = Vec::new();
    for column in (0..columns(glyph)).filter(|column| glyph.get_pixel(usize::from(*column), usize::from(row))) {
        match strokes.last_mut() {
            Some(stroke) if stroke.end == column => stroke.end = column.saturating_add(1),
            _ => strokes.push(column..column.saturating_add(1)),
        }
    }
    strokes
}

fn columns(glyph: &Glyph) -> u8 {
    if glyph.is_fullwidth() { 16 } else { 8 }
}
