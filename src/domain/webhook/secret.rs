//! The secret that a merchant's endpoint and this service share: deliveries are signed with it.
//!
//! It is kept as it is, because signing needs it; it is shown once, and never logged: its `Debug` shows the prefix.

use std::fmt;

use data_encoding::BASE32_NOPAD;

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// How many lower-case base32 characters follow: 160 random bits.
const CHARACTERS: usize = 32;
/// How many characters of it may be shown for ever (contract, section 6).
const SHOWN: usize = 12;

/// `whsec_` and 32 lower-case base32 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointSecret(String);

impl EndpointSecret {
    /// A secret of these random bytes.
    #[must_use]
    pub fn new(random: [u8; 20]) -> Self {
        Self(format!("{PREFIX}{}", BASE32_NOPAD.encode(&random).to_ascii_lowercase()))
    }

    /// Reads exactly the form that is written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secret = text.strip_prefix(PREFIX)?;
        let base32 = secret.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        (secret.len() == CHARACTERS && base32).then(|| Self(text.to_owned()))
    }

    /// The whole text, to sign with, to store, and to show once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first characters, by which its owner tells it from others.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.get(..SHOWN).unwrap_or_default()
    }
}

impl fmt::Debug for EndpointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_its_prefix_and_32_base32_characters_and_shows_six_of_them() {
        let secret = EndpointSecret::new([7; 20]);
        assert_eq!(secret.expose(), "whsec_a4dqobyha4dqobyha4dqobyha4dqobyh");
        assert_eq!((secret.prefix(), format!("{secret:?}").as_str()), ("whsec_a4dqob", "whsec_a4dqob…"));
        assert_eq!(EndpointSecret::parse(secret.expose()), Some(secret));
    }

    #[test]
    fn nothing_else_is_a_secret() {
        for text in ["", "whsec_", "whsec_A4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYH", "whsec_a4dqobyha4dqobyha4dqobyha4dqobyha"]
        {
            assert_eq!(EndpointSecret::parse(text), None, "{text}");
        }
    }
}
