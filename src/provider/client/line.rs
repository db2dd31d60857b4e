//! One exchange with the provider, its repetitions, and what became of it.
//!
//! An exchange that failed before its connection stood was certainly not asked; any other that has no complete
//! answer may have been. Answers are read up to a bound. Each exchange that failed is logged here for who looks closely,
//! with the `cf-ray` that the provider's support asks for, and with no key, body or address; what came of the whole
//! question is told once, by whoever asked it.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use super::{CallError, Patience};
use crate::clock::Clock;
use crate::config::NowpaymentsSettings;
use crate::dial;
use crate::domain::time::Span;
use crate::provider::fields::read_body;

/// The most characters of a text of the provider's that are kept.
const TEXT_CHARS_MAX: usize = 200;
/// The most bytes of a `cf-ray`; real ones have about twenty.
const CF_RAY_BYTES_MAX: usize = 64;
/// How long a connection that nobody uses is kept: shorter than the provider's side keeps it.
const IDLE_FOR: Duration = Duration::from_secs(30);

/// The way to the provider.
pub(super) struct Line {
    http: reqwest::Client,
    patience: Patience,
    clock: Clock,
    /// What the provider might repeat in its texts and nobody may read there.
    hidden: Vec<String>,
}

/// Something to ask.
pub(super) struct Call {
    /// Its name in the log.
    pub(super) name: &'static str,
    pub(super) request: RequestBuilder,
    pub(super) bytes_max: usize,
}

impl Line {
    pub(super) fn new(base: &Url, patience: Patience, clock: Clock) -> Result<Self, reqwest::Error> {
        let http = dial::builder()
            // The provider sends nobody elsewhere; who does is not the provider.
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(patience.connect)
            .pool_idle_timeout(IDLE_FOR);
        // The simulator needs no certificates, and there may be none where it runs.
        let http = if base.scheme() == "http" { http.tls_certs_only([]) } else { http };
        Ok(Self { http: http.build()?, patience, clock, hidden: Vec::new() })
    }

    /// The same, with the account's secrets struck out of what the provider says.
    pub(super) fn hiding(mut self, account: &NowpaymentsSettings) -> Self {
        self.hidden = account.api_keys.iter().map(|key| key.reveal().to_owned()).collect();
        self.hidden
            .extend(account.login.iter().flat_map(|login| [login.email.clone(), login.password.reveal().to_owned()]));
        self.hidden.retain(|secret| !secret.is_empty());
        self
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let limit = if method == Method::GET { self.patience.question } else { self.patience.whole };
        self.http.request(method, url).timeout(limit)
    }

    /// Asks a question, within all the time there is for one.
    pub(super) async fn ask(&self, call: &Call) -> Result<String, CallError> {
        self.within(self.ask_patiently(call)).await
    }

    /// Ends what takes longer than everything together may.
    pub(super) async fn within<T>(&self, asking: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        let late = || CallError::NoAnswer("it took too long".to_owned());
        tokio::time::timeout(self.patience.whole, asking).await.unwrap_or_else(|_| Err(late()))
    }

    /// Asks, and asks again where the provider may only be away for a moment.
    pub(super) async fn ask_patiently(&self, call: &Call) -> Result<String, CallError> {
        let mut pause = self.patience.pause;
        for _ in 1..self.patience.attempts_max {
            let settled = self.ask_once(call).await;
            let wait = match &settled {
                Err(CallError::Unreachable(_) | CallError::NoAnswer(_)) => pause,
                Err(CallError::RateLimited { retry_after }) => {
                    let wait = retry_after.map_or(pause, Span::as_duration);
                    if self.patience.retry_after_max < wait {
                        return settled;
                    }
                    wait
                }
                _ => return settled,
            };
            tokio::time::sleep(wait).await;
            pause = pause.saturating_mul(2);
        }
        self.ask_once(call).await
    }

