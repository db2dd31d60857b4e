//! What can be asked of the store by a page that shows names beside ids, by the macro of `calls.rs`.

use super::calls::read;
use super::{Engine, Store, StoreError, postgres, sqlite};
use crate::domain::attention::AttentionKind;
use crate::domain::ids::KeyId;

impl Store {
    /// The names of these accounts, each with its id; of those that there are.
    pub async fn account_names(&self, ids: Vec<String>) -> Result<Vec<(String, String)>, StoreError> {
        read!(self.access, names::account_names(&ids))
    }

    /// The names of these keys, each with its id; of those that there are.
    pub async fn key_names(&self, ids: Vec<KeyId>) -> Result<Vec<(String, String)>, StoreError> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        read!(self.access, names::key_names(&ids))
    }

    /// The kinds of what waits for an operator about these orders, each with the order's id.
    pub async fn attention_marks(&self, orders: Vec<String>) -> Result<Vec<(String, AttentionKind)>, StoreError> {
        read!(self.access, names::attention_marks(&orders))
    }
}
