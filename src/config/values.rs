//! Reads one setting's text, each function one kind of value. Nothing here knows names or places.
//!
//! None answers a wrong value; `load.rs` says which setting it was and what would be right.

use std::net::SocketAddr;

use reqwest::Url;
use tracing_subscriber::EnvFilter;

use crate::domain::time::Span;

use super::{Bucket, Provider, Secret};

/// The longest length of time that is read: ten years.
const SPAN_MAX: Span = Span::hours(24 * 3650);

/// Reads a length of time: a whole number and `ms`, `s`, `m`, `h` or `d`.
#[must_use]
pub fn span(text: &str) -> Option<Span> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let millis_per_unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    let millis = number.parse::<i64>().ok()?.checked_mul(millis_per_unit)?;
    Some(Span::millis(millis)).filter(|span| *span <= SPAN_MAX)
}

/// A length of time within bounds.
pub(super) fn span_within(text: &str, least: Span, most: Span) -> Option<Span> {
    span(text).filter(|span| least <= *span && *span <= most)
}

/// Reads how long something is kept; none is for ever.
pub(super) fn retention(text: &str) -> Option<Option<Span>> {
    match text {
        "forever" => Some(None),
        text => span_within(text, Span::minutes(1), SPAN_MAX).map(Some),
    }
}

/// Reads a switch.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text {
        "on" | "true" | "1" => Some(true),
        "off" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// Reads a percentage of at most two decimals as basis points, digit by digit: no float comes near money.
pub(super) fn basis_points(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits_only = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits_only(whole) || !digits_only(decimals) {
        return None;
    }
    // `1.50` is `1.5`: zeros at the end say nothing.
    let decimals = decimals.trim_end_matches('0');
    let hundredths = match decimals.len() {
        0 => 0,
        1 => decimals.parse::<u32>().ok()?.checked_mul(10)?,
        2 => decimals.parse::<u32>().ok()?,
        _ => return None,
    };
    let points = whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(hundredths)?;
    (points <= 10_000).then_some(points)
}

/// Reads the base of our URLs; an ending slash is dropped.
pub(super) fn public_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    // The path is put before every address as it stands, so it is plain and read alike by everybody.
    let written = text.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let [written, read] = [written, url.path()].map(|path| path.trim_matches('/'));
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let same = written == read && read.bytes().all(is_plain) && !read.contains("//");
    (plain && bare && web && same).then(|| text.trim_end_matches('/').to_owned())
}

/// Reads an origin exactly as browsers send it. `*` is none: it would open every account's browser.
pub(super) fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let same = url.origin().ascii_serialization() == text;
    (same && matches!(url.scheme(), "http" | "https")).then(|| text.to_owned())
}

/// Reads where to listen.
pub(super) fn listen(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

/// Reads an IPN secret. Blanks around it are dropped, as the provider's own clients do.
pub(super) fn ipn_secret(text: &str) -> Option<Secret> {
    let text = text.trim();
    let printable = text.bytes().all(|b| b.is_ascii_graphic());
    (printable && !text.is_empty()).then(|| Secret::new(text.to_owned()))
}

/// Reads a list of secrets, with commas.
pub(super) fn secrets(text: &str) -> Option<Vec<Secret>> {
    list(text, |text| ipn_secret(text).filter(|_| !is_quoted(text)))
}

/// True for a text in quotes: files of variables keep them where a shell would take them off.
pub(super) fn is_quoted(text: &str) -> bool {
    let pairs = [('"', '"'), ('\'', '\''), ('`', '`'), ('\u{201c}', '\u{201d}'), ('\u{2018}', '\u{2019}')];
    pairs.into_iter().any(|(begin, end)| text.strip_prefix(begin).is_some_and(|rest| rest.ends_with(end)))
}

/// Reads a password.
pub(super) fn password(text: &str) -> Option<Secret> {
    (!text.chars().any(char::is_control)).then(|| Secret::new(text.to_owned()))
}

/// Reads an email address, as far as anybody can.
pub(super) fn email(text: &str) -> Option<String> {
    let (name, host) = text.split_once('@')?;
    let printable = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    (printable && !name.is_empty() && !host.is_empty()).then(|| text.to_owned())
}

/// Reads a rate.
pub(super) fn per_minute(text: &str) -> Option<u32> {
    text.parse().ok().filter(|rate| (1..=100_000).contains(rate))
}

/// Reads who makes payments.
pub(super) fn provider(text: &str) -> Option<Provider> {
    match text {
        "none" => Some(Provider::None),
        "simulator" => Some(Provider::Simulator),
        "sandbox" => Some(Provider::Sandbox),
        "live" => Some(Provider::Live),
        _ => None,
    }
}

/// Reads a bucket, `capacity/refill per second`.
pub(super) fn bucket(text: &str) -> Option<Bucket> {
    let (capacity, refill) = text.split_once('/')?;
    let positive = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number > 0);
    Some(Bucket { capacity: positive(capacity)?, refill_per_second: positive(refill)? })
}

/// Reads a log filter.
pub(super) fn log_filter(text: &str) -> Option<String> {
    EnvFilter::try_new(text).ok().filter(|_| !text.is_empty()).map(|_| text.to_owned())
}

/// Reads a list with commas; an empty text is an empty list.
pub(super) fn list<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_a_whole_number_and_a_unit() {
        assert_eq!(span("60m"), Some(Span::minutes(60)));
        assert_eq!(span("1h"), span("60m"));
        assert_eq!(span("90s"), Some(Span::seconds(90)));
        assert_eq!(span("250ms"), Some(Span::millis(250)));
        assert_eq!(span("7d"), Some(Span::hours(168)));
        for wrong in ["", "60", "m", "1.5h", "-1m", "1 h", "1w", "9223372036854775807d", "3651d"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_percentage_is_exact_to_the_basis_point() {
        let right =
            [("1", 100), ("0", 0), ("0.25", 25), ("1.5 %", 150), ("1.50", 150), ("1.500", 150), ("100", 10_000)];
        for (text, points) in right {
            assert_eq!(basis_points(text), Some(points), "{text}");
        }
        for wrong in ["", ".5", "1.", "1.005", "-1", "1e2", "100.01", "inf", "٣"] {
            assert_eq!(basis_points(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_public_url_has_a_host_and_nothing_secret() {
        assert_eq!(public_url("https://pay.example.com/").as_deref(), Some("https://pay.example.com"));
        assert_eq!(public_url("https://example.com/shop/").as_deref(), Some("https://example.com/shop"));
        assert_eq!(public_url("http://127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080"));
        for wrong in [
            "pay.example.com",
            "ftp://x",
            "https://",
            "https://u:p@x",
            "https://x?a=b",
            "https://x#y",
            "https://x/a b",
            "https://x/a//b",
            "https://x/a/../b",
            "https://x/%41",
        ] {
            assert_eq!(public_url(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_origin_has_no_path_and_is_never_everybody() {
        assert!(origin("https://shop.example.com").is_some() && origin("http://localhost:5173").is_some());
        for wrong in ["*", "null", "https://shop.example.com/", "shop.example.com", "https://Shop.example.com"] {
            assert_eq!(origin(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_bucket_that_never_fills_is_refused() {
        assert_eq!(bucket("60/1"), Some(Bucket { capacity: 60, refill_per_second: 1 }));
        for wrong in ["60", "0/1", "60/0", "60/-1", "a/b"] {
            assert_eq!(bucket(wrong), None, "{wrong}");
        }
    }
}
