//! Who got in and what was taken out: sign-ins, exports, and what the command line does with keys, on the audit log.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crypto_orders::domain::access::Scope;
use crypto_orders::domain::time::Span;

use crate::archive::at;
use crate::engines::Engine;
use crate::harness::{TestApp, eventually};

on_both_engines![
    a_sign_in_is_on_it_whether_or_not_somebody_got_in,
    strangers_at_the_door_make_it_grow_by_little,
    what_is_taken_out_is_on_it_with_what_was_asked,
    keys_and_exports_of_the_command_line_are_on_it,
];

const PATH: &str = "/v1/admin/audit-log";

/// The rows, newest first, each by these fields.
async fn told(app: &TestApp, fields: &[&str]) -> Vec<Value> {
    let rows = app.walk(PATH, 50).await;
    rows.iter().map(|row| fields.iter().map(|field| row[*field].clone()).collect()).collect()
}

async fn a_sign_in_is_on_it_whether_or_not_somebody_got_in(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let door = app.outside();
    let customer = app.key(&[Scope::AccountOwner]).await;
    for key in ["ds_admin_mfrggzdfmztwq2lknnwg23tpobyxe43u", &customer, "what is this?"] {
        assert_eq!(door.try_key(key).await.code(), 422, "{key}");
        app.clock.advance(Span::seconds(1));
    }
    app.signed_in().await;
    let rows = app.walk(PATH, 9).await;
    let [entered, refused @ ..] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((&entered["action"], &entered["ip"]), (&json!("operator.signed_in"), &json!("127.0.0.1")));
    assert!(entered["actor"].as_str().is_some_and(|key| key.starts_with("key_")), "{entered}");
    assert_eq!((&entered["target"], &entered["input"]), (&entered["actor"], &json!({})));
    assert_eq!(entered["result"], json!({ "expires_at": "2026-05-13T00:00:03.000Z" }));
    let reasons: Vec<_> = refused.iter().map(|row| row["result"]["reason"].as_str().unwrap_or_default()).collect();
    assert_eq!(
        reasons,
        [
            "The supplied API key is not recognised.",
            "This action requires the \"driftstack_internal_admin\" scope.",
            "The supplied API key is not recognised.",
        ]
    );
    for row in refused {
        assert_eq!((&row["action"], &row["target"]), (&json!("operator.sign_in_refused"), &json!("/admin/sign-in")));
        assert_eq!((&row["actor"], &row["ip"]), (&Value::Null, &json!("127.0.0.1")));
    }
    let written =
        app.sql("select count(*) from audit_log where input || result || target like '%ds\\_%' escape '\\'").await;
    assert_eq!(written, "0", "no key that was tried is kept");
    let page = app.signed_in().await.page("/admin/audit-log").await;
    assert!(page.contains("operator.sign_in_refused") && page.contains("not signed in"), "{page}");
}

async fn strangers_at_the_door_make_it_grow_by_little(engine: Engine) {
    let set = |settings: &mut crypto_orders::config::Settings| {
        settings.trusted_proxies = crypto_orders::config::Network::parse("127.0.0.1").into_iter().collect();
    };
    let app = TestApp::spawn_with(engine, set).await;
    let tried = async |number: usize| {
        let request = app.request(Method::POST, "/admin/sign-in").header("origin", app.base());
        let request = request.header("x-forwarded-for", format!("203.0.113.{number}"));
        let form = request.header("content-type", "application/x-www-form-urlencoded").body("key=ds_admin_x");
        app.send(form).await
    };
    for number in 0..100 {
        assert_eq!(tried(number).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(told(&app, &[]).await.len(), 20);
    app.clock.advance(Span::minutes(3));
    tried(1).await;
    let newest = told(&app, &["ip", "result"]).await.remove(0);
    let reason = "The supplied API key is not recognised.";
    assert_eq!(newest, json!(["203.0.113.1", { "reason": reason, "unlisted_before": 80 }]));
}

async fn what_is_taken_out_is_on_it_with_what_was_asked(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let operator = app.signed_in().await;
    for _ in 0..3 {
        app.order().await;
    }
    eventually("the index", || async {
        let found = app.admin("?search=or").await.json()["orders"].as_array().map_or(0, Vec::len);
        (found == 3).then_some(())
    })
    .await;
    for (query, code) in [("limit=0", 400), ("status=pending&limit=2", 200), ("all=1&search=or", 200)] {
        app.clock.advance(Span::millis(1));
        assert_eq!(app.admin(&format!(".csv?{query}")).await.code(), code);
    }
    app.clock.advance(Span::millis(1));
    assert_eq!(operator.get("/admin/orders.csv?status=paid").await.code(), 200);
    let rows = app.walk(&format!("{PATH}?target=crypto-orders"), 9).await;
    let asked =
        |row: &Value| json!([row["input"]["all"], row["input"]["status"], row["input"]["search"], row["result"]]);
    assert_eq!(
        rows.iter().map(asked).collect::<Vec<_>>(),
        [
            json!([true, "paid", null, { "rows": 0 }]),
            json!([true, null, "or", { "rows": 3 }]),
            json!([false, "pending", null, { "rows": 2 }]),
        ]
    );
    for row in &rows {
        assert_eq!((&row["action"], &row["ip"]), (&json!("orders.exported"), &json!("127.0.0.1")));
        assert!(row["actor"].as_str().is_some_and(|key| key.starts_with("key_")), "{row}");
    }
}

async fn keys_and_exports_of_the_command_line_are_on_it(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (url, account) = (app.database.url.clone(), app.account.to_string());
    let id = tokio::task::spawn_blocking(move || {
        let site = at(&url);
        let made = site.run(&["keys", "create", "--admin", "--name", "alice", "--json"]).json();
        let id = made["id"].as_str().expect("an id").to_owned();
        site.run(&["keys", "create", "--account", &account, "--scope", "read", "--name", "till"]).printed();
        for _ in 0..2 {
            site.run(&["keys", "revoke", &id]).printed();
        }
        site.run(&["export", "--format", "csv", "--created-after", "2026-05-01T00:00:00Z"]).printed();
        let first = site.run(&["export", "--format", "jsonl"]).printed();
        assert!(first.contains("api_key.created") && !first.contains("orders.exported"), "{first}");
        assert_eq!(first, site.run(&["export", "--format", "jsonl"]).printed(), "an export tells nothing of exports");
        id
    })
    .await
    .expect("the command line");
    let rows = app.walk(PATH, 50).await;
    assert!(rows.iter().all(|row| (&row["actor"], &row["ip"]) == (&Value::Null, &Value::Null)), "{rows:?}");
    let rows: Vec<_> = rows.iter().map(|row| json!([row["action"], row["input"]])).collect();
    let exported = |format: &str, after: Value| json!(["orders.exported", { "format": format, "created_after": after, "created_before": null }]);
    let made = |name: &str, account: Value, scope: &str| json!(["api_key.created", { "name": name, "account_id": account, "scopes": [scope], "expires_at": null }]);
    assert_eq!(
        rows,
        [
            exported("jsonl", Value::Null),
            exported("jsonl", Value::Null),
            exported("csv", json!("2026-05-01T00:00:00.000Z")),
            json!(["api_key.revoked", {}]),
            made("till", json!(app.account.to_string()), "read"),
            made("alice", Value::Null, "driftstack_internal_admin"),
        ],
        "a key is revoked once"
    );
    assert_eq!(app.walk(&format!("{PATH}?target={id}"), 9).await.len(), 2);
}
