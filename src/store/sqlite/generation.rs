//! Whether the log beside a database file is its own.
//!
//! Nothing in a write-ahead log says which file it continues: beside a restored backup, the log of a server that
//! was killed would be copied into the backup and damage it. So whenever the log starts again, the file gets a
//! random number, its generation, in a field of its header that SQLite leaves to the program (`user_version`),
//! and the lock file names the generations that the log can continue. It is written before the file is, so that
//! after a crash the file's own number is always among them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;

use super::BUSY_TIMEOUT_MS;
use super::file_id::{FileId, beside};
use crate::clock::random_bytes;
use crate::store::StoreError;

/// A log of no more bytes has a header at the most.
const LOG_HEADER_BYTES: u64 = 32;
/// Where in the file its generation stands, big-endian.
const GENERATION_AT: u64 = 60;

/// How a log starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// From its beginning, as long as it is.
    Overwritten,
    /// Empty.
    Emptied,
}

/// The server's lock on the file, with the record of what the log can continue.
pub struct Lock {
    file: File,
    path: PathBuf,
    state: Mutex<Record>,
}

/// What the lock file says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Record {
    /// The generations of the file that its log can continue; none where no server has kept a record.
    generations: Vec<i32>,
    /// The only file that it can continue: another took its place while it was served.
    only: Option<FileId>,
}

impl Record {
    fn read(text: &str) -> Self {
        let words = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        Self {
            generations: words("generations").split_whitespace().filter_map(|word| word.parse().ok()).collect(),
            only: Some(words("only")).filter(|id| !id.is_empty()).map(FileId::parse),
        }
    }

    fn written(&self) -> String {
        let generations: Vec<String> = self.generations.iter().map(ToString::to_string).collect();
        let only = self.only.as_ref().map(|id| format!("only {}\n", id.as_str())).unwrap_or_default();
        format!("generations {}\n{only}", generations.join(" "))
    }
}

impl Lock {
    /// Takes the lock of the database file at `path`; none if somebody else holds it.
    pub fn take(path: &Path, private: OpenOptions) -> io::Result<Option<Self>> {
        let mut file = private.open(path.with_extension("lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut text = String::new();
        // What is not text was not written here, and says nothing.
        let _bytes = file.read_to_string(&mut text).unwrap_or(0);
        Ok(Some(Self { file, path: path.to_path_buf(), state: Mutex::new(Record::read(&text)) }))
    }

    /// Notes whether the file is still in its place. While it is not, the log beside that place is its alone.
    pub fn note(&self, is_there: bool, id: &FileId) {
        let mut record = self.state();
        if record.only.is_none() != is_there {
            record.only = if is_there { None } else { Some(id.clone()) };
            if let Err(error) = self.write(&record) {
                tracing::warn!(%error, "the lock file could not be written");
            }
        }
    }

    /// Lets the log continue one generation more, and answers it; one that was to come already is still to come.
    fn next(&self) -> io::Result<i32> {
        let own = generation_of(&self.path).unwrap_or(0);
        let mut record = self.state();
        if let [first, next] = record.generations[..]
            && first == own
        {
            return Ok(next);
        }
        let next = i32::from_be_bytes(random_bytes());
        for generation in [own, next] {
            if !record.generations.contains(&generation) {
                record.generations.push(generation);
            }
        }
        self.write(&record)?;
        Ok(next)
    }

    /// Forgets all other generations if the file has this one.
    fn settle(&self, generation: i32) -> io::Result<()> {
        let mut record = self.state();
        if generation_of(&self.path) == Some(generation) && record.generations != [generation] {
            record.generations = vec![generation];
            self.write(&record)?;
        }
        Ok(())
    }

    fn write(&self, record: &Record) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        let text = record.written();
        file.write_all(text.as_bytes())?;
        file.set_len(u64::try_from(text.len()).unwrap_or(0))?;
        file.sync_all()
    }

    fn state(&self) -> MutexGuard<'_, Record> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses a log that does not continue this database file. Call it before SQLite opens the file, which would
/// copy the log into it.
pub fn refuse_foreign_log(path: &Path) -> Result<(), StoreError> {
    let log = beside(path, "-wal");
    if std::fs::metadata(&log).map_or(0, |found| found.len()) <= LOG_HEADER_BYTES {
        return Ok(());
    }
    let record = Record::read(&std::fs::read_to_string(path.with_extension("lock")).unwrap_or_default());
    let is_own = match generation_of(path) {
        None => false,
        // Without a record the log is taken for the file's own: SQLite itself cannot tell more.
        Some(_) if record.generations.is_empty() => true,
        Some(generation) => {
            let is_the_only = record.only.as_ref().is_none_or(|only| FileId::of(path).as_ref() == Some(only));
            record.generations.contains(&generation) && is_the_only
        }
    };
    if is_own { Ok(()) } else { Err(StoreError::ForeignLog(log.display().to_string())) }
}

/// The generation that stands in the file itself, whatever its log says; none of an absent or empty file.
fn generation_of(path: &Path) -> Option<i32> {
    let mut bytes = [0; 4];
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(GENERATION_AT)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    Some(i32::from_be_bytes(bytes))
}

/// Lets the log start again in a new generation of the file, unless somebody reads from it: nobody is waited for.
pub fn start_again(conn: &mut SqliteConnection, lock: Option<&Lock>, how: Restart) -> Result<(), StoreError> {
    let kept = |error: io::Error| StoreError::Unavailable(format!("the lock file cannot be written: {error}"));
    let next = lock.map(Lock::next).transpose().map_err(kept)?;
    if let Some(next) = next {
        conn.batch_execute(&format!("PRAGMA user_version = {next}"))?;
    }
    let checkpoint = match how {
        Restart::Overwritten => "PRAGMA wal_checkpoint(RESTART)",
        Restart::Emptied => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    conn.batch_execute("PRAGMA busy_timeout = 0")?;
    let done = conn.batch_execute(checkpoint);
    conn.batch_execute(&format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}"))?;
    done?;
    match lock.zip(next) {
        Some((lock, next)) => lock.settle(next).map_err(kept),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for record in [
            Record::default(),
            Record { generations: vec![7], only: None },
            Record { generations: vec![-7, 12], only: Some(FileId::parse("3:44")) },
        ] {
            assert_eq!(Record::read(&record.written()), record);
        }
        assert_eq!(Record::read("anything else"), Record::default());
    }
}
