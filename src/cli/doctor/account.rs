//! The provider's account: whether it answers, and whether it is set up as this service needs it.
//!
//! All questions are asked at once, each bounded by the client's own patience. What the provider did not
//! answer is a warning: only an answer says that something is wrong. That it does not answer at all fails.

use futures_util::future::join_all;

use crate::config::{Provider, Secret, Settings};
use crate::domain::money::Coin;
use crate::provider::client::{CallError, Client, NoClient};

use super::finding::{Finding, unanswered};
use super::minima;

/// So many coins are named as an example of those that are ticked.
const COINS_SHOWN: usize = 8;

/// Everything that the provider can be asked about.
pub(super) async fn findings(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![provider(settings)];
    match Client::new(settings) {
        Ok(Some(client)) => findings.extend(Box::pin(asked(&client, settings)).await),
        Ok(None) => {}
        Err(error) => findings.push(no_client(&error)),
    }
    findings
}

fn provider(settings: &Settings) -> Finding {
    let name = "provider";
    let live = "set CRYPTO_ORDERS_PROVIDER to live, and CRYPTO_ORDERS_NOWPAYMENTS_API_KEY, when you go live";
    match settings.provider {
        Provider::None => Finding::warn(name, "none: orders are made without an address to pay to".to_owned(), live),
        Provider::Simulator => Finding::warn(name, "the simulator: its payments are worth nothing".to_owned(), live),
        Provider::Sandbox => Finding::warn(name, "the sandbox: its payments are worth nothing".to_owned(), live),
        Provider::Live => Finding::ok(name, "live".to_owned()),
    }
}

fn no_client(error: &NoClient) -> Finding {
    let fix = match error {
        NoClient::Url => "set CRYPTO_ORDERS_NOWPAYMENTS_URL to a URL such as https://api.nowpayments.io/v1",
        NoClient::Key(_) => "set CRYPTO_ORDERS_NOWPAYMENTS_API_KEY to the key alone",
        NoClient::Http(_) => "install the system's certificates (package ca-certificates), or set SSL_CERT_FILE",
    };
    Finding::fail("provider reached", error.to_string(), fix)
}

async fn asked(client: &Client, settings: &Settings) -> Vec<Finding> {
    let (up, ticked, known, old, minima, login) = tokio::join!(
        client.status(),
        client.merchant_coins(),
        client.currencies(),
        old_keys(settings),
        minima::findings(client, settings),
        login(client),
    );
    let mut asked = vec![key("API key", &ticked)];
    asked.extend(old);
    asked.extend([pay_currency(&ticked, settings), payout_currency(&known, settings)]);
    asked.extend(minima);
    asked.push(login);
    if let Err(error) = &up {
        asked.iter_mut().for_each(|finding| finding.shorten(&error.to_string(), "no answer, see above"));
    }
    asked.insert(0, reached(&up, settings));
    asked
}

fn reached(up: &Result<(), CallError>, settings: &Settings) -> Finding {
    let name = "provider reached";
    let base = settings.provider_url().unwrap_or_default();
    match up {
        Ok(()) => Finding::ok(name, format!("{base} answers")),
        Err(error) if settings.provider == Provider::Simulator => Finding::warn(
            name,
            format!("{base}: {error}"),
            if settings.has_simulator_inside() {
                "start `crypto-orders serve`: the simulator answers inside it"
            } else {
                "start `crypto-orders simulate`, or look at CRYPTO_ORDERS_NOWPAYMENTS_URL"
            },
        ),
        Err(error) => Finding::fail(
            name,
            format!("{base}: {error}"),
            "let this machine reach it by https: look at its DNS, its firewall, CRYPTO_ORDERS_NOWPAYMENTS_URL",
        ),
    }
}

/// A key is valid if the provider answers a question that needs one.
fn key(check: &'static str, answer: &Result<Vec<Coin>, CallError>) -> Finding {
    match answer {
        Ok(_) => Finding::ok(check, "valid".to_owned()),
        Err(error) => unanswered(
            check,
            error,
            "set CRYPTO_ORDERS_NOWPAYMENTS_API_KEY to a key of this account's dashboard (Settings > Payments > API \
             keys); the sandbox has an account and keys of its own",
        ),
    }
}

