//! One attempt at sending an event to an endpoint, and what came of it.
//!
//! It never repeats, never follows a redirect, and dials no address that `address.rs` refuses, whatever the name
//! leads to by now. Whether and when there is a next attempt is `domain/webhook/delivery.rs`; what is kept of this
//! one is the courier's. What a merchant reads of a failure is one of the sentences here, never an inner error.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, RequestBuilder, Response};

use super::names::{Guarded, Names, NotDialled};
use super::{address, sign};
use crate::config::Reach;
use crate::dial;
use crate::domain::time::Timestamp;
use crate::domain::webhook::WebhookEvent;
use crate::domain::webhook::delivery::{Attempted, EXCERPT_CHARS_MAX};
use crate::domain::webhook::secret::EndpointSecret;

/// The time for the whole exchange: name, connection, TLS, headers and body (contract, section 6).
const WHOLE: Duration = Duration::from_secs(10);
/// How long a connection that nobody uses is kept: many receivers hang up after five seconds.
const IDLE_FOR: Duration = Duration::from_secs(4);
/// How much is kept of the answer of a receiver that confirmed: enough to know it by.
const CONFIRMED_BYTES_MAX: usize = 256;
/// What the longest excerpt can take: a character has four bytes at most.
const EXCERPT_BYTES_MAX: usize = EXCERPT_CHARS_MAX * 4;

/// Sends; clones share their connections.
#[derive(Clone)]
pub struct Sender {
    http: reqwest::Client,
    reach: Reach,
}

/// An event on its way to an endpoint.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where to.
    pub url: String,
    /// What signs it, the present secret first.
    pub secrets: Vec<EndpointSecret>,
    /// What is sent: these bytes at every attempt.
    pub event: WebhookEvent,
    /// The time that is signed.
    pub at: Timestamp,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// For the schedule: the status, where one came.
    pub outcome: Attempted,
    /// How the answer's body began, where an answer came.
    pub excerpt: Option<String>,
    /// Why it failed, as a sentence for the merchant; none if it did not.
    pub error: Option<String>,
}

impl Attempt {
    /// The answer's status, where one came.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.outcome {
            Attempted::Answered { status, .. } => Some(status),
            Attempted::Unanswered => None,
        }
    }

    fn unanswered(error: &str) -> Self {
        Self { outcome: Attempted::Unanswered, excerpt: None, error: Some(error.to_owned()) }
    }
}

impl Sender {
    /// One that reaches so far, by these names.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(reach: Reach, names: Names) -> Result<Self, reqwest::Error> {
        Self::over(dial::builder(), reach, names.clone()).or_else(|error| {
            // No reason to take no payments: deliveries wait, and the merchant reads why.
            tracing::warn!(
                %error,
                "no root certificates were found on this system; webhooks by https fail: install ca-certificates and restart"
            );
            Self::over(dial::builder().tls_certs_only([]), reach, names)
        })
    }

    /// The same over clients of this builder, which may trust certificates of its own.
    ///
    /// # Errors
    /// If no client can be made: the system has no certificates.
    pub fn over(http: ClientBuilder, reach: Reach, names: Names) -> Result<Self, reqwest::Error> {
        let http = http.dns_resolver(Guarded { reach, names }).redirect(Policy::none());
        let http = http.retry(reqwest::retry::never()).pool_idle_timeout(IDLE_FOR).build()?;
        Ok(Self { http, reach })
    }

    /// Makes one attempt, in 10 seconds at most.
    pub async fn send(&self, outgoing: Outgoing) -> Attempt {
        // A host that is an address is never looked up, and the rules may be stricter than at registration.
        let Ok(url) = address::check(&outgoing.url, self.reach) else { return Attempt::unanswered(NOT_ALLOWED) };
        let Outgoing { secrets, event, at, .. } = outgoing;
        let headers = sign::headers(&secrets, &event, at);
        let request = headers.into_iter().fold(self.http.post(url), |request, (name, text)| request.header(name, text));
        let mut answer = None;
        let hearing = hear(request.body(event.body), at, &mut answer);
        let ended = tokio::time::timeout(WHOLE, hearing).await;
        match (answer, ended) {
            // The first line decides: what becomes of the body changes nothing.
            (Some(answer), _) => answer.judged(),
            (None, Ok(Err(error))) => Attempt::unanswered(reason(&error)),
            (None, Ok(Ok(())) | Err(_)) => Attempt::unanswered(LATE),
        }
    }
}

