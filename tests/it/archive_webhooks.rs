//! What of webhooks an archive carries: endpoints with their secrets, what waits for them, and pings.
//!
//! `archive.rs` holds that it all comes out the same again; here it is judged, and older archives are read.

use crypto_orders::config::Reach;
use crypto_orders::domain::ids::{AccountId, DeliveryId, WebhookId};
use crypto_orders::domain::time::{Span, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::archive::{at, engines, exported, fresh, imported};
use crate::engines::Engine;
use crate::harness::responder::{Responder, Said};
use crate::harness::{TestApp, payment, sql};

on_both_engines![
    endpoints_keep_their_secrets_and_deliveries_their_place,
    an_archive_from_before_webhooks_is_read,
    what_no_endpoint_can_mean_is_refused,
    a_window_has_deliveries_and_no_secrets,
    a_full_export_to_a_file_says_that_it_holds_secrets,
    what_waits_is_sent_from_where_it_was_moved,
];

const SECRET: &str = "whsec_a4dqobyha4dqobyha4dqobyha4dqobyh";
const OLD_SECRET: &str = "whsec_bbbqobyha4dqobyha4dqobyha4dqobyh";
const BOTH: &str = "crypto.order.paid crypto.order.failed";

/// An endpoint that is written behind the service's back: its owner, its standing, and what else is set.
fn endpoint(account: AccountId, number: u128, standing: &str, more: &[(&str, &str)]) -> (WebhookId, String) {
    let id = WebhookId::new(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number));
    let mut columns = vec![
        ("id", format!("'{id}'")),
        ("account_id", format!("'{account}'")),
        ("url", format!("'https://hooks.example.com/{number}?q=\"%22'")),
        ("secret", format!("'{SECRET}'")),
        ("events", format!("'{BOTH}'")),
        ("status", format!("'{standing}'")),
        ("consecutive_failures", "0".to_owned()),
        ("delivered", "0".to_owned()),
        ("failed", "0".to_owned()),
        ("dlq", "0".to_owned()),
        ("created_at", format!("{}", time("2026-05-12T11:00:00.000Z"))),
    ];
    for (column, value) in more {
        columns.retain(|(name, _)| name != column);
        columns.push((column, (*value).to_owned()));
    }
    (id, insert("webhook_endpoints", &columns))
}

/// A delivery of an event, in this status; the event as `id|order|type|micros`.
fn delivery(webhook: WebhookId, event: &str, status: &str, more: &[(&str, &str)]) -> String {
    let [id, order, kind, at] = event.split('|').collect::<Vec<_>>()[..] else { panic!("{event}") };
    let waits = matches!(status, "pending" | "in_flight" | "failed");
    let mut columns = vec![
        ("id", format!("'{}'", DeliveryId::of(webhook, Uuid::parse_str(id).expect("a UUID")))),
        ("webhook_id", format!("'{webhook}'")),
        ("event_id", format!("'{id}'")),
        ("order_id", if order.is_empty() { "null".to_owned() } else { format!("'{order}'") }),
        ("event_type", format!("'{kind}'")),
        ("event_at", at.to_owned()),
        ("turn", "'in_order'".to_owned()),
        ("status", format!("'{status}'")),
        ("attempts", "0".to_owned()),
        // A time that no test reaches: nobody may dial these addresses.
        ("due_at", if waits { time("2030-01-01T00:00:00.000Z").to_string() } else { "null".to_owned() }),
        ("lease", "''".to_owned()),
        ("created_at", at.to_owned()),
    ];
    for (column, value) in more {
        columns.retain(|(name, _)| name != column);
        columns.push((column, (*value).to_owned()));
    }
    insert("webhook_deliveries", &columns)
}

fn insert(table: &str, columns: &[(&str, String)]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let values: Vec<&str> = columns.iter().map(|(_, value)| value.as_str()).collect();
    format!("insert into {table} ({}) values ({})", names.join(", "), values.join(", "))
}

fn time(text: &str) -> i64 {
    Timestamp::parse(text).expect("a time").micros()
}

