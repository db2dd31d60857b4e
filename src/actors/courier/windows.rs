//! How much this node sends at once: in total, to those not known to answer, and to each endpoint.
//!
//! An endpoint begins with one attempt at a time and earns more by answering; one that lets us wait, or fails, falls
//! back to one. So a dead receiver holds one place, and all dead ones together no more than their share. Nothing here
//! must survive: a fresh node begins with ones again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::domain::ids::{DeliveryId, WebhookId};
use crate::store::courier::{Ask, DueDelivery, Reception, Trust, Waiting};

/// Which part of all places may belong to endpoints that are not known to answer.
const UNPROVEN_SHARE: usize = 2;
/// Which part of all places is kept for endpoints that have none under way.
const KEPT_SHARE: usize = 4;
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
#[derive(Debug)]
pub struct Windows {
    /// How many deliveries are under way at the most.
    places: usize,
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
    /// So many places, none of them taken.
    pub fn new(places: usize) -> Self {
        Self { places, endpoints: HashMap::new(), taken: 0, taken_unproven: 0 }
    }

    /// How much of each of these endpoints may be sent now.
    pub fn room(&self, waiting: &[Waiting]) -> Room {
        let mut free = self.places.saturating_sub(self.taken);
        let mut free_unproven = (self.places / UNPROVEN_SHARE).saturating_sub(self.taken_unproven);
        let mut room = Room::default();
        for endpoint in waiting.iter().filter(|endpoint| endpoint.is_due && endpoint.reception == Reception::Open) {
            let (own, taken) =
                self.endpoints.get(&endpoint.webhook).map_or((1, 0), |own| (own.room(), own.taken.len()));
            // The last places are for those who have none yet.
            let own = if self.places / KEPT_SHARE < free { own } else { own.min(1_usize.saturating_sub(taken)) };
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
        // One that was taken over from ourselves keeps the place that it has.
        if let Entry::Vacant(place) = window.taken.entry(due.id) {
            place.insert(Place { trust, is_late: false });
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
            Left::Answered if place.is_late => window.size = 1,
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

    /// True if no further delivery may be begun.
    pub fn are_full(&self) -> bool {
        self.places <= self.taken
    }
}

impl Window {
    fn room(&self) -> usize {
        let is_late = self.taken.values().any(|place| place.is_late);
        if is_late { 0 } else { self.size.saturating_sub(self.taken.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::webhook::WebhookEvent;
    use crate::domain::webhook::delivery::Turn;
    use crate::domain::webhook::endpoint::EventType;
    use uuid::Uuid;

    const PLACES: usize = 1024;

    fn waiting(number: usize, trust: Trust) -> Waiting {
        let webhook = WebhookId::new(Uuid::from_u128(number.try_into().unwrap()));
        Waiting { webhook, reception: Reception::Open, trust, is_due: true }
    }

    fn delivery(webhook: WebhookId, number: usize) -> DueDelivery {
        let id = Uuid::from_u128(number.try_into().unwrap());
        DueDelivery {
            id: DeliveryId::of(webhook, id),
            webhook,
            url: String::new(),
            secrets: Vec::new(),
            event: WebhookEvent { id, event_type: EventType::OrderPaid, body: String::new() },
            turn: Turn::InOrder,
            attempts: 0,
            due_micros: 0,
            event_micros: 0,
            was_leased: false,
        }
    }

    fn room_of(windows: &Windows, endpoint: Waiting) -> usize {
        windows.room(&[endpoint]).asks.first().map_or(0, |ask| ask.deliveries)
    }

    /// Takes as much as there is room for, and answers it.
    fn fill(windows: &mut Windows, endpoint: Waiting) -> Vec<DueDelivery> {
        let taken: Vec<_> = (0..room_of(windows, endpoint)).map(|n| delivery(endpoint.webhook, n)).collect();
        taken.iter().for_each(|due| windows.take(due, endpoint.trust));
        taken
    }

    #[test]
    fn an_endpoint_earns_its_places_by_answering_and_loses_them_by_failing() {
        let (mut windows, endpoint) = (Windows::new(PLACES), waiting(1, Trust::Proven));
        let mut rooms = Vec::new();
        for _ in 0..8 {
            let taken = fill(&mut windows, endpoint);
            rooms.push(taken.len());
            assert_eq!(room_of(&windows, endpoint), 0);
            taken.iter().for_each(|due| windows.leave(due.webhook, due.id, Left::Answered));
        }
        assert_eq!(rooms, [1, 2, 4, 8, 16, 32, 64, 64]);
        let taken = fill(&mut windows, endpoint);
        windows.leave(endpoint.webhook, taken[0].id, Left::Failed);
        assert_eq!(room_of(&windows, endpoint), 0);
        taken.iter().skip(1).for_each(|due| windows.leave(due.webhook, due.id, Left::Unsent));
        assert_eq!((room_of(&windows, endpoint), windows.taken(), windows.endpoints.len()), (1, 0, 0));
    }

    #[test]
    fn an_endpoint_that_lets_us_wait_gets_nothing_else_meanwhile() {
        let (mut windows, endpoint) = (Windows::new(PLACES), waiting(1, Trust::Proven));
        for due in fill(&mut windows, endpoint) {
            windows.leave(due.webhook, due.id, Left::Answered);
        }
        let late = delivery(endpoint.webhook, 7);
        windows.take(&late, endpoint.trust);
        assert_eq!(room_of(&windows, endpoint), 1);
        windows.late(endpoint.webhook, late.id);
        assert_eq!(room_of(&windows, endpoint), 0);
        windows.leave(endpoint.webhook, late.id, Left::Answered);
        assert_eq!(room_of(&windows, endpoint), 1);
    }

    #[test]
    fn the_last_places_are_for_endpoints_that_have_none() {
        let mut windows = Windows::new(PLACES);
        for number in 0..PLACES - PLACES / KEPT_SHARE {
            windows.take(&delivery(waiting(0, Trust::Proven).webhook, number), Trust::Proven);
        }
        let [greedy, fresh] = [1, 2].map(|number| waiting(number, Trust::Proven));
        windows.endpoints.insert(greedy.webhook, Window { size: WINDOW_MAX, taken: HashMap::new() });
        assert_eq!(fill(&mut windows, greedy).len(), 1);
        assert_eq!((room_of(&windows, greedy), room_of(&windows, fresh)), (0, 1));
    }

    #[test]
    fn a_delivery_that_is_taken_twice_has_one_place() {
        let (mut windows, endpoint) = (Windows::new(PLACES), waiting(1, Trust::Unproven));
        let due = delivery(endpoint.webhook, 1);
        windows.take(&due, Trust::Unproven);
        windows.take(&due, Trust::Proven);
        windows.leave(due.webhook, due.id, Left::Answered);
        assert_eq!((windows.taken, windows.taken_unproven), (0, 0));
    }

    #[test]
    fn those_not_known_to_answer_share_a_half_and_leave_the_other_to_the_rest() {
        let mut windows = Windows::new(PLACES);
        for number in 0..600 {
            fill(&mut windows, waiting(number, Trust::Unproven));
        }
        assert_eq!(windows.taken(), PLACES / UNPROVEN_SHARE);
        let refused = waiting(700, Trust::Unproven);
        assert_eq!(windows.room(&[refused]).refused, Some(refused.webhook));
        for number in 1000..2000 {
            fill(&mut windows, waiting(number, Trust::Proven));
        }
        assert_eq!(windows.taken(), PLACES);
        assert_eq!(windows.room(&[waiting(3000, Trust::Proven)]).refused, Some(waiting(3000, Trust::Proven).webhook));
    }
}
