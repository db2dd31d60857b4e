//! Heads of requests as no proper client sends them, byte by byte over a socket.
//!
//! Each gets a whole answer in the contract's frame, and the service goes on.

use reqwest::Method;

use crate::engines::{Engine, run};
use crate::harness::process::Installed;
use crate::harness::wire::Wire;
use crate::harness::{Answer, TestApp};

on_both_engines![
    a_request_id_is_taken_over_only_if_it_is_short_and_printable,
    a_flood_of_headers_is_refused,
    what_is_no_http_is_refused,
    bodies_that_lie_about_their_length_are_refused,
    the_providers_route_names_what_is_missing,
];

/// Sends these bytes, of which the server may have heard enough before the end, and reads its answer.
async fn say(app: &TestApp, bytes: &[u8]) -> Answer {
    let mut wire = Wire::open(app.app.local_addr()).await;
    wire.offer(bytes).await;
    wire.answer().await.expect("an answer")
}

/// A `GET` of the list with these further lines in its head.
fn get(app: &TestApp, lines: &[u8]) -> Vec<u8> {
    let mut head = b"GET /v1/billing/crypto-orders HTTP/1.1\r\nhost: here\r\nconnection: close\r\n".to_vec();
    head.extend_from_slice(format!("authorization: Bearer {}\r\n", app.customer).as_bytes());
    head.extend_from_slice(lines);
    head.extend_from_slice(b"\r\n");
    head
}

async fn goes_on(app: &TestApp) {
    assert_eq!(app.send(app.request(Method::GET, "/healthz")).await.code(), 200);
}

async fn a_request_id_is_taken_over_only_if_it_is_short_and_printable(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let longest = "i".repeat(128);
    for right in ["a", "req-1 with blanks ~", &longest] {
        let answer = say(&app, &get(&app, format!("x-request-id: {right}\r\n").as_bytes())).await;
        assert_eq!((answer.code(), answer.header("x-request-id")), (200, Some(right)));
    }
    let too_long = "i".repeat(129);
    let wrong: &[&[u8]] = &[b"", b" ", b"a\tb", b"\xff", "ü".as_bytes(), too_long.as_bytes()];
    for wrong in wrong {
        let answer = say(&app, &get(&app, &[b"x-request-id: ", *wrong, b"\r\n"].concat())).await;
        let id = answer.header("x-request-id").unwrap_or_default();
        assert_eq!((answer.code(), id.len(), id.matches('-').count()), (200, 36, 4), "{wrong:?}: a fresh UUID");
    }
    let refused = app.request(Method::GET, "/v1/nowhere").header("x-request-id", "mine");
    let refused = app.send(refused).await;
    refused.problem(404, "not-found");
    assert_eq!(refused.json()["instance"], "mine");
}

async fn a_flood_of_headers_is_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let many = |count: usize| (0..count).map(|number| format!("x-flood-{number}: 1\r\n")).collect::<String>();
    assert_eq!(say(&app, &get(&app, many(60).as_bytes())).await.code(), 200);
    for flood in
        [many(200), many(10_000), format!("x-huge: {}\r\n", "a".repeat(300_000)), "x-same: 1\r\n".repeat(5_000)]
    {
        let answer = say(&app, &get(&app, flood.as_bytes())).await;
        assert!((400..500).contains(&answer.code()), "{answer:?}");
        answer.framed();
        answer.problem(answer.code(), "bad-request");
        goes_on(&app).await;
    }
    let long_path = format!("GET /v1/{} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n", "a".repeat(60_000));
    say(&app, long_path.as_bytes()).await.problem(404, "not-found");
    let endless_path = format!("GET /v1/{} HTTP/1.1\r\nhost: here\r\n\r\n", "a".repeat(200_000));
    let answer = say(&app, endless_path.as_bytes()).await;
    assert!((400..500).contains(&answer.code()), "{answer:?}");
    answer.framed();
    goes_on(&app).await;
}

async fn what_is_no_http_is_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let heads: &[&[u8]] = &[
        b"\0\0\0\0\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/a b HTTP/1.1\r\nhost: here\r\n\r\n",
        b"GET /v1/\xff HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n",
        b"GET /v1 HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /v1 HTTP/1.1\r\nname\0: value\r\n\r\n",
        b"GET /v1 HTTP/1.1\r\nname: val\0ue\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ];
    for head in heads {
        let answer = say(&app, head).await;
        assert!((400..500).contains(&answer.code()), "{head:?}: {answer:?}");
        answer.framed();
        assert_eq!(answer.header("content-type"), Some("application/problem+json; charset=utf-8"), "{head:?}");
        assert_eq!(answer.json()["status"], answer.code());
        goes_on(&app).await;
    }
}

