//! Faults of the program's own, where a test wants them: a panic in the middle of a task's work.
//!
//! The program has nothing for it. A task panics where the listener of its database's connection hears a certain
//! statement, or where the log is told a certain sentence by a thread of the test's own actor system. Each fault happens
//! once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::harness::eventually;

/// Where a fault happens.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// A statement to the database of this URL with all these words in it, in lower case.
    Statement { url: String, words: Vec<String> },
    /// This sentence, logged by a thread whose name begins like this.
    Sentence { thread: String, message: &'static str },
}

static FAULTS: Mutex<Vec<Place>> = Mutex::new(Vec::new());

fn faults() -> MutexGuard<'static, Vec<Place>> {
    FAULTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of a fault that has not happened yet; as such it stands in the log once it has.
#[derive(Debug, Clone)]
pub struct Fault(String);

impl Fault {
    /// At the next statement to the database of this URL that has all these words in it.
    pub fn at_statement(url: &str, words: &[&str]) -> Self {
        let url = url.trim_start_matches("sqlite://").to_owned();
        let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let fault = Self(format!("the fault of this test at {words:?} in {url}"));
        faults().push(Place::Statement { url, words });
        fault
    }

    /// When an actor of the test's own system logs this sentence next.
    pub fn at_sentence(message: &'static str) -> Self {
        let thread = format!("actix-rt|system:{}|", actix::System::current().id());
        let fault = Self(format!("the fault of this test at {message:?} on {thread}"));
        faults().push(Place::Sentence { thread, message });
        fault
    }

    /// Waits until it has happened to this task, which said so and went on. Whoever waited for the task's work may be
    /// answered a moment before it says so.
    pub async fn was_survived_by(&self, task: &str) {
        let told = || async { crate::log::of_task(task).contains(&self.0).then_some(()) };
        eventually(&format!("{} survived by the {task}", self.0), told).await;
    }
}

/// Heard by the listener of a connection.
pub fn statement(heard_url: &str, query: &dyn std::fmt::Display) {
    let mut faults = faults();
    if !faults.iter().any(|place| matches!(place, Place::Statement { url, .. } if url == heard_url)) {
        return;
    }
    let text = query.to_string().to_lowercase();
    let meant = |place: &Place| matches!(place, Place::Statement { url, words } if url == heard_url && words.iter().all(|word| text.contains(word.as_str())));
    if let Some(index) = faults.iter().position(meant)
        && let Place::Statement { url, words } = faults.swap_remove(index)
    {
        drop(faults);
        panic!("the fault of this test at {words:?} in {url}");
    }
}

/// Told to the log.
pub fn sentence(told: &str) {
    let mut faults = faults();
    let own = std::thread::current().name().unwrap_or_default().to_owned();
    let meant = |place: &Place| matches!(place, Place::Sentence { thread, message } if *message == told && own.starts_with(thread.as_str()));
    if let Some(index) = faults.iter().position(meant)
        && let Place::Sentence { thread, message } = faults.swap_remove(index)
    {
        drop(faults);
        panic!("the fault of this test at {message:?} on {thread}");
    }
}
