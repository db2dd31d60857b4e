//! What the database holds, looked at past the service, as lines of text.
//!
//! For what no route shows yet: attention, the outbox, the ledger, audited writes. Nothing here writes.

use serde_json::Value;

use crate::harness::TestApp;

impl TestApp {
    /// What a query of one column finds, one row a line.
    pub fn sql(&self, query: &str) -> String {
        self.database.sql(query)
    }

    /// `kind payment count` of everything open for an order; for an IPN of no order, give the empty text.
    pub fn raised(&self, order: &str) -> Vec<String> {
        let found = self.sql(&format!(
            "select kind || ' ' || payment_id || ' ' || count from attention_items
             where order_id = '{order}' and resolved_at is null order by kind, payment_id"
        ));
        found.lines().map(str::to_owned).collect()
    }

    /// `payment role received` of an order's ledger.
    pub fn payments(&self, order: &str) -> Vec<String> {
        let found = self.sql(&format!(
            "select payment_id || ' ' || role || ' ' || coalesce(received, '-') from order_payments
             where order_id = '{order}' order by payment_id"
        ));
        found.lines().map(str::to_owned).collect()
    }

    /// The bodies of an order's outgoing events.
    pub fn outbox(&self, order: &str) -> Vec<Value> {
        let bodies =
            self.sql(&format!("select body from outbox_events where order_id = '{order}' order by created_at"));
        bodies.lines().map(|body| serde_json::from_str(body).expect("a body is JSON")).collect()
    }

    /// `outcome times_seen` of the verified IPNs of a payment, in the order of their bodies' first arrival.
    pub fn ipns(&self, payment: &str) -> Vec<String> {
        let found = self.sql(&format!(
            "select outcome || ' ' || times_seen from received_ipns
             where payment_id = '{payment}' order by received_at, outcome"
        ));
        found.lines().map(str::to_owned).collect()
    }
}
