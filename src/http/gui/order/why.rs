//! Why an order stands where it stands, in plain words and from its facts alone.
//!
//! It is what support reads first, and often reads out: so it names the times and amounts that are known, and
//! claims nothing beside them. It decides nothing.

use crate::domain::evidence::{ProviderWord, WitnessKind};
use crate::domain::money::{Coin, CoinAmount};
use crate::domain::order::{AmountCheck, FailureReason, Order, OrderEvent, Status, StatusName};
use crate::domain::time::Timestamp;
use crate::domain::topup;
use crate::http::gui::moment::{Moment, length};

use super::names::Names;

/// The answer to "why is my order in this state?".
pub fn why(order: &Order, names: &Names, now: Timestamp) -> String {
    let told = match order.status {
        Status::Pending { expires_at } => pending(order, expires_at, now),
        Status::Confirming => confirming(order),
        Status::Partial => partial(order),
        Status::Paid { paid_at, check } => paid(order, names, (paid_at, check)),
        Status::Failed { reason } => failed(order, names, reason),
        Status::Cancelled => format!("Cancelled by the customer{}. {}", since(order), seen(order)),
    };
    told.trim_end().to_owned()
}

fn pending(order: &Order, expires_at: Timestamp, now: Timestamp) -> String {
    let window = Moment::new(expires_at, now);
    let address = if order.payment_id().is_none() {
        " The provider has made no payment for it yet, so there is no address to pay to."
    } else {
        ""
    };
    let money = if order.ledger.has_money() { seen(order) } else { String::new() };
    if now < expires_at {
        let left = format!("the pay window is open until {} ({})", window.shown, window.relative);
        return format!("Waiting for the buyer: no payment has been confirmed, and {left}.{address} {money}");
    }
    let over = format!("its pay window ended at {} ({})", window.shown, window.relative);
    format!(
        "Still pending although {over}: no payment has been confirmed. It is a candidate for a sweep.{address} {money}"
    )
}

fn confirming(order: &Order) -> String {
    let word = last(order).and_then(|event| event.word.as_ref()).map_or("confirming", ProviderWord::as_str);
    let told =
        format!("A payment is on its way: the provider said {word}{}, and has not settled it yet.", since(order));
    if order.ledger.has_money() { format!("{told} {}", seen(order)) } else { told }
}

fn partial(order: &Order) -> String {
    let since = last(order).map_or_else(String::new, |event| format!(" since {}", shown(event.at)));
    let in_another = others(order).join(", ");
    match (&order.owed, topup::missing(order)) {
        (Some(owed), Some(missing)) if !missing.is_zero() => {
            let (received, coin) = (order.ledger.received(), coin(order));
            let other =
                if in_another.is_empty() { String::new() } else { format!(" In another coin came {in_another}.") };
            format!("Received {received} of {owed} {coin}: {missing} {coin} is missing. It is partial{since}.{other}")
        }
        _ if !in_another.is_empty() => {
            format!("Partial{since}: {in_another} came, which is not the order's coin, so it needs a decision.")
        }
        (Some(_), Some(_)) => {
            let told = "All that is owed has arrived, but the provider has not called it finished.";
            format!("{told} It is partial{since}. {}", seen(order))
        }
        _ => {
            let told = "Some money arrived, but what is owed is not known, so it needs a decision.";
            format!("{told} It is partial{since}. {}", seen(order))
        }
    }
}

fn paid(order: &Order, names: &Names, (paid_at, check): (Timestamp, AmountCheck)) -> String {
    let event = order.events.iter().rev().find(|event| event.status == StatusName::Paid);
    let at = shown(paid_at);
    let by = names.of(event.and_then(|event| event.actor));
    let witness = event.and_then(|event| event.witness);
    let told = match (check, witness) {
        (AmountCheck::Accepted, _) => format!("Accepted as paid by {by} on {at}. {}{}", seen(order), waived(order)),
        (AmountCheck::Checked, _) => format!("Paid on {at}: {}.", compared(order)),
        (AmountCheck::Unchecked, Some(WitnessKind::Operator)) => {
            format!("Paid on {at}: {by} replayed the provider\u{2019}s word, without amounts to compare.")
        }
        (AmountCheck::Unchecked, _) => {
            format!("Paid on {at} by the provider\u{2019}s word alone: it gave no amounts to compare.")
        }
    };
    let word = order.ledger.bound().map(|bound| &bound.word);
    match word {
        Some(word @ (ProviderWord::Failed | ProviderWord::Expired | ProviderWord::Refunded))
            if check != AmountCheck::Accepted =>
        {
            format!("{told} Since then the provider said {}: look whether the money is still there.", word.as_str())
        }
        _ => told,
    }
}

