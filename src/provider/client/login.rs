//! The login without which payments cannot be listed: a token that lives five minutes.
//!
//! One caller logs in and the others wait for its token. A token is renewed before its end and forgotten when
//! the provider refuses it; it never leaves the memory.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::Mutex;

use super::line::Call;
use super::{ANSWER_BYTES_MAX, CallError, Client, answers, understood};
use crate::clock::{Clock, MonotonicTime};
use crate::config;
use crate::domain::time::Span;

/// How long a token is used: its five minutes, less the half that an exchange may take twice over.
const TOKEN_LIFE: Span = Span::seconds(270);

/// The account's login, and the token that it was given last.
pub(super) struct Login {
    account: config::Login,
    clock: Clock,
    held: Mutex<Option<Token>>,
}

/// What a login is answered with.
#[derive(Clone)]
pub(super) struct Token {
    text: config::Secret,
    given_at: MonotonicTime,
}

impl Token {
    /// The token itself, for the header.
    pub(super) fn reveal(&self) -> &str {
        self.text.reveal()
    }
}

impl Login {
    pub(super) fn new(account: config::Login, clock: Clock) -> Self {
        Self { account, clock, held: Mutex::new(None) }
    }

    /// A token that still lives.
    pub(super) async fn token(&self, client: &Client) -> Result<Token, CallError> {
        let mut held = self.held.lock().await;
        let age = |token: &Token| self.clock.monotonic().since(token.given_at);
        if let Some(token) = held.as_ref().filter(|token| age(token) < TOKEN_LIFE) {
            return Ok(token.clone());
        }
        let token = self.log_in(client).await?;
        *held = Some(token.clone());
        Ok(token)
    }

    /// Forgets a token that was refused, unless another has taken its place already.
    pub(super) async fn forget(&self, refused: &Token) {
        let mut held = self.held.lock().await;
        held.take_if(|token| token.text == refused.text);
    }

    /// Logs in, whatever is held.
    pub(super) async fn renew(&self, client: &Client) -> Result<(), CallError> {
        let mut held = self.held.lock().await;
        *held = Some(self.log_in(client).await?);
        Ok(())
    }

    async fn log_in(&self, client: &Client) -> Result<Token, CallError> {
        let given_at = self.clock.monotonic();
        let account = [("email", self.account.email.as_str()), ("password", self.account.password.reveal())];
        let body = serde_json::to_string(&std::collections::BTreeMap::from(account));
        let body = body.map_err(|error| CallError::Unreachable(format!("the login cannot be written: {error}")))?;
        let request = client.request(Method::POST, &["auth"]).header(CONTENT_TYPE, "application/json").body(body);
        let call = Call { name: "log_in", request, bytes_max: ANSWER_BYTES_MAX };
        // It makes nothing that would be there twice, so it is repeated as a question is.
        let text = client.0.line.ask_patiently(&call).await?;
        Ok(Token { text: understood(&text, answers::token)?, given_at })
    }
}
