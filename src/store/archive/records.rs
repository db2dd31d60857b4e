//! One record and its line of JSON.
//!
//! A record is built of what the domain decided, or of what lies in the tables; both give the same line.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rows::CountersRow;
use super::{FORMAT, FORMAT_MIN, Misfit};
use crate::domain::access::{Account, ApiKey};
use crate::domain::ids::{AccountId, KeyId};
use crate::domain::time::Timestamp;
use crate::store::IdempotencyTotals;
use crate::store::access_rows::SecretRow;
use crate::store::access_rows::{AccountRow, AuditRow, KeyRow};
use crate::store::changeset::{AuditEntry, Changeset, KeyUseKind, ORDERS_EXPORTED, ReceivedIpn};
use crate::store::effect_rows::{key_use_counts, raised_of};
use crate::store::tables::{AttentionRow, DeliveryRow, EventRow, IpnRow, KeyClaimRow, OrderRow, OutboxRow, PaymentRow};
use crate::store::webhook_rows::{ConfirmedRow, EndpointRow};

/// One line of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record(pub(in crate::store) Kind);

/// What a line holds; `kind` says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::store) enum Kind {
    /// The first line.
    Archive { format: u32, complete: bool },
    /// What the service signs with.
    ServiceSecret(SecretRow),
    /// A customer.
    Account(AccountRow),
    /// A key, as a hash.
    ApiKey(KeyRow),
    /// An order with everything that belongs to it.
    Order(Box<OrderParts>),
    /// An endpoint, with its secrets.
    WebhookEndpoint(EndpointRow),
    /// A verified IPN that found no order.
    UnmatchedIpn(IpnRow),
    /// A ping, which is of no order.
    WebhookPing { event: OutboxRow, deliveries: Vec<DeliveryRow> },
    /// What was raised about no order. A field of its own, because an item has a `kind` too.
    Attention { item: AttentionRow },
    /// An admin write.
    AuditEntry(AuditRow),
    /// An account's counters of keys.
    IdempotencyCounters(CountersRow),
    /// The last line: how many stand between it and the first.
    End { records: u64 },
}

/// An order and what belongs to it; their rows are in time order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::store) struct OrderParts {
    pub order: OrderRow,
    pub events: Vec<EventRow>,
    pub payments: Vec<PaymentRow>,
    pub ipns: Vec<IpnRow>,
    pub idempotency_keys: Vec<KeyClaimRow>,
    pub webhook_events: Vec<OutboxRow>,
    // The first format had none.
    #[serde(default)]
    pub webhook_deliveries: Vec<DeliveryRow>,
    // Left out where the retention has removed none, as formats before it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhook_confirmed: Vec<ConfirmedRow>,
    pub attention: Vec<AttentionRow>,
}

impl Record {
    /// The account that this record is, if it is one.
    #[must_use]
    pub fn account_id(&self) -> Option<&str> {
        match &self.0 {
            Kind::Account(account) => Some(&account.id),
            _ => None,
        }
    }

    /// The endpoint that this record is, if it is one.
    #[must_use]
    pub fn webhook_id(&self) -> Option<&str> {
        match &self.0 {
            Kind::WebhookEndpoint(endpoint) => Some(&endpoint.id),
            _ => None,
        }
    }

    /// True for the trace that an export by the command line leaves. It is left out, or no two exports of one database
    /// would be the same.
    #[must_use]
    pub fn tells_of_export(&self) -> bool {
        matches!(&self.0, Kind::AuditEntry(row) if row.action == ORDERS_EXPORTED && row.actor.is_none())
    }

    /// Keeps the deliveries to endpoints of which this is true.
    pub fn retain_deliveries(&mut self, is_kept: impl Fn(&str) -> bool) {
        match &mut self.0 {
            Kind::Order(parts) => {
                parts.webhook_deliveries.retain(|delivery| is_kept(&delivery.webhook_id));
                parts.webhook_confirmed.retain(|confirmed| is_kept(&confirmed.webhook_id));
            }
            Kind::WebhookPing { deliveries, .. } => deliveries.retain(|delivery| is_kept(&delivery.webhook_id)),
            _ => {}
        }
    }

    /// The account that must stand before this record, where one must.
    #[must_use]
    pub fn owner_id(&self) -> Option<&str> {
        match &self.0 {
            Kind::ApiKey(key) => key.account_id.as_deref(),
            Kind::Order(parts) => Some(&parts.order.account_id),
            Kind::WebhookEndpoint(endpoint) => Some(&endpoint.account_id),
            Kind::WebhookPing { event, .. } => Some(&event.account_id),
            Kind::IdempotencyCounters(counters) => Some(&counters.account_id),
            _ => None,
        }
    }

