//! The account that a key belongs to.

pub mod identity;
pub mod rate_limits;
pub mod whoami;
