//! What the environment gives: the variables of settings, and those that were meant for one and are none.
//!
//! Part of `load.rs`, which judges the values.

use crate::config::names::{CONFIG_VARIABLE, DATABASE_VARIABLE, SETTINGS, Setting, VARIABLE_PREFIX, nearest};

use super::{Given, Origin, Reader};

/// By how many letters a variable may differ from `DATABASE_URL` to be taken for it.
const MISSPELT_LETTERS_MAX: usize = 2;

impl Reader {
    /// Takes what the environment gives, and refuses unknown variables of ours.
    pub(super) fn add_environment(&mut self, environment: &[(String, String)]) {
        for (name, value) in environment {
            let setting = SETTINGS.iter().find(|setting| setting.variable() == *name);
            match setting {
                // Compose files and unit files hand an unset variable on as an empty one.
                Some(_) if value.trim().is_empty() => {}
                Some(setting) => {
                    let origin = Origin::Environment(name.clone());
                    self.given.insert(setting.key, Given { text: value.clone(), origin });
                }
                None if name == CONFIG_VARIABLE => {}
                None => self.refuse_if_ours(name),
            }
        }
    }

    fn refuse_if_ours(&mut self, name: &str) {
        let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else { return };
        let variables = || SETTINGS.iter().map(Setting::variable).chain([CONFIG_VARIABLE.to_owned()]);
        let short = |variable: String| variable.strip_prefix(VARIABLE_PREFIX).map_or(variable.clone(), str::to_owned);
        let known = nearest(rest, variables().map(short));
        let known = variables().find(|variable| short(variable.clone()) == known).unwrap_or(known);
        self.problems.push(format!("there is no environment variable {name}; the nearest is {known}"));
    }

    /// Refuses what was probably meant for `DATABASE_URL`, which does not begin as our other variables do: passed over,
    /// the service would serve a fresh SQLite file. Where a database is named, another program may mean its own.
    pub(super) fn refuse_misspelt_database(&mut self, environment: &[(String, String)]) {
        if self.is_given("database_url") {
            return;
        }
        let alike = |name: &String| {
            let upper = name.to_ascii_uppercase();
            upper.starts_with(DATABASE_VARIABLE)
                || strsim::damerau_levenshtein(&upper, DATABASE_VARIABLE) <= MISSPELT_LETTERS_MAX
        };
        for (name, _) in environment.iter().filter(|(name, value)| !value.trim().is_empty() && alike(name)) {
            self.problems.push(format!(
                "there is no environment variable {name}; the database is named by {DATABASE_VARIABLE}, which holds its URL"
            ));
        }
    }
}
