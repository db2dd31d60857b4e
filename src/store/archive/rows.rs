//! Rows that records are made of and no other part of the store reads whole, and all rows of a batch.
//!
//! Orders, logs, IPNs, keys of checkouts and outgoing events have theirs in `rows.rs` and `effect_rows.rs`, accounts,
//! API keys and admin writes in `access_rows.rs`, endpoints and deliveries in `webhook_rows.rs`.

use serde::{Deserialize, Serialize};

use crate::store::access_rows::SecretRow;
use crate::store::access_rows::{AccountRow, AuditRow, KeyRow};
use crate::store::tables::{
    AttentionRow, DeliveryRow, EventRow, IpnRow, KeyClaimRow, KeyTotalRow, OrderRow, OutboxRow, PaymentRow, RaisedRow,
    SearchRow, TotalRow, WitnessTotalRow,
};
use crate::store::webhook_rows::{ConfirmedRow, EndpointRow};

impl From<RaisedRow> for AttentionRow {
    fn from(row: RaisedRow) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            order_id: row.order_id,
            payment_id: row.payment_id,
            count: row.count,
            first_at: row.first_at,
            last_at: row.last_at,
            resolved_at: None,
            resolved_by: None,
            resolution_note: None,
            detail: row.detail,
        }
    }
}

/// An account's counters of keys, over all shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountersRow {
    pub account_id: String,
    pub first_writes: i64,
    pub replays: i64,
    pub body_mismatches: i64,
}

/// All rows of a batch, by table.
#[derive(Debug, Default)]
pub(in crate::store) struct Rows {
    pub secrets: Vec<SecretRow>,
    pub accounts: Vec<AccountRow>,
    pub api_keys: Vec<KeyRow>,
    pub endpoints: Vec<EndpointRow>,
    pub orders: Vec<OrderRow>,
    pub events: Vec<EventRow>,
    pub payments: Vec<PaymentRow>,
    pub ipns: Vec<IpnRow>,
    pub keys: Vec<KeyClaimRow>,
    pub outbox: Vec<OutboxRow>,
    pub deliveries: Vec<DeliveryRow>,
    pub confirmed: Vec<ConfirmedRow>,
    pub attention: Vec<AttentionRow>,
    pub audit: Vec<AuditRow>,
    pub search: Vec<SearchRow>,
    pub totals: Vec<TotalRow>,
    pub key_totals: Vec<KeyTotalRow>,
    pub witness_totals: Vec<WitnessTotalRow>,
}