async fn write(app: &TestApp, statements: Vec<String>) {
    let (url, engine) = (app.database.url.clone(), app.engine());
    let run = move || statements.iter().map(|statement| sql::run(engine, &url, statement)).collect::<Vec<_>>();
    let done = tokio::task::spawn_blocking(run).await.expect("the database is asked");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
}

/// The events of orders so far, oldest first, as [`delivery`] takes them.
fn events(app: &TestApp) -> Vec<String> {
    let query = "select id || '|' || order_id || '|' || event_type || '|' || created_at from outbox_events \
        where order_id <> '' order by created_at, id";
    app.database.sql(query).lines().map(str::to_owned).collect()
}

/// Endpoints in every standing, deliveries in every status, and two pings, of which one waits. There must have been
/// three events at least.
pub async fn told(app: &TestApp) {
    let at = |text: &str| time(text).to_string();
    let (noon, later) = (at("2026-05-12T12:00:00.000Z"), at("2026-05-12T13:00:00.000Z"));
    let account = app.account;
    let counts = [("delivered", "1"), ("failed", "2"), ("dlq", "1"), ("consecutive_failures", "3")];
    let seen = [("last_success_at", noon.as_str()), ("last_failure_at", later.as_str())];
    let named = [("description", "'it''s \"ours\" 💶'"), ("events", "'crypto.order.failed'")];
    let rotated = [("prev_secret", format!("'{OLD_SECRET}'")), ("prev_secret_until", at("2026-05-13T12:00:00.000Z"))];
    let rotated = rotated.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (active, active_row) = endpoint(account, 1, "active", &[&counts[..], &seen].concat());
    let (paused, paused_row) = endpoint(account, 2, "paused", &named);
    let (disabled, disabled_row) = endpoint(account, 3, "disabled", &[("disabled_at", &later)]);
    let (_, deleted_row) = endpoint(account, 4, "deleted", &[("deleted_at", &later)]);
    let gone = [("deleted_at", later.as_str()), ("disabled_at", noon.as_str())];
    let (_, disabled_then_deleted) = endpoint(account, 5, "deleted", &gone);
    let (rotating, rotating_row) = endpoint(account, 6, "active", &rotated);
    let mut statements = vec![active_row, paused_row, disabled_row, deleted_row, disabled_then_deleted, rotating_row];

    let events = events(app);
    let answered = [("last_response_status", "503"), ("last_response_excerpt", "'<p>\n\\u0000 \"no\"'")];
    let failed = [&[("attempts", "2"), ("last_error", "'the endpoint answered 503'")], &answered[..]].concat();
    let leased = [("lease", "'node 1'"), ("attempts", "1"), ("turn", "'catch_up'")];
    let confirmed = [("attempts", "1"), ("delivered_at", later.as_str()), ("last_response_status", "200")];
    let discarded = [("due_at", "null"), ("attempts", "6")];
    statements.extend([
        delivery(active, &events[0], "delivered", &confirmed),
        delivery(active, &events[1], "failed", &failed),
        delivery(active, &events[2], "in_flight", &leased),
        delivery(paused, &events[0], "pending", &[("turn", "'replay'")]),
        delivery(disabled, &events[0], "dlq", &[("attempts", "6"), ("last_error", "'the endpoint is disabled'")]),
        delivery(rotating, &events[0], "failed", &discarded),
        delivery(rotating, &events[1], "pending", &[]),
    ]);
    statements.extend(pings(account, active));
    write(app, statements).await;
}

/// Two pings of an endpoint, the second of which waits.
fn pings(account: AccountId, webhook: WebhookId) -> Vec<String> {
    let noon = time("2026-05-12T12:00:00.000Z").to_string();
    let mut statements = Vec::new();
    for (number, status) in [(1, "delivered"), (2, "pending")] {
        let ping = format!("0190e3a0-0000-7000-8000-00000000000{number}");
        let body = json!({ "id": ping, "type": "test.ping", "created_at": "2026-05-12T12:00:00.000Z",
            "data": { "webhook_id": webhook.to_string() } });
        statements.push(insert(
            "outbox_events",
            &[
                ("id", format!("'{ping}'")),
                ("account_id", format!("'{account}'")),
                ("order_id", "''".to_owned()),
                ("event_type", "'test.ping'".to_owned()),
                ("body", format!("'{body}'")),
                ("created_at", noon.clone()),
            ],
        ));
        statements.push(delivery(webhook, &format!("{ping}||test.ping|{noon}"), status, &[]));
    }
    statements
}

