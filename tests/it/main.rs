//! The service through the doors its users take, on both engines, as one test binary.
//!
//! [`engines`] makes two tests of each body and gives each a database of its own; [`postgres`] runs the
//! throw-away PostgreSQL under them. Nothing here reaches a database that existed before.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

#[macro_use]
mod engines;
mod postgres;
