//! The labels and values of a receipt, in the largest type in which all of them stay on the page.

use std::ops::Range;

use super::super::content::Line;
use super::faces::{EM, Faces};
use super::letters::{Direction, Piece};
use super::rows::{Paragraph, Row, paragraphs};
use super::{Length, TABLE_HEIGHT, VALUES_WIDTH, scaled};

/// The sizes of type that are tried, in this order.
const SIZES: [Length; 5] = [SIZE_MAX, 9_000, 8_000, 7_000, SIZE_MIN];
const SIZE_MAX: Length = 10_000;
/// Still readable on paper.
const SIZE_MIN: Length = 6_000;
/// Stands where the customer began a new line, if there are more lines than the page can hold.
const LINE_END: &str = " \u{21b5} ";

/// All entries, set in one size.
pub struct Table {
    /// The size of type.
    pub size: Length,
    /// From top to bottom.
    pub entries: Vec<Entry>,
}

/// A label and its value.
pub struct Entry {
    /// The label.
    pub label: Piece,
    /// The value, from top to bottom.
    pub rows: Vec<Row>,
}

impl Table {
    /// Sets these lines. Where even the smallest type is too large, the values' own line ends are given up
    /// for signs: so the longest note fits, whatever it is made of.
    pub fn that_fits(faces: &'static Faces, lines: &[Line]) -> Self {
        let written: Vec<String> = lines.iter().map(|line| line.value.replace('\t', " ")).collect();
        let measured = Measured::new(faces, &written);
        if let Some(size) = measured.size_that_fits() {
            return measured.set(faces, lines, size);
        }
        let run_on = |value: &String| paragraphs(value).collect::<Vec<_>>().join(LINE_END);
        let run_on: Vec<String> = written.iter().map(run_on).collect();
        let measured = Measured::new(faces, &run_on);
        let size = measured.size_that_fits().unwrap_or(SIZE_MIN);
        measured.set(faces, lines, size)
    }

    /// From one baseline to the next.
    pub fn leading(&self) -> Length {
        leading(self.size)
    }

    /// The height of an entry, with the gap below it.
    pub fn height_of(&self, entry: &Entry) -> Length {
        height(self.size, entry.rows.len())
    }
}

fn leading(size: Length) -> Length {
    scaled(size, 145, 100)
}

fn height(size: Length, rows: usize) -> Length {
    let gap = scaled(size, 60, 100);
    leading(size).saturating_mul(i32::try_from(rows).unwrap_or(i32::MAX)).saturating_add(gap)
}

/// The width of the values in units of the em.
fn width(size: Length) -> i32 {
    scaled(VALUES_WIDTH, EM, size)
}

/// The values before their size is known: each of some paragraphs.
struct Measured<'t>(Vec<Vec<Paragraph<'t>>>);

impl<'t> Measured<'t> {
    fn new(faces: &'static Faces, values: &'t [String]) -> Self {
        let value = |value: &'t String| paragraphs(value).map(|text| Paragraph::new(faces, text, width(SIZE_MAX)));
        Self(values.iter().map(|text| value(text).collect()).collect())
    }

    fn size_that_fits(&self) -> Option<Length> {
        SIZES.into_iter().find(|size| self.height(*size) <= TABLE_HEIGHT)
    }

    fn height(&self, size: Length) -> Length {
        let rows = |value: &Vec<Paragraph<'_>>| value.iter().map(|text| text.breaks(width(size)).len()).sum();
        self.0.iter().map(|value| height(size, rows(value))).fold(0, Length::saturating_add)
    }

    fn set(&self, faces: &'static Faces, lines: &[Line], size: Length) -> Table {
        let rows = |text: &Paragraph<'t>| -> Vec<Row> {
            text.breaks(width(size)).into_iter().map(|row: Range<usize>| text.row(row)).collect()
        };
        let entries = lines.iter().zip(&self.0).map(|(line, value)| Entry {
            label: faces.bold.piece(line.label, Direction::LeftToRight),
            rows: value.iter().flat_map(rows).collect(),
        });
        Table { size, entries: entries.collect() }
    }
}