/// A service of three orders that are paid, told of as in [`told`].
async fn lived_in(engine: Engine) -> TestApp {
    let app = TestApp::spawn(engine).await;
    for number in 0..3 {
        let order = app.order().await;
        assert_eq!(app.ipn(&payment(&order, &format!("40{number}"), "finished")).await.code(), 200);
        app.advance(Span::minutes(1)).await;
    }
    told(&app).await;
    app
}

const STANDING: &str = "select id || '|' || url || '|' || secret || '|' || coalesce(prev_secret, '-') || '|' || status || '|' || \
    delivered || failed || dlq || consecutive_failures from webhook_endpoints order by id";
const PLACES: &str = "select id || '|' || webhook_id || '|' || coalesce(order_id, '-') || '|' || turn || '|' || status || '|' || \
    attempts || '|' || coalesce(due_at, 0) || '|' || lease from webhook_deliveries order by id";

async fn endpoints_keep_their_secrets_and_deliveries_their_place(engine: Engine) {
    let app = lived_in(engine).await;
    let archive = exported(&app.database.url);
    for held in [SECRET, OLD_SECRET, "\"webhook_ping\"", "\"lease\":\"node 1\"", "\"turn\":\"replay\""] {
        assert!(archive.contains(held), "{held} in {archive}");
    }
    let moved = imported(engine, &archive).await;
    for query in [STANDING, PLACES] {
        let there = app.database.sql(query);
        assert!(6 <= there.lines().count(), "{there}");
        assert_eq!(moved.sql(query), there);
    }
    assert_eq!(exported(&moved.url), archive);
}

