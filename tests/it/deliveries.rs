//! Deliveries as merchants and operators look at them, and what becomes of one that is asked for again.
//!
//! The endpoints here are paused: what is queued for them waits, so that nothing moves but by what is asked.

use crypto_orders::domain::access::Tier;
use crypto_orders::domain::ids::{AccountId, WebhookId};
use crypto_orders::domain::time::Span;
use crypto_orders::domain::webhook::endpoint::{Endpoint, Standing};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::sink;
use crate::harness::sql::run;
use crate::harness::{Answer, TestApp, payment};

on_both_engines![
    deliveries_are_listed_newest_first_page_by_page_and_by_status,
    whatever_became_of_a_delivery_a_replay_sends_it_again,
    an_endpoint_that_is_over_is_sent_nothing_again,
    dead_letters_are_listed_requeued_and_discarded,
    an_order_shows_every_delivery_of_its_events,
    what_is_no_delivery_or_a_strangers_is_refused,
];

/// An endpoint of an account, paused, that subscribes to whatever orders tell.
pub async fn endpoint(app: &TestApp, account_id: AccountId) -> WebhookId {
    let url = "https://hooks-of-the-victim.example/in".to_owned();
    let endpoint = Endpoint { standing: Standing::Paused, ..sink::endpoint(account_id, url, app.clock.now()) };
    let id = endpoint.id;
    assert!(app.store.endpoint_insert(endpoint, 10).await.expect("it is kept"));
    id
}

/// A paid order, which tells of itself; a minute passes after it.
pub async fn told(app: &TestApp) -> String {
    let order = app.order().await;
    assert_eq!(app.ipn(&payment(&order, &format!("pay-{order}"), "finished")).await.code(), 200);
    app.clock.advance(Span::minutes(1));
    order
}

/// Asks that an endpoint catches up, on everything there is.
pub async fn catch_up(app: &TestApp, hook: WebhookId) -> i64 {
    let body = json!({ "since": "2026-05-01T00:00:00Z" });
    let answer = app.call(Method::POST, &format!("/v1/webhooks/{hook}/catch-up"), &body).await;
    assert_eq!(answer.code(), 200, "{}", answer.text);
    answer.json()["event_count"].as_i64().expect("a count")
}

/// Changes a table by hand.
pub fn set(app: &TestApp, statement: &str) {
    run(app.engine(), &app.database.url, statement).expect("it is changed");
}

/// Puts a delivery where it stands after so many attempts, with its endpoint's counts.
pub fn stand(app: &TestApp, id: &str, status: &str, attempts: u32) {
    let due = if matches!(status, "pending" | "failed" | "in_flight") { "1" } else { "null" };
    let delivered = if status == "delivered" { "2" } else { "null" };
    set(
        app,
        &format!(
            "update webhook_deliveries set status = '{status}', attempts = {attempts}, due_at = {due}, \
             delivered_at = {delivered}, last_response_status = 500, last_error = 'Answered 500.' where id = '{id}'"
        ),
    );
    let count = |condition: &str| {
        format!(
            "(select count(*) from webhook_deliveries d where d.webhook_id = webhook_endpoints.id and ({condition}))"
        )
    };
    let (delivered, dlq) = (count("d.status = 'delivered'"), count("d.status = 'dlq'"));
    let failed = count(FAILED);
    set(app, &format!("update webhook_endpoints set delivered = {delivered}, failed = {failed}, dlq = {dlq}"));
}

const FAILED: &str = "d.status = 'failed' or (d.status = 'in_flight' and d.attempts > 0)";

/// The counts of an endpoint, held to what its deliveries really are.
pub async fn counts(app: &TestApp, hook: WebhookId) -> String {
    let query = format!("select delivered || '/' || failed || '/' || dlq from webhook_endpoints where id = '{hook}'");
    let kept = app.sql(&query).await;
    let of = |condition: &str| {
        format!("(select count(*) from webhook_deliveries d where d.webhook_id = '{hook}' and ({condition}))")
    };
    let (delivered, failed, dlq) = (of("d.status = 'delivered'"), of(FAILED), of("d.status = 'dlq'"));
    let real = app.sql(&format!("select {delivered} || '/' || {failed} || '/' || {dlq}")).await;
    assert_eq!(kept, real, "delivered/failed/dlq");
    kept
}

