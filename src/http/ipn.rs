//! `POST /v1/webhooks/nowpayments`: the provider reports on a payment.
//!
//! No bearer and no bucket: the signature is the credential. The checks come in the contract's order
//! (section 5), and nothing of an unverified body reaches the commit queue; refused bodies are kept apart
//! for the doctor. 200 is said only after everything is durable, so that the provider sends again what
//! might be lost; that is why every failure past the checks is a 503. The story goes on in
//! `actors/intake.rs`.

mod lane;

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::header::HeaderName;
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::actors::order::Told;
use crate::domain::evidence::{Outcome, Ownership};
use crate::domain::order::StatusName;
use crate::provider::IpnRefusal;
use crate::provider::canonical::Form;
use crate::provider::signature::{Verified, Verifier};
use crate::provider::wire::{Ipn, Notice};
use crate::store::RefusedIpn;
use crate::store::changeset::ReceivedIpn;

use super::address::{client_address, client_ip};
use super::error::ApiError;
use super::openapi::problems::{self, example};
use super::openapi::samples;
use super::openapi::schemas::{Amount, ParentId, ProviderId};
use super::problem::ProblemDocument;
use super::{Shared, answer, body};
use lane::Lane;

const SIGNATURE: HeaderName = HeaderName::from_static("x-nowpayments-sig");
/// How long a body may take to arrive.
const BODY_SECONDS_MAX: u64 = 2;
/// How long the whole may take: the provider gives up after three seconds.
const ANSWER_MILLIS_MAX: u64 = 2_800;
/// How many verified IPNs may wait for their commit; forgeries never come here.
const VERIFIED_MAX: usize = 1_024;
/// How much of a refused body is kept.
const REFUSED_BYTES_MAX: usize = 4_096;

/// The way in for IPNs: the secrets, and bounds of its own.
pub struct Gate {
    /// None while no secret is configured: then the route does not exist.
    verifier: Option<Verifier>,
    arriving: Lane,
    verified: Semaphore,
}

impl Gate {
    /// Opens the way to whoever signs with one of these secrets, newest first.
    #[must_use]
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        Self { verifier: Verifier::new(secrets), arriving: Lane::new(), verified: Semaphore::new(VERIFIED_MAX) }
    }
}

/// Said only once the report is durable.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IpnReceipt)]
struct Receipt {
    received: bool,
    /// Where the order stands now; null if there is none, which operators are told, or if no payment is meant.
    #[schema(required = true, value_type = Option<StatusName>)]
    order_state: Option<&'static str>,
}

/// What the provider reports; further fields are kept and not looked at.
#[derive(ToSchema)]
#[schema(example = json!(samples::ipn()))]
#[expect(dead_code, reason = "the document shows its shape; `provider/wire.rs` reads it from the signed bytes")]
struct IpnBody {
    payment_id: ProviderId,
    /// The provider's word for where the payment stands; one that is not known moves nothing and is raised.
    #[schema(pattern = r"\S")]
    payment_status: String,
    /// The order's id, as it was told at the payment's creation; what is none of ours matches no order.
    #[schema(value_type = Option<serde_json::Value>)]
    order_id: Option<String>,
    /// Of a further deposit: the payment for which the order was made.
    parent_payment_id: Option<ParentId>,
    /// The price in major units.
    price_amount: Option<Amount>,
    /// In any case.
    price_currency: Option<String>,
    /// What is owed, in the coin.
    pay_amount: Option<Amount>,
    /// What arrived, in the coin.
    actually_paid: Option<Amount>,
    /// The coin's code, in any case.
    #[schema(pattern = "^[0-9A-Za-z_-]{1,32}$")]
    pay_currency: Option<String>,
    /// When the provider knew, in ISO-8601 or as milliseconds; what is neither is left aside.
    #[schema(value_type = Option<serde_json::Value>)]
    updated_at: Option<String>,
}