    /// One exchange: the body of an answer that says yes.
    pub(super) async fn ask_once(&self, call: &Call) -> Result<String, CallError> {
        // A request whose body is a text can be copied.
        let request = call.request.try_clone();
        let request = request.ok_or_else(|| CallError::Unreachable("the request cannot be repeated".to_owned()))?;
        let answer = request.send().await.map_err(|error| self.unanswered(call, error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let verdict = match read(answer, call.bytes_max).await {
            Ok(text) => self.judged(status, &headers, text),
            Err(why) => Err(CallError::NoAnswer(self.clean(&why))),
        };
        if let Err(error) = &verdict {
            log(call.name, status, &headers, error);
        }
        verdict
    }

    fn unanswered(&self, call: &Call, error: reqwest::Error) -> CallError {
        // A request that could not even be built was not sent either.
        let is_sent = !error.is_connect() && !error.is_builder();
        let text = self.clean(&story(&error.without_url()));
        let error = if is_sent { CallError::NoAnswer(text) } else { CallError::Unreachable(text) };
        tracing::debug!(provider.call = call.name, error = %error, "an exchange with the provider failed");
        error
    }

    fn judged(&self, status: StatusCode, headers: &HeaderMap, text: String) -> Result<String, CallError> {
        if status.is_success() {
            return Ok(text);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(CallError::RateLimited { retry_after: dial::retry_after(headers, self.clock.now()) });
        }
        // A gateway's 408 says that something was late, not that nothing was done.
        let is_definite = status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT;
        match self.refusal(status, &text).filter(|_| is_definite) {
            Some(CallError::Refused { code: Some(code), .. }) if code == "NOT_FOUND" => Err(CallError::NotFound),
            Some(_) if status == StatusCode::NOT_FOUND => Err(CallError::NotFound),
            Some(refused) => Err(refused),
            None => Err(CallError::NoAnswer(format!("HTTP {}", status.as_u16()))),
        }
    }

    /// The provider's own form of a no: an object with a code, a message, or its status once more.
    fn refusal(&self, status: StatusCode, text: &str) -> Option<CallError> {
        let refusal = read_body(text, |fields| {
            let words = |name| fields.words(name).ok().flatten().map(|words| self.clean(&words));
            let (code, message) = (words("code"), words("message"));
            let is_told = code.is_some() || message.is_some() || fields.has("statusCode");
            let message = message.unwrap_or_default();
            Ok(is_told.then_some(CallError::Refused { status: status.as_u16(), code, message }))
        });
        refusal.ok().flatten()
    }

    /// A text of somebody else's that may be shown: bounded, in one line, without our secrets.
    fn clean(&self, text: &str) -> String {
        let clean = self.hidden.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "(secret)"));
        clean.chars().filter(|character| !character.is_control()).take(TEXT_CHARS_MAX).collect()
    }
}

/// The whole body, unless it is longer than it may be.
async fn read(mut answer: Response, bytes_max: usize) -> Result<String, String> {
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if chunk.len() <= bytes_max.saturating_sub(bytes.len()) => bytes.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(format!("more than {bytes_max} bytes")),
            Ok(None) => return String::from_utf8(bytes).map_err(|_| "the answer is no text".to_owned()),
            Err(error) => return Err(story(&error.without_url())),
        }
    }
}

/// An error and what caused it, in one line.
fn story(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |story, cause| format!("{story}: {cause}"))
}

fn log(call: &str, status: StatusCode, headers: &HeaderMap, error: &CallError) {
    let cf_ray = headers.get("cf-ray").and_then(|ray| ray.to_str().ok()).filter(|ray| ray.len() <= CF_RAY_BYTES_MAX);
    let status = status.as_u16();
    let code = match error {
        CallError::Refused { code, .. } => code.as_deref(),
        _ => None,
    };
    tracing::debug!(provider.call = call, status, code, cf_ray, error = %error, "the provider did not do as asked");
}
