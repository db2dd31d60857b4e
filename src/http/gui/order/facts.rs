//! Reads everything about one order that its page shows: a fixed number of look-ups, whatever its history.

use crate::domain::ids::{AttentionId, DeliveryId, KeyId, OrderId};
use crate::domain::order::Order;
use crate::http::Shared;
use crate::http::error::ApiError;
use crate::store::records::{
    AttentionFilter, AttentionItem, AttentionState, AuditFilter, AuditRecord, KeptIpn, Stretch,
};
use crate::store::resend::Traced;

use super::names::Names;

/// How many records of a kind are shown; the API has the others.
pub const SHOWN_MAX: usize = 25;

/// An order and what stands beside it, newest first.
pub struct Facts {
    pub order: Order,
    pub account: Option<String>,
    pub ipns: Vec<KeptIpn>,
    pub deliveries: Vec<Traced>,
    pub open: Vec<AttentionItem>,
    pub resolved: Vec<AttentionItem>,
    pub audit: Vec<AuditRecord>,
    pub names: Names,
    pub pay_page: String,
}

impl Facts {
    /// Reads them.
    ///
    /// # Errors
    /// 404 or 503.
    pub async fn read(shared: &Shared, id: OrderId) -> Result<Self, ApiError> {
        let store = &shared.store;
        let order = store.order_load(id).await?.ok_or_else(|| ApiError::NoSuchOrder(id.to_string()))?;
        let newest = || Stretch { limit: SHOWN_MAX, after: None };
        let about = |state| AttentionFilter { state, kind: None, order: Some(id) };
        let open = store.attention_page(about(AttentionState::Open), newest()).await?;
        let resolved = store.attention_page(about(AttentionState::Resolved), newest()).await?;
        let done_to_it = AuditFilter { target: Some(id.to_string()), actor: None };
        let audit = store.audit_page(done_to_it, newest()).await?;
        let names = Names::new(store.key_names(keys(&order, &resolved, &audit)).await?);
        Ok(Self {
            account: store.account_load(order.account_id).await?.map(|account| account.name),
            ipns: store.ipns_of_order(id, newest()).await?,
            deliveries: store.order_deliveries(id, newest()).await?,
            order,
            open,
            resolved,
            audit,
            names,
            pay_page: shared.pay_links().await?.address(id),
        })
    }

    /// True for an item about this order.
    pub fn has_item(&self, item: AttentionId) -> bool {
        self.open.iter().chain(&self.resolved).any(|known| known.id == item)
    }

    /// True for a delivery of this order's events.
    pub fn has_delivery(&self, delivery: DeliveryId) -> bool {
        self.deliveries.iter().any(|known| known.delivery.id == delivery)
    }
}

/// The keys that somebody would want to know the names of.
fn keys(order: &Order, resolved: &[AttentionItem], audit: &[AuditRecord]) -> Vec<KeyId> {
    let events = order.events.iter().filter_map(|event| event.actor);
    let resolvers = resolved.iter().filter_map(|item| item.resolution.as_ref()?.by);
    let actors = audit.iter().filter_map(|entry| entry.actor);
    let mut keys: Vec<KeyId> = Vec::new();
    for key in events.chain(resolvers).chain(actors) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}
