//! What a check found: a line for a person, an object for a script.

use serde::Serialize;

use crate::provider::client::CallError;

/// How many columns the name of a check takes.
const CHECK_WIDTH: usize = 17;

/// One check's result.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) grade: Grade,
    /// What was found, in words without secrets.
    pub(super) found: String,
    /// What mends it, in one sentence; none where nothing is wrong.
    pub(super) fix: Option<String>,
}

/// How good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Grade {
    /// As it should be.
    Ok,
    /// It works, but somebody should know.
    Warn,
    /// Not to go live with.
    Fail,
}

impl Finding {
    pub(super) fn ok(check: &'static str, found: String) -> Self {
        Self { check, grade: Grade::Ok, found, fix: None }
    }

    pub(super) fn warn(check: &'static str, found: String, fix: &str) -> Self {
        Self { check, grade: Grade::Warn, found, fix: Some(fix.to_owned()) }
    }

    pub(super) fn fail(check: &'static str, found: String, fix: &str) -> Self {
        Self { check, grade: Grade::Fail, found, fix: Some(fix.to_owned()) }
    }

    /// The same, about one of several.
    pub(super) fn about(self, which: &str) -> Self {
        Self { found: format!("{which}: {}", self.found), ..self }
    }

    /// Says in short what a line above has told at length.
    pub(super) fn shorten(&mut self, told: &str, short: &str) {
        self.found = self.found.replace(told, short);
    }

    /// The line, and a second one with the fix.
    pub(super) fn shown(&self) -> String {
        let grade = match self.grade {
            Grade::Ok => "ok",
            Grade::Warn => "warn",
            Grade::Fail => "FAIL",
        };
        let line = format!("{grade:<4}  {:<CHECK_WIDTH$}  {}", self.check, self.found);
        match &self.fix {
            Some(fix) => format!("{line}\n      {:CHECK_WIDTH$}  fix: {fix}", ""),
            None => line,
        }
    }
}

/// A question that came to nothing: a fault if the provider said no, else a check that was not made.
pub(super) fn unanswered(check: &'static str, error: &CallError, fix: &str) -> Finding {
    match error {
        CallError::Unreachable(_) | CallError::NoAnswer(_) | CallError::RateLimited { .. } => {
            Finding::warn(check, format!("not checked: {error}"), "run this again once the provider answers")
        }
        CallError::Refused { .. } | CallError::NotFound | CallError::NoLogin => {
            Finding::fail(check, error.to_string(), fix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_fix_the_next() {
        assert_eq!(Finding::ok("clock", "right".to_owned()).shown(), "ok    clock              right");
        let failed = Finding::fail("clock", "an hour late".to_owned(), "set it").shown();
        assert_eq!(failed, format!("FAIL  clock              an hour late\n{}fix: set it", " ".repeat(25)));
    }
}
