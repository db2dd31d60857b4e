//! The tables, once for both engines; `migrations/` creates them. Those that are written in bulk are declared with their
//! rows in `tables.rs`.
//!
//! Portable column types only: `Text` and `BigInt` (money in minor units, counters, times in microseconds
//! since the epoch). What a table is for stands in the migration.

pub use super::tables::{
    attention_items, idempotency_keys, idempotency_totals, order_events, order_payments, order_search, order_totals,
    orders, outbox_events, provider_work, received_ipns, search_queue, webhook_deliveries, witness_totals,
};

diesel::table! {
    accounts (id) {
        id -> Text,
        name -> Text,
        tier -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        account_id -> Nullable<Text>,
        name -> Text,
        key_prefix -> Text,
        key_hash -> Text,
        scopes -> Text,
        last_used_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        expires_at -> Nullable<BigInt>,
        created_at -> BigInt,
        replaced_by -> Nullable<Text>,
    }
}

diesel::table! {
    refused_ipns (id) {
        id -> Text,
        reason -> Text,
        ip -> Nullable<Text>,
        at -> BigInt,
        body -> Text,
    }
}

diesel::table! {
    audit_log (id) {
        id -> Text,
        actor -> Nullable<Text>,
        action -> Text,
        target -> Text,
        input -> Text,
        result -> Text,
        ip -> Nullable<Text>,
        at -> BigInt,
    }
}

diesel::table! {
    write_probe (id) {
        id -> BigInt,
        at -> BigInt,
    }
}

diesel::table! {
    provider_pace (id) {
        id -> BigInt,
        next_at -> BigInt,
    }
}

diesel::table! {
    webhook_endpoints (id) {
        id -> Text,
        account_id -> Text,
        url -> Text,
        secret -> Text,
        prev_secret -> Nullable<Text>,
        prev_secret_until -> Nullable<BigInt>,
        events -> Text,
        description -> Nullable<Text>,
        status -> Text,
        consecutive_failures -> BigInt,
        last_success_at -> Nullable<BigInt>,
        last_failure_at -> Nullable<BigInt>,
        disabled_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
        delivered -> BigInt,
        failed -> BigInt,
        dlq -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        key_id -> Text,
        token_hash -> Text,
        prev_token_hash -> Nullable<Text>,
        form_token -> Text,
        rotated_at -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    service_secrets (name) {
        name -> Text,
        secret -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    confirmed_events (event_id, webhook_id) {
        event_id -> Text,
        webhook_id -> Text,
    }
}

diesel::joinable!(order_events -> orders (order_id));
diesel::joinable!(order_payments -> orders (order_id));
diesel::allow_tables_to_appear_in_same_query!(orders, order_events, order_search, order_payments, search_queue);
diesel::allow_tables_to_appear_in_same_query!(webhook_endpoints, webhook_deliveries, outbox_events, confirmed_events);
