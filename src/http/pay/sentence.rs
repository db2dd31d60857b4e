//! How an order stands, in one plain sentence for its buyer, and what to do about it.
//!
//! A pure function over the order: the same order at the same time is always told the same. It never says who
//! decided what, nor anything of the inside; amounts are exact, as `domain/ledger.rs` and `domain/topup.rs` know them.

use crate::domain::evidence::ProviderWord;
use crate::domain::ledger::Payment;
use crate::domain::lifecycle::{LatePayments, Moment};
use crate::domain::money_facts::MoneyFacts;
use crate::domain::order::{AmountCheck, FailureReason, Order, Status};
use crate::domain::topup;

use super::amounts::{all, amount_of, beside_wrong_coin, in_wrong_coin, sent_back};

#[cfg(test)]
pub(super) mod tests;

/// How good the news is; the style sheet knows these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// The buyer's turn, or nobody's yet.
    Open,
    /// Money is seen.
    Good,
    /// Something is missing.
    Warn,
    /// It is over, and nothing was bought.
    Bad,
}

impl Mood {
    /// The name in the style sheet.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// What the buyer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// How the order stands.
    pub sentence: String,
    /// What to do, or to leave.
    pub advice: &'static str,
    /// How good the news is.
    pub mood: Mood,
}

const SENT_LATE_COUNTS: &str = "If you have sent the payment already, you need not do anything: it still counts once \
                                it arrives, and this page will show it.";
const SENT_LATE_ASK: &str = "If you have sent the payment already, ask the shop and name the order number below: it \
                             does not count by itself any more.";
const ASK_THE_SHOP: &str = "Please ask the shop what to do, and name the order number below. Do not send anything more \
                            to an earlier address.";
const MONEY_CAME: &str = "Money has come for this order: please ask the shop, and name the order number below.";
const SENT_BACK: &str = "If you did not expect that, please ask the shop, and name the order number below.";
const LOOKED_AT: &str = "Please do not send anything more. If you want to ask the shop about it, name the order number \
                         below.";

/// What the buyer of this order is told at this moment.
#[must_use]
pub fn told(order: &Order, at: &Moment) -> Told {
    let facts = MoneyFacts::of(order);
    match &order.status {
        Status::Pending { .. } if facts.is_seen() => news(looked_at(&facts), LOOKED_AT, Mood::Warn),
        Status::Pending { expires_at } if *expires_at <= at.now => {
            let sentence = "The time to pay is over: please do not send anything any more.";
            news(sentence, sent_late(at), Mood::Warn)
        }
        Status::Pending { .. } => pending(order),
        Status::Confirming => news(
            "Your payment has been seen and is being confirmed.",
            "There is nothing left for you to do. Confirming can take from a few minutes to an hour; this page shows \
             when it is done.",
            Mood::Good,
        ),
        Status::Partial => partial(order, &facts, at),
        Status::Paid { check, .. } => paid(&facts, *check),
        Status::Failed { reason } => failed(order, &facts, *reason, at),
        Status::Cancelled => {
            let told = "This order was cancelled: please do not send anything.";
            news(with_amounts(told, &facts), if facts.is_seen() { MONEY_CAME } else { "" }, Mood::Bad)
        }
    }
}

fn news(sentence: impl Into<String>, advice: &'static str, mood: Mood) -> Told {
    Told { sentence: sentence.into(), advice, mood }
}

fn pending(order: &Order) -> Told {
    let Some(bound) = order.ledger.bound().filter(|payment| payment.pay_to.is_some()) else {
        return news(
            "There is no address to pay to yet.",
            "You need not do anything: the address appears here as soon as there is one.",
            Mood::Open,
        );
    };
    let sentence = match (&bound.pay_amount, &bound.coin) {
        (Some(amount), Some(coin)) => format!("Waiting for your payment of exactly {}.", amount_of(amount, coin)),
        (None, _) | (_, None) => "Waiting for your payment.".to_owned(),
    };
    news(sentence, "Once you have sent it, this page shows that it was seen; that can take some minutes.", Mood::Open)
}

/// Less arrived than is owed, or something else.
fn partial(order: &Order, facts: &MoneyFacts, at: &Moment) -> Told {
    if order.ledger.iter().any(is_under_way) {
        let advice = "There is nothing for you to do now; this page shows when it is done.";
        return news("More of your payment has been seen and is being confirmed.", advice, Mood::Good);
    }
    if asked_for(order, at).is_some() {
        return news(short(facts), "Please send the rest to the address below.", Mood::Warn);
    }
    match in_wrong_coin(facts) {
        Some(_) => news(looked_at(facts), LOOKED_AT, Mood::Warn),
        None => news(short(facts), ASK_THE_SHOP, Mood::Warn),
    }
}

