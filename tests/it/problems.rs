//! Malformed input of every kind, and the problem that the contract has for it.
//!
//! Heads that no proper client sends are in `heads.rs`, input that nobody thought of in `arbitrary.rs`.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::engines::Engine;
use crate::harness::{Answer, TestApp, order_body};

on_both_engines![
    a_body_that_is_no_json_object_is_refused_on_every_route,
    a_body_of_another_type_is_refused_on_every_route,
    a_body_past_its_limit_is_refused_and_the_service_goes_on,
    everything_wrong_with_a_body_is_told_at_once,
    numbers_are_integers_in_their_range_or_refused,
    a_sweep_refuses_what_makes_no_sense,
    evidence_by_hand_is_read_as_strictly,
    what_is_not_there_or_not_allowed_says_so,
    an_id_in_a_path_may_be_anything,
    a_deep_nest_ends_no_process,
];

const CHECKOUT: &str = "/v1/billing/crypto-checkout";
const IPN: &str = "/v1/webhooks/nowpayments";
const LIMIT: usize = 64 * 1024;

/// Every route that reads a JSON body, with a key for it; the orders exist.
async fn readers(app: &TestApp) -> Vec<(Method, String, String)> {
    let order = app.order().await;
    let (customer, operator) = (app.customer.clone(), app.operator.clone());
    let admin = |rest: &str| format!("/v1/admin/crypto-orders{rest}");
    vec![
        (Method::POST, CHECKOUT.to_owned(), customer.clone()),
        (Method::POST, format!("{CHECKOUT}/quote"), customer.clone()),
        (Method::PATCH, format!("/v1/billing/crypto-orders/{order}"), customer),
        (Method::POST, admin("/sweep-expired"), operator.clone()),
        (Method::POST, admin(&format!("/{order}/apply-ipn")), operator.clone()),
        (Method::PATCH, admin(&format!("/{order}/internal-note")), operator),
    ]
}

fn at(app: &TestApp, reader: &(Method, String, String)) -> RequestBuilder {
    app.request(reader.0.clone(), &reader.1).bearer_auth(&reader.2)
}

fn json_of(request: RequestBuilder, body: impl Into<reqwest::Body>) -> RequestBuilder {
    request.header("content-type", "application/json").body(body)
}

/// The issues of a body that failed validation.
fn issues(answer: &Answer) -> Value {
    assert_eq!(answer.problem(400, "validation-failed"), "One or more fields failed validation.");
    assert_eq!(answer.json()["title"], "Validation Failed");
    answer.json()["issues"].clone()
}

async fn a_body_that_is_no_json_object_is_refused_on_every_route(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let broken: &[&[u8]] = &[
        b"{",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"nul",
        b"{'a':1}",
        b"\0",
        b"\xff\xfe{}",
        b"{\"a\":\"\xc3\x28\"}",
        b"{\"a\":\"\\ud8\"}",
        b"{\"a\":\"\n\"}",
        b"{} {}",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b"{\"a\":1e999}",
        b"{\"a\":01}",
        b" ",
    ];
    for reader in &readers(&app).await {
        for body in broken {
            let answer = app.send(json_of(at(&app, reader), body.to_vec())).await;
            answer.framed();
            let detail = answer.problem(400, "bad-request");
            assert!(detail.starts_with("The request body is not valid JSON (line "), "{reader:?} {body:?}: {detail}");
            assert_eq!(answer.json()["title"], "Bad Request");
        }
        for body in ["[]", "null", "7", "\"text\"", "true", "[{\"product\":\"solo_manual\"}]"] {
            let answer = app.send(json_of(at(&app, reader), body)).await;
            let wanted = json!({"fieldErrors": {}, "formErrors": ["The request body must be a JSON object."]});
            assert_eq!(issues(&answer), wanted, "{reader:?} {body}");
        }
        if !reader.1.ends_with("/sweep-expired") {
            app.send(json_of(at(&app, reader), "")).await.problem(400, "bad-request");
            app.send(at(&app, reader)).await.problem(400, "bad-request");
        }
    }
}

