//! Subscribed endpoints, as far as a commit has to know them, and the deliveries that it queues for them.

use diesel::prelude::*;

use super::changeset::Changeset;
use super::webhook_rows::Queued;
use crate::domain::ids::WebhookId;
use crate::domain::webhook::delivery::Turn;
use crate::domain::webhook::endpoint::EventType;
use crate::store::tables::DeliveryRow;

/// An endpoint without its secrets, so that nothing of them can fail an order.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = crate::store::schema::webhook_endpoints)]
pub(super) struct Listener {
    pub id: String,
    pub account_id: String,
    pub events: String,
}

impl Listener {
    /// Returns its id, if it subscribed to such events.
    fn hears(&self, event: EventType) -> Option<WebhookId> {
        self.events.split(' ').find(|name| *name == event.as_str()).and_then(|_| WebhookId::parse(&self.id))
    }
}

/// Returns the accounts to which these commits send webhooks, each once, in key order.
pub(super) fn accounts_told(sets: &[Changeset]) -> Vec<String> {
    let told = sets.iter().filter(|set| set.webhook.is_some()).filter_map(|set| set.order.as_ref());
    let mut accounts: Vec<String> = told.map(|change| change.after.account_id.to_string()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    accounts
}

/// Returns a delivery of each event of these commits for each endpoint that is active and subscribed to it, in the order of
/// their keys, as all rows that writers of several nodes lock.
pub(super) fn deliveries_of(sets: &[&Changeset], listeners: &[Listener]) -> Vec<DeliveryRow> {
    let told = sets.iter().filter_map(|set| Some((*set, set.webhook.as_ref()?, &set.order.as_ref()?.after)));
    let mut deliveries = Vec::new();
    for (set, event, order) in told {
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
    deliveries.sort_by(|one, other| one.id.cmp(&other.id));
    deliveries
}
