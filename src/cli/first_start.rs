//! The first start on an empty database: something to try at once, and the next commands to paste.
//!
//! The keys are shown once, on stdout. None are made where others can reach the listener, nor in
//! production: there the operator makes accounts and keys by name.

use crate::clock::{Clock, fresh_key, fresh_uuid};
use crate::config::{IpnSecretOrigin, Provider, Setting, Settings, local_url};
use crate::domain::access::keys::{FIRST_START_NAME, NewKey, RESERVED_NAMES};
use crate::domain::access::{Account, ApiKey, KeyKind, Scope, Tier};
use crate::domain::ids::{AccountId, KeyId};
use crate::domain::time::Timestamp;
use crate::store::{Store, StoreError};

/// Prepares an empty database, and answers what to show; none if the database is in use already.
pub(super) async fn prepare(
    store: &Store,
    settings: &Settings,
    origin: &IpnSecretOrigin,
    clock: &Clock,
) -> Result<Option<String>, StoreError> {
    if !store.accounts_list().await?.is_empty() || !store.keys_list(None).await?.is_empty() {
        return Ok(None);
    }
    if settings.production || !settings.listens_on_loopback() {
        return Ok(Some(banner_without_keys(settings)));
    }
    let demo = Demo::new(clock.now());
    store.account_insert(demo.account.clone()).await?;
    for new in [&demo.operator, &demo.customer] {
        store.key_insert(new.key.clone()).await?;
    }
    Ok(Some(banner(&demo, settings, origin)))
}

/// The keys of a first start, or of a seed, that still work.
pub(super) async fn keys_left(store: &Store, now: Timestamp) -> Result<Vec<KeyId>, StoreError> {
    let works = |key: &ApiKey| key.revoked_at.is_none() && !key.has_expired(now);
    let keys = store.keys_list(None).await?;
    let left = keys.iter().filter(|key| RESERVED_NAMES.contains(&key.name.as_str()) && works(key));
    Ok(left.map(|key| key.id).collect())
}

struct Demo {
    account: Account,
    operator: NewKey,
    customer: NewKey,
}

impl Demo {
    fn new(now: Timestamp) -> Self {
        let id = AccountId::new(fresh_uuid(now));
        let named = |new: NewKey| NewKey { key: ApiKey { name: FIRST_START_NAME.to_owned(), ..new.key }, ..new };
        Self {
            account: Account { id, name: "Demo".to_owned(), tier: Tier::Enterprise, created_at: now },
            operator: named(NewKey::of_operator(fresh_key(now))),
            customer: named(NewKey::of_account(id, KeyKind::Live, vec![Scope::AccountOwner], fresh_key(now))),
        }
    }
}

fn banner(demo: &Demo, settings: &Settings, origin: &IpnSecretOrigin) -> String {
    format!(
        r#"
crypto-orders answers at {url}

This is the first start on an empty database. These keys are shown only now:

  account       {account}  (Demo, tier enterprise)
  customer key  {customer}
  operator key  {operator}

The operators' pages are at {local}/admin: sign in with the operator key.

To see an order paid, {place}:

  KEY={customer}
  ORDER=$(curl -sS {local}/v1/billing/crypto-checkout -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -H 'Idempotency-Key: first' -d '{order}' | sed -n 's/.*"order_id":"\([^"]*\)".*/\1/p')
  {pay}
  curl -sS "{local}/v1/billing/crypto-orders/$ORDER/events" -H "Authorization: Bearer $KEY"
"#,
        url = settings.public_url,
        place = place_to_paste(settings, origin),
        pay = paying(settings),
        // The public URL may be a proxy's that is not there yet.
        local = local_url(settings.listen),
        account = demo.account.id,
        customer = demo.customer.plaintext.reveal(),
        operator = demo.operator.plaintext.reveal(),
        order = first_order(settings),
    )
}

