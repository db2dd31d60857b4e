//! What we sign, verified by others: by the very code that `docs/webhooks.md` gives to merchants, in its three languages.
//!
//! The headers and the body are those that came over a socket. Where a language is not installed its test says so and
//! passes, except where everything is promised.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use crypto_orders::clock::Clock;
use crypto_orders::config::Reach;
use crypto_orders::domain::time::Span;
use crypto_orders::domain::webhook::secret::EndpointSecret;
use crypto_orders::webhooks::names::Names;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::{Engine, fresh_folder};
use crate::harness::TestApp;
use crate::harness::responder::{Responder, Said};
use crate::harness::sink::Sink;
use crate::webhook_send::{SECRET, outgoing, sender};
use crate::webhooks::{HOOKS, ask, create, text};

on_both_engines![both_secrets_verify_for_a_day_after_a_rotation_and_then_only_the_new_one];

const OLD: &str = "whsec_n7m5zzzz234567abcdefghijklmnopqr";
const STRANGE: &str = "whsec_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A language: its name in the documentation, its program, and what makes a program of the documentation's code. It
/// reads a list of cases and says of each whether either style verifies.
struct Language {
    name: &'static str,
    program: &'static str,
    ending: &'static str,
}

const PYTHON: Language = Language {
    name: "python",
    program: "python3",
    ending: r#"
import json, sys
print(json.dumps([
    [verify(c["secret"], c["headers"], c["body"].encode(), c["now"]) for verify in (verify_driftstack, verify_standard)]
    for c in json.load(sys.stdin.buffer)
]))
"#,
};

const JAVASCRIPT: Language = Language {
    name: "javascript",
    program: "node",
    ending: r#"
const cases = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const verified = (c) => [verifyDriftstack, verifyStandard].map(
  (verify) => verify(c.secret, c.headers, Buffer.from(c.body), c.now ?? undefined),
);
console.log(JSON.stringify(cases.map(verified)));
"#,
};

const PHP: Language = Language {
    name: "php",
    program: "php",
    ending: r#"
echo json_encode(array_map(fn ($c) => array_map(
    fn ($verify) => $verify($c['secret'], $c['headers'], $c['body'], $c['now']),
    ['verify_driftstack', 'verify_standard'],
), json_decode(stream_get_contents(STDIN), true)));
"#,
};

/// A delivery as it came, and what is to be made of it.
#[derive(Clone)]
struct Case {
    name: &'static str,
    secret: String,
    headers: Value,
    body: String,
    now: Option<i64>,
    /// By Driftstack's own style, by that of Standard Webhooks.
    verifies: [bool; 2],
}

impl Case {
    fn but(&self, name: &'static str, verifies: [bool; 2], change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = Self { name, verifies, ..self.clone() };
        change(&mut changed);
        changed
    }

    fn with(&self, name: &'static str, verifies: [bool; 2], headers: &[(&str, &str)]) -> Self {
        self.but(name, verifies, |case| headers.iter().for_each(|(key, text)| case.headers[*key] = json!(text)))
    }
}

/// What the service itself sends for a ping of this endpoint, judged by this secret at that moment.
async fn pinged(app: &TestApp, sink: &Sink, [id, secret]: [&str; 2], verifies: [bool; 2]) -> Case {
    let before = sink.got().len();
    assert_eq!(ask(app, Method::POST, &format!("{id}/test")).await.code(), 202);
    app.app.wake_courier().await;
    let got = sink.got().get(before).cloned().expect("a ping");
    let (now, secret) = (Some(app.clock.now().millis() / 1000), secret.to_owned());
    Case { name: "a ping", secret, headers: json!(got.headers), body: got.body, now, verifies }
}

