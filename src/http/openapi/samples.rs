//! Orders as the document shows them: one story, told to its customer and to operators.
//!
//! Tests hold them to the fields that orders really have.

use serde_json::{Value, json};

/// An order that was paid, as its customer sees it.
#[must_use]
pub fn customer_order() -> Value {
    json!({
        "order_id": "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b",
        "product": "solo_manual",
        "price_cents": 7900,
        "price_currency": "USD",
        "payment_id": "5077125051",
        "status": "paid",
        "failure_reason": null,
        "customer_note": "For Ada.",
        "events": [
            {"status": "pending", "at": "2026-05-12T13:00:00.000Z", "source": "create"},
            {"status": "paid", "at": "2026-05-12T13:05:00.000Z", "source": "ipn"},
        ],
        "expires_at": null,
        "paid_at": "2026-05-12T13:05:00.000Z",
        "created_at": "2026-05-12T13:00:00.000Z",
        "updated_at": "2026-05-12T13:05:00.000Z",
    })
}

/// What a checkout answers.
#[must_use]
pub fn checkout() -> Value {
    json!({
        "order_id": "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b",
        "product": "solo_manual",
        "price_cents": 7900,
        "price_currency": "USD",
        "status": "pending",
        "provider": "nowpayments",
        "payment_id": "5077125051",
        "payment_address": "3EZ2uTdVDAMFXTfc6uLDDKR6o8qKBZXVkj",
        "pay_currency": "btc",
        "pay_amount": 0.0024,
        "payin_extra_id": null,
        "network": "btc",
        "expires_at": "2026-05-12T14:00:00.000Z",
        "created_at": "2026-05-12T13:00:00.000Z",
        "pay_url": "https://pay.example.com/pay/AYkKXZbnfJ-KCxwtPk9aaxsMKW69oW72GzDns-7ku60",
    })
}

/// The rest of an order of which less arrived than was asked for.
#[must_use]
pub fn top_up() -> Value {
    json!({
        "order_id": "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b",
        "payment_id": "5077125052",
        "payment_address": "3EZ2uTdVDAMFXTfc6uLDDKR6o8qKBZXVkj",
        "pay_currency": "btc",
        "pay_amount": "0.0009",
        "payin_extra_id": null,
        "network": "btc",
        "created_at": "2026-05-12T14:00:00.000Z",
    })
}

/// What the provider reports once that order is paid.
#[must_use]
pub fn ipn() -> Value {
    json!({
        "payment_id": 5_077_125_051_i64,
        "payment_status": "finished",
        "order_id": "ord_01890a5d96e77c9f8a0b1c2d3e4f5a6b",
        "parent_payment_id": null,
        "price_amount": 79,
        "price_currency": "usd",
        "pay_amount": "0.0024",
        "actually_paid": "0.0024",
        "pay_currency": "btc",
        "updated_at": "2026-05-12T13:05:00.000Z",
    })
}

/// The same order, as operators see it.
#[must_use]
pub fn admin_order() -> Value {
    let (created_at, paid_at) = ("2026-05-12T13:00:00.000Z", "2026-05-12T13:05:00.000Z");
    let mut order = customer_order();
    if let Some(fields) = order.as_object_mut() {
        fields.insert("account_id".to_owned(), json!("0f0e0d0c-0b0a-4908-8706-050403020100"));
        fields.insert("internal_note".to_owned(), json!(null));
        fields.insert(
            "events".to_owned(),
            json!([
                {"status": "pending", "at": created_at, "source": "create", "seq": 1, "recorded_at": created_at},
                {"status": "paid", "at": paid_at, "source": "ipn", "seq": 2, "recorded_at": paid_at,
                    "provider_status": "finished", "payment_id": "5077125051", "witness": "ipn",
                    "provider_at": "2026-05-12T13:04:58.200Z"},
            ]),
        );
    }
    order
}
