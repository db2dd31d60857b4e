//! Why a delivery is not shown or not sent again, and the problem that each case becomes.
//!
//! Part of `error.rs`. Each sentence says what can be done instead.

use crate::domain::ids::DeliveryId;
use crate::domain::webhook::resend::NotMoved;
use crate::http::problem::{Problem, Slug, plain};

use super::{ApiError, conflict};

/// Why a delivery is not shown, or stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryRefusal {
    /// There is no such delivery, or it is another account's.
    NotFound(DeliveryId),
    /// It stays as it is.
    NotMoved(NotMoved),
}

impl From<DeliveryRefusal> for ApiError {
    fn from(refusal: DeliveryRefusal) -> Self {
        Self::Delivery(refusal)
    }
}

impl From<NotMoved> for ApiError {
    fn from(why: NotMoved) -> Self {
        Self::Delivery(DeliveryRefusal::NotMoved(why))
    }
}

/// The refusal as the wire shows it.
pub fn problem(refusal: DeliveryRefusal) -> Problem {
    match refusal {
        DeliveryRefusal::NotFound(id) => plain(Slug::NotFound, format!("No webhook delivery with id \"{id}\".")),
        DeliveryRefusal::NotMoved(why) => of_standing(why),
    }
}

const IN_FLIGHT: &str = "The delivery is being attempted just now; try again in a minute.";
const DISABLED: &str = "The webhook endpoint is disabled and is sent nothing any more. Create a new endpoint, then catch \
                        up on it.";
const DELETED: &str = "The webhook endpoint is deleted and is sent nothing any more. Create a new endpoint, then catch \
                       up on it.";

fn of_standing(why: NotMoved) -> Problem {
    match why {
        NotMoved::InFlight => conflict("webhook_delivery", "status", IN_FLIGHT.to_owned()),
        NotMoved::NotInDlq(status) => {
            let detail = format!(
                "The delivery is in state \"{}\", not in the dead letters, so there is nothing to requeue or discard. \
                 A replay sends it again.",
                status.as_str()
            );
            conflict("webhook_delivery", "status", detail)
        }
        NotMoved::EndpointDisabled => conflict("webhook_endpoint", "disabled_at", DISABLED.to_owned()),
        NotMoved::EndpointDeleted => conflict("webhook_endpoint", "id", DELETED.to_owned()),
    }
}
