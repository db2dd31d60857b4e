//! Who asks: authentication, then the bucket, then what the key may do, always in this order.
//!
//! Handlers call this first, before they look at a body; a tuple of extractors would run them at once,
//! and a stranger would learn what is wrong with a body.

use std::sync::Arc;

use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage, HttpRequest};

use crate::actors::order::Operation;
use crate::domain::access::{Permission, Tier};
use crate::domain::ids::{AccountId, KeyId};
use crate::domain::time::Timestamp;
use crate::store::changeset::{AuditEntry, EXPORTED_TARGET, ORDERS_EXPORTED};

use super::Shared;
use super::address::client_ip;
use super::auth::VerifiedKey;
use super::error::ApiError;

/// A customer who may do what the route does.
#[derive(Debug, Clone, Copy)]
pub struct Customer {
    /// Whose orders these are.
    pub account_id: AccountId,
    /// The tier of the account.
    pub tier: Tier,
}

/// A customer's key that was found good, and whose it is.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Whose it is.
    pub account_id: AccountId,
    /// The key.
    pub verified: Arc<VerifiedKey>,
}

/// An operator.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The operator's key.
    pub key_id: KeyId,
    /// From where.
    pub ip: Option<String>,
}

impl Operator {
    /// What goes on the audit log.
    #[must_use]
    pub fn operation(&self, action: &'static str, input: &serde_json::Value) -> Operation {
        Operation { actor: Some(self.key_id), action, input: input.to_string(), ip: self.ip.clone() }
    }

    /// The row of the audit log for what this operator takes out of the service at this time.
    #[must_use]
    pub fn exported(&self, input: &serde_json::Value, result: &serde_json::Value, at: Timestamp) -> AuditEntry {
        AuditEntry {
            actor: Some(self.key_id),
            action: ORDERS_EXPORTED,
            target: EXPORTED_TARGET.to_owned(),
            input: input.to_string(),
            result: result.to_string(),
            ip: self.ip.clone(),
            at,
        }
    }
}

impl Shared {
    /// The customer who asks.
    ///
    /// # Errors
    /// 401, 429, or 403 if the key has no account or no fitting scope.
    pub async fn customer(&self, request: &HttpRequest, permission: Permission) -> Result<Customer, ApiError> {
        let Holder { account_id, verified } = self.holder_who_may(request, permission).await?;
        Ok(Customer { account_id, tier: verified.tier })
    }

    /// The customer's key that asks, if it may do what the route does.
    ///
    /// # Errors
    /// 401, 429, or 403 if the key has no account or no fitting scope.
    pub async fn holder_who_may(&self, request: &HttpRequest, permission: Permission) -> Result<Holder, ApiError> {
        let holder = self.holder(request).await?;
        permitted(&holder.verified, permission)?;
        Ok(holder)
    }

    /// The customer's key that asks, whatever its scopes.
    ///
    /// # Errors
    /// 401, 429, or 403 if the key has no account.
    pub async fn holder(&self, request: &HttpRequest) -> Result<Holder, ApiError> {
        let verified = self.admit(request).await?;
        let account_id = verified.key.account_id.ok_or(ApiError::NoAccount)?;
        Ok(Holder { account_id, verified })
    }

    /// The operator who asks.
    ///
    /// # Errors
    /// 401, 429, or 403 if the key is no operator's.
    pub async fn operator(&self, request: &HttpRequest) -> Result<Operator, ApiError> {
        let verified = self.admit(request).await?;
        permitted(&verified, Permission::Operate)?;
        let ip = client_ip(request, &self.settings.trusted_proxies).map(|ip| ip.to_string());
        Ok(Operator { key_id: verified.key.id, ip })
    }

    async fn admit(&self, request: &HttpRequest) -> Result<Arc<VerifiedKey>, ApiError> {
        let verified = self.keyring.verify(request.headers()).await?;
        if let Some(taken) = self.limits.take(verified.tier, verified.owner) {
            request.extensions_mut().insert(taken.standing);
            if let Some(retry_after_seconds) = taken.refused_for_seconds {
                return Err(ApiError::RateLimited { tier: verified.tier, retry_after_seconds });
            }
        }
        for_own_account(request, &verified)?;
        Ok(verified)
    }
}

/// The header by which clients of several accounts say for which of them they ask.
const ACCOUNT: HeaderName = HeaderName::from_static("x-driftstack-account");

/// Refuses a request for another account than the key's: passed over, it would be done for the wrong one.
fn for_own_account(request: &HttpRequest, verified: &VerifiedKey) -> Result<(), ApiError> {
    let Some(named) = request.headers().get(ACCOUNT) else { return Ok(()) };
    let named = named.to_str().ok().and_then(|text| AccountId::parse(text.trim()));
    if named.is_some() && named == verified.key.account_id {
        return Ok(());
    }
    Err(ApiError::BadRequest(
        "X-Driftstack-Account must be left out or name the account of the API key; this key acts for no other account."
            .into(),
    ))
}

fn permitted(verified: &VerifiedKey, permission: Permission) -> Result<(), ApiError> {
    if verified.key.may(permission) { Ok(()) } else { Err(ApiError::ScopeMissing(permission.named())) }
}
