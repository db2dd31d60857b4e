//! What the benchmark was asked to do.

use crate::site::engines::Kind;

/// Everything that can be chosen.
pub struct Options {
    /// The smaller database.
    pub small: u64,
    /// The larger one.
    pub large: u64,
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
        let mut options = Self { small: 10_000, large: 1_000_000, engines: vec![Kind::Sqlite, Kind::Postgres] };
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().unwrap_or_else(|| panic!("{argument} needs a value"));
            match argument.as_str() {
                "--bench" => {}
                "--orders" => options.large = value().parse().expect("a whole number"),
                "--engine" => options.engines = vec![Kind::parse(&value())],
                _ => panic!("unknown argument {argument}: --orders N, --engine sqlite|postgres"),
            }
        }
        Some(options)
    }
}
