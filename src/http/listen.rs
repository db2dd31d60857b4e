//! Listens, and speaks for the protocol layer where it would answer by itself.
//!
//! Heads that cannot be parsed, or that are too large, never reach a route: `actix-http` answers them
//! with a bare status. Every answer must be a problem with a request id (contract, section 1), so a
//! [`Spoken`] stream replaces such an answer on its way out, or keeps it to itself where nothing was asked.
//! Apart from that this is what `actix_web::HttpServer` does.

use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_http::HttpService;
use actix_server::Server;
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::Clock;

use super::error::ApiError;
use super::{Shared, application, frame};

/// How long requests that are being served may take once the server is told to stop.
const SHUTDOWN_SECONDS_MAX: u64 = 5;

/// Serves on this listener until the handle of the answer stops it.
///
/// # Errors
/// If the listener cannot be used.
pub fn serve(listener: TcpListener, shared: Arc<Shared>) -> io::Result<Server> {
    let builder = Server::build().disable_signals().shutdown_timeout(SHUTDOWN_SECONDS_MAX);
    let stopping = builder.graceful_shutdown_signal();
    let builder = builder.listen("http", listener, move || {
        let stopping = stopping.clone();
        let clock = shared.clock.clone();
        let http = HttpService::build()
            // Idle connections end at once, busy ones after their request.
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .h1(map_config(application(&shared), |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| {
            let clock = clock.clone();
            async move {
                stream.set_nodelay(true)?;
                let peer = stream.peer_addr().ok();
                Ok((Spoken::new(stream, clock), peer))
            }
        })
        .and_then(http.map_err(|error| io::Error::other(error.to_string())))
    })?;
    Ok(builder.run())
}

/// A stream that lets nothing out which is no answer of ours.
struct Spoken<S> {
    stream: S,
    clock: Clock,
    /// Whether the client has sent anything yet.
    asked: bool,
    /// What is being said instead, and how much of it is out.
    instead: Option<Instead>,
}

struct Instead {
    bytes: Vec<u8>,
    written: usize,
}

impl<S> Spoken<S> {
    fn new(stream: S, clock: Clock) -> Self {
        Self { stream, clock, asked: false, instead: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Spoken<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let known = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.asked |= buf.filled().len() > known;
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Spoken<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.instead.is_none() && is_bare(buf) {
            // Browsers open connections ahead of need. A word on one that was never used would be read as the answer
            // to the first thing asked there later; closed without a word, another is opened.
            let bytes = if this.asked { refusal(&this.clock) } else { Vec::new() };
            this.instead = Some(Instead { bytes, written: 0 });
        }
        let Some(instead) = &mut this.instead else { return Pin::new(&mut this.stream).poll_write(cx, buf) };
        while let Some(rest) = instead.bytes.get(instead.written..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut this.stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            instead.written = instead.written.saturating_add(written);
        }
        // The bare answer is the connection's last: what was to be said has been said.
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A refusal without a body and without a request id: not one of ours.
fn is_bare(answer: &[u8]) -> bool {
    let Some(rest) = answer.strip_prefix(b"HTTP/1.1 4") else { return false };
    let has = |name: &[u8]| rest.windows(name.len()).any(|window| window == name);
    has(b"\r\ncontent-length: 0\r\n") && !has(b"\r\nx-request-id: ")
}

/// The problem for a request whose head is not HTTP, or too much of it.
fn refusal(clock: &Clock) -> Vec<u8> {
    const SENTENCE: &str = "The request's head could not be read, is too large, or did not arrive in time.";
    let unreadable = ApiError::BadRequest(SENTENCE.into());
    frame::last_words(&unreadable, clock)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::domain::time::Timestamp;

    const BARE: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    /// What a client reads that has sent this, if the server writes that.
    async fn heard(sent: &str, written: &str) -> String {
        let (mut client, server) = tokio::io::duplex(64);
        let mut server = Spoken::new(server, Clock::manual(Timestamp::from_millis(0)));
        client.write_all(sent.as_bytes()).await.unwrap();
        server.read_exact(&mut vec![0; sent.len()]).await.unwrap();
        let said = written.to_owned();
        let speaker = tokio::spawn(async move { server.write_all(said.as_bytes()).await });
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        speaker.await.unwrap().unwrap();
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
}
