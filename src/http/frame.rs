//! What every answer carries, whoever makes it: request id, hardening headers, problem body, log line.
//!
//! One layer around all routes, so that an error, a 404 and a panic look like everything else. It never
//! logs a body, a key or a query.

use std::future::{Future, Ready, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};
use futures_util::FutureExt;

use crate::clock::{self, Clock};
use crate::domain::time::Timestamp;
use crate::provider::simulator::AsItIs;
use crate::repeats::Repeats;

use super::error::ApiError;
use super::limits::Standing;
use super::pages::AsPage;
use super::problem::Problem;

/// Requests that were put off: all of them, while the storage is away.
static PUT_OFF: Repeats = Repeats::new();

/// The header that names a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over from a client.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The layer; one per application.
pub struct Frame(pub Clock);

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
        ready(Ok(Framed { service: Rc::new(service), clock: self.0.clone() }))
    }
}

/// The layer at work, around the routes.
pub struct Framed<S> {
    service: Rc<S>,
    clock: Clock,
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

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let service = Rc::clone(&self.service);
        let visit = Visit::begin(&request, &self.clock);
        let clock = self.clock.clone();
        Box::pin(async move {
            // A panic ends this request only; whatever it held is dropped here.
            let served = AssertUnwindSafe(async { service.call(request).await }).catch_unwind().await;
            match served {
                Ok(Ok(response)) => {
                    let (request, response) = response.into_parts();
                    let standing = request.extensions().get::<Standing>().copied();
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
    let visit = Visit { id, method: Method::GET, cacheable: Cacheable::Never, began_at };
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

/// What is known of a request before anybody serves it.
struct Visit {
    id: HeaderValue,
    method: Method,
    cacheable: Cacheable,
    began_at: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cacheable {
    Never,
    AsSaid,
}

impl Visit {
    fn begin(request: &ServiceRequest, clock: &Clock) -> Self {
        let began_at = clock.now();
        let api = request.path().strip_prefix("/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        Self {
            id: given_id(request.headers()).unwrap_or_else(|| fresh_id(began_at)),
            method: request.method().clone(),
            cacheable: if api { Cacheable::Never } else { Cacheable::AsSaid },
            began_at,
        }
    }

    /// Gives an answer what every answer has, and a refusal its body.
    fn dress(&self, mut response: HttpResponse, standing: Option<Standing>) -> HttpResponse {
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
        response
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
                elapsed_ms = clock.now().since(self.began_at).as_millis(),
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
