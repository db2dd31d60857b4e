//! The rows of an order's page, ready to be shown.

use crate::domain::evidence::{ProviderWord, WitnessKind};
use crate::domain::money::Coin;
use crate::domain::money_facts::PaymentMoney;
use crate::domain::order::OrderEvent;
use crate::domain::time::Timestamp;
use crate::domain::webhook::resend::{NotMoved, Wish, judge};
use crate::http::admin::payments;
use crate::http::error::ApiError;
use crate::http::gui::moment::Moment;
use crate::store::records::{AttentionItem, AuditRecord, KeptIpn, SecretAge};
use crate::store::resend::Traced;

use super::excerpts::{Allowance, Excerpt};
use super::names::Names;

/// A line of the order's log.
pub struct TimelineRow {
    pub seq: i64,
    pub status: &'static str,
    pub source: &'static str,
    pub at: Moment,
    pub word: Option<String>,
    pub payment_id: Option<String>,
    pub witness: Option<&'static str>,
    pub actor: Option<String>,
    pub provider_at: Option<Moment>,
}

impl TimelineRow {
    pub fn of(event: &OrderEvent, names: &Names, now: Timestamp) -> Self {
        Self {
            seq: event.seq,
            status: event.status.as_str(),
            source: event.source.as_str(),
            at: Moment::new(event.at, now),
            word: event.word.as_ref().map(|word| ProviderWord::as_str(word).to_owned()),
            payment_id: event.payment_id.as_ref().map(ToString::to_string),
            witness: event.witness.map(WitnessKind::as_str),
            actor: event.actor.map(|key| names.of(Some(key))),
            provider_at: event.provider_at.map(|at| Moment::new(at, now)),
        }
    }
}

/// A payment of the ledger, with its times.
pub struct PaymentRow<'a> {
    pub row: payments::Row<'a>,
    pub first_seen: Moment,
    pub provider_at: Option<Moment>,
}

impl<'a> PaymentRow<'a> {
    pub fn of(row: payments::Row<'a>, now: Timestamp) -> Self {
        let first_seen = Moment::new(row.first_seen_at, now);
        let provider_at = row.provider_at.map(|at| Moment::new(at, now));
        Self { row, first_seen, provider_at }
    }
}

/// A verified IPN.
pub struct IpnRow<'a> {
    pub at: Moment,
    pub again: Option<Moment>,
    pub ipn: &'a KeptIpn,
    pub body: Excerpt,
    pub secret: &'static str,
}

impl<'a> IpnRow<'a> {
    pub fn of(ipn: &'a KeptIpn, now: Timestamp, room: &mut Allowance) -> Self {
        let secret = match ipn.verified_secret {
            SecretAge::Current => "current secret",
            SecretAge::Previous => "previous secret",
        };
        let again = (ipn.times_seen > 1).then(|| Moment::new(ipn.last_received_at, now));
        Self { at: Moment::new(ipn.received_at, now), again, ipn, body: room.excerpt(&ipn.raw_body), secret }
    }
}

/// A webhook delivery.
pub struct DeliveryRow {
    pub id: String,
    pub event: &'static str,
    pub event_id: String,
    pub url: String,
    pub status: &'static str,
    pub attempts: i64,
    pub created: Moment,
    pub delivered: Option<Moment>,
    pub next: Option<Moment>,
    pub is_discarded: bool,
    pub answer: Option<i64>,
    pub excerpt: Option<Excerpt>,
    pub error: Option<String>,
    /// Why it cannot be sent again.
    pub stays: Option<String>,
}

impl DeliveryRow {
    pub fn of(found: &Traced, now: Timestamp, room: &mut Allowance) -> Self {
        let delivery = &found.delivery;
        // Whoever attempts it may be gone for good: that is only known when it is asked for.
        let stays = judge(Wish::Replay, delivery.status, found.standing).err();
        let excerpt = delivery.last_response_excerpt.as_ref().filter(|excerpt| !excerpt.is_empty());
        let stays = stays.filter(|why| *why != NotMoved::InFlight);
        Self {
            id: delivery.id.to_string(),
            event: delivery.event_type.as_str(),
            event_id: delivery.event_id.to_string(),
            url: found.url.clone(),
            status: delivery.status.as_str(),
            attempts: delivery.attempts,
            created: Moment::new(delivery.created_at, now),
            delivered: delivery.delivered_at.map(|at| Moment::new(at, now)),
            next: delivery.waits().then(|| Moment::new(delivery.next_attempt_at, now)),
            is_discarded: delivery.is_discarded,
            answer: delivery.last_response_status,
            excerpt: excerpt.map(|excerpt| room.excerpt(excerpt)),
            error: delivery.last_error.clone(),
            stays: stays.map(|why| ApiError::from(why).to_string()),
        }
    }
}