    /// The first line; a complete archive can be imported.
    #[must_use]
    pub fn opening(complete: bool) -> Self {
        Self(Kind::Archive { format: FORMAT, complete })
    }

    /// The last line, after so many records.
    #[must_use]
    pub fn ending(records: u64) -> Self {
        Self(Kind::End { records })
    }

    /// A customer.
    #[must_use]
    pub fn account(account: &Account) -> Self {
        Self(Kind::Account(AccountRow::of(account)))
    }

    /// A key, with its hash.
    #[must_use]
    pub fn api_key(key: &ApiKey) -> Self {
        Self(Kind::ApiKey(KeyRow::of(key)))
    }

    /// An order by the commits that made it, oldest first; none if they place no order. `fresh_id` names
    /// what was raised.
    #[must_use]
    pub fn order(history: &[Changeset], mut fresh_id: impl FnMut(Timestamp) -> Uuid) -> Option<Self> {
        let last = history.iter().rev().find_map(|set| set.order.as_ref())?;
        let mut parts = OrderParts::of(OrderRow::of(&last.after));
        // What is about no order stands beside all of them, once: see `attention`.
        let own = raised_of(history.iter()).into_iter().filter(|row| !row.order_id.is_empty());
        parts.attention = own.map(AttentionRow::from).collect();
        for set in history {
            parts.learn(set);
        }
        for item in &mut parts.attention {
            item.id = fresh_id(Timestamp::from_micros(item.first_at)).to_string();
        }
        parts.sort();
        Some(Self(Kind::Order(Box::new(parts))))
    }

    /// What was raised about an order is resolved, all at once.
    pub fn resolve(&mut self, at: Timestamp, by: KeyId, note: &str) {
        let Kind::Order(parts) = &mut self.0 else { return };
        for item in &mut parts.attention {
            item.resolved_at = Some(at.micros().max(item.last_at));
            item.resolved_by = Some(by.to_string());
            item.resolution_note = Some(note.to_owned());
        }
    }

    /// A verified IPN that found no order.
    #[must_use]
    pub fn unmatched_ipn(ipn: &ReceivedIpn) -> Self {
        Self(Kind::UnmatchedIpn(IpnRow::of(ipn)))
    }

    /// What these commits raised about no order.
    pub fn attention(sets: &[Changeset], mut fresh_id: impl FnMut(Timestamp) -> Uuid) -> Vec<Self> {
        let raised = raised_of(sets.iter()).into_iter().filter(|row| row.order_id.is_empty()).map(AttentionRow::from);
        raised
            .map(|item| {
                let id = fresh_id(Timestamp::from_micros(item.first_at)).to_string();
                Self(Kind::Attention { item: AttentionRow { id, ..item } })
            })
            .collect()
    }

    /// An admin write.
    #[must_use]
    pub fn audit_entry(id: Uuid, entry: &AuditEntry) -> Self {
        Self(Kind::AuditEntry(AuditRow::of(id, entry)))
    }

    /// An account's counters of keys.
    #[must_use]
    pub fn counters(account: AccountId, totals: &IdempotencyTotals) -> Self {
        Self(Kind::IdempotencyCounters(CountersRow {
            account_id: account.to_string(),
            first_writes: totals.first_writes,
            replays: totals.replays,
            body_mismatches: totals.body_mismatches,
        }))
    }

    /// The record as a line of JSON, without its end.
    ///
    /// # Errors
    /// None that a record of ours can meet; `serde_json` declares one.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&self.0)
    }

    /// Reads a line as it is written; what it means is judged when it joins a batch.
    ///
    /// # Errors
    /// [`Misfit`]: no JSON, an unknown kind or field, one too few, or a NUL, which no text of ours holds.
    pub fn parse(line: &str) -> Result<Self, Misfit> {
        if holds_nul(line) {
            return Err(Misfit("it holds the character NUL".to_owned()));
        }
        let kind: Kind = serde_json::from_str(line).map_err(|error| Misfit(error.to_string()))?;
        let mut record = Self(kind);
        if let Kind::Order(parts) = &mut record.0 {
            parts.own();
        }
        Ok(record)
    }

    /// How many records the last line speaks of, if this is it.
    #[must_use]
    pub fn counted(&self) -> Option<u64> {
        if let Kind::End { records } = self.0 { Some(records) } else { None }
    }

    /// Whether a first line opens a complete archive in a format that this program reads.
    ///
    /// # Errors
    /// [`Misfit`] if this is no first line, or one that cannot be imported.
    pub fn opens(&self) -> Result<(), Misfit> {
        match self.0 {
            Kind::Archive { format: FORMAT_MIN..=FORMAT, complete: true } => Ok(()),
            Kind::Archive { format: FORMAT_MIN..=FORMAT, complete: false } => Err(Misfit(
                "it is the export of a window of time, which lacks accounts and keys; import a full export".to_owned(),
            )),
            Kind::Archive { format, .. } => {
                Err(Misfit(format!("its format is {format}, and this version reads formats {FORMAT_MIN} to {FORMAT}")))
            }
            _ => Err(Misfit("an export begins with a record of the kind `archive`".to_owned())),
        }
    }
}

