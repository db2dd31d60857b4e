//! A text as a QR code: one path of dark squares, drawn by the page's template.
//!
//! The template draws it dark on white in both schemes, because many cameras read nothing else.

use qrcode::{Color, EcLevel, QrCode};

/// How many light squares must surround a code.
const QUIET: usize = 4;

/// The squares of a code.
#[derive(Debug, PartialEq, Eq)]
pub struct Drawing {
    /// How many squares it is wide and high, with what surrounds it.
    pub size: usize,
    /// Every run of dark squares, as an SVG path.
    pub path: String,
}

/// Draws this text; none if it is too long for any code.
#[must_use]
pub fn drawn(text: &str) -> Option<Drawing> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let colors = code.into_colors();
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = QUIET;
        for run in row.chunk_by(|one, next| one == next) {
            if run.first() == Some(&Color::Dark) {
                let (y, length) = (y.saturating_add(QUIET), run.len());
                path.push_str(&format!("M{x} {y}h{length}v1h-{length}z"));
            }
            x = x.saturating_add(run.len());
        }
    }
    Some(Drawing { size: width.saturating_add(2 * QUIET), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_corners_and_room_around_it() {
        let drawing = drawn("bitcoin:3EZ2uTdVDAMFXTfc6uLDDKR6o8qKBZXVkj?amount=0.00122957").unwrap();
        assert_eq!(drawing.size, 33 + 8);
        // The upper edges of both upper corners, and the lower edge of the one below.
        for corner in ["M4 4h7v1h-7z", "M30 4h7v1h-7z", "M4 36h7v1h-7z"] {
            assert!(drawing.path.contains(corner), "{corner} in {}", drawing.path);
        }
    }

    #[test]
    fn what_fits_no_code_is_not_drawn() {
        assert_eq!(drawn(&"a".repeat(3_000)), None);
    }
}
