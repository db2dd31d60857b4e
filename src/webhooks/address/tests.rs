//! Every block of the registries with its edges and neighbours, and every way we know of to hide an address.

use super::Refused::{Credentials, EncodedHost, NoPort, NotAUrl, NotHttps, NotPublic, NumericHost, TrailingDot};
use super::*;

/// First and last address of each refused block.
const REFUSED: [(&str, &str); 33] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
    ("::", "::1"),
    ("::2", "::ffff:ffff"),
    ("::ffff:0:0", "::ffff:255.255.255.255"),
    ("64:ff9b::", "64:ff9b::ffff:ffff"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("100::", "100::ffff:ffff:ffff:ffff"),
    ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"),
    ("1fff::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("6000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

/// The last address before a refused block and the first behind it, where these are not refused themselves; and
/// addresses that are in use.
const REACHABLE: [&str; 44] = [
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.1.255",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "192.31.196.1",
    "192.52.193.1",
    "192.175.48.1",
    "2000::",
    "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:200::",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2003::",
    "2606:4700:4700::1111",
    "2620:4f:8000::1",
    "2a00:1450:4001:80e::200e",
    "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff:1000::",
];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn refusal(text: &str, reach: Reach) -> Option<Refused> {
    check(text, reach).err()
}

#[test]
fn only_what_is_globally_reachable_may_be_dialled_up_to_the_edge_of_every_block() {
    for (first, last) in REFUSED {
        assert!(ip(first) <= ip(last), "{first} to {last}");
        for edge in [first, last] {
            assert!(!is_reachable(ip(edge), Reach::Public), "{edge}");
            assert_eq!(is_reachable(ip(edge), Reach::Local), ip(edge).is_loopback(), "{edge}");
        }
    }
    for text in REACHABLE {
        assert!(is_reachable(ip(text), Reach::Public) && is_reachable(ip(text), Reach::Local), "{text}");
    }
}

#[test]
fn every_sixteenth_of_the_refused_blocks_is_refused() {
    for (first, last) in REFUSED {
        let inside: Vec<IpAddr> = match (ip(first), ip(last)) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                let step = (last.to_bits() - first.to_bits()) / 16;
                (0..=16).map(|n| Ipv4Addr::from_bits(first.to_bits() + n * step).into()).collect()
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                let step = (last.to_bits() - first.to_bits()) / 16;
                (0..=16).map(|n| Ipv6Addr::from_bits(first.to_bits() + n * step).into()).collect()
            }
            _ => panic!("{first} to {last}"),
        };
        assert!(inside.iter().all(|ip| !is_reachable(*ip, Reach::Public)), "{first} to {last}");
    }
}

