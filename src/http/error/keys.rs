//! What can go wrong with an account's API keys, and the problem that each case becomes.
//!
//! Part of `error.rs`. Nothing here tells of another account's keys that there are any.

use crate::domain::access::keys::{NotGranted, NotRotated};
use crate::domain::ids::KeyId;
use crate::http::problem::{Extensions, Problem, Slug, extended, plain};

use super::ApiError;

/// Why an account's keys are not changed as was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyError {
    /// There is no such key, or it is another account's.
    NotFound(KeyId),
    /// The account has so many good keys, and may have no more.
    Full(usize),
    /// The key that asks may not hand out such a one.
    NotGranted(NotGranted),
    /// No key takes this one's place.
    NotRotated(NotRotated),
}

impl From<ApiKeyError> for ApiError {
    fn from(error: ApiKeyError) -> Self {
        Self::ApiKey(error)
    }
}

/// The error as the wire shows it.
pub fn problem(error: ApiKeyError) -> Problem {
    match error {
        ApiKeyError::NotFound(id) => plain(Slug::NotFound, format!("No API key with id \"{id}\".")),
        ApiKeyError::Full(limit) => {
            let detail = format!("Account already has {limit} active API keys; limit is {limit}.");
            extended(Slug::Conflict, detail, Extensions { resource: Some("api_key"), ..Extensions::default() })
        }
        ApiKeyError::NotGranted(refusal) => of_grant(refusal),
        ApiKeyError::NotRotated(refusal) => of_rotation(refusal),
    }
}

fn of_grant(refusal: NotGranted) -> Problem {
    let detail = match refusal {
        NotGranted::CommandLineOnly(scope) => {
            format!("The scope \"{}\" is granted by the command line only.", scope.as_str())
        }
        NotGranted::AboveOwn(scope) => {
            format!("This API key cannot hand out the scope \"{}\", which its own do not cover.", scope.as_str())
        }
        NotGranted::Outlives(own) => {
            format!("This API key ends at {own}; it cannot hand out a key that lasts longer.")
        }
        NotGranted::RotatedOut(by) => {
            format!("This API key was rotated out; use \"{by}\", which took its place, to make, rotate or revoke keys.")
        }
    };
    plain(Slug::Forbidden, detail)
}

fn of_rotation(refusal: NotRotated) -> Problem {
    let (field, detail) = match refusal {
        NotRotated::NotGranted(refusal) => return of_grant(refusal),
        NotRotated::Revoked => ("revoked_at", "The API key is revoked and can no longer be rotated.".to_owned()),
        NotRotated::Expired => ("expires_at", "The API key has expired and can no longer be rotated.".to_owned()),
        NotRotated::Replaced(by) => {
            ("replaced_by", format!("The API key was already rotated; \"{by}\" took its place."))
        }
    };
    let resource = Some("api_key");
    extended(Slug::Conflict, detail, Extensions { resource, field: Some(field), ..Extensions::default() })
}
