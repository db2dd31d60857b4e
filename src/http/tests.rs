//! What every answer has, through the routes and the frame, without anything behind them.

use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::web::Payload;
use actix_web::{App, HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::connection::Connections;
use super::error::ApiError;
use super::frame::Frame;
use super::prefix::PathPrefix;
use super::routes::configure;
use super::{answer, body, cors};
use crate::clock::Clock;
use crate::domain::time::Timestamp;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    async fn of(response: ServiceResponse) -> Self {
        let response = response.into_parts().1;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap();
        Self { status, headers, body }
    }
}

async fn echo(request: HttpRequest, payload: Payload) -> Result<HttpResponse, ApiError> {
    body::required(&request, payload).await?.finish()?;
    answer::ok(&json!({"read": true}))
}

async fn panics() -> HttpResponse {
    panic!("a secret of the inside")
}

/// Asks the real routes, and two that stand for a handler with a body and for a broken one.
async fn ask(request: TestRequest) -> Answer {
    let clock = Clock::manual(Timestamp::from_millis(1_778_590_800_000));
    let frame = Frame { clock, connections: Arc::new(Connections::new(8)), prefix: PathPrefix::default() };
    let app = App::new()
        .route("/v1/echo", web::post().to(echo))
        .route("/v1/panics", web::get().to(panics))
        .configure(configure)
        .wrap(cors(&["https://shop.example".to_owned()]))
        .wrap(frame);
    let app = init_service(app).await;
    match try_call_service(&app, request.to_request()).await {
        Ok(response) => Answer::of(response.map_into_boxed_body()).await,
        Err(error) => {
            let request = TestRequest::default().to_http_request();
            Answer::of(ServiceResponse::new(request, error.error_response())).await
        }
    }
}

fn at(method: Method, path: &str) -> TestRequest {
    TestRequest::default().method(method).uri(path)
}

fn posting(content_type: &str, body: impl Into<web::Bytes>) -> TestRequest {
    at(Method::POST, "/v1/echo").insert_header(("content-type", content_type)).set_payload(body)
}

#[tokio::test]
async fn every_answer_has_its_request_id_and_the_hardening_headers() {
    for (path, status) in [("/healthz", 200), ("/v1/nowhere", 404), ("/v1/panics", 500), ("/nowhere", 404)] {
        let answer = ask(at(Method::GET, path)).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.header("x-request-id").unwrap().len(), 36, "{path}");
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains; preload"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "SAMEORIGIN"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let private = path.starts_with("/v1").then_some("no-store, private");
        assert_eq!(answer.header("cache-control"), private, "{path}");
    }
}

#[tokio::test]
async fn a_client_s_own_request_id_is_kept_if_it_is_printable_and_short() {
    let kept = |id: HeaderValue| async move {
        let answer = ask(at(Method::GET, "/v1/x").insert_header(("x-request-id", id.clone()))).await;
        let shown = answer.headers.get("x-request-id").unwrap().clone();
        assert_eq!(answer.body["instance"].as_str().unwrap().as_bytes(), shown.as_bytes());
        shown == id
    };
    assert!(kept(HeaderValue::from_static("order 66 / retry #2")).await);
    assert!(kept(HeaderValue::from_str(&"a".repeat(128)).unwrap()).await);
    assert!(!kept(HeaderValue::from_str(&"a".repeat(129)).unwrap()).await);
    assert!(!kept(HeaderValue::from_bytes(b"caf\xc3\xa9").unwrap()).await);
    assert!(!kept(HeaderValue::from_static("")).await);
}

#[tokio::test]
async fn an_unknown_route_says_what_was_asked() {
    let answer = ask(at(Method::PUT, "/v1/no/such?secret=1").insert_header(("x-request-id", "r-1"))).await;
    assert_eq!(answer.header("content-type"), Some("application/problem+json; charset=utf-8"));
    assert_eq!(
        answer.body,
        json!({
            "type": "https://errors.driftstack.dev/not-found",
            "title": "Not Found",
            "status": 404,
            "detail": "No route for PUT /v1/no/such.",
            "instance": "r-1",
        })
    );
}