/// Takes the provider's report of a payment.
///
/// No key is asked for: the signature is the credential. 200 is said only after the report and what it
/// did are durable; whatever else happens past the checks is a 503, so that the provider sends again.
/// A report that was seen before, in whatever spelling, is counted and changes nothing. What the provider signs about
/// something else than a payment (a payout, a subscription, a transfer: neither `payment_id` nor `payment_status`) is
/// kept and counted.
#[utoipa::path(post, path = "/v1/webhooks/nowpayments", operation_id = "receive_ipn", tag = "Provider",
    params(("x-nowpayments-sig" = String, Header, pattern = "^[0-9A-Fa-f]{128}$", example = json!("0".repeat(128)),
        description = "HMAC-SHA512 of the body with the IPN secret, in hex of any case. Signed is the raw body or \
            its canonical form with sorted keys.")),
    request_body = IpnBody,
    responses(
        (status = 200, description = "Durable.", body = Receipt),
        (status = 400, description = "The body is empty, not complete within 2 seconds, repeats a key or lacks a field.",
            body = ProblemDocument, example = json!(example(&problems::ipn_without_fields()))),
        (status = 401, description = "There is no signature, or it is not the provider's.", body = ProblemDocument,
            example = json!(example(&problems::ipn_not_signed()))),
        (status = 404, description = "This service has no IPN secret yet.", body = ProblemDocument,
            example = json!(example(&problems::ipn_not_configured()))),
    ),
)]
pub async fn receive(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let Some(verifier) = &shared.gate.verifier else { return Err(ApiError::no_route(&request)) };
    let in_time = timeout(Duration::from_millis(ANSWER_MILLIS_MAX), async {
        let address = client_address(&request, &shared.settings.trusted_proxies);
        let body = arrived(&request, payload, &shared.gate, address).await?;
        let signature = request.headers().get(SIGNATURE).ok_or(NO_SIGNATURE)?;
        match read(verifier, signature.as_bytes(), &body) {
            Ok(read) => {
                shared.gate.arriving.remember(address);
                settle(&shared, read, &body).await
            }
            Err(refusal) => {
                keep_refused(&shared, &request, &body, refusal);
                Err(ApiError::Ipn(refusal))
            }
        }
    });
    in_time.await.unwrap_or(Err(ApiError::Busy("an IPN was not stored in time")))
}

const NO_SIGNATURE: ApiError = ApiError::Unauthorized("x-nowpayments-sig header missing.");

/// The whole body of a request that at least claims to be signed.
async fn arrived(request: &HttpRequest, payload: Payload, gate: &Gate, address: IpAddr) -> Result<Bytes, ApiError> {
    if !request.headers().contains_key(SIGNATURE) {
        return Err(NO_SIGNATURE);
    }
    let _place = gate.arriving.enter(address).ok_or(ApiError::Busy("bodies of IPNs"))?;
    let body = body::within(BODY_SECONDS_MAX, body::read(request, payload)).await?;
    if body.is_empty() { Err(ApiError::BadRequest("Empty request body.".into())) } else { Ok(body) }
}

/// A verified body with how it was verified.
struct Read {
    notice: Notice,
    form: Form,
    secret: usize,
}

fn read(verifier: &Verifier, signature: &[u8], body: &[u8]) -> Result<Read, IpnRefusal> {
    let verified = verifier.verify(signature, body)?;
    let notice = Notice::read(&verified)?;
    let Verified { form, secret, .. } = verified;
    Ok(Read { notice, form, secret })
}

/// Has a report judged and stored, whether or not an order is found; what is about no payment is only stored.
async fn settle(shared: &Shared, read: Read, body: &Bytes) -> Result<HttpResponse, ApiError> {
    let _permit = shared.gate.verified.try_acquire().map_err(|_| ApiError::Busy("verified IPNs"))?;
    let Read { notice, form, secret } = read;
    if form != Form::Raw {
        tracing::warn!(form = form.as_str(), "an IPN verified only in a rewritten form");
    }
    let received = |ipn: Option<&Ipn>, content_sha256: String| ReceivedIpn {
        order_id: None,
        payment_id: ipn.map(|ipn| ipn.evidence.payment_id.clone()),
        payment_status: ipn.map(|ipn| ipn.payment_status().to_owned()).unwrap_or_default(),
        verified_form: form.as_str(),
        verified_secret: secret,
        outcome: if ipn.is_some() { Outcome::Unmatched } else { Outcome::Other },
        body_sha256: HEXLOWER.encode(&Sha256::digest(body)),
        content_sha256,
        raw_body: body.to_vec(),
        received_at: shared.clock.now(),
    };
    let state = match notice {
        Notice::Payment(ipn) => {
            let received = Some(received(Some(&ipn), ipn.content_sha256()));
            let Ipn { evidence, order } = *ipn;
            let told = Told { evidence, ipn: received, operation: None, ownership: Ownership::Free, overruled: None };
            shared.intake.take(told, order).await
        }
        Notice::Other(content) => shared.intake.keep(received(None, content)).await.map(|()| None),
    };
    let state = state.map_err(ApiError::IpnNotStored)?;
    answer::ok(&Receipt { received: true, order_state: state.map(|name| name.as_str()) })
}

fn keep_refused(shared: &Shared, request: &HttpRequest, body: &Bytes, refusal: IpnRefusal) {
    tracing::warn!(%refusal, "an IPN was refused");
    shared.store.refused_ipn_keep(RefusedIpn {
        body: body.get(..REFUSED_BYTES_MAX).unwrap_or(body).to_vec(),
        reason: refusal.name(),
        ip: client_ip(request, &shared.settings.trusted_proxies).map(|ip| ip.to_string()),
        at: shared.clock.now(),
    });
}
