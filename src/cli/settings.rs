//! The flags that set what a file or a variable could set too; every command takes them.
//!
//! No secret is a setting's flag: arguments show in the list of processes.

use std::path::PathBuf;

use clap::Args;

/// Settings from flags, stronger than all others.
#[derive(Args)]
#[command(next_help_heading = "Settings (stronger than environment and file)")]
pub(super) struct SettingsFlags {
    /// Read settings from this TOML file [env: CRYPTO_ORDERS_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Keep orders in sqlite://PATH or postgres://… [env: DATABASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Listen on this address [env: CRYPTO_ORDERS_LISTEN]
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Begin every URL that is handed out with this [env: CRYPTO_ORDERS_PUBLIC_URL]
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<String>,
    /// Have payments made by none, simulator, sandbox or live [env: CRYPTO_ORDERS_PROVIDER]
    #[arg(long, global = true, value_name = "WHO")]
    provider: Option<String>,
    /// Switch rate limits on or off [env: CRYPTO_ORDERS_RATE_LIMITS]
    #[arg(long, global = true, value_name = "SWITCH")]
    rate_limits: Option<String>,
    /// Write log lines as text or json [env: CRYPTO_ORDERS_LOG_FORMAT]
    #[arg(long, global = true, value_name = "FORM")]
    log_format: Option<String>,
    /// Log this much, as RUST_LOG says it [env: CRYPTO_ORDERS_LOG_FILTER]
    #[arg(long, global = true, value_name = "FILTER")]
    log_filter: Option<String>,
    /// Refuse development defaults [env: CRYPTO_ORDERS_PRODUCTION]
    #[arg(long, global = true)]
    production: bool,
}

impl SettingsFlags {
    /// The flags that were given, by the key of their setting.
    pub(super) fn given(&self) -> Vec<(&'static str, String)> {
        let texts = [
            ("database_url", &self.database_url),
            ("listen", &self.listen),
            ("public_url", &self.public_url),
            ("provider", &self.provider),
            ("rate_limits", &self.rate_limits),
            ("log.format", &self.log_format),
            ("log.filter", &self.log_filter),
        ];
        let given = texts.into_iter().filter_map(|(key, text)| Some((key, text.clone()?)));
        given.chain(self.production.then(|| ("production", "on".to_owned()))).collect()
    }
}
