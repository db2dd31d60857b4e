//! How long the provider's answers are waited for, and how often a question is repeated.
//!
//! A question has a few attempts inside one bound for all of them; a creation has the whole bound for its
//! single attempt.

use std::time::Duration;

/// How long answers are waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Everything that belongs to one call: logins, attempts and the pauses between them.
    pub whole: Duration,
    /// One attempt of a question, short enough to leave time for another.
    pub question: Duration,
    /// One attempt of a list.
    pub list: Duration,
    /// A connection, with its TLS; an exchange that fails here has certainly not been asked.
    pub connect: Duration,
    /// The first pause between two attempts; each further one is twice as long.
    pub pause: Duration,
    /// The longest pause that the provider may ask for and is still waited for.
    pub retry_after_max: Duration,
    /// How often a question is asked at the most.
    pub attempts_max: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            whole: Duration::from_secs(10),
            question: Duration::from_secs(5),
            list: Duration::from_secs(4),
            connect: Duration::from_secs(2),
            pause: Duration::from_millis(500),
            retry_after_max: Duration::from_secs(2),
            attempts_max: 3,
        }
    }
}