async fn both_secrets_verify_for_a_day_after_a_rotation_and_then_only_the_new_one(engine: Engine) {
    let sink = Sink::start().await;
    let app = TestApp::spawn_with(engine, |settings| settings.webhooks.reach = Reach::Local).await;
    let made = create(&app, &json!({ "url": sink.url("/hooks"), "events": ["crypto.order.paid"] })).await.json();
    let (id, old) = (text(&made["id"]), text(&made["secret"]));
    let (fits, fails) = ([true, true], [false, false]);
    let mut cases = vec![pinged(&app, &sink, [id, old], fits).await];
    let rotated = app.call(Method::POST, &format!("{HOOKS}/{id}/rotate-secret"), &json!({})).await.json();
    let new = text(&rotated["secret"]);
    let day = Span::hours(24);
    for (waited, old_fits) in
        [(Span::millis(0), fits), (Span::millis(day.as_millis() - 1), fits), (Span::millis(1), fails)]
    {
        app.advance(waited).await;
        let case = pinged(&app, &sink, [id, new], fits).await;
        cases.push(case.but("the same by the old secret", old_fits, |case| case.secret = old.to_owned()));
        cases.push(case);
    }
    for language in [PYTHON, JAVASCRIPT] {
        verified_by(language, cases.clone()).await;
    }
}

/// A real delivery, signed by these secrets at the start of all tests, or just now.
async fn delivered(secrets: &[&str], is_now: IsNow) -> Case {
    let receiver = Responder::start().await;
    receiver.always("POST", Said::new(200, ""));
    let mut event = outgoing(&format!("{}/hooks", receiver.origin()));
    event.secrets = secrets.iter().map(|secret| EndpointSecret::parse(secret).expect("a secret")).collect();
    let now = match is_now {
        IsNow::Yes => {
            event.at = Clock::system().now();
            None
        }
        IsNow::No => Some(event.at.millis() / 1000),
    };
    let attempt = sender(Reach::Local, Names::System).send(event).await;
    assert_eq!(attempt.status(), Some(200), "{attempt:?}");
    let asked = receiver.asked("POST").remove(0);
    let pairs = asked.head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = pairs.map(|(name, text)| (name.to_ascii_lowercase(), json!(text))).collect();
    let body = asked.body;
    Case { name: "as it came", secret: SECRET.to_owned(), headers, body, now, verifies: [true, true] }
}

/// Whether a delivery is of the time that the clock shows.
enum IsNow {
    Yes,
    No,
}

/// Deliveries as they came, and with what a stranger or the time may change.
async fn cases() -> Vec<Case> {
    let one = delivered(&[SECRET], IsNow::No).await;
    let two = delivered(&[SECRET, OLD], IsNow::No).await;
    let late = |seconds: i64| move |case: &mut Case| case.now = case.now.map(|now| now + seconds);
    let mut cases = vec![
        one.clone(),
        delivered(&[SECRET], IsNow::Yes).await.but("of this moment", [true, true], |_| ()),
        one.but("by the present clock", [false, false], |case| case.now = None),
        two.but("by the new secret of two", [true, true], |_| ()),
        two.but("by the old secret of two", [true, true], |case| case.secret = OLD.to_owned()),
        two.but("by a strange secret", [false, false], |case| case.secret = STRANGE.to_owned()),
        one.but("by the old secret after the grace", [false, false], |case| case.secret = OLD.to_owned()),
        one.but("another body", [false, false], |case| case.body = case.body.replace("Zoë", "Zoe")),
        two.but("another body under two", [false, false], |case| case.body.push('\n')),
        one.but("no body", [false, false], |case| case.body.clear()),
        one.but("five minutes old", [true, true], late(300)),
        one.but("older", [false, false], late(301)),
        one.but("five minutes ahead", [true, true], late(-300)),
        one.but("further ahead", [false, false], late(-301)),
        one.but("no headers", [false, false], |case| case.headers = json!({"x": "y"})),
    ];
    cases.extend(with_other_headers(&one));
    cases
}

