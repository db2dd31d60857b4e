//! The identity of a file, and the names of the files beside it.

use std::fs;
use std::path::{Path, PathBuf};

/// The file of this name with something added to it.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    path.with_file_name(format!("{}{suffix}", path.file_name().unwrap_or_default().to_string_lossy()))
}

/// Which file it is, whatever its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileId(String);

impl FileId {
    /// That of the file of this name; none if there is none.
    #[cfg(unix)]
    pub fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path).ok()?;
        Some(Self(format!("{}:{}", found.dev(), found.ino())))
    }

    /// Elsewhere one file is not told from another, only from none.
    #[cfg(not(unix))]
    pub fn of(path: &Path) -> Option<Self> {
        path.exists().then(|| Self(String::new()))
    }

    /// As a record has it.
    pub fn parse(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// For a record.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
