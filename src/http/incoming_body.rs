//! The body of a request on its way in: every one is timed here, whoever reads it.
//!
//! A client may take [`Pace::patience`] for nothing, and longer for what it sends, up to [`Pace::whole`]; so neither
//! silence nor a trickle holds a connection. What a body must be is said in `body.rs`.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::stream::{Stream, StreamExt};
use tokio::time::{Instant, Sleep, sleep};

use super::connection::{Arrival, Connection, Interim};

/// How slowly a body may arrive.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// How long it may take whatever arrives.
    patience: Duration,
    /// How many bytes earn it one more second.
    bytes_per_second: usize,
    /// How long it may take in all.
    whole: Duration,
}

/// The pace of every body; routes that want a faster one time it themselves.
const PACE: Pace = Pace { patience: Duration::from_secs(10), bytes_per_second: 500, whole: Duration::from_secs(30) };

/// A body that handlers read, and that can be read on when they have left it. Clones share it.
#[derive(Clone)]
pub struct IncomingBody(Rc<RefCell<Incoming>>);

struct Incoming {
    payload: Payload,
    connection: Connection,
    pace: Pace,
    received: usize,
    arrival: Arrival,
    /// True once it broke off or was late: then nothing more comes.
    is_broken: bool,
    /// Runs out when the body is late; begins when it is first waited for.
    timer: Option<Timer>,
}

struct Timer {
    sleep: Pin<Box<Sleep>>,
    patience_ends: Instant,
}

impl IncomingBody {
    /// Puts itself in the place of a request's body; none where the request has no body.
    pub fn of(request: &mut ServiceRequest, connection: &Connection) -> Option<Self> {
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return None;
        }
        let body = Self::new(payload, connection.clone(), PACE);
        request.set_payload(Payload::Stream { payload: Box::pin(body.clone()) });
        Some(body)
    }

    fn new(payload: Payload, connection: Connection, pace: Pace) -> Self {
        Self(Rc::new(RefCell::new(Incoming {
            payload,
            connection,
            pace,
            received: 0,
            arrival: Arrival::Incomplete,
            is_broken: false,
            timer: None,
        })))
    }

    /// Reads what has arrived already and was left by its handler, and says whether that was all.
    pub async fn finish(mut self) -> Arrival {
        if let Some(settled) = self.0.borrow().settled() {
            return settled;
        }
        // The dispatcher hands over what it has read only while a request waits.
        tokio::task::yield_now().await;
        futures_util::future::poll_fn(|cx| {
            while let Poll::Ready(Some(Ok(_))) = self.poll_next_unpin(cx) {}
            Poll::Ready(())
        })
        .await;
        self.0.borrow().arrival
    }
}

impl Stream for IncomingBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll_next(cx)
    }
}

impl Incoming {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        if self.arrival == Arrival::Whole {
            return Poll::Ready(None);
        }
        self.connection.want_body();
        let polled = Pin::new(&mut self.payload).poll_next(cx);
        match &polled {
            Poll::Ready(Some(Ok(chunk))) => self.received = self.received.saturating_add(chunk.len()),
            Poll::Ready(Some(Err(_))) => self.is_broken = true,
            Poll::Ready(None) => self.arrival = Arrival::Whole,
            Poll::Pending => {
                if let Poll::Ready(allowed) = self.poll_late(cx) {
                    self.is_broken = true;
                    let late = io::Error::new(io::ErrorKind::TimedOut, late(allowed.as_secs()));
                    return Poll::Ready(Some(Err(PayloadError::Io(late))));
                }
            }
        }
        polled
    }

    /// Ready once the body has taken longer than it may, with how long that was.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        let Pace { patience, bytes_per_second, whole } = self.pace;
        let earned = self.received.checked_div(bytes_per_second).and_then(|seconds| u64::try_from(seconds).ok());
        let earned = Duration::from_secs(earned.unwrap_or(0)).min(whole.saturating_sub(patience));
        let timer = self.timer.get_or_insert_with(|| {
            let sleep = Box::pin(sleep(patience));
            Timer { patience_ends: sleep.deadline(), sleep }
        });
        let ends = timer.patience_ends.checked_add(earned).unwrap_or(timer.patience_ends);
        if timer.sleep.deadline() != ends {
            timer.sleep.as_mut().reset(ends);
        }
        timer.sleep.as_mut().poll(cx).map(|()| patience.saturating_add(earned))
    }

    /// How much has arrived, if that is the end of it: nothing more comes, or its client waits to be told to send it.
    fn settled(&self) -> Option<Arrival> {
        let is_settled =
            self.arrival == Arrival::Whole || self.is_broken || self.connection.interim() == Interim::Awaited;
        is_settled.then_some(self.arrival)
    }
}

/// The sentence for a body that took too long.
#[must_use]
pub fn late(seconds: u64) -> String {
    format!("The request body was not complete within {seconds} seconds.")
}

#[cfg(test)]
mod tests {
    use actix_http::BoxedPayloadStream;
    use futures_util::stream;

    use super::*;

    fn body(arriving: impl Stream<Item = Result<Bytes, PayloadError>> + 'static, pace: Pace) -> IncomingBody {
        let payload: BoxedPayloadStream = Box::pin(arriving);
        IncomingBody::new(Payload::Stream { payload }, Connection::default(), pace)
    }

    /// What a reader gets of a body that brings these chunks and then nothing more.
    async fn read(chunks: usize, pace: Pace) -> (usize, Option<io::ErrorKind>) {
        let chunk = || Ok::<_, PayloadError>(Bytes::from_static(&[b'x'; 100]));
        let arriving = stream::iter((0..chunks).map(move |_| chunk())).chain(stream::pending());
        let mut body = body(arriving, pace);
        let mut bytes = 0;
        loop {
            match body.next().await {
                Some(Ok(chunk)) => bytes += chunk.len(),
                Some(Err(PayloadError::Io(error))) => return (bytes, Some(error.kind())),
                Some(Err(_)) | None => return (bytes, None),
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_stops_arriving_ends_with_its_time() {
        let pace = Pace { patience: Duration::from_millis(5), bytes_per_second: 500, whole: Duration::from_millis(10) };
        for chunks in [0, 3, 50] {
            assert_eq!(read(chunks, pace).await, (chunks * 100, Some(io::ErrorKind::TimedOut)));
        }
    }

    #[tokio::test]
    async fn what_arrives_earns_time_and_never_more_than_the_whole() {
        let allowed = |received| {
            let body = IncomingBody::new(Payload::None, Connection::default(), PACE);
            let mut incoming = body.0.borrow_mut();
            incoming.received = received;
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert!(incoming.poll_late(&mut cx).is_pending());
            let timer = incoming.timer.as_ref().unwrap();
            (timer.sleep.deadline() - timer.patience_ends).as_secs()
        };
        assert_eq!([0, 499, 500, 5_000, 64 * 1024].map(allowed), [0, 0, 1, 10, 20]);
    }

    #[tokio::test]
    async fn a_body_that_its_handler_left_is_read_as_far_as_it_has_arrived() {
        let chunk = Ok::<_, PayloadError>(Bytes::from_static(b"x"));
        assert_eq!(body(stream::iter([chunk]), PACE).finish().await, Arrival::Whole);
        assert_eq!(body(stream::pending(), PACE).finish().await, Arrival::Incomplete);
    }
}
