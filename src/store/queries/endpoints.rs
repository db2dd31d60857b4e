//! Endpoints of merchants: whom a transition is told to, and what their owners ask for and change.
//!
//! What is on its way to them is in `courier.rs` and `deliveries.rs`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::ids::WebhookId;
use crate::domain::webhook::delivery::Turn;
use crate::domain::webhook::endpoint::EventType;
use crate::store::StoreError;
use crate::store::changeset::Changeset;
use crate::store::schema::webhook_endpoints as e;
use crate::store::webhook_rows::{ACTIVE, DeliveryRow, Queued};

/// What a transition has to know of an endpoint; never its secrets, so that nothing of them can fail an order.
#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::store::schema::webhook_endpoints)]
struct Listener {
    id: String,
    account_id: String,
    events: String,
}

impl Listener {
    /// Its id, if it subscribed to such events.
    fn hears(&self, event: EventType) -> Option<WebhookId> {
        self.events.split(' ').find(|name| *name == event.as_str()).and_then(|_| WebhookId::parse(&self.id))
    }
}

/// A delivery of each event of the group for each endpoint that is active and subscribed to it.
pub async fn deliveries_of(conn: &mut Conn, sets: &[&Changeset]) -> Result<Vec<DeliveryRow>, StoreError> {
    let told = || sets.iter().filter_map(|set| Some((*set, set.webhook.as_ref()?, &set.order.as_ref()?.after)));
    let mut accounts: Vec<String> = told().map(|(_, _, order)| order.account_id.to_string()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let active = e::table.filter(e::account_id.eq_any(accounts)).filter(e::status.eq(ACTIVE));
    let listeners: Vec<Listener> = active.select(Listener::as_select()).load(conn).await?;
    let mut deliveries = Vec::new();
    for (set, event, order) in told() {
        let (account, order_id) = (order.account_id.to_string(), order.id.to_string());
        let listening = listeners.iter().filter(|listener| listener.account_id == account);
        for webhook in listening.filter_map(|listener| listener.hears(event.event_type)) {
            let queued = Queued {
                webhook,
                event: event.id,
                event_type: event.event_type.as_str(),
                order_id: Some(&order_id),
                event_at: order.updated_at.micros(),
            };
            deliveries.push(DeliveryRow::queued(&queued, Turn::InOrder, set.at));
        }
    }
    // In the order of their keys, as all rows that writers of several nodes lock.
    deliveries.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(deliveries)
}
