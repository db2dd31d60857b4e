//! Whose key it is: from the `Authorization` header to a verified key, seldom by way of the database.
//!
//! Verified keys are remembered for at most five seconds; a revocation on this node forgets them at
//! once. What the key may do is asked in `extract.rs`. Plaintext keys are neither kept nor logged.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use lru::LruCache;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::clock::{Clock, MonotonicTime};
use crate::domain::access::{ApiKey, PlaintextKey, Tier};
use crate::domain::ids::KeyId;
use crate::domain::time::{Span, Timestamp};
use crate::repeats::Repeats;
use crate::store::Store;

use super::error::{ApiError, KeyRefusal};
use super::limits::Owner;

#[cfg(test)]
mod tests;

/// Uses of keys that were not noted.
static NOT_NOTED: Repeats = Repeats::new();

/// How long the database's word on a key is taken for true.
const REMEMBERED_FOR: Span = Span::seconds(5);
/// How many good keys are remembered.
const GOOD_KEYS_MAX: usize = 8192;
/// How many keys that are no good are remembered, so that a client that insists asks no database.
const BAD_KEYS_MAX: usize = 1024;
/// How many keys are looked up at once; guessers wait for each other, not the checkouts for them.
const LOOKUPS_MAX: usize = 16;
/// How often the use of one key is noted.
const NOTED_EVERY: Span = Span::minutes(1);

/// A key that was found good, with what its requests need.
#[derive(Debug)]
pub struct VerifiedKey {
    /// The key as it is stored.
    pub key: ApiKey,
    /// Whose bucket it draws from.
    pub owner: Owner,
    /// The tier of that bucket.
    pub tier: Tier,
    verified_at: MonotonicTime,
    noted_at_millis: AtomicI64,
}

impl VerifiedKey {
    /// The key with its newest use, which the database may not know yet.
    #[must_use]
    pub fn as_used(&self) -> ApiKey {
        let noted_at = Timestamp::from_millis(self.noted_at_millis.load(Ordering::Relaxed));
        ApiKey { last_used_at: Some(noted_at), ..self.key.clone() }
    }
}

/// All keys that were asked for lately.
pub struct Keyring {
    store: Store,
    clock: Clock,
    good: Mutex<LruCache<String, Arc<VerifiedKey>>>,
    bad: Mutex<LruCache<String, BadKey>>,
    lookups: Semaphore,
    /// Counts what was forgotten, so that a look-up which began before a revocation is not remembered.
    forgotten: AtomicU64,
}

#[derive(Clone, Copy)]
struct BadKey {
    refusal: KeyRefusal,
    known_at: MonotonicTime,
}

