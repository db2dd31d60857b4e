//! A round: who has something due, what of it may be sent now, and under which lease.
//!
//! It reads on the readers' connections and writes once a page: the leases. The endpoint that found all places taken
//! is where the next round begins, so that everybody comes to it in turn.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Courier;
use super::windows::{Left, Room};
use crate::clock::fresh_uuid;
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::time::Span;
use crate::domain::webhook::delivery::Turn;
use crate::store::StoreError;
use crate::store::courier::{Ask, DueDelivery, Reception, Trust, Waiting, WaitingPage};
use crate::store::work::Claim;
use crate::supervision::contained;

/// How many endpoints one read brings.
const PAGE_ENDPOINTS: usize = 256;
/// How many deliveries one hand takes with it where they go one after the other: each holds a place.
const CHAIN_MAX: usize = 8;
/// For how long deliveries are leased.
const LEASE_LASTS: Span = Span::seconds(60);

/// What a page came to.
#[derive(Debug, Default, Clone, Copy)]
struct Visited {
    /// How many deliveries were leased, or given up.
    moved: usize,
    /// After whom to begin the next time, if somebody found all places taken.
    short_after: Option<Option<WebhookId>>,
}

impl Courier {
    /// Rounds until one moves nothing; answers how many deliveries were leased or given up.
    pub(super) async fn look(&self) -> usize {
        let mut all = 0_usize;
        while self.settings.automatic && !self.is_stopping() {
            match self.round().await {
                Ok(0) => break,
                Ok(moved) => all = all.saturating_add(moved),
                Err(error) => {
                    tracing::warn!(%error, "due deliveries could not be leased; trying again");
                    break;
                }
            }
        }
        all
    }

