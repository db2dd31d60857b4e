//! A receipt as a PDF: one A4 page, its heading over a table of labels and values.
//!
//! What does not fit is set smaller until it does; nothing is left out. The same lines issued at the same
//! time give the same bytes. Here is the page; what stands on it is set in `pdf/table.rs`, broken into rows
//! in `pdf/rows.rs`, and its letters are found in `pdf/letters.rs`. No file but these knows the PDF crate.

mod faces;
mod letters;
mod pixels;
mod rows;
mod table;

use chrono::{DateTime, Datelike, Timelike};
use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point, Rect, Size};
use krilla::metadata::{DateTime as Date, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::{Document, SerializeSettings};

use crate::domain::time::Timestamp;

use super::content::{HEADING, Line};
use faces::{EM, Faces, points};
use letters::Piece;
use rows::Row;
use table::{Entry, Table};

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
    let width = PAGE_WIDTH - MARGIN - MARGIN;
    let rule = Place { left: MARGIN, top: RULE_TOP, width, height: RULE_HEIGHT };
    if let Some(rule) = rule.outline() {
        surface.draw_path(&rule);
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

impl Table {
    fn draw(&self, surface: &mut Surface<'_>) {
        let mut top = TABLE_TOP;
        for entry in &self.entries {
            let height = self.height_of(entry);
            let at = At { left: MARGIN, baseline: top.saturating_add(self.leading()), size: self.size };
            // Marks can be piled up on a letter without end: none reaches into another entry.
            let room = Place { left: 0, top, width: PAGE_WIDTH, height };
            if let Some(room) = room.outline() {
                surface.push_clip_path(&room, &FillRule::NonZero);
                entry.draw(surface, at, self.leading());
                surface.pop();
            }
            top = top.saturating_add(height);
        }
    }
}

impl Entry {
    fn draw(&self, surface: &mut Surface<'_>, mut at: At, leading: Length) {
        surface.set_fill(Some(grey(90)));
        self.label.draw(surface, at);
        surface.set_fill(Some(grey(0)));
        for row in &self.rows {
            let room = if row.from_the_right { VALUES_WIDTH.saturating_sub(at.length(row.width)) } else { 0 };
            row.draw(surface, At { left: VALUES_LEFT.saturating_add(room), ..at });
            at.baseline = at.baseline.saturating_add(leading);
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
            cell.draw(surface, at);
        }
        let start = Point::from_xy(points(at.left), points(at.baseline));
        surface.draw_glyphs(start, &self.glyphs, self.face.ink.clone(), &self.text, points(at.size), false);
    }
}

/// A part of the page.
struct Place {
    left: Length,
    top: Length,
    width: Length,
    height: Length,
}

impl Place {
    /// Its outline.
    fn outline(&self) -> Option<Path> {
        let mut path = PathBuilder::new();
        path.push_rect(Rect::from_xywh(points(self.left), points(self.top), points(self.width), points(self.height))?);
        path.finish()
    }
}
