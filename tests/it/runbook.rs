//! The operations runbook, tried as its reader would: its commands are pasted from the page, and answer
//! what the page says.
//!
//! Only the variables that the page has its reader set are this test's own.

use crypto_orders::domain::attention::AttentionKind;
use crypto_orders::domain::time::Span;
use serde_json::{Value, json};

use crate::deliveries;
use crate::engines::Engine;
use crate::harness::responder::{Responder, Said};
use crate::harness::terminal::{self, Terminal};
use crate::harness::{TestApp, eventually, order_body, payment};
use crate::top_up::{made, provided};

on_both_engines![
    a_payment_id_finds_its_one_order,
    a_stuck_order_is_pulled_and_swept,
    a_payment_that_landed_without_its_ipn_is_replayed,
    a_payment_that_the_provider_does_not_know_is_replayed_by_force,
    two_charges_are_told_apart_by_their_keys,
    the_log_tells_what_happened_in_order,
    a_failure_is_explained_by_the_order_its_log_and_its_newest_ipn,
    a_merchant_who_was_not_told_is_told_again,
    money_that_needs_a_decision_is_shown_and_accepted,
    the_payments_of_a_short_order_are_shown_and_the_rest_is_asked_for,
    a_day_of_paid_orders_is_exported,
    a_misused_key_shows_in_the_metrics,
];

const PAGE: &str = include_str!("../../docs/crypto-orders-ops-runbook.md");
const JSON: &str = "Content-Type: application/json";

/// The command under a heading that has this in it.
fn command(heading: &str, part: &str) -> &'static str {
    terminal::command(PAGE, heading, part)
}

/// What the question is about, as the reader sets it.
#[derive(Default, Clone)]
struct Case {
    order: String,
    payment: String,
    account: String,
    item: String,
    delivery: String,
}

/// What a command of the page prints in the reader's terminal.
async fn paste(app: &TestApp, case: &Case, command: &str) -> String {
    terminal(app, case).paste(command).await
}

async fn paste_json(app: &TestApp, case: &Case, command: &str) -> Value {
    terminal(app, case).paste_json(command).await
}

fn terminal<'a>(app: &'a TestApp, case: &Case) -> Terminal<'a> {
    let Case { order, payment, account, item, delivery } = case.clone();
    let variables =
        [("ORDER", order), ("PAYMENT", payment), ("ACCOUNT", account), ("ITEM", item), ("DELIVERY", delivery)];
    Terminal { app, variables: variables.into() }
}

/// A service whose clock expires nothing by itself, so that orders get stuck.
async fn spawn(engine: Engine) -> TestApp {
    TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await
}

fn of(order: &str, payment: &str) -> Case {
    Case { order: order.to_owned(), payment: payment.to_owned(), ..Case::default() }
}

async fn a_payment_id_finds_its_one_order(engine: Engine) {
    let app = spawn(engine).await;
    let (order, other) = (app.order().await, app.order().await);
    app.ipn(&payment(&order, "np_abc123", "finished")).await;
    app.ipn(&payment(&other, "np_abc1234", "finished")).await;
    let look_up = command("Which order is this provider payment id?", "payment_id=");
    let found = paste_json(&app, &of("", "np_abc123"), look_up).await;
    let orders = found["orders"].as_array().expect("orders");
    assert_eq!(orders.iter().map(|order| &order["order_id"]).collect::<Vec<_>>(), [&json!(order)], "{found}");
    assert_eq!(paste_json(&app, &of("", "np_abc"), look_up).await["orders"], json!([]));
    let search = command("Which order is this provider payment id?", "search=");
    let found = eventually("both orders by their product", || async {
        let found = paste_json(&app, &Case::default(), search).await["orders"].as_array().map_or(0, Vec::len);
        (found == 2).then_some(())
    });
    found.await;
}

async fn a_stuck_order_is_pulled_and_swept(engine: Engine) {
    const STUCK: &str = "My order is stuck in pending";
    let app = spawn(engine).await;
    let case = of(&app.order().await, "");
    app.advance(Span::minutes(61)).await;
    let younger = app.order().await;
    let pulled = paste_json(&app, &case, command(STUCK, "crypto-orders/$ORDER\"")).await;
    assert_eq!((&pulled["status"], &pulled["expires_at"]), (&json!("pending"), &json!("2026-05-12T13:00:00.000Z")));
    let ipns = paste_json(&app, &case, command(STUCK, "/ipns")).await;
    assert_eq!(ipns["data"], json!([]));

    let rehearsed = paste_json(&app, &case, command(STUCK, "dry_run")).await;
    assert_eq!((&rehearsed["expired"], &rehearsed["order_ids"]), (&json!(1), &json!([case.order])), "{rehearsed}");
    assert_eq!(app.look(&case.order).await["status"], "pending");
    let swept = paste_json(&app, &case, command(STUCK, "-d '{}'")).await;
    assert_eq!((&swept["expired"], &swept["order_ids"]), (&json!(1), &json!([case.order])), "{swept}");
    let failed = app.look(&case.order).await;
    assert_eq!((&failed["status"], &failed["failure_reason"]), (&json!("failed"), &json!("swept")));
    assert_eq!(app.look(&younger).await["status"], "pending");
}

