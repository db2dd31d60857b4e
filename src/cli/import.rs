//! `import`: the records of a full export into an empty database, all of them or none.
//!
//! Lines are read, judged and written batch by batch, in one transaction: memory does not grow with the
//! file, and a wrong line leaves nothing behind. Either engine reads what the other has written, so this is
//! also the way from SQLite to PostgreSQL.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::store::StoreError;
use crate::store::archive::Record;
use crate::store::archive::batch::{Batch, Batches};
use crate::store::archive::load::Load;

use super::error::{CliError, LoadFailed};
use super::progress::Progress;
use super::{Shell, output};

pub(super) const HELP: &str = "\
Examples:
  crypto-orders import archive.jsonl
  gunzip -c archive.jsonl.gz | crypto-orders import -
  crypto-orders --database-url postgres://user@host/orders import archive.jsonl

Reads what `export --format jsonl` has written of a whole database, from either engine. The database must be
empty, and no server may be running. It is one transaction: at the first wrong line, which is named with what
is wrong with it, nothing is kept. Totals and the search index are made anew.";

/// How many lines are written in one go.
const BATCH_LINES: usize = 1_000;
/// The longest line: an order of some hundred IPNs of the largest size.
const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;

#[derive(Args)]
pub(super) struct Import {
    /// The file, or - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) async fn run(import: Import, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let (url, shown) = (shell.settings.database_url.clone(), shell.settings.database_shown());
    let name = import.file.display().to_string();
    let source = tokio::task::spawn_blocking(move || {
        let lines = open(&import.file)?;
        fill(&url, lines).map_err(|failed| failed.told_of(shown))
    });
    let ended = |_| CliError::Failed("the import came to an end without an answer".to_owned());
    let records = source.await.map_err(ended)??;
    Ok(output::line(shell.out, &format!("imported {records} record(s) from {name}"))?)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, CliError> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, io::stdin())));
    }
    let file = File::open(path).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))?;
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)))
}

/// Reads, judges and writes all lines; answers how many records there were.
fn fill(database_url: &str, lines: Box<dyn BufRead>) -> Result<u64, LoadFailed> {
    let mut import = Importing {
        load: Load::begin(database_url)?,
        lines: Lines { lines, number: 0 },
        batches: Batches::default(),
        waiting: Vec::new(),
        progress: Progress::new("records", None),
    };
    let records = import.read_all()?;
    import.write()?;
    import.progress.say("indexes");
    let Importing { load, batches, progress, .. } = import;
    load.finish(batches.finish())?;
    progress.end();
    Ok(records)
}

/// An import on its way.
struct Importing {
    load: Load,
    lines: Lines,
    batches: Batches,
    /// The lines of the batch that is being made, with their numbers.
    waiting: Vec<(u64, String)>,
    progress: Progress,
}

impl Importing {
    /// Everything between the first record and the last.
    fn read_all(&mut self) -> Result<u64, LoadFailed> {
        let Some((number, first)) = self.lines.next()? else {
            return Err(LoadFailed::Failed("the file is empty".to_owned()));
        };
        parsed(number, &first)?.opens().map_err(|misfit| wrong(number, &misfit))?;
        let mut records = 0_u64;
        while let Some((number, line)) = self.lines.next()? {
            let record = parsed(number, &line)?;
            if let Some(counted) = record.counted() {
                return self.end(number, records, counted);
            }
            self.batches.add(record).map_err(|misfit| wrong(number, &misfit))?;
            self.waiting.push((number, line));
            records = records.saturating_add(1);
            if self.waiting.len() >= BATCH_LINES {
                self.write()?;
            }
        }
        let last = self.lines.number;
        Err(LoadFailed::Failed(format!(
            "line {last} is the last, and no record of the kind `end`: the file was cut off; nothing was imported"
        )))
    }

    /// The last record says how many there were, and nothing may follow it.
    fn end(&mut self, number: u64, records: u64, counted: u64) -> Result<u64, LoadFailed> {
        if counted != records {
            let missing = format!("it counts {counted} records, and {records} stand before it");
            return Err(wrong(number, &missing));
        }
        match self.lines.next()? {
            Some((number, _)) => Err(wrong(number, &"it stands after the last record")),
            None => Ok(records),
        }
    }

    /// Writes what waits. Of a batch that is refused the lines go one by one, until the wrong one is found.
    fn write(&mut self) -> Result<(), LoadFailed> {
        let lines = std::mem::take(&mut self.waiting);
        let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let Err(error) = self.load.write(self.batches.take()) else {
            self.progress.add(count);
            return Ok(());
        };
        if let StoreError::Broken(_) = &error {
            for (number, line) in &lines {
                let batch = self.alone(*number, line)?;
                self.load.write(batch).map_err(|error| wrong(*number, &error))?;
            }
        }
        Err(error.into())
    }

    fn alone(&mut self, number: u64, line: &str) -> Result<Batch, LoadFailed> {
        self.batches.add(parsed(number, line)?).map_err(|misfit| wrong(number, &misfit))?;
        Ok(self.batches.take())
    }
}

fn parsed(number: u64, line: &str) -> Result<Record, LoadFailed> {
    Record::parse(line).map_err(|misfit| wrong(number, &misfit))
}

fn wrong(number: u64, why: &dyn std::fmt::Display) -> LoadFailed {
    LoadFailed::Failed(format!("line {number} is refused: {why}; nothing was imported"))
}

/// The lines of a file, numbered from 1; none of them without bound.
struct Lines {
    lines: Box<dyn BufRead>,
    number: u64,
}

impl Lines {
    fn next(&mut self) -> Result<Option<(u64, String)>, LoadFailed> {
        let number = self.number.saturating_add(1);
        let mut line = Vec::new();
        let bound = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let read = io::Read::take(&mut self.lines, bound).read_until(b'\n', &mut line);
        let read = read.map_err(|error| LoadFailed::Failed(format!("line {number} cannot be read: {error}")))?;
        if read == 0 {
            return Ok(None);
        }
        self.number = number;
        if line.pop_if(|byte| *byte == b'\n').is_none() {
            let cut = "it has no end: it is longer than any record, or the file was cut off";
            return Err(wrong(number, &cut));
        }
        String::from_utf8(line).map(|line| Some((number, line))).map_err(|_| wrong(number, &"it is not UTF-8"))
    }
}
