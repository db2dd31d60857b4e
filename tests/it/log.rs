//! What the service logs, kept for the tests to look at.
//!
//! There is one log for all tests of the binary: tell the lines apart by the ids in them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::faults;

/// One line: its level and its fields as text.
#[derive(Debug, Clone)]
pub struct Line {
    pub level: Level,
    pub fields: BTreeMap<String, String>,
}

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

/// Begins to keep what is logged. Call it before the service starts.
pub fn keep() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let subscriber = tracing_subscriber::registry().with(Keeper);
        tracing::subscriber::set_global_default(subscriber).expect("nobody else keeps the log");
    });
}

/// The lines of this event in which some field is `id`.
pub fn lines(event: &str, id: &str) -> Vec<Line> {
    let kept = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let meant = |line: &&Line| {
        line.fields.get("event").is_some_and(|name| name == event) && line.fields.values().any(|value| value == id)
    };
    kept.iter().filter(meant).cloned().collect()
}

/// True if some line of the service's own has this text in it, in whatever field.
pub fn mentions(text: &str) -> bool {
    let kept = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    kept.iter().any(|line| line.fields.values().any(|value| value.contains(text)))
}

/// The panics that this task has survived, as the log has them.
pub fn of_task(task: &str) -> Vec<String> {
    let kept = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let of_task = kept.iter().filter(|line| line.fields.get("task").is_some_and(|name| name == task));
    of_task.filter_map(|line| line.fields.get("panic").cloned()).collect()
}

struct Keeper;

impl<S: Subscriber> Layer<S> for Keeper {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        // Of what the libraries say there would be too much to keep.
        if event.metadata().target().starts_with("crypto_orders") {
            let message = fields.0.get("message").cloned().unwrap_or_default();
            let line = Line { level: *event.metadata().level(), fields: fields.0 };
            LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            faults::sentence(&message);
        }
    }
}

struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
