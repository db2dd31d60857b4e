//! The table of contract section 2: what evidence does to an order in each status.

use crate::domain::attention::AttentionKind;
use crate::domain::order::{AmountCheck, FailureReason, Status};

use super::LatePayments;
use super::worth::Worth;

/// What the table says of a status and a worth.
pub(super) enum Verdict {
    /// The order moves.
    Apply,
    /// It already stands there.
    Refresh,
    /// Nothing moves.
    Ignore,
    /// Nothing moves, and the operator is told.
    Raise(AttentionKind),
}

/// The table of contract section 2, row by row.
pub(super) fn verdict(status: &Status, worth: Worth, late: LatePayments) -> Verdict {
    use FailureReason::{Expired, Ipn, IpnExpired, Swept};
    match (status, worth) {
        (Status::Pending { .. }, Worth::Pending) => Verdict::Refresh,
        (
            Status::Pending { .. },
            Worth::Confirming | Worth::Partial { .. } | Worth::Paid { .. } | Worth::Failed { .. },
        ) => Verdict::Apply,

        (Status::Confirming, Worth::Pending) => Verdict::Ignore,
        (Status::Confirming, Worth::Confirming) => Verdict::Refresh,
        (Status::Confirming, Worth::Partial { .. } | Worth::Paid { .. } | Worth::Failed { .. }) => Verdict::Apply,

        (Status::Partial, Worth::Pending | Worth::Confirming) => Verdict::Ignore,
        (Status::Partial, Worth::Partial { .. }) => Verdict::Refresh,
        (Status::Partial, Worth::Paid { .. } | Worth::Failed { .. }) => Verdict::Apply,

        (Status::Paid { .. }, Worth::Pending | Worth::Confirming) => Verdict::Ignore,
        // It was called paid on trust; now the amounts say otherwise.
        (Status::Paid { check: AmountCheck::Unchecked, .. }, Worth::Partial { .. }) => {
            Verdict::Raise(AttentionKind::Underpaid)
        }
        (Status::Paid { check: AmountCheck::Checked | AmountCheck::Accepted, .. }, Worth::Partial { .. }) => {
            Verdict::Ignore
        }
        (Status::Paid { .. }, Worth::Paid { .. }) => Verdict::Refresh,
        (Status::Paid { .. }, Worth::Failed { .. }) => Verdict::Raise(AttentionKind::PaidThenFailed),

        (Status::Failed { .. }, Worth::Pending) => Verdict::Ignore,
        (Status::Failed { .. }, Worth::Failed { .. }) => Verdict::Refresh,
        (Status::Failed { reason: Ipn }, Worth::Confirming | Worth::Partial { .. } | Worth::Paid { .. }) => {
            Verdict::Raise(AttentionKind::LatePayment)
        }
        // That nobody paid was only a guess, ours or the provider's; the money says otherwise.
        (
            Status::Failed { reason: Expired | Swept | IpnExpired },
            Worth::Confirming | Worth::Partial { .. } | Worth::Paid { .. },
        ) => match late {
            LatePayments::Reopen => Verdict::Apply,
            LatePayments::Record => Verdict::Raise(AttentionKind::LatePayment),
        },

        (Status::Cancelled, Worth::Pending | Worth::Failed { .. }) => Verdict::Ignore,
        (Status::Cancelled, Worth::Confirming | Worth::Partial { .. } | Worth::Paid { .. }) => {
            Verdict::Raise(AttentionKind::LatePayment)
        }
    }
}