async fn a_body_of_another_type_is_refused_on_every_route(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let body = order_body().to_string();
    for reader in &readers(&app).await {
        for wrong in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "json", ""]
        {
            let answer = app.send(at(&app, reader).header("content-type", wrong).body(body.clone())).await;
            answer.framed();
            answer.problem(415, "bad-request");
        }
        app.send(at(&app, reader).body(body.clone())).await.problem(415, "bad-request");
    }
    for right in ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""] {
        let request = app.request(Method::POST, CHECKOUT).bearer_auth(&app.customer);
        assert_eq!(app.send(request.header("content-type", right).body(body.clone())).await.code(), 201, "{right}");
    }
}

async fn a_body_past_its_limit_is_refused_and_the_service_goes_on(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let mut readers = readers(&app).await;
    readers.push((Method::POST, IPN.to_owned(), String::new()));
    for reader in &readers {
        for bytes in [LIMIT + 1, 200_000] {
            let body = format!("{{{}}}", " ".repeat(bytes - 2));
            let answer = app.send(json_of(at(&app, reader), body).header("x-nowpayments-sig", "00")).await;
            answer.framed();
            assert_eq!(answer.problem(413, "payload-too-large"), "The request body exceeds 65536 bytes.", "{reader:?}");
            assert_eq!(
                (&answer.json()["limit_bytes"], &answer.json()["title"]),
                (&json!(LIMIT), &json!("Payload Too Large"))
            );
        }
    }
    let mut body = order_body().to_string();
    body.push_str(&" ".repeat(LIMIT - body.len()));
    let request = app.request(Method::POST, CHECKOUT).bearer_auth(&app.customer);
    assert_eq!(app.send(json_of(request, body)).await.code(), 201, "the last byte that fits");
}

async fn everything_wrong_with_a_body_is_told_at_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let body = json!({
        "product": 7, "price_cents": "7900", "pay_currency": ["btc"], "customer_note": "x".repeat(501), "else": null,
    });
    let request = app.request(Method::POST, CHECKOUT).bearer_auth(&app.customer).header("idempotency-key", "two words");
    assert_eq!(
        issues(&app.send(json_of(request, body.to_string())).await),
        json!({
            "fieldErrors": {
                "product": ["product must be a string, not a number."],
                "price_cents": ["price_cents must be an integer between 1 and 1000000, not a string."],
                "price_currency": ["price_currency is required."],
                "pay_currency": ["pay_currency must be a string, not an array."],
                "customer_note": ["customer_note must be at most 500 characters."],
            },
            "formErrors": ["Idempotency-Key must be 1-255 ASCII chars (no whitespace)."],
        })
    );
    for (field, wrong) in [
        ("product", json!("")),
        ("product", json!("SOLO_MANUAL")),
        ("product", json!("solo_manual\0")),
        ("product", json!("x".repeat(60_000))),
        ("product", json!(null)),
        ("price_currency", json!("usd")),
        ("price_currency", json!("USDT")),
        ("price_currency", json!("ÜSD")),
        ("price_currency", json!(["USD"])),
        ("pay_currency", json!("b t c")),
        ("pay_currency", json!("btc\0")),
        ("customer_note", json!("a\0")),
        ("customer_note", json!({})),
    ] {
        let mut body = order_body();
        body[field] = wrong.clone();
        let told = issues(&app.checkout_of(&body, None).await);
        let fields: Vec<&String> = told["fieldErrors"].as_object().expect("fields").keys().collect();
        assert_eq!(fields, [field], "{wrong}");
    }
    assert_eq!(app.get("/v1/billing/crypto-orders").await.json()["orders"], json!([]), "nothing was made");
}

