//! What an operator may do with an order as it stands, and what would come of it.
//!
//! Nothing here guesses: every answer is asked of the functions that will judge the deed itself
//! ([`decide`], [`topup`]), so a page never offers what would be refused. Between the page and the deed the
//! order may change; then `actions.rs` refuses the deed, whatever it would come to by now, and the page is drawn anew.

use crate::actors::OrderError;
use crate::domain::evidence::{Evidence, NamedPrice, Outcome, Ownership, PaymentWorth, ProviderWord, Witness};
use crate::domain::ids::{KeyId, PaymentId};
use crate::domain::lifecycle::{Decision, Input, LatePayments, Moment, Refusal, decide};
use crate::domain::money_facts::MoneyFacts;
use crate::domain::order::{Order, Status};
use crate::domain::time::Span;
use crate::domain::topup;
use crate::http::error::{ApiError, TopUpRefusal};
use crate::http::gui::moment;

use super::recorded::{besides, coin, in_place_of, in_wrong_coin, recorded};

/// The provider's words, as they can be replayed.
const WORDS: [ProviderWord; 9] = [
    ProviderWord::Finished,
    ProviderWord::PartiallyPaid,
    ProviderWord::Confirming,
    ProviderWord::Confirmed,
    ProviderWord::Sending,
    ProviderWord::Waiting,
    ProviderWord::Failed,
    ProviderWord::Expired,
    ProviderWord::Refunded,
];

/// An action: what it would do, or why it is not there.
pub enum Offer {
    /// It would do this.
    Open(String),
    /// It is not offered.
    Closed(String),
}

/// All actions on an order.
pub struct Offers {
    /// Each word with what it would come to.
    pub words: Vec<(String, String)>,
    /// Whether a provider is asked before a word is replayed, so that a replay may have to be forced.
    pub makes_payments: MakesPayments,
    pub accept: Offer,
    pub rest: Offer,
    pub expire: Offer,
}

/// Who asks, and under which rules.
pub struct Asker {
    pub key: KeyId,
    pub moment: Moment,
    pub pay_window: Span,
    /// Whether somebody makes payments.
    pub makes_payments: MakesPayments,
}

/// Whether a provider is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MakesPayments {
    Yes,
    No,
}

/// What is offered for an order.
pub fn offers(order: &Order, asker: &Asker) -> Offers {
    let payment = order.payment_id().cloned().or_else(|| PaymentId::parse("the payment"));
    let told = |word: &ProviderWord| {
        let heard = payment.clone().map(|payment| heard(order, asker, (payment, word.clone())));
        (word.as_str().to_owned(), heard.unwrap_or_default())
    };
    Offers {
        words: WORDS.iter().map(told).collect(),
        makes_payments: asker.makes_payments,
        accept: accept(order, asker),
        rest: rest(order, asker),
        expire: expire(order, asker),
    }
}

fn heard(order: &Order, asker: &Asker, (payment_id, word): (PaymentId, ProviderWord)) -> String {
    let evidence = Evidence {
        witness: Witness::Operator(asker.key),
        order_id: Some(order.id),
        payment_id,
        parent_payment_id: None,
        word,
        price: NamedPrice { amount: None, currency: None },
        pay_amount: None,
        actually_paid: None,
        coin: None,
        provider_at: None,
        worth: PaymentWorth::default(),
    };
    let decision = decide(order, &Input::Evidence(Box::new(evidence), Ownership::Free), &asker.moment);
    decision.map_or_else(|error| error.to_string(), |decision| effect(&decision))
}

fn effect(decision: &Decision) -> String {
    let raised = if decision.attention.is_empty() { "" } else { ", and it is raised" };
    match decision.outcome {
        Outcome::Applied => format!("the order becomes {}{raised}", decision.order.status.name().as_str()),
        Outcome::Refreshed => format!("the order stays {}{raised}", decision.order.status.name().as_str()),
        Outcome::Ignored
        | Outcome::Mismatch
        | Outcome::Unmatched
        | Outcome::UnknownStatus
        | Outcome::Child
        | Outcome::Other => {
            format!("nothing moves{raised}")
        }
    }
}

