//! HEAD and OPTIONS wherever a path is served, and what an old client gets: health checks of proxies ask so.

use crypto_orders::provider::signature::sign;
use reqwest::{Method, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::engines::Engine;
use crate::harness::{IPN_SECRET, TestApp, payment};

on_both_engines![
    head_answers_as_get_without_a_body,
    head_of_a_stream_ends_at_once,
    options_tells_the_methods_of_every_path_without_a_key,
    a_preflight_is_answered_as_before,
    an_answer_to_http_1_0_has_no_chunks,
    a_slash_after_the_providers_route_is_the_same_route,
];

/// The path of the buyer's page of a new order.
async fn pay_page(app: &TestApp) -> String {
    let url = app.checkout(None).await.json()["pay_url"].as_str().expect("a URL").to_owned();
    let token = url.rsplit('/').next().expect("a token").to_owned();
    format!("/pay/{token}")
}

async fn head_answers_as_get_without_a_body(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let (order, page) = (app.order().await, pay_page(&app).await);
    let paths = [
        ("/healthz".to_owned(), 200),
        ("/readyz".to_owned(), 200),
        ("/docs".to_owned(), 200),
        ("/openapi.json".to_owned(), 200),
        ("/assets/style.css".to_owned(), 200),
        ("/admin/sign-in".to_owned(), 200),
        ("/admin".to_owned(), 303),
        (page.clone(), 200),
        (format!("{page}/now"), 200),
        ("/pay/nobodys".to_owned(), 404),
        (format!("/v1/billing/crypto-orders/{order}"), 200),
        (format!("/v1/billing/crypto-orders/{order}/receipt.pdf"), 200),
        ("/v1/billing/crypto-orders?limit=0".to_owned(), 400),
        ("/v1/nowhere".to_owned(), 404),
    ];
    for (path, code) in paths {
        let ask = |method| app.send(app.request(method, &path).bearer_auth(&app.customer));
        let (got, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert_eq!((head.code(), head.text.as_str()), (code, ""), "{path}");
        assert!(got.code() == code && !(got.text.is_empty() && code == 200), "{path}");
        let left_out = ["date", "x-request-id", "set-cookie"];
        for (name, value) in got.headers.iter().filter(|(name, _)| !left_out.contains(&name.as_str())) {
            // The problem of an answer names its request, whose id is another each time, but of one length; and the
            // sentence of an unknown route names the method.
            if *name != header::CONTENT_LENGTH || path != "/v1/nowhere" {
                assert_eq!(head.headers.get(name), Some(value), "{path}: {name}");
            }
        }
    }
    let without_a_key = app.send(app.request(Method::HEAD, "/v1/billing/crypto-orders")).await;
    assert_eq!((without_a_key.code(), without_a_key.text.as_str()), (401, ""));
}

async fn head_of_a_stream_ends_at_once(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let events = format!("{}/events", pay_page(&app).await);
    let head = app.send(app.request(Method::HEAD, &events)).await;
    assert_eq!((head.code(), head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
    let csv = "/v1/admin/crypto-orders.csv?all=1";
    let head = app.send(app.request(Method::HEAD, csv).bearer_auth(&app.operator)).await;
    assert_eq!((head.code(), head.header("content-type")), (200, Some("text/csv; charset=utf-8")), "{head:?}");
}

async fn options_tells_the_methods_of_every_path_without_a_key(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let document = app.get("/openapi.json").await.json();
    let api = document["paths"].as_object().expect("paths").iter().map(|(path, item)| {
        let named = ["get", "post", "patch", "delete"].into_iter().filter(|method| item.get(*method).is_some());
        let served = named.flat_map(|method| if method == "get" { vec!["GET", "HEAD"] } else { vec![method] });
        let allow: Vec<String> = served.chain(["OPTIONS"]).map(str::to_uppercase).collect();
        (path.replace(['{', '}'], "x"), allow.join(", "))
    });
    let pages = [
        ("/", "GET, HEAD, OPTIONS"),
        ("/admin", "GET, HEAD, OPTIONS"),
        ("/admin/sign-in", "GET, HEAD, POST, OPTIONS"),
        ("/admin/sign-out", "POST, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
        ("/pay/x/events", "GET, HEAD, OPTIONS"),
    ];
    let pages = pages.map(|(path, allow)| (path.to_owned(), allow.to_owned()));
    for (path, allow) in api.chain(pages) {
        let told = app.send(app.request(Method::OPTIONS, &path)).await;
        assert_eq!((told.code(), told.header("allow")), (204, Some(allow.as_str())), "{path}");
        assert_eq!((told.header("content-length"), told.text.as_str()), (None, ""), "{path}");
        let wrong = app.send(app.request(Method::PUT, &path)).await;
        assert_eq!((wrong.code(), wrong.header("allow")), (405, Some(allow.as_str())), "{path}");
    }
    app.send(app.request(Method::OPTIONS, "/v1/nowhere")).await.problem(404, "not-found");
}

async fn a_preflight_is_answered_as_before(engine: Engine) {
    let app = TestApp::spawn_with(engine, |settings| settings.cors_origins = vec!["https://shop.example".into()]).await;
    let preflight = |origin: &str| {
        let asked = app.request(Method::OPTIONS, "/v1/billing/crypto-checkout").header("Origin", origin);
        app.send(asked.header("Access-Control-Request-Method", "POST"))
    };
    let listed = preflight("https://shop.example").await;
    assert_eq!((listed.code(), listed.header("access-control-allow-origin")), (200, Some("https://shop.example")));
    assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), None);
    let plain = app.request(Method::OPTIONS, "/v1/billing/crypto-checkout").header("Origin", "https://shop.example");
    let plain = app.send(plain).await;
    assert_eq!((plain.code(), plain.header("allow")), (204, Some("POST, OPTIONS")));
}

async fn an_answer_to_http_1_0_has_no_chunks(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let order = app.order().await;
    let mut stream = TcpStream::connect(app.app.local_addr()).await.expect("a connection");
    let head = format!(
        "GET /v1/admin/crypto-orders.csv?all=1 HTTP/1.0\r\nconnection: keep-alive\r\nauthorization: Bearer {}\r\n\r\n",
        app.operator
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    let mut told = String::new();
    stream.read_to_string(&mut told).await.expect("the connection ends with the body");
    let (head, body) = told.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.0 200 OK") && !head.contains("transfer-encoding"), "{head}");
    assert!(body.starts_with("order_id,") && body.contains(&order) && body.ends_with("\r\n"), "{body}");
}

async fn a_slash_after_the_providers_route_is_the_same_route(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let body = payment(&app.order().await, "1", "finished").to_string();
    let signature = sign(IPN_SECRET, body.as_bytes()).expect("a secret");
    let report = app.request(Method::POST, "/v1/webhooks/nowpayments/").header("x-nowpayments-sig", signature);
    let told = app.send(report.body(body)).await;
    assert_eq!((told.code(), &told.json()["order_state"]), (200, &serde_json::json!("paid")), "{}", told.text);
}
