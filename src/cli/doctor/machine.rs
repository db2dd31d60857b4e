//! What is on this machine: the database, the limit of open files, the clock, the IPN secret, keys of a first start.

use std::time::Duration;

use reqwest::header::DATE;

use crate::cli::error::{CliError, storage_advice};
use crate::cli::first_start;
use crate::clock::Clock;
use crate::config::{Descriptors, SECRET_CHARS_MIN, Settings, known_ipn_secret};
use crate::dial;
use crate::domain::time::{Span, Timestamp};
use crate::store::{Store, StoreError, exposed_files};

use super::finding::Finding;

/// How long the provider's time may take.
const DATE_WITHIN: Duration = Duration::from_secs(10);
/// By how much two clocks may differ.
const CLOCK_DRIFT_MAX: Span = Span::seconds(60);

/// The database, which was opened already.
pub(super) async fn database(opened: &Result<Store, CliError>, settings: &Settings) -> Finding {
    let (name, database) = ("database", settings.database_shown());
    let store = match opened {
        Ok(store) => store,
        Err(CliError::Storage { source, .. }) => {
            return Finding::fail(name, format!("{database} cannot be opened: {source}"), storage_advice(source));
        }
        Err(error) => return Finding::fail(name, error.to_string(), "check DATABASE_URL, and run this again"),
    };
    if let Err(error) = store.probe().await {
        let found = format!("{database} cannot be written: {error}");
        return Finding::fail(name, found, "free its disk, or let this user write its files and folder");
    }
    let exposed = exposed_files(&settings.database_url);
    if !exposed.is_empty() {
        let files = exposed.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
        return Finding::fail(
            name,
            format!("others than their owner can read {}, which hold secrets", files.join(", ")),
            "run `chmod 600` on these files; a start of the server does it too",
        );
    }
    match is_unused(store).await {
        Ok(false) => Finding::ok(name, format!("{database}: opened, brought to this version's schema, and written")),
        Ok(true) => Finding::warn(
            name,
            format!("{database}: opened and written, but it is empty"),
            "if a server has worked here before, check DATABASE_URL and the folder; else make an account with \
             `crypto-orders accounts create`",
        ),
        Err(error) => unread(name, &error),
    }
}

/// True of a database in which nobody has an account or a key.
async fn is_unused(store: &Store) -> Result<bool, StoreError> {
    Ok(store.accounts_list().await?.is_empty() && store.keys_list(None).await?.is_empty())
}

/// How many files and connections a server started as this command would hold open.
pub(super) fn open_files() -> Finding {
    let name = "open files";
    let fix = "set LimitNOFILE=65536 in the service's unit, or raise the limit of its user (`ulimit -Hn`)";
    match Descriptors::raise() {
        Ok(limit) => {
            let found = format!(
                "up to {}: {} pages of buyers, {} waiting requests and {} webhooks at a time",
                limit.limit(),
                limit.streams_max(),
                limit.waiters_max(),
                limit.deliveries_max()
            );
            if limit.are_ample() { Finding::ok(name, found) } else { Finding::warn(name, found, fix) }
        }
        Err(error) => Finding::warn(name, format!("the limit cannot be read: {error}"), fix),
    }
}

/// This machine's clock beside the provider's.
pub(super) async fn clock(settings: &Settings, clock: &Clock) -> Finding {
    let name = "clock";
    let not_compared = |why: &str| {
        let found = format!("{}; not compared: {why}", clock.now());
        Finding::warn(name, found, "see that NTP keeps this machine's time, as with `timedatectl`")
    };
    let Some(base) = settings.provider_url() else {
        return not_compared("no provider is set");
    };
    let theirs = match provider_s_time(&base).await {
        Ok(Some(theirs)) => theirs,
        Ok(None) => return not_compared("the provider tells no time"),
        Err(_) => return not_compared("the provider does not answer"),
    };
    let ours = clock.now();
    let [late, early] = [theirs.since(ours), ours.since(theirs)];
    if late.max(early) <= CLOCK_DRIFT_MAX {
        return Finding::ok(name, format!("{ours}, within 60 s of the provider's"));
    }
    Finding::fail(
        name,
        format!("{ours}, but the provider has {theirs}"),
        "set this machine's clock by NTP, as with `timedatectl set-ntp true`: pay windows end by it",
    )
}

/// The time that the provider's answers carry, whatever else they say; none if they carry none.
async fn provider_s_time(base: &str) -> Result<Option<Timestamp>, reqwest::Error> {
    let client = dial::builder().timeout(DATE_WITHIN).build()?;
    let answer = client.get(format!("{base}/status")).send().await?;
    let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
    Ok(date.map(|date| Timestamp::from_millis(date.timestamp_millis())))
}

/// The secret that IPNs are verified by.
pub(super) fn ipn_secret(settings: &Settings) -> Finding {
    let name = "IPN secret";
    let set = "set CRYPTO_ORDERS_IPN_SECRET to the IPN secret key of the provider's dashboard \
               (Settings > Payments > Instant payment notifications); without one there it sends no IPN";
    if settings.ipn_secrets.iter().any(|secret| secret.reveal().len() < SECRET_CHARS_MIN) {
        let found = format!("one has fewer than {SECRET_CHARS_MIN} characters, so that it may be guessed");
        return Finding::fail(name, found, set);
    }
    match settings.ipn_secrets.len() {
        0 => match known_ipn_secret(settings) {
            Ok(Some(_)) => {
                Finding::fail(name, "only a generated one, which the provider does not have".to_owned(), set)
            }
            Ok(None) => Finding::fail(name, without_secret(settings).to_owned(), set),
            Err(error) => Finding::fail(name, error.to_string(), set),
        },
        1 => Finding::ok(name, "set".to_owned()),
        _ => Finding::ok(name, "set, and the one before still verifies".to_owned()),
    }
}

/// What a server does that has no IPN secret.
fn without_secret(settings: &Settings) -> &'static str {
    if !settings.listens_on_loopback() {
        "none is set, and no server starts without one where others can reach it"
    } else if settings.data_folder().is_some() {
        "none is set (a development server generates one, which the provider does not have)"
    } else {
        "none is set, so that no IPN is taken"
    }
}

/// Keys whose plaintext a first start or a seed has shown.
pub(super) async fn development_keys(store: &Store, settings: &Settings, now: Timestamp) -> Finding {
    let name = "development keys";
    let left = match first_start::keys_left(store, now).await {
        Ok(left) => left,
        Err(error) => return unread(name, &error),
    };
    if left.is_empty() {
        return Finding::ok(name, "none works; neither does the demo account".to_owned());
    }
    let list = left.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let found = format!("{} made at a first start or by a seed still work: {list}", left.len());
    let fix = "revoke each with `crypto-orders keys revoke <key>`";
    if settings.production { Finding::fail(name, found, fix) } else { Finding::warn(name, found, fix) }
}

/// A check that the database did not answer.
pub(super) fn unread(check: &'static str, error: &StoreError) -> Finding {
    Finding::fail(check, format!("not checked: {error}"), "mend the database, and run this again")
}
