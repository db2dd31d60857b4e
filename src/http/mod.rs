//! What the wire shows: the one table of routes, and what all handlers share.
//!
//! A handler asks who is there (`extract.rs`), reads (`body.rs`, `query.rs`), sends a message to an actor
//! or reads the store, and writes an envelope. It never writes to the store itself. Errors become
//! problems in `error.rs`; `frame.rs` dresses every answer.

mod address;
mod admin;
mod answer;
mod auth;
mod billing;
mod body;
mod cursor;
mod envelope;
mod error;
mod extract;
mod fields;
mod frame;
mod health;
mod ipn;
mod limits;
mod listen;
mod problem;
mod query;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use actix_cors::Cors;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, RETRY_AFTER};
use actix_web::middleware::Condition;
use actix_web::{App, Error, HttpRequest, HttpResponse, Resource, Route, web};

use crate::actors::checkout::CheckoutDesk;
use crate::actors::directory::OrderDirectory;
use crate::actors::intake::Intake;
use crate::actors::sweeper::Sweeper;
use crate::clock::Clock;
use crate::config::{Secret, Settings};
use crate::store::Store;

use auth::Keyring;
use error::ApiError;
use frame::Frame;
use health::Readiness;
use ipn::Gate;
use limits::Limits;

pub use listen::serve;

/// What `app.rs` hands to HTTP.
pub struct Parts {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The time.
    pub clock: Clock,
    /// Reads.
    pub store: Store,
    /// The way to every order.
    pub orders: OrderDirectory,
    /// Takes checkouts.
    pub desk: CheckoutDesk,
    /// Takes verified evidence.
    pub intake: Intake,
    /// Sweeps by hand.
    pub sweeper: Sweeper,
}

/// What all handlers of all workers share.
pub struct Shared {
    settings: Arc<Settings>,
    clock: Clock,
    store: Store,
    orders: OrderDirectory,
    desk: CheckoutDesk,
    intake: Intake,
    sweeper: Sweeper,
    gate: Gate,
    keyring: Keyring,
    limits: Limits,
    readiness: Readiness,
}

impl Shared {
    /// Puts together what handlers need.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            keyring: Keyring::new(parts.store.clone(), parts.clock.clone()),
            limits: Limits::new(&parts.settings.rate_limits, &parts.clock),
            gate: Gate::new(parts.settings.ipn_secrets.iter().map(Secret::reveal)),
            readiness: Readiness::default(),
            settings: parts.settings,
            clock: parts.clock,
            store: parts.store,
            orders: parts.orders,
            desk: parts.desk,
            intake: parts.intake,
            sweeper: parts.sweeper,
        }
    }

    /// Forgets which keys were good: call it after a revocation on this node.
    pub fn forget_keys(&self) {
        self.keyring.forget();
    }
}

/// The application that each worker serves.
pub fn application(
    shared: &Arc<Shared>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
    + use<>,
> {
    let origins = &shared.settings.cors_origins;
    App::new()
        .app_data(web::Data::from(Arc::clone(shared)))
        .configure(configure)
        .wrap(Condition::new(!origins.is_empty(), cors(origins)))
        .wrap(Frame(shared.clock.clone()))
}

/// All routes. A path under which another could be meant comes after that other.
pub fn configure(routes: &mut web::ServiceConfig) {
    const ORDERS: &str = "/v1/billing/crypto-orders";
    const ADMIN: &str = "/v1/admin/crypto-orders";
    let under = |base: &str, rest: &str| format!("{base}{rest}");
    routes
        .service(resource("/healthz", "GET", [web::get().to(health::alive)]))
        .service(resource("/readyz", "GET", [web::get().to(health::ready)]))
        .service(resource("/v1/webhooks/nowpayments", "POST", [web::post().to(ipn::receive)]))
        .service(resource("/v1/billing/crypto-checkout", "POST", [web::post().to(billing::checkout::create)]))
        .service(resource("/v1/billing/crypto-checkout/quote", "POST", [web::post().to(billing::quote::tell)]))
        .service(resource(ORDERS, "GET", [web::get().to(billing::list::page)]))
        .service(resource(
            &under(ORDERS, "/{order_id}"),
            "GET, PATCH",
            [web::get().to(billing::get::show), web::patch().to(billing::note::set)],
        ))
        .service(resource(&under(ORDERS, "/{order_id}/cancel"), "POST", [web::post().to(billing::cancel::cancel)]))
        .service(resource(&under(ORDERS, "/{order_id}/events"), "GET", [web::get().to(billing::events::list)]))
        .service(resource(ADMIN, "GET", [web::get().to(admin::list::page)]))
        .service(resource(&under(ADMIN, "/"), "GET", [web::get().to(admin::list::page)]))
        .service(resource(&under(ADMIN, "/sweep-expired"), "POST", [web::post().to(admin::sweep::sweep)]))
        .service(resource(
            &under(ADMIN, "/idempotency-metrics"),
            "GET",
            [web::get().to(admin::idempotency_metrics::show)],
        ))
        .service(resource(&under(ADMIN, "/{order_id}"), "GET", [web::get().to(admin::get::show)]))
        .service(resource(&under(ADMIN, "/{order_id}/events"), "GET", [web::get().to(admin::events::list)]))
        .service(resource(&under(ADMIN, "/{order_id}/apply-ipn"), "POST", [web::post().to(admin::apply_ipn::apply)]))
        .service(resource(
            &under(ADMIN, "/{order_id}/internal-note"),
            "PATCH",
            [web::patch().to(admin::internal_note::set)],
        ))
        .default_service(web::to(no_route));
}

/// A path with its routes; any other method gets 405 with what `allow` names.
fn resource<const N: usize>(path: &str, allow: &'static str, routes: [Route; N]) -> Resource {
    let wrong_method = move || async move { Err::<HttpResponse, _>(ApiError::Method { allow }) };
    routes.into_iter().fold(web::resource(path), Resource::route).default_service(web::to(wrong_method))
}

/// The order's id as the path has it, whether or not it is one.
fn order_id_asked(request: &HttpRequest) -> &str {
    request.match_info().get("order_id").unwrap_or_default()
}

async fn no_route(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(ApiError::NoRoute { method: request.method().to_string(), path: request.path().to_owned() })
}

/// The allow-list of origins, with the headers their scripts may read.
fn cors(origins: &[String]) -> Cors {
    let exposed = [HeaderName::from_static("idempotent-replayed"), frame::REQUEST_ID, RETRY_AFTER];
    let exposed = exposed.into_iter().chain(limits::HEADERS);
    let cors = Cors::default()
        .allowed_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_any_header()
        .expose_headers(exposed)
        .max_age(3600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
