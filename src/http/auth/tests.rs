//! Keys as a header brings them, against a real database.

use actix_web::http::header::HeaderValue;
use uuid::Uuid;

use super::*;
use crate::clock;
use crate::domain::access::{Account, KeyKind, Scope};
use crate::domain::ids::{AccountId, KeyId};
use crate::store::Opener;

fn told(value: Option<&[u8]>) -> String {
    let mut headers = HeaderMap::new();
    if let Some(value) = value {
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
    }
    bearer(&headers).map_or_else(|error| error.to_string(), |key| key.reveal().to_owned())
}

#[test]
fn a_key_is_read_behind_any_spelling_of_bearer() {
    let key = PlaintextKey::new(KeyKind::Live, [9; 20]);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(told(Some(format!("{scheme} {}", key.reveal()).as_bytes())), key.reveal());
    }
}

#[test]
fn each_way_of_getting_it_wrong_has_its_sentence() {
    assert_eq!(told(None), "Missing Authorization header.");
    for malformed in [&b""[..], b"Bearer", b"Bearer ", b"Basic abc", b"ds_live_x", b"Bearer a b", b"Bearer \xff"] {
        assert_eq!(told(Some(malformed)), "Malformed Authorization header. Expected \"Bearer <key>\".");
    }
    assert_eq!(told(Some(b"Bearer nonsense")), "The supplied API key is not recognised.");
}

/// A keyring over a fresh database, with one account.
struct Desk {
    keyring: Keyring,
    store: Store,
    clock: Clock,
    folder: std::path::PathBuf,
}

impl Drop for Desk {
    fn drop(&mut self) {
        // What is left of a test is not worth a failure.
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn account_id() -> AccountId {
    AccountId::new(Uuid::nil())
}

impl Desk {
    async fn open() -> Self {
        let clock = Clock::manual(Timestamp::from_millis(1_778_590_800_000));
        let folder = std::env::temp_dir().join(format!("crypto-orders-{}", clock::fresh_uuid(clock.now())));
        let (url, given) = (format!("sqlite://{}/keys.db", folder.display()), clock.clone());
        let open = move || Store::open(&url, given, Opener::Server);
        let store = tokio::task::spawn_blocking(open).await.unwrap().unwrap();
        let account = Account { id: account_id(), name: "Ada".into(), tier: Tier::ApiScale, created_at: clock.now() };
        store.account_insert(account).await.unwrap();
        Self { keyring: Keyring::new(store.clone(), clock.clone()), store, clock, folder }
    }

    /// Keeps a key of 20 equal bytes; `change` makes it special.
    async fn keep(&self, plaintext: &PlaintextKey, change: impl FnOnce(&mut ApiKey)) -> KeyId {
        let mut key = ApiKey {
            id: KeyId::new(clock::fresh_uuid(self.clock.now())),
            name: "till".into(),
            key_prefix: plaintext.prefix().to_owned(),
            key_hash: plaintext.hash(),
            scopes: vec![Scope::AccountOwner],
            account_id: Some(account_id()),
            last_used_at: None,
            revoked_at: None,
            expires_at: None,
            created_at: self.clock.now(),
            replaced_by: None,
        };
        change(&mut key);
        let id = key.id;
        self.store.key_insert(key).await.unwrap();
        id
    }

    async fn told(&self, key: &PlaintextKey) -> String {
        told_by(&self.keyring, key).await
    }
}

/// The tier of a good key, or the sentence of a refusal.
async fn told_by(keyring: &Keyring, key: &PlaintextKey) -> String {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {}", key.reveal())).unwrap());
    let verified = keyring.verify(&headers).await;
    verified.map_or_else(|error| error.to_string(), |verified| verified.tier.as_str().to_owned())
}

const UNKNOWN: &str = "The supplied API key is not recognised.";
const REVOKED: &str = "The supplied API key has been revoked.";
const EXPIRED: &str = "The supplied API key has expired.";

#[tokio::test]
async fn a_good_key_brings_its_account_s_tier_and_a_stranger_s_brings_nothing() {
    let desk = Desk::open().await;
    let key = PlaintextKey::new(KeyKind::Live, [1; 20]);
    desk.keep(&key, |_| ()).await;
    assert_eq!(desk.told(&key).await, "api_scale");
    // The first 16 characters are the same, the rest is not.
    let mut near = [1; 20];
    near[19] = 2;
    let near = PlaintextKey::new(KeyKind::Live, near);
    assert_eq!(near.prefix(), key.prefix());
    assert_eq!(desk.told(&near).await, UNKNOWN);
}

#[tokio::test]
async fn a_revocation_counts_at_once_here_and_within_five_seconds_elsewhere() {
    let desk = Desk::open().await;
    let key = PlaintextKey::new(KeyKind::Live, [1; 20]);
    let id = desk.keep(&key, |_| ()).await;
    let here = Keyring::new(desk.store.clone(), desk.clock.clone());
    let elsewhere = &desk.keyring;
    assert_eq!([told_by(&here, &key).await, told_by(elsewhere, &key).await], ["api_scale", "api_scale"]);
    assert!(desk.store.key_revoke(id, desk.clock.now()).await.unwrap());
    here.forget(id);
    assert_eq!([told_by(&here, &key).await, told_by(elsewhere, &key).await], [REVOKED, "api_scale"]);
    desk.clock.advance(Span::seconds(5));
    assert_eq!(told_by(elsewhere, &key).await, REVOKED);
}

#[tokio::test]
async fn a_key_ends_at_its_time_even_while_it_is_remembered() {
    let desk = Desk::open().await;
    let key = PlaintextKey::new(KeyKind::Test, [3; 20]);
    let ends = desk.clock.now().after(Span::seconds(2));
    desk.keep(&key, |key| key.expires_at = Some(ends)).await;
    assert_eq!(desk.told(&key).await, "api_scale");
    desk.clock.advance(Span::seconds(2));
    assert_eq!(desk.told(&key).await, EXPIRED);
}

#[tokio::test]
async fn an_operator_s_key_has_the_largest_bucket_to_itself() {
    let desk = Desk::open().await;
    let key = PlaintextKey::new(KeyKind::Admin, [4; 20]);
    desk.keep(&key, |key| (key.account_id, key.scopes) = (None, vec![Scope::InternalAdmin])).await;
    assert_eq!(desk.told(&key).await, "enterprise");
}
