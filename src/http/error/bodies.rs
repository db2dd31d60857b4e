//! Bodies that are not read at all.

use std::borrow::Cow;

use actix_web::http::StatusCode;

use crate::http::problem::{Extensions, Problem, Slug, extended, plain};

pub(super) fn unsupported(detail: Cow<'static, str>) -> Problem {
    Problem { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, ..plain(Slug::BadRequest, detail) }
}

pub(super) fn too_large(limit: usize) -> Problem {
    let extensions = Extensions { limit_bytes: Some(limit), ..Extensions::default() };
    extended(Slug::PayloadTooLarge, format!("The request body exceeds {limit} bytes."), extensions)
}
