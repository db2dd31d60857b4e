//! What was raised to the operator: the list of items, and how one is disposed of.
//!
//! An item is read with the numbers of its payment and its order: two look-ups for a whole page. Items are opened
//! and counted up in the transition's own transaction (`commit.rs`), never here.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use uuid::Uuid;

use super::{Conn, Db, records};
use crate::domain::attention::AttentionKind;
use crate::domain::ids::{AttentionId, KeyId, OrderId, PaymentId};
use crate::domain::ledger::{Ledger, Payment};
use crate::domain::money::{Coin, CoinAmount, Currency, Price};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::changeset::AuditEntry;
use crate::store::records::{AttentionFilter, AttentionItem, AttentionState, Resolution, Resolved, Stretch};
use crate::store::rows::broken;
use crate::store::schema::{attention_items, order_payments, orders};
use crate::store::tables::PaymentRow;

#[derive(Queryable, Selectable)]
#[diesel(table_name = attention_items)]
struct ItemRow {
    id: String,
    kind: String,
    order_id: String,
    payment_id: String,
    count: i64,
    first_at: i64,
    last_at: i64,
    resolved_at: Option<i64>,
    resolved_by: Option<String>,
    resolution_note: Option<String>,
    detail: Option<String>,
}

/// What an order owes, and its price.
#[derive(Queryable, Selectable)]
#[diesel(table_name = orders)]
struct OwedRow {
    id: String,
    owed: Option<String>,
    price_cents: i64,
    price_currency: String,
}

/// What is known of the money of one order.
struct OrderMoney {
    price: Price,
    owed: Option<CoinAmount>,
    ledger: Ledger,
}

impl OrderMoney {
    /// What is still missing of what is owed; none while that is not known.
    fn missing(&self) -> Option<CoinAmount> {
        let owed = self.owed.as_ref().filter(|owed| !owed.is_zero())?;
        Some(owed.minus(&self.ledger.received()))
    }

    /// The coin in which the order is owed.
    fn coin(&self) -> Option<Coin> {
        self.ledger.coin().cloned()
    }
}

/// What is known of the money behind some items, by their orders.
#[derive(Default)]
struct Numbers(HashMap<String, OrderMoney>);

impl Numbers {
    /// Looks up the orders that these items name, and all payments of those.
    async fn behind(conn: &mut Conn, items: &[ItemRow]) -> Result<Self, StoreError> {
        let mut ids: Vec<&String> = items.iter().map(|item| &item.order_id).filter(|id| !id.is_empty()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            // What is asked for no order at all, the engines look for in everything.
            return Ok(Self::default());
        }
        let found: Vec<OwedRow> =
            orders::table.filter(orders::id.eq_any(&ids)).select(OwedRow::as_select()).load(conn).await?;
        let rows: Vec<PaymentRow> = order_payments::table
            .filter(order_payments::order_id.eq_any(&ids))
            .select(PaymentRow::as_select())
            .load(conn)
            .await?;
        let mut payments: HashMap<String, Vec<Payment>> = HashMap::new();
        for row in rows {
            payments.entry(row.order_id.clone()).or_default().push(row.into_payment()?);
        }
        let money = |order: OwedRow| -> Result<(String, OrderMoney), StoreError> {
            let currency = Currency::parse(&order.price_currency).ok_or_else(|| broken("price_currency", &order.id))?;
            let price = Price { cents: order.price_cents, currency };
            let ledger = Ledger::new(payments.remove(&order.id).unwrap_or_default());
            let owed = order.owed.as_deref().and_then(CoinAmount::parse);
            Ok((order.id, OrderMoney { price, owed, ledger }))
        };
        Ok(Self(found.into_iter().map(money).collect::<Result<_, _>>()?))
    }
}

/// The items of these rows, with their numbers.
async fn with_numbers(conn: &mut Conn, rows: Vec<ItemRow>) -> Result<Vec<AttentionItem>, StoreError> {
    let numbers = Numbers::behind(conn, &rows).await?;
    rows.into_iter().map(|row| row.into_item(&numbers)).collect()
}

