//! The problem document of RFC 9457: its slugs, its fields, its bytes.
//!
//! Which error becomes which problem is said in `error.rs`; `frame.rs` writes the document, because only
//! there the request id is known.

use std::borrow::Cow;
use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong with a body, field by field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Issues {
    /// Per field, every sentence.
    pub field_errors: BTreeMap<&'static str, Vec<String>>,
    /// What concerns no single field.
    pub form_errors: Vec<String>,
}

/// An error as the wire shows it, but for the request id, which `frame.rs` knows.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// The last part of its type.
    pub slug: &'static str,
    /// The slug in words.
    pub title: &'static str,
    /// The sentence for the client.
    pub detail: Cow<'static, str>,
    /// What it says beside these.
    pub extensions: Extensions,
    /// The `Allow` header of a 405.
    pub allow: Option<String>,
    /// What happened inside, for the log only.
    pub cause: Option<String>,
}

/// What some problems say beside the usual fields.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Extensions {
    /// What is wrong with the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub issues: Option<Issues>,
    /// What kind of thing is to blame for a conflict.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub resource: Option<&'static str>,
    /// Which field is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub field: Option<&'static str>,
    /// The longest body that is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub limit_bytes: Option<usize>,
    /// After how long a retry is worth it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after_seconds: Option<u64>,
}

/// An error as RFC 9457 has it; what some problems say besides stands flat beside these five.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument<'a> {
    /// Which problem it is, as a URL.
    #[schema(pattern = "^https://errors.driftstack.dev/[a-z-]+$", example = "https://errors.driftstack.dev/not-found")]
    r#type: String,
    /// The problem in words.
    #[schema(example = "Not Found")]
    title: &'a str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    status: u16,
    /// What is wrong, and what would be right.
    #[schema(example = "No crypto order with id \"ord_x\".")]
    detail: &'a str,
    /// The request id.
    #[schema(example = "0190a5d9-6e77-4c9f-8a0b-1c2d3e4f5a6b")]
    instance: &'a str,
    #[serde(flatten)]
    extensions: &'a Extensions,
}

impl Problem {
    /// The value of `Retry-After`, where a retry helps.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.extensions.retry_after_seconds
    }

    /// The JSON document, with the request id as its instance.
    #[must_use]
    pub fn document(&self, request_id: &str) -> Vec<u8> {
        let document = ProblemDocument {
            r#type: format!("https://errors.driftstack.dev/{}", self.slug),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            instance: request_id,
            extensions: &self.extensions,
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// The problem for a refusal that the web framework made by itself.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        if status.is_server_error() {
            return internal(format!("the framework answered {status}"));
        }
        Self { status, ..plain(Slug::BadRequest, "The request could not be understood.") }
    }
}

/// The slugs of contract section 1, each with its usual status and its title.
#[derive(Debug, Clone, Copy)]
pub enum Slug {
    BadRequest,
    ValidationFailed,
    Unauthorized,
    InvalidKey,
    RevokedKey,
    ExpiredKey,
    Forbidden,
    NotFound,
    Conflict,
    MethodNotAllowed,
    IdempotencyMismatch,
    PayloadTooLarge,
    RateLimited,
    Internal,
    FeatureUnavailable,
}

impl Slug {
    fn row(self) -> (&'static str, Kind) {
        let kind = |status, title| Kind { status, title };
        match self {
            Self::BadRequest => ("bad-request", kind(StatusCode::BAD_REQUEST, "Bad Request")),
            Self::ValidationFailed => ("validation-failed", kind(StatusCode::BAD_REQUEST, "Validation Failed")),
            Self::Unauthorized => ("unauthorized", kind(StatusCode::UNAUTHORIZED, "Unauthorized")),
            Self::InvalidKey => ("invalid-key", kind(StatusCode::UNAUTHORIZED, "Invalid API key")),
            Self::RevokedKey => ("revoked-key", kind(StatusCode::UNAUTHORIZED, "API key revoked")),
            Self::ExpiredKey => ("expired-key", kind(StatusCode::UNAUTHORIZED, "API key expired")),
            Self::Forbidden => ("forbidden", kind(StatusCode::FORBIDDEN, "Forbidden")),
            Self::NotFound => ("not-found", kind(StatusCode::NOT_FOUND, "Not Found")),
            Self::Conflict => ("conflict", kind(StatusCode::CONFLICT, "Conflict")),
            Self::MethodNotAllowed => {
                ("method-not-allowed", kind(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
            }
            Self::IdempotencyMismatch => {
                ("idempotency-mismatch", kind(StatusCode::UNPROCESSABLE_ENTITY, "Idempotency Key Reused"))
            }
            Self::PayloadTooLarge => ("payload-too-large", kind(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large")),
            Self::RateLimited => ("rate-limited", kind(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests")),
            Self::Internal => ("internal", kind(StatusCode::INTERNAL_SERVER_ERROR, "Internal Error")),
            Self::FeatureUnavailable => {
                ("feature-unavailable", kind(StatusCode::SERVICE_UNAVAILABLE, "Feature Unavailable"))
            }
        }
    }
}

struct Kind {
    status: StatusCode,
    title: &'static str,
}

/// A problem with its usual fields only.
pub fn plain(slug: Slug, detail: impl Into<Cow<'static, str>>) -> Problem {
    extended(slug, detail, Extensions::default())
}

/// A problem that says more.
pub fn extended(slug: Slug, detail: impl Into<Cow<'static, str>>, extensions: Extensions) -> Problem {
    let (slug, Kind { status, title }) = slug.row();
    Problem { status, slug, title, detail: detail.into(), extensions, allow: None, cause: None }
}

/// A fault of our own: the cause is for the log only.
pub fn internal(cause: String) -> Problem {
    Problem { cause: Some(cause), ..plain(Slug::Internal, "An unexpected error occurred.") }
}

/// Something that a retry may mend: the cause is for the log only.
pub fn later(retry_after_seconds: u64, detail: &'static str, cause: String) -> Problem {
    let extensions = Extensions { retry_after_seconds: Some(retry_after_seconds), ..Extensions::default() };
    Problem { cause: Some(cause), ..extended(Slug::FeatureUnavailable, detail, extensions) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(problem: &Problem) -> String {
        String::from_utf8(problem.document("req-1")).unwrap()
    }

    #[test]
    fn a_plain_problem_has_the_five_fields() {
        assert_eq!(
            document(&plain(Slug::NotFound, "No route for GET /v1/x.")),
            concat!(
                r#"{"type":"https://errors.driftstack.dev/not-found","title":"Not Found","status":404,"#,
                r#""detail":"No route for GET /v1/x.","instance":"req-1"}"#
            )
        );
    }

    #[test]
    fn extensions_stand_flat_beside_them() {
        assert_eq!(
            document(&later(5, "Later.", "the disk is full".into())),
            concat!(
                r#"{"type":"https://errors.driftstack.dev/feature-unavailable","title":"Feature Unavailable","#,
                r#""status":503,"detail":"Later.","instance":"req-1","retry_after_seconds":5}"#
            )
        );
    }

    #[test]
    fn the_cause_of_a_fault_is_never_in_the_document() {
        let problem = internal("password=hunter2".into());
        assert!(!document(&problem).contains("hunter2"));
        assert!(document(&problem).contains("An unexpected error occurred."));
        assert_eq!(Problem::of_status(StatusCode::BAD_GATEWAY).status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
