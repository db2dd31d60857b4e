//! What every answer carries, whoever makes it: request id, hardening headers, problem body, log line; and what it must
//! not carry: a body for HEAD, chunks for HTTP/1.0.
//!
//! One layer around all routes, so that an error, a 404 and a panic look like everything else. It never
//! logs a body, a key or a query.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::ConnectionType;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, Version};
use actix_web::web::Bytes;
use actix_web::{Error, HttpResponse, ResponseError};
use futures_util::FutureExt;

use crate::clock::{self, Clock, MonotonicTime};
use crate::domain::time::Timestamp;
use crate::provider::simulator::AsItIs;
use crate::repeats::Repeats;

use super::connection::Arrival;
use super::connection::{Connection, Connections};
use super::error::ApiError;
use super::incoming_body::IncomingBody;
use super::limits::Standing;
use super::pages::AsPage;
use super::prefix::PathPrefix;
use super::problem::Problem;

/// Requests that were put off: all of them, while the storage is away.
static PUT_OFF: Repeats = Repeats::new();

/// The header that names a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over from a client.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The layer; one per application.
pub struct Frame {
    /// The time.
    pub clock: Clock,
    /// Whether connections are kept after their answers.
    pub connections: Arc<Connections>,
    /// What stands before the paths that are asked for and answered.
    pub prefix: PathPrefix,
}

impl<S, B> Transform<S, ServiceRequest> for Frame
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = Framed<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Framed {
            service: Rc::new(service),
            clock: self.clock.clone(),
            connections: self.connections.clone(),
            prefix: self.prefix.clone(),
        }))
    }
}

/// The layer at work, around the routes.
pub struct Framed<S> {
    service: Rc<S>,
    clock: Clock,
    connections: Arc<Connections>,
    prefix: PathPrefix,
}

impl<S, B> Service<ServiceRequest> for Framed<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        self.prefix.strip(&mut request);
        let service = Rc::clone(&self.service);
        let mut visit = Visit::begin(&request, &self.clock, &self.prefix);
        let (clock, connections) = (self.clock.clone(), self.connections.clone());
        let connection = Connection::of(request.request());
        connection.begin();
        let body = IncomingBody::of(&mut request, &connection);
        Box::pin(async move {
            // A panic ends this request only; whatever it held is dropped here.
            let served = AssertUnwindSafe(async { service.call(request).await }).catch_unwind().await;
            let arrival = match body {
                Some(body) => body.finish().await,
                None => Arrival::Whole,
            };
            connection.end(arrival);
            visit.is_last = arrival == Arrival::Incomplete || !connections.are_kept();
            match served {
                Ok(Ok(response)) => {
                    let (request, response) = response.into_parts();
                    let standing = Standing::of(&request);
                    let response = visit.dress(response.map_into_boxed_body(), standing);
                    visit.log(&clock, response.status().as_u16(), || request.match_pattern());
                    Ok(ServiceResponse::new(request, response))
                }
                Ok(Err(error)) => Err(visit.give_up(&clock, error.error_response())),
                Err(_) => {
                    let panicked = ApiError::Broken("a handler panicked".into());
                    Err(visit.give_up(&clock, panicked.error_response()))
                }
            }
        })
    }
}