impl Keyring {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        let at_most = |keys| NonZeroUsize::new(keys).unwrap_or(NonZeroUsize::MIN);
        Self {
            store,
            clock,
            good: Mutex::new(LruCache::new(at_most(GOOD_KEYS_MAX))),
            bad: Mutex::new(LruCache::new(at_most(BAD_KEYS_MAX))),
            lookups: Semaphore::new(LOOKUPS_MAX),
            forgotten: AtomicU64::new(0),
        }
    }

    /// The key of a request.
    ///
    /// # Errors
    /// 401 as the table of contract section 1 says; 503 if the database cannot be asked.
    pub async fn verify(&self, headers: &HeaderMap) -> Result<Arc<VerifiedKey>, ApiError> {
        self.verify_key(&bearer(headers)?).await
    }

    /// The key of this text, which somebody has typed.
    ///
    /// # Errors
    /// 401 if it is not good; 503 if the database cannot be asked.
    pub async fn verify_key(&self, plaintext: &PlaintextKey) -> Result<Arc<VerifiedKey>, ApiError> {
        let hash = plaintext.hash();
        let now = self.clock.now();
        let verified = match self.remembered(&hash)? {
            Some(verified) => verified,
            None => self.look_up(plaintext, hash).await?,
        };
        if verified.key.has_expired(now) {
            return Err(ApiError::Key(KeyRefusal::Expired));
        }
        self.note_use(&verified, now);
        Ok(verified)
    }

    /// Forgets a key: what was revoked a moment ago is not accepted once more. The others stay, or one
    /// customer could make everybody's requests ask the database.
    pub fn forget(&self, id: KeyId) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        let mut good = locked(&self.good);
        let known = good.iter().filter(|(_, verified)| verified.key.id == id);
        let hashes: Vec<String> = known.map(|(hash, _)| hash.clone()).collect();
        for hash in hashes {
            good.pop(&hash);
        }
    }

    fn remembered(&self, hash: &str) -> Result<Option<Arc<VerifiedKey>>, ApiError> {
        let now = self.clock.monotonic();
        let fresh = |known_at| now.since(known_at) < REMEMBERED_FOR;
        if let Some(verified) = locked(&self.good).get(hash).filter(|known| fresh(known.verified_at)) {
            return Ok(Some(Arc::clone(verified)));
        }
        match locked(&self.bad).get(hash).filter(|known| fresh(known.known_at)) {
            Some(known) => Err(ApiError::Key(known.refusal)),
            None => Ok(None),
        }
    }

    async fn look_up(&self, plaintext: &PlaintextKey, hash: String) -> Result<Arc<VerifiedKey>, ApiError> {
        let _permit = self.lookups.acquire().await.map_err(|_| ApiError::Busy("key look-ups"))?;
        let generation = self.forgotten.load(Ordering::Acquire);
        let now = self.clock.monotonic();
        let found = self.store.keys_by_prefix(plaintext.prefix().to_owned()).await?;
        // Every row is compared, so that the time tells nothing of which one came close.
        let matches = |key: &ApiKey| bool::from(key.key_hash.as_bytes().ct_eq(hash.as_bytes()));
        let key = found.into_iter().fold(None, |found, key| if matches(&key) { Some(key) } else { found });
        let verified = match key {
            None => Err(KeyRefusal::Unknown),
            Some(key) if key.revoked_at.is_some() => Err(KeyRefusal::Revoked),
            Some(key) => self.with_bucket(key, now).await?,
        };
        match verified {
            Ok(verified) => {
                let mut good = locked(&self.good);
                if self.forgotten.load(Ordering::Acquire) == generation {
                    good.put(hash, Arc::clone(&verified));
                }
                Ok(verified)
            }
            Err(refusal) => {
                locked(&self.bad).put(hash, BadKey { refusal, known_at: now });
                Err(ApiError::Key(refusal))
            }
        }
    }

    /// Adds whose bucket a good key draws from: its account's, or as an operator's key its own.
    async fn with_bucket(
        &self,
        key: ApiKey,
        now: MonotonicTime,
    ) -> Result<Result<Arc<VerifiedKey>, KeyRefusal>, ApiError> {
        let (owner, tier) = match key.account_id {
            None => (Owner::Operator(key.id), Tier::Enterprise),
            Some(id) => match self.store.account_load(id).await? {
                Some(account) => (Owner::Account(id), account.tier),
                None => return Ok(Err(KeyRefusal::Unknown)),
            },
        };
        let noted_at_millis = AtomicI64::new(key.last_used_at.map_or(0, Timestamp::millis));
        Ok(Ok(Arc::new(VerifiedKey { key, owner, tier, verified_at: now, noted_at_millis })))
    }

    /// Notes the use at most once a minute, without making the request wait.
    fn note_use(&self, verified: &VerifiedKey, now: Timestamp) {
        let noted = verified.noted_at_millis.load(Ordering::Relaxed);
        let noted_at = Timestamp::from_millis(noted);
        // A use that was noted later than now was noted by a clock that has been set back.
        if noted_at <= now && now.since(noted_at) < NOTED_EVERY {
            return;
        }
        let mine = verified.noted_at_millis.compare_exchange(noted, now.millis(), Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_ok() {
            let (store, id) = (self.store.clone(), verified.key.id);
            tokio::spawn(async move {
                if let Err(error) = store.key_used(id, now).await
                    && let Some(unlogged) = NOT_NOTED.count(&error.to_string())
                {
                    tracing::warn!(key.id = %id, %error, unlogged, "the use of a key was not noted");
                }
            });
        }
    }
}

/// The memory holds only what the database can tell again, so a panic inside leaves nothing wrong behind.
fn locked<T>(memory: &Mutex<T>) -> MutexGuard<'_, T> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

const MISSING: ApiError = ApiError::Unauthorized("Missing Authorization header.");
const MALFORMED: ApiError = ApiError::Unauthorized("Malformed Authorization header. Expected \"Bearer <key>\".");

/// The key in the header; one that cannot be a key of ours is unknown without asking the database.
fn bearer(headers: &HeaderMap) -> Result<PlaintextKey, ApiError> {
    let header = headers.get(AUTHORIZATION).ok_or(MISSING)?;
    let text = header.to_str().map_err(|_| MALFORMED)?.trim();
    let (scheme, token) = text.split_once(' ').ok_or(MALFORMED)?;
    let token = token.trim_start();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains([' ', '\t']) {
        return Err(MALFORMED);
    }
    PlaintextKey::parse(token).ok_or(ApiError::Key(KeyRefusal::Unknown))
}
