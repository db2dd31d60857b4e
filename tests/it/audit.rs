//! The audit log: every admin write with who, what, from where and what came of it; and nothing else.

use crypto_orders::actors::order::Operation;
use crypto_orders::actors::sweeper::{SweepMode, SweepRequest};
use crypto_orders::domain::access::Scope;
use crypto_orders::domain::time::Span;
use reqwest::Method;
use serde_json::{Value, json};

use crate::deliveries::{catch_up, endpoint, stand, told};
use crate::engines::Engine;
use crate::harness::{TestApp, payment, settings};

on_both_engines![
    every_admin_write_is_on_it_with_everything,
    what_is_done_with_a_delivery_is_on_it,
    a_sweep_by_the_command_line_has_no_actor,
    what_is_refused_or_only_tried_or_read_is_not_on_it,
    a_walk_is_everything_that_the_filters_mean_newest_first,
    what_cannot_be_asked_is_refused,
];

const PATH: &str = "/v1/admin/audit-log";

async fn write(app: &TestApp, method: Method, path: &str, body: Value) -> Value {
    let answer = app.admin_call(method, path, &body).await;
    assert_eq!(answer.code(), 200, "{path}: {}", answer.text);
    app.clock.advance(Span::millis(1));
    answer.json()
}

async fn every_admin_write_is_on_it_with_everything(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let order = app.order().await;
    let said = json!({ "payment_id": "1001", "provider_status": "partially_paid" });
    write(&app, Method::POST, &format!("/{order}/apply-ipn"), said.clone()).await;
    let strange = json!({ "payment_id": "1002", "provider_status": "finished" });
    write(&app, Method::POST, &format!("/{order}/apply-ipn"), strange.clone()).await;
    let note = json!({ "internal_note": "Called \"twice\".\n✓" });
    write(&app, Method::PATCH, &format!("/{order}/internal-note"), note.clone()).await;
    let accept = json!({ "reason": "Good enough.", "payment_id": "1001" });
    let accepted = write(&app, Method::POST, &format!("/{order}/accept"), accept.clone()).await;
    let item = app.walk("/v1/admin/crypto-orders/attention", 9).await.remove(0);
    let item = item["id"].as_str().expect("an id").to_owned();
    let resolve = json!({ "note": "A stranger's." });
    write(&app, Method::POST, &format!("/attention/{item}/resolve"), resolve.clone()).await;
    let (first, second) = (app.order().await, app.order().await);
    app.clock.advance(Span::minutes(90));
    write(&app, Method::POST, "/sweep-expired", json!({ "older_than_minutes": 90, "limit": 7 })).await;

    let actor = accepted["events"][2]["actor"].clone();
    assert!(actor.as_str().is_some_and(|actor| actor.starts_with("key_")), "{accepted}");
    let sweep = json!({ "older_than_hours": 1.5, "limit": 7, "dry_run": false });
    let moved = |outcome: &str, status: &str| json!({ "outcome": outcome, "status": status });
    let (mut rows, mut ids) = (app.walk(PATH, 3).await, Vec::new());
    for row in &mut rows {
        let id = row.as_object_mut().expect("an object").remove("id").expect("an id");
        ids.push(id.as_str().unwrap_or_default().to_owned());
    }
    assert!(ids.iter().all(|id| id.len() == 40 && id.starts_with("aud_")), "{ids:?}");
    let row = |action: &str, target: &str, input: &Value, result: Value, at: &str| {
        json!({ "actor": actor, "action": action, "target": target, "input": input, "result": result,
            "ip": "127.0.0.1", "at": format!("2026-05-12T{at}Z") })
    };
    let swept = |order: &str| row("crypto_order.swept", order, &sweep, moved("applied", "failed"), "13:30:00.005");
    // The two of the sweep are of one moment.
    let mut both = [rows.remove(0), rows.remove(0)];
    both.sort_by_key(|row| row["target"].as_str().unwrap_or_default().to_owned());
    let mut targets = [first, second];
    targets.sort_unstable();
    assert_eq!(both, targets.map(|order| swept(&order)));
    let [applied, noted] = ["crypto_order.ipn_applied", "crypto_order.note_updated"];
    let expected = [
        row("attention.resolved", &item, &resolve, json!({ "state": "resolved" }), "12:00:00.004"),
        row("crypto_order.accepted", &order, &accept, moved("applied", "paid"), "12:00:00.003"),
        row(noted, &order, &note, moved("ignored", "partial"), "12:00:00.002"),
        row(applied, &order, &strange, moved("mismatch", "partial"), "12:00:00.001"),
        row(applied, &order, &said, moved("applied", "partial"), "12:00:00.000"),
    ];
    assert_eq!(rows, expected);
}

