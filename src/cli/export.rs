//! `export`: all orders, or those of a window, as CSV or as records that `import` reads.
//!
//! Written page by page as it is read: memory does not grow with the database, no transaction is open in
//! between, and a server may be running. A file appears under its name only once it is whole.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::domain::time::Timestamp;
use crate::http::csv;
use crate::store::archive::{Beside, Record, Window};
use crate::store::changeset::{AuditEntry, EXPORTED_TARGET, ORDERS_EXPORTED};
use crate::store::filter::{OrderFilter, Page, Position};
use crate::store::{Opener, Store, StoreError};

use super::error::CliError;
use super::progress::Progress;
use super::{Shell, output};

pub(super) const HELP: &str = "\
Examples:
  crypto-orders export --format csv --output orders.csv
  crypto-orders export --format jsonl --output archive.jsonl
  crypto-orders export --format csv --created-after 2026-05-01T00:00:00Z --created-before 2026-06-01T00:00:00Z
  crypto-orders export --format jsonl | gzip > archive.jsonl.gz

csv has the columns of GET /v1/admin/crypto-orders.csv, newest first.
jsonl has one record a line, its `kind` first, and loses nothing: amounts and bodies are exact. A full export
has everything that import needs (accounts, keys as hashes, webhook endpoints, orders with their logs, payments,
IPNs, idempotency keys, webhook events, deliveries and attention, the audit log but for the lines of such exports, counters). The export of a window
has its orders with what belongs to them, and nothing else; it cannot be imported. A server may be running meanwhile.

A full export holds the secrets that webhooks are signed with, as they are: whoever has the file can forge
webhooks. It also holds the key of the addresses of buyers' pages, so that they stay good. Keep it as carefully as the database. --output makes a file that only you can read.";

/// Told where a full export has become a file.
const CAREFUL: &str = "it holds the secrets of webhooks: keep it as carefully as the database";

/// How many orders with everything that belongs to them are read at once.
const PAGE_ORDERS: usize = 500;
/// How many lines of CSV are read at once.
const PAGE_LINES: usize = 2_000;
/// How many of the other records are read at once.
const PAGE_RECORDS: usize = 1_000;
const BUFFER_BYTES: usize = 256 * 1024;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for spreadsheets.
    Csv,
    /// Complete records, one a line.
    Jsonl,
}

#[derive(Args)]
pub(super) struct Export {
    /// What is written
    #[arg(long)]
    format: Format,
    /// Only orders created then or later
    #[arg(long, value_name = "TIME", value_parser = time)]
    created_after: Option<Timestamp>,
    /// Only orders created earlier
    #[arg(long, value_name = "TIME", value_parser = time)]
    created_before: Option<Timestamp>,
    /// Write to this file in place of stdout
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "output")]
    force: bool,
}

pub(super) async fn run(export: &Export, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let window = Window { created_after: export.created_after, created_before: export.created_before };
    if window.created_after.zip(window.created_before).is_some_and(|(after, before)| before <= after) {
        return Err(CliError::Usage("--created-before must be later than --created-after".to_owned()));
    }
    let file = export.output.clone().map(|path| Target::new(path, export)).transpose()?;
    let store = shell.open_store(Opener::Command).await?;
    audit(&store, export, window, shell.clock.now()).await;
    let total = if Progress::is_shown() {
        // Only for show: where counting takes too long there is a bar without an end.
        store.archive_count(window).await.ok().and_then(|count| u64::try_from(count).ok())
    } else {
        None
    };
    let walk = Walk { store, window, progress: Progress::new("orders", total) };
    let written = match &file {
        None => walk.write(export.format, &mut *shell.out).await,
        Some(file) => file.filled(&walk, export.format).await,
    };
    walk.progress.end();
    written.map_err(|failed| match (failed, &file) {
        (WalkFailed::Store(error), _) => shell.storage_failed(error),
        (WalkFailed::Write(error), Some(Target { path, .. })) => {
            CliError::Failed(format!("{} cannot be written: {error}", path.display()))
        }
        (WalkFailed::Write(error), None) => CliError::Output(error),
    })?;
    match file {
        Some(Target { path, .. }) if export.format == Format::Jsonl && window.is_whole() => {
            Ok(output::line(shell.out, &format!("wrote {}; {CAREFUL}", path.display()))?)
        }
        _ => Ok(()),
    }
}

/// Puts the export on the audit log before the first record leaves. A database that takes no writes any more is exported
/// all the same: it may be the last chance.
async fn audit(store: &Store, export: &Export, window: Window, at: Timestamp) {
    let format = match export.format {
        Format::Csv => "csv",
        Format::Jsonl => "jsonl",
    };
    let Window { created_after, created_before } = window;
    let input = json!({ "format": format, "created_after": created_after, "created_before": created_before });
    let target = EXPORTED_TARGET.to_owned();
    let (input, result) = (input.to_string(), "{}".to_owned());
    let entry = AuditEntry { actor: None, action: ORDERS_EXPORTED, target, input, result, ip: None, at };
    if let Err(error) = store.audit_write(entry).await {
        let _shown = writeln!(io::stderr(), "warning: the export is not on the audit log: {error}");
    }
}

/// Why an export did not come to its end.
enum WalkFailed {
    Store(StoreError),
    Write(io::Error),
}

