//! What the forms of an order's page do: each is the admin API's own function, with its rules and its audit row.
//!
//! Whoever moves or annotates an order from its page has decided by what that showed. So those forms carry the
//! order's last change, and are refused if there was another since.

use serde_json::Value;

use crate::domain::evidence::Outcome;
use crate::domain::ids::{AttentionId, DeliveryId, OrderId};
use crate::domain::order::FailureReason;
use crate::domain::webhook::resend::Wish;
use crate::http::Shared;
use crate::http::admin::{accept, apply_ipn, attention, internal_note, sweep, top_up, webhook_deliveries};
use crate::http::error::{ApiError, DeliveryRefusal, FormRefusal};
use crate::http::extract::Operator;
use crate::http::fields::Fields;
use crate::http::gui::form::Form;
use crate::http::webhooks::deliveries::malformed_id;

use super::facts::Facts;

/// Does what a form asks for; answers the word under which the page tells of it.
///
/// # Errors
/// 400, 404, 409 or 503.
pub async fn perform(shared: &Shared, operator: &Operator, id: OrderId, form: &Form) -> Result<&'static str, ApiError> {
    // An item and a delivery are judged by their own state; nothing else is decided without the order.
    if !matches!(form.raw("act"), "resolve" | "resend") {
        is_as_seen(shared, id, form).await?;
    }
    let fields = |names: &[&str]| Fields::new(form.object(names));
    match form.raw("act") {
        "replay" => {
            let mut said = form.object(&["payment_id", "provider_status", "reason"]);
            said.insert("force".to_owned(), Value::Bool(form.raw("force") == "yes"));
            let heard = apply_ipn::replay(shared, operator, id, Fields::new(said)).await?;
            Ok(if heard.outcome == Outcome::Applied { "ipn-applied" } else { "ipn-unmoved" })
        }
        "accept" => {
            accept::settle(shared, operator, id, fields(&["reason", "payment_id"])).await?;
            Ok("accepted")
        }
        "rest" => {
            top_up::ask_for_rest(shared, operator, id, fields(&["reason"])).await?;
            Ok("rest-asked")
        }
        "expire" => {
            let order = sweep::sweep_one(shared, operator, id).await?;
            Ok(if order.failure_reason() == Some(FailureReason::Swept) { "expired" } else { "not-expired" })
        }
        "note" => {
            let mut note = form.object(&["internal_note"]);
            // A form sends an empty note as nothing, and means that there is to be none.
            note.entry("internal_note").or_insert(Value::Null);
            internal_note::write(shared, operator, id, Fields::new(note)).await?;
            Ok("note-saved")
        }
        "resolve" => resolved(shared, operator, id, form).await,
        "resend" => resent(shared, operator, id, form).await,
        _ => Err(ApiError::BadRequest("The form asks for nothing that this page knows.".into())),
    }
}

/// Refuses a form if the order has changed since its page was shown.
///
/// This is looked up right before the deed, not within it: the commands of the order's actor are the API's, which
/// shows no page. What comes in the moment between is judged by the rules of the deed alone.
async fn is_as_seen(shared: &Shared, id: OrderId, form: &Form) -> Result<(), ApiError> {
    let order = shared.store.order_load(id).await?.ok_or_else(|| ApiError::NoSuchOrder(id.to_string()))?;
    if form.raw("seen") == order.updated_at.millis().to_string() {
        Ok(())
    } else {
        Err(ApiError::Form(FormRefusal::Outdated))
    }
}

/// Only an item of this very order: the page is about no other.
async fn resolved(shared: &Shared, operator: &Operator, id: OrderId, form: &Form) -> Result<&'static str, ApiError> {
    let malformed = || ApiError::BadRequest("Invalid id format. Expected \"att_<uuid>\".".into());
    let item = AttentionId::parse(form.raw("item")).ok_or_else(malformed)?;
    if !Facts::read(shared, id).await?.has_item(item) {
        return Err(ApiError::NoSuchAttention(item));
    }
    attention::dispose(shared, operator.clone(), item, Fields::new(form.object(&["note"]))).await?;
    Ok("resolved")
}

async fn resent(shared: &Shared, operator: &Operator, id: OrderId, form: &Form) -> Result<&'static str, ApiError> {
    let delivery = DeliveryId::parse(form.raw("item")).ok_or_else(malformed_id)?;
    if !Facts::read(shared, id).await?.has_delivery(delivery) {
        return Err(DeliveryRefusal::NotFound(delivery).into());
    }
    webhook_deliveries::wished(shared, (operator.clone(), Wish::Replay), delivery).await?;
    Ok("replayed")
}

/// What a refusal says, sentence by sentence.
pub fn sentences(refusal: &ApiError) -> Vec<String> {
    let problem = refusal.problem();
    match problem.extensions.issues {
        Some(issues) => issues.field_errors.into_values().flatten().chain(issues.form_errors).collect(),
        None => vec![problem.detail.into_owned()],
    }
}
