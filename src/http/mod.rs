//! What the wire shows, and what all handlers share. `routes.rs` has the one table of routes.
//!
//! A handler asks who is there (`extract.rs`), reads (`body.rs`, `query.rs`), sends a message to an actor
//! or reads the store, and writes an envelope. It never writes to an order itself. Errors become
//! problems in `error.rs`; `frame.rs` dresses every answer.

mod account;
mod address;
mod admin;
mod answer;
mod auth;
mod billing;
mod body;
mod connection;
pub mod csv;
mod cursor;
mod envelope;
mod error;
mod extract;
mod fields;
mod frame;
mod guarded_stream;
mod gui;
mod health;
mod incoming_body;
mod ipn;
mod json;
mod keys;
mod limits;
mod listen;
mod openapi;
mod pages;
mod paging;
mod pay;
mod prefix;
mod problem;
mod query;
mod routes;
#[cfg(test)]
mod tests;
mod webhooks;

use std::sync::Arc;

use actix_cors::Cors;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, RETRY_AFTER};
use actix_web::middleware::Condition;
use actix_web::{App, Error, HttpRequest, web};

use crate::actors::bell::Bell;
use crate::actors::checkout::CheckoutDesk;
use crate::actors::directory::OrderDirectory;
use crate::actors::intake::Intake;
use crate::actors::payments::PaymentDesk;
use crate::actors::sweeper::Sweeper;
use crate::clock::Clock;
use crate::config::{Secret, Settings};
use crate::domain::ids::KeyId;
use crate::provider::simulator::Simulator;
use crate::store::Store;
use crate::webhooks::names::Names;

use auth::Keyring;
use connection::Connections;
use frame::Frame;
use gui::sign_in_limiter::{RefusedSignIns, SignInLimiter};
use health::Readiness;
use ipn::Gate;
use limits::Limits;
use prefix::PathPrefix;

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
    /// Makes payments; none where nobody does.
    pub payments: Option<PaymentDesk>,
    /// The provider in the box, where there is one.
    pub simulator: Option<Simulator>,
    /// Who tells merchants.
    pub courier: Bell,
    /// Who knows where their endpoints lead.
    pub names: Names,
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
    payments: Option<PaymentDesk>,
    simulator: Option<Simulator>,
    courier: Bell,
    names: Names,
    connections: Arc<Connections>,
    gate: Gate,
    keyring: Keyring,
    limits: Limits,
    sign_in_limiter: SignInLimiter,
    refused_sign_ins: RefusedSignIns,
    readiness: Readiness,
    document: serde_json::Value,
    docs: pages::docs::Pages,
    pay_links: pay::Links,
    prefix: PathPrefix,
}

impl Shared {
    /// Puts together what handlers need.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let document = openapi::document(&parts.settings.orders, &parts.settings.public_url);
        Self {
            keyring: Keyring::new(parts.store.clone(), parts.clock.clone()),
            limits: Limits::new(&parts.settings.rate_limits, &parts.clock),
            sign_in_limiter: SignInLimiter::new(&parts.clock),
            refused_sign_ins: RefusedSignIns::new(&parts.clock),
            gate: Gate::new(parts.settings.ipn_secrets.iter().map(Secret::reveal)),
            readiness: Readiness::default(),
            connections: Arc::new(Connections::new(parts.settings.descriptors.connections_max())),
            pay_links: pay::Links::default(),
            prefix: PathPrefix::of(&parts.settings.public_url),
            docs: pages::docs::render(&document, &parts.settings.public_url),
            document,
            settings: parts.settings,
            clock: parts.clock,
            store: parts.store,
            orders: parts.orders,
            desk: parts.desk,
            intake: parts.intake,
            sweeper: parts.sweeper,
            payments: parts.payments,
            simulator: parts.simulator,
            courier: parts.courier,
            names: parts.names,
        }
    }

    /// From now on the node says that it is about to stop, and keeps no connection after its answer.
    pub fn drain(&self) {
        self.connections.drain();
    }

    /// Forgets that this key was good: call it after its revocation on this node.
    pub fn forget_key(&self, id: KeyId) {
        self.keyring.forget(id);
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
        .configure(|config| shared.simulator.iter().for_each(|simulator| simulator.configure(config)))
        .configure(routes::configure)
        .wrap(Condition::new(!origins.is_empty(), cors(origins)))
        .wrap(Frame {
            clock: shared.clock.clone(),
            connections: shared.connections.clone(),
            prefix: shared.prefix.clone(),
        })
}

/// The order's id as the path has it, whether or not it is one.
fn order_id_asked(request: &HttpRequest) -> &str {
    request.match_info().get("order_id").unwrap_or_default()
}

/// The allow-list of origins, with the headers their scripts may read.
fn cors(origins: &[String]) -> Cors {
    let exposed = [HeaderName::from_static("idempotent-replayed"), frame::REQUEST_ID, RETRY_AFTER];
    let exposed = exposed.into_iter().chain(limits::HEADERS);
    let cors = Cors::default()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
        .allow_any_header()
        .expose_headers(exposed)
        .max_age(3600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