    /// One walk through all endpoints for which something waits; answers how many deliveries were leased or given up.
    async fn round(&self) -> Result<usize, StoreError> {
        let begin = *self.memory.begins_after.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut after, mut has_turned) = (begin.map(|id| id.to_string()).unwrap_or_default(), begin.is_none());
        let (mut moved, mut short_after) = (0_usize, None);
        while !self.is_stopping() {
            let read = self.store.endpoints_waiting(self.clock.now(), after.clone(), PAGE_ENDPOINTS).await?;
            let WaitingPage { endpoints: mut page, next } = read;
            let all = page.len();
            if has_turned {
                page.retain(|endpoint| begin.is_none_or(|begin| endpoint.webhook <= begin));
            }
            let visited = self.visit(&page, WebhookId::parse(&after)).await?;
            moved = moved.saturating_add(visited.moved);
            short_after = short_after.or(visited.short_after);
            let was_cut = page.len() < all;
            match next {
                _ if self.windows().are_full() => break,
                Some(next) if !was_cut => after = next,
                None if !has_turned => (after, has_turned) = (String::new(), true),
                _ => break,
            }
        }
        *self.memory.begins_after.lock().unwrap_or_else(PoisonError::into_inner) = short_after.flatten();
        Ok(moved)
    }

    /// Leases what may be sent to these endpoints, and sends it on its way.
    async fn visit(&self, page: &[Waiting], after: Option<WebhookId>) -> Result<Visited, StoreError> {
        let buried = self.bury(page).await;
        let Room { asks, refused } = self.windows().room(page);
        let short_after = refused.map(|refused| {
            let before = page.iter().take_while(|endpoint| endpoint.webhook < refused).last();
            before.map(|endpoint| endpoint.webhook).or(after)
        });
        if asks.is_empty() {
            return Ok(Visited { moved: buried, short_after });
        }
        let now = self.clock.now();
        let due = chosen(self.store.deliveries_due(now, asks.clone()).await?, &asks);
        if due.is_empty() {
            return Ok(Visited { moved: buried, short_after });
        }
        let lease = Claim { token: fresh_uuid(now).to_string(), until: now.after(LEASE_LASTS) };
        let won = self.store.deliveries_lease(now, due, lease.clone()).await?;
        let moved = won.len().saturating_add(buried);
        self.set_off(won, &lease, page);
        Ok(Visited { moved, short_after })
    }

    /// Gives up some of what waits for endpoints that are over, and answers how much; the next round goes on, so that
    /// nobody waits for a long queue to be carried away. One that cannot be read stops nobody either.
    async fn bury(&self, page: &[Waiting]) -> usize {
        let mut buried = 0_usize;
        for endpoint in page.iter().filter(|endpoint| endpoint.reception == Reception::Over) {
            match self.store.deliveries_bury_some(endpoint.webhook).await {
                Ok(rows) => buried = buried.saturating_add(rows),
                Err(error) => {
                    tracing::warn!(%error, webhook.id = %endpoint.webhook, "what waits for an endpoint that is over stays");
                }
            }
        }
        buried
    }

    /// Each on its own; of what is caught up on, all of one endpoint by one hand, oldest first.
    fn set_off(&self, won: Vec<DueDelivery>, lease: &Claim, page: &[Waiting]) {
        let trust: HashMap<WebhookId, Trust> = page.iter().map(|endpoint| (endpoint.webhook, endpoint.trust)).collect();
        let mut chains: HashMap<WebhookId, Vec<DueDelivery>> = HashMap::new();
        for due in won {
            self.windows().take(&due, trust.get(&due.webhook).copied().unwrap_or(Trust::Unproven));
            if due.was_leased {
                self.counters.taken_over.fetch_add(1, Ordering::Relaxed);
            }
            if due.turn == Turn::CatchUp {
                chains.entry(due.webhook).or_default().push(due);
            } else {
                let (courier, lease) = (self.clone(), lease.clone());
                let places = vec![(due.webhook, due.id)];
                self.spawn(places, async move { courier.send_one(due, &lease).await });
            }
        }
        for mut chain in chains.into_values() {
            chain.sort_by_key(|due| due.event_micros);
            let (courier, lease) = (self.clone(), lease.clone());
            let places = chain.iter().map(|due| (due.webhook, due.id)).collect();
            self.spawn(places, async move { courier.send_chain(chain, &lease).await });
        }
    }

    fn spawn(&self, places: Vec<(WebhookId, DeliveryId)>, sending: impl Future<Output = ()> + 'static) {
        let courier = self.clone();
        actix::spawn(async move {
            if contained("courier", sending).await.is_none() {
                courier.give_up(places);
            }
        });
    }

    /// Frees the places of deliveries whose outcome is lost: they are sent again when their lease has run out.
    pub(super) fn give_up(&self, places: Vec<(WebhookId, DeliveryId)>) {
        for (webhook, delivery) in places {
            self.windows().leave(webhook, delivery, Left::Failed);
        }
        self.tell_freed();
    }
}

/// As many of each endpoint as were asked for: a half of them, but at least one, from what is caught up on; the others
/// by the time since when they are due.
fn chosen(due: Vec<DueDelivery>, asks: &[Ask]) -> Vec<DueDelivery> {
    let mut of: HashMap<WebhookId, [Vec<DueDelivery>; 2]> = HashMap::new();
    for due in due {
        let [usual, caught_up] = of.entry(due.webhook).or_default();
        if due.turn == Turn::CatchUp { caught_up.push(due) } else { usual.push(due) }
    }
    let mut chosen = Vec::new();
    for ask in asks {
        let Some([mut usual, mut caught_up]) = of.remove(&ask.webhook) else { continue };
        caught_up.sort_by_key(|due| due.event_micros);
        caught_up.truncate((ask.deliveries / 2).clamp(1, CHAIN_MAX));
        usual.sort_by_key(|due| (due.due_micros, due.event_micros));
        usual.truncate(ask.deliveries.saturating_sub(caught_up.len()));
        chosen.extend(usual);
        chosen.extend(caught_up);
    }
    chosen
}