/// What came, as far as it came.
struct Answer {
    outcome: Attempted,
    status: u16,
    beginning: Beginning,
}

impl Answer {
    fn judged(self) -> Attempt {
        let excerpt = self.beginning.text();
        let (excerpt, error) = match self.status {
            200..=299 => (within(excerpt, CONFIRMED_BYTES_MAX), None),
            status @ 300..=399 => {
                (excerpt, Some(format!("The endpoint answered {status}. Redirects are not followed.")))
            }
            status => (excerpt, Some(format!("The endpoint answered {status}."))),
        };
        Attempt { outcome: self.outcome, excerpt: Some(excerpt), error }
    }
}

/// Sends the request and keeps what it hears in `answer`, so that it is there even if this is never ended.
async fn hear(request: RequestBuilder, at: Timestamp, answer: &mut Option<Answer>) -> Result<(), reqwest::Error> {
    let mut response: Response = request.send().await?;
    let (status, retry_after) = (response.status().as_u16(), dial::retry_after(response.headers(), at));
    let outcome = Attempted::Answered { status, retry_after };
    let answer = answer.insert(Answer { outcome, status, beginning: Beginning::default() });
    while let Some(chunk) = response.chunk().await? {
        answer.beginning.add(&chunk);
        if answer.beginning.is_full() {
            // The rest is not read: letting go of the answer lets go of its connection.
            break;
        }
    }
    Ok(())
}

/// How a body begins.
#[derive(Default)]
struct Beginning {
    bytes: Vec<u8>,
    /// How many characters begin in them, at least.
    characters: usize,
}

impl Beginning {
    fn add(&mut self, chunk: &[u8]) {
        for byte in chunk {
            // All bytes but those that continue a character.
            self.characters += usize::from(*byte & 0xc0 != 0x80);
            if self.is_full() {
                return;
            }
            self.bytes.push(*byte);
        }
    }

    /// True once the last character that is kept is whole.
    fn is_full(&self) -> bool {
        EXCERPT_CHARS_MAX < self.characters || EXCERPT_BYTES_MAX <= self.bytes.len()
    }

    /// As text that every database holds: PostgreSQL knows no NUL.
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let characters = text.chars().map(|character| if character == '\0' { '\u{fffd}' } else { character });
        characters.take(EXCERPT_CHARS_MAX).collect()
    }
}

/// The whole characters at the beginning of a text that take so many bytes at the most.
fn within(mut text: String, bytes_max: usize) -> String {
    while bytes_max < text.len() {
        text.pop();
    }
    text
}

const NOT_ALLOWED: &str = "The address is not allowed.";
const LATE: &str = "No answer within 10 seconds.";

/// Why no answer came, in words that tell nothing of the inside.
fn reason(error: &reqwest::Error) -> &'static str {
    let first: &(dyn Error + 'static) = error;
    let usual = if error.is_connect() { "No connection could be made." } else { "No valid HTTP answer came." };
    successors(Some(first), |error| beneath(*error)).find_map(known).unwrap_or(usual)
}

/// What caused an error. One of I/O hides the error that it wraps, and names the cause of that one instead.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn known(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<NotDialled>() {
        return Some(match error {
            NotDialled::Unresolved(_) => "The name could not be resolved.",
            NotDialled::NotAllowed => NOT_ALLOWED,
        });
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(match error {
            rustls::Error::InvalidCertificate(_) => "TLS failed: the certificate was not accepted.",
            _ => "TLS failed.",
        });
    }
    match error.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => Some("Connection refused."),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some("The address cannot be reached."),
        _ => None,
    }
}
