//! Brings defaults, file, environment and flags together, in that order of strength, and judges them.
//!
//! All problems are told at once, each with the setting, where the value came from and what would be
//! right; a secret is never repeated. The names are those of `names.rs`.

mod environment;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::domain::access::Tier;
use crate::domain::lifecycle::{LatePayments, LateRate, Rules, ZeroReceived};
use crate::domain::money::Coin;
use crate::domain::time::Span;

use super::given::{Given, Origin};
use super::names::{CONFIG_VARIABLE, Form, SETTINGS, Setting};
use super::{
    Bucket, Descriptors, IdempotencySettings, LogFormat, LogSettings, Login, Network, NowpaymentsSettings, OnMismatch,
    OrderSettings, PollerSettings, Provider, RateLimits, Reach, RetentionSettings, Secret, Settings, SweeperSettings,
    WebhookSettings, catalogue, database_url, file, local_url, values,
};

/// What was given from outside; nothing of it gives the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The settings file of the flag; `CRYPTO_ORDERS_CONFIG` otherwise.
    pub file: Option<PathBuf>,
    /// The environment; variables that are not ours are passed over.
    pub environment: Vec<(String, String)>,
    /// Flags: the key of the setting and its value.
    pub flags: Vec<(&'static str, String)>,
}

/// How long a server in production is drained before it stops.
const DRAINED_FOR: Span = Span::seconds(5);

/// Everything that is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError {
    /// One sentence each.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings are refused")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

/// Reads all settings.
///
/// # Errors
/// [`ConfigError`] with every unknown name and every wrong value there is.
pub fn load(sources: &Sources) -> Result<Settings, ConfigError> {
    let mut reader = Reader { given: BTreeMap::new(), problems: Vec::new() };
    for setting in SETTINGS {
        reader.given.insert(setting.key, Given { text: setting.default.to_owned(), origin: Origin::Default });
    }
    if let Some(path) = file_named(sources) {
        let mut layer = file::read(&path);
        reader.given.append(&mut layer.given);
        reader.problems.append(&mut layer.problems);
    }
    reader.add_environment(&sources.environment);
    for (key, text) in &sources.flags {
        reader.given.insert(key, Given { text: text.clone(), origin: Origin::Flag(key) });
    }
    // Files of secrets and copied lines end with a line end, which is never a part of the value.
    reader.given.values_mut().for_each(|given| given.text = given.text.trim().to_owned());
    reader.refuse_misspelt_database(&sources.environment);
    let settings = reader.settings();
    match settings {
        Some(settings) if reader.problems.is_empty() => Ok(settings),
        _ => Err(ConfigError { problems: reader.problems }),
    }
}

fn file_named(sources: &Sources) -> Option<PathBuf> {
    let variable = sources.environment.iter().find(|(name, value)| name == CONFIG_VARIABLE && !value.is_empty());
    sources.file.clone().or_else(|| variable.map(|(_, path)| Path::new(path).to_path_buf()))
}

struct Reader {
    given: BTreeMap<&'static str, Given>,
    problems: Vec<String>,
}

impl Reader {
    /// True if somebody said what this setting is to be.
    fn is_given(&self, key: &str) -> bool {
        self.given.get(key).is_some_and(|given| !matches!(given.origin, Origin::Default))
    }

    /// One value; what is wrong with it is noted.
    fn read<T>(&mut self, key: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let (setting, given) = (Setting::find(key)?, self.given.get(key)?);
        if setting.form == Form::Secret && values::is_quoted(&given.text) {
            self.problems.push(format!(
                "{key}: the value ({}) has quotes around it, which would be taken for a part of it: write it without them",
                given.origin
            ));
            return None;
        }
        let value = parse(&given.text);
        if value.is_none() {
            let shown = match setting.form {
                Form::Secret => "the value".to_owned(),
                Form::One | Form::Many | Form::Catalogue => format!("{:?}", given.text),
            };
            self.problems.push(format!("{key}: {shown} ({}) is not {}", given.origin, setting.expects));
        }
        value
    }

    /// One value of a setting that may be left out.
    fn read_optional<T>(&mut self, key: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
        self.read(key, |text| if text.is_empty() { Some(None) } else { parse(text).map(Some) })
    }

