//! `GET /pay/{token}/events`: the page's changing part, sent again whenever it changes.
//!
//! Streams wait on the same board as requests for a change (`actors/waiting.rs`), so that a change on this node is
//! sent at once and one on another node soon after. A browser that closes its connection frees its place at once; one that
//! vanishes is noticed by the comment that now and then breaks the silence. At shutdown all of them end; browsers come again by themselves.

use std::io;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use futures_util::stream::{self, Stream, StreamExt};

use crate::actors::waiting::{News, Watch};
use crate::domain::lifecycle::Moment;
use crate::domain::order::Order;
use crate::http::Shared;
use crate::http::connection::Connection;
use crate::http::error::ApiError;

use super::order_of;
use super::page::Fragment;

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
    let watch = shared.orders.watch(&order).map_err(|error| ApiError::Order(order.id.to_string(), error))?;
    let at = shared.moment();
    let first = event(&order, &at)?;
    let shown = lasting(&order, &at)?;
    let listener = Listener { watch, connection: Connection::of(&request), shared, order, shown };
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, EVENT_STREAM)).insert_header((CACHE_CONTROL, KEEP_NOTHING));
    response.insert_header((UNBUFFERED, HeaderValue::from_static("no")));
    Ok(response.streaming(news(first, listener)))
}

/// An open page.
struct Listener {
    watch: Watch,
    connection: Connection,
    shared: Data<Shared>,
    order: Order,
    shown: String,
}

fn news(first: Bytes, listener: Listener) -> impl Stream<Item = io::Result<Bytes>> {
    let begun = stream::once(async { Ok(first) });
    begun.chain(stream::try_unfold(listener, async |mut listener| {
        Ok(listener.next().await?.map(|sent| (sent, listener)))
    }))
}

impl Listener {
    /// What is sent next, at once or in time; nothing once the node ends or the browser has gone.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let news = tokio::select! {
            news = Box::pin(self.watch.newer(self.order.updated_at, SILENCE)) => news,
            () = self.connection.closed() => Ok(News::Closed),
        };
        let news = news.inspect_err(|error| tracing::debug!(%error, "a page is no longer kept up to date"));
        match news.map_err(io::Error::other)? {
            News::Changed(order) => self.order = *order,
            // Time has passed, which may be all it needs.
            News::Nothing => {}
            News::Closed => return Ok(None),
        }
        self.showing().map(Some).map_err(|error| io::Error::other(error.to_string()))
    }

    /// The page as it is by now, if it has become another.
    fn showing(&mut self) -> Result<Bytes, ApiError> {
        let at = self.shared.moment();
        let shown = lasting(&self.order, &at)?;
        if shown == self.shown {
            return Ok(Bytes::from_static(STILL_HERE.as_bytes()));
        }
        self.shown = shown;
        event(&self.order, &at)
    }
}

/// By what one showing is told from the next: all but the countdown, which pages do themselves.
fn lasting(order: &Order, at: &Moment) -> Result<String, ApiError> {
    Ok(Fragment::of(order, at).but_for_the_countdown().render()?)
}

/// The changing part as an event.
fn event(order: &Order, at: &Moment) -> Result<Bytes, ApiError> {
    let html = Fragment::of(order, at).render()?;
    let lines: String = html.lines().map(|line| format!("data: {line}\n")).collect();
    Ok(Bytes::from(format!("{COME_AGAIN}{lines}\n")))
}

#[cfg(test)]
mod tests {
    use super::super::sentence::tests::{asking_for_the_rest, moment, pending_order};
    use super::*;
    use crate::domain::lifecycle::LatePayments;

    #[test]
    fn a_passing_minute_is_no_news_and_the_end_of_the_window_is() {
        let order = pending_order();
        let at = |minutes| moment(minutes, LatePayments::Reopen);
        let shown = |minutes| lasting(&order, &at(minutes)).unwrap();
        assert_ne!(event(&order, &at(10)).unwrap(), event(&order, &at(11)).unwrap(), "the countdown is sent");
        assert_eq!(shown(10), shown(59));
        assert_ne!(shown(59), shown(60));
    }

    #[test]
    fn an_address_that_is_given_up_is_news_though_the_sentence_stays() {
        let order = asking_for_the_rest();
        let at = |minutes| moment(minutes, LatePayments::Reopen);
        let [while_watched, given_up] = [10, 20 * 24 * 60].map(|minutes| lasting(&order, &at(minutes)).unwrap());
        let sentence = "0.2 ETH of your payment has arrived, and 0.3 ETH is missing.";
        assert!(while_watched.contains(sentence) && while_watched.contains("id=\"address\""), "{while_watched}");
        assert!(given_up.contains(sentence) && !given_up.contains("id=\"address\""), "{given_up}");
        assert_ne!(while_watched, given_up);
    }
}
