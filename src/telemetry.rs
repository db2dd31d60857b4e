//! Where log lines go: to stderr, as text for a person or as JSON for a machine.
//!
//! Results never go this way; the command line writes them to stdout.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use tracing::callsite::Identifier;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::{Clock, MonotonicTime};
use crate::config::{LogFormat, LogSettings};
use crate::domain::time::Span;

/// How often the HTTP library may say the same.
const LIBRARY_REPEATS_AFTER: Span = Span::seconds(1);

/// Starts logging for the whole process. A second start changes nothing.
pub fn start(settings: &LogSettings) {
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // That somebody else has started it is the only way to fail, and no reason to stop.
    let _started = match settings.format {
        LogFormat::Text => lines.with_ansi(wants_colours()).finish().with(LibraryThrottle::new()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().with(LibraryThrottle::new()).try_init(),
    };
}

/// Keeps the HTTP library from filling the log: strangers can make it say the same for every connection.
struct LibraryThrottle {
    clock: Clock,
    told: Mutex<HashMap<Identifier, MonotonicTime>>,
}

impl LibraryThrottle {
    fn new() -> Self {
        Self { clock: Clock::system(), told: Mutex::default() }
    }

    fn lets_through(&self, line: Identifier) -> bool {
        let now = self.clock.monotonic();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_repeated = told.get(&line).is_some_and(|at| now.since(*at) < LIBRARY_REPEATS_AFTER);
        if !is_repeated {
            told.insert(line, now);
        }
        !is_repeated
    }
}

impl<S: Subscriber> Layer<S> for LibraryThrottle {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let line = event.metadata();
        !line.target().starts_with("actix_") || self.lets_through(line.callsite())
    }
}

/// Colours are for a terminal whose owner has not asked for none.
fn wants_colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::time::Timestamp;

    #[test]
    fn the_library_says_the_same_once_a_second_and_everybody_else_as_often_as_they_like() {
        let (clock, told) = (Clock::manual(Timestamp::from_millis(0)), Arc::new(Mutex::new(String::new())));
        let throttle = LibraryThrottle { clock: clock.clone(), told: Mutex::default() };
        let lines = tracing_subscriber::fmt().with_writer(Recorder(told.clone())).finish().with(throttle);
        tracing::subscriber::with_default(lines, || {
            for second in 0..2 {
                for _ in 0..3 {
                    tracing::error!(target: "actix_server::accept", "cannot accept");
                    tracing::error!("of our own");
                }
                clock.advance(Span::seconds(1 - second));
            }
        });
        let told = told.lock().unwrap();
        assert_eq!([told.matches("cannot accept").count(), told.matches("of our own").count()], [2, 6], "{told}");
    }

    #[derive(Clone)]
    struct Recorder(Arc<Mutex<String>>);

    impl io::Write for Recorder {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push_str(&String::from_utf8_lossy(bytes));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Recorder {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }
}