/// The line that moves the order. What a real provider has made is paid there, and by nobody's word here.
fn paying(settings: &Settings) -> String {
    let (program, flags) = (program(), same_settings(settings));
    match settings.provider {
        Provider::Simulator if settings.has_simulator_inside() => {
            format!(r#"{program} simulate pay "$ORDER"{flags}"#)
        }
        Provider::Simulator => format!(r#"{program} simulate pay "$ORDER" --url <the simulator's address>"#),
        Provider::None => format!(r#"{program} ipn send --order "$ORDER" --status finished{flags}"#),
        Provider::Sandbox | Provider::Live => {
            "# pay what the checkout answered; the provider's IPN moves the order".to_owned()
        }
    }
}

/// Where the lines find the secret that `ipn send` signs with; the simulator has its own from the server.
fn place_to_paste(settings: &Settings, origin: &IpnSecretOrigin) -> &'static str {
    match origin {
        IpnSecretOrigin::Configured if settings.provider == Provider::Simulator => {
            "paste these lines into another terminal, in this folder"
        }
        IpnSecretOrigin::Generated(_) => "paste these lines into another terminal, in this folder",
        IpnSecretOrigin::Configured => {
            "paste these lines into another terminal, in this folder and with the same IPN secret set"
        }
        IpnSecretOrigin::Missing => {
            "start again with CRYPTO_ORDERS_IPN_SECRET set, and paste these lines into another terminal where it is set too"
        }
    }
}

/// The program as it was called, so that what is pasted runs also where it is not installed.
fn program() -> String {
    let name = std::env::args().next().filter(|name| !name.is_empty()).unwrap_or("crypto-orders".to_owned());
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if name.chars().all(plain) { name } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

/// The flags with which another command meets this server and its generated secret, where they are needed.
fn same_settings(settings: &Settings) -> String {
    let default = |key| Setting::find(key).map(|setting| setting.default);
    let mut flags = String::new();
    if default("listen") != Some(settings.listen.to_string().as_str()) {
        flags.push_str(&format!(" --listen '{}'", settings.listen));
    }
    let database = settings.database_shown();
    // One that is not shown whole holds a password; and no secret is generated beside it.
    if default("database_url") != Some(database.as_str()) && settings.data_folder().is_some() {
        flags.push_str(&format!(" --database-url '{database}'"));
    }
    flags
}

/// The body of a checkout of the first product there is.
fn first_order(settings: &Settings) -> String {
    let catalogue = &settings.orders.catalogue;
    // The shipped catalogue's smallest product, where it is on sale.
    let product = catalogue.find("solo_manual").or_else(|| catalogue.find(catalogue.codes().next()?.as_str()));
    product.map_or_else(String::new, |(code, price)| {
        format!(r#"{{"product":"{code}","price_cents":{},"price_currency":"{}"}}"#, price.cents, price.currency)
    })
}

fn banner_without_keys(settings: &Settings) -> String {
    format!(
        "
crypto-orders answers at {url}

The database is empty. Make an account and keys, with the same settings:

  {program} accounts create --name Acme --tier enterprise
  {program} keys create --account <account id> --scope account_owner
  {program} keys create --admin

The operators' pages are at {url}/admin: sign in with the operator's key.
",
        url = settings.public_url,
        program = program(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn the_banner_shows_both_keys_and_an_order_that_the_catalogue_has() {
        let settings = load(&Sources::default()).unwrap();
        let demo = Demo::new(Timestamp::from_millis(0));
        let shown = banner(&demo, &settings, &IpnSecretOrigin::Configured);
        assert!(shown.contains(demo.customer.plaintext.reveal()) && shown.contains(demo.operator.plaintext.reveal()));
        assert!(shown.contains(r#"{"product":"solo_manual","price_cents":7900,"price_currency":"USD"}"#), "{shown}");
        assert!(shown.contains("http://127.0.0.1:8080/v1/billing/crypto-checkout"), "{shown}");
        assert!(shown.contains("http://127.0.0.1:8080/admin"), "{shown}");
    }

    #[test]
    fn the_banner_says_where_its_lines_find_the_ipn_secret() {
        let flags = vec![("provider", "none".to_owned())];
        let settings = load(&Sources { flags, ..Sources::default() }).unwrap();
        let shown = |origin| banner(&Demo::new(Timestamp::from_millis(0)), &settings, &origin);
        assert!(shown(IpnSecretOrigin::Generated("data/ipn-secret".into())).contains("terminal, in this folder:"));
        assert!(shown(IpnSecretOrigin::Configured).contains("with the same IPN secret set:"));
        assert!(shown(IpnSecretOrigin::Missing).contains("start again with CRYPTO_ORDERS_IPN_SECRET set"));
        assert!(shown(IpnSecretOrigin::Configured).contains("ipn send --order \"$ORDER\""));
        let settings = load(&Sources::default()).unwrap();
        let shown = banner(&Demo::new(Timestamp::from_millis(0)), &settings, &IpnSecretOrigin::Configured);
        assert!(shown.contains("in this folder:") && shown.contains("simulate pay \"$ORDER\""), "{shown}");
    }

    #[test]
    fn the_commands_to_paste_carry_the_settings_that_are_not_the_defaults() {
        let load = |flags| load(&Sources { flags, ..Sources::default() }).unwrap();
        assert_eq!(same_settings(&load(vec![])), "");
        let moved = load(vec![("listen", "127.0.0.1:9".to_owned()), ("database_url", "sqlite:///x/y.db".to_owned())]);
        assert_eq!(same_settings(&moved), " --listen '127.0.0.1:9' --database-url 'sqlite:///x/y.db'");
        let secret = load(vec![("database_url", "postgres://u:s3cr3t@h/d".to_owned())]);
        assert_eq!(same_settings(&secret), "");
    }

    #[test]
    fn a_listener_that_others_reach_gets_no_keys() {
        let flags = vec![("listen", "0.0.0.0:8080".to_owned())];
        let settings = load(&Sources { flags, ..Sources::default() }).unwrap();
        let shown = banner_without_keys(&settings);
        assert!(!shown.contains("ds_") && shown.contains("keys create --admin"), "{shown}");
    }
}