async fn a_payment_that_landed_without_its_ipn_is_replayed(engine: Engine) {
    let app = spawn(engine).await;
    let case = of(&app.order().await, "5077125051");
    app.advance(Span::minutes(75)).await;
    let replay = command("My order is stuck in pending", "apply-ipn");
    let replayed = paste_json(&app, &case, replay).await;
    assert_eq!((&replayed["status"], &replayed["applied"]), (&json!("paid"), &json!(true)), "{replayed}");
    let again = paste_json(&app, &case, replay).await;
    assert_eq!((&again["status"], &again["applied"]), (&json!("paid"), &json!(false)), "{again}");
    assert_eq!(app.steps(&case.order).await, ["pending/create", "paid/ipn"]);
}

async fn a_payment_that_the_provider_does_not_know_is_replayed_by_force(engine: Engine) {
    const STUCK: &str = "My order is stuck in pending";
    let app = TestApp::simulated(engine).await;
    let case = of(&app.order().await, "5077125051");
    let payments = app.payments(&case.order).await.len();
    let refused = paste_json(&app, &case, command(STUCK, "apply-ipn")).await;
    assert_eq!((&refused["status"], &refused["field"]), (&json!(409), &json!("payment_id")), "{refused}");
    let forced = paste_json(&app, &case, command(STUCK, "\"force\":true")).await;
    // The order has a payment of its own: force makes no other payment one of the order's.
    assert_eq!((&forced["status"], &forced["outcome"]), (&json!("pending"), &json!("mismatch")), "{forced}");
    assert_eq!(app.payments(&case.order).await.len(), payments);
    assert!(app.raised(&case.order).await.contains(&"forced_replay 5077125051 1".to_owned()));
}