impl ItemRow {
    fn into_item(self, numbers: &Numbers) -> Result<AttentionItem, StoreError> {
        let broken = |column| broken(column, &self.id);
        let order = || OrderId::parse(&self.order_id).ok_or_else(|| broken("order_id"));
        let payment = || PaymentId::parse(&self.payment_id).ok_or_else(|| broken("payment_id"));
        let by = |key: &String| KeyId::parse(key).ok_or_else(|| broken("resolved_by"));
        let resolution = |at: i64| -> Result<Resolution, StoreError> {
            let note = self.resolution_note.clone().unwrap_or_default();
            Ok(Resolution { at: Timestamp::from_micros(at), by: self.resolved_by.as_ref().map(by).transpose()?, note })
        };
        let money = numbers.0.get(&self.order_id);
        let of_payment = |money: &OrderMoney| money.ledger.find(&PaymentId::parse(&self.payment_id)?).cloned();
        Ok(AttentionItem {
            id: AttentionId::new(Uuid::try_parse(&self.id).map_err(|_| broken("id"))?),
            kind: AttentionKind::parse(&self.kind).ok_or_else(|| broken("kind"))?,
            // Empty text where there is none: a unique index knows no null.
            order_id: if self.order_id.is_empty() { None } else { Some(order()?) },
            payment_id: if self.payment_id.is_empty() { None } else { Some(payment()?) },
            payment: money.and_then(of_payment),
            price: money.map(|money| money.price),
            owed: money.and_then(|money| money.owed.clone()),
            owed_coin: money.and_then(OrderMoney::coin),
            missing: money.and_then(OrderMoney::missing),
            detail: self.detail.clone(),
            count: self.count,
            first_at: Timestamp::from_micros(self.first_at),
            last_at: Timestamp::from_micros(self.last_at),
            resolution: self.resolved_at.map(resolution).transpose()?,
        })
    }
}

/// Items, newest first.
pub async fn attention_page(
    conn: &mut Conn,
    filter: AttentionFilter,
    stretch: Stretch,
) -> Result<Vec<AttentionItem>, StoreError> {
    use attention_items as a;
    let mut query = a::table.into_boxed::<Db>();
    query = match filter.state {
        AttentionState::Open => query.filter(a::resolved_at.is_null()),
        AttentionState::Resolved => query.filter(a::resolved_at.is_not_null()),
    };
    if let Some(kind) = filter.kind {
        query = query.filter(a::kind.eq(kind.as_str()));
    }
    if let Some(order) = filter.order {
        query = query.filter(a::order_id.eq(order.to_string()));
    }
    if let Some(place) = stretch.after {
        let at = place.at.micros();
        query = query.filter(a::first_at.le(at)).filter(a::first_at.lt(at).or(a::id.lt(place.id)));
    }
    let rows: Vec<ItemRow> = query
        .order((a::first_at.desc(), a::id.desc()))
        .limit(i64::try_from(stretch.limit).unwrap_or(i64::MAX))
        .select(ItemRow::as_select())
        .load(conn)
        .await?;
    with_numbers(conn, rows).await
}

/// Resolves an open item and audits it, in one transaction; one that is resolved keeps its first resolution.
pub async fn attention_resolve(
    conn: &mut Conn,
    id: AttentionId,
    resolution: Resolution,
    audit: AuditEntry,
) -> Result<Resolved, StoreError> {
    use attention_items as a;
    let row = id.uuid().to_string();
    conn.transaction(async |conn| {
        // Written before anything is read: of two at once the second waits here, and then finds nothing open.
        let written = diesel::update(a::table.find(&row).filter(a::resolved_at.is_null()))
            .set((
                a::resolved_at.eq(resolution.at.micros()),
                a::resolved_by.eq(resolution.by.map(|key| key.to_string())),
                a::resolution_note.eq(&resolution.note),
            ))
            .execute(conn)
            .await?;
        let found: Option<ItemRow> = a::table.find(&row).select(ItemRow::as_select()).first(conn).await.optional()?;
        let found = with_numbers(conn, found.into_iter().collect()).await?;
        let Some(item) = found.into_iter().next() else { return Ok(Resolved::Unknown) };
        if written == 0 {
            return Ok(Resolved::Before(item));
        }
        records::audit_write(conn, &audit).await?;
        Ok(Resolved::Done(item))
    })
    .await
}
