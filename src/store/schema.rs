//! The tables, once for both engines; `migrations/` creates them.
//!
//! Portable column types only: `Text` and `BigInt` (money in minor units, counters, times in microseconds
//! since the epoch). What a table is for stands in the migration.

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
    orders (id) {
        id -> Text,
        account_id -> Text,
        product -> Text,
        price_cents -> BigInt,
        price_currency -> Text,
        pay_currency -> Nullable<Text>,
        status -> Text,
        failure_reason -> Nullable<Text>,
        amount_check -> Nullable<Text>,
        owed -> Nullable<Text>,
        payment_id -> Nullable<Text>,
        customer_note -> Nullable<Text>,
        internal_note -> Nullable<Text>,
        expires_at -> Nullable<BigInt>,
        due_at -> Nullable<BigInt>,
        paid_at -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    order_events (order_id, seq) {
        order_id -> Text,
        seq -> BigInt,
        status -> Text,
        at -> BigInt,
        source -> Text,
        provider_status -> Nullable<Text>,
        payment_id -> Nullable<Text>,
        actor -> Nullable<Text>,
        recorded_at -> BigInt,
        witness -> Nullable<Text>,
        provider_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    order_payments (payment_id) {
        payment_id -> Text,
        order_id -> Text,
        role -> Text,
        parent_payment_id -> Nullable<Text>,
        provider_status -> Text,
        coin -> Nullable<Text>,
        pay_amount -> Nullable<Text>,
        received -> Nullable<Text>,
        provider_at -> Nullable<BigInt>,
        first_seen_at -> BigInt,
        other_coin -> Nullable<Text>,
        other_received -> Nullable<Text>,
        pay_address -> Nullable<Text>,
        payin_extra_id -> Nullable<Text>,
        network -> Nullable<Text>,
        purchase_id -> Nullable<Text>,
        decimals -> Nullable<BigInt>,
        paid_at_fiat -> Nullable<Text>,
        outcome_amount -> Nullable<Text>,
        outcome_currency -> Nullable<Text>,
        fee_amount -> Nullable<Text>,
        fee_currency -> Nullable<Text>,
        unclear_status -> Nullable<Text>,
        unclear_coin -> Nullable<Text>,
        unclear_received -> Nullable<Text>,
        ended_status -> Nullable<Text>,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    idempotency_keys (account_id, key) {
        account_id -> Text,
        key -> Text,
        order_id -> Text,
        product -> Text,
        price_cents -> BigInt,
        price_currency -> Text,
        first_seen_at -> BigInt,
        last_seen_at -> BigInt,
        replays -> BigInt,
        body_mismatches -> BigInt,
    }
}

diesel::table! {
    idempotency_totals (account_id, shard) {
        account_id -> Text,
        shard -> BigInt,
        first_writes -> BigInt,
        replays -> BigInt,
        body_mismatches -> BigInt,
    }
}

diesel::table! {
    order_totals (day, status, product, currency, shard) {
        day -> Text,
        status -> Text,
        product -> Text,
        currency -> Text,
        shard -> BigInt,
        orders -> BigInt,
        cents -> BigInt,
        paid_after_ms -> BigInt,
    }
}

diesel::table! {
    witness_totals (day, witness, shard) {
        day -> Text,
        witness -> Text,
        shard -> BigInt,
        moves -> BigInt,
        lag_ms -> BigInt,
        under_10s -> BigInt,
        s10_to_1m -> BigInt,
        m1_to_10m -> BigInt,
        over_10m -> BigInt,
    }
}

diesel::table! {
    received_ipns (body_sha256) {
        body_sha256 -> Text,
        order_id -> Nullable<Text>,
        payment_id -> Text,
        payment_status -> Text,
        verified_form -> Text,
        verified_secret -> BigInt,
        outcome -> Text,
        times_seen -> BigInt,
        received_at -> BigInt,
        last_received_at -> BigInt,
        raw_body -> Text,
        content_sha256 -> Nullable<Text>,
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
    attention_items (id) {
        id -> Text,
        kind -> Text,
        order_id -> Text,
        payment_id -> Text,
        count -> BigInt,
        first_at -> BigInt,
        last_at -> BigInt,
        resolved_at -> Nullable<BigInt>,
        resolved_by -> Nullable<Text>,
        resolution_note -> Nullable<Text>,
        detail -> Nullable<Text>,
    }
}

diesel::table! {
    outbox_events (id) {
        id -> Text,
        account_id -> Text,
        order_id -> Text,
        event_type -> Text,
        body -> Text,
        created_at -> BigInt,
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
    search_queue (order_id) {
        order_id -> Text,
    }
}

diesel::table! {
    order_search (id) {
        id -> BigInt,
        order_id -> Text,
        body -> Text,
    }
}

diesel::table! {
    write_probe (id) {
        id -> BigInt,
        at -> BigInt,
    }
}

diesel::table! {
    provider_work (order_id) {
        order_id -> Text,
        due_at -> BigInt,
        claim -> Text,
        claimed_until -> BigInt,
        asked_at -> Nullable<BigInt>,
        tries -> BigInt,
        last_error -> Nullable<Text>,
        raise_at -> Nullable<BigInt>,
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
    webhook_deliveries (id) {
        id -> Text,
        webhook_id -> Text,
        event_id -> Text,
        order_id -> Nullable<Text>,
        event_type -> Text,
        event_at -> BigInt,
        turn -> Text,
        status -> Text,
        attempts -> BigInt,
        due_at -> Nullable<BigInt>,
        lease -> Text,
        last_response_status -> Nullable<BigInt>,
        last_response_excerpt -> Nullable<Text>,
        last_error -> Nullable<Text>,
        delivered_at -> Nullable<BigInt>,
        created_at -> BigInt,
        attempt_due_at -> Nullable<BigInt>,
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

diesel::allow_tables_to_appear_in_same_query!(orders, order_search, order_payments, search_queue);
diesel::allow_tables_to_appear_in_same_query!(webhook_endpoints, webhook_deliveries, outbox_events, confirmed_events);
