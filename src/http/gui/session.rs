//! Who is signed in: from the cookie of a request to an operator, by the database each time.
//!
//! So a session ends at once with its key, on every node. The cookie is out of reach of scripts, goes to this
//! service only, and by https only where the service is reached so. The rules of tokens are in
//! `domain/session.rs`. `/v1` knows nothing of cookies.

use std::net::IpAddr;

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::Method;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use askama::Template;
use serde_json::json;

use crate::clock::{fresh_uuid, random_bytes};
use crate::domain::access::{ApiKey, Permission, Tier};
use crate::domain::ids::KeyId;
use crate::domain::session::{Fresh, Presented, SESSION_LASTS, Session, SessionToken};
use crate::domain::time::Timestamp;
use crate::http::Shared;
use crate::http::address::client_ip;
use crate::http::error::ApiError;
use crate::http::extract::Operator;
use crate::http::limits::Owner;
use crate::http::pages::{AsPage, private_page};
use crate::store::changeset::AuditEntry;

use super::{GuiError, see_other};

/// Over https the prefix makes browsers refuse a cookie of this name that another host, or plain http, has set.
/// Browsers take it from this very host only, over https, for all of its paths.
const COOKIE_OF_THE_HOST: &str = "__Host-crypto-orders";
/// Browsers take it over https only. One for a part of a host's paths may not be called the host's.
const COOKIE_OVER_HTTPS: &str = "__Secure-crypto-orders";
const COOKIE: &str = "crypto-orders";

/// An operator who is signed in.
pub struct Visitor {
    /// As the admin API knows them.
    pub operator: Operator,
    /// What their key is called.
    pub key_name: String,
    /// When the page was asked for.
    pub now: Timestamp,
    session: Session,
    cookie: Option<Cookie<'static>>,
}

impl Visitor {
    /// What each of their forms must carry.
    #[must_use]
    pub fn form_token(&self) -> &str {
        &self.session.form_token
    }

    /// True if a form carries it.
    #[must_use]
    pub fn owns_form(&self, token: &str) -> bool {
        self.session.owns_form(token)
    }

    /// A page for them.
    ///
    /// # Errors
    /// 500 if it cannot be rendered.
    pub fn answer(self, page: &impl Template) -> Result<HttpResponse, GuiError> {
        self.hand(private_page(page)?)
    }

    /// A page for them that shows what was refused, with the refusal's status.
    ///
    /// # Errors
    /// 500 if it cannot be rendered.
    pub fn refuse(self, refusal: &ApiError, page: &impl Template) -> Result<HttpResponse, GuiError> {
        let mut response = self.answer(page)?;
        let problem = refusal.problem();
        *response.status_mut() = problem.status;
        response.extensions_mut().insert(AsPage);
        response.extensions_mut().insert(problem);
        Ok(response)
    }

    /// An answer for them, with the cookie that their session has from here on.
    ///
    /// # Errors
    /// 500 if the cookie cannot be written.
    pub fn hand(self, mut response: HttpResponse) -> Result<HttpResponse, GuiError> {
        if let Some(cookie) = &self.cookie {
            response.add_cookie(cookie).map_err(|error| ApiError::Broken(error.to_string().into()))?;
        }
        Ok(response)
    }
}

impl Shared {
    /// Who asks for a page.
    ///
    /// # Errors
    /// To the door if nobody is signed in; 429 or 503.
    pub async fn visitor(&self, request: &HttpRequest) -> Result<Visitor, GuiError> {
        let uri = request.uri();
        let door =
            || GuiError::SignInRequired(uri.path_and_query().map_or(uri.path(), |asked| asked.as_str()).to_owned());
        self.authenticate(request).await?.ok_or_else(door)
    }

    /// Who sends a form: its address is none to come back to.
    pub(super) async fn sender(&self, request: &HttpRequest) -> Result<Visitor, GuiError> {
        self.authenticate(request).await?.ok_or_else(|| GuiError::SignInRequired("/admin".to_owned()))
    }

