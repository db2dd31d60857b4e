//! What a form of ours sent: read only if a page of this very service sent it, and the session is its own.
//!
//! Two checks, because either alone has failed others: the browser's word on where the form stood (`Origin`),
//! and the session's form token in a hidden field. Lines end with a line feed, however the browser ends them.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN};
use actix_web::web::Payload;
use serde_json::{Map, Value};
use url::Url;

use crate::http::error::{ApiError, FormRefusal};
use crate::http::query::Query;
use crate::http::{Shared, body};

use super::Turned;
use super::session::Visitor;

/// The fields of a form.
pub struct Form(Query);

/// A form and who sent it.
pub struct Submission {
    /// The operator.
    pub visitor: Visitor,
    /// What they sent.
    pub form: Form,
}

impl Shared {
    /// A form of an operator who is signed in.
    ///
    /// # Errors
    /// To the door if nobody is; 403 if the form did not come from a page of ours; 400, 413, 415, 429 or 503.
    pub async fn submission(&self, request: &HttpRequest, payload: Payload) -> Result<Submission, Turned> {
        self.from_our_page(request)?;
        let visitor = self.sender(request).await?;
        let form = Form::read(request, payload).await?;
        if !form.0.get("token").is_some_and(|token| visitor.owns_form(token)) {
            return Err(ApiError::Form(FormRefusal::Strange).into());
        }
        Ok(Submission { visitor, form })
    }

    /// Refuses a form that stood on somebody else's page.
    pub fn from_our_page(&self, request: &HttpRequest) -> Result<(), ApiError> {
        let headers = request.headers();
        let Some(origin) = text(headers, &ORIGIN) else { return Err(ApiError::Form(FormRefusal::Strange)) };
        // As browsers spell it: without the usual port, in lower case.
        let own = Url::parse(&self.settings.public_url).map(|url| url.origin().ascii_serialization());
        // Behind a proxy that rewrites nothing, or on a machine with several names, the host that was asked counts.
        let asked = text(headers, &HOST)
            .is_some_and(|host| ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(host)));
        if asked || own.is_ok_and(|own| own == origin) { Ok(()) } else { Err(ApiError::Form(FormRefusal::Strange)) }
    }
}

impl Form {
    /// Reads the body of a form.
    ///
    /// # Errors
    /// 400, 413 or 415.
    pub async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, ApiError> {
        let kind = text(request.headers(), &CONTENT_TYPE).and_then(|kind| kind.split(';').next());
        if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
            return Err(ApiError::BadRequest("A form must be sent as application/x-www-form-urlencoded.".into()));
        }
        let bytes = body::read(request, payload).await?;
        let text = str::from_utf8(&bytes).map_err(|_| ApiError::BadRequest("The form must be UTF-8.".into()))?;
        Query::parse(text).map(Self)
    }

    /// A field just as it was sent; nothing where it was not.
    #[must_use]
    pub fn raw(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default()
    }

    /// The fields of these names as a body of the API has them: without the blanks around them, with plain ends of
    /// lines, and what is left empty is not there.
    #[must_use]
    pub fn object(&self, names: &[&str]) -> Map<String, Value> {
        let filled = names.iter().map(|name| (*name, self.raw(name).replace("\r\n", "\n").trim().to_owned()));
        let filled = filled.filter(|(_, text)| !text.is_empty());
        filled.map(|(name, text)| (name.to_owned(), Value::String(text))).collect()
    }

    /// A field as it was sent, but for its ends of lines and the blanks around it; none if nothing is left.
    ///
    /// # Errors
    /// 400 if it is longer than `max` characters or has a NUL.
    pub fn text(&self, name: &str, max: usize) -> Result<Option<String>, ApiError> {
        let text = self.0.get(name).unwrap_or_default().replace("\r\n", "\n");
        let text = text.trim();
        if text.chars().count() > max {
            return Err(ApiError::BadRequest(format!("{name} must be at most {max} characters.").into()));
        }
        if text.contains('\0') {
            return Err(ApiError::BadRequest(format!("{name} must not contain NUL characters.").into()));
        }
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    /// All values of a field that may be there several times.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.pairs().filter(move |(known, _)| *known == name).map(|(_, value)| value)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
