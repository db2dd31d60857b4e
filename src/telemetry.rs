//! Where log lines go: to stderr, as text for a person or as JSON for a machine.
//!
//! Results never go this way; the command line writes them to stdout.

use std::fmt;
use std::io::{self, IsTerminal};

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::Clock;
use crate::config::{LogFormat, LogSettings};
use crate::repeats::Repeats;

/// Starts logging for the whole process. A second start changes nothing.
pub fn start(settings: &LogSettings) {
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let clock = Clock::system();
    // That somebody else has started it is the only way to fail, and no reason to stop.
    let _started = match settings.format {
        LogFormat::Text => {
            let lines = lines.with_ansi(wants_colours());
            lines.map_event_format(|text| Throttled::new(text, LogFormat::Text, clock)).finish().try_init()
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            lines.map_event_format(|json| Throttled::new(json, LogFormat::Json, clock)).finish().try_init()
        }
    };
}

/// Keeps the HTTP library from filling the log: strangers can make it say the same for every connection, such as one
/// whose request cannot be read. Of what it repeats there is a line a second, with the number of those left out.
struct Throttled<F> {
    lines: F,
    format: LogFormat,
    clock: Clock,
    repeats: Repeats,
}

impl<F> Throttled<F> {
    fn new(lines: F, format: LogFormat, clock: Clock) -> Self {
        Self { lines, format, clock, repeats: Repeats::new() }
    }

    /// A whole line with the number of those left out, as the program's own lines have it.
    fn with_count(&self, line: &str, unlogged: u64) -> String {
        let line = line.trim_end();
        match (self.format, line.strip_suffix('}')) {
            (LogFormat::Json, Some(fields)) => format!("{fields},\"unlogged\":{unlogged}}}\n"),
            _ => format!("{line} unlogged={unlogged}\n"),
        }
    }
}

impl<F, S, N> FormatEvent<S, N> for Throttled<F>
where
    F: FormatEvent<S, N>,
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let line = event.metadata();
        if !line.target().starts_with("actix_") {
            return self.lines.format_event(ctx, writer, event);
        }
        match self.repeats.count_at(&format!("{:?}", line.callsite()), self.clock.monotonic()) {
            None => Ok(()),
            Some(0) => self.lines.format_event(ctx, writer, event),
            Some(unlogged) => {
                let mut whole = String::new();
                self.lines.format_event(ctx, Writer::new(&mut whole), event)?;
                writer.write_str(&self.with_count(&whole, unlogged))
            }
        }
    }
}

/// Colours are for a terminal whose owner has not asked for none.
fn wants_colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::Dispatch;

    use super::*;
    use crate::domain::time::{Span, Timestamp};

    /// What is logged where the library says the same three times in each of two seconds, and somebody else as often.
    fn told_in_two_seconds(format: LogFormat) -> String {
        let (clock, told) = (Clock::manual(Timestamp::from_millis(0)), Arc::new(Mutex::new(String::new())));
        let lines = tracing_subscriber::fmt().with_writer(Recorder(told.clone())).with_ansi(false);
        let throttle = clock.clone();
        let lines = match format {
            LogFormat::Text => {
                Dispatch::new(lines.map_event_format(|text| Throttled::new(text, format, throttle)).finish())
            }
            LogFormat::Json => {
                let lines = lines.json().flatten_event(true);
                Dispatch::new(lines.map_event_format(|json| Throttled::new(json, format, throttle)).finish())
            }
        };
        tracing::dispatcher::with_default(&lines, || {
            for _ in 0..2 {
                for _ in 0..3 {
                    tracing::error!(target: "actix_server::accept", "cannot accept");
                    tracing::error!("of our own");
                }
                clock.advance(Span::seconds(1));
            }
        });
        let told = told.lock().unwrap();
        told.clone()
    }

    #[test]
    fn the_library_says_the_same_once_a_second_with_how_often_it_did_not_and_everybody_else_as_often_as_they_like() {
        let told = told_in_two_seconds(LogFormat::Text);
        assert_eq!([told.matches("cannot accept\n").count(), told.matches("of our own\n").count()], [1, 6], "{told}");
        assert_eq!(told.matches("cannot accept unlogged=2\n").count(), 1, "{told}");
        let told = told_in_two_seconds(LogFormat::Json);
        let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let library = lines.iter().filter(|line| line["message"] == "cannot accept");
        assert_eq!(library.map(|line| line["unlogged"].clone()).collect::<Vec<_>>(), [Value::Null, Value::from(2)]);
        assert_eq!(lines.len(), 8, "{told}");
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
