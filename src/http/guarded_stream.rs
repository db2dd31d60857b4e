//! The stream of a connection, with what the protocol layer does not do by itself.
//!
//! Heads that cannot be parsed, or that are too large, never reach a route: `actix-http` answers them with a bare
//! status. Every answer must be a problem with a request id (contract, section 1), so such an answer is replaced on its
//! way out, or kept back where nothing was asked. `100 Continue` is sent only once a body is wanted. A connection on
//! which a later head stays incomplete, or a body is still arriving long after its answer, reads as closed.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::clock::Clock;

use super::connection::{Connection, Counted, Interim, Phase, Stage};
use super::error::ApiError;
use super::frame;

/// How long the head of a request may take to arrive.
pub const HEAD_TAKES_MAX: Duration = Duration::from_secs(5);
/// How long an answered request's body is still read before the connection is closed.
const LEAVING_TAKES_MAX: Duration = Duration::from_secs(2);
/// How much of it is read.
const LEAVING_BYTES_MAX: usize = 1024 * 1024;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A stream that lets out only answers of ours, and takes in only what is in time.
pub struct GuardedStream<S> {
    stream: S,
    clock: Clock,
    connection: Connection,
    _counted: Option<Counted>,
    intake: Intake,
    /// True once the client has sent anything.
    is_used: bool,
    /// What is being said instead, and how much of it is out.
    instead: Option<Instead>,
    /// How much is out of a `100 Continue` that was kept back.
    interim_written: Option<usize>,
}

struct Instead {
    bytes: Vec<u8>,
    written: usize,
}

impl<S> GuardedStream<S> {
    /// Guards a stream for as long as it is counted.
    pub fn new(stream: S, clock: Clock, counted: Option<Counted>) -> Self {
        Self {
            stream,
            clock,
            connection: Connection::default(),
            _counted: counted,
            intake: Intake::default(),
            is_used: false,
            instead: None,
            interim_written: None,
        }
    }

    /// The connection, for its requests.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let known = buf.filled().len();
        if this.intake.poll_over(cx, &this.connection).is_ready() {
            this.connection.close();
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        let bytes = buf.filled().len().saturating_sub(known);
        match &read {
            Poll::Ready(Ok(())) if 0 < bytes => {
                this.is_used = true;
                this.intake.bytes = this.intake.bytes.saturating_add(bytes);
            }
            Poll::Ready(_) => this.connection.close(),
            Poll::Pending => {
                if this.intake.poll_over(cx, &this.connection).is_ready() {
                    this.connection.close();
                    return Poll::Ready(Ok(()));
                }
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.connection.interim() == Interim::Awaited && buf.starts_with(CONTINUE) {
            this.interim_written = Some(0);
            return Poll::Ready(Ok(CONTINUE.len()));
        }
        // An answer that is there already makes it needless, unless a part of it is out.
        this.interim_written = this.interim_written.filter(|written| 0 < *written);
        ready!(this.poll_interim(cx))?;
        if this.instead.is_none() && is_bare(buf) {
            // Browsers open connections ahead of need. A word on one that was never used would be read as the answer
            // to the first thing asked there later; closed without a word, another is opened.
            let bytes = if this.is_used { refusal(&this.clock) } else { Vec::new() };
            this.instead = Some(Instead { bytes, written: 0 });
        }
        let Some(instead) = &mut this.instead else { return Pin::new(&mut this.stream).poll_write(cx, buf) };
        ready!(poll_write_all(&mut this.stream, cx, &instead.bytes, &mut instead.written))?;
        // The bare answer is the connection's last: what was to be said has been said.
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.interim() == Interim::Due {
            ready!(self.poll_interim(cx))?;
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncWrite + Unpin> GuardedStream<S> {
    /// Sends the `100 Continue` that was kept back, if one was.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(written) = &mut self.interim_written {
            ready!(poll_write_all(&mut self.stream, cx, CONTINUE, written))?;
            self.interim_written = None;
        }
        Poll::Ready(Ok(()))
    }
}

/// Writes what is left of these bytes.
fn poll_write_all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    bytes: &[u8],
    written: &mut usize,
) -> Poll<io::Result<()>> {
    while let Some(rest) = bytes.get(*written..).filter(|rest| !rest.is_empty()) {
        match ready!(Pin::new(&mut *stream).poll_write(cx, rest))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            bytes => *written = written.saturating_add(bytes),
        }
    }
    Poll::Ready(Ok(()))
}

/// What has arrived in the present stage of a connection, and for how long something may still be outstanding.
#[derive(Default)]
struct Intake {
    stage: Stage,
    bytes: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Intake {
    /// Ready once nothing more is to be read.
    fn poll_over(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<()> {
        let stage = connection.stage();
        if self.stage != stage {
            *self = Self { stage, ..Self::default() };
        }
        let takes_max = match stage.phase {
            Phase::Serving => return Poll::Pending,
            // The dispatcher times the first head, and the silence before another begins.
            Phase::Between if stage.requests == 0 || self.bytes == 0 => return Poll::Pending,
            Phase::Between => HEAD_TAKES_MAX,
            Phase::Leaving if LEAVING_BYTES_MAX < self.bytes => return Poll::Ready(()),
            Phase::Leaving => LEAVING_TAKES_MAX,
        };
        self.timer.get_or_insert_with(|| Box::pin(sleep(takes_max))).as_mut().poll(cx)
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
mod tests;
