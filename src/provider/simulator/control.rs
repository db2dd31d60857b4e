//! How somebody outside directs the play: who pays, how, and what becomes of the next creation.
//!
//! No key is asked for: whoever reaches the simulator may pay with money that is worth nothing.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::answer::Answer;
use super::json::Json;
use super::scenario::{Place, Scenario};
use super::{NoPlan, Pace, Plan, Simulator, Target};

/// Where it is mounted.
pub const PATH: &str = "/simulator";

/// Mounts the routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/pay", web::post().to(pay))
        .route("/next", web::post().to(next))
        .route("/payments/{id}", web::get().to(watch));
}

#[derive(Deserialize)]
struct Pay {
    order: Option<String>,
    payment: Option<String>,
    scenario: String,
    #[serde(default)]
    instantly: bool,
}

async fn pay(here: web::Data<Simulator>, body: web::Bytes) -> HttpResponse {
    let answer = match serde_json::from_slice::<Pay>(&body) {
        Err(error) => wrong(400, &format!("The body is not {{\"order\": …, \"scenario\": …}}: {error}.")),
        Ok(wanted) => here.begin(&wanted),
    };
    here.answer(answer).await
}

impl Simulator {
    fn begin(&self, wanted: &Pay) -> Answer {
        let Some(scenario) = Scenario::parse(&wanted.scenario) else { return unknown_scenario(&wanted.scenario) };
        let target = match (&wanted.order, wanted.payment.as_deref().map(str::parse)) {
            (Some(order), None) => Target::Order(order),
            (None, Some(Ok(id))) => Target::Payment(id),
            (None, Some(Err(_))) => return wrong(404, "There is no such payment."),
            (Some(_), Some(_)) | (None, None) => return wrong(400, "Name either order or payment."),
        };
        let pace = if wanted.instantly { Pace::Instantly } else { Pace::AsScripted };
        match self.pay(target, scenario, pace) {
            Ok(plan) => Answer::Json(200, plan.shown()),
            Err(NoPlan::Unknown) => wrong(404, "The simulator made no such payment, or none for this order."),
            Err(NoPlan::OfCreation) => {
                wrong(422, "The scenario is about the creation of a payment: send it to /simulator/next.")
            }
        }
    }
}

impl Plan {
    /// What will happen, for the one who asked.
    fn shown(&self) -> Json {
        let step = |planned: &super::Planned| {
            let millis = planned.at.since(self.from).as_millis();
            let place = match planned.step.place {
                Place::Payment => "payment",
                Place::Rest => "top-up",
                Place::Stray => "other coin",
            };
            Json::object([
                ("after_ms", Json::Number(millis.to_string())),
                ("payment_status", Json::text(planned.step.word)),
                ("received_percent", Json::whole(u64::from(planned.step.percent))),
                ("arrives_in", Json::text(place)),
            ])
        };
        Json::object([
            ("payment_id", Json::text(self.payment.to_string())),
            ("scenario", Json::text(self.scenario.as_str())),
            ("from", Json::text(self.from.to_string())),
            ("steps", Json::List(self.steps.iter().map(step).collect())),
        ])
    }
}

#[derive(Deserialize)]
struct Next {
    scenario: String,
}

async fn next(here: web::Data<Simulator>, body: web::Bytes) -> HttpResponse {
    let answer = match serde_json::from_slice::<Next>(&body) {
        Err(error) => wrong(400, &format!("The body is not {{\"scenario\": …}}: {error}.")),
        Ok(wanted) => match Scenario::parse(&wanted.scenario) {
            None => unknown_scenario(&wanted.scenario),
            Some(scenario) => {
                here.script_next(scenario);
                Answer::Json(200, Json::object([("scenario", Json::text(scenario.as_str()))]))
            }
        },
    };
    here.answer(answer).await
}

/// A payment as it stands, what is still ahead, and which IPNs were sent.
async fn watch(here: web::Data<Simulator>, id: web::Path<String>) -> HttpResponse {
    let id = id.parse().unwrap_or_default();
    let known = here.world().payments.get(&id).map(|payment| payment.word);
    let answer = match known {
        None => wrong(404, "There is no such payment."),
        Some(word) => {
            let ahead = here.world().ahead_of(id);
            let told = here.told().into_iter().filter(|told| told.payment == id).map(|told| {
                let answer = told.answer.map_or(Json::Null, |status| Json::whole(u64::from(status)));
                let at = Json::text(told.at.to_string());
                Json::object([("at", at), ("payment_status", Json::text(told.word)), ("answer", answer)])
            });
            Answer::Json(
                200,
                Json::object([
                    ("payment_id", Json::text(id.to_string())),
                    ("payment_status", Json::text(word)),
                    ("ahead", Json::Number(ahead.to_string())),
                    ("told", Json::List(told.collect())),
                ]),
            )
        }
    };
    here.answer(answer).await
}

fn unknown_scenario(name: &str) -> Answer {
    let known = Scenario::ALL.map(Scenario::as_str).join(", ");
    wrong(422, &format!("There is no scenario {name}; there are {known}."))
}

fn wrong(status: u16, detail: &str) -> Answer {
    let body = Json::object([("status", Json::whole(u64::from(status))), ("detail", Json::text(detail))]);
    Answer::Json(status, body)
}
