//! Why an order does not do what a person asks of it, and what would be needed.

use crate::domain::lifecycle::Refusal;
use crate::domain::order::StatusName;

use super::conflict;
use crate::http::problem::Problem;

/// The problem of a refused command.
pub(super) fn problem(refusal: Refusal) -> Problem {
    let (field, detail) = match refusal {
        Refusal::NotCancellable(status) => ("status", not_cancellable(status)),
        Refusal::NotAcceptable(status) => ("status", not_acceptable(status)),
        Refusal::NoMoney(status) => ("status", no_money(status)),
        Refusal::MoneyUnsettled => ("status", MONEY_UNSETTLED.to_owned()),
        Refusal::NotItsPayment => ("payment_id", NOT_ITS_PAYMENT.to_owned()),
    };
    conflict("crypto_order", field, detail)
}

const MONEY_UNSETTLED: &str = "Order is in state \"pending\" and cannot be accepted: money was reported for it, but no \
                               word that is known settles it. Replay the provider's word with apply-ipn, or accept the \
                               order once its pay window has ended.";

const NOT_ITS_PAYMENT: &str = "The payment named is none of this order's. Name one of its own payments, or leave \
                               payment_id out to accept the one that is bound.";

fn not_cancellable(status: StatusName) -> String {
    format!(
        "Order is in state \"{}\" and can no longer be cancelled. Crypto payments are non-refundable; contact \
         support if you need to discuss reconciliation.",
        status.as_str()
    )
}

/// Why it cannot be accepted, and what would be needed.
fn not_acceptable(status: StatusName) -> String {
    let why = match status {
        StatusName::Pending => {
            "no payment has been seen for it. If the provider shows one, replay the provider's word with apply-ipn"
        }
        StatusName::Confirming => {
            "its payment is still on its way. It can be once the provider has reported what arrived or given it up"
        }
        StatusName::Paid => "it is settled already; there is nothing left to accept",
        StatusName::Partial | StatusName::Failed | StatusName::Cancelled => "its state has changed; look at it again",
    };
    format!("Order is in state \"{}\" and cannot be accepted: {why}.", status.as_str())
}

fn no_money(status: StatusName) -> String {
    format!(
        "Order is in state \"{}\" and no money is recorded for it, so there is nothing to accept. If the provider \
         shows a payment, replay the provider's word with apply-ipn first.",
        status.as_str()
    )
}
