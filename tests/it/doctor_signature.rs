//! `doctor signature`: one refused IPN, explained through the real program.
//!
//! Which mistakes it knows is held by the unit tests of `provider::diagnosis`; here stands what an operator
//! sees, and what a script goes by.

use std::fs::{self, File};

use crypto_orders::provider::signature::sign;

use crate::harness::IPN_SECRET;
use crate::harness_program::{Ended, PROGRAM, Site};

const BODY: &str =
    r#"{"fee":{"currency":"btc","depositFee":2e-06},"order_id":"ord_1","payment_id":5,"payment_status":"waiting"}"#;

fn site() -> Site {
    Site::empty().with("CRYPTO_ORDERS_IPN_SECRET", IPN_SECRET)
}

/// The doctor on this body under this signature.
fn told(site: &Site, body: &str, signature: &str) -> Ended {
    fs::write(site.folder.join("ipn.json"), body).expect("a file");
    site.run(&["doctor", "signature", "--body", "ipn.json", "--sig", signature])
}

fn signed_by(secret: &str, text: &str) -> String {
    sign(secret, text.as_bytes()).expect("a secret that is not blank")
}

#[test]
fn a_body_that_the_server_takes_ends_with_0_and_names_its_form_and_secret() {
    let raw = told(&site(), BODY, &signed_by(IPN_SECRET, BODY)).printed();
    assert!(raw.starts_with("verdict    signed with CRYPTO_ORDERS_IPN_SECRET, in the form `raw`\n"), "{raw}");
    assert!(
        raw.contains("the server takes it") && raw.contains("sorted, sorted_indexed: the same as the body"),
        "{raw}"
    );

    let rotated = site().with("CRYPTO_ORDERS_IPN_SECRET_OLD", "the-secret-before");
    let spelled = told(&rotated, BODY, &signed_by("the-secret-before", &BODY.replace("2e-06", "0.000002"))).printed();
    assert!(spelled.contains("CRYPTO_ORDERS_IPN_SECRET_OLD, in the form `js_numbers`"), "{spelled}");
    assert!(spelled.contains("js_numbers, js_numbers_indexed: differs from the body at byte 38 "), "{spelled}");
    let sides = [r#"    body    ncy":"btc","depositFee":2e-06},"#, r#"    form    ncy":"btc","depositFee":0.000002}"#];
    assert!(sides.iter().all(|side| spelled.contains(side)), "{spelled}");
}

#[test]
fn a_body_about_no_payment_is_taken() {
    let payout = r#"{"batch_withdrawal_id":"2","id":"1","status":"FINISHED"}"#;
    let told = told(&site(), payout, &signed_by(IPN_SECRET, payout)).printed();
    assert!(told.contains("the server takes it"), "{told}");
}

/// A payment's report that lacks its payment.
const ONE_FIELD: &str = r#"{"payment_status":"finished"}"#;

#[test]
fn a_body_that_the_server_refuses_ends_with_1_and_the_likeliest_reason() {
    let without_fee = BODY.replace(r#"{"currency":"btc","depositFee":2e-06}"#, "{}");
    let table = [
        (BODY.to_owned(), signed_by("another", BODY), "another secret, or over another body"),
        (BODY.to_owned(), signed_by(IPN_SECRET, &without_fee), "Object.keys(body).sort()"),
        (BODY.to_owned(), "abc".to_owned(), "it has 3 characters, not the 128 hex digits"),
        (BODY.to_owned(), format!("sha512={}", signed_by(IPN_SECRET, BODY)), "more than the 128 hex digits"),
        ("{\"a\":1,\"a\":2}".to_owned(), signed_by(IPN_SECRET, "{\"a\":1,\"a\":2}"), "names a key twice"),
        (ONE_FIELD.to_owned(), signed_by(IPN_SECRET, ONE_FIELD), "field `payment_id` is missing"),
        ("payment_id=5".to_owned(), signed_by("another", "x"), "not one complete JSON value (line 1, column 1)"),
    ];
    for (body, signature, reason) in table {
        let ended = told(&site(), &body, &signature);
        assert_eq!((ended.code, ended.stderr.matches('\n').count()), (Some(1), 1), "{ended:?}");
        assert!(ended.stdout.contains(reason), "{reason}: {ended:?}");
    }
}

#[test]
fn a_body_may_come_by_stdin_and_another_secret_by_a_variable() {
    let site = site().with("OTHER", "another-secret\n");
    fs::write(site.folder.join("ipn.json"), BODY).expect("a file");
    let mut command = site.command(PROGRAM);
    command.args(["doctor", "signature", "--body", "-", "--secret-env", "OTHER", "--sig"]);
    command.arg(signed_by("another-secret", BODY)).stdin(File::open(site.folder.join("ipn.json")).expect("the file"));
    let ended = command.output().expect("the program runs");
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert!(printed.contains("signed with the secret in OTHER, which the server does not have"), "{printed}");
    assert_eq!(ended.status.code(), Some(1), "the server would refuse it");
}

#[test]
fn what_cannot_be_looked_at_is_said_at_once() {
    let site = site();
    let signature = "0".repeat(128);
    let refused = told(&site, &"a".repeat(65_537), &signature).refusal(1);
    assert!(refused.contains("413"), "{refused}");
    fs::write(site.folder.join("ipn.json"), BODY).expect("a file");
    let refused = site.run(&["doctor", "signature", "--body", "nowhere.json", "--sig", &signature]).refusal(1);
    assert!(refused.contains("nowhere.json cannot be read"), "{refused}");
    let arguments = ["doctor", "signature", "--body", "ipn.json", "--sig", &signature];
    let refused = site.run(&[&arguments[..], &["--secret-env", "NOT_SET"]].concat()).refusal(2);
    assert!(refused.contains("NOT_SET"), "{refused}");
    let refused = told(&Site::empty(), BODY, &signature).refusal(2);
    assert!(refused.contains("no IPN secret is known here"), "{refused}");
}

#[test]
fn no_secret_is_shown_whatever_is_found() {
    let secrets = [IPN_SECRET, "the-secret-before", "an-api-key-of-the-account", "one-of-a-variable"];
    let site = site()
        .with("CRYPTO_ORDERS_IPN_SECRET_OLD", secrets[1])
        .with("CRYPTO_ORDERS_NOWPAYMENTS_API_KEY", secrets[2])
        .with("OTHER", secrets[3]);
    fs::write(site.folder.join("ipn.json"), BODY).expect("a file");
    for secret in secrets.iter().chain(&["unknown"]) {
        let signature = signed_by(secret, BODY);
        let arguments = ["doctor", "signature", "--body", "ipn.json", "--secret-env", "OTHER", "--sig", &signature];
        let ended = site.run(&arguments);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(secrets.iter().all(|secret| !all.contains(secret)), "{all}");
        let names_the_key = all.contains("signed with an API key of the account");
        assert_eq!(names_the_key, *secret == secrets[2], "{all}");
    }
}
