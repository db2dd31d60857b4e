//! `doctor refused`: the newest bodies that did not verify, and what can be told of them without their
//! signatures, which are not kept.

use clap::Args;

use crate::domain::time::{Span, Timestamp};
use crate::provider::IpnRefusal;
use crate::provider::diagnosis;
use crate::provider::diagnosis::difference::excerpt;
use crate::store::records::KeptRefusal;
use crate::store::{Opener, Store};

use super::finding::Finding;
use super::machine::unread;
use crate::cli::error::CliError;
use crate::cli::{Shell, output};

/// What counts as lately.
const LATELY: Span = Span::hours(24);
/// So many bytes of a body are shown.
const BYTES_SHOWN: usize = 160;
/// So many bytes of a body are kept: one of this length may go on.
const BYTES_KEPT: usize = 4096;

#[derive(Args)]
pub(super) struct Refused {
    /// Show at most so many, newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

/// How many bodies were refused lately.
pub(super) async fn lately(store: &Store, now: Timestamp) -> Finding {
    let name = "refused IPNs";
    match store.refused_ipns_since(now.before(LATELY)).await {
        Ok(0) => Finding::ok(name, "none in the last 24 hours".to_owned()),
        Ok(count) => Finding::warn(
            name,
            format!("{count} in the last 24 hours"),
            "look at them with `crypto-orders doctor refused`, and at one with its signature with `crypto-orders \
             doctor signature`",
        ),
        Err(error) => unread(name, &error),
    }
}

pub(super) async fn run(refused: &Refused, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let store = shell.open_store(Opener::Command).await?;
    let newest = store.refused_ipns_newest(refused.limit.into()).await.map_err(|error| shell.storage_failed(error))?;
    if newest.is_empty() {
        return Ok(output::line(shell.out, "no body was refused")?);
    }
    let shown: Vec<String> = newest.iter().map(shown).collect();
    Ok(output::line(shell.out, &shown.join("\n\n"))?)
}

fn shown(refused: &KeptRefusal) -> String {
    let KeptRefusal { at, reason, ip, body } = refused;
    let from = ip.as_deref().unwrap_or("an unknown address");
    let dots = if BYTES_SHOWN < body.len() { "…" } else { "" };
    let start = excerpt(body.as_bytes(), 0, BYTES_SHOWN);
    let told = if reason == IpnRefusal::BadSignature.name() { told(body) } else { signed(body) };
    format!("{at}  from {from}  {reason}\n  body  {start}{dots}\n        {told}")
}

/// What is told of a body whose signature was right, so that no other secret is to blame.
fn signed(body: &str) -> String {
    let faults = diagnosis::signed_faults(body.as_bytes());
    let why = match faults.as_slice() {
        _ if BYTES_KEPT <= body.len() => "only its first 4 KiB are kept".to_owned(),
        [] => "this version takes such a body".to_owned(),
        faults => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    };
    format!("signed with a secret of the server: {why}")
}

/// What a body tells whose signature was not right.
fn told(body: &str) -> String {
    if BYTES_KEPT <= body.len() {
        return "only its first 4 KiB are kept".to_owned();
    }
    let faults = diagnosis::faults(body.as_bytes());
    if !faults.is_empty() {
        return faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    }
    match diagnosis::rewritten(body) {
        None => "written as the provider writes: another secret signed it, or nobody of the provider's".to_owned(),
        Some(difference) => format!(
            "not written as the provider writes, from byte {}: {}{}",
            difference.at, difference.before, difference.body
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: &str, body: &str) -> String {
        let (at, reason) = (Timestamp::from_millis(0), reason.to_owned());
        shown(&KeptRefusal { at, reason, ip: Some("192.0.2.7".to_owned()), body: body.to_owned() })
    }

    #[test]
    fn of_a_body_whose_signature_was_right_no_other_secret_is_blamed() {
        for (reason, body, why) in [
            ("missing_fields", r#"{"payment_id":1}"#, "field `payment_status` is missing or unreadable"),
            ("missing_fields", r#"{"payment_id":1,"payment_status":7}"#, "field `payment_status` is missing"),
            ("missing_fields", "[]", "field `body` is missing or unreadable"),
            ("missing_fields", r#"{"id":"1","status":"FINISHED"}"#, "this version takes such a body"),
            ("duplicate_keys", r#"{"a":1,"a":2}"#, "an object names a key twice"),
            ("missing_fields", &"a".repeat(BYTES_KEPT), "only its first 4 KiB are kept"),
        ] {
            let told = refused(reason, body);
            assert!(told.contains(&format!("signed with a secret of the server: {why}")), "{told}");
            assert!(!told.contains("another secret"), "{told}");
        }
    }

    #[test]
    fn a_refused_body_is_shown_with_what_it_tells_and_no_control_characters() {
        let refusal = |body: &str| refused("bad_signature", body);
        let sorted = refusal(r#"{"a":1,"b":2}"#);
        assert!(sorted.starts_with("1970-01-01T00:00:00.000Z  from 192.0.2.7  bad_signature\n"), "{sorted}");
        assert!(sorted.ends_with("another secret signed it, or nobody of the provider's"), "{sorted}");
        assert!(refusal(r#"{"b":2,"a":1}"#).ends_with(r#"from byte 2: {"b":2,"a":1}"#));
        assert!(refusal("\u{1b}[2J").contains("<1B>[2J\n        the body is not one complete JSON value"));
        assert!(refusal(&"a".repeat(BYTES_KEPT)).ends_with("only its first 4 KiB are kept"));
    }
}
