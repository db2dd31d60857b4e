//! Address ranges: who is a proxy of ours.
//!
//! An IPv4 client of an IPv6 socket shows as `::ffff:a.b.c.d`; it is the same client, so both sides are
//! brought to one form before they are compared.

use std::net::IpAddr;

use super::Network;

/// The bits in front of an IPv4 address that is written as an IPv6 one.
const MAPPED_BITS: u8 = 96;

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8` or a single address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let width = width_of(address);
        let prefix_bits = bits.unwrap_or(width);
        (prefix_bits <= width).then(|| Self { address, prefix_bits }.canonical())
    }

    /// True if the address lies in the range.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let network = self.canonical();
        let differing_from = match (network.address, ip.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => (u32::from(ours) ^ u32::from(theirs)).leading_zeros(),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (u128::from(ours) ^ u128::from(theirs)).leading_zeros(),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        u32::from(network.prefix_bits) <= differing_from
    }

    /// A range of mapped addresses as the IPv4 range it is.
    fn canonical(&self) -> Self {
        match (self.address.to_canonical(), self.prefix_bits.checked_sub(MAPPED_BITS)) {
            (address @ IpAddr::V4(_), Some(prefix_bits)) if self.address.is_ipv6() => Self { address, prefix_bits },
            _ => *self,
        }
    }
}

fn width_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, ip: &str) -> bool {
        Network::parse(network).unwrap().contains(ip.parse().unwrap())
    }

    #[test]
    fn a_network_contains_what_shares_its_leading_bits() {
        assert!(contains("10.0.0.0/8", "10.255.1.2") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.1.2.3/8", "10.9.9.9"));
        assert!(contains("192.0.2.7", "192.0.2.7") && !contains("192.0.2.7", "192.0.2.6"));
        assert!(contains("192.0.2.128/25", "192.0.2.255") && !contains("192.0.2.128/25", "192.0.2.127"));
        assert!(contains("0.0.0.0/0", "203.0.113.1") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("fd00::/8", "fdff::1") && !contains("fd00::/8", "fe80::1"));
        assert!(contains("::1", "::1") && contains("::/0", "2001:db8::1"));
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_it_carries() {
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3") && !contains("10.0.0.0/8", "::ffff:11.1.2.3"));
        assert!(contains("::ffff:10.0.0.0/104", "10.1.2.3") && contains("::ffff:10.1.2.3", "10.1.2.3"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for wrong in ["", "10.0.0.0/33", "::1/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "localhost", "10.0.0.1:80"]
        {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
