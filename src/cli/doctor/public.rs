//! Where the provider and the customers find this service.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;

use crate::config::{Network, Provider, Settings, local_url};

use super::finding::Finding;

/// How long a name may be looked up.
const LOOKUP_WITHIN: Duration = Duration::from_secs(5);

/// Addresses that nobody outside reaches: private, of this machine, or reserved (IANA's special registries).
const CLOSED: [&str; 24] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "64:ff9b:1::/48",
    "100::/64",
    "2001:2::/48",
    "2001:db8::/32",
    "3fff::/20",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];
/// Names that nobody outside resolves, and those of examples (RFC 2606, 6761, 6762, 8375; ICANN's `internal`).
const CLOSED_NAMES: [&str; 13] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "test",
    "invalid",
    "example",
    "example.com",
    "example.net",
    "example.org",
];

/// The public URL: what the provider is to call and customers are sent to.
pub(super) async fn url(settings: &Settings) -> Finding {
    let (name, url) = ("public URL", &settings.public_url);
    let set = "set CRYPTO_ORDERS_PUBLIC_URL to the https address that the provider and customers reach, \
               such as https://pay.your-shop.com";
    let Ok(parsed) = Url::parse(url) else {
        return Finding::fail(name, format!("{url} is no URL"), set);
    };
    if parsed.scheme() != "https" {
        return Finding::fail(name, format!("{url} is not https"), set);
    }
    let host = parsed.host_str().unwrap_or_default();
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        let found = format!("{url} names an address that nobody outside reaches");
        return if is_closed(ip) { Finding::fail(name, found, set) } else { Finding::ok(name, url.clone()) };
    }
    if is_closed_name(host) {
        return Finding::fail(name, format!("{url} has a name that is not found on the Internet"), set);
    }
    let port = parsed.port_or_known_default().unwrap_or(443);
    let looked_up = tokio::time::timeout(LOOKUP_WITHIN, tokio::net::lookup_host((host, port))).await;
    let addresses: Vec<IpAddr> = match looked_up {
        Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    judged(url, &addresses)
}

/// Who stands before the listener; told only where somebody seems to, and nobody is named.
pub(super) fn proxies(settings: &Settings) -> Option<Finding> {
    let is_direct = settings.public_url == local_url(settings.listen);
    (!is_direct && settings.trusted_proxies.is_empty()).then(|| {
        let found = format!(
            "none, though {} is not where the server listens: every caller would have the proxy's address, and ten wrong \
             sign-ins of a stranger would keep all operators out for a while",
            settings.public_url
        );
        let fix = "set CRYPTO_ORDERS_TRUSTED_PROXIES to the address of the proxy, such as 127.0.0.1";
        Finding::warn("trusted proxies", found, fix)
    })
}

fn judged(url: &str, addresses: &[IpAddr]) -> Finding {
    let name = "public URL";
    if addresses.is_empty() {
        let found = format!("{url} is https, but its name could not be looked up from here");
        return Finding::warn(name, found, "see that the name's DNS record is there before going live");
    }
    match addresses.iter().find(|ip| is_closed(**ip)) {
        Some(ip) => Finding::fail(
            name,
            format!("{url} leads to {ip}, which nobody outside reaches"),
            "point the name's DNS record at a public address; if only this machine sees it so, check from outside",
        ),
        None => Finding::ok(name, format!("{url} is https, at a public address")),
    }
}

/// Where the provider sends its IPNs.
pub(super) fn callback(settings: &Settings) -> Finding {
    let url = settings.ipn_callback_url();
    let told = match settings.provider {
        Provider::None => "give it to the provider yourself, in its dashboard or with each payment",
        Provider::Simulator => "told to the simulator with each payment",
        Provider::Sandbox | Provider::Live => "told to the provider with each payment; the dashboard needs none",
    };
    Finding::ok("callback URL", format!("{url} ({told})"))
}

fn is_closed(ip: IpAddr) -> bool {
    CLOSED.iter().filter_map(|range| Network::parse(range)).any(|range| range.contains(ip))
}

fn is_closed_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_below = |name: &str| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !host.contains('.') || CLOSED_NAMES.into_iter().any(is_below)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn addresses_and_names_that_nobody_outside_reaches_are_known() {
        assert_eq!(CLOSED.iter().filter_map(|range| Network::parse(range)).count(), CLOSED.len());
        for closed in ["127.0.0.1", "10.1.2.3", "172.31.0.1", "::1", "fd00::1", "::ffff:192.168.1.1", "169.254.169.254"]
        {
            assert!(is_closed(closed.parse().unwrap()), "{closed}");
        }
        for open in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "193.0.0.1"] {
            assert!(!is_closed(open.parse().unwrap()), "{open}");
        }
        for closed in ["localhost", "shop.localhost", "printer", "pay.local", "pay.example.com", "Pay.Example.COM."] {
            assert!(is_closed_name(closed), "{closed}");
        }
        for open in ["pay.shop.com", "notexample.com", "example.shop.com", "local.shop.com"] {
            assert!(!is_closed_name(open), "{open}");
        }
    }

    #[test]
    fn a_public_url_is_https_at_an_address_that_others_reach() {
        let graded = |address: &str| judged("https://pay.shop.com", &[address.parse().unwrap()]).grade;
        assert_eq!((graded("1.1.1.1"), graded("10.0.0.1")), (Grade::Ok, Grade::Fail));
        assert_eq!(judged("https://pay.shop.com", &[]).grade, Grade::Warn);
    }

    #[tokio::test]
    async fn addresses_in_the_url_itself_need_no_look_up() {
        let grade = async |public_url: &str| {
            let flags = vec![("public_url", public_url.to_owned())];
            url(&load(&Sources { flags, ..Sources::default() }).unwrap()).await.grade
        };
        assert_eq!(grade("https://1.1.1.1").await, Grade::Ok);
        assert_eq!(grade("https://[2606:4700::1111]:8443/pay").await, Grade::Ok);
        for closed in
            ["http://1.1.1.1", "https://[::1]", "https://192.168.0.1", "https://0x7f000001", "https://localhost"]
        {
            assert_eq!(grade(closed).await, Grade::Fail, "{closed}");
        }
    }
}
