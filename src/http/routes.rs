//! The one table of routes: every path with its methods and who answers them.
//!
//! Whatever is served stands here, and `openapi.rs` describes exactly that: a test holds the two against
//! each other. HEAD and OPTIONS are served wherever they mean anything and stand nowhere in the table; any other
//! method on a known path gets 405 with what the path allows.

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{Error, FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route, guard, web};

use super::error::ApiError;
use super::pages::PageError;
use super::{Shared, account, admin, answer, billing, gui, health, ipn, keys, openapi, pages, pay, webhooks};

/// A path, and what is served there.
pub struct Place {
    path: String,
    /// Whether a slash may follow the path.
    with_slash: bool,
    methods: Vec<Method>,
    routes: Vec<Route>,
}

/// Nothing is served at this path yet.
fn at(path: impl Into<String>) -> Place {
    Place { path: path.into(), with_slash: false, methods: Vec::new(), routes: Vec::new() }
}

impl Place {
    /// The same is served with a slash at the end.
    fn with_slash(self) -> Self {
        Self { with_slash: true, ..self }
    }

    fn get<F: Handler<Args>, Args>(self, handler: F) -> Self
    where
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::GET, handler)
    }

    fn post<F: Handler<Args>, Args>(self, handler: F) -> Self
    where
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::POST, handler)
    }

    fn patch<F: Handler<Args>, Args>(self, handler: F) -> Self
    where
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::PATCH, handler)
    }

    fn delete<F: Handler<Args>, Args>(self, handler: F) -> Self
    where
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::DELETE, handler)
    }

    fn method<F: Handler<Args>, Args>(mut self, method: Method, handler: F) -> Self
    where
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let route = match method {
            // `frame.rs` keeps the body of an answer to HEAD back.
            Method::GET => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
            _ => web::method(method.clone()),
        };
        self.routes.push(route.to(handler));
        self.methods.push(method);
        self
    }

    /// The path as the server takes it: OPTIONS tells the methods that it has, and any other method gets 405 with them.
    fn resource(self) -> Resource {
        let allow = self.allow();
        let told = allow.clone();
        let options = move || {
            let mut response = answer::no_content();
            if let Ok(allow) = HeaderValue::from_str(&told) {
                response.headers_mut().insert(ALLOW, allow);
            }
            async move { response }
        };
        let wrong_method = move |request: HttpRequest| {
            let error = ApiError::Method { allow: allow.clone() };
            async move { Err::<HttpResponse, _>(told_to_whoever_asks(&request, error)) }
        };
        let mut paths = vec![self.path];
        if self.with_slash {
            paths.extend(paths.first().map(|path| format!("{path}/")));
        }
        let resource = self.routes.into_iter().fold(web::resource(paths), Resource::route);
        let resource = resource.route(web::method(Method::OPTIONS).to(options));
        resource.default_service(web::to(wrong_method))
    }

    /// Every method that the path answers, as `Allow` lists them.
    fn allow(&self) -> String {
        let served = self.methods.iter().flat_map(|method| match *method {
            Method::GET => vec!["GET", "HEAD"],
            _ => vec![method.as_str()],
        });
        served.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
    }

    /// Each method with the path, `GET /healthz`, as the document is held against them.
    #[cfg(test)]
    pub fn operations(&self) -> impl Iterator<Item = String> {
        self.methods.iter().map(|method| format!("{method} {}", self.path))
    }
}

/// All routes. A path under which another could be meant comes after that other.
#[must_use]
pub fn table() -> Vec<Place> {
    let own = |rest: &str| at(format!("/v1/billing/crypto-orders{rest}"));
    let mut places = vec![
        at("/healthz").get(health::alive),
        at("/readyz").get(health::ready),
        at("/openapi.json").get(openapi::show),
        at("/docs/api").get(pages::docs::show),
        at("/docs/shapes").get(pages::docs::show_shapes),
        at("/assets/style.css").get(pages::assets::style),
        at("/assets/icon.svg").get(pages::assets::icon),
        at("/v1/webhooks/nowpayments").post(ipn::receive).with_slash(),
        at("/v1/whoami").get(account::identity::show),
        at("/v1/account/whoami").get(account::whoami::show),
        at("/v1/account/rate-limits").get(account::rate_limits::show),
        at("/v1/api-keys").get(keys::list::page).post(keys::create::create),
        at("/v1/api-keys/{id}").delete(keys::revoke::revoke),
        at("/v1/api-keys/{id}/rotate").post(keys::rotate::rotate),
        at("/v1/billing/crypto-checkout").post(billing::checkout::create),
        at("/v1/billing/crypto-checkout/quote").post(billing::quote::tell),
        own("").get(billing::list::page),
        own("/{order_id}").get(billing::get::show).patch(billing::note::set),
        own("/{order_id}/cancel").post(billing::cancel::cancel),
        own("/{order_id}/events").get(billing::events::list),
        own("/{order_id}/receipt").get(billing::receipt::show),
        own("/{order_id}/receipt.txt").get(billing::receipt::text),
        own("/{order_id}/receipt.pdf").get(billing::receipt::pdf),
    ];
    places.extend(operators());
    places.extend(hooks());
    places
}