async fn numbers_are_integers_in_their_range_or_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let place = |cents: &str| {
        let body = format!(r#"{{"product":"solo_manual","price_cents":{cents},"price_currency":"USD"}}"#);
        app.send(json_of(app.request(Method::POST, CHECKOUT).bearer_auth(&app.customer), body))
    };
    for right in ["1", "7900", "1000000", "7900.0", "79e2"] {
        assert_eq!(place(right).await.code(), 201, "{right}");
    }
    for wrong in ["0", "-1", "1000001", "7900.5", "9223372036854775808", "-0", "1e-9", "true", "null"] {
        let told = issues(&place(wrong).await);
        let sentence = told["fieldErrors"]["price_cents"][0].as_str().unwrap_or_default().to_owned();
        assert!(sentence.starts_with("price_cents must be an integer between 1 and 1000000"), "{wrong}: {told}");
    }
    for wrong in ["1e400", "NaN", "Infinity", "+1", "0x10"] {
        place(wrong).await.problem(400, "bad-request");
    }
}

async fn a_sweep_refuses_what_makes_no_sense(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    for wrong in [
        json!({"older_than_hours": 2, "older_than_minutes": 90}),
        json!({"older_than_hours": 0}),
        json!({"older_than_hours": 8761}),
        json!({"older_than_hours": 1.5}),
        json!({"older_than_minutes": 59}),
        json!({"older_than_minutes": 525_601}),
        json!({"older_than_minutes": "90"}),
        json!({"limit": 0}),
        json!({"limit": 501}),
        json!({"dry_run": "yes"}),
        json!({"dry_run": 1}),
    ] {
        issues(&app.admin_call(Method::POST, "/sweep-expired", &wrong).await);
    }
    let bare = app.request(Method::POST, "/v1/admin/crypto-orders/sweep-expired").bearer_auth(&app.operator);
    let swept = app.send(bare).await;
    assert_eq!((swept.code(), &swept.json()["expired"]), (200, &json!(0)), "{}", swept.text);
    assert_eq!((&swept.json()["older_than_hours"], &swept.json()["order_ids"]), (&json!(1), &json!([])));
    let some =
        app.admin_call(Method::POST, "/sweep-expired", &json!({"older_than_minutes": 90, "dry_run": true})).await;
    assert_eq!((some.code(), &some.json()["older_than_hours"]), (200, &json!(1.5)));
    assert_eq!(app.look(&order).await["status"], "pending");
}

async fn evidence_by_hand_is_read_as_strictly(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let path = format!("/{order}/apply-ipn");
    for wrong in [
        json!({}),
        json!({"payment_id": "1"}),
        json!({"payment_id": 1, "provider_status": "finished"}),
        json!({"payment_id": "", "provider_status": "finished"}),
        json!({"payment_id": "9".repeat(129), "provider_status": "finished"}),
        json!({"payment_id": "a\u{7}b", "provider_status": "finished"}),
        json!({"payment_id": "1", "provider_status": null}),
        json!({"payment_id": "1", "provider_status": "x".repeat(65)}),
        json!({"payment_id": "1", "provider_status": "\0"}),
    ] {
        issues(&app.admin_call(Method::POST, &path, &wrong).await);
    }
    let said = json!({"payment_id": "1", "provider_status": "x"});
    let nobodys = app.admin_call(Method::POST, "/ord_0/apply-ipn", &said).await;
    assert_eq!(nobodys.problem(404, "not-found"), "No crypto order with id \"ord_0\".");
    let unheard = app.admin_call(Method::POST, &path, &json!({"payment_id": "1", "provider_status": "FINISHED"})).await;
    let told = (unheard.code(), unheard.json()["applied"].clone(), unheard.json()["outcome"].clone());
    assert_eq!(told, (200, json!(false), json!("unknown_status")));
    assert_eq!(app.steps(&order).await, ["pending/create"]);
    let heard = app.admin_call(Method::POST, &path, &json!({"payment_id": "1", "provider_status": "finished"})).await;
    let mut wanted = app.look(&order).await;
    wanted["applied"] = json!(true);
    wanted["outcome"] = json!("applied");
    assert_eq!((heard.code(), heard.json()), (200, wanted));
    assert!(heard.json()["events"][1]["actor"].is_string());
}