fn accept(order: &Order, asker: &Asker) -> Offer {
    let input = Input::Accept { payment: None, actor: Some(asker.key) };
    let facts = MoneyFacts::of(order);
    if let Err(refusal) = decide(order, &input, &asker.moment) {
        let why = ApiError::Order(order.id.to_string(), OrderError::Refused(refusal)).to_string();
        let is_unsettled = refusal == Refusal::MoneyUnsettled;
        return Offer::Closed(if is_unsettled { format!("{why} {}", recorded(&facts)) } else { why });
    }
    Offer::Open(format!(
        "The order becomes paid, once and for good, although it is {}. {} Its merchant is told that it is paid.",
        order.status.name().as_str(),
        terms(&facts)
    ))
}

/// What came, and what it would be accepted for.
fn terms(facts: &MoneyFacts) -> String {
    match (facts.owed, &facts.missing) {
        (Some(owed), Some(missing)) if !missing.is_zero() && !facts.settled.is_zero() => {
            let (settled, coin) = (&facts.settled, coin(facts));
            let told = format!("{settled} of {owed} {coin} arrived; the missing {missing} {coin} is waived.");
            format!("{told}{}", besides(facts))
        }
        _ => format!("{}{}", recorded(facts), in_place_of(facts)),
    }
}

fn rest(order: &Order, asker: &Asker) -> Offer {
    let rest = match topup::rest_of(order) {
        Ok(rest) => rest,
        Err(why) => return Offer::Closed(ApiError::from(TopUpRefusal::None(why)).to_string()),
    };
    if let Some(before) = topup::asked_before(order, &rest, asker.moment.now) {
        return Offer::Open(format!(
            "The rest was asked for before, by payment {}, and can still be paid so: no other payment is made.",
            before.id
        ));
    }
    if asker.makes_payments == MakesPayments::No {
        return Offer::Closed(ApiError::from(TopUpRefusal::NoProvider).to_string());
    }
    let facts = MoneyFacts::of(order);
    let (coin, currency) = (coin(&facts), order.price.currency);
    let apart = in_wrong_coin(&facts);
    let apart = apart.map_or_else(String::new, |came| format!(" {came} came in another coin and does not count."));
    Offer::Open(format!(
        "A further payment over {} {coin} ({} {currency}) is made at the provider. Send its address and amount to the \
         customer; once it is settled the order becomes paid by itself.{apart}",
        rest.pay_amount, rest.price_amount
    ))
}

fn expire(order: &Order, asker: &Asker) -> Offer {
    let now = asker.moment.now;
    let expires_at = match order.status {
        Status::Pending { expires_at } => expires_at,
        Status::Confirming => {
            return Offer::Closed("It is confirming: money is on its way, so it is never swept.".to_owned());
        }
        Status::Partial => {
            return Offer::Closed("It is partial: money has come, so it is never swept.".to_owned());
        }
        Status::Paid { .. } | Status::Failed { .. } | Status::Cancelled => {
            return Offer::Closed(format!(
                "Only a pending order can be swept; it is {}.",
                order.status.name().as_str()
            ));
        }
    };
    // The sweep goes by the window of the settings, the order by the window that it was placed with.
    let sweepable_at = order.created_at.after(asker.pay_window).max(expires_at);
    if now < sweepable_at {
        let until = moment::Moment::new(sweepable_at, now);
        return Offer::Closed(format!("Its pay window is open until {} ({}).", until.shown, until.relative));
    }
    let late = match asker.moment.rules.late_payments {
        LatePayments::Reopen => "If the provider reports money later, the order opens again by itself.",
        LatePayments::Record => "If the provider reports money later, it is raised, and somebody has to decide.",
    };
    let facts = MoneyFacts::of(order);
    let money =
        if facts.is_seen() { format!(" {} Look at that money first.", recorded(&facts)) } else { String::new() };
    Offer::Open(format!(
        "The order fails with the reason swept, which its customer reads as expired, and its merchant is told that it \
         failed. {late}{money}"
    ))
}

#[cfg(test)]
mod tests;
