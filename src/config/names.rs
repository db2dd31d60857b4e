//! Every setting's name, default and meaning: the operator's reference, and what "unknown" is judged by.
//!
//! A setting has one key in the file (`sweeper.interval`), and one variable made of it
//! (`CRYPTO_ORDERS_SWEEPER_INTERVAL`). `load.rs` reads what was given under these names.

/// The variable that names the settings file; the only one that is no setting.
pub const CONFIG_VARIABLE: &str = "CRYPTO_ORDERS_CONFIG";

/// What every variable of ours begins with, `DATABASE_URL` excepted.
pub(super) const VARIABLE_PREFIX: &str = "CRYPTO_ORDERS_";

/// The variable of the database's URL: what every host and every other program calls it.
pub(super) const DATABASE_VARIABLE: &str = "DATABASE_URL";

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in the file; a dot stands for a table.
    pub key: &'static str,
    /// What holds where nothing is given; empty for nothing.
    pub default: &'static str,
    /// What a right value looks like: the end of "is not …".
    pub expects: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// How it is written.
    pub form: Form,
}

/// How a value is written, and whether it may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One text, number or switch.
    One,
    /// A list: an array in the file, commas elsewhere.
    Many,
    /// One text that no message repeats.
    Secret,
    /// Products: tables in the file, `code=cents CUR` and commas elsewhere.
    Catalogue,
}

impl Setting {
    /// Its environment variable.
    #[must_use]
    pub fn variable(&self) -> String {
        match self.key {
            "database_url" => DATABASE_VARIABLE.to_owned(),
            key => format!("{VARIABLE_PREFIX}{}", key.replace('.', "_").to_ascii_uppercase()),
        }
    }

    /// The setting of this key.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }
}

const fn one(key: &'static str, default: &'static str, expects: &'static str, meaning: &'static str) -> Setting {
    Setting { key, default, expects, meaning, form: Form::One }
}

const fn many(key: &'static str, expects: &'static str, meaning: &'static str) -> Setting {
    Setting { key, default: "", expects, meaning, form: Form::Many }
}

const fn secret(key: &'static str, default: &'static str, expects: &'static str, meaning: &'static str) -> Setting {
    Setting { key, default, expects, meaning, form: Form::Secret }
}

const fn bucket(key: &'static str, default: &'static str) -> Setting {
    one(key, default, BUCKET, "the tier's token bucket: how many requests at once / how many more per second")
}

const SWITCH: &str = "on or off";
const BUCKET: &str = "a capacity and a refill per second such as 60/1, both at least 1";

