//! Why no rest is asked for, and the problem that each case becomes.
//!
//! Part of `error.rs`. The provider's own words are for the log; of them only its code is shown.

use crate::domain::topup::NoTopUp;
use crate::http::problem::{Extensions, Problem, Slug, extended, later, plain};

use super::{ApiError, LATER, conflict};

/// After how long a retry is worth it while somebody else makes a payment for the order.
const BUSY_RETRY_SECONDS: u64 = 5;
/// After how long a retry is worth it while the provider is away, or what it did is not known.
const AWAY_RETRY_SECONDS: u64 = 30;

/// Why a further payment is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopUpRefusal {
    /// There is nothing to ask for.
    None(NoTopUp),
    /// No provider is configured.
    NoProvider,
    /// Somebody else makes a payment for the order just now.
    Busy,
    /// The provider cannot be reached, or nobody knows what came of it.
    Away,
    /// The provider says no, in these words.
    Provider(String),
}

impl From<TopUpRefusal> for ApiError {
    fn from(refusal: TopUpRefusal) -> Self {
        Self::TopUp(refusal)
    }
}

/// The refusal as the wire shows it.
pub fn problem(refusal: &TopUpRefusal) -> Problem {
    match refusal {
        TopUpRefusal::None(why @ NoTopUp::NotPartial(_)) => conflict("crypto_order", "status", sentence(*why)),
        TopUpRefusal::None(why) => settled_otherwise(sentence(*why)),
        TopUpRefusal::NoProvider => plain(Slug::FeatureUnavailable, NO_PROVIDER),
        TopUpRefusal::Busy => later(BUSY_RETRY_SECONDS, LATER, "a payment of the order is being made".to_owned()),
        TopUpRefusal::Away => later(AWAY_RETRY_SECONDS, AWAY, "the provider is away, or in doubt".to_owned()),
        TopUpRefusal::Provider(words) => settled_otherwise(refused(words)),
    }
}

/// A conflict that another status of the order would not end.
fn settled_otherwise(detail: String) -> Problem {
    extended(Slug::Conflict, detail, Extensions { resource: Some("crypto_order"), ..Extensions::default() })
}

const NO_PROVIDER: &str = "No payment provider is configured, so no further payment can be made.";
const AWAY: &str = "The payment provider does not answer, or it is not known yet what it did. Ask again: a payment \
                    that it may have made is looked for first.";

fn sentence(why: NoTopUp) -> String {
    match why {
        NoTopUp::NotPartial(status) => {
            format!(
                "Order is in state \"{}\" and lacks no rest: only a partial order can be topped up.",
                status.as_str()
            )
        }
        NoTopUp::AmountsUnknown => {
            "What is owed for this order, or in which coin, is not known, so the rest cannot be \
                                    told. Look at its payments; accept settles it with what arrived."
                .to_owned()
        }
        NoTopUp::NothingMissing => {
            "Nothing is missing: as much arrived as is owed. Wait for the provider's last word, \
                                    or settle the order with accept."
                .to_owned()
        }
    }
}

/// The refusal in our words, with the provider's code if its words begin with one.
fn refused(words: &str) -> String {
    let code = words.split([':', ' ']).next().unwrap_or_default();
    let coded = !code.is_empty() && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let code = if coded { format!(" ({code})") } else { String::new() };
    let why =
        if code.contains("AMOUNT_MINIMAL") { ": the rest is below the least that it takes in this coin" } else { "" };
    format!(
        "The payment provider refuses a further payment{code}{why}. Settle the order with what arrived by accept, or \
         agree with the customer on another way."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_providers_words_only_a_code_is_shown() {
        let told = |words: &str| problem(&TopUpRefusal::Provider(words.to_owned())).detail.into_owned();
        assert!(
            told("AMOUNT_MINIMAL_ERROR: amountTo is too small").contains("(AMOUNT_MINIMAL_ERROR): the rest is below")
        );
        assert!(told("CURRENCY_UNAVAILABLE: off").contains("further payment (CURRENCY_UNAVAILABLE). Settle"));
        for words in ["<html>", "", "Bad gateway: 10.0.0.7", "amount too small"] {
            assert!(told(words).starts_with("The payment provider refuses a further payment. Settle"), "{words}");
        }
    }
}
