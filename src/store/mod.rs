//! Durable state. The only folder that imports diesel.

pub mod changeset;
pub mod filter;

use crate::domain::access::{Account, ApiKey};
use crate::domain::ids::{AccountId, KeyId, OrderId, PaymentId};
use crate::domain::order::{Order, StatusName};
use crate::domain::time::Timestamp;
use filter::{OrderFilter, OrderPage, Page};

/// Reads of the database, and the way to its writer. Clones share everything.
#[derive(Clone)]
pub struct Store {}

/// A read or a simple write failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or cannot write; trying again may help.
    #[error("storage unavailable: {0}")]
    Unavailable(String),
    /// The database answers, but not as this program expects.
    #[error("storage broken: {0}")]
    Broken(String),
}

/// Counters of keys, of one account or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdempotencyTotals {
    /// Keyed creates.
    pub first_writes: i64,
    /// Later uses that were answered with the original.
    pub replays: i64,
    /// Later uses with another body.
    pub body_mismatches: i64,
}

/// A key with its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUsage {
    /// The key.
    pub key: String,
    /// Its order.
    pub order_id: OrderId,
    /// Its first use.
    pub first_seen_at: Timestamp,
    /// Its newest use.
    pub last_seen_at: Timestamp,
    /// Later uses answered with the original.
    pub replays: i64,
    /// Later uses with another body.
    pub body_mismatches: i64,
}

/// A body that did not verify, kept for the doctor.
#[derive(Debug, Clone)]
pub struct RefusedIpn {
    /// The first 4 KiB.
    pub body: Vec<u8>,
    /// Why it was refused.
    pub reason: &'static str,
    /// The client's address.
    pub ip: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Opens the database; runs its migrations, and blocks while it does.
    pub fn open(_database_url: &str, _clock: crate::clock::Clock) -> Result<Self, StoreError> {
        unimplemented!()
    }
    /// One order with its log and payments.
    pub async fn order_load(&self, _id: OrderId) -> Result<Option<Order>, StoreError> {
        unimplemented!()
    }
    /// A page of orders, newest first.
    pub async fn orders_page(&self, _filter: OrderFilter, _page: Page) -> Result<OrderPage, StoreError> {
        unimplemented!()
    }
    /// The order of a payment, bound or in the ledger.
    pub async fn payment_owner(&self, _payment: PaymentId) -> Result<Option<OrderId>, StoreError> {
        unimplemented!()
    }
    /// Counters of idempotency keys: of one account, or of all.
    pub async fn idempotency_totals(&self, _account: Option<AccountId>) -> Result<IdempotencyTotals, StoreError> {
        unimplemented!()
    }
    /// An account's keys, newest first, after the place (`first_seen_at`, key).
    pub async fn idempotency_keys(
        &self,
        _account: AccountId,
        _limit: usize,
        _after: Option<(Timestamp, String)>,
    ) -> Result<Vec<KeyUsage>, StoreError> {
        unimplemented!()
    }
    /// The keys that begin with these 16 characters.
    pub async fn keys_by_prefix(&self, _prefix: String) -> Result<Vec<ApiKey>, StoreError> {
        unimplemented!()
    }
    /// One account.
    pub async fn account_load(&self, _id: AccountId) -> Result<Option<Account>, StoreError> {
        unimplemented!()
    }
    /// All accounts, oldest first.
    pub async fn accounts_list(&self) -> Result<Vec<Account>, StoreError> {
        unimplemented!()
    }
    /// Keeps a new account.
    pub async fn account_insert(&self, _account: Account) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// All keys, oldest first, of one account or of all.
    pub async fn keys_list(&self, _account: Option<AccountId>) -> Result<Vec<ApiKey>, StoreError> {
        unimplemented!()
    }
    /// Keeps a new key.
    pub async fn key_insert(&self, _key: ApiKey) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Revokes a key; false if there is none of that id. A second time changes nothing.
    pub async fn key_revoke(&self, _id: KeyId, _now: Timestamp) -> Result<bool, StoreError> {
        unimplemented!()
    }
    /// Notes that a key was used.
    pub async fn key_used(&self, _id: KeyId, _now: Timestamp) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Keeps a refused body among the newest 1 000. Never waits: past its bound it is dropped.
    pub fn refused_ipn_keep(&self, _refused: RefusedIpn) {
        unimplemented!()
    }
    /// Ids of pending orders created up to then, oldest first.
    pub async fn pending_created_until(&self, _until: Timestamp, _limit: usize) -> Result<Vec<OrderId>, StoreError> {
        unimplemented!()
    }
    /// Writes and commits a little: fails exactly when an order could not be taken.
    pub async fn probe_writable(&self) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// How many orders stand in a status.
    pub async fn orders_count(&self, _status: StatusName) -> Result<i64, StoreError> {
        unimplemented!()
    }
}
