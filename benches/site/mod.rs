//! What every benchmark stands on: databases, the release binary as a server, a cheap client, the machine.

pub mod client;
pub mod engines;
pub mod machine;
pub mod server;

/// The tests' throw-away PostgreSQL.
#[path = "../../tests/it"]
mod it {
    #[expect(dead_code, unused_imports, reason = "only tests stop and crash it")]
    pub mod postgres;
}
