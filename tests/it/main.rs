//! The service through the doors its users take, on both engines, as one test binary.
//!
//! [`harness`] runs the service; [`engines`] makes two tests of each body and gives each a database of its
//! own; [`postgres`] runs the throw-away PostgreSQL under them. Nothing here reaches a database that
//! existed before.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has failed, and JSON is looked into by its names"
)]

#[macro_use]
mod engines;
mod harness;
mod idempotency;
mod ipns;
mod log;
mod money;
mod nodes;
mod postgres;
mod records;
mod smoke;
mod time;
