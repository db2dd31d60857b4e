//! `docs/webhooks.md`, tried as a merchant would: its commands are pasted from the page, its examples and its table are
//! held against what the service sends and when.
//!
//! Only the variables that the page has its reader set are this test's own, and the addresses that it gives as examples.
//! That its code verifies our signatures is held in `webhook_signatures.rs`.

use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crypto_orders::domain::time::{Span, Timestamp};
use crypto_orders::domain::webhook::delivery::{Attempted, JITTER_THOUSANDTHS_MAX, Next, next};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::engines::{Engine, fresh_folder};
use crate::harness::responder::{Act, Responder, Said};
use crate::harness::{TestApp, eventually, payment};

on_both_engines![
    the_examples_are_what_is_sent,
    an_endpoint_is_made_and_pinged_as_the_page_says,
    what_was_given_up_is_sent_again_and_caught_up_on,
    a_secret_is_changed_and_an_endpoint_paused_and_deleted,
    the_receiver_of_the_page_receives,
];

const PAGE: &str = include_str!("../../docs/webhooks.md");
/// The address of the page's endpoint.
const ADDRESS: &str = "https://shop.example.com/webhooks";
/// The command that lists endpoints; others begin like it.
const LIST: &str = r#"curl -sS "$BASE/v1/webhooks" -H "Authorization: Bearer $KEY""#;

/// What stands under a heading.
fn section(heading: &str) -> &'static str {
    let (_, after) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    after.split("\n## ").next().unwrap_or(after)
}

/// The blocks of a language in a section, without the blanks before their lines.
fn blocks(section: &'static str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = section.split(&fence).skip(1).filter_map(|block| block.split("```").next());
    let lines = |block: &'static str| block.lines().map(str::trim_start).filter(|line| !line.is_empty());
    blocks.map(|block| lines(block).map(|line| format!("{line}\n")).collect()).collect()
}

/// The command under a heading that is this, or has it in it.
fn command(heading: &str, part: &str) -> String {
    let all = blocks(section(heading), "bash").concat();
    let found = all.lines().find(|command| *command == part);
    let found = found.or_else(|| all.lines().find(|command| command.contains(part)));
    found.unwrap_or_else(|| panic!("no command with {part} under {heading}")).to_owned()
}

/// A service that sends to this machine, a receiver, and what the page's reader has set.
struct Shop {
    app: TestApp,
    receiver: Responder,
    webhook: String,
    delivery: String,
}

impl Shop {
    async fn open(engine: Engine) -> Self {
        let app = spawn(engine).await;
        let (receiver, none) = (Responder::start().await, String::new());
        receiver.always("POST /webhooks", Said::new(204, ""));
        let mut shop = Self { app, receiver, webhook: none.clone(), delivery: none };
        let made = shop.paste_json("Start", "\"description\"").await;
        shop.webhook = made["id"].as_str().expect("an id").to_owned();
        assert!(made["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")), "{made}");
        shop
    }

    /// What a command of the page prints in the reader's terminal.
    async fn paste(&self, heading: &str, part: &str) -> String {
        let address = format!("{}/webhooks", self.receiver.origin());
        run(self, command(heading, part).replace(ADDRESS, &address)).await
    }

    async fn paste_json(&self, heading: &str, part: &str) -> Value {
        let printed = self.paste(heading, part).await;
        serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{heading}, {part}:\n{printed}"))
    }

    /// An order that is paid.
    async fn pay(&self, payment_id: &str) {
        let order = self.app.order().await;
        assert_eq!(self.app.ipn(&payment(&order, payment_id, "finished")).await.code(), 200);
    }

    /// An order of which a part is paid.
    async fn pay_in_part(&self, payment_id: &str) {
        let order = self.app.order().await;
        let mut part = payment(&order, payment_id, "partially_paid");
        part["actually_paid"] = json!(0.2);
        assert_eq!(self.app.ipn(&part).await.code(), 200);
    }

    /// The newest delivery, once it is in this status.
    async fn newest(&self, status: &str) -> Value {
        eventually(status, || async {
            let list = self.paste_json("Start", "/deliveries?limit").await;
            Some(list["data"][0].clone()).filter(|newest| newest["status"] == status)
        })
        .await
    }

    /// The delivery of an order that is paid while the receiver is down, once it is given up.
    async fn give_up(&self, payment_id: &str) -> Value {
        (0..6).for_each(|_| self.receiver.upon("POST /webhooks", Act::Answer(Said::new(500, "down"))));
        self.pay(payment_id).await;
        for wait in [1, 5, 15, 30, 60] {
            self.newest("failed").await;
            self.app.advance(Span::minutes(wait * 2)).await;
        }
        self.newest("dlq").await
    }
}

