//! Where log lines go: to stderr, as text for a person or as JSON for a machine.
//!
//! Results never go this way; the command line writes them to stdout.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// Starts logging for the whole process. A second start changes nothing.
pub fn start(settings: &LogSettings) {
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // That somebody else has started it is the only way to fail, and no reason to stop.
    let _started = match settings.format {
        LogFormat::Text => lines.with_ansi(wants_colours()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}

/// Colours are for a terminal whose owner has not asked for none.
fn wants_colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
