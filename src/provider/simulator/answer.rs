//! What is answered to a request, and how it gets out: whole, or not at all.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody, SizedStream};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use futures_util::stream;

use super::Simulator;
use super::json::Json;
use super::refusal::Refusal;

/// How long somebody is kept waiting who gets no answer.
const HANGING: Duration = Duration::from_secs(120);

/// Marks an answer that is the provider's own, and not to be dressed as one of ours.
#[derive(Debug, Clone, Copy)]
pub struct AsItIs;

/// An answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// JSON.
    Json(u16, Json),
    /// 429 after so many seconds.
    TooMany(u16),
    /// 502 with a page.
    Page,
    /// The connection ends without a byte.
    Cut,
    /// No byte ever comes.
    Hang,
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::Json(refusal.status, refusal.body())
    }
}

impl Answer {
    /// The answer to what succeeded or was refused.
    pub(super) fn of(status: u16, result: Result<Json, Refusal>) -> Self {
        result.map_or_else(Self::from, |body| Self::Json(status, body))
    }
}

impl Simulator {
    /// Sends an answer out, and notes it.
    pub(super) async fn answer(&self, answer: Answer) -> HttpResponse {
        match answer {
            Answer::Json(status, body) => self.text(builder(status, "application/json; charset=utf-8"), body.written()),
            Answer::TooMany(seconds) => {
                let mut response = builder(429, "application/json; charset=utf-8");
                response.insert_header((RETRY_AFTER, seconds.to_string()));
                self.text(response, Refusal::too_many().body().written())
            }
            Answer::Page => self.text(builder(502, "text/html"), PAGE.to_owned()),
            Answer::Cut => cut(),
            Answer::Hang => {
                // Who hangs holds the server's end up; whoever ends it lets them go.
                let _released = tokio::time::timeout(HANGING, self.0.released.notified()).await;
                cut()
            }
        }
    }

    fn text(&self, mut response: HttpResponseBuilder, body: String) -> HttpResponse {
        // What the provider's support asks for.
        response.insert_header(("cf-ray", self.ray()));
        let response = response.body(body.clone());
        self.note(format!("{}\n\n{body}", response.status().as_u16()));
        as_it_is(response)
    }
}

fn builder(status: u16, kind: &'static str) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    response.insert_header((CONTENT_TYPE, kind));
    response
}

/// A body that ends before its length: the server drops the connection before the head is out. One that fails would
/// do the same, and be an error in the log of whoever plays.
fn cut() -> HttpResponse {
    let body = SizedStream::new(1, stream::empty::<Result<web::Bytes, Infallible>>());
    as_it_is(HttpResponse::Created().finish().set_body(BoxBody::new(body.boxed())))
}

fn as_it_is(mut response: HttpResponse) -> HttpResponse {
    response.extensions_mut().insert(AsItIs);
    response
}

/// What stands before the provider says when the provider is away.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n\
    <body><center><h1>502 Bad Gateway</h1></center><hr><center>cloudflare</center></body></html>\n";
