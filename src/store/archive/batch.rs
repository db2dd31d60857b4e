//! Records on their way into the tables: judged, taken apart into rows, and counted.
//!
//! All of it is computing, so that it can run beside the writing. Totals are folded over the whole load and
//! come with the last batch; the text for the search index comes with each order.

use std::collections::{BTreeMap, BTreeSet};

use super::check_webhooks::{self, Endpoints};
use super::records::{Kind, OrderParts, Record};
use super::rows::{CountersRow, Rows};
use super::{Misfit, check};
use crate::store::effect_rows::{Totals, totals_add_placed};
use crate::store::move_rows::{Moves, move_add};
use crate::store::sqlite::search;
use crate::store::tables::KeyTotalRow;

/// Rows that are written together.
#[derive(Debug, Default)]
pub struct Batch {
    pub(in crate::store) rows: Rows,
}

impl Batch {
    /// How many orders are in it.
    #[must_use]
    pub fn orders(&self) -> u64 {
        u64::try_from(self.rows.orders.len()).unwrap_or(u64::MAX)
    }
}

/// Makes batches of records. One for a whole load: it remembers accounts and endpoints, and sums up totals.
#[derive(Debug, Default)]
pub struct Batches {
    accounts: BTreeSet<String>,
    endpoints: Endpoints,
    totals: Totals,
    moves: Moves,
    key_totals: BTreeMap<String, KeyTotalRow>,
    rows: Rows,
}

impl Batches {
    /// Adds a record to the batch that is being made.
    ///
    /// # Errors
    /// [`Misfit`] if the domain cannot mean it; nothing of it is added then.
    pub fn add(&mut self, record: Record) -> Result<(), Misfit> {
        match record.0 {
            Kind::Archive { .. } | Kind::End { .. } => {
                return Err(Misfit("the first and the last record stand once each, at their ends".to_owned()));
            }
            Kind::ServiceSecret(row) => {
                check::service_secret(&row)?;
                self.rows.secrets.push(row);
            }
            Kind::Account(row) => {
                check::account(&row)?;
                self.accounts.insert(row.id.clone());
                self.rows.accounts.push(row);
            }
            Kind::ApiKey(row) => {
                check::api_key(&row, &self.accounts)?;
                self.rows.api_keys.push(row);
            }
            Kind::WebhookEndpoint(row) => {
                check_webhooks::endpoint(&row, &self.accounts)?;
                self.endpoints.insert(row.id.clone(), row.account_id.clone());
                self.rows.endpoints.push(row);
            }
            Kind::Order(parts) => self.add_order(*parts)?,
            Kind::UnmatchedIpn(row) => {
                check::ipn(&row)?;
                self.rows.ipns.push(row);
            }
            Kind::WebhookPing { event, deliveries } => {
                check_webhooks::ping(&event, &deliveries, &self.endpoints)?;
                self.rows.outbox.push(event);
                self.rows.deliveries.extend(deliveries);
            }
            Kind::Attention { item } => {
                check::attention(&item)?;
                self.rows.attention.push(item);
            }
            Kind::AuditEntry(row) => {
                check::audit_entry(&row)?;
                self.rows.audit.push(row);
            }
            Kind::IdempotencyCounters(row) => {
                check::counters(&row, &self.accounts)?;
                self.count(&row);
            }
        }
        Ok(())
    }

    fn add_order(&mut self, parts: OrderParts) -> Result<(), Misfit> {
        let order = check::order(&parts, &self.accounts)?;
        check_webhooks::deliveries(&parts.webhook_deliveries, &parts.webhook_events, &self.endpoints)?;
        check_webhooks::confirmed(&parts, &self.endpoints)?;
        totals_add_placed(&mut self.totals, &order);
        order.events.iter().for_each(|event| move_add(&mut self.moves, event));
        let text = (parts.order.id.clone(), parts.order.product.clone(), parts.order.customer_note.clone());
        self.rows.search.push(search::row(text));
        self.rows.orders.push(parts.order);
        self.rows.events.extend(parts.events);
        self.rows.payments.extend(parts.payments);
        self.rows.ipns.extend(parts.ipns);
        self.rows.keys.extend(parts.idempotency_keys);
        self.rows.outbox.extend(parts.webhook_events);
        self.rows.deliveries.extend(parts.webhook_deliveries);
        self.rows.confirmed.extend(parts.webhook_confirmed);
        self.rows.attention.extend(parts.attention);
        Ok(())
    }

    /// Counters are kept by account, and under the empty name for all.
    fn count(&mut self, row: &CountersRow) {
        for account_id in [row.account_id.clone(), String::new()] {
            let total = self.key_totals.entry(account_id.clone()).or_default();
            total.account_id = account_id;
            total.first_writes = total.first_writes.saturating_add(row.first_writes);
            total.replays = total.replays.saturating_add(row.replays);
            total.body_mismatches = total.body_mismatches.saturating_add(row.body_mismatches);
        }
    }

    /// What was added since the last batch.
    pub fn take(&mut self) -> Batch {
        Batch { rows: std::mem::take(&mut self.rows) }
    }

    /// The last batch: what is left, and the totals of all.
    #[must_use]
    pub fn finish(mut self) -> Batch {
        self.rows.totals = self.totals.into_values().collect();
        self.rows.witness_totals = self.moves.into_values().collect();
        self.rows.key_totals = self.key_totals.into_values().collect();
        Batch { rows: self.rows }
    }
}
