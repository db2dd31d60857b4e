//! Why an order stands where it stands, in plain words and from its facts alone.
//!
//! It is what support reads first, and often reads out: so it names the times and amounts that are known, and
//! claims nothing beside them. It decides nothing.

use crate::domain::evidence::{ProviderWord, WitnessKind};
use crate::domain::money_facts::{AmountStanding, MoneyFacts};
use crate::domain::order::{AmountCheck, FailureReason, Order, OrderEvent, Source, Status, StatusName};
use crate::domain::time::Timestamp;
use crate::http::gui::moment::{Moment, length};

use super::names::Names;
use super::recorded::{besides, coin, in_place_of, in_wrong_coin, recorded};

/// The answer to "why is my order in this state?".
pub fn why(order: &Order, names: &Names, now: Timestamp) -> String {
    let facts = MoneyFacts::of(order);
    let told = match order.status {
        Status::Pending { expires_at } => pending(order, &facts, expires_at, now),
        Status::Confirming => confirming(order, &facts),
        Status::Partial => partial(order, &facts),
        Status::Paid { paid_at, check } => paid(order, &facts, names, (paid_at, check)),
        Status::Failed { reason } => failed(order, &facts, names, reason),
        Status::Cancelled => format!("Cancelled by the customer{}. {}", since(order), recorded(&facts)),
    };
    told.trim_end().to_owned()
}

fn pending(order: &Order, facts: &MoneyFacts, expires_at: Timestamp, now: Timestamp) -> String {
    let window = Moment::new(expires_at, now);
    let address = if order.payment_id().is_none() {
        " The provider has made no payment for it yet, so there is no address to pay to."
    } else {
        ""
    };
    let (open, ended) = (now < expires_at, format!("its pay window ended at {} ({})", window.shown, window.relative));
    let left = format!("the pay window is open until {} ({})", window.shown, window.relative);
    if facts.is_seen() {
        let money = "Money was reported that does not settle the order";
        let told = if open { format!("{money}, and {left}.") } else { format!("{money}, and {ended}.") };
        return format!("{told}{address} {} Look at that money first.", recorded(facts));
    }
    if open {
        return format!("Waiting for the buyer: no payment has been confirmed, and {left}.{address}");
    }
    format!("Still pending although {ended}: no payment has been confirmed. It is a candidate for a sweep.{address}")
}

fn confirming(order: &Order, facts: &MoneyFacts) -> String {
    let word = last(order).and_then(|event| event.word.as_ref()).map_or("confirming", ProviderWord::as_str);
    let told =
        format!("A payment is on its way: the provider said {word}{}, and has not settled it yet.", since(order));
    if facts.is_seen() { format!("{told} {}", recorded(facts)) } else { told }
}

fn partial(order: &Order, facts: &MoneyFacts) -> String {
    let since = last(order).map_or_else(String::new, |event| format!(" since {}", shown(event.at)));
    if facts.settled.is_zero() {
        return nothing_counts(facts, &since);
    }
    let (settled, coin) = (&facts.settled, coin(facts));
    if let Some(worth) = facts.worth_below_price() {
        let [worth, price] = [facts.as_money(worth), facts.price_as_money()];
        return format!(
            "{settled} {coin} has arrived, but it was worth {worth} when it came, and the price is {price}. It is \
             partial{since}: accept it, or agree with the customer on the difference.{}",
            besides(facts)
        );
    }
    match (facts.owed, &facts.missing) {
        (Some(owed), Some(missing)) if !missing.is_zero() => {
            let told = format!("Received {settled} of {owed} {coin}: {missing} {coin} is missing.");
            format!("{told} It is partial{since}.{}", besides(facts))
        }
        (Some(_), Some(_)) if !is_finished(order) => {
            let told = "All that is owed has arrived, but the provider has not called it finished.";
            format!("{told} It is partial{since}. {}", recorded(facts))
        }
        (Some(_), Some(_)) => {
            format!("All that is owed has arrived, but it needs a decision. It is partial{since}. {}", recorded(facts))
        }
        _ => {
            let told = "Some money arrived, but what is owed is not known, so it needs a decision.";
            format!("{told} It is partial{since}. {}", recorded(facts))
        }
    }
}

/// A partial order of which no amount is part of the sum.
fn nothing_counts(facts: &MoneyFacts, since: &str) -> String {
    if facts.amounts.is_empty() {
        let told = "A payment was reported without an amount, so how much is missing is not known.";
        return format!("{told} It is partial{since}.");
    }
    let Some(came) = in_wrong_coin(facts) else {
        return format!("No amount is settled, so it needs a decision. It is partial{since}. {}", recorded(facts));
    };
    let coin = coin(facts);
    let owed = facts.owed.map_or_else(String::new, |owed| format!(", and none of the {owed} {coin} owed has arrived"));
    let told = format!("{came} came, but the order is in {coin}{owed}. It is partial{since}");
    let way_out = "accept what came, or agree with the customer on another way.";
    let only = facts.in_wrong_coin().count() == facts.amounts.len();
    if only { format!("{told}: {way_out}") } else { format!("{told}: {way_out} {}", recorded(facts)) }
}

