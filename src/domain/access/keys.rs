//! How keys come to be, and how one takes another's place: what may be granted, and for how long.
//!
//! Pure: ids, random bytes and times are handed in. No key that is asked for over HTTP is worth more
//! than the one that asks. `http/keys/` asks, `cli/keys.rs` decides for itself; `store` keeps the outcome.

use crate::domain::ids::{AccountId, KeyId};
use crate::domain::time::{Span, Timestamp};

use super::{ApiKey, KeyKind, PlaintextKey, Scope};

/// How long a key stays good once another has taken its place.
pub const GRACE: Span = Span::hours(24);
/// How many keys of an account may be good at once, those in their grace not counted.
pub const ACTIVE_KEYS_MAX: usize = 100;
/// The most characters of a name.
pub const NAME_CHARS_MAX: usize = 100;
/// What the keys of a first start are called, so that production can refuse them later.
pub const FIRST_START_NAME: &str = "made at the first start";
/// What the keys of a seeded database are called: they follow from the seed's number.
pub const SEED_NAME: &str = "made by seed";
/// Names that production takes for keys that are no secret; customers may not use them.
pub const RESERVED_NAMES: [&str; 2] = [FIRST_START_NAME, SEED_NAME];

/// A name that shows on one line, without the blanks around it.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let sized = (1..=NAME_CHARS_MAX).contains(&text.chars().count());
    (sized && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// What makes a new key unlike any other.
#[derive(Clone, Copy)]
pub struct Fresh {
    /// Its id.
    pub id: KeyId,
    /// Its secret: 160 bits from the operating system.
    pub secret: [u8; 20],
    /// When it is made.
    pub at: Timestamp,
}

/// A key that is not stored yet, with the one copy of its plaintext.
pub struct NewKey {
    /// What is stored.
    pub key: ApiKey,
    /// What is shown once.
    pub plaintext: PlaintextKey,
}

impl NewKey {
    /// A customer's key that does not end and has no name yet.
    #[must_use]
    pub fn of_account(account: AccountId, kind: KeyKind, scopes: Vec<Scope>, fresh: Fresh) -> Self {
        let Self { key, plaintext } = Self::new(kind, scopes, fresh);
        Self { key: ApiKey { account_id: Some(account), ..key }, plaintext }
    }

    /// An operator's key that does not end and has no name yet.
    #[must_use]
    pub fn of_operator(fresh: Fresh) -> Self {
        Self::new(KeyKind::Admin, vec![Scope::InternalAdmin], fresh)
    }

    fn new(kind: KeyKind, mut scopes: Vec<Scope>, fresh: Fresh) -> Self {
        scopes.sort_unstable();
        scopes.dedup();
        let plaintext = PlaintextKey::new(kind, fresh.secret);
        let key = ApiKey {
            id: fresh.id,
            name: String::new(),
            key_prefix: plaintext.prefix().to_owned(),
            key_hash: plaintext.hash(),
            scopes,
            account_id: None,
            last_used_at: None,
            revoked_at: None,
            expires_at: None,
            created_at: fresh.at,
            replaced_by: None,
        };
        Self { key, plaintext }
    }
}

/// Why a key hands out no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotGranted {
    /// Only the command line grants this scope.
    CommandLineOnly(Scope),
    /// The key that asks has no scope that covers this one.
    AboveOwn(Scope),
    /// The new key would outlive the one that asks, which ends then.
    Outlives(Timestamp),
    /// This key has taken the place of the one that asks, which is in its grace.
    RotatedOut(KeyId),
}

/// Why no key takes this one's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRotated {
    /// It was revoked.
    Revoked,
    /// It has ended by itself.
    Expired,
    /// This one took its place already.
    Replaced(KeyId),
    /// The key that asks may not hand out its like.
    NotGranted(NotGranted),
}

/// A key takes another's place.
pub struct Rotation {
    /// Whose place it takes.
    pub replaces: KeyId,
    /// Until when the old key stays good.
    pub grace_expires_at: Timestamp,
    /// The new key.
    pub successor: NewKey,
}

impl ApiKey {
    /// Whether this key may change keys at all. In its grace it may not: whoever holds a copy of a key that was rotated
    /// out would otherwise revoke its successor, or hand out more.
    ///
    /// # Errors
    /// [`NotGranted::RotatedOut`].
    pub fn may_change_keys(&self) -> Result<(), NotGranted> {
        self.replaced_by.map_or(Ok(()), |successor| Err(NotGranted::RotatedOut(successor)))
    }

    /// Whether this key may hand out one with these scopes.
    ///
    /// # Errors
    /// [`NotGranted`], with the first scope that is too much.
    pub fn may_grant(&self, scopes: &[Scope]) -> Result<(), NotGranted> {
        for scope in scopes {
            if !scope.is_a_customer_s() {
                return Err(NotGranted::CommandLineOnly(*scope));
            }
            if !self.scopes.iter().any(|own| own.covers(*scope)) {
                return Err(NotGranted::AboveOwn(*scope));
            }
        }
        Ok(())
    }

    /// Whether this key may hand out one that is good for so long.
    ///
    /// # Errors
    /// [`NotGranted::Outlives`].
    pub fn may_leave_until(&self, expires_at: Option<Timestamp>) -> Result<(), NotGranted> {
        match self.expires_at {
            Some(own) if expires_at.is_none_or(|asked| own < asked) => Err(NotGranted::Outlives(own)),
            Some(_) | None => Ok(()),
        }
    }