#[tokio::test]
async fn a_wrong_method_learns_the_right_ones() {
    let order = "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b";
    for (path, allow) in [
        ("/v1/billing/crypto-checkout".to_owned(), "POST, OPTIONS"),
        ("/v1/billing/crypto-orders".to_owned(), "GET, HEAD, OPTIONS"),
        (format!("/v1/billing/crypto-orders/{order}"), "GET, HEAD, PATCH, OPTIONS"),
        (format!("/v1/billing/crypto-orders/{order}/cancel"), "POST, OPTIONS"),
        ("/v1/webhooks/nowpayments".to_owned(), "POST, OPTIONS"),
        ("/v1/admin/crypto-orders".to_owned(), "GET, HEAD, OPTIONS"),
        ("/v1/admin/crypto-orders/sweep-expired".to_owned(), "POST, OPTIONS"),
        ("/v1/admin/crypto-orders/idempotency-metrics".to_owned(), "GET, HEAD, OPTIONS"),
        (format!("/v1/admin/crypto-orders/{order}/apply-ipn"), "POST, OPTIONS"),
        (format!("/v1/admin/crypto-orders/{order}/internal-note"), "PATCH, OPTIONS"),
        ("/readyz".to_owned(), "GET, HEAD, OPTIONS"),
    ] {
        let answer = ask(at(Method::DELETE, &path)).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some(allow)), "{path}");
        assert_eq!(answer.body["title"], "Method Not Allowed");
    }
}

#[tokio::test]
async fn a_panic_ends_one_request_and_tells_nothing() {
    let answer = ask(at(Method::GET, "/v1/panics").insert_header(("x-request-id", "r-2"))).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body["detail"], "An unexpected error occurred.");
    assert_eq!(answer.body["instance"], "r-2");
    assert!(!answer.body.to_string().contains("secret"));
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit_and_not_a_byte_further() {
    let fits = format!("{{\"a\":\"{}\"}}", "x".repeat(body::BODY_BYTES_MAX - 8));
    assert_eq!(ask(posting("application/json", fits.clone())).await.status, StatusCode::OK);
    let answer = ask(posting("application/json", fits + " ")).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.body["limit_bytes"], 65_536);
    assert_eq!(answer.body["type"], "https://errors.driftstack.dev/payload-too-large");
}

#[tokio::test]
async fn every_malformed_body_gets_its_problem() {
    for (content_type, body, status, slug) in [
        ("text/plain", &b"{}"[..], 415, "bad-request"),
        ("application/json; charset=latin1", b"{}", 415, "bad-request"),
        ("application/json", b"", 400, "bad-request"),
        ("application/json", b"{\"a\":", 400, "bad-request"),
        ("application/json", b"{\"a\":\"\xff\"}", 400, "bad-request"),
        ("application/json", b"[]", 400, "validation-failed"),
        ("application/json", &[b'['; 65_536], 400, "bad-request"),
    ] {
        let answer = ask(posting(content_type, body)).await;
        assert_eq!(answer.status.as_u16(), status, "{content_type} {slug}");
        assert_eq!(answer.body["type"], format!("https://errors.driftstack.dev/{slug}"));
    }
    let untyped = ask(at(Method::POST, "/v1/echo").set_payload("{}")).await;
    assert_eq!(untyped.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn only_listed_origins_may_read_answers_and_the_headers_that_matter() {
    let from = |origin: &'static str| ask(at(Method::GET, "/v1/x").insert_header(("origin", origin)));
    let listed = from("https://shop.example").await;
    assert_eq!(listed.header("access-control-allow-origin"), Some("https://shop.example"));
    let exposed = listed.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
    for name in ["idempotent-replayed", "x-request-id", "retry-after", "x-ratelimit-remaining", "ratelimit-reset"] {
        assert!(exposed.contains(name), "{name}");
    }
    assert_eq!(from("https://evil.example").await.header("access-control-allow-origin"), None);
    let preflight = at(Method::OPTIONS, "/v1/billing/crypto-checkout")
        .insert_header(("origin", "https://evil.example"))
        .insert_header(("access-control-request-method", "POST"));
    let refused = ask(preflight).await;
    assert_eq!((refused.status.as_u16(), &refused.body["title"]), (400, &json!("Bad Request")));
}