    /// All values. Each is read before any is missed, so that every problem is noted.
    fn settings(&mut self) -> Option<Settings> {
        let listen = self.read("listen", values::listen);
        let public_url = self.read_optional("public_url", values::public_url);
        let database_url = self.database_url();
        let is_database_given = self.is_given("database_url");
        let ipn_secrets = self.ipn_secrets();
        let production = self.read("production", values::switch);
        let keep_alive =
            self.read("http.keep_alive", |text| values::span_within(text, Span::seconds(1), Span::hours(1)));
        let shutdown_delay =
            self.read_optional("shutdown.delay", |text| values::span_within(text, Span::seconds(0), Span::minutes(5)));
        let provider = self.provider(listen, production);
        let nowpayments = self.nowpayments(provider);
        let poller = self.poller();
        let trusted_proxies = self.read("trusted_proxies", |text| values::list(text, Network::parse));
        let cors_origins = self.read("cors_origins", |text| values::list(text, values::origin));
        let rate_limits = self.rate_limits();
        let orders = self.orders(provider);
        let idempotency = self.idempotency();
        let sweeper = self.sweeper();
        let retention = self.retention();
        let webhooks = self.webhooks();
        let log = self.log();
        Some(Settings {
            listen: listen?,
            public_url: public_url?.unwrap_or(local_url(listen?)),
            database_url: database_url?,
            is_database_given,
            ipn_secrets: ipn_secrets?,
            provider: provider?,
            nowpayments: nowpayments?,
            poller: poller?,
            keep_alive: keep_alive?,
            shutdown_delay: shutdown_delay?.unwrap_or(if production? { DRAINED_FOR } else { Span::seconds(0) }),
            descriptors: Descriptors::default(),
            production: production?,
            trusted_proxies: trusted_proxies?,
            cors_origins: cors_origins?,
            rate_limits: rate_limits?,
            orders: orders?,
            idempotency: idempotency?,
            sweeper: sweeper?,
            retention: retention?,
            webhooks: webhooks?,
            log: log?,
        })
    }

    /// The database's URL; what it asks for in vain is a problem.
    fn database_url(&mut self) -> Option<String> {
        let url = self.read("database_url", database_url::parse);
        if let Some((fault, given)) = url.as_deref().and_then(database_url::fault).zip(self.given.get("database_url")) {
            self.problems.push(format!("database_url: the value ({}) {fault}", given.origin));
        }
        url
    }

    fn ipn_secrets(&mut self) -> Option<Vec<Secret>> {
        let newest = self.read_optional("ipn_secret", values::ipn_secret);
        let old = self.read_optional("ipn_secret_old", values::ipn_secret);
        let (newest, old) = (newest?, old?);
        if newest.is_none() && old.is_some() {
            self.problems.push("ipn_secret_old is given without ipn_secret: set the new secret too".to_owned());
        }
        let mut secrets: Vec<Secret> = newest.into_iter().chain(old).collect();
        secrets.dedup();
        Some(secrets)
    }

    /// Without a word of the operator's, the simulator where only this machine can reach it and nobody has begun
    /// to set the service up: behind a proxy a loopback listener is everybody's, and an IPN secret is a real
    /// provider's. Production gets it too, to be refused there by name.
    fn provider(&mut self, listen: Option<SocketAddr>, production: Option<bool>) -> Option<Provider> {
        let given = self.read_optional("provider", values::provider)?;
        let is_unset = |key| self.given.get(key).is_none_or(|given| given.text.is_empty());
        let untouched = ["trusted_proxies", "public_url", "ipn_secret"].into_iter().all(is_unset);
        let alone = listen?.ip().to_canonical().is_loopback() && untouched;
        Some(given.unwrap_or(if alone || production? { Provider::Simulator } else { Provider::None }))
    }

    fn nowpayments(&mut self, provider: Option<Provider>) -> Option<NowpaymentsSettings> {
        let newest = self.read_optional("nowpayments.api_key", values::ipn_secret);
        let old = self.read("nowpayments.api_keys_old", values::secrets);
        let url = self.read_optional("nowpayments.url", values::public_url);
        let email = self.read_optional("nowpayments.email", values::email);
        let password = self.read_optional("nowpayments.password", values::password);
        let payout_currency = self.read_optional("nowpayments.payout_currency", Coin::parse);
        let login = match (email?, password?) {
            (Some(email), Some(password)) => Some(Login { email, password }),
            (None, None) => None,
            (Some(_), None) => self.missing("nowpayments.password is not set, but nowpayments.email is"),
            (None, Some(_)) => self.missing("nowpayments.email is not set, but nowpayments.password is"),
        };
        let newest = newest?;
        if newest.is_none() && matches!(provider?, Provider::Sandbox | Provider::Live) {
            self.missing::<()>("nowpayments.api_key is not set: copy the API key from the provider's dashboard");
        }
        let mut api_keys: Vec<Secret> = newest.into_iter().chain(old?).collect();
        api_keys.dedup();
        let mut settings = NowpaymentsSettings { url: url?, api_keys, login, payout_currency: payout_currency? };
        if provider? == Provider::Simulator {
            known_to_the_simulator(&mut settings);
        }
        Some(settings)
    }

    fn missing<T>(&mut self, problem: &str) -> Option<T> {
        self.problems.push(problem.to_owned());
        None
    }

