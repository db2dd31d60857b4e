//! The table of what was measured of ours.

use crate::site::client::Measured;
use crate::site::engines::Kind;

/// One step, with what it promises.
pub struct Row {
    step: &'static str,
    rate_min: u64,
}

/// The longest p99 that is promised, in microseconds.
const P99_MICROS_MAX: u32 = 60_000;

impl Row {
    /// Checkouts made.
    pub fn checkouts(kind: Kind) -> Self {
        Self { step: "checkouts", rate_min: promised(kind) }
    }

    /// IPNs taken: as many.
    pub fn ipns(kind: Kind) -> Self {
        Self { step: "IPNs", rate_min: promised(kind) }
    }

    /// Lists read: nothing is promised of them.
    pub fn lists() -> Self {
        Self { step: "lists of 20", rate_min: 0 }
    }

    /// Orders made for their number.
    pub fn filling() -> Self {
        Self { step: "filling", rate_min: 0 }
    }

    /// Prints it.
    pub fn show(&self, measured: &Measured, machine: &Machine) {
        let Machine { flushes, busy, load } = machine;
        let rate = measured.rate();
        let kept = self.rate_min <= rate && measured.per_mille(990) < P99_MICROS_MAX;
        let verdict = match (self.rate_min, kept) {
            (0, _) => String::new(),
            (promised, true) => format!("kept ({promised})"),
            (promised, false) => format!("MISSED ({promised})"),
        };
        let [server, generator, postgres] = busy;
        println!(
            "{:<12} {rate:>8} {:>9} {:>8} {:>8} {:>8} {server:>7}% {generator:>5}% {postgres:>5}% {load:>6}  {verdict}",
            self.step,
            decimal(rate * 100 / (*flushes).max(1), 2),
            millis(measured.per_mille(500).into()),
            millis(measured.per_mille(990).into()),
            millis(measured.per_mille(1_000).into()),
        );
    }
}

/// How the machine was while something was measured.
pub struct Machine {
    /// What the disk does a second, one flush after the other.
    pub flushes: u64,
    /// What server, generator and PostgreSQL used of one core, in per cent.
    pub busy: [u64; 3],
    /// The load average.
    pub load: String,
}

/// Prints what the columns are.
pub fn head() {
    println!(
        "{:<12} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6} {:>6}  promised",
        "step", "a second", "per flush", "p50 ms", "p99 ms", "max ms", "server", "load", "pg", "avg"
    );
}

fn promised(kind: Kind) -> u64 {
    match kind {
        Kind::Sqlite => 8_000,
        Kind::Postgres => 6_000,
    }
}

/// Microseconds as milliseconds.
pub fn millis(micros: u64) -> String {
    decimal(micros / 10, 2)
}

/// A number that was multiplied by ten that many times.
pub fn decimal(number: u64, places: u32) -> String {
    let unit = 10_u64.pow(places);
    let width = usize::try_from(places).unwrap_or(0);
    format!("{}.{:0width$}", number / unit, number % unit)
}