async fn two_charges_are_told_apart_by_their_keys(engine: Engine) {
    const TWO: &str = "I see two charges";
    let app = spawn(engine).await;
    let mut orders = Vec::new();
    for (key, payment_id) in [("click-1", "51"), ("click-2", "52")] {
        let order = app.checkout(Some(key)).await.json()["order_id"].as_str().expect("an id").to_owned();
        app.ipn(&payment(&order, payment_id, "finished")).await;
        app.advance(Span::minutes(1)).await;
        orders.push(order);
    }
    // A double click is no second charge.
    assert_eq!(app.checkout(Some("click-2")).await.header("idempotent-replayed"), Some("1"));
    let case = Case { account: app.account.to_string(), ..Case::default() };
    let both = paste_json(&app, &case, command(TWO, "status=paid")).await;
    let ids: Vec<_> = both["orders"].as_array().expect("orders").iter().map(|order| &order["order_id"]).collect();
    assert_eq!(ids, [&json!(orders[1]), &json!(orders[0])]);
    let metrics = paste_json(&app, &case, command(TWO, "idempotency-metrics")).await;
    let used: Vec<_> = metrics["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|key| json!([key["key"], key["order_id"], key["replays"], key["body_mismatches"]]))
        .collect();
    assert_eq!(used, [json!(["click-2", orders[1], 1, 0]), json!(["click-1", orders[0], 0, 0])]);
}

async fn the_log_tells_what_happened_in_order(engine: Engine) {
    let app = spawn(engine).await;
    let case = of(&app.order().await, "61");
    app.advance(Span::minutes(2)).await;
    app.ipn(&payment(&case.order, "61", "confirming")).await;
    app.advance(Span::minutes(3)).await;
    app.ipn(&payment(&case.order, "61", "finished")).await;
    let log = paste_json(&app, &case, command("What happened, in order?", "/events")).await;
    let told: Vec<_> =
        log["events"].as_array().expect("events").iter().map(|e| json!([e["status"], e["at"], e["source"]])).collect();
    assert_eq!(
        told,
        [
            json!(["pending", "2026-05-12T12:00:00.000Z", "create"]),
            json!(["confirming", "2026-05-12T12:02:00.000Z", "ipn"]),
            json!(["paid", "2026-05-12T12:05:00.000Z", "ipn"]),
        ]
    );
}

async fn a_failure_is_explained_by_the_order_its_log_and_its_newest_ipn(engine: Engine) {
    const WHY: &str = "Why did it fail?";
    let app = spawn(engine).await;
    let case = of(&app.order().await, "62");
    for word in ["waiting", "failed"] {
        app.advance(Span::minutes(1)).await;
        app.ipn(&payment(&case.order, "62", word)).await;
    }
    let order = paste_json(&app, &case, command(WHY, "crypto-orders/$ORDER\"")).await;
    assert_eq!([&order["failure_reason"], &order["payment_id"]], [&json!("ipn"), &json!("62")], "{order}");
    let log = paste_json(&app, &case, command(WHY, "/events")).await;
    assert_eq!(log["events"][1]["provider_status"], "failed", "{log}");
    let ipns = paste_json(&app, &case, command(WHY, "/ipns")).await;
    let newest: Vec<_> = ipns["data"].as_array().expect("IPNs").iter().map(|ipn| &ipn["payment_status"]).collect();
    assert_eq!(newest, ["failed"], "{ipns}");
}

async fn a_merchant_who_was_not_told_is_told_again(engine: Engine) {
    const UNTOLD: &str = "The merchant says they were not told";
    let app = spawn(engine).await;
    let hook = deliveries::endpoint(&app, app.account).await;
    let order = deliveries::told(&app).await;
    let shown = command(UNTOLD, "/$ORDER/deliveries");
    assert_eq!(paste_json(&app, &of(&order, ""), shown).await["data"], json!([]));
    deliveries::catch_up(&app, hook).await;
    let shown = paste_json(&app, &of(&order, ""), shown).await;
    let delivery = shown["data"][0]["id"].as_str().expect("a delivery").to_owned();
    let case = Case { order, delivery, ..Case::default() };
    for (part, from, status) in
        [("/replay", "delivered", "pending"), ("/requeue", "dlq", "pending"), ("/discard", "dlq", "failed")]
    {
        deliveries::stand(&app, &case.delivery, from, 6);
        let dead = paste_json(&app, &case, command(UNTOLD, "/webhook-dlq\"")).await;
        assert_eq!(dead["data"].as_array().map(Vec::len), Some(usize::from(from == "dlq")), "{dead}");
        let moved = paste_json(&app, &case, command(UNTOLD, part)).await;
        assert_eq!((&moved["id"], &moved["status"]), (&json!(case.delivery), &json!(status)), "{moved}");
    }
}

async fn money_that_needs_a_decision_is_shown_and_accepted(engine: Engine) {
    const MONEY: &str = "Money that needs a decision";
    let app = spawn(engine).await;
    let case = of(&app.order().await, "71");
    let mut short = payment(&case.order, "71", "finished");
    short["actually_paid"] = json!(0.48);
    app.ipn(&short).await;
    let open = paste_json(&app, &case, command(MONEY, "/attention\"")).await;
    let raised = &open["data"][0];
    assert_eq!((&raised["kind"], &raised["order_id"]), (&json!("underpaid"), &json!(case.order)), "{open}");
    assert_eq!(raised["next_action"], AttentionKind::Underpaid.next_action(), "{open}");
    let accepted = paste_json(&app, &case, command(MONEY, "/accept")).await;
    assert_eq!(accepted["status"], "paid", "{accepted}");
    app.advance(Span::minutes(1)).await;
    let item = raised["id"].as_str().expect("an id").to_owned();
    let resolved = paste_json(&app, &Case { item, ..Case::default() }, command(MONEY, "/resolve")).await;
    assert_eq!((&resolved["state"], &resolved["kind"]), (&json!("resolved"), &json!("underpaid")), "{resolved}");
    assert_eq!(paste_json(&app, &case, command(MONEY, "/attention\"")).await["data"], json!([]));
    let audit = paste_json(&app, &case, command("Who did that?", "/audit-log")).await;
    let done: Vec<_> = audit["data"].as_array().expect("entries").iter().map(|entry| &entry["action"]).collect();
    assert_eq!(done, ["attention.resolved", "crypto_order.accepted"], "{audit}");
    assert_eq!(audit["data"][1]["target"], json!(case.order), "{audit}");
}

async fn the_payments_of_a_short_order_are_shown_and_the_rest_is_asked_for(engine: Engine) {
    const SHORT: &str = "Less arrived than was owed";
    let provider = Responder::start().await;
    let app = TestApp::spawn_with(engine, |settings| provided(settings, &provider)).await;
    // What the provider cannot make now, evidence brings.
    let case = of(&app.order().await, "75");
    app.ipn(&payment(&case.order, "75", "waiting")).await;
    let mut short = payment(&case.order, "75", "partially_paid");
    short["actually_paid"] = json!(0.2);
    app.ipn(&short).await;
    let ledger = paste_json(&app, &case, command(SHORT, "/payments")).await;
    let sums = ["owed", "received", "missing", "coin"].map(|field| ledger[field].as_str().unwrap_or("-"));
    assert_eq!(sums, ["0.5", "0.2", "0.3", "eth"], "{ledger}");
    let known = json!({ "payment_id": "75", "payment_status": "partially_paid", "pay_address": "0xabc75",
        "order_id": case.order, "pay_amount": 0.5, "actually_paid": 0.2, "pay_currency": "eth", "purchase_id": 77 });
    provider.always("GET /v1/payment/75", Said::new(200, known.to_string()));
    app.clock.advance(Span::minutes(1));
    provider.upon("POST /v1/payment", made("76", "0.3"));
    let rest = paste_json(&app, &case, command(SHORT, "/top-up")).await;
    let told = ["payment_id", "payment_address", "pay_amount"].map(|field| rest[field].as_str().unwrap_or("-"));
    assert_eq!(told, ["76", "0xabc76", "0.3"], "{rest}");
    assert_eq!(paste_json(&app, &case, command(SHORT, "/top-up")).await, rest);
    let sent = &provider.asked("POST /v1/payment").pop().expect("a creation").body;
    assert!(sent.contains("\"purchase_id\":\"77\""), "{sent}");
}

async fn a_day_of_paid_orders_is_exported(engine: Engine) {
    let app = spawn(engine).await;
    let [paid, _pending, next_day] = [app.order().await, app.order().await, {
        app.advance(Span::hours(24)).await;
        app.order().await
    }];
    for (order, id) in [(&paid, "81"), (&next_day, "82")] {
        app.ipn(&payment(order, id, "finished")).await;
    }
    let export = command("Export today's orders", ".csv?status=paid");
    // The page names days of its own; the orders of this test are of the twelfth.
    let export = export.replace("created_after=2026-05-01", "created_after=2026-05-12");
    let export = export.replace("created_before=2026-05-12", "created_before=2026-05-13");
    let printed = paste(&app, &Case::default(), &export).await;
    let mut rows = csv::Reader::from_reader(printed.as_bytes());
    let ids: Vec<String> = rows.records().map(|row| row.expect("a row").get(0).expect("a cell").to_owned()).collect();
    assert_eq!(ids, [paid]);
}

async fn a_misused_key_shows_in_the_metrics(engine: Engine) {
    let app = spawn(engine).await;
    let look = command("Their idempotency key misbehaves", "idempotency-metrics");
    let metrics = |writes: u32, replays: u32, mismatches: u32| json!({ "first_writes": writes, "replays": replays, "body_mismatches": mismatches });
    assert_eq!(paste_json(&app, &Case::default(), look).await, metrics(0, 0, 0));
    app.checkout(Some("constant")).await;
    app.checkout(Some("constant")).await;
    assert_eq!(paste_json(&app, &Case::default(), look).await, metrics(1, 1, 0));
    let mut other = order_body();
    other["product"] = json!("team_manual");
    app.checkout_of(&other, Some("constant")).await;
    assert_eq!(paste_json(&app, &Case::default(), look).await, metrics(1, 2, 1));
}

#[test]
fn every_command_of_the_page_is_a_request_with_a_key() {
    let all = terminal::commands(PAGE);
    assert_eq!(all.len(), 27, "try the new one in a test above, and count it here: {all:?}");
    for command in all {
        assert!(command.starts_with("curl -sS ") && command.contains("$ADMIN_KEY"), "{command}");
        assert!(!command.contains(" -d ") || command.contains(JSON), "{command}");
    }
}

#[test]
fn every_situation_says_where_it_is_on_the_web_pages() {
    for situation in PAGE.split("\n## ").skip(1) {
        let told = situation.matches("\n\nOn the web pages: ").count();
        assert_eq!(told, 1, "{}", situation.lines().next().unwrap_or_default());
    }
}

#[test]
fn every_kind_of_attention_has_its_row_and_its_next_action() {
    let (_, table) = PAGE.split_once("| `kind` | what happened | what to do |\n|---|---|---|\n").expect("the table");
    let rows = table.lines().map_while(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let told: Vec<(&str, &str)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            assert!(cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
            (cells[0].trim_end_matches('`'), cells[2])
        })
        .collect();
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, AttentionKind::ALL.map(AttentionKind::as_str));
    for ((kind, action), known) in told.iter().zip(AttentionKind::ALL) {
        assert!(action.starts_with(known.next_action()), "{kind}: {action}\nThe service says: {}", known.next_action());
    }
}
