//! Why an operator's word on a payment is not applied, and the problem that it becomes.
//!
//! Part of `error.rs`. The provider was asked and does not say as much.

use crate::domain::evidence::{Evidence, ProviderWord};
use crate::http::problem::Problem;

use super::{ApiError, conflict};

/// An operator's word that the provider's answer does not confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRefusal {
    /// The payment that was named.
    pub payment: String,
    /// The word that was to be applied.
    pub replayed: ProviderWord,
    /// What the provider says of the payment; none where it knows no such payment.
    pub answered: Option<Box<Evidence>>,
}

impl From<ReplayRefusal> for ApiError {
    fn from(refusal: ReplayRefusal) -> Self {
        Self::Replay(refusal)
    }
}

const FORCE: &str = "Compare the provider's dashboard; to apply it all the same, force it with a reason: it is then \
                     raised, and stands on the audit log as forced.";

/// The refusal as the wire shows it.
pub fn problem(refusal: &ReplayRefusal) -> Problem {
    let ReplayRefusal { payment, replayed, answered } = refusal;
    let replayed = replayed.as_str();
    match answered {
        None => {
            let answer = format!("The provider knows no payment \"{payment}\", so \"{replayed}\" was not applied.");
            conflict("crypto_order", "payment_id", format!("{answer} {FORCE}"))
        }
        Some(answered) => {
            let (word, received) = (answered.word.as_str(), received(answered));
            let answer =
                format!("The provider says \"{word}\" of payment \"{payment}\"{received}, not \"{replayed}\".");
            conflict("crypto_order", "provider_status", format!("{answer} Nothing was applied. {FORCE}"))
        }
    }
}

/// `, with 0.0024 BTC received`, where the provider says how much.
fn received(answered: &Evidence) -> String {
    let Some(paid) = &answered.actually_paid else { return String::new() };
    let coin = answered.coin.as_ref().map(|coin| format!(" {}", coin.as_str().to_uppercase())).unwrap_or_default();
    format!(", with {paid}{coin} received")
}
