//! The way of evidence: find the order, tell it.

use crate::domain::order::StatusName;
use crate::provider::wire::OrderReference;

use super::OrderError;
use super::directory::Told;

/// Takes verified evidence. Clones share it.
#[derive(Clone)]
pub struct Intake {}

impl Intake {
    /// Takes a verified IPN: finds its order (by `order_id`, if absent by payment, then by parent), tells
    /// it, and answers its status once everything is durable; none if no order is known. `order` tells a
    /// foreign name from none: where a foreign one is given, the payment must not be asked.
    pub async fn take(&self, _told: Told, _order: OrderReference) -> Result<Option<StatusName>, OrderError> {
        unimplemented!()
    }
}