async fn what_is_done_with_a_delivery_is_on_it(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let hook = endpoint(&app, app.account).await;
    told(&app).await;
    catch_up(&app, hook).await;
    let id = app.sql("select id from webhook_deliveries").await;
    // What is refused is not on it.
    for (path, code) in [
        ("webhook-dlq/{}/requeue", 409),
        ("webhook-dlq/{}/discard", 409),
        ("webhook-deliveries/{}/replay", 200),
        ("webhook-dlq/{}/requeue", 200),
        ("webhook-dlq/{}/discard", 200),
    ] {
        if code == 200 {
            stand(&app, &id, "dlq", 6);
        }
        let path = format!("/v1/admin/{}", path.replace("{}", &id));
        let answer = app.send(app.request(Method::POST, &path).bearer_auth(&app.operator)).await;
        assert_eq!(answer.code(), code, "{path}: {}", answer.text);
        assert_eq!(app.call(Method::POST, &path, &json!({})).await.code(), 403, "{path}");
        app.clock.advance(Span::millis(1));
    }
    let own = format!("/v1/webhook-deliveries/{id}/replay");
    assert_eq!(app.call(Method::POST, &own, &json!({})).await.code(), 200, "a customer's is no admin write");
    let rows = app.walk(&format!("{PATH}?target={id}"), 2).await;
    let done: Vec<_> = rows.iter().map(|row| json!([row["action"], row["result"]["status"], row["ip"]])).collect();
    let row = |action: &str, status: &str| json!([format!("webhook_delivery.{action}"), status, "127.0.0.1"]);
    assert_eq!(done, [row("discarded", "failed"), row("requeued", "pending"), row("replayed", "pending")]);
    assert!(rows.iter().all(|row| row["actor"].as_str().is_some_and(|actor| actor.starts_with("key_"))), "{rows:?}");
    assert_eq!(app.walk(PATH, 9).await.len(), 3);
}

async fn a_sweep_by_the_command_line_has_no_actor(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let order = app.order().await;
    app.clock.advance(Span::hours(1));
    let input = r#"{"limit":1}"#.to_owned();
    let request = SweepRequest {
        created_until: app.clock.now().before(Span::hours(1)),
        limit: 1,
        mode: SweepMode::Real,
        operation: Operation { actor: None, action: "crypto_order.swept", input, ip: None },
    };
    let mut settings = settings(&app.database.url);
    settings.sweeper.automatic = false;
    let swept = crypto_orders::app::sweep_once(&settings, &app.clock, &app.store, request).await.expect("a sweep");
    assert_eq!(swept.order_ids.len(), 1);
    let rows = app.walk(PATH, 9).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!([&rows[0]["actor"], &rows[0]["ip"], &rows[0]["target"]], [&Value::Null, &Value::Null, &json!(order)]);
    assert_eq!(rows[0]["input"], json!({ "limit": 1 }));
}

