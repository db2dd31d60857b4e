//! Asks the provider's API: payments made, looked up and listed, coins, minima and estimates.
//!
//! Questions are repeated while the provider seems to be away for a moment; a creation never is, because the
//! provider knows no idempotency key and every one mints an address ([`CallError::may_have_happened`] says
//! whether this one might have). Nothing here is stored or decided, and no key is ever logged: one exchange is
//! in [`mod@line`], the login in [`login`], the payments' fields in [`super::report`].

mod answers;
mod error;
mod line;
mod login;
mod patience;
mod wish;

use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, HeaderValue, InvalidHeaderValue};
use reqwest::{Method, RequestBuilder, Url};

use super::fields::Unreadable;
use super::report::{PaymentPage, PaymentReport};
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::ids::PaymentId;
use crate::domain::money::{Coin, CoinAmount, Currency};
use crate::domain::time::Timestamp;

pub use answers::Minimum;
pub use error::CallError;
pub use patience::Patience;
pub use wish::PaymentWish;

use line::{Call, Line};
use login::Login;

/// An answer about one thing is no longer than this.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// A list of 500 payments is no longer than this.
const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The most payments of a page.
const PAGE_LIMIT: &str = "500";

/// A handle to the provider's API; clones share its connections and its login.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    base: Url,
    line: Line,
    /// Newest first.
    keys: Vec<HeaderValue>,
    login: Option<Login>,
    ipn_callback_url: String,
}

/// Settings from which no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    /// The base of the API is no URL.
    #[error("the provider's URL is none")]
    Url,
    /// A key that no header can carry.
    #[error("an API key has characters that cannot be sent")]
    Key(#[from] InvalidHeaderValue),
    /// The HTTP client; without the system's certificates there is none.
    #[error("no HTTP client can be made")]
    Http(#[from] reqwest::Error),
}

/// Which payments are listed: those made between these times, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListAsked {
    /// Made at this time or later.
    pub from: Timestamp,
    /// Made at this time or earlier.
    pub until: Timestamp,
    /// Which page, from 0.
    pub page: u32,
}

impl Client {
    /// A client for these settings; none where nobody makes payments.
    ///
    /// # Errors
    /// [`NoClient`] if a setting cannot be used.
    pub fn new(settings: &Settings) -> Result<Option<Self>, NoClient> {
        // The life of a login is the provider's time, which no test moves.
        Self::patient(settings, Patience::default(), Clock::system())
    }

