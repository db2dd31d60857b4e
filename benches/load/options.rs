//! What the benchmark was asked to do.

use std::str::FromStr;
use std::time::Duration;

use crate::site::engines::Kind;

/// Everything that can be chosen.
#[derive(Clone)]
pub struct Options {
    /// Whether ours is compared with a plain service.
    pub ratios: bool,
    /// Whether ours is measured on its own.
    pub sizes: bool,
    /// How often the services take turns.
    pub rounds: usize,
    /// How many requests are under way at once while they are compared.
    pub connections: Vec<usize>,
    /// How long checkouts are made in a step; there are as many IPNs as there were checkouts.
    pub seconds: Option<Duration>,
    /// How many orders there are when memory and start are measured.
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
        let mut options = Self {
            ratios: true,
            sizes: true,
            rounds: 3,
            connections: vec![8, 64, 256],
            seconds: None,
            orders: 200_000,
            engines: vec![Kind::Sqlite, Kind::Postgres],
        };
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().unwrap_or_else(|| panic!("{argument} needs a value"));
            match argument.as_str() {
                "--bench" => {}
                "--only" => options.only(&value()),
                "--rounds" => options.rounds = whole(&value()),
                "--connections" => options.connections = value().split(',').map(whole).collect(),
                "--seconds" => options.seconds = Some(Duration::from_secs(whole(&value()))),
                "--orders" => options.orders = whole(&value()),
                "--engine" => options.engines = vec![Kind::parse(&value())],
                _ => panic!("unknown argument {argument}: {KNOWN}"),
            }
        }
        Some(options)
    }

    fn only(&mut self, part: &str) {
        assert!(["ratios", "sizes"].contains(&part), "no part is called {part}: ratios, sizes");
        (self.ratios, self.sizes) = (part == "ratios", part == "sizes");
    }
}

const KNOWN: &str = "--only ratios|sizes, --rounds N, --connections N,N, --seconds N, --orders N, \
                     --engine sqlite|postgres";

/// A number of at least one.
fn whole<N: FromStr + PartialOrd + From<u8>>(text: &str) -> N {
    let number = text.parse().ok().filter(|number| N::from(1) <= *number);
    number.unwrap_or_else(|| panic!("{text} is no whole number of at least 1"))
}