async fn what_is_refused_or_only_tried_or_read_is_not_on_it(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.sweeper.automatic = false).await;
    let (order, nobody) = (app.order().await, format!("ord_{}", "0".repeat(32)));
    app.ipn(&payment("", "1", "finished")).await;
    let item = app.walk("/v1/admin/crypto-orders/attention", 9).await.remove(0);
    let item = item["id"].as_str().expect("an id").to_owned();
    app.clock.advance(Span::hours(2));
    let good =
        json!({ "payment_id": "1", "provider_status": "waiting", "internal_note": "a", "reason": "b", "note": "c" });
    let attempts = [
        (Method::POST, format!("/{nobody}/apply-ipn"), good.clone(), 404),
        (Method::PATCH, format!("/{nobody}/internal-note"), good.clone(), 404),
        (Method::POST, format!("/{nobody}/accept"), good.clone(), 404),
        (Method::POST, format!("/{nobody}/top-up"), good.clone(), 404),
        (Method::POST, format!("/{order}/top-up"), good.clone(), 409),
        (Method::POST, format!("/{order}/top-up"), json!({ "reason": 7 }), 400),
        (Method::POST, format!("/{order}/apply-ipn"), json!({ "payment_id": "1" }), 400),
        (Method::PATCH, format!("/{order}/internal-note"), json!({}), 400),
        (Method::POST, format!("/{order}/accept"), json!({}), 400),
        (Method::POST, format!("/{order}/accept"), good.clone(), 409),
        (Method::POST, format!("/attention/{item}/resolve"), json!({}), 400),
        (Method::POST, "/attention/att_1/resolve".to_owned(), good.clone(), 400),
        (Method::POST, "/sweep-expired".to_owned(), json!({ "dry_run": true }), 200),
        (Method::POST, "/sweep-expired".to_owned(), json!({ "older_than_minutes": 59 }), 400),
        (Method::POST, "/sweep-expired".to_owned(), json!({ "older_than_hours": 100 }), 200),
    ];
    for (method, path, body, code) in attempts {
        assert_eq!(app.admin_call(method.clone(), &path, &body).await.code(), code, "{path} {body}");
        let by_customer = format!("/v1/admin/crypto-orders{path}");
        assert_eq!(app.call(method, &by_customer, &good).await.code(), 403, "{path}");
    }
    let of = ["", "/events", "/ipns", "/payments"].map(|rest| format!("/{order}{rest}"));
    for read in of.iter().map(String::as_str).chain(["", "/attention"]) {
        assert_eq!(app.admin(read).await.code(), 200, "{read}");
    }
    assert_eq!(app.walk(PATH, 9).await, Vec::<Value>::new());
}

async fn a_walk_is_everything_that_the_filters_mean_newest_first(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let other = app.key(&[Scope::Admin]).await;
    let orders = [app.order().await, app.order().await];
    for number in 0..13_usize {
        let path = format!("/v1/admin/crypto-orders/{}/internal-note", orders[number % 2]);
        let key = if number % 3 == 0 { &other } else { &app.operator };
        let body = json!({ "internal_note": number.to_string() }).to_string();
        let request = app.request(Method::PATCH, &path).bearer_auth(key).header("content-type", "application/json");
        assert_eq!(app.send(request.body(body)).await.code(), 200);
        if number % 4 == 3 {
            app.clock.advance(Span::millis(1));
        }
    }
    let all = app.walk(PATH, 200).await;
    let place = |row: &Value| ["at", "id"].map(|field| row[field].as_str().unwrap_or_default().to_owned());
    assert!(all.len() == 13 && all.is_sorted_by(|one, next| place(one) > place(next)), "{all:#?}");
    let mut actors: Vec<Value> = all.iter().map(|row| row["actor"].clone()).collect();
    actors.sort_by_key(Value::to_string);
    actors.dedup();
    assert_eq!(actors.len(), 2);
    let targets = [None, Some(json!(orders[0])), Some(json!(orders[1])), Some(json!("nothing"))];
    let actors = actors.into_iter().map(Some).chain([None, Some(json!("key_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b"))]);
    for (actor, target) in actors.flat_map(|actor| targets.clone().map(|target| (actor.clone(), target))) {
        let means = |row: &&Value| {
            actor.as_ref().is_none_or(|actor| row["actor"] == *actor)
                && target.as_ref().is_none_or(|target| row["target"] == *target)
        };
        let wanted: Vec<Value> = all.iter().filter(means).cloned().collect();
        let named = |name: &str, value: &Option<Value>| {
            value.as_ref().and_then(Value::as_str).map_or(String::new(), |value| format!("{name}={value}&"))
        };
        for limit in [1, 2, 4, 13] {
            let path = format!("{PATH}?{}{}", named("actor", &actor), named("target", &target));
            assert_eq!(app.walk(&path, limit).await, wanted, "{path} {limit}");
        }
    }
}

async fn what_cannot_be_asked_is_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for wrong in ["", "key_1", "nonsense", "acc_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b", "%00"] {
        let told = app.operator_get(&format!("{PATH}?actor={wrong}")).await.problem(400, "bad-request");
        assert_eq!(told, "actor must be a key's id, key_<uuid>.", "{wrong}");
    }
    for wrong in ["", "%00", &"x".repeat(201)] {
        let told = app.operator_get(&format!("{PATH}?target={wrong}")).await.problem(400, "bad-request");
        assert!(told.starts_with("target must"), "{told}");
    }
    for _ in 0..2 {
        app.order().await;
    }
    let of_orders = app.admin("?limit=1").await.json()["next_cursor"].as_str().expect("more").to_owned();
    app.pages_are_strict(PATH, &of_orders).await;
    app.get(PATH).await.problem(403, "forbidden");
}
