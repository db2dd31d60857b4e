//! The tables that commits and archives write in bulk, each with its row, once for both engines.
//!
//! A new column is added here, in a migration of each engine, and in the conversions from and to the domain (`rows.rs`
//! and its neighbours). The migrations say the purpose of each table. Times are microseconds
//! since the epoch, money is in minor units.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde::{Deserialize, Serialize};

use super::archive::iso;
use super::stored_row::{
    ColumnMerge, ColumnType, ColumnValue, ColumnValues, ConflictRule, StoredRow, stored_row, stored_table,
};

stored_table! {
    /// A row of `orders`.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    OrderRow in orders (id), ConflictRule::Fail;
    id: Text,
    account_id: Text,
    product: Text,
    price_cents: BigInt,
    price_currency: Text,
    pay_currency: Nullable<Text>,
    status: Text [set],
    failure_reason: Nullable<Text> [set],
    amount_check: Nullable<Text> [set],
    owed: Nullable<Text> [set],
    payment_id: Nullable<Text> [set],
    customer_note: Nullable<Text> [set],
    internal_note: Nullable<Text> [set],
    #[serde(with = "iso::or_null")]
    expires_at: Nullable<BigInt> [set],
    #[serde(with = "iso::or_null")]
    due_at: Nullable<BigInt> [set],
    #[serde(with = "iso::or_null")]
    paid_at: Nullable<BigInt> [set],
    #[serde(with = "iso")]
    created_at: BigInt,
    #[serde(with = "iso")]
    updated_at: BigInt [set],
    version: BigInt [next],
}

stored_table! {
    /// A row of `order_events`.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    EventRow in order_events (order_id, seq), ConflictRule::Fail;
    #[serde(skip)]
    order_id: Text,
    seq: BigInt,
    status: Text,
    #[serde(with = "iso")]
    at: BigInt,
    source: Text,
    provider_status: Nullable<Text>,
    payment_id: Nullable<Text>,
    actor: Nullable<Text>,
    #[serde(with = "iso")]
    recorded_at: BigInt,
    witness: Nullable<Text>,
    // Lines of an older archive have none.
    #[serde(default, with = "iso::or_null")]
    provider_at: Nullable<BigInt>,
}

stored_table! {
    /// A row of `order_payments`. The payment of another order is not written.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    PaymentRow in order_payments (payment_id), ConflictRule::MergeIf("t.order_id = excluded.order_id");
    payment_id: Text,
    #[serde(skip)]
    order_id: Text,
    role: Text,
    parent_payment_id: Nullable<Text>,
    provider_status: Text [set],
    coin: Nullable<Text> [set],
    pay_amount: Nullable<Text> [set],
    received: Nullable<Text> [set],
    #[serde(with = "iso::or_null")]
    provider_at: Nullable<BigInt> [set],
    #[serde(with = "iso")]
    first_seen_at: BigInt,
    other_coin: Nullable<Text> [set],
    other_received: Nullable<Text> [set],
    pay_address: Nullable<Text> [set],
    payin_extra_id: Nullable<Text> [set],
    network: Nullable<Text> [set],
    purchase_id: Nullable<Text> [set],
    decimals: Nullable<BigInt> [set],
    paid_at_fiat: Nullable<Text> [set],
    outcome_amount: Nullable<Text> [set],
    outcome_currency: Nullable<Text> [set],
    fee_amount: Nullable<Text> [set],
    fee_currency: Nullable<Text> [set],
    unclear_status: Nullable<Text> [set],
    unclear_coin: Nullable<Text> [set],
    unclear_received: Nullable<Text> [set],
    ended_status: Nullable<Text> [set],
    // Lines of an older archive have none.
    #[serde(default, with = "iso::or_null")]
    ended_at: Nullable<BigInt> [set],
}

stored_table! {
    /// A row of `idempotency_keys`, as the first use of a key makes it.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    KeyClaimRow in idempotency_keys (account_id, key), ConflictRule::Skip;
    #[serde(skip)]
    order_id: Text,
    account_id: Text,
    key: Text,
    product: Text,
    price_cents: BigInt,
    price_currency: Text,
    #[serde(with = "iso")]
    first_seen_at: BigInt,
    #[serde(with = "iso")]
    last_seen_at: BigInt,
    replays: BigInt,
    body_mismatches: BigInt,
}

stored_table! {
    /// A row of `idempotency_totals`: what is to be added to it. The empty account counts all.
    #[derive(Default)]
    KeyTotalRow in idempotency_totals (account_id, shard), ConflictRule::Merge;
    account_id: Text,
    shard: BigInt,
    first_writes: BigInt [add],
    replays: BigInt [add],
    body_mismatches: BigInt [add],
}

stored_table! {
    /// A row of `order_totals`: what is to be added to it.
    #[derive(Default)]
    TotalRow in order_totals (day, status, product, currency, shard), ConflictRule::Merge;
    day: Text,
    status: Text,
    product: Text,
    currency: Text,
    shard: BigInt,
    orders: BigInt [add],
    cents: BigInt [add],
    paid_after_ms: BigInt [add],
}