/// The same delivery, its headers changed on the way.
fn with_other_headers(one: &Case) -> Vec<Case> {
    let text = |name: &str| one.headers[name].as_str().expect("a header").to_owned();
    let (own, standard) = (text("x-driftstack-signature"), text("webhook-signature"));
    let t: i64 = text("webhook-timestamp").parse().expect("a number");
    let (then, next) = (format!("t={t},"), format!("t={},", t + 1));
    let signed = |name, verifies, own: &str, standard: &str| {
        one.with(name, verifies, &[("x-driftstack-signature", own), ("webhook-signature", standard)])
    };
    let own_half = &own[..own.len() - 32];
    let standard_half = &standard[..standard.len() - 20];
    vec![
        one.with("another id", [true, false], &[("webhook-id", "01890a5d-96e7-7c9f-8a0b-000000000000")]),
        one.with("another time", [true, false], &[("webhook-timestamp", &(t + 1).to_string())]),
        one.with("no number for a time", [true, false], &[("webhook-timestamp", "1e9")]),
        signed("another time", [false, true], &own.replace(&then, &next), &standard),
        signed("no time", [false, true], &own.replace(&then, ""), &standard),
        signed("another version", [false, false], &own.replace("v1=", "v0="), &standard.replace("v1,", "v2,")),
        signed("one of the future", [true, true], &format!("{own},v2=abc"), &format!("v1a,abc {standard}")),
        signed("half a signature", [false, false], own_half, standard_half),
        signed("more than a signature", [false, false], &format!("{own}0"), &format!("{standard}0")),
        signed("empty signatures", [false, false], &format!("{then}v1="), "v1,"),
        signed("rubbish", [false, false], "t=abc,v1,=,é=ü,t", "é v1 , ,,"),
    ]
}

/// The code of this language in the section on verifying.
fn documented(language: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/webhooks.md");
    let page = fs::read_to_string(page).expect("the page");
    let (_, section) = page.split_once("\n## Verifying\n").expect("the section");
    let (_, code) = section.split_once(&format!("\n```{language}\n")).expect("a block of the language");
    code.split_once("\n```\n").expect("its end").0.to_owned()
}

/// What the documentation's code says of the cases; none if the language is not here.
fn verdicts(language: &Language, cases: &[Case]) -> Option<Vec<[bool; 2]>> {
    let program = fresh_folder("verify").join(language.name);
    fs::write(&program, documented(language.name) + "\n" + language.ending).expect("it can be written");
    let mut command = Command::new(language.program);
    let child = command.arg(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let missing = format!("there is no {}: tests/run installs it", language.program);
            assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
            // Not `eprintln`, which a passing test keeps to itself.
            drop(writeln!(io::stderr(), "\n!!! SKIPPED: signatures verified by {}. {missing}\n", language.name));
            return None;
        }
        Err(error) => panic!("{} cannot be run: {error}", language.program),
    };
    let asked = cases
        .iter()
        .map(|case| json!({"secret": case.secret, "headers": case.headers, "body": case.body, "now": case.now}));
    let asked = Value::Array(asked.collect()).to_string();
    child.stdin.take().expect("its input").write_all(asked.as_bytes()).expect("it is read");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}: {}", language.name, String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("a list of verdicts"))
}

async fn verified_by(language: Language, cases: Vec<Case>) {
    let asked = cases.clone();
    let name = language.name;
    let verdicts = tokio::task::spawn_blocking(move || verdicts(&language, &asked)).await.expect("it ends");
    let Some(verdicts) = verdicts else { return };
    assert_eq!(verdicts.len(), cases.len());
    for (case, verdict) in cases.iter().zip(verdicts) {
        assert_eq!(verdict, case.verifies, "{name}: {}", case.name);
    }
}

#[tokio::test]
async fn the_documented_python_verifies_what_is_genuine_and_refuses_the_rest() {
    verified_by(PYTHON, cases().await).await;
}

#[tokio::test]
async fn the_documented_javascript_verifies_what_is_genuine_and_refuses_the_rest() {
    verified_by(JAVASCRIPT, cases().await).await;
}

#[tokio::test]
async fn the_documented_php_verifies_what_is_genuine_and_refuses_the_rest() {
    verified_by(PHP, cases().await).await;
}
