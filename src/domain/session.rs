//! Who is signed in on the operators' pages, and how the token of a session changes, as pure rules.
//!
//! A session ends after 12 hours, with its key, or when its owner signs out. Its token is replaced from time to
//! time; the one before stays good until the new one has come back once, because the answer that carried it may
//! have been lost. Nothing here reads a clock or draws randomness; `http/gui/session.rs` does the asking.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::ids::KeyId;
use super::time::{Span, Timestamp};

/// How long a session lasts, whatever is done in it.
pub const SESSION_LASTS: Span = Span::hours(12);
/// After how long its token is replaced.
pub const ROTATED_EVERY: Span = Span::minutes(15);
/// How long requests that were under way at a replacement may still come with the token before.
const GRACE: Span = Span::minutes(1);

/// What a browser shows to be let in; never stored, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(String);

impl SessionToken {
    /// A new token from 256 random bits.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self(data_encoding::BASE64URL_NOPAD.encode(&random))
    }

    /// Reads a token; what cannot be one is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// SHA-256, lower-case hex: what is stored. The token is random, so a slow hash would hide nothing more.
    #[must_use]
    pub fn hash(&self) -> String {
        data_encoding::HEXLOWER.encode(&Sha256::digest(self.0.as_bytes()))
    }

    /// The whole text, for the browser it belongs to.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, which opens nothing.
    pub id: Uuid,
    /// The operator's key that signed in; the session ends with it.
    pub key_id: KeyId,
    /// SHA-256 of its token.
    pub token_hash: String,
    /// SHA-256 of the token before, until the newest has come back.
    pub prev_token_hash: Option<String>,
    /// What every form of this session carries, so that no other site can send one.
    pub form_token: String,
    /// When it got its token.
    pub rotated_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a new session is made of: names that nobody has yet.
pub struct Fresh {
    /// Its id.
    pub id: Uuid,
    /// What opens it.
    pub token: SessionToken,
    /// What its forms carry.
    pub form_token: SessionToken,
}

/// What is to be done about the token that a request came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// It opens nothing.
    Refused,
    /// It is good, and stays as it is.
    Good,
    /// It is good, and is to be replaced by a new one.
    Due,
    /// It is good, and shows that its owner has it: the one before is no longer good.
    Confirmed,
}

impl Session {
    /// A new session of a key.
    #[must_use]
    pub fn begin(fresh: &Fresh, key_id: KeyId, now: Timestamp) -> Self {
        Self {
            id: fresh.id,
            key_id,
            token_hash: fresh.token.hash(),
            prev_token_hash: None,
            form_token: fresh.form_token.reveal().to_owned(),
            rotated_at: now,
            created_at: now,
            expires_at: now.after(SESSION_LASTS),
        }
    }

    /// Judges the token of a request by its hash.
    #[must_use]
    pub fn presented(&self, hash: &str, now: Timestamp) -> Presented {
        if self.expires_at <= now {
            return Presented::Refused;
        }
        let age = now.since(self.rotated_at);
        let is = |known: &str| bool::from(known.as_bytes().ct_eq(hash.as_bytes()));
        if is(&self.token_hash) {
            return match &self.prev_token_hash {
                Some(_) if age >= GRACE => Presented::Confirmed,
                Some(_) => Presented::Good,
                None if age >= ROTATED_EVERY => Presented::Due,
                None => Presented::Good,
            };
        }
        match &self.prev_token_hash {
            // The new one never arrived: there is another.
            Some(prev) if is(prev) && age >= GRACE => Presented::Due,
            Some(prev) if is(prev) => Presented::Good,
            Some(_) | None => Presented::Refused,
        }
    }

    /// True if a form carries this session's own token.
    #[must_use]
    pub fn owns_form(&self, form_token: &str) -> bool {
        bool::from(self.form_token.as_bytes().ct_eq(form_token.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(0).after(Span::minutes(minutes))
    }

    fn token(byte: u8) -> SessionToken {
        SessionToken::new([byte; 32])
    }

    fn session() -> Session {
        let fresh = Fresh { id: Uuid::nil(), token: token(1), form_token: token(9) };
        Session::begin(&fresh, KeyId::new(Uuid::nil()), at(0))
    }

    fn rotated() -> Session {
        let prev_token_hash = Some(token(1).hash());
        Session { token_hash: token(2).hash(), prev_token_hash, rotated_at: at(20), ..session() }
    }

    #[test]
    fn a_session_is_good_for_twelve_hours_to_the_millisecond() {
        let last = at(12 * 60).before(Span::millis(1));
        assert_ne!(session().presented(&token(1).hash(), last), Presented::Refused);
        assert_eq!(session().presented(&token(1).hash(), at(12 * 60)), Presented::Refused);
    }

    #[test]
    fn only_its_own_tokens_open_it() {
        assert_eq!(session().presented(&token(3).hash(), at(1)), Presented::Refused);
        assert_eq!(session().presented("", at(1)), Presented::Refused);
        assert_eq!(session().presented(&token(1).hash(), at(1)), Presented::Good);
    }

    #[test]
    fn a_token_is_due_after_a_quarter_of_an_hour() {
        assert_eq!(session().presented(&token(1).hash(), at(15).before(Span::millis(1))), Presented::Good);
        assert_eq!(session().presented(&token(1).hash(), at(15)), Presented::Due);
    }

    #[test]
    fn the_token_before_is_good_until_the_new_one_has_come_back() {
        let (old, new) = (token(1).hash(), token(2).hash());
        assert_eq!(rotated().presented(&old, at(20)), Presented::Good, "requests that were under way");
        assert_eq!(rotated().presented(&old, at(21)), Presented::Due, "the new one was lost");
        assert_eq!(rotated().presented(&new, at(20)), Presented::Good);
        assert_eq!(rotated().presented(&new, at(21)), Presented::Confirmed);
        let confirmed = Session { prev_token_hash: None, ..rotated() };
        assert_eq!(confirmed.presented(&old, at(21)), Presented::Refused);
    }

    #[test]
    fn a_token_is_43_characters_and_nothing_else_is_one() {
        assert_eq!(SessionToken::parse(token(7).reveal()).unwrap().hash(), token(7).hash());
        for wrong in ["", "abc", &"a".repeat(44), &format!("{}=", token(7).reveal())] {
            assert!(SessionToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
