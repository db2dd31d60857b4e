//! Whether the provider's own answer confirms the word that an operator replays.
//!
//! An operator replays a word because its report was lost. Where the provider says as much or more of the
//! payment, nothing is overruled; where it says less, the replay has to be forced (contract, section 4).

use super::evidence::ProviderWord;

/// True if a payment of which the provider says `answered` is at least where `replayed` puts it.
#[must_use]
pub fn confirms(answered: &ProviderWord, replayed: &ProviderWord) -> bool {
    match replayed {
        ProviderWord::Waiting
        | ProviderWord::Confirming
        | ProviderWord::Confirmed
        | ProviderWord::Sending
        | ProviderWord::PartiallyPaid
        | ProviderWord::Finished => replayed.progress_rank() <= answered.progress_rank(),
        // The provider's `expired` is only its guess, from which an order can come back.
        ProviderWord::Failed | ProviderWord::Refunded => {
            matches!(answered, ProviderWord::Failed | ProviderWord::Refunded)
        }
        ProviderWord::Expired => answered.is_failure(),
        // It moves nothing, whatever the provider says.
        ProviderWord::Unknown(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_confirmed_by_itself_and_by_every_word_beyond_it() {
        let on_the_way = ["waiting", "confirming", "confirmed", "sending", "partially_paid", "finished"];
        let others = ["failed", "expired", "refunded", "on_hold"];
        let confirmed =
            |answered: &str, replayed: &str| confirms(&ProviderWord::parse(answered), &ProviderWord::parse(replayed));
        for (place, replayed) in on_the_way.into_iter().enumerate() {
            for (other, answered) in on_the_way.into_iter().enumerate() {
                assert_eq!(confirmed(answered, replayed), place <= other, "{answered} {replayed}");
            }
            for answered in others {
                assert!(!confirmed(answered, replayed), "{answered} {replayed}");
                assert!(answered == "on_hold" || !confirmed(replayed, answered), "{answered} {replayed}");
            }
        }
        for (answered, replayed, right) in [
            ("failed", "failed", true),
            ("refunded", "failed", true),
            ("failed", "refunded", true),
            ("failed", "expired", true),
            ("expired", "expired", true),
            ("expired", "failed", false),
            ("on_hold", "failed", false),
            ("waiting", "on_hold", true),
        ] {
            assert_eq!(confirmed(answered, replayed), right, "{answered} {replayed}");
        }
    }
}