/// Ways to hide where a URL leads, or to write what is none, and why each is refused.
const EVASIONS: &[(&str, Refused)] = &[
    // A number, whole or in parts, decimal, octal, hexadecimal or mixed; public ones too.
    ("https://2130706433/", NumericHost),
    ("https://134744072/", NumericHost),
    ("https://017700000001/", NumericHost),
    ("https://0x7f000001/", NumericHost),
    ("https://0X7F000001/", NumericHost),
    ("https://0177.0.0.1/", NumericHost),
    ("https://0x7f.0.0.1/", NumericHost),
    ("https://0x7f.00.0x0.1/", NumericHost),
    ("https://010.8.8.8/", NumericHost),
    ("https://8.8.8.010:443/", NumericHost),
    ("https://08.8.8.8/", NumericHost),
    ("https://127.1/", NumericHost),
    ("https://127.0.1/", NumericHost),
    ("https://10.1/", NumericHost),
    ("https://8.8.2056/", NumericHost),
    ("https://0/", NumericHost),
    ("https://0x/", NumericHost),
    ("https://256.256.256.256/", NumericHost),
    ("https://1.2.3.4.5/", NumericHost),
    ("https://example.1/", NumericHost),
    ("https://example.0x7f/", NumericHost),
    ("https://4294967296/", NumericHost),
    // Digits and dots of other scripts.
    ("https://１２７.0.0.1/", NumericHost),
    ("https://127。0。0。1/", NumericHost),
    ("https://⑧.⑧.⑧.⑧/", NumericHost),
    ("https://8．8．8．8/", NumericHost),
    // Percent-encoded, once and twice, and zones.
    ("https://%31%32%37.0.0.1/", EncodedHost),
    ("https://%6c%6f%63alhost/", EncodedHost),
    ("https://127%2e0.0.1/", EncodedHost),
    ("https://%2531.0.0.1/", EncodedHost),
    ("https://[fe80::1%25eth0]/", EncodedHost),
    ("https://[fe80::1%eth0]/", EncodedHost),
    ("https://example.com%00.example.org/", EncodedHost),
    // Mapped, translated, tunnelled.
    ("https://[::ffff:127.0.0.1]/", NotPublic),
    ("https://[::ffff:7f00:1]/", NotPublic),
    ("https://[::FFFF:7F00:0001]/", NotPublic),
    ("https://[0:0:0:0:0:ffff:8.8.8.8]/", NotPublic),
    ("https://[::127.0.0.1]/", NotPublic),
    ("https://[::7f00:1]/", NotPublic),
    ("https://[64:ff9b::127.0.0.1]/", NotPublic),
    ("https://[64:ff9b:1::7f00:1]/", NotPublic),
    ("https://[2002:7f00:1::]/", NotPublic),
    ("https://[2001:0:7f00:1::]/", NotPublic),
    ("https://[::]/", NotPublic),
    ("https://[::1]/", NotPublic),
    ("https://[0:0:0:0:0:0:0:1]:8443/", NotPublic),
    ("https://[fd00:ec2::254]/", NotPublic),
    ("https://[fe80::1]/", NotPublic),
    ("https://[ff02::1]/", NotPublic),
    ("https://[::1/", NotAUrl),
    ("https://[127.0.0.1]/", NotAUrl),
    ("https://[]/", NotAUrl),
    // Plainly ours.
    ("https://127.0.0.1/", NotPublic),
    ("https://127.0.0.1:8443/", NotPublic),
    ("https://0.0.0.0/", NotPublic),
    ("https://10.0.0.1/", NotPublic),
    ("https://169.254.169.254/latest/meta-data/", NotPublic),
    ("https://192.168.1.1/", NotPublic),
    ("https://255.255.255.255/", NotPublic),
    ("https://localhost/", NotPublic),
    ("HTTPS://LOCALHOST/", NotPublic),
    ("https://LocalHost:8443/", NotPublic),
    ("https://ⓛocalhost/", NotPublic),
    ("https://loc\u{ad}alhost/", NotPublic),
    ("https://api.localhost/", NotPublic),
    // Dots at the end.
    ("https://127.0.0.1./", TrailingDot),
    ("https://localhost./", TrailingDot),
    ("https://example.com./", TrailingDot),
    ("https://example.com.:443/", TrailingDot),
    ("https://example.com。/", TrailingDot),
    ("https://2130706433./", TrailingDot),
    ("https://./", TrailingDot),
    // Users, passwords, and neither.
    ("https://ada@example.com/", Credentials),
    ("https://ada:secret@example.com/", Credentials),
    ("https://:secret@example.com/", Credentials),
    ("https://@example.com/", Credentials),
    ("https://:@example.com/", Credentials),
    ("https://example.com@127.0.0.1/", Credentials),
    ("https://example.com:443@127.0.0.1/", Credentials),
    ("https://ada@", Credentials),
    ("https://example.com＠127.0.0.1/", NotAUrl),
    // What parsers drop or turn.
    (" https://127.0.0.1/", NotAUrl),
    ("https://example.com/ ", NotAUrl),
    ("https://127.0\t.0.1/", NotAUrl),
    ("https://local\nhost/", NotAUrl),
    ("ht\ntps://localhost/", NotAUrl),
    ("https://example.com/\u{0}", NotAUrl),
    ("https://example.com/a\u{a0}b", NotAUrl),
    ("https:\\\\127.0.0.1/", NotAUrl),
    ("https://example.com\\@127.0.0.1/", NotAUrl),
    ("https://example.com\\.127.0.0.1/", NotAUrl),
    ("https:///127.0.0.1/", NotAUrl),
    ("https:////example.com/", NotAUrl),
    ("https:/127.0.0.1/", NotAUrl),
    ("https:127.0.0.1", NotAUrl),
    ("//example.com/", NotAUrl),
    ("example.com", NotAUrl),
    ("", NotAUrl),
    ("https://", NotAUrl),
    ("https://?x", NotAUrl),
    ("https://:443/", NotAUrl),
    ("https://example.com:port/", NotAUrl),
    ("https://example.com:65536/", NotAUrl),
    ("https://exa mple.com/", NotAUrl),
    ("https://exam\"ple.com/", NotAUrl),
    ("https://example.com:0/", NoPort),
    // Other ways.
    ("http://example.com/", NotHttps),
    ("HTTP://example.com/", NotHttps),
    ("http://127.0.0.1/", NotHttps),
    ("ftp://example.com/", NotHttps),
    ("file:///etc/passwd", NotHttps),
    ("gopher://127.0.0.1:6379/", NotHttps),
    ("ws://example.com/", NotHttps),
    ("://example.com/", NotHttps),
    ("javascript:alert(1)", NotAUrl),
    ("mailto:ada@example.com", NotAUrl),
];

