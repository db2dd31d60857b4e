//! The table of ours beside a plain service: medians over the rounds.

use std::time::Duration;

use crate::figures::{Figures, Step, Target};
use crate::table::{decimal, millis};

/// Prints what the rounds came to.
pub fn show(rounds: &[Vec<Figures>], connections: &[usize], span: Duration) {
    let (count, seconds) = (rounds.len(), span.as_secs());
    println!("\nbeside a plain service on PostgreSQL; rounds: {count}, steps of {seconds} s; medians");
    println!("{:<16} {:<28} {:<19} {:<28} CPU us each", "", "answers a second", "times the plain", "p99 ms");
    let three = |width: usize| format!("{:>width$} {:>width$} {:>width$}", "plain", "SQLite", "Postgres");
    println!(
        "{:<10} {:>5} {} {:>9} {:>9} {} {} {:>5}",
        "step",
        "conns",
        three(9),
        "SQLite",
        "Postgres",
        three(9),
        three(8),
        "load"
    );
    for step in Step::ALL {
        for connections in connections {
            println!("{}", Cells { rounds, step, connections: *connections }.line());
        }
    }
    println!("load: the most that the generator took of its one core; at 100% it was the bound");
}

/// The figures of one line.
struct Cells<'r> {
    rounds: &'r [Vec<Figures>],
    step: Step,
    connections: usize,
}

impl Cells<'_> {
    fn line(&self) -> String {
        let name = match self.step {
            Step::Checkouts => "checkouts",
            Step::Ipns => "IPNs",
            Step::Reads => "one order",
        };
        let rates = self.each(9, |figures| figures.rate, |rate| rate.to_string());
        let ratios: Vec<String> = Target::ALL.iter().skip(1).map(|target| self.ratio(*target)).collect();
        let p99 = self.each(9, |figures| figures.p99_micros, millis);
        let cpu = self.each(8, |figures| figures.cpu_micros, |micros| micros.to_string());
        let of_line = self.rounds.iter().flatten().filter(|figures| self.holds(figures));
        let generator = of_line.map(|figures| figures.generator).max().unwrap_or(0);
        format!("{name:<10} {:>5} {rates} {} {p99} {cpu} {generator:>4}%", self.connections, ratios.join(" "))
    }

    fn holds(&self, figures: &Figures) -> bool {
        figures.step == self.step && figures.connections == self.connections
    }

    fn of<'f>(&self, target: Target, round: &'f [Figures]) -> Option<&'f Figures> {
        round.iter().find(|figures| figures.target == target && self.holds(figures))
    }

    /// One figure of every service, in columns of that width.
    fn each(&self, width: usize, figure: impl Fn(&Figures) -> u64, shown: impl Fn(u64) -> String) -> String {
        let cell = |target: &Target| {
            let values = self.rounds.iter().filter_map(|round| self.of(*target, round).map(&figure));
            format!("{:>width$}", median(values.collect()).map_or("-".to_owned(), &shown))
        };
        Target::ALL.iter().map(cell).collect::<Vec<_>>().join(" ")
    }

    /// How often this service answered while the plain one answered once.
    fn ratio(&self, target: Target) -> String {
        let within = |round: &Vec<Figures>| {
            let plain = self.of(Target::Plain, round)?.rate;
            Some(self.of(target, round)?.rate * 100 / plain.max(1))
        };
        let ratio = median(self.rounds.iter().filter_map(within).collect());
        format!("{:>9}", ratio.map_or("-".to_owned(), |hundredths| decimal(hundredths, 2)))
    }
}

/// The middle value; of two in the middle, what lies between.
fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().checked_sub(1)? / 2)?;
    Some(lower.midpoint(upper))
}
