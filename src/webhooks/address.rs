//! Where deliveries may go: how an endpoint's URL is written, and which addresses may be dialled. All of it is pure.
//!
//! A merchant who could point us at our own network would read it through our answers. So only what is globally
//! reachable by the IANA special-purpose registries may be dialled ([`is_reachable`]), and a URL must say plainly
//! where it leads ([`check`]). Names are looked up in `names.rs`; the sender asks both at every attempt.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, ParseError, Url};

use crate::config::Reach;
use crate::domain::webhook::endpoint::URL_CHARS_MAX;

/// Why nothing is sent to a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// It is no URL with a host, or has characters that no URL has.
    NotAUrl,
    /// Its scheme is another.
    NotHttps,
    /// It has more than 2048 characters.
    TooLong,
    /// It carries a user or a password, or the `@` after none.
    Credentials,
    /// Its host is a number, or an address that is not written in four decimal parts.
    NumericHost,
    /// Its host is percent-encoded or has a zone.
    EncodedHost,
    /// Its host ends with a dot.
    TrailingDot,
    /// Its port is 0.
    NoPort,
    /// Its host is, or leads to, something that is not publicly reachable.
    NotPublic,
}

impl Refused {
    /// True if the text breaks the form of the field; otherwise it is a URL, of a place that is refused.
    #[must_use]
    pub fn is_of_form(self) -> bool {
        matches!(self, Self::NotAUrl | Self::NotHttps)
    }

    /// What is wrong and what would be right, for whoever gave the URL.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotAUrl => "url must be a valid URL with a host, such as https://example.com/webhooks.",
            Self::NotHttps => "url must begin with https://.",
            Self::TooLong => "The URL must have at most 2048 characters.",
            Self::Credentials => {
                "The URL must not contain credentials or an @ before its host; deliveries are authenticated by their \
                 signatures."
            }
            Self::NumericHost => {
                "The host of the URL must be a name or a plainly written IP address; encoded numbers are not allowed."
            }
            Self::EncodedHost => "The host of the URL must be written without percent signs.",
            Self::TrailingDot => "The host of the URL must not end with a dot.",
            Self::NoPort => "The port of the URL must be between 1 and 65535.",
            Self::NotPublic => {
                "The host of the URL must be publicly reachable; private, loopback, link-local and reserved addresses \
                 are not allowed."
            }
        }
    }
}

/// The URL of this text, if a delivery may be sent there as far as the text tells. A fragment is taken and never sent,
/// as with any URL.
///
/// # Errors
/// [`Refused`], with what is wrong.
pub fn check(text: &str, reach: Reach) -> Result<Url, Refused> {
    if text.chars().nth(URL_CHARS_MAX).is_some() {
        return Err(Refused::TooLong);
    }
    // Parsers drop or turn these silently, so that two of them may read two hosts.
    if text.contains(|character: char| character.is_control() || character.is_whitespace() || character == '\\') {
        return Err(Refused::NotAUrl);
    }
    let (scheme, rest) = text.split_once("://").ok_or(Refused::NotAUrl)?;
    let allows_http = reach == Reach::Local && scheme.eq_ignore_ascii_case("http");
    if !scheme.eq_ignore_ascii_case("https") && !allows_http {
        return Err(Refused::NotHttps);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(Refused::NotAUrl);
    }
    if authority.contains('@') {
        return Err(Refused::Credentials);
    }
    if authority.contains('%') {
        return Err(Refused::EncodedHost);
    }
    let url = Url::parse(text).map_err(|error| match error {
        ParseError::InvalidIpv4Address => Refused::NumericHost,
        _ => Refused::NotAUrl,
    })?;
    if url.port() == Some(0) {
        return Err(Refused::NoPort);
    }
    check_host(&url, authority, reach)?;
    Ok(url)
}

/// `authority` is what stands in the text: the parser has already made an address of `0x7f.1`.
fn check_host(url: &Url, authority: &str, reach: Reach) -> Result<(), Refused> {
    let written = authority.split(':').next().unwrap_or_default();
    match url.host() {
        _ if written.ends_with('.') => Err(Refused::TrailingDot),
        Some(Host::Ipv4(ip)) if written != ip.to_string() => Err(Refused::NumericHost),
        Some(Host::Ipv4(ip)) => allowed(ip.into(), reach),
        Some(Host::Ipv6(ip)) => allowed(ip.into(), reach),
        Some(Host::Domain(name)) => check_name(name, reach),
        None => Err(Refused::NotAUrl),
    }
}

/// `name` is in lower case and of ASCII.
fn check_name(name: &str, reach: Reach) -> Result<(), Refused> {
    // Other scripts have dots of their own, which the parser has turned into ours.
    if name.ends_with('.') {
        return Err(Refused::TrailingDot);
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(Refused::NotAUrl);
    }
    let is_local = name == "localhost" || name.ends_with(".localhost");
    if is_local && reach == Reach::Public { Err(Refused::NotPublic) } else { Ok(()) }
}

fn allowed(ip: IpAddr, reach: Reach) -> Result<(), Refused> {
    if is_reachable(ip, reach) { Ok(()) } else { Err(Refused::NotPublic) }
}

/// What is not globally reachable, or not of one machine, in IANA's IPv4 registries; whole blocks, without the few
/// services that live inside them.
const REFUSED_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    // Relays of 6to4: they lead into networks that nobody named.
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The one block of IPv6 that is global unicast. Loopback, mapped and translated addresses, private and link-local
/// ones, multicast and all that nobody uses yet are outside of it.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is refused inside of it.
const REFUSED_V6: [(Ipv6Addr, u32); 4] = [
    // Protocol assignments, Teredo among them.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, with any IPv4 address inside.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// True if this address may be dialled.
#[must_use]
pub fn is_reachable(ip: IpAddr, reach: Reach) -> bool {
    let is_own = reach == Reach::Local && ip.is_loopback();
    is_own
        || match ip {
            IpAddr::V4(ip) => !REFUSED_V4.iter().any(|block| is_within_v4(ip, block)),
            IpAddr::V6(ip) => is_within_v6(ip, &GLOBAL_V6) && !REFUSED_V6.iter().any(|block| is_within_v6(ip, block)),
        }
}

fn is_within_v4(ip: Ipv4Addr, (first, bits): &(Ipv4Addr, u32)) -> bool {
    (ip.to_bits() ^ first.to_bits()).leading_zeros() >= *bits
}

fn is_within_v6(ip: Ipv6Addr, (first, bits): &(Ipv6Addr, u32)) -> bool {
    (ip.to_bits() ^ first.to_bits()).leading_zeros() >= *bits
}

#[cfg(test)]
mod tests;
