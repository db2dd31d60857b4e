//! Results on stdout: one JSON document for a script, or aligned columns for a person.

use std::io::{self, Write};

use serde::Serialize;

/// Writes one JSON document on a line of its own.
pub(super) fn json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(value)?;
    line(out, &text)
}

/// Writes one line.
pub(super) fn line(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "{text}")?;
    out.flush()
}

/// Writes rows below their titles, each column as wide as its widest cell.
pub(super) fn table<const N: usize>(out: &mut dyn Write, titles: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
    let mut widths = titles.map(|title| title.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let titles = titles.map(str::to_owned);
    for row in std::iter::once(&titles).chain(rows) {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut out = Vec::new();
        table(&mut out, ["id", "name"], &[["long id".to_owned(), "é".to_owned()]]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "id       name\nlong id  é\n");
    }
}
