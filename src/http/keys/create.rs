//! `POST /v1/api-keys`: a new key for the account, worth no more than the one that asks for it.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};

use crate::clock::fresh_key;
use crate::domain::access::keys::{ACTIVE_KEYS_MAX, NewKey, NotGranted};
use crate::domain::access::{ApiKey, KeyKind, Scope};
use crate::domain::time::Timestamp;
use crate::http::error::{ApiError, ApiKeyError};
use crate::http::fields::Fields;
use crate::http::openapi::problems::{self, example};
use crate::http::openapi::schemas::{InputTime, KeyName};
use crate::http::problem::ProblemDocument;
use crate::http::{Shared, answer, body};

use super::{CreatedKey, given_name, key_writer};

/// A key to be made.
#[derive(utoipa::ToSchema)]
#[schema(as = NewApiKey)]
#[expect(dead_code, reason = "read field by field, so that everything that is wrong is told at once")]
pub struct Body {
    /// What you call it.
    #[schema(value_type = KeyName)]
    name: String,
    /// What it may be used for; none that the key which asks does not cover. `account_owner` covers all.
    #[schema(schema_with = customer_scopes)]
    scopes: Vec<Scope>,
    /// `test` makes a `ds_test_` key in place of a `ds_live_` one.
    #[schema(inline)]
    mode: Option<Mode>,
    /// When it ends by itself: in the future, and not after the key that asks, whose end it has if none is named.
    #[schema(value_type = Option<InputTime>, example = "2099-01-01T00:00:00.000Z")]
    expires_at: Option<Timestamp>,
}

/// `live` or `test`.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only for the document: the kind of a key is the domain's")]
pub enum Mode {
    Live,
    Test,
}

/// At least one of the scopes that a customer's key may hand on.
fn customer_scopes() -> RefOr<Schema> {
    let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(known_scopes()));
    ArrayBuilder::new().items(word).min_items(Some(1)).examples([serde_json::json!(["read:billing"])]).into()
}

fn known_scopes() -> Vec<&'static str> {
    Scope::ALL.into_iter().filter(|scope| scope.is_a_customer_s()).map(Scope::as_str).collect()
}

/// Makes an API key. Its plaintext is in this answer alone.
#[utoipa::path(post, path = "/v1/api-keys", tag = "Account", operation_id = "create_api_key", security(("bearer" = [])),
    request_body = Body,
    responses(
        (status = 201, description = "The key, with the only copy of its plaintext.", body = CreatedKey),
        (status = 409, description = "The account has 100 active keys.", body = ProblemDocument,
            example = json!(example(&problems::api_keys_full()))),
    ),
)]
pub async fn create(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> Result<HttpResponse, ApiError> {
    let holder = key_writer(&shared, &request).await?;
    let caller = &holder.verified.key;
    let mut fields = body::required(&request, payload).await?;
    let now = shared.clock.now();
    let name = given_name(&mut fields);
    let scopes = scopes(&mut fields);
    let kind = kind(&mut fields);
    let expires_at = expires_at(&mut fields, caller, now);
    fields.finish()?;
    caller.may_grant(&scopes).map_err(ApiKeyError::NotGranted)?;
    let NewKey { key, plaintext } = NewKey::of_account(holder.account_id, kind, scopes, fresh_key(now));
    let key = ApiKey { name, expires_at, ..key };
    if !shared.store.key_issue(key.clone(), ACTIVE_KEYS_MAX).await? {
        return Err(ApiKeyError::Full(ACTIVE_KEYS_MAX).into());
    }
    let (account, by) = (holder.account_id, caller.id);
    tracing::info!(event = "api_key_created", key.id = %key.id, account.id = %account, by.id = %by, "a customer made a key");
    answer::created(&CreatedKey::of(&key, &plaintext))
}

fn scopes(fields: &mut Fields) -> Vec<Scope> {
    let words = fields.texts("scopes");
    let scopes: Option<Vec<Scope>> = words.iter().map(|word| Scope::parse(word)).collect();
    if scopes.is_none() {
        fields.wrong("scopes", format!("scopes may hold {}, and nothing else.", known_scopes().join(", ")));
    }
    scopes.unwrap_or_default()
}

fn kind(fields: &mut Fields) -> KeyKind {
    match fields.optional_word("mode", &["live", "test"]) {
        Some("test") => KeyKind::Test,
        Some(_) | None => KeyKind::Live,
    }
}

/// When the key ends. A key that ends leaves none behind that lasts longer: left out, its own end is meant.
fn expires_at(fields: &mut Fields, caller: &ApiKey, now: Timestamp) -> Option<Timestamp> {
    let asked = fields.optional_time("expires_at");
    if asked.is_some_and(|at| at <= now) {
        fields.wrong("expires_at", "expires_at must be in the future.");
    }
    let expires_at = asked.or(caller.expires_at);
    if let Err(NotGranted::Outlives(own)) = caller.may_leave_until(expires_at) {
        fields.wrong("expires_at", format!("expires_at must not be after {own}, when the key that asks ends."));
    }
    expires_at
}
