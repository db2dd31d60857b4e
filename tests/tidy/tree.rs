//! The rules of files and folders: heads, sizes, names, paired migrations and what lies on top.

use std::collections::BTreeSet;
use std::fs;

use super::source::{self, Offence, Source};

/// What may lie at the top of the repository; anything else belongs into a folder.
const TOP: &[&str] = &[
    ".ci",
    ".git",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "clippy.toml",
    "diesel.toml",
    "docs",
    "migrations",
    "rustfmt.toml",
    "src",
    "tests",
];

/// Names that say nothing of what a file holds.
const NAMELESS: &[&str] =
    &["common", "helper", "helpers", "manager", "misc", "service", "services", "types", "util", "utils"];

/// A file that does not begin with what it is for.
pub fn headless(source: &Source) -> Vec<Offence> {
    let head = source.text.lines().next().and_then(|line| line.strip_prefix("//!"));
    match head {
        Some(head) if !head.trim().is_empty() => Vec::new(),
        _ => vec![source.offence(0, "has no head")],
    }
}

/// A file of too many lines.
pub fn too_long(source: &Source, lines_max: usize) -> Vec<Offence> {
    let lines = source.text.lines().count();
    if lines <= lines_max {
        return Vec::new();
    }
    vec![source.offence(source.text.len(), format!("{lines} lines, at most {lines_max}"))]
}

/// A file or folder whose name says nothing.
pub fn nameless(source: &Source) -> Vec<Offence> {
    let path = source.path.trim_end_matches(".rs");
    let bad = path.split('/').find(|part| NAMELESS.contains(part));
    bad.map(|part| source.offence(0, format!("`{part}` says nothing"))).into_iter().collect()
}

/// The names of an engine's migrations that can be run; none if the engine has no folder yet.
pub fn migrations(engine: &str) -> BTreeSet<String> {
    let folder = source::top().join("migrations").join(engine);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("the folder can be read").path();
        if path.join("up.sql").is_file() {
            names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names
}

/// Migrations that one engine has and the other lacks.
pub fn unpaired(sqlite: &BTreeSet<String>, postgres: &BTreeSet<String>) -> Vec<Offence> {
    let lacking = |engine: &str, name: &String| Offence {
        path: format!("migrations/{engine}/{name}/up.sql"),
        line: 1,
        what: "is missing".to_owned(),
    };
    let without_postgres = sqlite.difference(postgres).map(|name| lacking("postgres", name));
    let without_sqlite = postgres.difference(sqlite).map(|name| lacking("sqlite", name));
    without_postgres.chain(without_sqlite).collect()
}

/// What lies at the top of the repository.
pub fn top() -> BTreeSet<String> {
    let entries = fs::read_dir(source::top()).expect("the repository can be read");
    entries.map(|entry| entry.expect("the folder can be read").file_name().to_string_lossy().into_owned()).collect()
}

/// What `.gitignore` names at the top: it lies there on a machine, but not in the repository.
pub fn ignored() -> BTreeSet<String> {
    let text = fs::read_to_string(source::top().join(".gitignore")).expect(".gitignore can be read");
    text.lines().map(|line| line.trim().trim_matches('/').to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Entries at the top that are neither allowed nor ignored.
pub fn strangers(top: &BTreeSet<String>, ignored: &BTreeSet<String>) -> Vec<Offence> {
    let strange = top.difference(ignored).filter(|name| !TOP.contains(&name.as_str()));
    strange.map(|name| Offence { path: name.clone(), line: 1, what: "does not belong here".to_owned() }).collect()
}

#[cfg(test)]
fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_file_without_a_head_is_found() {
    for bad in ["use std::fmt;\n//! Too late.", "// No head.", "//!\n//! Empty first line.", ""] {
        assert_eq!(headless(&Source::new("src/x.rs", bad)).len(), 1, "{bad}");
    }
    assert!(headless(&Source::new("src/x.rs", "//! What it is for.\n")).is_empty());
}

#[test]
fn a_file_that_is_too_long_is_found() {
    let source = Source::new("src/x.rs", &"//! Line.\n".repeat(5));
    assert_eq!(too_long(&source, 4).len(), 1);
    assert!(too_long(&source, 5).is_empty());
}

#[test]
fn a_name_that_says_nothing_is_found_as_file_and_as_folder() {
    for bad in ["src/http/utils.rs", "src/common/order.rs", "tests/it/helpers.rs", "src/types/mod.rs"] {
        assert_eq!(nameless(&Source::new(bad, "")).len(), 1, "{bad}");
    }
    assert!(nameless(&Source::new("src/domain/uncommon.rs", "")).is_empty());
}

#[test]
fn a_migration_of_one_engine_only_is_found() {
    let both = set(&["0001_orders", "0002_search"]);
    let one = set(&["0001_orders"]);
    let shown = |offences: Vec<Offence>| offences.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(shown(unpaired(&both, &one)), ["migrations/postgres/0002_search/up.sql:1: is missing"]);
    assert_eq!(shown(unpaired(&one, &both)), ["migrations/sqlite/0002_search/up.sql:1: is missing"]);
    assert!(unpaired(&both, &both).is_empty());
}

#[test]
fn a_stranger_at_the_top_is_found() {
    let found = strangers(&set(&["src", "target", "notes.txt"]), &set(&["target"]));
    assert_eq!(found.iter().map(|offence| offence.path.as_str()).collect::<Vec<_>>(), ["notes.txt"]);
}
