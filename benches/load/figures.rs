//! What was measured of one service in one step.

use std::fmt;

use crate::site::engines::Kind;

/// A service that is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The plain one, on PostgreSQL.
    Plain,
    /// Ours.
    Ours(Kind),
}

impl Target {
    /// Its place in every row of the table.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Ours(Kind::Sqlite), Self::Ours(Kind::Postgres)];
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Ours(kind) => kind.fmt(f),
        }
    }
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Orders are made.
    Checkouts,
    /// Those are paid.
    Ipns,
    /// And read.
    Reads,
}

impl Step {
    /// In their order.
    pub const ALL: [Self; 3] = [Self::Checkouts, Self::Ipns, Self::Reads];
}

/// What one step of one service came to in one round.
pub struct Figures {
    /// Which service.
    pub target: Target,
    /// Which step.
    pub step: Step,
    /// How many requests were under way at once.
    pub connections: usize,
    /// Answers a second.
    pub rate: u64,
    /// The time under which 99 in 100 answers came.
    pub p99_micros: u64,
    /// What an answer took of the processors, service and database together.
    pub cpu_micros: u64,
    /// What the generator took of one core, in per cent.
    pub generator: u64,
}
