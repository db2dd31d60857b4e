//! The house rules that the compiler cannot hold: layering, banned calls, sizes, heads and names.
//!
//! It reads the tree as text and never links the library, so it runs even while the library does not
//! compile. Every rule is one test that lists each offence with its remedy; beside it stands a test
//! that shows the rule a bad piece of code, so that a rule which has gone blind is noticed.
//! `tidy/source.rs` tells code from comments and strings; the rules are in the files named after them.

#![expect(clippy::expect_used, reason = "a house that cannot be read fails the test")]

#[path = "tidy/functions.rs"]
mod functions;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/loops.rs"]
mod loops;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tree.rs"]
mod tree;
#[path = "tidy/words.rs"]
mod words;

use source::{Offence, Source};

/// Lines of a file, at most.
const FILE_LINES_MAX: usize = 400;
/// Lines of a function from its `fn` to its last brace, at most.
const FUNCTION_LINES_MAX: usize = 50;
/// Lines of nine functions in ten of `src`, at most.
const FUNCTION_LINES_P90_MAX: usize = 40;

/// Fails the test with a list of the offences and what to do about them.
fn nothing_offends(offences: &[Offence], remedy: &str) {
    let list: String = offences.iter().map(|offence| format!("\n  {offence}")).collect();
    assert!(offences.is_empty(), "{} offence(s); {remedy}:{list}", offences.len());
}

/// What a rule finds in all files of these folders.
fn found_in(folders: &[&str], rule: impl Fn(&Source) -> Vec<Offence>) -> Vec<Offence> {
    let sources = source::read(folders);
    assert!(!sources.is_empty(), "no Rust file under {folders:?}: the rule would hold nothing");
    sources.iter().flat_map(rule).collect()
}

#[test]
fn modules_use_only_those_below_them() {
    let remedy =
        "move the code to the layer that may know both, or pass the value in (MAY_USE in tests/tidy/layers.rs)";
    nothing_offends(&found_in(&["src"], layers::offences), remedy);
}

#[test]
fn no_file_is_imported_by_what_it_imports() {
    let sources = source::read(&["src"]);
    let modules = loops::Modules::of(&sources);
    nothing_offends(&modules.unknown(&sources), "have tests/tidy/loops.rs read how it is declared");
    nothing_offends(&modules.loops(), "move what both know into a file below them");
}

#[test]
fn banned_words_stay_in_their_rooms() {
    for ban in words::BANS {
        nothing_offends(&found_in(&["src", "tests", "benches"], |source| ban.offences(source)), ban.remedy);
    }
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    let remedy = "do it, or open an issue and say what is absent and why";
    nothing_offends(&found_in(&["src", "tests", "benches"], words::reminders), remedy);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let remedy = "begin it with `//!`: what it is for, what it never does, where the story goes on";
    nothing_offends(&found_in(&["src", "tests", "benches"], tree::headless), remedy);
}

#[test]
fn every_file_fits_into_a_reading() {
    let remedy = "split it where its story changes";
    let long = |source: &Source| tree::too_long(source, FILE_LINES_MAX);
    nothing_offends(&found_in(&["src", "tests", "benches"], long), remedy);
}

#[test]
fn every_file_is_named_after_what_it_holds() {
    let remedy = "name it after the noun of the business that it holds";
    nothing_offends(&found_in(&["src", "tests", "benches"], tree::nameless), remedy);
}

#[test]
fn every_function_fits_on_one_screen() {
    let remedy = "take a step of it out and name it";
    let long = |source: &Source| functions::longer_than(source, FUNCTION_LINES_MAX);
    nothing_offends(&found_in(&["src", "tests", "benches"], long), remedy);
}

#[test]
fn nine_functions_in_ten_are_well_under_a_screen() {
    let mut lengths: Vec<usize> =
        source::read(&["src"]).iter().flat_map(functions::of).map(|function| function.lines).collect();
    lengths.sort_unstable();
    let p90 = functions::p90(&lengths).expect("src has functions");
    assert!(p90 <= FUNCTION_LINES_P90_MAX, "p90 of function lengths is {p90}, at most {FUNCTION_LINES_P90_MAX}");
}

#[test]
fn both_engines_have_the_same_migrations() {
    let remedy = "every migration has a folder of the same name under migrations/sqlite and migrations/postgres";
    nothing_offends(&tree::unpaired(&tree::migrations("sqlite"), &tree::migrations("postgres")), remedy);
}

#[test]
fn the_top_of_the_repository_holds_nothing_unexpected() {
    let remedy = "put it into the folder it belongs to, or allow it in tests/tidy/tree.rs";
    nothing_offends(&tree::strangers(&tree::top(), &tree::ignored()), remedy);
}