fn failed(order: &Order, names: &Names, reason: FailureReason) -> String {
    let (since, event) = (since(order), last(order));
    let after = event.map_or_else(String::new, |event| {
        format!(", {} after it was placed", length(event.at.since(order.created_at)))
    });
    let told = match reason {
        FailureReason::Ipn => {
            let word = event.and_then(|event| event.word.as_ref()).map_or("failed", ProviderWord::as_str);
            let by = event.filter(|event| event.witness == Some(WitnessKind::Operator));
            let by = by.map_or_else(String::new, |event| format!(", as {} replayed it", names.of(event.actor)));
            format!("The provider said {word}{since}{by}.")
        }
        FailureReason::IpnExpired => {
            format!("The provider said expired{since}: nobody paid in time, as far as it knows.")
        }
        FailureReason::Expired => format!("Nobody paid within the pay window; it expired{since}{after}."),
        FailureReason::Swept => {
            let by = names.of(event.and_then(|event| event.actor));
            format!("Swept by support ({by}){since}{after}: it was pending past its pay window.")
        }
    };
    format!("{told} {}", seen(order))
}

/// What is known of money: never more than the ledger says.
fn seen(order: &Order) -> String {
    let settled = order.ledger.received();
    let mut parts = Vec::new();
    if !settled.is_zero() {
        parts.push(format!("{settled} {} has arrived", coin(order)));
    }
    let unsettled = order.ledger.iter().filter(|payment| !order.ledger.counts(&payment.id));
    for payment in unsettled {
        let received = payment.received.as_ref().filter(|received| !received.is_zero());
        parts.extend(received.map(|received| {
            format!("{} was reported as {}", amount(received, payment.coin.as_ref()), payment.word.as_str())
        }));
    }
    parts.extend(others(order).into_iter().map(|other| format!("{other} came in another coin")));
    let moved = |event: &OrderEvent| matches!(event.status, StatusName::Confirming | StatusName::Partial);
    match parts.as_slice() {
        [] if order.ledger.has_money() || order.events.iter().any(moved) => {
            "A payment was reported, without an amount.".to_owned()
        }
        [] => "No payment has been seen.".to_owned(),
        _ => format!("Recorded: {}.", parts.join("; ")),
    }
}

/// What came in other coins than their payments'.
fn others(order: &Order) -> Vec<String> {
    let others = order.ledger.iter().filter_map(|payment| payment.other.as_ref());
    others.map(|other| amount(&other.received, Some(&other.coin))).collect()
}

/// What arrived beside what was owed.
fn compared(order: &Order) -> String {
    let (received, coin) = (order.ledger.received(), coin(order));
    let Some(owed) = &order.owed else { return format!("{received} {coin} arrived") };
    let (over, short) = (received.minus(owed), owed.minus(&received));
    if !over.is_zero() {
        return format!("{received} of {owed} {coin} arrived, which is {over} {coin} over");
    }
    if !short.is_zero() {
        return format!("{received} of {owed} {coin} arrived; that {short} {coin} is missing is within the tolerance");
    }
    format!("{received} of {owed} {coin} arrived")
}

/// What an acceptance left out.
fn waived(order: &Order) -> String {
    let missing = topup::missing(order).filter(|missing| !missing.is_zero());
    let owed = order.owed.as_ref();
    missing.zip(owed).map_or_else(String::new, |(missing, owed)| {
        let coin = coin(order);
        format!(" Of {owed} {coin} owed, {missing} {coin} was waived.")
    })
}

fn amount(amount: &CoinAmount, coin: Option<&Coin>) -> String {
    coin.map_or_else(|| amount.to_string(), |coin| format!("{amount} {}", coin.as_str().to_uppercase()))
}

/// The order's coin as people write it.
pub fn coin(order: &Order) -> String {
    let coin = order.ledger.bound().and_then(|bound| bound.coin.as_ref());
    coin.map_or_else(|| "(coin unknown)".to_owned(), |coin| coin.as_str().to_uppercase())
}

fn last(order: &Order) -> Option<&OrderEvent> {
    order.events.last()
}

/// ` on 2026-05-12 13:00:00 UTC`: when it came to where it stands.
fn since(order: &Order) -> String {
    last(order).map_or_else(String::new, |event| format!(" on {}", shown(event.at)))
}

fn shown(at: Timestamp) -> String {
    Moment::new(at, at).shown
}

#[cfg(test)]
mod tests;