async fn spawn(engine: Engine) -> TestApp {
    TestApp::spawn_with(engine, |settings| settings.webhooks.reach = crypto_orders::config::Reach::Local).await
}

async fn run(shop: &Shop, command: String) -> String {
    let mut bash = Command::new("bash");
    bash.args(["-c", &command]).env("BASE", shop.app.base()).env("KEY", &shop.app.customer);
    bash.env("WEBHOOK", &shop.webhook).env("DELIVERY", &shop.delivery);
    let output = tokio::task::spawn_blocking(move || bash.output()).await.expect("it ends").expect("bash runs");
    assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The names of a text's fields, in the order in which they stand there.
fn fields(json: &str) -> Vec<&str> {
    let quoted: Vec<&str> = json.split('"').collect();
    let named = quoted.windows(2).skip(1).step_by(2).filter(|pair| pair[1].trim_start().starts_with(':'));
    named.map(|pair| pair[0]).collect()
}

/// What a value is like: ids and times by their form, all else as it is.
fn form(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), form(value))).collect(),
        Value::String(text) if Timestamp::parse(text).is_some_and(|time| time.to_string() == *text) => json!("time"),
        Value::String(text) if Uuid::parse_str(text).is_ok() => json!("uuid"),
        Value::String(text) => match text.split_at_checked(4) {
            Some((prefix @ ("ord_" | "whk_"), id)) if Uuid::parse_str(id).is_ok() => json!(prefix),
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

async fn the_examples_are_what_is_sent(engine: Engine) {
    let shop = Shop::open(engine).await;
    let expired = shop.app.order().await;
    shop.app.advance(Span::minutes(61)).await;
    assert_eq!(shop.app.look(&expired).await["status"], "failed");
    shop.pay("5077125051").await;
    shop.pay_in_part("5077125052").await;
    shop.paste("Start", "/test").await;
    let examples = blocks(section("Events"), "json");
    assert_eq!(examples.len(), 4);
    for example in examples {
        let shown: Value = serde_json::from_str(&example).unwrap_or_else(|error| panic!("{error}: {example}"));
        let kind = shown["type"].as_str().expect("a type");
        let sent = shop.app.database.sql(&format!("select body from outbox_events where event_type = '{kind}'"));
        assert_eq!(fields(&example), fields(&sent), "{sent}");
        let real: Value = serde_json::from_str(&sent).expect("JSON");
        assert_eq!(form(&shown), form(&real), "{sent}");
        assert!(!sent.contains('\n'), "on one line: {sent}");
    }
}

async fn an_endpoint_is_made_and_pinged_as_the_page_says(engine: Engine) {
    let mut shop = Shop::open(engine).await;
    let ping = shop.paste_json("Start", "/test").await;
    assert_eq!(ping["event_type"], "test.ping", "{ping}");
    let told = shop.newest("delivered").await;
    assert_eq!((&told["id"], &told["last_response_status"]), (&ping["delivery_id"], &json!(204)), "{told}");
    let request = shop.receiver.asked("POST /webhooks").pop().expect("a request");
    for row in section("Headers").lines().filter_map(|line| line.strip_prefix("| `")) {
        let name = row.split('`').next().unwrap_or_default();
        assert!(request.header(name).is_some(), "{name}");
    }
    let list = shop.paste_json("Start", LIST).await;
    assert_eq!(list["data"][0]["id"], json!(shop.webhook), "{list}");
    let one = shop.paste_json("Start", "webhooks/$WEBHOOK\" ").await;
    assert_eq!((&one["description"], &one["delivery_counts"]["delivered"]), (&json!("Shop"), &json!(1)), "{one}");

    shop.webhook = shop.webhook.replace('-', "");
    let wrong = shop.paste_json("Start", "/test").await;
    assert_eq!(wrong["detail"], "Invalid id format. Expected \"whk_<uuid>\".");
}

async fn what_was_given_up_is_sent_again_and_caught_up_on(engine: Engine) {
    const AGAIN: &str = "What was given up, and sending it again";
    const CATCH_UP: &str = "Catching up after downtime";
    let mut shop = Shop::open(engine).await;
    let dead = shop.give_up("61").await;
    let listed = shop.paste_json(AGAIN, "status=dlq").await;
    assert_eq!(listed["data"], json!([dead]), "{listed}");
    assert_eq!((&dead["attempts"], &dead["last_response_excerpt"]), (&json!(6), &json!("down")));

    let counted = shop.paste_json(CATCH_UP, "dry_run").await;
    assert_eq!(counted["event_count"], 1, "{counted}");
    assert_eq!(shop.paste_json(AGAIN, "status=dlq").await, listed, "counting moves nothing");
    shop.delivery = dead["id"].as_str().expect("an id").to_owned();
    let replayed = shop.paste_json(AGAIN, "/replay").await;
    assert_eq!((&replayed["id"], &replayed["status"]), (&dead["id"], &json!("pending")), "{replayed}");
    shop.newest("delivered").await;
    let queued = shop.paste_json(CATCH_UP, "\"since\":\"2026-05-12T12:00:00Z\"}").await;
    assert_eq!(queued["event_count"], 0, "confirmed by now: {queued}");
}

async fn a_secret_is_changed_and_an_endpoint_paused_and_deleted(engine: Engine) {
    const CHANGE: &str = "Pausing and deleting";
    let shop = Shop::open(engine).await;
    let rotated = shop.paste_json("Changing the secret", "rotate-secret").await;
    assert_eq!(rotated["grace_expires_at"], "2026-05-13T12:00:00.000Z", "{rotated}");
    let again = shop.paste_json("Changing the secret", "rotate-secret").await;
    assert_eq!(again["status"], 409, "{again}");
    shop.paste("Start", "/test").await;
    shop.newest("delivered").await;
    let both = shop.receiver.asked("POST /webhooks").pop().expect("a request");
    let signed = both.header("x-driftstack-signature").unwrap_or_default();
    assert_eq!(signed.matches("v1=").count(), 2, "{signed}");

    for (part, active) in [("\"active\":false", false), ("\"active\":true", true)] {
        let changed = shop.paste_json(CHANGE, part).await;
        assert_eq!(changed["active"], json!(active), "{changed}");
    }
    assert_eq!(shop.paste(CHANGE, "-X DELETE").await, "");
    let all = shop.paste_json("Start", LIST).await;
    assert_eq!(all["data"], json!([]), "{all}");
}

async fn the_receiver_of_the_page_receives(engine: Engine) {
    const LOCAL: &str = "Trying it on your own machine";
    let (_, code) = section(LOCAL).split_once("```python\n").expect("a receiver");
    let code = code.split("```").next().expect("its end");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port().to_string();
    assert!(code.contains("9000"), "{code}");
    let folder = fresh_folder("receiver");
    std::fs::write(folder.join("receiver.py"), code.replace("9000", &port)).expect("a file");
    let mut python = Command::new("python3");
    python.arg(folder.join("receiver.py")).stdout(Stdio::piped()).stderr(Stdio::null());
    let python = match python.spawn() {
        Ok(python) => python,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let missing = "there is no python3: tests/run installs it";
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
            // Not `eprintln`, which a passing test keeps to itself.
            drop(writeln!(io::stderr(), "\n!!! SKIPPED: the page's receiver. {missing}\n"));
            return;
        }
        Err(error) => panic!("python3 cannot be run: {error}"),
    };
    let mut python = Running(python);
    let listening = || async { std::net::TcpStream::connect(format!("127.0.0.1:{port}")).ok() };
    drop(eventually("the receiver listens", listening).await);

    let mut shop = Shop::open(engine).await;
    let made = run(&shop, command(LOCAL, "127.0.0.1:9000").replace("9000", &port)).await;
    let made: Value = serde_json::from_str(&made).expect("JSON");
    shop.webhook = made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    shop.paste("Start", "/test").await;
    shop.newest("delivered").await;
    python.0.kill().expect("it ends");
    let mut printed = String::new();
    python.0.stdout.take().expect("stdout is piped").read_to_string(&mut printed).expect("text");
    assert_eq!(printed, format!("test.ping {{'webhook_id': '{}'}}\n", shop.webhook));
}