    fn poller(&mut self) -> Option<PollerSettings> {
        let automatic = self.read("poller.automatic", values::switch);
        let interval = self.read("poller.interval", |text| values::span_within(text, Span::seconds(1), Span::hours(1)));
        let per_minute = self.read("poller.per_minute", values::per_minute);
        Some(PollerSettings { automatic: automatic?, interval: interval?, per_minute: per_minute? })
    }

    fn webhooks(&mut self) -> Option<WebhookSettings> {
        let automatic = self.read("webhooks.automatic", values::switch);
        let local = self.read("webhooks.allow_local", values::switch);
        let reach = if local? { Reach::Local } else { Reach::Public };
        Some(WebhookSettings { automatic: automatic?, reach })
    }

    fn rate_limits(&mut self) -> Option<RateLimits> {
        let enabled = self.read("rate_limits", values::switch);
        let mut buckets = BTreeMap::<Tier, Bucket>::new();
        for setting in SETTINGS {
            let tier = setting.key.strip_prefix("buckets.").and_then(Tier::parse);
            if let Some((tier, bucket)) = tier.zip(tier.and_then(|_| self.read(setting.key, values::bucket))) {
                buckets.insert(tier, bucket);
            }
        }
        Some(RateLimits { enabled: enabled?, buckets })
    }

    fn orders(&mut self, provider: Option<Provider>) -> Option<OrderSettings> {
        let catalogue = self.catalogue();
        let pay_window =
            self.read("pay_window", |text| values::span_within(text, Span::minutes(1), Span::hours(24 * 365)));
        let pay_currency = self.read_optional("pay_currency", Coin::parse);
        let tolerance_basis_points = self.read("tolerance_percent", values::basis_points);
        let late_payments = self.read("late_payments", |text| match text {
            "reopen" => Some(LatePayments::Reopen),
            "record" => Some(LatePayments::Record),
            _ => None,
        });
        let zero_received = match provider? {
            // The sandbox never fills the received amount in.
            Provider::Sandbox => ZeroReceived::Unknown,
            Provider::None | Provider::Simulator | Provider::Live => ZeroReceived::Short,
        };
        let late_rate = self.read("late_rate", |text| match text {
            "check" => Some(LateRate::Check),
            "accept" => Some(LateRate::Accept),
            _ => None,
        });
        let late_rate_basis_points = self.read("late_rate_percent", values::basis_points);
        let rules = Rules {
            tolerance_basis_points: tolerance_basis_points?,
            late_payments: late_payments?,
            zero_received,
            late_rate: late_rate?,
            late_rate_basis_points: late_rate_basis_points?,
        };
        Some(OrderSettings { catalogue: catalogue?, pay_window: pay_window?, pay_currency: pay_currency?, rules })
    }

    fn catalogue(&mut self) -> Option<crate::domain::catalogue::Catalogue> {
        let (setting, given) = (Setting::find("catalogue")?, self.given.get("catalogue")?);
        catalogue::parse(&given.text)
            .map_err(|wrong| {
                let problem = format!("catalogue ({}): {wrong}; it is to be {}", given.origin, setting.expects);
                self.problems.push(problem);
            })
            .ok()
    }

    fn idempotency(&mut self) -> Option<IdempotencySettings> {
        let on_mismatch = self.read("idempotency.on_mismatch", |text| match text {
            "replay" => Some(OnMismatch::Replay),
            "reject" => Some(OnMismatch::Reject),
            _ => None,
        });
        let retention = self.read("idempotency.retention", values::retention);
        Some(IdempotencySettings { on_mismatch: on_mismatch?, retention: retention? })
    }

    fn sweeper(&mut self) -> Option<SweeperSettings> {
        let automatic = self.read("sweeper.automatic", values::switch);
        let interval =
            self.read("sweeper.interval", |text| values::span_within(text, Span::seconds(1), Span::hours(1)));
        Some(SweeperSettings { automatic: automatic?, interval: interval? })
    }

    fn retention(&mut self) -> Option<RetentionSettings> {
        let delivered = self.read("retention.delivered", values::retention);
        let undelivered = self.read("retention.undelivered", values::retention);
        Some(RetentionSettings { delivered: delivered?, undelivered: undelivered? })
    }

    fn log(&mut self) -> Option<LogSettings> {
        let format = self.read("log.format", |text| match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        });
        let filter = self.read("log.filter", values::log_filter);
        Some(LogSettings { format: format?, filter: filter? })
    }
}

/// The simulator knows everybody, but not nobody.
fn known_to_the_simulator(settings: &mut NowpaymentsSettings) {
    let known = || Secret::new("simulator".to_owned());
    if settings.api_keys.is_empty() {
        settings.api_keys.push(known());
    }
    settings.login.get_or_insert_with(|| Login { email: "simulator@example.com".to_owned(), password: known() });
    // Without it the simulator's minima are as wrong as the provider's.
    settings.payout_currency = settings.payout_currency.take().or_else(|| Coin::parse("btc"));
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