    /// Puts a like key in the place of `old`, which stays good for [`GRACE`], or for as long as it had.
    ///
    /// # Errors
    /// [`NotRotated`].
    pub fn rotate(&self, old: &Self, fresh: Fresh) -> Result<Rotation, NotRotated> {
        self.may_grant(&old.scopes).map_err(NotRotated::NotGranted)?;
        if old.revoked_at.is_some() {
            return Err(NotRotated::Revoked);
        }
        if let Some(successor) = old.replaced_by {
            return Err(NotRotated::Replaced(successor));
        }
        if old.has_expired(fresh.at) {
            return Err(NotRotated::Expired);
        }
        self.may_leave_until(old.expires_at).map_err(NotRotated::NotGranted)?;
        let grace = fresh.at.after(GRACE);
        let NewKey { key, plaintext } = NewKey::new(old.kind(), old.scopes.clone(), fresh);
        let key = ApiKey {
            name: old.name.clone(),
            account_id: old.account_id,
            // A key that was meant to end is not made to last by rotating it.
            expires_at: old.expires_at,
            ..key
        };
        Ok(Rotation {
            replaces: old.id,
            grace_expires_at: old.expires_at.map_or(grace, |end| end.min(grace)),
            successor: NewKey { key, plaintext },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::subsequence;
    use uuid::Uuid;

    use super::*;

    fn fresh(number: u8, at: Timestamp) -> Fresh {
        Fresh { id: KeyId::new(Uuid::from_bytes([number; 16])), secret: [number; 20], at }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_778_590_800_000).after(Span::seconds(seconds))
    }

    fn key(scopes: Vec<Scope>) -> ApiKey {
        NewKey::of_account(AccountId::new(Uuid::nil()), KeyKind::Live, scopes, fresh(1, at(0))).key
    }

    fn owner() -> ApiKey {
        key(vec![Scope::AccountOwner])
    }

    #[test]
    fn an_operator_s_key_has_no_account_and_one_scope() {
        let NewKey { key, plaintext } = NewKey::of_operator(fresh(2, at(0)));
        assert!(plaintext.reveal().starts_with("ds_admin_"));
        assert_eq!((key.account_id, key.scopes), (None, vec![Scope::InternalAdmin]));
        assert_eq!(key.key_hash, plaintext.hash());
    }

    #[test]
    fn a_name_stands_on_one_line_without_the_blanks_around_it() {
        assert_eq!(name(" till \u{fc} ").as_deref(), Some("till \u{fc}"));
        assert_eq!(name(&"\u{fc}".repeat(100)).unwrap().chars().count(), 100);
        for wrong in ["", "  ", "two\nlines", "a\0b", &"n".repeat(101)] {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_successor_is_like_the_old_key_in_all_but_its_secret() {
        let old = ApiKey { name: "till".to_owned(), ..key(vec![Scope::Read, Scope::AdminBilling]) };
        let Rotation { replaces, grace_expires_at, successor } = owner().rotate(&old, fresh(2, at(9))).ok().unwrap();
        let new = successor.key;
        assert_eq!((replaces, grace_expires_at), (old.id, at(9).after(GRACE)));
        assert_eq!((&new.name, &new.scopes, new.account_id), (&old.name, &old.scopes, old.account_id));
        assert_eq!((new.kind(), new.created_at, new.expires_at), (KeyKind::Live, at(9), None));
        assert!(new.id != old.id && new.key_hash != old.key_hash);
    }

    #[test]
    fn a_rotation_makes_no_key_last_longer() {
        let old = ApiKey { expires_at: Some(at(60)), ..key(vec![Scope::Read]) };
        let rotation = owner().rotate(&old, fresh(2, at(0))).ok().unwrap();
        assert_eq!((rotation.grace_expires_at, rotation.successor.key.expires_at), (at(60), Some(at(60))));
        let caller = ApiKey { expires_at: Some(at(59)), ..owner() };
        let refused = NotRotated::NotGranted(NotGranted::Outlives(at(59)));
        assert_eq!(caller.rotate(&old, fresh(2, at(0))).err(), Some(refused));
        assert_eq!(caller.rotate(&key(vec![Scope::Read]), fresh(2, at(0))).err(), Some(refused));
    }

    #[test]
    fn a_key_that_has_ended_or_has_a_successor_is_not_rotated() {
        let successor = KeyId::new(Uuid::from_bytes([9; 16]));
        for (old, refusal) in [
            (ApiKey { revoked_at: Some(at(0)), ..owner() }, NotRotated::Revoked),
            (ApiKey { expires_at: Some(at(5)), ..owner() }, NotRotated::Expired),
            (ApiKey { replaced_by: Some(successor), ..owner() }, NotRotated::Replaced(successor)),
        ] {
            assert_eq!(owner().rotate(&old, fresh(2, at(5))).err(), Some(refusal));
        }
    }

    fn some_scopes() -> impl Strategy<Value = Vec<Scope>> {
        subsequence(Scope::ALL.to_vec(), 0..=Scope::ALL.len())
    }

    proptest! {
        #[test]
        fn nothing_above_the_caller_s_own_scopes_is_ever_granted(own in some_scopes(), asked in some_scopes()) {
            let granted = key(own.clone()).may_grant(&asked).is_ok();
            let root = [Scope::Admin, Scope::InternalAdmin];
            let whole = own.contains(&Scope::AccountOwner) || own.contains(&Scope::Admin);
            let right = asked.iter().all(|scope| !root.contains(scope) && (whole || own.contains(scope)));
            prop_assert_eq!(granted, right);
            let rotated = key(own).rotate(&key(asked), fresh(2, at(0))).is_ok();
            prop_assert_eq!(rotated, right);
        }
    }
}
