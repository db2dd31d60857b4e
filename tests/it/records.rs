//! What the database holds, looked at past the service, as lines of text.
//!
//! For what no route shows, the outbox and the ledger, and for what a route shows less briefly. Nothing here writes.

use serde_json::Value;

use crate::harness::TestApp;

impl TestApp {
    /// What a query of one column finds, one row a line.
    pub async fn sql(&self, query: &str) -> String {
        let (database, query) = (self.database.clone(), query.to_owned());
        // Not on this thread, which carries the test's connections.
        tokio::task::spawn_blocking(move || database.sql(&query)).await.expect("the database is asked")
    }

    /// `kind payment count` of everything open for an order; for an IPN of no order, give the empty text.
    pub async fn raised(&self, order: &str) -> Vec<String> {
        let query = format!(
            "select kind || ' ' || payment_id || ' ' || count from attention_items
             where order_id = '{order}' and resolved_at is null order by kind, payment_id"
        );
        self.sql(&query).await.lines().map(str::to_owned).collect()
    }

    /// `payment role received` of an order's ledger.
    pub async fn payments(&self, order: &str) -> Vec<String> {
        let query = format!(
            "select payment_id || ' ' || role || ' ' || coalesce(received, '-') from order_payments
             where order_id = '{order}' order by payment_id"
        );
        self.sql(&query).await.lines().map(str::to_owned).collect()
    }

    /// The bodies of an order's outgoing events.
    pub async fn outbox(&self, order: &str) -> Vec<Value> {
        let query = format!("select body from outbox_events where order_id = '{order}' order by created_at");
        self.sql(&query).await.lines().map(|body| serde_json::from_str(body).expect("a body is JSON")).collect()
    }

    /// `outcome times_seen` of the verified IPNs of a payment, in the order of their bodies' first arrival.
    pub async fn ipns(&self, payment: &str) -> Vec<String> {
        let query = format!(
            "select outcome || ' ' || times_seen from received_ipns
             where payment_id = '{payment}' order by received_at, outcome"
        );
        self.sql(&query).await.lines().map(str::to_owned).collect()
    }
}
