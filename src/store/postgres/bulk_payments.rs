//! Many payments that are all new at once, on PostgreSQL; see `bulk.rs`.

use std::marker::PhantomData;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::bulk::{Column, Unnest, columns, unnest};
use crate::store::payment_rows::PaymentRow;

/// Inserts payments that are all new.
pub async fn ledger_insert(conn: &Conn, rows: Vec<PaymentRow>) -> QueryResult<()> {
    unnest!(
        conn,
        rows,
        LedgerInsert,
        "insert into order_payments (payment_id, order_id, role, parent_payment_id, provider_status, coin, \
         pay_amount, received, provider_at, first_seen_at, other_coin, other_received, pay_address, payin_extra_id, \
         network, purchase_id, decimals, paid_at_fiat, outcome_amount, outcome_currency, fee_amount, fee_currency, \
         unclear_status, unclear_coin, unclear_received, ended_status, ended_at) select * from",
        [
            text payment_id, text order_id, text role, text_or_null parent_payment_id, text provider_status,
            text_or_null coin, text_or_null pay_amount, text_or_null received, bigint_or_null provider_at,
            bigint first_seen_at, text_or_null other_coin, text_or_null other_received, text_or_null pay_address,
            text_or_null payin_extra_id, text_or_null network, text_or_null purchase_id, bigint_or_null decimals,
            text_or_null paid_at_fiat, text_or_null outcome_amount, text_or_null outcome_currency,
            text_or_null fee_amount, text_or_null fee_currency, text_or_null unclear_status, text_or_null unclear_coin,
            text_or_null unclear_received, text_or_null ended_status, bigint_or_null ended_at,
        ],
        "returning payment_id"
    );
    Ok(())
}