/// Each older key, asked for by itself.
async fn old_keys(settings: &Settings) -> Vec<Finding> {
    let olds = settings.nowpayments.api_keys.iter().skip(1).enumerate();
    join_all(olds.map(|(place, key)| old_key(place.saturating_add(1), key, settings))).await
}

async fn old_key(number: usize, key: &Secret, settings: &Settings) -> Finding {
    let name = "old API key";
    let mut alone = settings.clone();
    alone.nowpayments.api_keys = vec![key.clone()];
    let client = match Client::new(&alone) {
        Ok(Some(client)) => client,
        Ok(None) => return Finding::ok(name, "not used: there is no provider".to_owned()),
        Err(error) => return no_client(&error),
    };
    match client.merchant_coins().await {
        Ok(_) => Finding::ok(name, format!("number {number}: valid")),
        Err(error) => unanswered(
            name,
            &error,
            "once no order waits for a payment that it made, take it out of CRYPTO_ORDERS_NOWPAYMENTS_API_KEYS_OLD",
        )
        .about(&format!("number {number}")),
    }
}

fn pay_currency(ticked: &Result<Vec<Coin>, CallError>, settings: &Settings) -> Finding {
    let name = "pay currency";
    let Some(coin) = &settings.orders.pay_currency else {
        let found = "none is set: a checkout that names no coin is refused".to_owned();
        return Finding::warn(name, found, "set CRYPTO_ORDERS_PAY_CURRENCY to a coin that the account takes");
    };
    match ticked {
        Ok(ticked) if ticked.contains(coin) => Finding::ok(name, format!("{coin} is ticked in the account")),
        Ok(ticked) => {
            let some: Vec<&str> = ticked.iter().take(COINS_SHOWN).map(Coin::as_str).collect();
            let fix = format!(
                "tick it in the dashboard (Settings > Payments > Coins settings), or set CRYPTO_ORDERS_PAY_CURRENCY to \
                 one of the {} that are: {}",
                ticked.len(),
                some.join(", ")
            );
            Finding::fail(name, format!("{coin} is not ticked in the account, so that checkouts with it fail"), &fix)
        }
        Err(error) => unanswered(name, error, "mend the API key first"),
    }
}

fn payout_currency(known: &Result<Vec<Coin>, CallError>, settings: &Settings) -> Finding {
    let name = "payout currency";
    let set = "set CRYPTO_ORDERS_NOWPAYMENTS_PAYOUT_CURRENCY to the coin of the account's payout wallet (Settings > \
               Payments > Payout wallets)";
    let Some(coin) = &settings.nowpayments.payout_currency else {
        let found = "none is set: minima are told too low or too high, by ten times at worst".to_owned();
        let is_live = settings.provider == Provider::Live;
        return if is_live { Finding::fail(name, found, set) } else { Finding::warn(name, found, set) };
    };
    match known {
        Ok(known) if known.contains(coin) => Finding::ok(name, format!("{coin} is known to the provider")),
        Ok(_) => Finding::fail(name, format!("the provider does not know {coin}"), set),
        Err(error) => unanswered(name, error, "mend the API key first"),
    }
}

async fn login(client: &Client) -> Finding {
    let name = "list login";
    if !client.can_list() {
        return Finding::warn(
            name,
            "none is set: a payment whose creation got no answer is found only by its IPN".to_owned(),
            "set CRYPTO_ORDERS_NOWPAYMENTS_EMAIL and CRYPTO_ORDERS_NOWPAYMENTS_PASSWORD to the account's login",
        );
    }
    match client.log_in().await {
        Ok(()) => Finding::ok(name, "works".to_owned()),
        Err(error) => unanswered(
            name,
            &error,
            "set CRYPTO_ORDERS_NOWPAYMENTS_EMAIL and CRYPTO_ORDERS_NOWPAYMENTS_PASSWORD to the account's login, letter \
             case included; if they are right, ask the provider to allow this machine's address",
        ),
    }
}