    /// The same with this patience, and with this clock for the age of a login.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn patient(settings: &Settings, patience: Patience, clock: Clock) -> Result<Option<Self>, NoClient> {
        let Some(base) = settings.provider_url() else { return Ok(None) };
        let base = Url::parse(&base).ok().filter(Url::has_host).ok_or(NoClient::Url)?;
        let account = &settings.nowpayments;
        let keys = account.api_keys.iter().map(|key| {
            let mut key = HeaderValue::from_str(key.reveal())?;
            key.set_sensitive(true);
            Ok(key)
        });
        let keys = keys.collect::<Result<_, InvalidHeaderValue>>()?;
        let line = Line::new(&base, patience, clock.clone())?.hiding(account);
        let login = account.login.clone().map(|login| Login::new(login, clock));
        let ipn_callback_url = settings.ipn_callback_url();
        Ok(Some(Self(Arc::new(Inner { base, line, keys, login, ipn_callback_url }))))
    }

    /// Whether the provider is there at all; no key is needed.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn status(&self) -> Result<(), CallError> {
        let call = self.question("status", &["status"]);
        understood(&self.0.line.ask(&call).await?, answers::is_up)
    }

    /// Makes a payment, once: an answer that is lost is not asked for again.
    ///
    /// # Errors
    /// [`CallError`]; after one that may have happened, look for the payment before another is made.
    pub async fn create_payment(&self, wish: &PaymentWish) -> Result<PaymentReport, CallError> {
        let body = wish.body(&self.0.ipn_callback_url);
        let body = body.map_err(|error| CallError::Unreachable(format!("the wish cannot be written: {error}")))?;
        let request = self.request(Method::POST, &["payment"]).header(CONTENT_TYPE, "application/json").body(body);
        let call = Call { name: "create_payment", request: self.keyed(request), bytes_max: ANSWER_BYTES_MAX };
        understood(&self.0.line.ask_once(&call).await?, PaymentReport::read)
    }

    /// One payment. Only the key that made a payment knows it, so the older ones are tried as well.
    ///
    /// # Errors
    /// [`CallError::NotFound`] if no key knows it.
    pub async fn payment(&self, id: &PaymentId) -> Result<PaymentReport, CallError> {
        // An address without an id is the list's, and these two are none inside a path.
        if matches!(id.as_str(), "." | "..") {
            return Err(CallError::NotFound);
        }
        let text = self.0.line.within(self.payment_by_any_key(id)).await?;
        let report = understood(&text, PaymentReport::read)?;
        if report.evidence.payment_id != *id {
            return Err(CallError::NoAnswer("the answer is about another payment".to_owned()));
        }
        Ok(report)
    }

    async fn payment_by_any_key(&self, id: &PaymentId) -> Result<String, CallError> {
        let request = self.request(Method::GET, &["payment", id.as_str()]);
        let call = |request| Call { name: "payment", request, bytes_max: ANSWER_BYTES_MAX };
        let Some(bare) = request.try_clone() else { return Err(CallError::NotFound) };
        let newest = self.0.line.ask_patiently(&call(self.keyed(bare))).await;
        if newest != Err(CallError::NotFound) {
            return newest;
        }
        for key in self.0.keys.iter().skip(1) {
            let Some(bare) = request.try_clone() else { break };
            match self.0.line.ask_patiently(&call(bare.header(API_KEY, key))).await {
                // A key that was withdrawn knows nothing any more.
                Err(CallError::NotFound | CallError::Refused { status: 401 | 403, .. }) => {}
                settled => return settled,
            }
        }
        Err(CallError::NotFound)
    }

    /// A page of the payments that the newest key made.
    ///
    /// # Errors
    /// [`CallError::NoLogin`] if the settings have no login.
    pub async fn payments(&self, asked: &ListAsked) -> Result<PaymentPage, CallError> {
        let text = self.0.line.within(self.list(asked)).await?;
        let page = understood(&text, PaymentPage::read)?;
        if 0 < page.unreadable {
            tracing::warn!(payments.unreadable = page.unreadable, "the provider lists payments that cannot be read");
        }
        Ok(page)
    }

    async fn list(&self, asked: &ListAsked) -> Result<String, CallError> {
        let login = self.0.login.as_ref().ok_or(CallError::NoLogin)?;
        let token = login.token(self).await?;
        match self.0.line.ask_patiently(&self.list_call(asked, &token)).await {
            Err(CallError::Refused { status: 401, .. }) => {
                login.forget(&token).await;
                let token = login.token(self).await?;
                self.0.line.ask_patiently(&self.list_call(asked, &token)).await
            }
            settled => settled,
        }
    }

    fn list_call(&self, asked: &ListAsked, token: &login::Token) -> Call {
        // Without the empty segment at its end this is the route of a creation.
        let mut url = self.url(&["payment", ""]);
        url.query_pairs_mut()
            .append_pair("limit", PAGE_LIMIT)
            .append_pair("page", &asked.page.to_string())
            .append_pair("sortBy", "created_at")
            .append_pair("orderBy", "asc")
            .append_pair("dateFrom", &asked.from.to_string())
            .append_pair("dateTo", &asked.until.to_string());
        let request = self.0.line.request(Method::GET, url).timeout(self.0.line.patience().list);
        let request = self.keyed(request).bearer_auth(token.reveal());
        Call { name: "payments", request, bytes_max: LIST_BYTES_MAX }
    }

    /// Whether payments can be listed: the settings have a login.
    #[must_use]
    pub fn can_list(&self) -> bool {
        self.0.login.is_some()
    }

    /// The least that can be paid in `from` when the account is paid out in `to`; in `fiat` too, where told.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn min_amount(&self, from: &Coin, to: &Coin, fiat: Currency) -> Result<Minimum, CallError> {
        let fiat = fiat.as_str().to_ascii_lowercase();
        let query =
            [("currency_from", from.as_str()), ("currency_to", to.as_str()), ("fiat_equivalent", fiat.as_str())];
        let call = self.question_with("min_amount", "min-amount", &query);
        understood(&self.0.line.ask(&call).await?, Minimum::read)
    }

    /// What `amount` of one coin or currency is worth in another today. It is offered for quotes; nobody here asks
    /// it yet.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn estimate(&self, amount: &CoinAmount, from: &str, to: &str) -> Result<CoinAmount, CallError> {
        let amount = amount.to_string();
        let query = [("amount", amount.as_str()), ("currency_from", from), ("currency_to", to)];
        let call = self.question_with("estimate", "estimate", &query);
        understood(&self.0.line.ask(&call).await?, answers::estimated)
    }

    /// All coins that the provider takes now.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn currencies(&self) -> Result<Vec<Coin>, CallError> {
        let call = self.question("currencies", &["currencies"]);
        understood(&self.0.line.ask(&call).await?, answers::coins)
    }

    /// The coins that are ticked in the account.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn merchant_coins(&self) -> Result<Vec<Coin>, CallError> {
        let call = self.question("merchant_coins", &["merchant", "coins"]);
        understood(&self.0.line.ask(&call).await?, answers::coins)
    }

    /// Logs in anew, so that a wrong password is noticed before the list is needed.
    ///
    /// # Errors
    /// [`CallError::NoLogin`] if the settings have no login.
    pub async fn log_in(&self) -> Result<(), CallError> {
        let login = self.0.login.as_ref().ok_or(CallError::NoLogin)?;
        self.0.line.within(login.renew(self)).await
    }

    fn question(&self, name: &'static str, path: &[&str]) -> Call {
        let request = self.keyed(self.request(Method::GET, path));
        Call { name, request, bytes_max: ANSWER_BYTES_MAX }
    }

    fn question_with(&self, name: &'static str, path: &str, query: &[(&str, &str)]) -> Call {
        let mut url = self.url(&[path]);
        url.query_pairs_mut().extend_pairs(query);
        Call { name, request: self.keyed(self.0.line.request(Method::GET, url)), bytes_max: ANSWER_BYTES_MAX }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.0.line.request(method, self.url(path))
    }

    /// With the newest key, where there is one: the simulator asks for none.
    fn keyed(&self, request: RequestBuilder) -> RequestBuilder {
        self.0.keys.iter().take(1).fold(request, |request, key| request.header(API_KEY, key))
    }

    /// The address below the base; each part of the path is escaped as one.
    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.0.base.clone();
        // A URL with a host can be added to.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

/// The header of the API key.
const API_KEY: &str = "x-api-key";

/// Reads an answer; one that cannot be read is none.
fn understood<T>(text: &str, read: impl FnOnce(&str) -> Result<T, Unreadable>) -> Result<T, CallError> {
    read(text).map_err(|error| CallError::NoAnswer(format!("the answer cannot be read: {error}")))
}

/// Without keys, login and tokens.
impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.0.base.as_str()).finish_non_exhaustive()
    }
}
