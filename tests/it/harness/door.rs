//! The door of a running server, for a client that may be cut off: an answer, or none.
//!
//! It knows an address and keys, and nothing of who listens there: a node of this process or a child of it.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use super::{Answer, IPN_SECRET, TestApp, json_body, order_body};
use crypto_orders::provider::signature::sign;

/// How often a wait looks again, and how long it looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: usize = 1_500;

/// Where a server answers, with the keys of one account and of an operator.
#[derive(Clone)]
pub struct Door {
    pub base: String,
    pub customer: String,
    pub operator: String,
    pub client: Client,
}

impl Door {
    /// The door at this address.
    pub fn new(base: String, customer: String, operator: String) -> Self {
        // The first one installed serves the whole process.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(15)).build().expect("a client");
        Self { base, customer, operator, client }
    }

    /// The door of a node of this process.
    pub fn of(app: &TestApp) -> Self {
        Self::new(app.base.clone(), app.customer.clone(), app.operator.clone())
    }

    /// The whole answer, or none if the connection was refused or cut.
    pub async fn send(&self, request: RequestBuilder) -> Option<Answer> {
        let answer = request.send().await.ok()?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Some(Answer { status, headers, text: answer.text().await.ok()? })
    }

    /// A checkout under a key.
    pub async fn checkout(&self, key: &str) -> Option<Answer> {
        let request = self.client.request(Method::POST, format!("{}/v1/billing/crypto-checkout", self.base));
        let request = json_body(request, &order_body()).bearer_auth(&self.customer);
        self.send(request.header("Idempotency-Key", key)).await
    }

    /// A signed IPN with this body.
    pub async fn ipn(&self, body: &Value) -> Option<Answer> {
        let body = body.to_string();
        let signature = sign(IPN_SECRET, body.as_bytes()).expect("a secret");
        let request = self.client.request(Method::POST, format!("{}/v1/webhooks/nowpayments", self.base));
        self.send(request.header("x-nowpayments-sig", signature).body(body)).await
    }

    /// `GET` with the customer's key.
    pub async fn get(&self, path: &str) -> Option<Answer> {
        self.send(self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.customer)).await
    }

    /// Waits until a `GET` of this path has this status.
    pub async fn until(&self, path: &str, status: u16) -> Answer {
        let look = async || self.get(path).await.filter(|answer| answer.code() == status);
        eventually(&format!("{path} answers {status}"), look).await
    }
}

/// Looks until there is something to see.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS_MAX {
        if let Some(seen) = look().await {
            return seen;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("it never came to this: {what}")
}
