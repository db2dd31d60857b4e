//! Orders as CSV: the columns, and how a cell is written (contract, section 4).
//!
//! RFC 4180 in UTF-8 without a byte order mark, a line end after every row, nothing at all for null. A
//! spreadsheet takes a cell that begins like a formula for one, so such a text gets an apostrophe before
//! it. Which orders these are is not known here: `admin/csv.rs` and the command line say so.

use std::borrow::Cow;
use std::io;

use csv::{Terminator, WriterBuilder};

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
///
/// # Errors
/// If it cannot be written.
pub fn head() -> io::Result<Vec<u8>> {
    table([COLUMNS.map(Cow::Borrowed)].into_iter())
}

/// A row for each order, without the row of names.
///
/// # Errors
/// If they cannot be written.
pub fn rows(lines: &[OrderLine]) -> io::Result<Vec<u8>> {
    table(lines.iter().map(cells))
}

fn table<'a>(rows: impl ExactSizeIterator<Item = Cells<'a>>) -> io::Result<Vec<u8>> {
    let bytes = Vec::with_capacity(rows.len().saturating_mul(ROW_BYTES));
    let mut table = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(bytes);
    for row in rows {
        table.write_record(row.iter().map(|cell| cell.as_bytes()))?;
    }
    table.into_inner().map_err(csv::IntoInnerError::into_error)
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

/// A text that no spreadsheet takes for a formula.
fn guarded(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text.into() }
}
