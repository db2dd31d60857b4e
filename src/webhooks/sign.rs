//! The headers of a delivery: who it is from, what it is, and its signatures in two styles.
//!
//! Driftstack's own header takes the whole text of the secret as its key, Standard Webhooks the base64 decoding of
//! what follows `whsec_`; both are the contract's (section 6). A signature is of one moment: each attempt has its
//! own, over the same bytes. `docs/webhooks.md` tells merchants how they are verified.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::time::Timestamp;
use crate::domain::webhook::WebhookEvent;
use crate::domain::webhook::secret::EndpointSecret;

/// What we call ourselves.
const USER_AGENT: &str = "driftstack-webhooks/1.0";

/// A header's name and its text.
pub type Header = (&'static str, String);

/// All headers of an attempt at that time, signed by each of these secrets, the present one first.
#[must_use]
pub fn headers(secrets: &[EndpointSecret], event: &WebhookEvent, at: Timestamp) -> Vec<Header> {
    let id = event.id.to_string();
    let seconds = at.millis().div_euclid(1000);
    vec![
        ("Content-Type", "application/json".to_owned()),
        ("User-Agent", USER_AGENT.to_owned()),
        ("X-Driftstack-Event-Id", id.clone()),
        ("X-Driftstack-Event-Type", event.event_type.as_str().to_owned()),
        ("X-Driftstack-Signature", driftstack(secrets, seconds, &event.body)),
        ("webhook-signature", standard(secrets, &format!("{id}.{seconds}.{}", event.body))),
        ("webhook-id", id),
        ("webhook-timestamp", seconds.to_string()),
    ]
}

/// `t=<unix s>,v1=<hex>`, with a further `v1` for a further secret.
fn driftstack(secrets: &[EndpointSecret], seconds: i64, body: &str) -> String {
    let signed = format!("{seconds}.{body}");
    let codes = secrets.iter().filter_map(|secret| code(secret.expose().as_bytes(), &signed));
    codes.fold(format!("t={seconds}"), |header, code| format!("{header},v1={}", HEXLOWER.encode(&code)))
}

/// `v1,<base64>` for each secret, with a space between them.
fn standard(secrets: &[EndpointSecret], signed: &str) -> String {
    let codes = secrets.iter().filter_map(|secret| code(&standard_key(secret)?, signed));
    codes.map(|code| format!("v1,{}", BASE64.encode(&code))).collect::<Vec<_>>().join(" ")
}

/// 32 characters of base32 are base64 too: 24 bytes.
fn standard_key(secret: &EndpointSecret) -> Option<Vec<u8>> {
    let (_, text) = secret.expose().split_once('_')?;
    BASE64.decode(text.as_bytes()).ok()
}

fn code(key: &[u8], signed: &str) -> Option<Vec<u8>> {
    // A key of any length is taken.
    let code = Hmac::<Sha256>::new_from_slice(key).ok()?.chain_update(signed.as_bytes());
    Some(code.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::webhook::endpoint::EventType;

    // These four were computed by other programs: the first of each pair by Python's `hmac` and `hashlib`, the
    // second by the `standardwebhooks` 1.1.0 library of Python, `Webhook(secret).sign(id, time, body)`.
    const NEW: [&str; 3] = [
        "whsec_a4dqobyha4dqobyha4dqobyha4dqobyh",
        "57cfc57fe762a1f215a6babc83bc63ced45d38ca567255fe657466cac71a372c",
        "8Obe9QlKFBi5PIz6rLOPwnnbAJwisxe1qRaDgaltBOU=",
    ];
    const OLD: [&str; 3] = [
        "whsec_n7m5zzzz234567abcdefghijklmnopqr",
        "9d30c4748cec056b1beb8c7cf24a0c8964074fe9e42119e05b583b9939233e0c",
        "/AY4KC9Ju+LIngwXTv3D9bDd+uQ+xre3ojnrT2PN9xk=",
    ];
    const ID: &str = "01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b";

    fn headers_by(secrets: &[[&str; 3]]) -> Vec<Header> {
        let secrets: Vec<_> = secrets.iter().map(|[secret, ..]| EndpointSecret::parse(secret).unwrap()).collect();
        let body = format!(r#"{{"id":"{ID}","type":"test.ping","data":{{"text":"Zoë 😀"}}}}"#);
        let event = WebhookEvent { id: ID.parse().unwrap(), event_type: EventType::TestPing, body };
        // The milliseconds are not signed.
        headers(&secrets, &event, Timestamp::parse("2026-05-12T12:00:00.999Z").unwrap())
    }

    #[test]
    fn a_delivery_says_who_it_is_from_and_is_signed_in_both_styles() {
        let expected = [
            ("Content-Type", "application/json".to_owned()),
            ("User-Agent", "driftstack-webhooks/1.0".to_owned()),
            ("X-Driftstack-Event-Id", ID.to_owned()),
            ("X-Driftstack-Event-Type", "test.ping".to_owned()),
            ("X-Driftstack-Signature", format!("t=1778587200,v1={}", NEW[1])),
            ("webhook-signature", format!("v1,{}", NEW[2])),
            ("webhook-id", ID.to_owned()),
            ("webhook-timestamp", "1778587200".to_owned()),
        ];
        assert_eq!(headers_by(&[NEW]), expected);
    }

    #[test]
    fn during_a_rotation_the_old_secret_signs_after_the_new_one() {
        let headers = headers_by(&[NEW, OLD]);
        let value = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let driftstack = format!("t=1778587200,v1={},v1={}", NEW[1], OLD[1]);
        assert_eq!(value("X-Driftstack-Signature"), Some(driftstack.as_str()));
        assert_eq!(value("webhook-signature"), Some(format!("v1,{} v1,{}", NEW[2], OLD[2]).as_str()));
    }
}
