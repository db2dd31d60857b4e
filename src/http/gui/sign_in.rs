//! `/admin/sign-in` and `/admin/sign-out`: an operator's key opens a session, and its owner ends it.
//!
//! The form has no token, because there is no session yet whose it could be: where it stood decides. The key is looked up as the API looks it up; the page never says more than the API would. Every attempt
//! passes the limiter first.

use std::net::IpAddr;

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde_json::json;

use crate::domain::access::{Permission, PlaintextKey};
use crate::http::address::client_address;
use crate::http::error::{ApiError, FormRefusal, KeyRefusal};
use crate::http::pages::{AsPage, PageError, private_page};
use crate::http::query::Query;
use crate::http::{Shared, body};
use crate::store::changeset::AuditEntry;

use super::form::{Form, Submission};
use super::session::may_operate;
use super::{GuiError, see_other};

const KEY_CHARS_MAX: usize = 200;
/// How long the form may take to arrive: nobody is known yet who sends it.
const FORM_SECONDS_MAX: u64 = 10;
const ADDRESS_CHARS_MAX: usize = 4_096;

#[derive(Template)]
#[template(path = "sign_in.html", config = "src/http/pages/askama.toml")]
struct SignIn<'a> {
    next: &'a str,
    refused: Option<String>,
}

/// `GET /admin/sign-in`.
pub async fn show(request: HttpRequest) -> Result<HttpResponse, PageError> {
    let query = Query::of(&request)?;
    Ok(private_page(&SignIn { next: own(query.get("next")), refused: None })?)
}

/// `POST /admin/sign-in`.
pub async fn enter(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, PageError> {
    shared.from_our_page(&request)?;
    let address = client_address(&request, &shared.settings.trusted_proxies);
    shared.sign_in_limiter.admit(address).map_err(|seconds| ApiError::Form(FormRefusal::TooManyTries(seconds)))?;
    let form = body::within(FORM_SECONDS_MAX, Form::read(&request, payload)).await?;
    let next = form.text("next", ADDRESS_CHARS_MAX)?;
    let next = own(next.as_deref());
    match admitted(&shared, &request, address, form.text("key", KEY_CHARS_MAX)?.as_deref()).await {
        Ok(cookie) => {
            let mut response = see_other(next);
            response.add_cookie(&cookie).map_err(|error| ApiError::Broken(error.to_string().into()))?;
            Ok(response)
        }
        Err(error) if error.problem().status.is_client_error() => {
            tracing::warn!(ip = %address, reason = %error, "a sign-in was refused");
            shared.audit_refusal(address, &error).await;
            let refused = Some(error.to_string());
            let mut response = private_page(&SignIn { next, refused })?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            response.extensions_mut().insert(AsPage);
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /admin/sign-out`.
pub async fn leave(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, GuiError> {
    let Submission { visitor, .. } = shared.submission(&request, payload).await?;
    Ok(shared.end_session(&visitor).await?)
}

/// The cookie of a new session, if this is the key of an operator.
async fn admitted(
    shared: &Shared,
    request: &HttpRequest,
    address: IpAddr,
    key: Option<&str>,
) -> Result<Cookie<'static>, ApiError> {
    let Some(text) = key else { return Err(ApiError::BadRequest("Enter the API key of an operator.".into())) };
    let plaintext = PlaintextKey::parse(text).ok_or(ApiError::Key(KeyRefusal::Unknown))?;
    let verified = shared.keyring.verify_key(&plaintext).await?;
    if !may_operate(&verified.key, shared.clock.now()) {
        return Err(ApiError::ScopeMissing(Permission::Operate.named()));
    }
    shared.begin_session(request, address, verified.key.id).await
}

impl Shared {
    /// Puts a refused sign-in on the audit log, as far as those have room there. A stranger is refused all the same if
    /// it cannot be written.
    async fn audit_refusal(&self, address: IpAddr, reason: &ApiError) {
        let Some(unlisted) = self.refused_sign_ins.admit() else { return };
        let entry = AuditEntry {
            actor: None,
            action: "operator.sign_in_refused",
            target: "/admin/sign-in".to_owned(),
            input: "{}".to_owned(),
            result: json!({ "reason": reason.to_string(), "unlisted_before": unlisted }).to_string(),
            ip: Some(address.to_string()),
            at: self.clock.now(),
        };
        if let Err(error) = self.store.audit_write(entry).await {
            tracing::warn!(%error, "a refused sign-in could not be put on the audit log");
        }
    }
}

/// Where to go afterwards: a page of ours, or the first one. Anything else would let a link lead elsewhere.
fn own(next: Option<&str>) -> &str {
    let ours = next.filter(|next| {
        let rest = next.strip_prefix("/admin").filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        rest.is_some() && plain && !next.starts_with("/admin/sign-")
    });
    ours.unwrap_or("/admin")
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn nobody_is_led_elsewhere_after_signing_in() {
        for ours in ["/admin", "/admin/orders?status=paid&search=a%20b", "/admin?x=1"] {
            assert_eq!(own(Some(ours)), ours);
        }
        for other in [
            "/admin/\u{1}",
            "/admin/\u{e9}",
            "//evil.example",
            "https://evil.example/admin",
            "/adminx",
            "/admin\\..",
            "/v1/x",
            "",
            "/admin/sign-out",
        ] {
            assert_eq!(own(Some(other)), "/admin", "{other}");
        }
        assert_eq!(own(None), "/admin");
    }
}
