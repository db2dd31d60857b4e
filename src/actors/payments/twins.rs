//! Looks for a payment that was made and whose answer was lost, in the provider's list.
//!
//! The provider lists by time only, so all payments made around the creation are read, page by page, up to a
//! bound. What is found goes to the order as any payment of our making.

use super::PaymentDesk;
use super::errand::Errand;
use crate::domain::lifecycle::Made;
use crate::domain::time::{Span, Timestamp};
use crate::provider::client::{CallError, ListAsked};

/// How long after it was asked the provider may still make a payment.
const MADE_WITHIN: Span = Span::minutes(30);
/// How far the provider's clock may be from ours.
const CLOCKS_DIFFER_BY: Span = Span::minutes(10);
/// The most pages that are read; each has up to 500 payments.
const PAGES_MAX: u32 = 20;
/// How many listed payments are asked for one by one, because the list does not say whose they are or where they
/// are paid.
const UNCLEAR_MAX: usize = 20;

impl PaymentDesk {
    /// The payments that earlier tries at this errand have made since then, oldest first.
    ///
    /// # Errors
    /// [`CallError`] if the list cannot be read to its end: then nobody knows.
    pub(super) async fn twins(&self, errand: &Errand, since: Timestamp) -> Result<Vec<Made>, CallError> {
        let late = self.clock.now().min(since.after(MADE_WITHIN));
        let (from, until) = (since.before(CLOCKS_DIFFER_BY), late.after(CLOCKS_DIFFER_BY));
        let (mut found, mut unclear) = (Vec::new(), 0_usize);
        for page in 0..PAGES_MAX {
            let listed = self.client.payments(&ListAsked { from, until, page }).await?;
            // One that cannot be read could not be adopted either, so it holds nobody up.
            for report in &listed.payments {
                if errand.may_be_twin(report) {
                    unclear = unclear.saturating_add(1);
                    if UNCLEAR_MAX < unclear {
                        return Err(CallError::NoAnswer("the list tells too little of its payments".to_owned()));
                    }
                    match self.client.payment(&report.evidence.payment_id).await {
                        Ok(whole) => found.extend(errand.twin(&whole)),
                        Err(CallError::NotFound) => {}
                        Err(error) => return Err(error),
                    }
                } else {
                    found.extend(errand.twin(report));
                }
            }
            if listed.pages <= page.saturating_add(1) {
                return Ok(found);
            }
        }
        Err(CallError::NoAnswer("the list has more pages than are read".to_owned()))
    }
}
