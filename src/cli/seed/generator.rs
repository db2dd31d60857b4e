//! All records of a seed, in the order in which they are loaded. Pure: no clock, no chance, no database.
//!
//! The same seed number, end of time, number of orders and settings give the same records. Each order has
//! dice of its own, so that what happens to one does not depend on the others.

use std::collections::BTreeMap;

use super::crowd::Crowd;
use super::dice::Dice;
use super::payments::{Deposit, Payment, Report, received};
use super::story::{Placing, Story, World};
use crate::config::OrderSettings;
use crate::domain::attention::{Attention, AttentionKind};
use crate::domain::catalogue::ProductCode;
use crate::domain::ids::{AccountId, KeyId};
use crate::domain::money::Price;
use crate::domain::time::{Span, Timestamp};
use crate::store::IdempotencyTotals;
use crate::store::archive::Record;
use crate::store::changeset::{Changeset, KeyUseKind};

/// Over how long the orders are spread.
const SPREAD: Span = Span::hours(90 * 24);
/// One IPN in so many orders finds none.
const ORDERS_PER_STRAY: u64 = 2_000;
/// What the operator has left for so long is still open.
const LEFT_OPEN: Span = Span::hours(48);

/// Makes the records of a seed.
pub struct Generator<'a> {
    seed: u64,
    orders: u64,
    next: u64,
    world: World<'a>,
    crowd: Crowd,
    products: Vec<(&'a ProductCode, Price)>,
    counters: BTreeMap<AccountId, IdempotencyTotals>,
    /// When questions found what IPNs should have told: raised about no order, so once for all of them.
    silences: Vec<Timestamp>,
}

impl<'a> Generator<'a> {
    /// A seed of so many orders, the last of them placed before `until`.
    pub fn new(seed: u64, orders: u64, until: Timestamp, settings: &'a OrderSettings) -> Self {
        let crowd = Crowd::new(seed, until.before(SPREAD));
        let operator = crowd.keys.first().map_or_else(|| KeyId::new(uuid::Uuid::nil()), |key| key.id);
        let codes = settings.catalogue.codes();
        let products = codes.filter_map(|code| settings.catalogue.find(code.as_str()));
        let mut products: Vec<_> = products.map(|(code, price)| (code, *price)).collect();
        products.sort_by_key(|(_, price)| price.cents);
        Self {
            seed,
            orders,
            next: 0,
            products,
            world: World { settings, operator, until },
            counters: crowd.accounts.iter().map(|account| (account.id, IdempotencyTotals::default())).collect(),
            crowd,
            silences: Vec::new(),
        }
    }

    /// Accounts and keys.
    pub fn crowd(&self) -> Vec<Record> {
        let accounts = self.crowd.accounts.iter().map(Record::account);
        accounts.chain(self.crowd.keys.iter().map(Record::api_key)).collect()
    }

    /// The records of the next order; none after the last.
    pub fn next_order(&mut self) -> Option<Vec<Record>> {
        let number = self.next;
        if number >= self.orders {
            return None;
        }
        self.next = number.saturating_add(1);
        let mut dice = Dice::of(self.seed, 2, number);
        let account = self.crowd.accounts.get(Crowd::buyer(&mut dice))?.id;
        let at = self.placed_at(number, &mut dice);
        // The cheaper a product, the more of it is sold.
        let most = u64::try_from(self.products.len()).unwrap_or(0);
        let place = dice.below(most).min(dice.below(most));
        let product = *self.products.get(usize::try_from(place).ok()?)?;
        let mut story = Story::tell(&self.world, &Placing { number, account, product, at }, dice);
        let history = std::mem::take(&mut story.history);
        let mut dice = story.into_dice();
        self.count(account, &history);
        let raised = history.iter().flat_map(|set| set.attention.iter().map(|item| (item, set.at)));
        let silent = raised.filter(|(item, _)| item.kind == AttentionKind::IpnSilence).map(|(_, at)| at);
        self.silences.extend(silent);
        let mut records = Vec::new();
        for entry in history.iter().filter_map(|set| set.audit.as_ref()) {
            records.push(Record::audit_entry(dice.uuid(entry.at), entry));
        }
        let mut order = Record::order(&history, |at| dice.uuid(at))?;
        if at < self.world.until.before(LEFT_OPEN) && dice.in_1000(700) {
            order.resolve(at.after(LEFT_OPEN), self.world.operator, "looked at by hand");
        }
        records.push(order);
        Some(records)
    }

    /// Evenly over the time there is, oldest first, each at a moment of its own.
    fn placed_at(&self, number: u64, dice: &mut Dice) -> Timestamp {
        let spread = u128::try_from(SPREAD.as_millis()).unwrap_or(0);
        let begin = |number: u64| u128::from(number).saturating_mul(spread) / u128::from(self.orders.max(1));
        let slot = begin(number.saturating_add(1)).saturating_sub(begin(number)).max(1);
        let millis = begin(number).saturating_add(u128::from(dice.next()) % slot);
        self.world.until.before(SPREAD).after(Span::millis(i64::try_from(millis).unwrap_or(i64::MAX)))
    }

    fn count(&mut self, account: AccountId, history: &[Changeset]) {
        let counters = self.counters.entry(account).or_default();
        for set in history {
            counters.first_writes = counters.first_writes.saturating_add(i64::from(set.key.is_some()));
            let Some(used) = &set.replay else { continue };
            counters.replays = counters.replays.saturating_add(1);
            let mismatch = used.kind == KeyUseKind::MismatchReplayed;
            counters.body_mismatches = counters.body_mismatches.saturating_add(i64::from(mismatch));
        }
    }

    /// What stands beside the orders: IPNs of other shops, the silence of the provider's, and the counters.
    pub fn rest(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for number in 0..self.orders / ORDERS_PER_STRAY {
            records.extend(self.stray(number));
        }
        records.extend(self.silence());
        records.extend(self.counters.iter().map(|(account, totals)| Record::counters(*account, totals)));
        records
    }

    fn silence(&self) -> Vec<Record> {
        let mut dice = Dice::of(self.seed, 4, 0);
        let item = Attention { kind: AttentionKind::IpnSilence, order: None, payment: None };
        let raised = self.silences.iter().map(|at| Changeset { attention: vec![item.clone()], ..Changeset::new(*at) });
        let mut raised: Vec<_> = raised.collect();
        raised.sort_by_key(|set| set.at);
        Record::attention(&raised, |at| dice.uuid(at))
    }

    fn stray(&self, number: u64) -> Vec<Record> {
        let mut dice = Dice::of(self.seed, 3, number);
        let at = self.world.until.before(dice.span(60, 7_000_000));
        let Some(product) = self.products.first() else { return Vec::new() };
        let shop = format!("SHOP-{}", dice.below(1_000_000));
        let beyond = self.orders.saturating_add(number);
        let payment = Payment::new(&mut dice, beyond, &shop, (product.0.as_str(), product.1));
        let report = Report { word: "finished", arrived_percent: 100, deposit: Deposit::First };
        let Some((ipn, _)) = received(&payment.body(report, at), at) else { return Vec::new() };
        let mut set = Changeset::new(at);
        let payment = ipn.payment_id.clone();
        set.attention.push(Attention { kind: AttentionKind::UnmatchedIpn, order: None, payment });
        let mut records = vec![Record::unmatched_ipn(&ipn)];
        records.extend(Record::attention(&[set], |at| dice.uuid(at)));
        records
    }

    /// The accounts with the keys that are shown.
    pub fn into_crowd(self) -> Crowd {
        self.crowd
    }
}
