//! A payment as the provider keeps it.
//!
//! Times are those of the world, amounts exact decimals. How it is shown is in `bodies.rs`.

use bigdecimal::BigDecimal;

use crate::domain::time::{Span, Timestamp};

use super::coins::Coin;

/// How long an address of a floating rate is watched.
const WATCHED: Span = Span::hours(7 * 24);
/// How long a frozen quote holds, and how long an estimate does.
pub(super) const QUOTED: Span = Span::minutes(20);

/// A payment.
#[derive(Debug, Clone)]
pub(super) struct Payment {
    pub(super) id: u64,
    pub(super) purchase_id: u64,
    /// The payment whose address this further deposit came to.
    pub(super) parent: Option<u64>,
    /// Further deposits to this one's address.
    pub(super) children: Vec<u64>,
    /// Who made it; nobody else sees it.
    pub(super) api_key: String,
    pub(super) order_id: Option<String>,
    pub(super) description: Option<String>,
    pub(super) callback: Option<String>,
    pub(super) price: BigDecimal,
    pub(super) price_currency: String,
    pub(super) coin: &'static Coin,
    pub(super) pay_amount: BigDecimal,
    pub(super) received: BigDecimal,
    pub(super) address: String,
    pub(super) memo: Option<String>,
    pub(super) rate: Rate,
    /// The provider's word.
    pub(super) word: &'static str,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// What holds for the price in the coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rate {
    Floating,
    Fixed,
    /// Fixed as well, and the payer pays the fee.
    FixedWithFee,
}

impl Payment {
    /// When nobody looks at the address any more.
    pub(super) fn valid_until(&self) -> Timestamp {
        self.created_at.after(if self.rate == Rate::Floating { WATCHED } else { QUOTED })
    }

    /// What has not arrived yet.
    pub(super) fn missing(&self) -> BigDecimal {
        (&self.pay_amount - &self.received).max(BigDecimal::from(0))
    }
}