/// A whole answer, head and body, for a request that could not even be read.
#[must_use]
pub fn last_words(error: &ApiError, clock: &Clock) -> Vec<u8> {
    let began_at = clock.now();
    let id = fresh_id(began_at);
    let visit = Visit {
        id,
        method: Method::GET,
        version: Version::HTTP_11,
        cacheable: Cacheable::Never,
        began_at,
        began: clock.monotonic(),
        is_last: false,
        prefix: PathPrefix::default(),
    };
    let id = visit.id.to_str().unwrap_or_default();
    tracing::info!(request.id = id, "a request could not be read");
    let body = error.problem().document(id);
    let response = visit.dress(error.error_response(), None);
    let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend_from_slice(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// A body of which only the length is told.
struct Withheld(BodySize);

impl MessageBody for Withheld {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

/// What is known of a request before anybody serves it.
struct Visit {
    id: HeaderValue,
    method: Method,
    version: Version,
    cacheable: Cacheable,
    began_at: Timestamp,
    began: MonotonicTime,
    /// True if no other request is taken on its connection.
    is_last: bool,
    prefix: PathPrefix,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cacheable {
    Never,
    AsSaid,
}

impl Visit {
    fn begin(request: &ServiceRequest, clock: &Clock, prefix: &PathPrefix) -> Self {
        let began_at = clock.now();
        let api = request.path().strip_prefix("/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        Self {
            id: given_id(request.headers()).unwrap_or_else(|| fresh_id(began_at)),
            method: request.method().clone(),
            version: request.version(),
            cacheable: if api { Cacheable::Never } else { Cacheable::AsSaid },
            began_at,
            began: clock.monotonic(),
            is_last: false,
            prefix: prefix.clone(),
        }
    }

    /// Gives an answer what every answer has, and a refusal its body.
    fn dress(&self, mut response: HttpResponse, standing: Option<Standing>) -> HttpResponse {
        if self.is_last {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        // The simulated provider speaks for itself: in its own shapes, without our headers.
        if response.extensions().contains::<AsItIs>() {
            return response;
        }
        let refused = response.status().is_client_error() || response.status().is_server_error();
        if refused {
            let told = response.extensions_mut().remove::<Problem>();
            let problem = told.unwrap_or_else(|| Problem::of_status(response.status()));
            response = self.tell(response, &problem);
        }
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, self.id.clone());
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if self.cacheable == Cacheable::Never {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
        }
        if let Some(standing) = standing {
            standing.show(headers, self.began_at);
        }
        self.fit(self.prefix.add(response))
    }

    /// Gives the answer the form in which this request can take it.
    fn fit(&self, mut response: HttpResponse) -> HttpResponse {
        // HTTP/1.0 knows no chunks: there the end of the connection is the end of the body (RFC 9112, section 6.1).
        if self.version < Version::HTTP_11 && response.body().size() == BodySize::Stream {
            response.head_mut().no_chunking(true);
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        if self.method != Method::HEAD {
            return response;
        }
        let size = response.body().size();
        response.set_body(BoxBody::new(Withheld(size)))
    }

    fn tell(&self, response: HttpResponse, problem: &Problem) -> HttpResponse {
        let id = self.id.to_str().unwrap_or_default();
        if let Some(cause) = &problem.cause {
            if problem.retry_after_seconds().is_some() {
                if let Some(unlogged) = PUT_OFF.count(cause) {
                    tracing::warn!(request.id = id, cause, unlogged, "a request was put off");
                }
            } else {
                tracing::error!(request.id = id, cause, "a request failed");
            }
        }
        let mut response = response;
        if response.extensions().get::<AsPage>().is_none() {
            response = response.set_body(BoxBody::new(problem.document(id)));
            let problem_json = HeaderValue::from_static("application/problem+json; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, problem_json);
        }
        let headers = response.headers_mut();
        if let Some(seconds) = problem.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(Ok(allow)) = problem.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(header::ALLOW, allow);
        }
        if problem.status == actix_web::http::StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    /// The routed request is lost with the failure, so the answer travels as an error.
    fn give_up(&self, clock: &Clock, response: HttpResponse) -> Error {
        let response = self.dress(response, None);
        self.log(clock, response.status().as_u16(), || None);
        InternalError::from_response("unserved", response).into()
    }

    fn log(&self, clock: &Clock, status: u16, route: impl FnOnce() -> Option<String>) {
        // The pattern is put together anew each time: not for a log that nobody keeps.
        if tracing::enabled!(tracing::Level::DEBUG) {
            let route = route();
            tracing::debug!(
                method = self.method.as_str(),
                route = route.as_deref().unwrap_or("-"),
                status,
                elapsed_ms = clock.monotonic().since(self.began).as_millis(),
                request.id = self.id.to_str().unwrap_or_default(),
                "served"
            );
        }
    }
}

const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains; preload");

/// The client's own id, if it is 1 to 128 printable characters.
fn given_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(REQUEST_ID)?;
    let bytes = given.as_bytes();
    let printable = bytes.iter().all(|b| (0x20..=0x7e).contains(b));
    ((1..=REQUEST_ID_BYTES_MAX).contains(&bytes.len()) && printable).then(|| given.clone())
}

fn fresh_id(now: Timestamp) -> HeaderValue {
    HeaderValue::try_from(clock::fresh_uuid(now).to_string()).unwrap_or(HeaderValue::from_static("unnamed"))
}
