//! How far a long command is: a bar on a terminal, nothing at all in a pipe or a file.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bar, which may be an invisible one.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Whether anybody sees a bar.
    pub(super) fn is_shown() -> bool {
        io::stderr().is_terminal()
    }

    /// A bar towards `total`, or a count where nobody knows the end.
    pub(super) fn new(what: &'static str, total: Option<u64>) -> Self {
        let target = if Self::is_shown() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = match total {
            Some(total) => ProgressBar::with_draw_target(Some(total), target),
            None => ProgressBar::with_draw_target(None, target),
        };
        let shape = match total {
            Some(_) => "{msg} {wide_bar} {human_pos}/{human_len} ({per_sec}, {eta} left)",
            None => "{msg} {human_pos} ({per_sec}, {elapsed})",
        };
        // A template that is wrong falls back to the plain bar.
        bar.set_style(ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what);
        Self(bar)
    }

    /// So many more are done.
    pub(super) fn add(&self, done: u64) {
        self.0.inc(done);
    }

    /// What is being done now that has no count.
    pub(super) fn say(&self, what: &'static str) {
        self.0.set_message(what);
        self.0.tick();
    }

    /// Removes the bar.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}
