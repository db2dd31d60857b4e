//! The provider's routes. Each says who is there, takes what was sent, and asks the world.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::domain::time::Timestamp;

use super::answer::Answer;
use super::json::Json;
use super::listing::Page;
use super::market::{self, Query};
use super::payment::QUOTED;
use super::refusal::Refusal;
use super::scenario::{Fault, Scenario};
use super::world::planned;
use super::{Pace, Simulator, bodies, control, invoice, sent, token};

impl Simulator {
    /// Mounts everything below `/simulator`.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        let provider = web::scope("/v1")
            .route("/status", web::get().to(status))
            .route("/auth", web::post().to(auth))
            .route("/balance", web::get().to(balance))
            .route("/currencies", web::get().to(currencies))
            .route("/currencies/{code}", web::get().to(currency))
            .route("/full-currencies", web::get().to(full_currencies))
            .route("/merchant/coins", web::get().to(merchant_coins))
            .route("/min-amount", web::get().to(min_amount))
            .route("/estimate", web::get().to(estimate))
            .route("/invoice", web::post().to(invoice))
            .route("/payment", web::post().to(create))
            .route("/payment", web::get().to(list))
            .route("/payment/", web::get().to(list))
            .route("/payment/{id}", web::get().to(show))
            .route("/payment/{id}/update-merchant-estimate", web::post().to(update_estimate))
            // A scope's default is not that of the scopes inside of it.
            .default_service(web::to(nothing_here));
        let scope = web::scope("/simulator")
            .app_data(web::Data::new(self.clone()))
            .service(provider)
            .configure(control::configure)
            .default_service(web::to(nothing_here));
        config.service(scope);
    }

    /// The answer to what has no route.
    pub(super) async fn nothing(&self) -> HttpResponse {
        self.answer(Refusal::path().into()).await
    }

    fn dice(&self) -> super::dice::Dice {
        self.world().dice
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

/// Who asks, and for what.
type Here = web::Data<Simulator>;

async fn nothing_here(here: Here) -> HttpResponse {
    here.nothing().await
}

async fn status(here: Here) -> HttpResponse {
    here.answer(Answer::Json(200, Json::object([("message", Json::text("OK"))]))).await
}

#[derive(Deserialize)]
struct LoginBody {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

async fn auth(here: Here, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let login = serde_json::from_str::<LoginBody>(&sent::as_json(&request, &body)).ok();
    let login = login.filter(|login| login.email.contains('@') && !login.password.is_empty());
    let token = login.map(|login| token::issue(here.dice(), &login.email, here.now()));
    let result = token.map(|token| Json::object([("token", Json::text(token))])).ok_or_else(Refusal::login);
    here.answer(Answer::of(200, result)).await
}

async fn currencies(here: Here, request: HttpRequest) -> HttpResponse {
    let result = api_key(&request).map(|_| market::currencies(&query(&request)));
    here.answer(Answer::of(200, result)).await
}

async fn currency(here: Here, request: HttpRequest, code: web::Path<String>) -> HttpResponse {
    let result = api_key(&request).and_then(|_| market::one(&code, here.dice()));
    here.answer(Answer::of(200, result)).await
}

async fn balance(here: Here, request: HttpRequest) -> HttpResponse {
    let result = api_key(&request).map(|key| {
        let world = here.world();
        market::balance(world.payments.values().filter(|payment| payment.api_key == key))
    });
    here.answer(Answer::of(200, result)).await
}

async fn invoice(here: Here, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let body = sent::as_json(&request, &body);
    let result = api_key(&request).and_then(|_| invoice::made(&mut here.world(), &body, here.now()));
    here.answer(Answer::of(201, result)).await
}

async fn full_currencies(here: Here, request: HttpRequest) -> HttpResponse {
    let result = api_key(&request).map(|_| market::full(here.dice()));
    here.answer(Answer::of(200, result)).await
}

async fn merchant_coins(here: Here, request: HttpRequest) -> HttpResponse {
    here.answer(Answer::of(200, api_key(&request).map(|_| market::selected()))).await
}

async fn min_amount(here: Here, request: HttpRequest) -> HttpResponse {
    let result = api_key(&request).and_then(|_| market::minimum(&query(&request)));
    here.answer(Answer::of(200, result)).await
}

async fn estimate(here: Here, request: HttpRequest) -> HttpResponse {
    let result = api_key(&request).and_then(|_| market::estimate(&query(&request), here.dice()));
    here.answer(Answer::of(200, result)).await
}

async fn create(here: Here, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let answer = match api_key(&request) {
        Err(refusal) => refusal.into(),
        Ok(key) => here.create(&key, &sent::as_json(&request, &body)),
    };
    here.answer(answer).await
}

impl Simulator {
    /// Makes a payment as the script has it.
    fn create(&self, api_key: &str, body: &str) -> Answer {
        let now = self.now();
        let mut world = self.world();
        let scenario = world.script.pop_front();
        let fault = scenario.and_then(Scenario::fault);
        match fault {
            Some(Fault::Hang) => return Answer::Hang,
            Some(Fault::TooMany) => return Answer::TooMany(1),
            Some(Fault::Page) => return Answer::Page,
            Some(Fault::CutAfterMaking | Fault::HangAfterMaking) | None => {}
        }
        let id = match world.create(api_key, body, now) {
            Ok(id) => id,
            Err(refusal) => return refusal.into(),
        };
        if let Some(scenario) = scenario {
            world.begin(id, &planned(scenario, Pace::AsScripted, now));
        }
        let dice = world.dice;
        match (fault, world.payments.get(&id)) {
            (Some(Fault::CutAfterMaking), _) => Answer::Cut,
            (Some(_), _) => Answer::Hang,
            (None, Some(payment)) => Answer::Json(201, bodies::created(payment, dice)),
            (None, None) => Refusal::payment().into(),
        }
    }
}

async fn show(here: Here, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    let result = api_key(&request).and_then(|key| {
        let world = here.world();
        let id: u64 = id.parse().map_err(|_| Refusal::payment())?;
        let payment = world.payments.get(&id).filter(|payment| payment.api_key == key);
        payment.map(|payment| bodies::shown(payment, world.dice)).ok_or_else(Refusal::payment)
    });
    here.answer(Answer::of(200, result)).await
}

async fn list(here: Here, request: HttpRequest) -> HttpResponse {
    let result = api_key(&request).and_then(|key| {
        let bearer = header(&request, AUTHORIZATION.as_str());
        let token = bearer.and_then(|bearer| bearer.strip_prefix("Bearer ")).unwrap_or_default();
        if !token::works(here.dice(), token, here.now()) {
            return Err(Refusal::token());
        }
        let page = Page::read(&query(&request).0)?;
        Ok(here.world().list(&key, &page))
    });
    here.answer(Answer::of(200, result)).await
}

/// Prices never move here, so the estimate stays what it was, and only lives longer.
async fn update_estimate(here: Here, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    let result = api_key(&request).and_then(|key| {
        let world = here.world();
        let id: u64 = id.parse().map_err(|_| Refusal::payment())?;
        let payment = world.payments.get(&id).filter(|payment| payment.api_key == key);
        let payment = payment.ok_or_else(Refusal::payment)?;
        let first = payment.created_at.after(QUOTED);
        let until = if here.now() < first { first } else { here.now().after(QUOTED) };
        Ok(Json::object([
            ("id", Json::text(id.to_string())),
            ("token_id", Json::text(world.dice.below(9_000_000_000, "token_id", id).to_string())),
            ("pay_amount", Json::decimal(&payment.pay_amount)),
            ("expiration_estimate_date", Json::text(until.to_string())),
        ]))
    });
    here.answer(Answer::of(200, result)).await
}

/// The caller's key: any that is not blank.
fn api_key(request: &HttpRequest) -> Result<String, Refusal> {
    let key = header(request, "x-api-key").map(str::trim).filter(|key| !key.is_empty());
    key.map(str::to_owned).ok_or_else(Refusal::key)
}

fn header<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

fn query(request: &HttpRequest) -> Query {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    Query(pairs.map(web::Query::into_inner).unwrap_or_default())
}