/// A program that ends with its test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A length of time as the page's table has it.
fn words(span: Span) -> String {
    let seconds = span.as_millis() / 1000;
    assert_eq!(seconds * 1000, span.as_millis());
    match (seconds / 60, seconds % 60) {
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[test]
fn the_table_of_retries_is_the_schedule() {
    let now = Timestamp::parse("2026-05-12T12:00:00.000Z").expect("a time");
    let mut rows =
        "| attempt | after the one before | at the latest |\n|---|---|---|\n| 1 | at once | at once |\n".to_owned();
    let mut made = 1;
    let after = |made, jitter| match next(made, Attempted::Unanswered, jitter, now) {
        Next::Again { at } => Some(words(at.since(now))),
        Next::Delivered | Next::Dlq | Next::Gone => None,
    };
    while let Some([soonest, latest]) = after(made, 0).zip(after(made, JITTER_THOUSANDTHS_MAX)).map(|(a, b)| [a, b]) {
        made += 1;
        rows += &format!("| {made} | {soonest} | {latest} |\n");
    }
    assert!(section("Retries").contains(&format!("{rows}\n")), "the table is to be:\n\n{rows}");
    assert!(section("Retries").contains("There are six attempts.") && made == 6);
}

#[test]
fn every_command_of_the_page_is_a_request_with_a_key() {
    let all = blocks(PAGE, "bash").concat();
    assert_eq!(all.lines().count(), 14, "try the new one in a test above, and count it here:\n{all}");
    for command in all.lines() {
        assert!(command.starts_with("curl -sS "), "{command}");
        assert!(command.contains("-H \"Authorization: Bearer $KEY\""), "{command}");
        assert!(!command.contains(" -d ") || command.contains("'Content-Type: application/json'"), "{command}");
    }
}

#[test]
fn every_heading_that_the_page_links_to_is_there() {
    let anchor = |heading: &str| {
        let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect::<String>();
        format!("#{}", kept.replace(' ', "-"))
    };
    let headings: Vec<String> = PAGE.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    let links = PAGE.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| link.starts_with('#')) {
        assert!(headings.iter().any(|heading| heading == link), "{link}");
    }
}

/// All text of the program below a folder.
fn source(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| if path.is_dir() { source(&path) } else { std::fs::read_to_string(&path).expect("text") })
        .collect()
}

#[test]
fn the_log_lines_that_operators_watch_for_are_those_of_the_program() {
    let page = include_str!("../../docs/operations.md");
    let (_, table) = page.split_once("\n| line | what it means |\n|---|---|\n").expect("the table");
    let lines: Vec<&str> = table.lines().map_while(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    assert!(4 <= lines.len(), "{table}");
    let program = source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let absent: Vec<&&str> = lines.iter().filter(|line| !program.contains(&format!("\"{line}\""))).collect();
    assert!(absent.is_empty(), "{absent:?}");
}
