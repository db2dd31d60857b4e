//! Rows that records are made of and no other part of the store reads whole, and all rows of a batch.
//!
//! Orders, logs, IPNs, keys of checkouts and outgoing events have theirs in `rows.rs` and `effect_rows.rs`, accounts,
//! API keys and admin writes in `access_rows.rs`, endpoints and deliveries in `webhook_rows.rs`.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::iso;
use crate::store::access_rows::{AccountRow, AuditRow, KeyRow};
use crate::store::effect_rows::{IpnRow, KeyClaimRow, KeyTotalRow, OutboxRow, RaisedRow, SearchRow, TotalRow};
use crate::store::move_rows::WitnessTotalRow;
use crate::store::payment_rows::PaymentRow;
use crate::store::rows::{EventRow, OrderRow};
use crate::store::schema::attention_items;
use crate::store::secrets::SecretRow;
use crate::store::webhook_rows::{ConfirmedRow, DeliveryRow, EndpointRow};

/// A row of `attention_items`; empty text for no order and for no payment.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, Deserialize)]
#[diesel(table_name = attention_items, treat_none_as_default_value = false)]
#[serde(deny_unknown_fields)]
pub struct AttentionRow {
    pub id: String,
    pub kind: String,
    #[serde(skip)]
    pub order_id: String,
    pub payment_id: String,
    pub count: i64,
    #[serde(with = "iso")]
    pub first_at: i64,
    #[serde(with = "iso")]
    pub last_at: i64,
    #[serde(with = "iso::or_null")]
    pub resolved_at: Option<i64>,
    pub resolved_by: Option<String>,
    pub resolution_note: Option<String>,
    // Items of older archives have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

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
