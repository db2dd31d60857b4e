//! The table of what was measured: both sizes side by side, and what became of the promise.

use std::time::Duration;

use crate::Measured;
use crate::questions::Question;
use crate::site::engines::Kind;

/// How many rows a second the export is promised.
const ROWS_MIN: u64 = 200_000;
/// By how much the larger database may be slower, in hundredths.
const RATIO_MAX: u64 = 150;

/// How long one question took.
pub struct Timed {
    name: &'static str,
    promised_micros: u32,
    sorted_micros: Vec<u32>,
}

impl Timed {
    /// Of these answers.
    pub fn new(question: &Question, mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        Self { name: question.name, promised_micros: question.promised_micros, sorted_micros: micros }
    }

    fn per_mille(&self, share: usize) -> u32 {
        let index = (self.sorted_micros.len() * share / 1_000).min(self.sorted_micros.len().saturating_sub(1));
        self.sorted_micros.get(index).copied().unwrap_or(0)
    }
}

/// The export of everything.
pub struct Export {
    rows_a_second: u64,
    megabytes: u64,
}

impl Export {
    /// So much in that time.
    pub fn new(rows: u64, bytes: u64, took: Duration) -> Self {
        let millis = u64::try_from(took.as_millis()).unwrap_or(1).max(1);
        Self { rows_a_second: rows * 1_000 / millis, megabytes: bytes / 1_000_000 }
    }
}

/// Prints it.
pub fn show(kind: Kind, sizes: [u64; 2], measured: [&Measured; 2]) {
    let [small, large] = sizes;
    println!("\n{kind}: milliseconds at {small} and at {large} orders, one request after the other");
    println!("{:<26} {:>8} {:>8} {:>8} {:>8} {:>7}  promised", "question", "p50", "p99", "p50", "p99", "ratio");
    let [of_small, of_large] = measured;
    for (few, many) in of_small.timed.iter().zip(&of_large.timed) {
        let [few_p99, many_p99] = [few.per_mille(990), many.per_mille(990)];
        let ratio = u64::from(many.per_mille(500)) * 100 / u64::from(few.per_mille(500)).max(1);
        let kept = many_p99 < many.promised_micros && few_p99 < few.promised_micros;
        println!(
            "{:<26} {:>8} {:>8} {:>8} {:>8} {:>7}  {} ({} ms){}",
            many.name,
            millis(few.per_mille(500)),
            millis(few_p99),
            millis(many.per_mille(500)),
            millis(many_p99),
            decimal(ratio),
            if kept { "kept" } else { "MISSED" },
            many.promised_micros / 1_000,
            if ratio <= RATIO_MAX { "" } else { ", ratio over 1.5" },
        );
    }
    for (size, export) in sizes.into_iter().zip([&of_small.export, &of_large.export]) {
        let kept = if ROWS_MIN <= export.rows_a_second { "kept" } else { "MISSED" };
        let Export { rows_a_second, megabytes } = export;
        println!("CSV of all {size}: {rows_a_second} rows a second, {megabytes} MB  {kept} ({ROWS_MIN})");
    }
}

fn millis(micros: u32) -> String {
    decimal(u64::from(micros / 10))
}

/// A number of hundredths.
fn decimal(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