fn is_finished(order: &Order) -> bool {
    order.ledger.bound().is_some_and(|bound| bound.word == ProviderWord::Finished)
}

fn paid(order: &Order, facts: &MoneyFacts, names: &Names, (paid_at, check): (Timestamp, AmountCheck)) -> String {
    let event = order.events.iter().rev().find(|event| event.status == StatusName::Paid);
    let at = shown(paid_at);
    let by = names.of(event.and_then(|event| event.actor));
    let witness = event.and_then(|event| event.witness);
    let amounts = if facts.amounts.is_empty() { String::new() } else { format!(" {}", recorded(facts)) };
    let told = match (check, witness) {
        (AmountCheck::Accepted, _) => {
            return format!(
                "Accepted as paid by {by} on {at}. {}{}{}",
                recorded(facts),
                waived(facts),
                in_place_of(facts)
            );
        }
        (AmountCheck::Checked, _) if is_comparable(facts) => {
            format!("Paid on {at}: {}.{}{}", compared(facts), late(order, facts), besides(facts))
        }
        (AmountCheck::Checked, _) => format!("Paid on {at}. {}", recorded(facts)),
        (AmountCheck::Unchecked, Some(WitnessKind::Operator)) => {
            format!("Paid on {at}: {by} replayed the provider\u{2019}s word, without amounts to compare.{amounts}")
        }
        (AmountCheck::Unchecked, _) => {
            format!("Paid on {at} by the provider\u{2019}s word alone: it gave no amounts to compare.{amounts}")
        }
    };
    format!("{told}{}", taken_back(order, facts))
}

/// What a payment was worth that came after the clock or a sweep had given the order up.
fn late(order: &Order, facts: &MoneyFacts) -> String {
    let was_given_up = order.events.iter().any(|event| matches!(event.source, Source::Expired | Source::Swept));
    match &facts.settled_worth {
        _ if !was_given_up => String::new(),
        Some(worth) => {
            let [worth, price] = [facts.as_money(worth), facts.price_as_money()];
            format!(" It came after the pay window and was worth {worth} then; the price is {price}.")
        }
        None => " It came after the pay window; what it was worth then is not known.".to_owned(),
    }
}

/// What the provider said of the money after it had come.
fn taken_back(order: &Order, facts: &MoneyFacts) -> String {
    let is_named = facts.with(AmountStanding::Returned).next().is_some();
    match order.ledger.bound().map(|bound| &bound.word) {
        Some(ProviderWord::Failed | ProviderWord::Expired | ProviderWord::Refunded) if is_named => {
            " Look whether the money is still there.".to_owned()
        }
        Some(word @ (ProviderWord::Failed | ProviderWord::Expired | ProviderWord::Refunded)) => {
            format!(" Since then the provider said {}: look whether the money is still there.", word.as_str())
        }
        _ => String::new(),
    }
}

fn failed(order: &Order, facts: &MoneyFacts, names: &Names, reason: FailureReason) -> String {
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
        FailureReason::IpnExpired if facts.is_seen() => format!("The provider said expired{since}."),
        FailureReason::IpnExpired => {
            format!("The provider said expired{since}: nobody paid in time, as far as it knows.")
        }
        FailureReason::Expired if facts.is_seen() => {
            format!("No payment was settled within the pay window; it expired{since}{after}.")
        }
        FailureReason::Expired => format!("Nobody paid within the pay window; it expired{since}{after}."),
        FailureReason::Swept => {
            let by = names.of(event.and_then(|event| event.actor));
            format!("Swept by support ({by}){since}{after}: it was pending past its pay window.")
        }
    };
    format!("{told} {}", recorded(facts))
}

/// True where what is settled now is what the order was paid by: nothing of it was taken back.
fn is_comparable(facts: &MoneyFacts) -> bool {
    !facts.settled.is_zero() && facts.with(AmountStanding::Returned).all(|seen| seen.coin != facts.coin)
}

/// What arrived beside what was owed.
fn compared(facts: &MoneyFacts) -> String {
    let (settled, coin) = (&facts.settled, coin(facts));
    let Some(owed) = facts.owed else { return format!("{settled} {coin} arrived") };
    let told = format!("{settled} of {owed} {coin} arrived");
    match (&facts.over, &facts.missing) {
        (Some(over), _) if !over.is_zero() => format!("{told}, which is {over} {coin} over"),
        (_, Some(missing)) if !missing.is_zero() => {
            format!("{told}; that {missing} {coin} is missing is within the tolerance")
        }
        _ => told,
    }
}

/// What an acceptance left out.
fn waived(facts: &MoneyFacts) -> String {
    let missing = facts.missing.as_ref().filter(|missing| !missing.is_zero() && is_comparable(facts));
    missing.zip(facts.owed).map_or_else(String::new, |(missing, owed)| {
        let coin = coin(facts);
        format!(" Of {owed} {coin} owed, {missing} {coin} was waived.")
    })
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
