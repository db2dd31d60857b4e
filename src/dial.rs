//! The one way out of this program by HTTP, whoever is called.
//!
//! It dials the named host itself: a proxy of the environment would not find a loopback address, and would
//! see where keys are sent. What is sent and how long is waited is the caller's.

use chrono::DateTime;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::domain::time::{Span, Timestamp};

/// A builder of clients that speak TLS and ask nobody for the way.
///
/// Certificates are judged by rustls-platform-verifier, which on Linux takes the roots that the system has
/// (`/etc/ssl/certs`, or `SSL_CERT_FILE`): with none at all, no client can be built, except one whose
/// builder says `tls_certs_only`.
pub fn builder() -> reqwest::ClientBuilder {
    // A second installation is refused, and the first one serves.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

/// When it may be asked again, by the answer's `Retry-After`: in seconds, or as a date.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Span> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than can be counted are still a wish for patience.
        return Some(Span::seconds(text.parse::<u32>().unwrap_or(u32::MAX).into()));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some(Timestamp::from_millis(date.timestamp_millis()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_for_patience_is_read_in_seconds_or_as_a_date() {
        let now = Timestamp::parse("2026-05-12T12:00:00.000Z").unwrap();
        let cases = [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999", Some(u32::MAX.into())),
            ("Tue, 12 May 2026 12:05:00 GMT", Some(300)),
            ("Tue, 12 May 2026 11:00:00 GMT", Some(0)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
        ];
        for (text, seconds) in cases {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(Span::seconds), "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
