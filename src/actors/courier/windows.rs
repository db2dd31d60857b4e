//! How much this node sends at once: in total, to those not known to answer, and to each endpoint.
//!
//! An endpoint begins with one attempt at a time and earns more by answering; one that lets us wait, or fails, falls
//! back to one. So a dead receiver holds one place, and all dead ones together no more than their share. Nothing here
//! must survive: a fresh node begins with ones again.

use std::collections::HashMap;

use crate::domain::ids::{DeliveryId, WebhookId};
use crate::store::courier::{Ask, DueDelivery, Reception, Trust, Waiting};

/// How many deliveries are under way at the most.
pub const PLACES: usize = 1024;
/// How many of these may belong to endpoints that are not known to answer.
const PLACES_UNPROVEN: usize = 512;
/// How many deliveries of one endpoint are under way at the most.
const WINDOW_MAX: usize = 64;
/// What quiet endpoints have earned is kept for so many of them.
const REMEMBERED_MAX: usize = 4096;

/// How a delivery's place was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Confirmed.
    Answered,
    /// Attempted in vain.
    Failed,
    /// Not attempted.
    Unsent,
}

/// The places of all endpoints.
#[derive(Debug, Default)]
pub struct Windows {
    endpoints: HashMap<WebhookId, Window>,
    taken: usize,
    taken_unproven: usize,
}

#[derive(Debug)]
struct Window {
    size: usize,
    taken: HashMap<DeliveryId, Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    trust: Trust,
    /// Whether its answer lets us wait.
    is_late: bool,
}

impl Default for Window {
    fn default() -> Self {
        Self { size: 1, taken: HashMap::new() }
    }
}

/// What may be asked for.
#[derive(Debug, Default)]
pub struct Room {
    /// Of whom how much.
    pub asks: Vec<Ask>,
    /// The first endpoint that has something due and got no place, because all are taken.
    pub refused: Option<WebhookId>,
}

impl Windows {
    /// How much of each of these endpoints may be sent now.
    pub fn room(&self, waiting: &[Waiting]) -> Room {
        let mut free = PLACES.saturating_sub(self.taken);
        let mut free_unproven = PLACES_UNPROVEN.saturating_sub(self.taken_unproven);
        let mut room = Room::default();
        for endpoint in waiting.iter().filter(|endpoint| endpoint.is_due && endpoint.reception == Reception::Open) {
            let own = self.endpoints.get(&endpoint.webhook).map_or(1, Window::room);
            let shared = if endpoint.trust == Trust::Proven { free } else { free.min(free_unproven) };
            let deliveries = own.min(shared);
            if deliveries == 0 {
                room.refused = room.refused.or(Some(endpoint.webhook).filter(|_| own > 0));
                continue;
            }
            free = free.saturating_sub(deliveries);
            if endpoint.trust == Trust::Unproven {
                free_unproven = free_unproven.saturating_sub(deliveries);
            }
            room.asks.push(Ask { webhook: endpoint.webhook, deliveries });
        }
        room
    }

    /// Gives a place to a delivery.
    pub fn take(&mut self, due: &DueDelivery, trust: Trust) {
        let window = self.endpoints.entry(due.webhook).or_default();
        if window.taken.insert(due.id, Place { trust, is_late: false }).is_none() {
            self.taken = self.taken.saturating_add(1);
            self.taken_unproven = self.taken_unproven.saturating_add(usize::from(trust == Trust::Unproven));
        }
    }

    /// Its answer lets us wait: the endpoint gets nothing else meanwhile.
    pub fn late(&mut self, webhook: WebhookId, delivery: DeliveryId) {
        if let Some(place) = self.endpoints.get_mut(&webhook).and_then(|window| window.taken.get_mut(&delivery)) {
            place.is_late = true;
        }
    }

    /// Frees a delivery's place.
    pub fn leave(&mut self, webhook: WebhookId, delivery: DeliveryId, left: Left) {
        let Some(window) = self.endpoints.get_mut(&webhook) else { return };
        let Some(place) = window.taken.remove(&delivery) else { return };
        match left {
            Left::Answered => window.size = window.size.saturating_add(1).min(WINDOW_MAX),
            Left::Failed => window.size = 1,
            Left::Unsent => {}
        }
        let is_forgotten = window.taken.is_empty() && (window.size == 1 || REMEMBERED_MAX < self.endpoints.len());
        self.taken = self.taken.saturating_sub(1);
        self.taken_unproven = self.taken_unproven.saturating_sub(usize::from(place.trust == Trust::Unproven));
        if is_forgotten {
            self.endpoints.remove(&webhook);
        }
    }

    /// How many deliveries are under way.
    pub fn taken(&self) -> usize {
        self.taken
    }
}

impl Window {
    fn room(&self) -> usize {
        let is_late = self.taken.values().any(|place| place.is_late);
        if is_late { 0 } else { self.size.saturating_sub(self.taken.len()) }
    }
}
