//! The account that a key belongs to.

pub mod whoami;
