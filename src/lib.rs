//! Takes crypto payments through NOWPayments: orders created once, moved by evidence, never lost.
//!
//! The modules in reading order: what the business is ([`domain`]), what is durable ([`store`]), how
//! the provider speaks ([`provider`]), who serialises what ([`actors`]), what the wire shows (`http`),
//! and `app`, the only one that knows everybody.

pub mod actors;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dial;
pub mod domain;
pub mod http;
pub mod provider;
pub mod repeats;
pub mod store;
pub mod supervision;
pub mod telemetry;
pub mod webhooks;
