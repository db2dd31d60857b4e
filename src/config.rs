//! What the operator set, after it was read and judged: one struct with a meaning per field.
//!
//! `config/load.rs` brings defaults, file, environment and flags together; nothing past this file sees
//! a raw string of configuration. Secrets never show in `Debug`.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use crate::domain::access::Tier;
use crate::domain::catalogue::Catalogue;
use crate::domain::lifecycle::Rules;
use crate::domain::money::Coin;
use crate::domain::time::Span;

/// All settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The base of every URL that is handed out, without a trailing slash; never taken from `Host`.
    pub public_url: String,
    /// `sqlite://<path>` or `postgres://…`.
    pub database_url: String,
    /// The IPN secrets that verify, newest first: none, one, or two during a rotation.
    pub ipn_secrets: Vec<Secret>,
    /// Who makes payments.
    pub provider: Provider,
    /// Refuses development defaults.
    pub production: bool,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<Network>,
    /// The origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// How often an account may call.
    pub rate_limits: RateLimits,
    /// What can be bought and how orders behave.
    pub orders: OrderSettings,
    /// How idempotency keys behave.
    pub idempotency: IdempotencySettings,
    /// How the clock's sweep behaves.
    pub sweeper: SweeperSettings,
    /// How the log looks.
    pub log: LogSettings,
}

/// A text that must not be shown; kept as the bytes it is used as.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for the one who needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Who makes payments for orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Nobody: orders are made without payment data, and IPNs move them.
    None,
    /// The simulator in this binary.
    Simulator,
    /// The provider's sandbox.
    Sandbox,
    /// The provider.
    Live,
}

/// An address range, `10.0.0.0/8` or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Any address of the range.
    pub address: std::net::IpAddr,
    /// How many leading bits count.
    pub prefix_bits: u8,
}

/// The token buckets.
#[derive(Debug, Clone)]
pub struct RateLimits {
    /// Off: no bucket is asked.
    pub enabled: bool,
    /// Each tier's bucket.
    pub buckets: BTreeMap<Tier, Bucket>,
}

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// How many requests fit at once.
    pub capacity: u32,
    /// How many come back per second.
    pub refill_per_second: u32,
}

/// What can be bought, and the rules orders live under.
#[derive(Debug, Clone)]
pub struct OrderSettings {
    /// Products and prices.
    pub catalogue: Catalogue,
    /// How long a buyer has to pay.
    pub pay_window: Span,
    /// The coin a checkout gets that names none.
    pub pay_currency: Option<Coin>,
    /// The rules of `lifecycle::decide`.
    pub rules: Rules,
}

/// What a different body under a used key gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMismatch {
    /// The original order.
    Replay,
    /// 422 `idempotency-mismatch`.
    Reject,
}

/// How idempotency keys behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencySettings {
    /// What a different body gets.
    pub on_mismatch: OnMismatch,
    /// How long a key is kept; none is for ever.
    pub retention: Option<Span>,
}

/// How the sweep by the clock behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweeperSettings {
    /// Off: only the admin's sweep expires orders.
    pub automatic: bool,
    /// The time between two looks.
    pub interval: Span,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// For a machine: one JSON object a line.
    Json,
}

/// How the log looks.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// What is logged, in the form of `RUST_LOG`.
    pub filter: String,
}