stored_table! {
    /// A row of `witness_totals`: what is to be added to it.
    #[derive(Default)]
    WitnessTotalRow in witness_totals (day, witness, shard), ConflictRule::Merge;
    day: Text,
    witness: Text,
    shard: BigInt,
    moves: BigInt [add],
    lag_ms: BigInt [add],
    under_10s: BigInt [add],
    s10_to_1m: BigInt [add],
    m1_to_10m: BigInt [add],
    over_10m: BigInt [add],
}

stored_table! {
    /// A row of `received_ipns`.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    IpnRow in received_ipns (body_sha256), ConflictRule::Skip;
    body_sha256: Text,
    #[serde(skip)]
    order_id: Nullable<Text>,
    payment_id: Text,
    payment_status: Text,
    verified_form: Text,
    verified_secret: BigInt,
    outcome: Text,
    times_seen: BigInt,
    #[serde(with = "iso")]
    received_at: BigInt,
    #[serde(with = "iso")]
    last_received_at: BigInt,
    raw_body: Text,
    /// None of a row that was written before reports were known by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_sha256: Nullable<Text>,
}

stored_table! {
    /// A row of `attention_items`; empty text for no order and for no payment.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    AttentionRow in attention_items (id), ConflictRule::Fail;
    id: Text,
    kind: Text,
    #[serde(skip)]
    order_id: Text,
    payment_id: Text,
    count: BigInt,
    #[serde(with = "iso")]
    first_at: BigInt,
    #[serde(with = "iso")]
    last_at: BigInt,
    #[serde(with = "iso::or_null")]
    resolved_at: Nullable<BigInt>,
    resolved_by: Nullable<Text>,
    resolution_note: Nullable<Text>,
    // Items of older archives have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Nullable<Text>,
}

stored_row! {
    /// A row of `attention_items`: an item to open, or what to add to the open one.
    RaisedRow in attention_items (kind, order_id, payment_id), ConflictRule::MergeAmong("resolved_at is null");
    id: Text,
    kind: Text,
    order_id: Text,
    payment_id: Text,
    count: BigInt [add],
    first_at: BigInt,
    last_at: BigInt [set],
    detail: Nullable<Text> [unless_null],
}

stored_table! {
    /// A row of `outbox_events`.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    OutboxRow in outbox_events (id), ConflictRule::Fail;
    id: Text,
    account_id: Text,
    #[serde(skip)]
    order_id: Text,
    event_type: Text,
    body: Text,
    #[serde(with = "iso")]
    created_at: BigInt,
}

stored_table! {
    /// A row of `webhook_deliveries`.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    DeliveryRow in webhook_deliveries (id), ConflictRule::Skip;
    id: Text,
    webhook_id: Text,
    event_id: Text,
    #[serde(skip)]
    order_id: Nullable<Text>,
    event_type: Text,
    #[serde(with = "iso")]
    event_at: BigInt,
    turn: Text,
    status: Text,
    attempts: BigInt,
    #[serde(with = "iso::or_null")]
    due_at: Nullable<BigInt>,
    lease: Text,
    last_response_status: Nullable<BigInt>,
    last_response_excerpt: Nullable<Text>,
    last_error: Nullable<Text>,
    #[serde(with = "iso::or_null")]
    delivered_at: Nullable<BigInt>,
    #[serde(with = "iso")]
    created_at: BigInt,
    // Deliveries that were leased by an older version have none.
    #[serde(default, with = "iso::or_null")]
    attempt_due_at: Nullable<BigInt>,
}

stored_table! {
    /// A row of `provider_work`: a question to the provider. An insert replaces it, even if it is claimed.
    #[derive(AsChangeset)]
    #[diesel(treat_none_as_null = true)]
    WorkRow in provider_work (order_id), ConflictRule::Merge;
    order_id: Text,
    due_at: BigInt [set],
    claim: Text [set],
    claimed_until: BigInt [set],
    asked_at: Nullable<BigInt> [set],
    tries: BigInt [set],
    last_error: Nullable<Text> [set],
    raise_at: Nullable<BigInt> [set],
}

stored_row! {
    /// A row of `provider_work` that brings a question forward; an earlier due time stays.
    LookRow in provider_work (order_id), ConflictRule::MergeIf("excluded.due_at < t.due_at");
    order_id: Text,
    due_at: BigInt [set],
    claim: Text,
    claimed_until: BigInt,
    tries: BigInt,
}

stored_table! {
    /// A row of `search_queue`: an order whose text is to be indexed.
    QueuedRow in search_queue (order_id), ConflictRule::Skip;
    order_id: Text,
}

diesel::table! {
    order_search (id) {
        id -> BigInt,
        order_id -> Text,
        body -> Text,
    }
}

stored_row! {
    /// A row of `order_search`: an order's text, case folded.
    SearchRow in order_search (order_id), ConflictRule::Merge;
    order_id: Text,
    body: Text [set],
}