/// Something that was raised about the order.
pub struct AttentionRow {
    pub id: String,
    pub kind: &'static str,
    pub meaning: &'static str,
    pub next_action: &'static str,
    pub payment_id: Option<String>,
    pub numbers: Option<String>,
    pub detail: Option<String>,
    pub count: i64,
    pub first: Moment,
    pub last: Moment,
    pub resolution: Option<Resolved>,
}

/// How it was disposed of.
pub struct Resolved {
    pub at: Moment,
    pub by: String,
    pub note: Excerpt,
}

impl AttentionRow {
    pub fn of(item: &AttentionItem, names: &Names, now: Timestamp, room: &mut Allowance) -> Self {
        let resolution = item.resolution.as_ref().map(|resolution| Resolved {
            at: Moment::new(resolution.at, now),
            by: names.of(resolution.by),
            note: room.excerpt(&resolution.note),
        });
        Self {
            id: item.id.to_string(),
            kind: item.kind.as_str(),
            meaning: item.kind.meaning(),
            next_action: item.kind.next_action(),
            payment_id: item.payment_id.as_ref().map(ToString::to_string),
            numbers: numbers(item),
            detail: item.detail.clone(),
            count: item.count,
            first: Moment::new(item.first_at, now),
            last: Moment::new(item.last_at, now),
            resolution,
        }
    }
}

/// `0.4 ETH received, 0.5 ETH owed, 0.1 ETH missing, worth 63.20 USD`, as far as it is known.
fn numbers(item: &AttentionItem) -> Option<String> {
    let coin = item.payment.as_ref().and_then(|payment| payment.coin.as_ref());
    let money = item.payment.as_ref().map(PaymentMoney::of);
    let of_coin = |amount: String, coin: Option<&Coin>| {
        coin.map_or_else(|| amount.clone(), |coin| format!("{amount} {}", coin.as_str().to_uppercase()))
    };
    let received = money.and_then(|money| money.received);
    let received = received.map(|received| format!("{} received", of_coin(received.to_string(), coin)));
    let other = money.and_then(|money| money.other);
    let other = other.map(|(coin, received)| format!("{} in another coin", of_coin(received.to_string(), Some(coin))));
    let owed = item.owed.as_ref().map(|owed| format!("{} owed", of_coin(owed.to_string(), item.owed_coin.as_ref())));
    let missing = item.missing.as_ref().filter(|missing| money.is_some() && !missing.is_zero());
    let missing = missing.map(|missing| format!("{} missing", of_coin(missing.to_string(), item.owed_coin.as_ref())));
    let currency = item.price.map(|price| price.currency);
    let worth = currency.and_then(|currency| Some((money?.worth_in(currency)?.as_money(currency), currency)));
    let worth = worth.map(|(worth, currency)| format!("worth {worth} {currency}"));
    let parts: Vec<String> = received.into_iter().chain(other).chain(owed).chain(missing).chain(worth).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// An operator's write on the order.
pub struct AuditRow {
    pub at: Moment,
    pub action: String,
    pub input: Excerpt,
    pub result: Excerpt,
    pub by: String,
    pub ip: Option<String>,
}

impl AuditRow {
    pub fn of(entry: &AuditRecord, names: &Names, now: Timestamp, room: &mut Allowance) -> Self {
        Self {
            at: Moment::new(entry.at, now),
            action: entry.action.clone(),
            input: room.excerpt(&entry.input),
            result: room.excerpt(&entry.result),
            by: names.of(entry.actor),
            ip: entry.ip.clone(),
        }
    }
}
