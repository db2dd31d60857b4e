//! The provider's refusals, in its shape and with its codes.

use super::json::Json;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The key is missing.
    pub(super) fn key() -> Self {
        Self::new(403, "INVALID_API_KEY", "Invalid api key")
    }

    /// The token is missing, or its five minutes are over.
    pub(super) fn token() -> Self {
        Self::new(401, "AUTH_REQUIRED", "Authorization header is empty (Bearer JWTtoken is required)")
    }

    /// No such login.
    pub(super) fn login() -> Self {
        Self::new(403, "ACCESS_DENIED", "Access denied")
    }

    /// A parameter makes no sense.
    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_REQUEST_PARAMS", message)
    }

    /// Less than the coin's minimum.
    pub(super) fn too_little(coin: &str) -> Self {
        Self::new(400, "AMOUNT_MINIMAL_ERROR", format!("Crypto amount {coin} is less than minimal"))
    }

    /// The coin cannot be paid in.
    pub(super) fn coin(code: &str) -> Self {
        Self::new(400, "CURRENCY_UNAVAILABLE", format!("Currency {code} is currently unavailable"))
    }

    /// There is no such coin or currency.
    pub(super) fn unknown(code: &str) -> Self {
        Self::new(404, "NOT_FOUND", format!("Currency {code} not found"))
    }

    /// What the provider answers to a payment in a coin that it does not know.
    pub(super) fn broken() -> Self {
        Self::new(500, "INTERNAL_ERROR", "Internal error")
    }

    /// The purchase cannot be added to.
    pub(super) fn purchase() -> Self {
        Self::new(400, "BAD_CREATE_PAYMENT_REQUEST", "purchase_id is not of a partially paid purchase")
    }

    /// A payment that is not there, or not this key's.
    pub(super) fn payment() -> Self {
        Self::new(404, "NOT_FOUND", "Payment not found")
    }

    /// A path that is not there.
    pub(super) fn path() -> Self {
        Self::new(404, "NOT_FOUND", "Not found")
    }

    /// Too many requests; the provider gives no code.
    pub(super) fn too_many() -> Self {
        Self::new(429, "", "Too Many Requests")
    }

    /// The body.
    pub(super) fn body(&self) -> Json {
        let status = Json::Number(self.status.to_string());
        let code = (!self.code.is_empty()).then(|| ("code", Json::text(self.code)));
        let fields = [("status", Json::Flag(false)), ("statusCode", status)].into_iter().chain(code);
        Json::object(fields.chain([("message", Json::text(&self.message))]))
    }
}