async fn what_is_not_there_or_not_allowed_says_so(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    for (method, path) in [
        (Method::GET, "/v1"),
        (Method::GET, "/v1/nowhere"),
        (Method::POST, "/v1/billing/crypto-order"),
        (Method::DELETE, "/v1/billing/crypto-orders/"),
        (Method::GET, "/v1/billing/crypto-orders//events"),
        (Method::GET, "/V1/billing/crypto-orders"),
        (Method::GET, "/v1/billing/crypto-orders/%2e%2e%2fadmin%00/none/%FF"),
    ] {
        let answer = app.send(app.request(method.clone(), path)).await;
        assert_eq!(answer.problem(404, "not-found"), format!("No route for {method} {path}."));
        assert_eq!(answer.json()["title"], "Not Found");
    }
    for (path, allow) in [
        (CHECKOUT, "POST, OPTIONS"),
        (IPN, "POST, OPTIONS"),
        ("/v1/billing/crypto-orders", "GET, HEAD, OPTIONS"),
        ("/v1/billing/crypto-orders/ord_1", "GET, HEAD, PATCH, OPTIONS"),
        ("/v1/billing/crypto-orders/ord_1/cancel", "POST, OPTIONS"),
        ("/v1/admin/crypto-orders/sweep-expired", "POST, OPTIONS"),
        ("/v1/admin/crypto-orders/ord_1/internal-note", "PATCH, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
    ] {
        for method in [Method::DELETE, Method::PUT, Method::TRACE] {
            let answer = app.send(app.request(method.clone(), path)).await;
            answer.problem(405, "method-not-allowed");
            assert_eq!((answer.header("allow"), &answer.json()["title"]), (Some(allow), &json!("Method Not Allowed")));
        }
        let told = app.send(app.request(Method::OPTIONS, path)).await;
        assert_eq!((told.code(), told.header("allow"), told.text.as_str()), (204, Some(allow), ""), "{path}");
        assert!(told.header("x-request-id").is_some());
        if !allow.contains("HEAD") {
            let head = app.send(app.request(Method::HEAD, path)).await;
            assert_eq!((head.code(), head.header("allow"), head.text.as_str()), (405, Some(allow), ""), "{path}");
        }
    }
}

async fn an_id_in_a_path_may_be_anything(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let long = "9".repeat(8_000);
    for id in ["0", "ord_", "%00", "%FF%FE", "%22%3E%3Cscript%3E", "%F0%9F%99%82", "ord_%30", "%5C%22", &long] {
        for path in [format!("/v1/billing/crypto-orders/{id}"), format!("/v1/billing/crypto-orders/{id}/events")] {
            let answer = app.get(&path).await;
            answer.framed();
            let detail = answer.problem(404, "not-found");
            assert!(detail.starts_with("No crypto order with id \"") && detail.ends_with("\"."), "{detail}");
        }
        for rest in ["", "/events"] {
            app.admin(&format!("/{id}{rest}")).await.problem(404, "not-found");
        }
    }
}

async fn a_deep_nest_ends_no_process(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let deep =
        [b"[".repeat(LIMIT), b"{\"a\":".repeat(LIMIT / 5), [b"{\"product\":", "[".repeat(9_000).as_bytes()].concat()];
    for body in deep {
        for reader in &readers(&app).await {
            app.send(json_of(at(&app, reader), body.clone())).await.problem(400, "bad-request");
        }
        let unsigned = app.request(Method::POST, IPN).header("x-nowpayments-sig", "00".repeat(64));
        app.send(unsigned.body(body.clone())).await.problem(401, "unauthorized");
        let signed = app.ipn_raw(std::str::from_utf8(&body).expect("text")).await;
        assert_eq!(signed.problem(400, "bad-request"), "NowPayments IPN is missing required fields.");
        assert_eq!(app.checkout(None).await.code(), 201, "the service goes on");
    }
}
