//! The value of a setting and its origin.

use std::fmt;

/// A value with the place it came from. Not `Debug`: the text may be a secret.
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// Where a value came from.
pub(super) enum Origin {
    Default,
    File { path: String, line: usize },
    Environment(String),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File { path, line } => write!(f, "{path}, line {line}"),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Flag(key) => write!(f, "flag --{}", key.replace(['_', '.'], "-")),
        }
    }
}
