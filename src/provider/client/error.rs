//! Why the provider did not do what it was asked, and whether it may have done it all the same.
//!
//! The texts are bounded and say nothing secret: they go into logs and to operators.

use crate::domain::time::Span;

/// A call that came to nothing, as far as is known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Certainly not asked: no connection could be made.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    /// Asked, and no complete and readable answer came: a time-out, a cut socket, a failure of the
    /// provider's own, HTML instead of JSON, a field that makes no sense.
    #[error("the provider gave no answer: {0}")]
    NoAnswer(String),
    /// Asked too often; nothing was done.
    #[error("the provider is asked too often")]
    RateLimited {
        /// When it may be asked again, where it says so.
        retry_after: Option<Span>,
    },
    /// A definite no, in the provider's own words.
    #[error("the provider refuses ({status}{}): {message}", code.as_deref().map(|code| format!(" {code}")).unwrap_or_default())]
    Refused {
        /// The HTTP status, 4xx.
        status: u16,
        /// Its name for the reason, as `INVALID_API_KEY`, where there is one.
        code: Option<String>,
        /// Its sentence, or nothing.
        message: String,
    },
    /// The provider knows no such thing.
    #[error("the provider does not know it")]
    NotFound,
    /// Lists need a login, and the settings have none.
    #[error("no login of the provider's account is set")]
    NoLogin,
}

impl CallError {
    /// True if the provider may have done what it was asked all the same.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::NoAnswer(_))
    }
}