/// What only operators may ask for.
fn operators() -> Vec<Place> {
    let any = |rest: &str| at(format!("/v1/admin/crypto-orders{rest}"));
    vec![
        any("").get(admin::list::page).with_slash(),
        any(".csv").get(admin::csv::export),
        any("/sweep-expired").post(admin::sweep::sweep),
        any("/stats").get(admin::stats::show),
        any("/pending-age").get(admin::pending_age::show),
        any("/daily").get(admin::daily::show),
        any("/evidence-metrics").get(admin::evidence_metrics::show),
        any("/idempotency-metrics").get(admin::idempotency_metrics::show),
        any("/attention").get(admin::attention::page),
        any("/attention/{id}/resolve").post(admin::attention::resolve),
        any("/{order_id}").get(admin::get::show),
        any("/{order_id}/events").get(admin::events::list),
        any("/{order_id}/ipns").get(admin::ipns::page),
        any("/{order_id}/payments").get(admin::payments::page),
        any("/{order_id}/apply-ipn").post(admin::apply_ipn::apply),
        any("/{order_id}/accept").post(admin::accept::accept),
        any("/{order_id}/top-up").post(admin::top_up::top_up),
        any("/{order_id}/internal-note").patch(admin::internal_note::set),
        at("/v1/admin/audit-log").get(admin::audit_log::page),
    ]
}

/// Endpoints for webhooks, and what they were told.
fn hooks() -> Vec<Place> {
    vec![
        at("/v1/webhooks").get(webhooks::list::list).post(webhooks::create::create),
        at("/v1/webhooks/{id}")
            .get(webhooks::get::show)
            .patch(webhooks::patch::change)
            .delete(webhooks::delete::delete),
        at("/v1/webhooks/{id}/rotate-secret").post(webhooks::rotate::rotate),
        at("/v1/webhooks/{id}/test").post(webhooks::test::test),
        at("/v1/webhooks/{id}/deliveries").get(webhooks::deliveries::page),
        at("/v1/webhooks/{id}/catch-up").post(webhooks::catch_up::catch_up),
        at("/v1/webhook-deliveries/{id}/replay").post(webhooks::replay::replay),
        at("/v1/admin/crypto-orders/{order_id}/deliveries").get(admin::webhook_deliveries::of_order),
        at("/v1/admin/webhook-deliveries/{id}").get(admin::webhook_deliveries::show),
        at("/v1/admin/webhook-deliveries/{id}/replay").post(admin::webhook_deliveries::replay),
        at("/v1/admin/webhook-dlq").get(admin::webhook_dlq::page),
        at("/v1/admin/webhook-dlq/{id}/requeue").post(admin::webhook_dlq::requeue),
        at("/v1/admin/webhook-dlq/{id}/discard").post(admin::webhook_dlq::discard),
    ]
}

/// Pages for people and what belongs to them. They are no part of the API, nor of its document.
fn people() -> Vec<Place> {
    vec![
        at("/").get(gui::overview::home),
        at("/assets/admin.js").get(pages::assets::admin_script),
        at("/admin").get(gui::overview::page),
        at("/admin/idempotency").get(gui::idempotency::page),
        at("/assets/pay.js").get(pages::assets::pay_script),
        at("/pay/{token}").get(pay::show),
        at("/pay/{token}/events").get(pay::stream::events),
        at("/pay/{token}/now").get(pay::now),
        at("/admin/sign-in").get(gui::sign_in::show).post(gui::sign_in::enter),
        at("/admin/sign-out").post(gui::sign_in::leave),
        at("/admin/audit-log").get(gui::audit_log::page),
        at("/admin/attention").get(gui::attention::page),
        at("/admin/attention/{id}/resolve").post(gui::attention::resolve),
        at("/admin/dead-letters").get(gui::dead_letters::page),
        at("/admin/dead-letters/{id}/requeue").post(gui::dead_letters::requeue),
        at("/admin/dead-letters/{id}/discard").post(gui::dead_letters::discard),
        at("/admin/sweep").get(gui::sweep::page).post(gui::sweep::sweep),
        at("/admin/orders").get(gui::orders::page),
        at("/admin/orders.csv").get(gui::orders::csv),
        at("/admin/orders/{order_id}").get(gui::order::show).post(gui::order::act),
    ]
}

/// Documentation for people, but for the two pages in the table above, which the OpenAPI document has.
fn documents() -> Vec<Place> {
    let place = |address: &'static str| {
        at(address).get(move |shared: web::Data<Shared>| async move { pages::docs::answer(&shared, address) })
    };
    pages::docs::addresses().map(place).collect()
}

/// Hands the table to the server.
pub fn configure(config: &mut web::ServiceConfig) {
    for place in table().into_iter().chain(people()).chain(documents()) {
        config.service(place.resource());
    }
    config.default_service(web::to(nowhere));
}

/// What is answered where nothing lives.
async fn nowhere(request: HttpRequest) -> Result<HttpResponse, Error> {
    no_route(request.clone()).await.map_err(|error| told_to_whoever_asks(&request, error))
}

/// A refusal as people read it where the pages are, and as programs read it elsewhere.
fn told_to_whoever_asks(request: &HttpRequest, error: ApiError) -> Error {
    let mut for_people = ["/admin", "/docs", "/pay"].iter().filter_map(|place| request.path().strip_prefix(place));
    if for_people.any(|rest| rest.is_empty() || rest.starts_with('/')) { PageError(error).into() } else { error.into() }
}

/// What is answered to programs where nothing lives.
///
/// # Errors
/// Always: 404.
pub async fn no_route(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(ApiError::no_route(&request))
}