#[test]
fn every_way_to_hide_an_address_is_refused_wherever_it_leads() {
    for &(text, reason) in EVASIONS {
        assert_eq!(refusal(text, Reach::Public), Some(reason), "{text:?}");
        // The development setting takes plain http and this machine, and nothing that hides.
        let is_plain = matches!(reason, NotPublic | NotHttps);
        assert!(is_plain || refusal(text, Reach::Local) == Some(reason), "{text:?}");
    }
}

#[test]
fn a_plain_url_of_a_public_place_is_taken() {
    let cases = [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM/Hooks?a=b&c=%20", "https://example.com/Hooks?a=b&c=%20"),
        ("https://example.com:8443/hooks", "https://example.com:8443/hooks"),
        ("https://example.com:/", "https://example.com/"),
        ("https://example.com:65535/", "https://example.com:65535/"),
        ("https://münchen.example/größe", "https://xn--mnchen-3ya.example/gr%C3%B6%C3%9Fe"),
        ("https://例え.テスト/", "https://xn--r8jz45g.xn--zckzah/"),
        ("https://a_b.example.com/", "https://a_b.example.com/"),
        ("https://1.example.com/", "https://1.example.com/"),
        ("https://localhost.example.com/", "https://localhost.example.com/"),
        ("https://127.0.0.1.example.com/", "https://127.0.0.1.example.com/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://8.8.8.8:8443", "https://8.8.8.8:8443/"),
        ("https://[2606:4700:4700::1111]:443/", "https://[2606:4700:4700::1111]/"),
        ("https://[2606:4700:4700:0:0:0:0:1111]/", "https://[2606:4700:4700::1111]/"),
        // An @ or a percent sign behind the host hides nothing, and a fragment is not sent.
        ("https://example.com/@ada?to=x@y#part", "https://example.com/@ada?to=x@y#part"),
        ("https://example.com?to=ada@example.org", "https://example.com/?to=ada@example.org"),
    ];
    for (text, read) in cases {
        for reach in [Reach::Public, Reach::Local] {
            assert_eq!(check(text, reach).map(String::from), Ok(read.to_owned()), "{text}");
        }
    }
}

#[test]
fn a_url_has_2048_characters_at_most_whatever_they_are_made_of() {
    let url = |characters: usize| format!("https://example.com/{}", "é".repeat(characters - 20));
    assert_eq!(refusal(&url(2048), Reach::Public), None);
    assert_eq!(refusal(&url(2049), Reach::Public), Some(Refused::TooLong));
    assert_eq!(refusal(&format!("http://{}", "x".repeat(5000)), Reach::Public), Some(Refused::TooLong));
}

#[test]
fn the_development_setting_takes_http_and_this_machine_and_nothing_else() {
    for text in [
        "http://127.0.0.1:8080/",
        "http://127.8.9.10/",
        "https://127.0.0.1/",
        "http://[::1]:8080/",
        "http://localhost:8080/hooks",
        "http://shop.localhost/",
        "http://example.com/",
    ] {
        assert_eq!(refusal(text, Reach::Local), None, "{text}");
        assert!(refusal(text, Reach::Public).is_some(), "{text}");
    }
    for text in
        ["http://10.0.0.1/", "http://192.168.1.1/", "http://169.254.169.254/", "http://0.0.0.0/", "http://[::]/"]
    {
        assert_eq!(refusal(text, Reach::Local), Some(Refused::NotPublic), "{text}");
    }
    for text in ["http://[::ffff:127.0.0.1]/", "https://[fd00::1]/", "https://[64:ff9b::7f00:1]/"] {
        assert_eq!(refusal(text, Reach::Local), Some(Refused::NotPublic), "{text}");
    }
    assert_eq!(refusal("ftp://127.0.0.1/", Reach::Local), Some(Refused::NotHttps));
}

#[test]
fn only_a_broken_form_is_the_fields_fault() {
    assert!(Refused::NotAUrl.is_of_form() && Refused::NotHttps.is_of_form());
    for reason in [
        Refused::TooLong,
        Refused::Credentials,
        Refused::NumericHost,
        Refused::EncodedHost,
        Refused::TrailingDot,
        Refused::NoPort,
        Refused::NotPublic,
    ] {
        assert!(!reason.is_of_form(), "{reason:?}");
    }
}
