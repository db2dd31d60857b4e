//! The statements that the service sends to its database, word for word.
//!
//! Every connection that is opened after [`Record::prepare`] has a listener; it notes statements only while
//! somebody keeps a [`Record`] of its database. Nothing here judges: `judge.rs` does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use super::values::{Value, values};
use crate::faults;

/// Databases of which a record is kept, by the URL that connections are opened with.
static KEPT: Mutex<BTreeMap<String, Vec<Statement>>> = Mutex::new(BTreeMap::new());

fn kept() -> MutexGuard<'static, BTreeMap<String, Vec<Statement>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A statement as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// Its text, with a placeholder for each value.
    pub sql: String,
    /// The values.
    pub values: Vec<Value>,
}

/// The record of one database, kept until it is dropped.
pub struct Record(String);

impl Record {
    /// Gives a listener to every connection that is opened from now on.
    pub fn prepare() {
        set_default_instrumentation(|| Some(Box::new(Listener(String::new())))).expect("a listener");
    }

    /// Begins the record of the database of this URL.
    pub fn of(url: &str) -> Self {
        let url = url.trim_start_matches("sqlite://").to_owned();
        kept().insert(url.clone(), Vec::new());
        Self(url)
    }

    /// What was sent since the last look.
    pub fn take(&self) -> Vec<Statement> {
        kept().get_mut(&self.0).map(std::mem::take).unwrap_or_default()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        kept().remove(&self.0);
    }
}

/// Hears what one connection sends; it knows the URL from when that was opened.
struct Listener(String);

impl Instrumentation for Listener {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => url.clone_into(&mut self.0),
            InstrumentationEvent::StartQuery { query, .. } => {
                faults::statement(&self.0, query);
                let mut kept = kept();
                let Some(record) = kept.get_mut(&self.0) else { return };
                let mut text = String::new();
                let shown = write!(text, "{query}");
                let (sql, binds) = text.rsplit_once(" -- binds: ").unwrap_or((&text, "[]"));
                let values = values(binds);
                // A panic here would be the service's own. An empty text is found by whoever reads the record.
                let sql = if shown.is_ok() && values.is_some() { sql.to_owned() } else { String::new() };
                record.push(Statement { sql, values: values.unwrap_or_default() });
            }
            _ => {}
        }
    }
}
