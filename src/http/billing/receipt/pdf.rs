//! A receipt as a PDF: one A4 page, its heading over a table of labels and values.
//!
//! What does not fit is set smaller until it does; nothing is left out. The same lines issued at the same
//! time give the same bytes. The letters of a value are found and ordered in `pdf/letters.rs` and broken
//! into rows in `pdf/rows.rs`; no file but these knows the PDF crate.

mod faces;
mod letters;
mod pixels;
mod rows;

use chrono::{DateTime, Datelike, Timelike};
use krilla::color::rgb;
use krilla::geom::{Point, Rect, Size};
use krilla::metadata::{DateTime as Date, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::{Document, SerializeSettings};

use crate::domain::time::Timestamp;

use super::content::{HEADING, Line};
use faces::{EM, Faces, points};
use letters::Piece;
use rows::Row;

/// A length in thousandths of a point.
type Length = i32;

/// A4: 210 mm by 297 mm.
const PAGE_WIDTH: Length = 595_276;
const PAGE_HEIGHT: Length = 841_890;
const MARGIN: Length = 56_000;
const HEADING_SIZE: Length = 20_000;
/// Where the heading stands, the rule below it, and where the table begins.
const HEADING_BASELINE: Length = MARGIN + HEADING_SIZE;
const RULE_TOP: Length = HEADING_BASELINE + 12_000;
const RULE_HEIGHT: Length = 750;
const TABLE_TOP: Length = RULE_TOP + 14_000;
const LABELS_WIDTH: Length = 128_000;
const VALUES_LEFT: Length = MARGIN + LABELS_WIDTH;
const VALUES_WIDTH: Length = PAGE_WIDTH - VALUES_LEFT - MARGIN;
const TABLE_HEIGHT: Length = PAGE_HEIGHT - MARGIN - TABLE_TOP;
/// The sizes of type that are tried, in this order.
const SIZES: [Length; 5] = [10_000, 9_000, 8_000, 7_000, SIZE_MIN];
/// Still readable on paper.
const SIZE_MIN: Length = 6_000;
/// Stands where the customer began a new line, if there are more lines than the page can hold.
const LINE_END: &str = " \u{21b5} ";

/// The page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NotDrawn {
    /// A font of the program's own is broken.
    #[error("a font cannot be read")]
    Fonts,
    /// A length is none.
    #[error("the page has no size")]
    Size,
    /// The crate refused.
    #[error("the document cannot be written: {0}")]
    Document(String),
}

/// The whole file.
///
/// # Errors
/// Only if the program's own fonts are broken.
pub fn draw(title: &str, lines: &[Line], issued_at: Timestamp) -> Result<Vec<u8>, NotDrawn> {
    let faces = Faces::get()?;
    let table = Table::that_fits(faces, lines);
    let mut document = Document::new_with(SerializeSettings { enable_tagging: false, ..SerializeSettings::default() });
    document.set_metadata(metadata(title, issued_at));
    let size = Size::from_wh(points(PAGE_WIDTH), points(PAGE_HEIGHT)).ok_or(NotDrawn::Size)?;
    let mut page = document.start_page_with(PageSettings::new(size));
    let mut surface = page.surface();
    heading(&mut surface, faces);
    table.draw(&mut surface);
    surface.finish();
    page.finish();
    document.finish().map_err(|error| NotDrawn::Document(format!("{error:?}")))
}

fn metadata(title: &str, issued_at: Timestamp) -> Metadata {
    let metadata = Metadata::new().title(title.to_owned()).creator("Driftstack".to_owned()).language("en".to_owned());
    match date(issued_at) {
        Some(date) => metadata.creation_date(date),
        None => metadata,
    }
}

fn date(time: Timestamp) -> Option<Date> {
    let time = DateTime::from_timestamp_millis(time.millis())?;
    let part = |number: u32| u8::try_from(number).ok();
    Some(
        Date::new(u16::try_from(time.year()).ok()?)
            .month(part(time.month())?)
            .day(part(time.day())?)
            .hour(part(time.hour())?)
            .minute(part(time.minute())?)
            .second(part(time.second())?)
            .utc_offset_hour(0)
            .utc_offset_minute(0),
    )
}