/// The same archive as a version without webhooks wrote it.
fn first_format(archive: &str) -> String {
    let mut lines: Vec<Value> = Vec::new();
    for line in archive.lines() {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        match line["kind"].as_str().expect("a kind") {
            "archive" => line["format"] = json!(1),
            "webhook_endpoint" | "webhook_ping" | "service_secret" => continue,
            "order" => {
                line.as_object_mut().expect("an order").remove("webhook_deliveries");
            }
            "end" => line["records"] = json!(lines.len() - 1),
            _ => {}
        }
        lines.push(line);
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

async fn an_archive_from_before_webhooks_is_read(engine: Engine) {
    let app = lived_in(engine).await;
    let archive = exported(&app.database.url);
    let older = first_format(&archive);
    assert!(!older.contains("webhook_deliver") && !older.contains("whsec_"), "{older}");
    let database = imported(engine, &older).await;
    assert_eq!(database.sql("select count(*) from outbox_events"), "3", "what can be caught up on");
    assert_eq!(database.sql("select count(*) from webhook_deliveries"), "0");
    let again = exported(&database.url);
    assert!(again.starts_with("{\"kind\":\"archive\",\"format\":3,"), "{again}");
    assert_eq!(first_format(&again), older);
}

async fn what_no_endpoint_can_mean_is_refused(engine: Engine) {
    let archive = exported(&lived_in(engine).await.database.url);
    let database = fresh(engine).await;
    let ids: Vec<String> =
        archive.split("\"id\":\"").skip(1).map(|rest| rest[..rest.find('"').expect("an end")].to_owned()).collect();
    let endpoints: Vec<&String> = ids.iter().filter(|id| id.starts_with("whk_")).collect();
    let (_, after) = archive.split_once("\"kind\":\"webhook_endpoint\"").expect("an endpoint");
    let first = format!("{{\"kind\":\"webhook_endpoint\"{}\n", after.lines().next().expect("a line"));
    let stranger = endpoints[0].replacen("whk_0190", "whk_0191", 1);
    let cases = [
        (archive.replacen(&first, "", 1).replace("\"records\":", "\"records\":9"), "endpoint stands nowhere before it"),
        (
            archive.replacen(&format!("\"id\":\"{}\"", endpoints[0]), &format!("\"id\":\"{stranger}\""), 1),
            "nowhere before it",
        ),
        (archive.replacen(SECRET, "whsec_short", 1), "secret"),
        (archive.replacen("\"status\":\"disabled\"", "\"status\":\"resting\"", 1), "status"),
        (archive.replacen("\"status\":\"paused\"", "\"status\":\"disabled\"", 1), "status"),
        (archive.replacen("\"dlq\":1", "\"dlq\":-1", 1), "below 0"),
        (archive.replacen("\"turn\":\"replay\"", "\"turn\":\"never\"", 1), "no such turn"),
        (archive.replacen("\"status\":\"in_flight\"", "\"status\":\"dlq\"", 1), "waits although"),
        (archive.replacen("\"event_type\":\"test.ping\"", "\"event_type\":\"crypto.order.paid\"", 1), "no ping"),
        (archive.replacen("\"id\":\"wdl_", "\"id\":\"wdl_0", 1), "id does not follow"),
    ];
    for (changed, why) in cases {
        assert_ne!(changed, archive, "{why}");
        let site = at(&database.url);
        std::fs::write(site.folder.join("archive.jsonl"), changed).expect("a file");
        let refused = site.run(&["import", "archive.jsonl"]).refusal(1);
        assert!(refused.contains(why) && refused.contains("nothing was imported"), "{why}: {refused}");
        assert!(!refused.contains(SECRET) && !refused.contains(OLD_SECRET), "{refused}");
        assert_eq!(database.sql("select count(*) from webhook_endpoints"), "0", "{why}");
    }
}

async fn a_window_has_deliveries_and_no_secrets(engine: Engine) {
    let app = lived_in(engine).await;
    let window = ["export", "--format", "jsonl", "--created-before", "2026-05-12T12:01:00Z"];
    let archive = at(&app.database.url).run(&window).printed();
    assert!(!archive.contains("whsec_") && !archive.contains("webhook_ping"), "{archive}");
    assert_eq!((archive.lines().count(), archive.matches("\"wdl_").count()), (3, 4), "{archive}");
}

async fn a_full_export_to_a_file_says_that_it_holds_secrets(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let site = at(&app.database.url);
    let told = site.run(&["export", "--format", "jsonl", "--output", "all.jsonl"]).printed();
    assert_eq!(told, "wrote all.jsonl; it holds the secrets of webhooks: keep it as carefully as the database\n");
    assert_eq!(site.run(&["export", "--format", "csv", "--output", "all.csv"]).printed(), "");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(site.folder.join("all.jsonl")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let help = site.run(&["export", "--help"]).printed();
    assert!(help.contains("holds the secrets that webhooks are signed with"), "{help}");
}

async fn what_waits_is_sent_from_where_it_was_moved(engine: Engine) {
    let receiver = Responder::start().await;
    receiver.always("POST /hook", Said::new(204, ""));
    let app = TestApp::spawn_with(engine, |settings| {
        settings.webhooks.automatic = false;
        settings.webhooks.reach = Reach::Local;
    })
    .await;
    let url = format!("{}/hook", receiver.origin());
    let made = app.call(Method::POST, "/v1/webhooks", &json!({ "url": url, "events": ["crypto.order.paid"] })).await;
    assert_eq!(made.code(), 201, "{}", made.text);
    let order = app.order().await;
    assert_eq!(app.ipn(&payment(&order, "501", "finished")).await.code(), 200);
    let archive = exported(&app.database.url);
    assert_eq!(receiver.seen("POST /hook"), 0, "it waits");

    for (moved, target) in engines().into_iter().enumerate() {
        let database = imported(target, &archive).await;
        // The first node may not dial this machine; the second one may.
        let node = TestApp::over(target, database, app.clock.clone()).await;
        let node = node.restart(|settings| settings.webhooks.reach = Reach::Local).await;
        node.advance(Span::minutes(2)).await;
        let told = receiver.asked("POST /hook");
        assert_eq!(told.len(), moved + 1);
        assert_eq!(
            told.last().map(|asked| asked.body.clone()),
            Some(node.database.sql("select body from outbox_events"))
        );
        assert_eq!(node.database.sql("select status from webhook_deliveries"), "delivered");
    }
}
