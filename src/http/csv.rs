//! Orders as CSV: the columns, and how a cell is written (contract, section 4).
//!
//! RFC 4180 in UTF-8 without a byte order mark, a line end after every row, nothing at all for null. A
//! spreadsheet takes a cell that begins like a formula for one, so such a text gets an apostrophe before it. Many
//! countries' spreadsheets split a line at `;` or at tabs in place of `,`, and then take no quotes inside of a cell
//! for quotes; so every separator inside of a text begins a cell too. Which orders these are is not known here:
//! `admin/csv.rs` and the command line say so.

use std::borrow::Cow;

use crate::store::filter::OrderLine;

/// The names of the columns, in the contract's order.
pub const COLUMNS: [&str; 11] = [
    "order_id",
    "account_id",
    "product",
    "price_cents",
    "price_currency",
    "status",
    "payment_id",
    "customer_note",
    "internal_note",
    "created_at",
    "updated_at",
];

/// What a row takes in most cases.
const ROW_BYTES: usize = 256;

type Cells<'a> = [Cow<'a, str>; 11];

/// The row of names.
#[must_use]
pub fn head() -> Vec<u8> {
    table([COLUMNS.map(Cow::Borrowed)].into_iter())
}

/// A row for each order, without the row of names.
#[must_use]
pub fn rows(lines: &[OrderLine]) -> Vec<u8> {
    table(lines.iter().map(cells))
}

fn table<'a>(rows: impl ExactSizeIterator<Item = Cells<'a>>) -> Vec<u8> {
    let mut table = String::with_capacity(rows.len().saturating_mul(ROW_BYTES));
    for row in rows {
        for (place, cell) in row.iter().enumerate() {
            if 0 < place {
                table.push(',');
            }
            push_cell(&mut table, cell);
        }
        table.push_str("\r\n");
    }
    table.into_bytes()
}

/// Writes a cell in quotes where a reader that splits at any separator needs them.
fn push_cell(table: &mut String, cell: &str) {
    if cell.contains(is_separator) || cell.contains('"') {
        table.push('"');
        table.push_str(&cell.replace('"', "\"\""));
        table.push('"');
    } else {
        table.push_str(cell);
    }
}

fn cells(line: &OrderLine) -> Cells<'_> {
    let [payment_id, customer_note, internal_note] =
        [&line.payment_id, &line.customer_note, &line.internal_note].map(|text| text.as_deref().unwrap_or_default());
    [
        guarded(&line.order_id),
        guarded(&line.account_id),
        guarded(&line.product),
        line.price_cents.to_string().into(),
        guarded(&line.price_currency),
        guarded(&line.status),
        guarded(payment_id),
        guarded(customer_note),
        guarded(internal_note),
        line.created_at.to_string().into(),
        line.updated_at.to_string().into(),
    ]
}

/// True for what splits a line into cells, or a file into lines, in some spreadsheet.
fn is_separator(char: char) -> bool {
    matches!(char, ',' | ';' | '\t' | '\r' | '\n')
}

/// True for what begins a formula: spreadsheets read the full-width forms as the others.
fn is_formula_sign(char: char) -> bool {
    matches!(char, '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}')
}

/// A text that no spreadsheet takes for a formula, at whichever separator it splits the line: an apostrophe stands
/// before a text that begins with a formula's sign, a tab or a line end, and between a separator and such a sign.
fn guarded(text: &str) -> Cow<'_, str> {
    let begins_line = text.starts_with(['\t', '\r', '\n']);
    if !begins_line && !text.contains(is_formula_sign) {
        return text.into();
    }
    let mut guarded = String::with_capacity(text.len().saturating_add(8));
    let mut begins_cell = true;
    if begins_line {
        guarded.push('\'');
    }
    for (place, char) in text.char_indices() {
        // Quotes at the beginning of a cell are taken off by its reader.
        let signs = || text.get(place..).unwrap_or_default().trim_start_matches('"').starts_with(is_formula_sign);
        if begins_cell && signs() {
            guarded.push('\'');
        }
        guarded.push(char);
        begins_cell = is_separator(char);
    }
    guarded.into()
}
