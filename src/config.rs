//! What the operator set, after it was read and judged: one struct with a meaning per field.
//!
//! `config/load.rs` brings defaults, file, environment and flags together; nothing past this file sees
//! a raw string of configuration. Secrets never show in `Debug`, and no error repeats one.

mod catalogue;
mod database_url;
mod descriptors;
mod file;
mod given;
mod load;
mod names;
mod network;
mod production;
mod secret_file;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::domain::access::Tier;
use crate::domain::catalogue::Catalogue;
use crate::domain::lifecycle::Rules;
use crate::domain::money::Coin;
use crate::domain::time::Span;

pub use descriptors::Descriptors;
pub use load::{ConfigError, Sources, load};
pub use names::{CONFIG_VARIABLE, Form, SETTINGS, Setting};
pub use production::{SECRET_CHARS_MIN, unfit_for_production};
pub use secret_file::{IpnSecretOrigin, SecretFileError, known_ipn_secret, settle_ipn_secret};
pub use values::span;

/// Where IPNs come in (contract, section 5).
pub const IPN_PATH: &str = "/v1/webhooks/nowpayments";
/// Where the simulator in this binary answers as the provider's API does.
pub const SIMULATOR_PATH: &str = "/simulator/v1";

/// All settings. `config/names.rs` has the name, the default and the meaning of each for the operator.
#[derive(Clone)]
pub struct Settings {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The base of every URL that is handed out, without a trailing slash; never taken from `Host`.
    pub public_url: String,
    /// `sqlite://<path>` or `postgres://…`.
    pub database_url: String,
    /// Whether somebody named the database, rather than nobody.
    pub is_database_given: bool,
    /// The IPN secrets that verify, newest first: none, one, or two during a rotation.
    pub ipn_secrets: Vec<Secret>,
    /// Who makes payments.
    pub provider: Provider,
    /// How the provider is spoken to.
    pub nowpayments: NowpaymentsSettings,
    /// How often the provider is asked on our own account.
    pub poller: PollerSettings,
    /// How long a connection is kept that waits for its next request.
    pub keep_alive: Span,
    /// How long requests are still served after the signal to stop, so that balancers see it coming.
    pub shutdown_delay: Span,
    /// How many files and connections the process may hold open. A server raises its limit, and writes it here.
    pub descriptors: Descriptors,
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
    /// How long deliveries are kept once they are over.
    pub retention: RetentionSettings,
    /// How merchants are told.
    pub webhooks: WebhookSettings,
    /// How the log looks.
    pub log: LogSettings,
}

impl Settings {
    /// Where the provider is to send its IPNs.
    #[must_use]
    pub fn ipn_callback_url(&self) -> String {
        // The simulator is on this machine; the public URL may be a proxy's that is not there yet.
        let base = if self.provider == Provider::Simulator { &local_url(self.listen) } else { &self.public_url };
        format!("{base}{IPN_PATH}")
    }

    /// The base of the provider's API; none where nobody makes payments.
    #[must_use]
    pub fn provider_url(&self) -> Option<String> {
        let usual = match self.provider {
            Provider::None => return None,
            Provider::Simulator => format!("{}{SIMULATOR_PATH}", local_url(self.listen)),
            Provider::Sandbox => "https://api-sandbox.nowpayments.io/v1".to_owned(),
            Provider::Live => "https://api.nowpayments.io/v1".to_owned(),
        };
        Some(self.nowpayments.url.clone().unwrap_or(usual))
    }

    /// True if the simulator is the provider, and the one in the server itself.
    #[must_use]
    pub fn has_simulator_inside(&self) -> bool {
        self.provider == Provider::Simulator && self.nowpayments.url.is_none()
    }

    /// The folder of the SQLite file, where generated secrets live; none on PostgreSQL.
    #[must_use]
    pub fn data_folder(&self) -> Option<PathBuf> {
        let path = self.database_url.strip_prefix("sqlite://")?;
        let file = Path::new(path.split('?').next().unwrap_or(path));
        Some(file.parent().map(Path::to_path_buf).unwrap_or_default())
    }

    /// The database's URL without what might be a password, for messages.
    #[must_use]
    pub fn database_shown(&self) -> String {
        let Some((scheme, rest)) = self.database_url.split_once("://") else { return "(database)".to_owned() };
        if scheme == "sqlite" {
            return self.database_url.clone();
        }
        // A password may stand in front of the last `@`, or among the parameters.
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        format!("{scheme}://{}", place.split('?').next().unwrap_or(place))
    }

    /// True if only this machine can reach the listener.
    #[must_use]
    pub fn listens_on_loopback(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }

    /// These settings once the listener has its real port (`listen` may ask for port 0): a public URL
    /// that was only derived from `listen` follows it.
    #[must_use]
    pub fn listening_on(mut self, bound: SocketAddr) -> Self {
        if self.public_url == local_url(self.listen) {
            self.public_url = local_url(bound);
        }
        self.listen = bound;
        self
    }
}

/// The URL under which a listener answers on its own machine.
#[must_use]
pub fn local_url(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

/// Without the database's password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("public_url", &self.public_url)
            .field("database_url", &self.database_shown())
            .field("ipn_secrets", &self.ipn_secrets)
            .field("provider", &self.provider)
            .field("nowpayments", &self.nowpayments)
            .field("poller", &self.poller)
            .field("keep_alive", &self.keep_alive)
            .field("shutdown_delay", &self.shutdown_delay)
            .field("production", &self.production)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("cors_origins", &self.cors_origins)
            .field("rate_limits", &self.rate_limits)
            .field("orders", &self.orders)
            .field("idempotency", &self.idempotency)
            .field("sweeper", &self.sweeper)
            .field("retention", &self.retention)
            .field("webhooks", &self.webhooks)
            .field("log", &self.log)
            .finish()
    }
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

/// What the provider's account is spoken to with. Which provider it is, says [`Settings::provider`].
#[derive(Debug, Clone)]
pub struct NowpaymentsSettings {
    /// The base of its API without a trailing slash, where it is not the one of `provider`.
    pub url: Option<String>,
    /// The API keys, newest first: the newest makes payments, the others know those they made.
    pub api_keys: Vec<Secret>,
    /// The login that may list payments.
    pub login: Option<Login>,
    /// The coin that the account is paid out in; minima are asked against it.
    pub payout_currency: Option<Coin>,
}

/// The provider's account, by email.
#[derive(Debug, Clone)]
pub struct Login {
    /// Case-sensitive.
    pub email: String,
    /// Case-sensitive.
    pub password: Secret,
}

/// How merchants are told of their orders (contract, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Off: what is to be sent is queued, and waits.
    pub automatic: bool,
    /// Where endpoints may be.
    pub reach: Reach,
}

/// Where webhooks may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// By https to addresses that are routed globally.
    Public,
    /// By http and to this machine too: for development.
    Local,
}

/// How often the provider is asked on our own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollerSettings {
    /// Off: only IPNs and operators tell.
    pub automatic: bool,
    /// The time between two looks for what is due.
    pub interval: Span,
    /// At most so many questions a minute, over all nodes.
    pub per_minute: u32,
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

/// How long deliveries of webhooks are kept once they are over; none is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Those that were confirmed, and pings whatever became of them.
    pub delivered: Option<Span>,
    /// Those that were given up or discarded.
    pub undelivered: Option<Span>,
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