async fn bodies_that_lie_about_their_length_are_refused(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let post = |lines: &str, body: &str| {
        let key = &app.customer;
        let head = "POST /v1/billing/crypto-checkout HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-type: application/json\r\n";
        format!("{head}authorization: Bearer {key}\r\n{lines}\r\n{body}").into_bytes()
    };
    let chunk = format!("{:x}\r\n{}\r\n", 40_000, " ".repeat(40_000));
    for (lines, body, code) in [
        ("content-length: 99999999999\r\n", "{}", 413),
        ("content-length: 99999999999999999999999\r\n", "{}", 400),
        ("content-length: -1\r\n", "{}", 400),
        ("content-length: 2\r\ncontent-length: 3\r\n", "{}", 400),
        ("transfer-encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n", 400),
        ("transfer-encoding: chunked\r\n", &format!("{chunk}{chunk}0\r\n\r\n"), 413),
    ] {
        let answer = say(&app, &post(lines, body)).await;
        answer.framed();
        assert_eq!(answer.code(), code, "{lines}: {answer:?}");
        let slug = if code == 413 { "payload-too-large" } else { "bad-request" };
        answer.problem(code, slug);
        goes_on(&app).await;
    }
    let body = crate::harness::order_body().to_string();
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    assert_eq!(say(&app, &post("transfer-encoding: chunked\r\n", &chunked)).await.code(), 201);
}

async fn the_providers_route_names_what_is_missing(engine: Engine) {
    let app = TestApp::spawn(engine).await;
    let post = |lines: &[u8], body: &[u8]| {
        let head = format!(
            "POST /v1/webhooks/nowpayments HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        [head.as_bytes(), lines, b"\r\n", body].concat()
    };
    let missing = say(&app, &post(b"", b"{}")).await;
    assert_eq!(missing.problem(401, "unauthorized"), "x-nowpayments-sig header missing.");
    let empty = say(&app, &post(b"x-nowpayments-sig: 00\r\n", b"")).await;
    assert_eq!(empty.problem(400, "bad-request"), "Empty request body.");
    let (zeros, letters) = ("0".repeat(128), "z".repeat(128));
    let wrong: &[&[u8]] = &[b"", b"00", b"\xff\xff", zeros.as_bytes(), letters.as_bytes()];
    for tag in wrong {
        let answer = say(&app, &post(&[b"x-nowpayments-sig: ", *tag, b"\r\n"].concat(), b"{\"payment_id\":1}")).await;
        answer.framed();
        assert_eq!(answer.problem(401, "unauthorized"), "Invalid NowPayments signature.", "{tag:?}");
    }
    for body in ["[]", "null", "{\"payment_id\":1}", "{\"payment_status\":\"finished\"}", "not json", "\0"] {
        let answer = app.ipn_raw(body).await;
        assert_eq!(answer.problem(400, "bad-request"), "NowPayments IPN is missing required fields.", "{body}");
    }
}

/// It does not depend on the engine: it runs on SQLite alone.
#[test]
fn of_heads_that_cannot_be_read_the_log_has_a_line_now_and_then_with_their_number() {
    run(async {
        let installed = Installed::new(Engine::Sqlite).await;
        let server = installed.start().await;
        let (mut sent, mut unlogged) = (0, 0);
        while unlogged == 0 {
            let mut wire = Wire::open(installed.address()).await;
            wire.send("hello\r\n\r\n").await;
            assert_eq!(wire.answer().await.expect("an answer").code(), 400);
            wire.end().await;
            sent += 1;
            let log = server.log();
            let counts = log.lines().filter_map(|line| line.split_once("stream error: ")?.1.split_once(" unlogged="));
            unlogged = counts.map(|(_, count)| count.parse::<usize>().expect("a number")).sum();
        }
        let lines = server.log().matches("stream error: ").count();
        assert!(lines + unlogged <= sent, "{sent} heads, {lines} lines, {unlogged} left out: {}", server.log());
    });
}