async fn operate(app: &TestApp, method: Method, path: &str) -> Answer {
    app.send(app.request(method, &format!("/v1/admin/{path}")).bearer_auth(&app.operator)).await
}

async fn list(app: &TestApp, hook: WebhookId, query: &str) -> Vec<Value> {
    let page = app.get(&format!("/v1/webhooks/{hook}/deliveries{query}")).await;
    assert_eq!(page.code(), 200, "{}", page.text);
    page.json()["data"].as_array().expect("data").clone()
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

async fn deliveries_are_listed_newest_first_page_by_page_and_by_status(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let hook = endpoint(&app, app.account).await;
    let mut queued = Vec::new();
    for _ in 0..5 {
        told(&app).await;
        assert_eq!(catch_up(&app, hook).await, 1);
        let newest = list(&app, hook, "?limit=1").await.remove(0);
        queued.insert(0, newest["id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(ids(&list(&app, hook, "").await), queued);
    let (mut walked, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/v1/webhooks/{hook}/deliveries?limit=2{cursor}")).await.json();
        walked.extend(ids(page["data"].as_array().expect("data")));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(walked, queued);
    stand(&app, &queued[1], "dlq", 6);
    stand(&app, &queued[3], "dlq", 6);
    assert_eq!(ids(&list(&app, hook, "?status=dlq").await), [queued[1].clone(), queued[3].clone()]);
    assert_eq!(ids(&list(&app, hook, "?status=pending").await).len(), 3);
    assert_eq!(list(&app, hook, "?status=delivered").await, Vec::<Value>::new());
    let path = format!("/v1/webhooks/{hook}/deliveries");
    let told = app.get(&format!("{path}?limit=101")).await.problem(400, "bad-request");
    assert_eq!(told, "limit must be an integer between 1 and 100.");
    let told = app.get(&format!("{path}?status=dead")).await.problem(400, "bad-request");
    assert_eq!(told, "status must be one of pending, in_flight, delivered, failed, dlq.");
    assert_eq!(list(&app, hook, "?cursor=nonsense").await, Vec::<Value>::new());
}

async fn whatever_became_of_a_delivery_a_replay_sends_it_again(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let hook = endpoint(&app, app.account).await;
    told(&app).await;
    catch_up(&app, hook).await;
    let row = list(&app, hook, "").await.remove(0);
    let id = row["id"].as_str().expect("an id");
    let event = app.sql("select id from outbox_events").await;
    for (status, attempts, before) in
        [("delivered", 1, "1/0/0"), ("failed", 3, "0/1/0"), ("dlq", 6, "0/0/1"), ("pending", 0, "0/0/0")]
    {
        stand(&app, id, status, attempts);
        assert_eq!(counts(&app, hook).await, before);
        app.clock.advance(Span::minutes(1));
        let replayed = app.call(Method::POST, &format!("/v1/webhook-deliveries/{id}/replay"), &json!({})).await;
        assert_eq!(replayed.code(), 200, "{status}: {}", replayed.text);
        let expected = json!({
            "id": id, "webhook_id": hook.to_string(), "event_id": event, "event_type": "crypto.order.paid",
            "status": "pending", "attempts": 0, "next_attempt_at": app.clock.now(), "discarded": false, "last_response_status": 500,
            "last_response_excerpt": null, "last_error": "Answered 500.", "delivered_at": null,
            "created_at": row["created_at"],
        });
        assert_eq!(replayed.json(), expected, "{status}");
        assert_eq!(list(&app, hook, "").await, [expected], "{status}");
        assert_eq!(counts(&app, hook).await, "0/0/0");
        assert_eq!(app.sql("select turn from webhook_deliveries").await, "replay");
    }
    for (attempts, before) in [(0, "0/0/0"), (2, "0/1/0")] {
        // Whoever attempted it has not come back, and its lease has run out.
        stand(&app, id, "in_flight", attempts);
        assert_eq!(counts(&app, hook).await, before);
        let replayed = app.call(Method::POST, &format!("/v1/webhook-deliveries/{id}/replay"), &json!({})).await;
        assert_eq!((replayed.code(), replayed.json()["status"].as_str()), (200, Some("pending")), "{}", replayed.text);
        assert_eq!(counts(&app, hook).await, "0/0/0");
    }
    for (attempts, kept) in [(0, "0/0/0"), (2, "0/1/0")] {
        stand(&app, id, "in_flight", attempts);
        let until = app.clock.now().after(Span::seconds(60)).micros();
        set(&app, &format!("update webhook_deliveries set due_at = {until}"));
        let told = app.call(Method::POST, &format!("/v1/webhook-deliveries/{id}/replay"), &json!({})).await;
        let told = told.problem(409, "conflict");
        assert_eq!(told, "The delivery is being attempted just now; try again in a minute.");
        assert_eq!(app.sql("select status from webhook_deliveries").await, "in_flight");
        assert_eq!(counts(&app, hook).await, kept);
    }
}

async fn an_endpoint_that_is_over_is_sent_nothing_again(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let hook = endpoint(&app, app.account).await;
    told(&app).await;
    catch_up(&app, hook).await;
    let id = list(&app, hook, "").await[0]["id"].as_str().expect("an id").to_owned();
    stand(&app, &id, "dlq", 6);
    for (status, column) in [("disabled", "disabled_at"), ("deleted", "deleted_at")] {
        set(&app, &format!("update webhook_endpoints set status = '{status}', {column} = 1"));
        let customers = app.call(Method::POST, &format!("/v1/webhook-deliveries/{id}/replay"), &json!({})).await;
        let replay = operate(&app, Method::POST, &format!("webhook-deliveries/{id}/replay")).await;
        let requeue = operate(&app, Method::POST, &format!("webhook-dlq/{id}/requeue")).await;
        for answer in [customers, replay, requeue] {
            let told = answer.problem(409, "conflict");
            assert!(told.contains(status) && told.contains("Create a new endpoint"), "{told}");
        }
        assert_eq!(counts(&app, hook).await, "0/0/1");
    }
    assert_eq!(operate(&app, Method::POST, &format!("webhook-dlq/{id}/discard")).await.code(), 200);
    assert_eq!(counts(&app, hook).await, "0/1/0");
    assert_eq!(app.sql("select count(*) from audit_log").await, "1");
}

async fn dead_letters_are_listed_requeued_and_discarded(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (account, _) = app.stranger(Tier::Enterprise).await;
    let (hook, other) = (endpoint(&app, app.account).await, endpoint(&app, account).await);
    let order = told(&app).await;
    told(&app).await;
    catch_up(&app, hook).await;
    let [second, first] = <[String; 2]>::try_from(ids(&list(&app, hook, "").await)).expect("two");
    assert_eq!(app.walk("/v1/admin/webhook-dlq", 1).await, Vec::<Value>::new());
    stand(&app, &first, "dlq", 6);
    stand(&app, &second, "dlq", 6);
    let dead = app.walk("/v1/admin/webhook-dlq", 1).await;
    assert_eq!(ids(&dead), [second.clone(), first.clone()]);
    assert_eq!(dead[1]["order_id"], json!(order));
    assert_eq!(dead[1]["account_id"], json!(app.account.to_string()));
    assert_eq!(dead[1]["url"], "https://hooks-of-the-victim.example/in");
    assert_eq!(operate(&app, Method::GET, &format!("webhook-deliveries/{first}")).await.json(), dead[1]);

    let requeued = operate(&app, Method::POST, &format!("webhook-dlq/{first}/requeue")).await.json();
    assert_eq!((&requeued["status"], &requeued["attempts"]), (&json!("pending"), &json!(0)), "{requeued}");
    assert_eq!(requeued["next_attempt_at"], json!(app.clock.now()));
    assert_eq!(counts(&app, hook).await, "0/0/1");
    let discarded = operate(&app, Method::POST, &format!("webhook-dlq/{second}/discard")).await.json();
    assert_eq!((&discarded["status"], &discarded["attempts"]), (&json!("failed"), &json!(6)), "{discarded}");
    assert_eq!(discarded["discarded"], true, "{discarded}");
    assert_eq!(counts(&app, hook).await, "0/1/0");
    assert_eq!(app.walk("/v1/admin/webhook-dlq", 1).await, Vec::<Value>::new());

    for (id, state) in [(&first, "pending"), (&second, "failed")] {
        for what in ["requeue", "discard"] {
            let told = operate(&app, Method::POST, &format!("webhook-dlq/{id}/{what}")).await.problem(409, "conflict");
            assert!(told.starts_with(&format!("The delivery is in state \"{state}\"")), "{told}");
        }
    }
    assert_eq!(counts(&app, hook).await, "0/1/0");
    let again = operate(&app, Method::POST, &format!("webhook-deliveries/{second}/replay")).await.json();
    assert_eq!(again["status"], "pending", "{again}");
    assert_eq!(counts(&app, hook).await, "0/0/0");
    assert_eq!(counts(&app, other).await, "0/0/0");
    app.pages_are_strict("/v1/admin/webhook-dlq", "DgAGUZ5w1bQAAHdkbF8w").await;
}

async fn an_order_shows_every_delivery_of_its_events(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (one, two) = (endpoint(&app, app.account).await, endpoint(&app, app.account).await);
    let (order, silent) = (told(&app).await, app.order().await);
    told(&app).await;
    let path = format!("/v1/admin/crypto-orders/{order}/deliveries");
    assert_eq!(app.walk(&path, 1).await, Vec::<Value>::new());
    catch_up(&app, one).await;
    app.clock.advance(Span::minutes(1));
    catch_up(&app, two).await;
    // Support sees also what went to an endpoint that is no more.
    set(&app, &format!("update webhook_endpoints set status = 'deleted', deleted_at = 1 where id = '{one}'"));
    let shown = app.walk(&path, 1).await;
    let hooks: Vec<_> = shown.iter().map(|row| row["webhook_id"].as_str().unwrap_or_default()).collect();
    assert_eq!(hooks, [two.to_string(), one.to_string()]);
    assert!(shown.iter().all(|row| row["order_id"] == json!(order) && row["event_type"] == "crypto.order.paid"));
    assert_eq!(app.walk(&format!("/v1/admin/crypto-orders/{silent}/deliveries"), 1).await, Vec::<Value>::new());
    app.pages_are_strict(&path, "DgAGUZ5w1bQAAHdkbF8w").await;
    let nobody = format!("ord_{}", "0".repeat(32));
    app.admin(&format!("/{nobody}/deliveries")).await.problem(404, "not-found");
}

async fn what_is_no_delivery_or_a_strangers_is_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let hook = endpoint(&app, app.account).await;
    told(&app).await;
    catch_up(&app, hook).await;
    let id = list(&app, hook, "").await[0]["id"].as_str().expect("an id").to_owned();
    let (_, stranger) = app.stranger(Tier::Enterprise).await;
    let nobody = "wdl_01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b";
    for (key, asked) in [(&stranger, id.as_str()), (&stranger, nobody), (&app.customer, nobody)] {
        let path = format!("/v1/webhook-deliveries/{asked}/replay");
        let told = app.send(app.request(Method::POST, &path).bearer_auth(key)).await.problem(404, "not-found");
        assert_eq!(told, format!("No webhook delivery with id \"{asked}\"."));
    }
    for path in [format!("/v1/webhooks/{hook}/deliveries"), format!("/v1/webhooks/{hook}/catch-up")] {
        let method = if path.ends_with("up") { Method::POST } else { Method::GET };
        let answer = app.send(app.request(method, &path).bearer_auth(&stranger)).await;
        assert_eq!(answer.problem(404, "not-found"), format!("No webhook endpoint with id \"{hook}\"."));
    }
    for (method, path) in [
        (Method::GET, "webhook-deliveries/{}"),
        (Method::POST, "webhook-deliveries/{}/replay"),
        (Method::POST, "webhook-dlq/{}/requeue"),
        (Method::POST, "webhook-dlq/{}/discard"),
    ] {
        let told = operate(&app, method.clone(), &path.replace("{}", nobody)).await.problem(404, "not-found");
        assert_eq!(told, format!("No webhook delivery with id \"{nobody}\"."));
        for wrong in ["wdl_1", "nonsense", &id.replace("wdl_", "whk_"), &id.to_uppercase()] {
            let told = operate(&app, method.clone(), &path.replace("{}", wrong)).await.problem(400, "bad-request");
            assert_eq!(told, "Invalid id format. Expected \"wdl_<uuid>\".", "{path} {wrong}");
        }
    }
    let told = app.call(Method::POST, "/v1/webhook-deliveries/wdl_1/replay", &json!({})).await;
    assert_eq!(told.problem(400, "bad-request"), "Invalid id format. Expected \"wdl_<uuid>\".");
    assert_eq!(app.sql("select count(*) from audit_log").await, "0");
    assert_eq!(app.sql("select status || turn from webhook_deliveries").await, "pendingcatch_up");
}
