//! A Rust file as the rules see it: its text, and its code with comments and literals blanked out.
//!
//! This is no parser: it only tells code from what merely looks like code, and keeps every line where
//! it was. The rules search the code.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file.
pub struct Source {
    /// Its path from the top of the repository, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
    /// The same lines with every comment, string and character blanked out.
    pub code: String,
}

impl Source {
    /// A file of that path and text, wherever it comes from.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: code_only(text) }
    }

    /// An offence in this file, at a byte of its text or code.
    pub fn offence(&self, at: usize, what: impl Into<String>) -> Offence {
        Offence { path: self.path.clone(), line: line_of(&self.text, at), what: what.into() }
    }
}

/// Where a rule is broken, and how.
pub struct Offence {
    /// The file, from the top of the repository.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// The top of the repository.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under these folders of the repository; a folder that does not exist holds none.
pub fn read(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&top().join(folder), &mut paths);
    }
    paths.sort();
    paths.iter().map(|path| Source::new(&shown(path), &fs::read_to_string(path).expect("the file is text"))).collect()
}

/// The line, from 1, of a byte.
pub fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Where a word or path stands in code as itself, not as a part of a longer name.
pub fn occurrences<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let (before, rest) = code.split_at(*at);
        let after = rest.strip_prefix(word).unwrap_or_default();
        let part_of_a_name = before.ends_with(in_a_name) || word.ends_with(in_a_name) && after.starts_with(in_a_name);
        !part_of_a_name
    })
}

/// Whether a character can be part of a name.
pub fn in_a_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn shown(path: &Path) -> String {
    let path = path.strip_prefix(top()).expect("the file is in the repository");
    path.to_str().expect("paths are text").replace('\\', "/")
}

fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match opaque_len(rest, code.ends_with(in_a_name)) {
            0 => {
                code.push(next);
                rest = rest.split_at(next.len_utf8()).1;
            }
            len => {
                let (opaque, after) = rest.split_at(len);
                // Byte for byte, so that a place in the code is the same place in the text.
                code.extend(opaque.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
                rest = after;
            }
        }
    }
    code
}

/// The length of the comment or literal that begins here; 0 if code does.
fn opaque_len(rest: &str, after_a_name: bool) -> usize {
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment_len(rest)
    } else if rest.starts_with('"') {
        quoted_len(rest, '"')
    } else if rest.starts_with('\'') {
        // A lifetime has no quote after its first character; a character literal does, or an escape.
        let mut ahead = rest.chars().skip(1);
        let first = ahead.next();
        if first == Some('\\') || ahead.next() == Some('\'') { quoted_len(rest, '\'') } else { 0 }
    } else if after_a_name {
        0
    } else {
        raw_string_len(rest)
    }
}

fn quoted_len(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        if character == quote && !escaped {
            return at + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    rest.len()
}

fn raw_string_len(rest: &str) -> usize {
    let Some(opened) = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix)) else { return 0 };
    let content = opened.trim_start_matches('#');
    let Some(content) = content.strip_prefix('"') else { return 0 };
    let close = format!("\"{}", "#".repeat(opened.len() - content.len() - 1));
    let end = content.find(&close).map_or(content.len(), |at| at + close.len());
    rest.len() - content.len() + end
}

fn block_comment_len(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let here = rest.get(at..).unwrap_or_default();
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = r##"let a = "crate::store // {"; // crate::http
let b = r#"a " quote { "#; /* { /* nested */ { */ let c: &'static str = x; let d = '{'; let e = '\''; let f = b"\\";
fn after() {}"##;
    let source = Source::new("src/x.rs", text);
    for gone in ["store", "http", "{ \"", "quote", "nested", "'{'"] {
        assert!(!source.code.contains(gone), "{gone} is left in {}", source.code);
    }
    assert_eq!(source.code.matches('{').count(), 1);
    for kept in ["let a =", "let b =", "&'static str", "let d =", "let f = b", "fn after() {}"] {
        assert!(source.code.contains(kept), "{kept} is lost from {}", source.code);
    }
    assert_eq!(source.code.len(), text.len());
    assert_eq!(source.code.lines().count(), 3);
}

#[test]
fn words_are_found_whole_and_on_their_line() {
    let source = Source::new("src/x.rs", "undiesel\ndiesel_async\nuse diesel::x;");
    let lines: Vec<usize> = occurrences(&source.code, "diesel").map(|at| line_of(&source.text, at)).collect();
    assert_eq!(lines, [3]);
}
