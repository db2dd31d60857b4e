//! `GET /pay/{token}/events`: the page's changing part, sent again whenever it changes.
//!
//! Streams wait on the same board as requests for a change (`actors/waiting.rs`), so that a change on this node is
//! sent at once and one on another node soon after. What never changes is broken now and then by a comment, by which
//! connections that nobody reads any more are noticed. At shutdown all of them end; browsers come again by themselves.

use std::io;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use futures_util::stream::{self, Stream, StreamExt};

use crate::actors::waiting::Watch;
use crate::domain::lifecycle::Moment;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::http::Shared;
use crate::http::error::ApiError;

use super::order_of;
use super::page::Fragment;
use super::sentence::told;

/// How long a stream is silent at the most.
const SILENCE: Duration = Duration::from_secs(20);
/// After how long a browser comes again, in milliseconds.
const COME_AGAIN: &str = "retry: 3000\n";
const STILL_HERE: &str = ": still here\n\n";

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const KEEP_NOTHING: HeaderValue = HeaderValue::from_static("no-store");
/// Asks proxies not to hold back what is sent.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Sends what is, and then every change.
pub async fn events(request: HttpRequest, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let order = order_of(&request, &shared).await?;
    let watch = shared.orders.watch(order.id).map_err(|error| ApiError::Order(order.id.to_string(), error))?;
    let at = shared.moment();
    let first = event(&order, &at)?;
    let listener = Listener { watch, shown: Shown::of(&order, &at), shared };
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, EVENT_STREAM)).insert_header((CACHE_CONTROL, KEEP_NOTHING));
    response.insert_header((UNBUFFERED, HeaderValue::from_static("no")));
    Ok(response.streaming(news(first, listener)))
}

/// An open page.
struct Listener {
    watch: Watch,
    shared: Data<Shared>,
    shown: Shown,
}

/// By what one showing is told from the next: the order has changed, or only its time has passed.
#[derive(PartialEq, Eq)]
struct Shown {
    updated_at: Timestamp,
    sentence: String,
}

impl Shown {
    fn of(order: &Order, at: &Moment) -> Self {
        Self { updated_at: order.updated_at, sentence: told(order, at).sentence }
    }
}

fn news(first: Bytes, listener: Listener) -> impl Stream<Item = io::Result<Bytes>> {
    let begun = stream::once(async { Ok(first) });
    begun.chain(stream::try_unfold(listener, async |mut listener| {
        Ok(listener.next().await?.map(|sent| (sent, listener)))
    }))
}

impl Listener {
    /// What is sent next, at once or in time; nothing once the node ends.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let newer = Box::pin(self.watch.newer(self.shown.updated_at, SILENCE)).await;
        let newer = newer.inspect_err(|error| tracing::debug!(%error, "a page is no longer kept up to date"));
        let Some(order) = newer.map_err(io::Error::other)? else { return Ok(None) };
        let at = self.shared.moment();
        let shown = Shown::of(&order, &at);
        if shown == self.shown {
            return Ok(Some(Bytes::from_static(STILL_HERE.as_bytes())));
        }
        self.shown = shown;
        event(&order, &at).map(Some).map_err(|error| io::Error::other(error.to_string()))
    }
}

/// The changing part as an event.
fn event(order: &Order, at: &Moment) -> Result<Bytes, ApiError> {
    let html = Fragment::of(order, at).render().map_err(|error| ApiError::Broken(error.to_string().into()))?;
    let lines: String = html.lines().map(|line| format!("data: {line}\n")).collect();
    Ok(Bytes::from(format!("{COME_AGAIN}{lines}\n")))
}