    /// Begins a session of a key, in the place of the one that the browser has; the cookie that opens it.
    ///
    /// # Errors
    /// 503 if it cannot be stored.
    pub(super) async fn begin_session(
        &self,
        request: &HttpRequest,
        address: IpAddr,
        key: KeyId,
    ) -> Result<Cookie<'static>, ApiError> {
        let now = self.clock.now();
        if let Some((before, _)) = self.session_of(request).await? {
            self.store.session_end(before.id).await?;
        }
        let [token, form_token] = [random_bytes(), random_bytes()].map(SessionToken::new);
        let fresh = Fresh { id: fresh_uuid(now), token, form_token };
        let session = Session::begin(&fresh, key, now);
        let cookie = self.cookie(&fresh.token, &session, now);
        let audit = AuditEntry {
            actor: Some(key),
            action: "operator.signed_in",
            target: key.to_string(),
            input: "{}".to_owned(),
            result: json!({ "expires_at": session.expires_at }).to_string(),
            ip: Some(address.to_string()),
            at: now,
        };
        self.store.session_insert(session, audit).await?;
        Ok(cookie)
    }

    /// Ends the session of a visitor: back to the door, without the cookie.
    ///
    /// # Errors
    /// 503 if it cannot be ended.
    pub(super) async fn end_session(&self, visitor: &Visitor) -> Result<HttpResponse, ApiError> {
        self.store.session_end(visitor.session.id).await?;
        let mut gone = self.with_attributes(Cookie::new(self.cookie_name(), ""));
        gone.set_max_age(Duration::ZERO);
        let mut response = see_other("/admin/sign-in");
        response.add_cookie(&gone).map_err(|error| ApiError::Broken(error.to_string().into()))?;
        Ok(response)
    }

    async fn authenticate(&self, request: &HttpRequest) -> Result<Option<Visitor>, ApiError> {
        let Some(hash) = self.shown(request) else { return Ok(None) };
        let now = self.clock.now();
        let Some((session, key)) = self.store.session_by_token(hash.clone()).await? else { return Ok(None) };
        let presented = session.presented(&hash, now);
        if presented == Presented::Refused || !may_operate(&key, now) {
            return Ok(None);
        }
        self.take_token(request, &key).await?;
        let cookie = match presented {
            // A form may be sent again with the same cookie, and its answer leads on: pages replace tokens.
            Presented::Due if request.method() == Method::GET => self.replace(&session, hash, now).await?,
            Presented::Confirmed => {
                self.store.session_confirm(session.id, hash).await?;
                None
            }
            Presented::Due | Presented::Good | Presented::Refused => None,
        };
        let ip = client_ip(request, &self.settings.trusted_proxies).map(|ip| ip.to_string());
        let operator = Operator { key_id: key.id, ip };
        Ok(Some(Visitor { operator, key_name: key.name, now, session, cookie }))
    }

    /// A new token in the place of the one that was shown; none if another request was faster.
    async fn replace(
        &self,
        session: &Session,
        shown: String,
        now: Timestamp,
    ) -> Result<Option<Cookie<'static>>, ApiError> {
        let token = SessionToken::new(random_bytes());
        let rotated =
            Session { token_hash: token.hash(), prev_token_hash: Some(shown), rotated_at: now, ..session.clone() };
        let cookie = self.cookie(&token, &rotated, now);
        let replaced = self.store.session_rotate(session.token_hash.clone(), rotated).await?;
        Ok(replaced.then_some(cookie))
    }

    /// The hash of the token that a request shows, if it shows one.
    fn shown(&self, request: &HttpRequest) -> Option<String> {
        let cookie = request.cookie(self.cookie_name())?;
        SessionToken::parse(cookie.value()).map(|token| token.hash())
    }

    async fn session_of(&self, request: &HttpRequest) -> Result<Option<(Session, ApiKey)>, ApiError> {
        let Some(hash) = self.shown(request) else { return Ok(None) };
        Ok(self.store.session_by_token(hash).await?)
    }

    /// Pages draw from the bucket that the key's requests to the API draw from.
    async fn take_token(&self, request: &HttpRequest, key: &ApiKey) -> Result<(), ApiError> {
        let account = match key.account_id {
            Some(id) => self.store.account_load(id).await?,
            None => None,
        };
        let (owner, tier) = match account {
            Some(account) => (Owner::Account(account.id), account.tier),
            None => (Owner::Operator(key.id), Tier::Enterprise),
        };
        let Some(taken) = self.limits.take(tier, owner) else { return Ok(()) };
        request.extensions_mut().insert(taken.standing);
        match taken.refused_for_seconds {
            Some(retry_after_seconds) => Err(ApiError::RateLimited { tier, retry_after_seconds }),
            None => Ok(()),
        }
    }

    fn cookie(&self, token: &SessionToken, session: &Session, now: Timestamp) -> Cookie<'static> {
        let mut cookie = self.with_attributes(Cookie::new(self.cookie_name(), token.reveal().to_owned()));
        let left = session.expires_at.since(now).min(SESSION_LASTS);
        cookie.set_max_age(Duration::milliseconds(left.as_millis()));
        cookie
    }

    fn with_attributes(&self, mut cookie: Cookie<'static>) -> Cookie<'static> {
        cookie.set_http_only(true);
        cookie.set_same_site(SameSite::Lax);
        cookie.set_path(self.prefix.cookie_path().to_owned());
        cookie.set_secure(self.is_reached_by_https());
        cookie
    }

    fn cookie_name(&self) -> &'static str {
        match (self.is_reached_by_https(), self.prefix.is_root()) {
            (true, true) => COOKIE_OF_THE_HOST,
            (true, false) => COOKIE_OVER_HTTPS,
            (false, _) => COOKIE,
        }
    }

    fn is_reached_by_https(&self) -> bool {
        self.settings.public_url.starts_with("https://")
    }
}

/// A key that still opens the operators' pages.
pub(super) fn may_operate(key: &ApiKey, now: Timestamp) -> bool {
    key.revoked_at.is_none() && !key.has_expired(now) && key.may(Permission::Operate)
}