/// What has arrived and what is missing, to the last digit.
fn short(facts: &MoneyFacts) -> String {
    let missing = facts.missing.as_ref().filter(|missing| !missing.is_zero()).zip(facts.coin);
    let missing = missing.map(|(missing, coin)| format!("{} is missing", amount_of(missing, coin)));
    if let Some(came) = in_wrong_coin(facts) {
        return missing.map_or_else(|| format!("{came}."), |missing| format!("{came}: {missing}."));
    }
    if let Some(worth) = facts.worth_below_price() {
        let [worth, price] = [facts.as_money(worth), facts.price_as_money()];
        return format!("Your payment has arrived, but it was worth {worth} when it came, and the price is {price}.");
    }
    let settled = (!facts.settled.is_zero()).then_some(&facts.settled).zip(facts.coin);
    match (settled, missing) {
        (Some((settled, coin)), Some(missing)) => {
            format!("{} of your payment has arrived, and {missing}.", amount_of(settled, coin))
        }
        (Some(_), None) if facts.owed.is_some() => {
            "Your payment has arrived, and the shop is looking at it.".to_owned()
        }
        (Some(_), None) => "Part of your payment has arrived; how much is missing is not known yet.".to_owned(),
        (None, _) => looked_at(facts),
    }
}

/// The payment by which the rest is asked for, where somebody asked. While more is on its way already, nothing is to
/// be sent by it.
#[must_use]
pub fn asked_for<'a>(order: &'a Order, at: &Moment) -> Option<&'a Payment> {
    let rest = topup::rest_of(order).ok().filter(|_| !order.ledger.iter().any(is_under_way))?;
    topup::asked_before(order, &rest, at.now)
}

/// True of a payment whose money is seen, and not there yet. Where money came in another coin, the word is older.
fn is_under_way(payment: &Payment) -> bool {
    payment.other.is_none()
        && matches!(payment.word, ProviderWord::Confirming | ProviderWord::Confirmed | ProviderWord::Sending)
}

fn paid(facts: &MoneyFacts, check: AmountCheck) -> Told {
    let sentence = match check {
        AmountCheck::Checked | AmountCheck::Unchecked => "Paid: your payment has arrived. Thank you.",
        AmountCheck::Accepted => "Paid: the shop has accepted your payment. Thank you.",
    };
    match sent_back(facts) {
        Some(amounts) => news(format!("{sentence} {amounts}"), SENT_BACK, Mood::Warn),
        None => news(sentence, "You can close this page.", Mood::Good),
    }
}

fn failed(order: &Order, facts: &MoneyFacts, reason: FailureReason, at: &Moment) -> Told {
    let sentence = match reason {
        FailureReason::Expired | FailureReason::Swept | FailureReason::IpnExpired => {
            "No full payment has arrived in time, so this order is closed: please do not send anything any more."
        }
        FailureReason::Ipn if was_sent_back(order) => "The payment was sent back, and this order is not paid.",
        FailureReason::Ipn => "The payment failed, and this order is not paid: please do not send anything more.",
    };
    let advice = match reason {
        _ if facts.is_seen() => MONEY_CAME,
        FailureReason::Expired | FailureReason::Swept | FailureReason::IpnExpired => sent_late(at),
        FailureReason::Ipn => "To buy all the same, please place a new order.",
    };
    news(with_amounts(sentence, facts), advice, Mood::Bad)
}

/// Money came, and it is the shop's turn.
fn looked_at(facts: &MoneyFacts) -> String {
    let wrong = in_wrong_coin(facts).map(|came| match beside_wrong_coin(facts) {
        Some(besides) => format!("{came}. {besides}"),
        None => format!("{came}."),
    });
    match wrong.or_else(|| all(facts)) {
        Some(came) => format!("{came} The shop is looking at it."),
        None => "A payment has been seen, and the shop is looking at it.".to_owned(),
    }
}

/// The sentence, and behind it every amount that came.
fn with_amounts(sentence: &str, facts: &MoneyFacts) -> String {
    all(facts).map_or_else(|| sentence.to_owned(), |amounts| format!("{sentence} {amounts}"))
}

fn was_sent_back(order: &Order) -> bool {
    order.events.last().is_some_and(|event| event.word == Some(ProviderWord::Refunded))
}

fn sent_late(at: &Moment) -> &'static str {
    match at.rules.late_payments {
        LatePayments::Reopen => SENT_LATE_COUNTS,
        LatePayments::Record => SENT_LATE_ASK,
    }
}