/// Whether a line of JSON spells a NUL: the escape itself, and not a backslash before it.
fn holds_nul(line: &str) -> bool {
    line.match_indices("\\u0000").any(|(at, _)| {
        let before = line.as_bytes().iter().take(at).rev();
        before.take_while(|byte| **byte == b'\\').count().is_multiple_of(2)
    })
}

impl OrderParts {
    /// An order of which nothing else is known yet.
    pub fn of(order: OrderRow) -> Self {
        Self {
            order,
            events: Vec::new(),
            payments: Vec::new(),
            ipns: Vec::new(),
            idempotency_keys: Vec::new(),
            webhook_events: Vec::new(),
            webhook_deliveries: Vec::new(),
            webhook_confirmed: Vec::new(),
            attention: Vec::new(),
        }
    }

    /// What one commit added. The order itself is the last commit's.
    fn learn(&mut self, set: &Changeset) {
        if let Some(change) = &set.order {
            let known = self.events.len();
            let news = change.after.events.iter().skip(known);
            self.events.extend(news.map(|event| EventRow::of(change.after.id, event, set.at)));
            let ledger = change.after.ledger.iter().map(|payment| PaymentRow::of(change.after.id, payment));
            self.payments = ledger.collect();
            self.idempotency_keys.extend(set.key.iter().map(|claim| KeyClaimRow::of(claim, &change.after)));
            self.webhook_events.extend(set.webhook.iter().map(|event| OutboxRow::of(event, &change.after)));
        }
        if let Some(ipn) = &set.ipn {
            let said = Some(&ipn.content_sha256);
            match self.ipns.iter_mut().find(|known| known.content_sha256.as_ref() == said) {
                Some(known) => {
                    known.times_seen = known.times_seen.saturating_add(1);
                    known.last_received_at = ipn.received_at.micros();
                }
                None => self.ipns.push(IpnRow::of(ipn)),
            }
        }
        if let Some(used) = &set.replay {
            self.count_use(used.kind, set.at);
        }
    }

    fn count_use(&mut self, kind: KeyUseKind, at: Timestamp) {
        let [replays, mismatches] = key_use_counts(kind);
        for key in &mut self.idempotency_keys {
            key.replays = key.replays.saturating_add(replays);
            key.body_mismatches = key.body_mismatches.saturating_add(mismatches);
            key.last_seen_at = at.micros();
        }
    }

    /// Puts the parts into the one order in which they are written.
    pub fn sort(&mut self) {
        self.events.sort_by_key(|row| row.seq);
        self.payments.sort_by(|a, b| (a.first_seen_at, &a.payment_id).cmp(&(b.first_seen_at, &b.payment_id)));
        self.ipns.sort_by(|a, b| (a.received_at, &a.body_sha256).cmp(&(b.received_at, &b.body_sha256)));
        self.idempotency_keys.sort_by(|a, b| a.key.cmp(&b.key));
        self.webhook_events.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        self.webhook_deliveries.sort_by(|a, b| a.id.cmp(&b.id));
        self.webhook_confirmed.sort_by(|a, b| (&a.event_id, &a.webhook_id).cmp(&(&b.event_id, &b.webhook_id)));
        self.attention.sort_by(|a, b| (a.first_at, &a.id).cmp(&(b.first_at, &b.id)));
    }

    /// Names the order in all its parts, which do not repeat it on the line.
    fn own(&mut self) {
        let id = self.order.id.clone();
        self.events.iter_mut().for_each(|row| row.order_id.clone_from(&id));
        self.payments.iter_mut().for_each(|row| row.order_id.clone_from(&id));
        self.ipns.iter_mut().for_each(|row| row.order_id = Some(id.clone()));
        self.idempotency_keys.iter_mut().for_each(|row| row.order_id.clone_from(&id));
        self.webhook_events.iter_mut().for_each(|row| row.order_id.clone_from(&id));
        self.webhook_deliveries.iter_mut().for_each(|row| row.order_id = Some(id.clone()));
        self.attention.iter_mut().for_each(|row| row.order_id.clone_from(&id));
    }
}
