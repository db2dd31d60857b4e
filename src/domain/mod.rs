//! What the business is: orders, money, evidence, and the one function that decides.
//!
//! Nothing in this folder waits, reads a clock, draws a random number or touches storage; time and
//! randomness come in as arguments. The story starts in [`order`] and turns in [`lifecycle`].

pub mod access;
pub mod attention;
pub mod catalogue;
pub mod evidence;
pub mod idempotency;
pub mod ids;
pub mod ledger;
pub mod lifecycle;
pub mod money;
pub mod money_facts;
pub mod order;
pub mod pay_link;
pub mod polling;
pub mod replay;
pub mod session;
pub mod time;
pub mod topup;
pub mod webhook;