/// All settings, in the order an operator meets them.
pub const SETTINGS: &[Setting] = &[
    one("listen", "127.0.0.1:8080", "an address and a port such as 127.0.0.1:8080", "where the server listens"),
    one(
        "public_url",
        "",
        "a URL such as https://pay.example.com or https://example.com/pay, without user, query or fragment",
        "the base of every URL that is handed out, with its path; made of the listener's address without it",
    ),
    one(
        "http.keep_alive",
        "75s",
        "a length of time from 1s to 1h such as 75s",
        "how long a connection waits for its next request; more than a proxy in front keeps it idle",
    ),
    one(
        "shutdown.delay",
        "",
        "a length of time from 0s to 5m such as 5s",
        "how long requests are still served after the signal to stop, with /readyz at 503; unset: 5s in production, else 0s",
    ),
    secret(
        "database_url",
        "sqlite://data/crypto-orders.db",
        "sqlite://<path of a file> or postgres://user:password@host/database",
        "where orders are kept",
    ),
    secret(
        "ipn_secret",
        "",
        "a text of printable ASCII without spaces",
        "the provider's IPN secret; on loopback and SQLite one is generated without it",
    ),
    secret("ipn_secret_old", "", "a text of printable ASCII without spaces", "the secret before, during a rotation"),
    one(
        "provider",
        "",
        "one of none, simulator, sandbox, live",
        "who makes payments: none, simulator, sandbox or live; unset: the simulator on an untouched machine, or none",
    ),
    secret("nowpayments.api_key", "", "a text of printable ASCII without spaces", "the provider's API key"),
    Setting {
        key: "nowpayments.api_keys_old",
        default: "",
        expects: "a list of API keys with commas, each printable ASCII without spaces or quotes around it",
        meaning: "API keys of before: a payment is known only to the key that made it",
        form: Form::Secret,
    },
    one(
        "nowpayments.email",
        "",
        "an email address",
        "the account's login, by which a payment whose creation got lost is found in the list",
    ),
    secret("nowpayments.password", "", "a text", "the password of that login"),
    one(
        "nowpayments.payout_currency",
        "",
        "a coin's code such as usdttrc20",
        "the coin the account is paid out in, against which minima are asked",
    ),
    one(
        "nowpayments.url",
        "",
        "a URL such as https://api.nowpayments.io/v1",
        "the base of the provider's API; that of the provider without it",
    ),
    one("poller.automatic", "on", SWITCH, "whether the provider is asked about orders by itself"),
    one("poller.interval", "5s", SPAN_OF_SWEEPER, "the time between two looks for questions that are due"),
    one(
        "poller.per_minute",
        "60",
        "a whole number from 1 to 100000",
        "how many questions the poller asks a minute at the most, over all nodes; looks before an expiry come on top",
    ),
    one("production", "off", SWITCH, "refuse development defaults"),
    many(
        "trusted_proxies",
        "a list of addresses or networks such as 10.0.0.0/8",
        "whose X-Forwarded-For counts; nobody's without it",
    ),
    many(
        "cors_origins",
        "a list of origins such as https://shop.example.com, without a path",
        "the origins that browsers may call from; none without it",
    ),
    one("rate_limits", "on", SWITCH, "whether the buckets below are asked"),
    bucket("buckets.free", "60/1"),
    bucket("buckets.solo_manual", "120/2"),
    bucket("buckets.team_manual", "360/6"),
    bucket("buckets.agency_manual", "1800/30"),
    bucket("buckets.api_starter", "240/4"),
    bucket("buckets.api_builder", "1800/30"),
    bucket("buckets.api_scale", "6000/100"),
    bucket("buckets.enterprise", "60000/1000"),
    Setting {
        key: "catalogue",
        default: "solo_manual=7900 USD, team_manual=24900 USD, agency_manual=69900 USD, \
                  api_starter=14900 USD, api_builder=49900 USD, api_scale=149900 USD",
        expects: "a list of products such as solo_manual=7900 USD: a code of a-z 0-9 _ - . once, whole minor \
                  units from 1 to 1000000000000, and an ISO 4217 currency whose exponent is known",
        meaning: "what can be bought; a catalogue that is given replaces the shipped one as a whole",
        form: Form::Catalogue,
    },
    one("pay_window", "60m", "a length of time from 1m to 365d such as 60m", "how long a buyer has to pay"),
    one("pay_currency", "btc", "a coin's code such as btc", "the coin of a checkout that names none"),
    one(
        "tolerance_percent",
        "1",
        "a percentage from 0 to 100 with at most two decimals such as 1 or 0.25",
        "by how much a received amount may miss what is owed",
    ),
    one(
        "late_payments",
        "reopen",
        "reopen or record",
        "what money does to an order that only the clock failed: reopen it, or be recorded without moving it",
    ),
    one(
        "late_rate",
        "check",
        "check or accept",
        "what a late payment does that is known to be worth too much less than the price: leave the order partial (check), or pay it (accept)",
    ),
    one(
        "late_rate_percent",
        "5",
        "a percentage from 0 to 100 with at most two decimals such as 5 or 2.5",
        "by how much a late payment may be worth less than the price",
    ),
    one(
        "idempotency.on_mismatch",
        "replay",
        "replay or reject",
        "what another body under a used key gets: the original order (replay) or 422 (reject)",
    ),
    one(
        "idempotency.retention",
        "forever",
        RETENTION,
        "how long an idempotency key is kept: forever, or a length of time such as 24h",
    ),
    one("sweeper.automatic", "on", SWITCH, "whether the clock expires orders by itself"),
    one("sweeper.interval", "5s", SPAN_OF_SWEEPER, "the time between two looks at the clock"),
    one(
        "retention.delivered",
        "30d",
        RETENTION,
        "how long a webhook's delivery is kept once it is confirmed, and a test ping whatever became of it: \
         forever, or a length of time such as 30d",
    ),
    one(
        "retention.undelivered",
        "forever",
        RETENTION,
        "how long a delivery is kept that was given up or discarded: forever, or a length of time such as 365d",
    ),
    one("webhooks.automatic", "on", SWITCH, "whether webhooks are sent; off, they are queued and wait"),
    one(
        "webhooks.allow_local",
        "off",
        SWITCH,
        "whether webhooks may go by http and to this machine's own addresses, for development",
    ),
    one("log.format", "text", "text or json", "the form of a log line: text or json"),
    one(
        "log.filter",
        // The HTTP library tells of every worker; `cli/serve.rs` says in one line what matters.
        "info,actix_server=warn",
        "a filter in the form of RUST_LOG such as info,crypto_orders=debug",
        "what is logged",
    ),
];

const RETENTION: &str = "forever, or a length of time from 1m to 3650d such as 24h";
const SPAN_OF_SWEEPER: &str = "a length of time from 1s to 1h such as 5s";

/// The known name most like `given`, for the refusal of an unknown one.
pub(super) fn nearest(given: &str, known: impl Iterator<Item = String>) -> String {
    known.min_by_key(|name| strsim::damerau_levenshtein(given, name)).unwrap_or_default()
}
