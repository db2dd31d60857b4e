//! One call from the command line to a running server: the client, and what to say when nobody answers.
//!
//! What is asked, and what an answer means, is the affair of `ipn.rs` and `simulate.rs`.

use std::time::Duration;

use crate::dial;

use super::error::CliError;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A client that dials the server itself: a proxy of the environment would not find a loopback address.
pub(super) fn client() -> Result<reqwest::Client, CliError> {
    dial::builder()
        .timeout(ANSWER_WITHIN)
        .build()
        .map_err(|error| CliError::Failed(format!("no HTTP client can be made: {error}")))
}

/// Why a request to a running server brought nothing back.
pub(super) fn not_sent(error: &reqwest::Error, base: &str) -> CliError {
    if error.is_builder() {
        return CliError::Usage(format!("--url {base} is no URL such as http://127.0.0.1:8080"));
    }
    CliError::Unreachable(format!(
        "no server answers at {base}: start one with `crypto-orders serve`, or name another with --url"
    ))
}
