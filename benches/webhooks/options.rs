//! What the benchmark was asked to do.

use crate::site::engines::Kind;

/// Everything that can be chosen.
#[derive(Clone)]
pub struct Options {
    /// How many deliveries wait when the courier begins.
    pub backlog: u64,
    /// How many orders are paid while half of the endpoints hang.
    pub orders: u64,
    /// On which engines.
    pub engines: Vec<Kind>,
}

impl Options {
    /// Reads the command line; none unless cargo runs benchmarks: `cargo test --benches` starts this too.
    pub fn of_arguments() -> Option<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        if !arguments.iter().any(|argument| argument == "--bench") {
            return None;
        }
        let mut options = Self { backlog: 100_000, orders: 600, engines: vec![Kind::Sqlite, Kind::Postgres] };
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().unwrap_or_else(|| panic!("{argument} needs a value"));
            let number = |text: String| text.parse::<u64>().expect("a whole number");
            match argument.as_str() {
                "--bench" => {}
                "--backlog" => options.backlog = number(value()),
                "--orders" => options.orders = number(value()),
                "--engine" => options.engines = vec![Kind::parse(&value())],
                _ => panic!("unknown argument {argument}: --backlog N, --orders N, --engine sqlite|postgres"),
            }
        }
        Some(options)
    }
}
