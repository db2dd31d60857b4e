//! How merchants are told: what is signed, where it may go, and one attempt at sending it.
//!
//! Nothing here knows of orders, queues or storage: `actors/courier.rs` says what is sent and keeps what came of it,
//! `domain/webhook` has the schedule.

pub mod address;
pub mod names;
pub mod send;
pub mod sign;
