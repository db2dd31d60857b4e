//! Asking for a delivery again, or giving it up for good: what may be done with which, as pure functions.
//!
//! `store/queries/deliveries.rs` carries it out, in one transaction with the endpoint's counts.

use super::delivery::DeliveryStatus;
use super::endpoint::{DeliveryCounts, Standing};

/// What somebody asks of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To be sent again, wherever it stands.
    Replay,
    /// To be sent again out of the dead letters.
    Requeue,
    /// To leave the dead letters without being sent again.
    Discard,
}

/// Why a delivery stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotMoved {
    /// Somebody attempts it just now: what comes of that would overwrite what is asked for.
    InFlight,
    /// It is no dead letter, but stands there.
    NotInDlq(DeliveryStatus),
    /// Its endpoint was disabled, and is sent nothing any more.
    EndpointDisabled,
    /// Its endpoint was deleted, and is sent nothing any more.
    EndpointDeleted,
}

/// Where a delivery stands once the wish is fulfilled.
///
/// # Errors
/// [`NotMoved`], and then nothing changes.
pub fn judge(wish: Wish, status: DeliveryStatus, endpoint: Standing) -> Result<DeliveryStatus, NotMoved> {
    match (wish, status) {
        (Wish::Requeue | Wish::Discard, DeliveryStatus::Dlq) | (Wish::Replay, _) => {}
        (Wish::Requeue | Wish::Discard, other) => return Err(NotMoved::NotInDlq(other)),
    }
    if wish == Wish::Discard {
        // It is never lost: the row stays, and a replay or a catch-up finds it.
        return Ok(DeliveryStatus::Failed);
    }
    match endpoint {
        Standing::Disabled { .. } => Err(NotMoved::EndpointDisabled),
        Standing::Deleted { .. } => Err(NotMoved::EndpointDeleted),
        Standing::Active | Standing::Paused if status == DeliveryStatus::InFlight => Err(NotMoved::InFlight),
        Standing::Active | Standing::Paused => Ok(DeliveryStatus::Pending),
    }
}

/// Whether an event is to be caught up on, by where its delivery stands, if there is one. What waits or is attempted is
/// on its way already.
#[must_use]
pub fn is_missed(delivery: Option<DeliveryStatus>) -> bool {
    match delivery {
        None | Some(DeliveryStatus::Failed | DeliveryStatus::Dlq) => true,
        Some(DeliveryStatus::Pending | DeliveryStatus::InFlight | DeliveryStatus::Delivered) => false,
    }
}

/// What a delivery adds to its endpoint's counts: one that waits for its first attempt, or is at it, nothing.
#[must_use]
pub fn counted(status: DeliveryStatus, attempts: i64) -> DeliveryCounts {
    let none = DeliveryCounts::default();
    match status {
        DeliveryStatus::Delivered => DeliveryCounts { delivered: 1, ..none },
        DeliveryStatus::Failed => DeliveryCounts { failed: 1, ..none },
        DeliveryStatus::InFlight if 0 < attempts => DeliveryCounts { failed: 1, ..none },
        DeliveryStatus::Dlq => DeliveryCounts { dlq: 1, ..none },
        DeliveryStatus::Pending | DeliveryStatus::InFlight => none,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    fn at() -> Timestamp {
        Timestamp::from_millis(0)
    }

    #[test]
    fn a_replay_takes_whatever_is_not_being_attempted() {
        for endpoint in [Standing::Active, Standing::Paused] {
            for status in DeliveryStatus::ALL {
                let expected = match status {
                    DeliveryStatus::InFlight => Err(NotMoved::InFlight),
                    _ => Ok(DeliveryStatus::Pending),
                };
                assert_eq!(judge(Wish::Replay, status, endpoint), expected, "{status:?}");
            }
        }
    }

    #[test]
    fn only_dead_letters_are_requeued_or_discarded() {
        for status in DeliveryStatus::ALL.into_iter().filter(|status| *status != DeliveryStatus::Dlq) {
            for wish in [Wish::Requeue, Wish::Discard] {
                assert_eq!(judge(wish, status, Standing::Active), Err(NotMoved::NotInDlq(status)));
            }
        }
        assert_eq!(judge(Wish::Requeue, DeliveryStatus::Dlq, Standing::Active), Ok(DeliveryStatus::Pending));
        assert_eq!(judge(Wish::Discard, DeliveryStatus::Dlq, Standing::Active), Ok(DeliveryStatus::Failed));
    }

    #[test]
    fn an_endpoint_that_is_over_is_sent_nothing_again_but_its_dead_letters_can_be_discarded() {
        let over = [
            (Standing::Disabled { at: at() }, NotMoved::EndpointDisabled),
            (Standing::Deleted { at: at() }, NotMoved::EndpointDeleted),
        ];
        for (endpoint, why) in over {
            assert_eq!(judge(Wish::Replay, DeliveryStatus::Dlq, endpoint), Err(why));
            assert_eq!(judge(Wish::Requeue, DeliveryStatus::Dlq, endpoint), Err(why));
            assert_eq!(judge(Wish::Discard, DeliveryStatus::Dlq, endpoint), Ok(DeliveryStatus::Failed));
        }
    }
}
