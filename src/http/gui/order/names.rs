//! Operators by the names of their keys, as an order's page tells of them. Who they are is looked up in `facts.rs`.

use std::collections::HashMap;

use crate::domain::ids::KeyId;

/// What operators' keys are called.
#[derive(Default)]
pub struct Names(HashMap<String, String>);

impl Names {
    /// These names, each with its key's id.
    pub fn new(named: Vec<(String, String)>) -> Self {
        Self(named.into_iter().collect())
    }

    /// Who did something: a key by its name, else by its id; without a key, the command line.
    pub fn of(&self, key: Option<KeyId>) -> String {
        let Some(key) = key.map(|key| key.to_string()) else { return "the command line".to_owned() };
        self.0.get(&key).map_or_else(|| key.clone(), |name| format!("key \u{201c}{name}\u{201d}"))
    }
}
