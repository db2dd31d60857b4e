//! Where a request comes from, for the audit log and the refused IPNs.
//!
//! `X-Forwarded-For` is a claim that anybody can write: it counts only as far as proxies that the
//! operator trusts have written it (contract, section 4; setting `trusted_proxies`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use actix_web::HttpRequest;

use crate::config::Network;

/// The client's address: the right-most one that no trusted proxy stands behind.
#[must_use]
pub fn client_ip(request: &HttpRequest, trusted: &[Network]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let claims = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    Some(walk(peer, &claims.collect::<Vec<_>>().join(","), trusted))
}

/// The same where something must be counted against it; the unspecified one where a request has none, as in tests.
#[must_use]
pub fn client_address(request: &HttpRequest, trusted: &[Network]) -> IpAddr {
    client_ip(request, trusted).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// The network of an address, by which clients are told apart: who has one address of version 6 has 2^64 of them.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

/// From the peer leftwards through the claims, as long as the one who made the claim is trusted.
fn walk(peer: IpAddr, claims: &str, trusted: &[Network]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
    let mut hop = peer;
    for claim in claims.rsplit(',').map(str::trim) {
        match parse(claim) {
            Some(earlier) if is_trusted(hop) => hop = earlier,
            // Past an untrusted hop, or past words that are no address, everything is hearsay.
            Some(_) | None => break,
        }
    }
    hop
}

/// An address as proxies write it: bare, or with a port.
fn parse(claim: &str) -> Option<IpAddr> {
    let bare = claim.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(claim);
    let ip = bare.parse::<IpAddr>().ok();
    ip.or_else(|| claim.parse::<SocketAddr>().ok().map(|address| address.ip())).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(peer: &str, claims: &str, trusted: &[(&str, u8)]) -> String {
        let network = |(address, prefix_bits): &(&str, u8)| Network {
            address: address.parse().unwrap(),
            prefix_bits: *prefix_bits,
        };
        let trusted: Vec<_> = trusted.iter().map(network).collect();
        walk(peer.parse().unwrap(), claims, &trusted).to_string()
    }

    #[test]
    fn by_default_nobody_is_believed() {
        assert_eq!(walked("203.0.113.9", "1.2.3.4", &[]), "203.0.113.9");
    }

    #[test]
    fn the_rightmost_address_that_is_no_trusted_proxy_counts() {
        let trusted = [("10.0.0.0", 8)];
        assert_eq!(walked("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.2.2.2", &trusted), "1.2.3.4");
        assert_eq!(walked("11.0.0.1", "1.2.3.4", &trusted), "11.0.0.1");
        assert_eq!(walked("10.0.0.1", "10.0.0.3,10.0.0.2", &trusted), "10.0.0.3");
    }

    #[test]
    fn ports_brackets_and_nonsense_are_read_safely() {
        let trusted = [("10.0.0.1", 32), ("::1", 128)];
        assert_eq!(walked("10.0.0.1", "1.2.3.4:5678", &trusted), "1.2.3.4");
        assert_eq!(walked("::1", "[2001:db8::7]:443", &trusted), "2001:db8::7");
        assert_eq!(walked("10.0.0.1", "1.2.3.4, unknown", &trusted), "10.0.0.1");
        assert_eq!(walked("10.0.0.1", "", &trusted), "10.0.0.1");
    }

    #[test]
    fn a_range_of_every_address_holds_all_of_its_family() {
        assert_eq!(walked("9.9.9.9", "1.2.3.4", &[("0.0.0.0", 0)]), "1.2.3.4");
    }
}
