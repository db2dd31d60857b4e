//! The database file and what lies beside it: nobody but its owner may read or write them, and they are the
//! same files for as long as they are served.
//!
//! SQLite gives `-wal` and `-shm` the mode of the database file, so that file is made here before SQLite
//! opens it. It finds them by its name, so that under another name, or beside another file, what was committed
//! last would be missing or would damage that file. Hence the folder is what is mounted and moved, and not the
//! file alone.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use diesel::sqlite::SqliteConnection;

use super::file_id::{FileId, beside};
use super::generation::{Lock, refuse_foreign_log};
use super::{Purpose, connect};
use crate::store::{Opener, StoreError};

/// What SQLite keeps beside the database file, by what is added to its name.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// The files of a database that others than their owner can read or write.
pub fn exposed(path: &Path) -> Vec<PathBuf> {
    let beside = BESIDE.map(|suffix| beside(path, suffix));
    let files = [path.to_path_buf(), path.with_extension("lock")].into_iter().chain(beside);
    files.filter(|file| is_exposed(file)).collect()
}

/// A database file, as it was when it was opened. Clones are of the same opening.
#[derive(Clone)]
pub struct ServedFile {
    /// As it was named.
    named: PathBuf,
    /// Without links: SQLite and the lock go by this name.
    path: PathBuf,
    id: Option<FileId>,
    /// The log and its index, as they were since the writer's connection was opened.
    log: Arc<Mutex<[Option<FileId>; 2]>>,
    /// A server's; it is let go with the store, and not with the last connection.
    lock: Weak<Lock>,
}

impl ServedFile {
    /// Makes the folder and the file where they are absent. For a server it takes the lock that a second one
    /// would find, and takes from others the right to read what is there.
    ///
    /// # Errors
    /// [`StoreError`]: another server has the file, it has several names, or the log beside it is of another.
    pub fn prepare(named: &Path, opener: Opener) -> Result<(Self, Option<Arc<Lock>>), StoreError> {
        let failed = |error: io::Error| StoreError::Unavailable(format!("{}: {error}", named.display()));
        if let Some(folder) = named.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private_folders().create(folder).map_err(failed)?;
        }
        // A link is followed, so that whoever comes by another name finds the same lock and the same log.
        let path = if named.is_symlink() { fs::canonicalize(named).map_err(failed)? } else { named.to_path_buf() };
        let lock = match opener {
            Opener::Server => {
                let lock = Lock::take(&path, private_file()).map_err(failed)?;
                Some(Arc::new(lock.ok_or_else(|| StoreError::Locked(path.display().to_string()))?))
            }
            Opener::Command => None,
        };
        refuse_foreign_log(&path)?;
        private_file().open(&path).map_err(failed)?;
        if names_of(&path) > 1 {
            return Err(StoreError::Linked(path.display().to_string()));
        }
        if opener == Opener::Server {
            narrow(&path);
        }
        let held = lock.as_ref().map(Arc::downgrade).unwrap_or_default();
        let file = Self { named: named.to_path_buf(), id: FileId::of(&path), path, log: Arc::default(), lock: held };
        Ok((file, lock))
    }

    /// Where it lies, without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lock, and the record of the log that is with the file; a command has none.
    pub fn lock(&self) -> Option<Arc<Lock>> {
        self.lock.upgrade()
    }

    /// Opens a connection to this very file.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it was replaced or deleted, or cannot be opened.
    pub fn connect(&self, purpose: Purpose) -> Result<SqliteConnection, StoreError> {
        self.check()?;
        let conn = connect(&self.path, purpose)?;
        self.check()?;
        Ok(conn)
    }

    /// Opens the writer's connection. The last connection that is closed takes the log with it, so that the log
    /// may be another by now.
    ///
    /// # Errors
    /// As those of [`Self::connect`].
    pub fn connect_writer(&self) -> Result<SqliteConnection, StoreError> {
        self.check_place()?;
        let conn = connect(&self.path, Purpose::Write)?;
        self.check_place()?;
        // Only now, while this connection keeps it: until then another program may have taken it away.
        *self.log() = [None, None];
        Ok(conn)
    }

    /// Sees to it that the names of the file and of its log still lead to them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if one was replaced or deleted: what is written now would be lost.
    pub fn check(&self) -> Result<(), StoreError> {
        self.check_place()?;
        for (suffix, known) in BESIDE.iter().zip(self.log().iter_mut()) {
            let file = beside(&self.path, suffix);
            let found = FileId::of(&file);
            if known.is_none() {
                *known = found;
            } else if *known != found {
                return Err(gone(&file));
            }
        }
        Ok(())
    }

    fn check_place(&self) -> Result<(), StoreError> {
        let is_there = self.is_in_place();
        if let (Some(lock), Some(id)) = (self.lock(), &self.id) {
            lock.note(is_there, id);
        }
        if is_there { Ok(()) } else { Err(gone(&self.named)) }
    }

    /// Whether the name of the file, whatever became of its log, still leads to it.
    pub fn is_in_place(&self) -> bool {
        FileId::of(&self.named) == self.id
    }

    fn log(&self) -> MutexGuard<'_, [Option<FileId>; 2]> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gone(file: &Path) -> StoreError {
    StoreError::Unavailable(format!(
        "{} was replaced or deleted while it was served, and nothing is written any more: put it back, or restart the \
         server on what is there now",
        file.display()
    ))
}

/// How many names a file has.
#[cfg(unix)]
fn names_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| std::os::unix::fs::MetadataExt::nlink(&found))
}

#[cfg(not(unix))]
fn names_of(_: &Path) -> u64 {
    1
}

/// How a folder is made that only its owner may enter.
fn private_folders() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// How a file is opened, or made, that only its owner may read.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn is_exposed(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_: &Path) -> bool {
    false
}

/// Takes from all but the owner the right to read and write these files.
fn narrow(path: &Path) {
    for file in exposed(path) {
        let shown = file.display();
        match make_private(&file) {
            Ok(()) => tracing::info!(file = %shown, "others could read this file; now only its owner can"),
            Err(error) => tracing::warn!(
                file = %shown, %error,
                "others can read this file, and this user may not change that: run `chmod 600` on it as its owner"
            ),
        }
    }
}

#[cfg(unix)]
fn make_private(file: &Path) -> io::Result<()> {
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}
