//! What `--production` refuses: everything that is only fit for a developer's machine.
//!
//! All of it is told at once. The demo account, which only the database knows, is looked for by
//! `cli/serve.rs`.

use super::{Provider, Reach, Settings};

/// The fewest characters of an IPN secret that is not a placeholder; the provider's own have 32.
pub const SECRET_CHARS_MIN: usize = 16;

/// Every development default in the settings, each with what to set instead.
#[must_use]
pub fn unfit_for_production(settings: &Settings) -> Vec<String> {
    let mut missing = Vec::new();
    if !settings.is_database_given {
        missing.push(
            "DATABASE_URL is not set, so that orders would be kept in the folder of the start: name their database, such as \
             sqlite:///var/lib/crypto-orders/data/crypto-orders.db or postgres://user:password@host/database"
                .to_owned(),
        );
    }
    if settings.ipn_secrets.is_empty() {
        missing.push(
            "CRYPTO_ORDERS_IPN_SECRET is not set: copy the IPN secret from the provider's dashboard \
             (a generated one is for development)"
                .to_owned(),
        );
    }
    if settings.ipn_secrets.iter().any(|secret| secret.reveal().len() < SECRET_CHARS_MIN) {
        missing.push(format!(
            "an IPN secret has fewer than {SECRET_CHARS_MIN} characters, so that it may be guessed: \
             set CRYPTO_ORDERS_IPN_SECRET to the one from the provider's dashboard"
        ));
    }
    if settings.provider == Provider::Simulator {
        missing.push(
            "the simulator makes payments that are worth nothing: set CRYPTO_ORDERS_PROVIDER to live \
             (sandbox to rehearse, none to make no payments)"
                .to_owned(),
        );
    }
    if !settings.public_url.starts_with("https://") {
        missing.push(format!(
            "the public URL {} is not https: set CRYPTO_ORDERS_PUBLIC_URL to the address customers use, \
             such as https://pay.example.com",
            settings.public_url
        ));
    }
    if settings.webhooks.reach == Reach::Local {
        missing.push(
            "webhooks may be sent by http and to this machine: set CRYPTO_ORDERS_WEBHOOKS_ALLOW_LOCAL to off"
                .to_owned(),
        );
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://orders@db.internal/orders");

    fn settings(environment: &[(&str, &str)]) -> Settings {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        load(&Sources { environment, ..Sources::default() }).unwrap()
    }

    #[test]
    fn production_tells_everything_that_is_missing_at_once() {
        let told = unfit_for_production(&settings(&[]));
        assert_eq!(told.len(), 4, "{told:?}");
        let named = ["DATABASE_URL", "CRYPTO_ORDERS_IPN_SECRET", "CRYPTO_ORDERS_PROVIDER", "CRYPTO_ORDERS_PUBLIC_URL"];
        assert!(told.iter().zip(named).all(|(told, name)| told.contains(name)), "{told:?}");
    }

    #[test]
    fn production_refuses_a_secret_that_may_be_guessed_without_showing_it() {
        let told = unfit_for_production(&settings(&[
            DATABASE,
            ("CRYPTO_ORDERS_IPN_SECRET", "hunter2"),
            ("CRYPTO_ORDERS_PROVIDER", "none"),
            ("CRYPTO_ORDERS_PUBLIC_URL", "https://pay.example.com"),
        ]));
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("16 characters") && !told[0].contains("hunter2"));
    }

    #[test]
    fn production_sends_webhooks_nowhere_but_by_https_to_public_addresses() {
        let told = unfit_for_production(&settings(&[
            DATABASE,
            ("CRYPTO_ORDERS_IPN_SECRET", "0123456789abcdef0123456789abcdef"),
            ("CRYPTO_ORDERS_PROVIDER", "none"),
            ("CRYPTO_ORDERS_PUBLIC_URL", "https://pay.example.com"),
            ("CRYPTO_ORDERS_WEBHOOKS_ALLOW_LOCAL", "on"),
        ]));
        assert!(told.len() == 1 && told[0].contains("CRYPTO_ORDERS_WEBHOOKS_ALLOW_LOCAL"), "{told:?}");
    }

    #[test]
    fn production_accepts_a_full_configuration() {
        let fit = settings(&[
            DATABASE,
            ("CRYPTO_ORDERS_IPN_SECRET", "0123456789abcdef0123456789abcdef"),
            ("CRYPTO_ORDERS_PROVIDER", "live"),
            ("CRYPTO_ORDERS_NOWPAYMENTS_API_KEY", "ABCDEFG-ABCDEFG-ABCDEFG-ABCDEFG"),
            ("CRYPTO_ORDERS_PUBLIC_URL", "https://pay.example.com"),
        ]);
        assert!(unfit_for_production(&fit).is_empty());
    }
}