fn heading(surface: &mut Surface<'_>, faces: &'static Faces) {
    surface.set_fill(Some(grey(0)));
    let piece = faces.bold.piece(HEADING, letters::Direction::LeftToRight);
    piece.draw(surface, At { left: MARGIN, baseline: HEADING_BASELINE, size: HEADING_SIZE });
    let rule =
        Rect::from_xywh(points(MARGIN), points(RULE_TOP), points(PAGE_WIDTH - MARGIN - MARGIN), points(RULE_HEIGHT));
    if let Some(path) = rule.and_then(pixels::rectangle) {
        surface.draw_path(&path);
    }
}

fn grey(level: u8) -> Fill {
    Fill { paint: rgb::Color::new(level, level, level).into(), opacity: NormalizedF32::ONE, ..Fill::default() }
}

/// Where letters are drawn, and how large.
#[derive(Debug, Clone, Copy)]
struct At {
    left: Length,
    baseline: Length,
    size: Length,
}

impl At {
    /// What so many units of the em are at this size.
    fn length(self, units: i32) -> Length {
        scaled(units, self.size, EM)
    }
}

/// `number * by / of`, which no page makes too large.
fn scaled(number: i32, by: i32, of: i32) -> i32 {
    let product = i64::from(number).saturating_mul(i64::from(by));
    i32::try_from(product.checked_div(i64::from(of)).unwrap_or(0)).unwrap_or(i32::MAX)
}

/// The labels and values, set in one size of type.
struct Table {
    size: Length,
    entries: Vec<Entry>,
}

struct Entry {
    label: Piece,
    rows: Vec<Row>,
}

impl Table {
    /// The table in the largest type in which it stays on the page.
    fn that_fits(faces: &'static Faces, lines: &[Line]) -> Self {
        let as_written = |size| Self::set(faces, size, lines.iter().map(|line| (line.label, line.value.clone())));
        let fitting = SIZES.into_iter().map(as_written).find(|table| table.height() <= TABLE_HEIGHT);
        // Without line ends even the longest note fits, whatever it is made of.
        let run_on = || {
            let run_on = |line: &Line| (line.label, rows::paragraphs(&line.value).collect::<Vec<_>>().join(LINE_END));
            Self::set(faces, SIZE_MIN, lines.iter().map(run_on))
        };
        fitting.unwrap_or_else(run_on)
    }

    fn set(faces: &'static Faces, size: Length, lines: impl Iterator<Item = (&'static str, String)>) -> Self {
        let width = scaled(VALUES_WIDTH, EM, size);
        let entry = |(label, value): (&'static str, String)| Entry {
            label: faces.bold.piece(label, letters::Direction::LeftToRight),
            rows: rows::of(faces, &value, width),
        };
        Self { size, entries: lines.map(entry).collect() }
    }

    /// From one baseline to the next.
    fn leading(&self) -> Length {
        scaled(self.size, 145, 100)
    }

    /// Between two entries.
    fn gap(&self) -> Length {
        scaled(self.size, 60, 100)
    }

    fn height(&self) -> Length {
        self.entries.iter().map(|entry| self.height_of(entry)).fold(0, Length::saturating_add)
    }

    fn height_of(&self, entry: &Entry) -> Length {
        let rows = i32::try_from(entry.rows.len()).unwrap_or(i32::MAX);
        self.leading().saturating_mul(rows).saturating_add(self.gap())
    }

    fn draw(&self, surface: &mut Surface<'_>) {
        let mut top = TABLE_TOP;
        for entry in &self.entries {
            let mut at = At { left: MARGIN, baseline: top.saturating_add(self.leading()), size: self.size };
            surface.set_fill(Some(grey(90)));
            entry.label.draw(surface, at);
            surface.set_fill(Some(grey(0)));
            for row in &entry.rows {
                at.left = VALUES_LEFT;
                if row.from_the_right {
                    at.left = at.left.saturating_add(VALUES_WIDTH).saturating_sub(at.length(row.width));
                }
                row.draw(surface, at);
                at.baseline = at.baseline.saturating_add(self.leading());
            }
            top = top.saturating_add(self.height_of(entry));
        }
    }
}

impl Row {
    fn draw(&self, surface: &mut Surface<'_>, mut at: At) {
        for piece in &self.pieces {
            piece.draw(surface, at);
            at.left = at.left.saturating_add(at.length(piece.width));
        }
    }
}

impl Piece {
    fn draw(&self, surface: &mut Surface<'_>, at: At) {
        for cell in &self.cells {
            if let Some(path) = pixels::path(cell, at) {
                surface.draw_path(&path);
            }
        }
        let start = Point::from_xy(points(at.left), points(at.baseline));
        surface.draw_glyphs(start, &self.glyphs, self.face.ink.clone(), &self.text, points(at.size), false);
    }
}
