//! What goes over a guarded stream, in both directions.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::domain::time::Timestamp;
use crate::http::connection::Arrival;

const BARE: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn guarded<S>(stream: S) -> GuardedStream<S> {
    GuardedStream::new(stream, Clock::manual(Timestamp::from_millis(0)), None)
}

/// What a client reads that has sent this, if the server writes that.
async fn heard(sent: &str, written: &str) -> String {
    let (mut client, server) = tokio::io::duplex(64);
    let mut server = guarded(server);
    client.write_all(sent.as_bytes()).await.unwrap();
    server.read_exact(&mut vec![0; sent.len()]).await.unwrap();
    let mut heard = String::new();
    let speaking = async move { server.write_all(written.as_bytes()).await };
    let (spoken, read) = tokio::join!(speaking, client.read_to_string(&mut heard));
    spoken.unwrap();
    read.unwrap();
    heard
}

#[tokio::test]
async fn a_bare_refusal_becomes_a_problem() {
    let heard = heard("GET", BARE).await;
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
    assert!(head.contains("\r\nx-request-id: ") && head.contains("\r\nconnection: close"), "{head}");
    assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["type"], "https://errors.driftstack.dev/bad-request");
}

#[tokio::test]
async fn where_nothing_was_asked_nothing_is_said() {
    assert_eq!(heard("", BARE).await, "");
}

#[tokio::test]
async fn an_answer_of_ours_passes_untouched() {
    for ours in [
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nx-request-id: r-1\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
    ] {
        assert_eq!(heard("GET", ours).await, ours);
    }
}

/// What a client that waits for `100 Continue` reads, if the body is wanted or not before the answer is written.
async fn heard_waiting(is_wanted: bool) -> String {
    let (mut client, server) = tokio::io::duplex(1024);
    let mut server = guarded(server);
    server.connection().await_interim();
    server.write_all(CONTINUE).await.unwrap();
    if is_wanted {
        server.connection().want_body();
        server.flush().await.unwrap();
    }
    server.write_all(b"answer").await.unwrap();
    server.shutdown().await.unwrap();
    let mut heard = String::new();
    client.read_to_string(&mut heard).await.unwrap();
    heard
}

#[tokio::test]
async fn permission_to_send_a_body_is_given_only_if_it_is_wanted() {
    assert_eq!(heard_waiting(true).await, "HTTP/1.1 100 Continue\r\n\r\nanswer");
    assert_eq!(heard_waiting(false).await, "answer");
}

#[tokio::test]
async fn of_a_body_that_was_refused_a_mebibyte_is_read_and_no_more() {
    let (mut client, server) = tokio::io::duplex(1024);
    let mut server = guarded(server);
    server.connection().begin();
    server.connection().end(Arrival::Incomplete);
    let sender = tokio::spawn(async move { while client.write_all(&[b'x'; 1024]).await.is_ok() {} });
    let mut read = 0;
    let mut piece = [0; 1024];
    while let bytes @ 1.. = server.read(&mut piece).await.unwrap() {
        read += bytes;
    }
    assert!((LEAVING_BYTES_MAX..=LEAVING_BYTES_MAX + piece.len()).contains(&read), "{read}");
    drop(server);
    sender.await.unwrap();
}

#[tokio::test]
async fn whoever_waits_for_a_client_learns_that_it_has_closed_its_side() {
    let (mut client, server) = tokio::io::duplex(64);
    let mut server = guarded(server);
    let connection = server.connection().clone();
    client.shutdown().await.unwrap();
    let (closed, read) = tokio::join!(connection.closed(), server.read_u8());
    assert_eq!((closed, read.unwrap_err().kind()), ((), io::ErrorKind::UnexpectedEof));
}
