//! The fonts of a receipt, which of them has a letter, and the measure in which letters are counted.
//!
//! They come with the program, so that a receipt looks alike wherever it is made. Letters that none of them
//! has are drawn by `pixels.rs`.

use std::sync::OnceLock;

use harfrust::{FontRef, ShaperData};
use krilla::text::Font;
use skrifa::MetadataProvider;
use skrifa::charmap::Charmap;

use super::NotDrawn;

/// Units to the em: widths of letters are whole numbers of these, whatever the size of the type.
pub const EM: i32 = 100_000;

/// A font in the eyes of those who work with it.
pub struct Face {
    /// For the one who places its letters.
    pub font: FontRef<'static>,
    /// The same one's memory.
    pub shaper: ShaperData,
    /// For the one who puts them on the page.
    pub ink: Font,
    letters: Charmap<'static>,
}

/// All fonts.
pub struct Faces {
    /// DejaVu Sans: European scripts, Hebrew, Arabic, many signs.
    pub text: Face,
    /// The same, bold: labels.
    pub bold: Face,
    /// Noto Emoji, in one colour.
    pub emoji: Face,
}

impl Faces {
    /// The fonts, read once.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn get() -> Result<&'static Self, NotDrawn> {
        static FACES: OnceLock<Option<Faces>> = OnceLock::new();
        FACES.get_or_init(Self::read).as_ref().ok_or(NotDrawn::Fonts)
    }

    fn read() -> Option<Self> {
        Some(Self {
            text: Face::read(dejavu::sans::regular())?,
            bold: Face::read(dejavu::sans::bold())?,
            emoji: Face::read(epaint_default_fonts::NOTO_EMOJI_REGULAR)?,
        })
    }

    /// The font that has all of these letters.
    pub fn having(&'static self, letters: &str) -> Option<&'static Face> {
        // DejaVu has some of the emoji too, but no two of a kind.
        let pictured = letters.chars().any(|letter| letter >= '\u{1f000}' || letter == '\u{fe0f}');
        let order = if pictured { [&self.emoji, &self.text] } else { [&self.text, &self.emoji] };
        order.into_iter().find(|face| letters.chars().all(|letter| is_unseen(letter) || face.has(letter)))
    }
}

impl Face {
    fn read(bytes: &'static [u8]) -> Option<Self> {
        let font = FontRef::new(bytes).ok()?;
        let shaper = ShaperData::new(&font);
        Some(Self { letters: font.charmap(), shaper, ink: Font::new(bytes.into(), 0)?, font })
    }

    fn has(&self, letter: char) -> bool {
        self.letters.map(letter).is_some()
    }
}

/// True for characters that steer their neighbours and have no shape of their own: joiners, variation
/// selectors, marks of direction (Unicode's `Default_Ignorable_Code_Point`).
pub fn is_unseen(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A length in thousandths of a point, as the page counts it.
pub fn points(thousandths: i32) -> f32 {
    ratio(thousandths, 1_000)
}

/// A width in parts of the em.
pub fn ems(units: i32) -> f32 {
    ratio(units, EM)
}

#[expect(
    clippy::as_conversions,
    clippy::float_arithmetic,
    reason = "the page's geometry is in floats, by the crate; no money passes here"
)]
fn ratio(part: i32, whole: i32) -> f32 {
    part as f32 / whole as f32
}