impl From<StoreError> for WalkFailed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for WalkFailed {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// A file that appears under its name once it is whole.
struct Target {
    path: PathBuf,
    partial: PathBuf,
}

impl Target {
    fn new(path: PathBuf, export: &Export) -> Result<Self, CliError> {
        if path.exists() && !export.force {
            let there = format!("{} is there already; give --force to replace it", path.display());
            return Err(CliError::Usage(there));
        }
        let Some(name) = path.file_name() else {
            return Err(CliError::Usage(format!("{} names no file", path.display())));
        };
        let mut partial = name.to_owned();
        partial.push(".partial");
        Ok(Self { partial: path.with_file_name(partial), path })
    }

    /// Writes beside the name, and takes the name at the end.
    async fn filled(&self, walk: &Walk, format: Format) -> Result<(), WalkFailed> {
        let mut file = private(&self.partial)?;
        let written = walk.write(format, &mut file).await;
        let kept = match written {
            Ok(()) => file.sync_all().and_then(|()| fs::rename(&self.partial, &self.path)).map_err(WalkFailed::Write),
            Err(failed) => Err(failed),
        };
        if kept.is_err() {
            // Half a file is nobody's; that it cannot be removed changes nothing about the failure.
            drop(fs::remove_file(&self.partial));
        }
        kept
    }
}

/// A way through the database.
struct Walk {
    store: Store,
    window: Window,
    progress: Progress,
}

impl Walk {
    async fn write(&self, format: Format, out: &mut dyn Write) -> Result<(), WalkFailed> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
        match format {
            Format::Csv => self.table(&mut out).await?,
            Format::Jsonl => self.records(&mut out).await?,
        }
        Ok(out.flush()?)
    }

    /// The columns of the operators' list, newest first.
    async fn table(&self, out: &mut dyn Write) -> Result<(), WalkFailed> {
        let Window { created_after, created_before } = self.window;
        out.write_all(&csv::head())?;
        let mut page = Page { limit: PAGE_LINES, after: None };
        loop {
            let filter = OrderFilter { created_after, created_before, ..OrderFilter::default() };
            let read = self.store.lines_page(filter, page).await?;
            out.write_all(&csv::rows(&read.lines))?;
            self.progress.add(count(read.lines.len()));
            if read.next.is_none() {
                return Ok(());
            }
            page.after = read.next;
        }
    }

    /// Everything there is, or the orders of the window alone.
    async fn records(&self, out: &mut dyn Write) -> Result<(), WalkFailed> {
        let whole = self.window.is_whole();
        let mut written = Lines { out, count: 0, accounts: BTreeSet::new(), endpoints: BTreeSet::new() };
        // Before the accounts: an order up to here is of an account that is there already.
        let end = self.store.archive_end(self.window).await?;
        let opening = Record::opening(whole);
        written.line(&opening)?;
        written.count = 0;
        for which in Beside::BEFORE_ORDERS.into_iter().filter(|_| whole) {
            self.beside(which, &mut written).await?;
        }
        if let Some(end) = end {
            self.orders(end, &mut written).await?;
        }
        for which in Beside::AFTER_ORDERS.into_iter().filter(|_| whole) {
            self.beside(which, &mut written).await?;
        }
        let ending = Record::ending(written.count);
        Ok(written.line(&ending)?)
    }

    async fn orders(&self, end: Position, written: &mut Lines<'_>) -> Result<(), WalkFailed> {
        let mut after = None;
        loop {
            let mut page = self.store.archive_orders(self.window, (after, end), PAGE_ORDERS).await?;
            if self.window.is_whole() {
                written.without_strangers(&mut page.records);
            }
            written.lines(&page.records)?;
            self.progress.add(count(page.records.len()));
            if page.next.is_none() {
                return Ok(());
            }
            after = page.next;
        }
    }

    async fn beside(&self, which: Beside, written: &mut Lines<'_>) -> Result<(), WalkFailed> {
        let mut after = String::new();
        loop {
            let mut page = self.store.archive_beside(which, after, PAGE_RECORDS).await?;
            written.accounts.extend(page.records.iter().filter_map(Record::account_id).map(str::to_owned));
            // What an account made meanwhile owns would be refused without it.
            page.records.retain(|record| record.owner_id().is_none_or(|id| written.accounts.contains(id)));
            written.endpoints.extend(page.records.iter().filter_map(Record::webhook_id).map(str::to_owned));
            written.without_strangers(&mut page.records);
            written.lines(&page.records)?;
            match page.next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }
}

/// Lines on their way out, counted.
struct Lines<'a> {
    out: &'a mut dyn Write,
    count: u64,
    /// Those that were written.
    accounts: BTreeSet<String>,
    /// Those that were written.
    endpoints: BTreeSet<String>,
}

impl Lines<'_> {
    /// Leaves out deliveries to endpoints made meanwhile: without those they would be refused.
    fn without_strangers(&self, records: &mut [Record]) {
        records.iter_mut().for_each(|record| record.retain_deliveries(|id| self.endpoints.contains(id)));
    }

    fn lines(&mut self, records: &[Record]) -> io::Result<()> {
        records.iter().try_for_each(|record| self.line(record))
    }

    fn line(&mut self, record: &Record) -> io::Result<()> {
        self.count = self.count.saturating_add(1);
        self.out.write_all(record.line()?.as_bytes())?;
        self.out.write_all(b"\n")
    }
}

/// A new file for its owner alone, over what was left there.
fn private(path: &Path) -> io::Result<File> {
    let left = fs::remove_file(path);
    left.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).ok_or("a time such as 2026-06-01T00:00:00Z")
}
