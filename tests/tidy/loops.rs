//! The rule of loops: no file of `src` is reached again by what it imports.
//!
//! An import is a path, in a `use` line or in the middle of code, to a module that has a file of its own. What a file
//! takes from the modules that it stands in is none: a child may know its parent, as the language has it.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Offence, Source, in_a_name, occurrences};

/// The modules of the crate by their paths, such as `store::sqlite::file`, and the file of each. A file that two modules
/// name by `#[path]` has two.
pub struct Modules<'s> {
    files: BTreeMap<String, &'s Source>,
    /// Where the files of modules of tests may be.
    of_tests: BTreeSet<String>,
}

impl<'s> Modules<'s> {
    /// Returns the modules that begin at `src/lib.rs`.
    pub fn of(sources: &'s [Source]) -> Self {
        let mut modules = Self { files: BTreeMap::new(), of_tests: BTreeSet::new() };
        let by_path: BTreeMap<&str, &Source> = sources.iter().map(|source| (source.path.as_str(), source)).collect();
        modules.add("", "src/lib.rs", &by_path);
        modules
    }

    fn add(&mut self, module: &str, path: &str, by_path: &BTreeMap<&str, &'s Source>) {
        let Some(source) = by_path.get(path) else { return };
        self.files.insert(module.to_owned(), source);
        let (folder, stem) = path.rsplit_once('/').expect("a file stands in a folder");
        let stem = stem.trim_end_matches(".rs");
        let inside = if ["lib", "mod"].contains(&stem) { folder.to_owned() } else { format!("{folder}/{stem}") };
        for Declared { name, named, is_of_tests } in declared(source) {
            let child = joined(module, &name);
            let paths = match named {
                Some(named) => vec![format!("{folder}/{named}")],
                None => vec![format!("{inside}/{name}.rs"), format!("{inside}/{name}/mod.rs")],
            };
            if is_of_tests {
                self.of_tests.extend(paths);
            } else {
                paths.iter().for_each(|path| self.add(&child, path, by_path));
            }
        }
    }

    /// Returns the files that each file imports.
    fn imports(&self) -> BTreeMap<&'s str, BTreeSet<&'s str>> {
        let mut imports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (module, source) in &self.files {
            let (used, others) = (used_in(source), paths_in(source));
            let brought = self.brought(module, &used);
            let inner = others.iter().filter_map(|path| {
                let (first, rest) = path.split_once("::")?;
                Some(self.inner(brought.get(first)?.clone(), rest.split("::")))
            });
            let direct =
                used.iter().map(|(path, _)| path).chain(&others).filter_map(|path| self.resolved(module, path));
            let found = direct.chain(inner).collect::<Vec<_>>().into_iter();
            let others = found.filter(|target| !is_within(module, target)).filter_map(|target| self.files.get(&target));
            let others = others.map(|target| target.path.as_str()).filter(|path| *path != source.path);
            imports.entry(&source.path).or_default().extend(others);
        }
        imports
    }

    /// Returns the innermost module that a path leads to from this module.
    fn resolved(&self, module: &str, path: &str) -> Option<String> {
        let mut names = path.split("::").peekable();
        let mut at = match names.next()? {
            "crate" => String::new(),
            "self" => module.to_owned(),
            "super" => parent(module).to_owned(),
            first => Some(joined(module, first)).filter(|child| self.files.contains_key(child))?,
        };
        while names.next_if_eq(&"super").is_some() {
            at = parent(&at).to_owned();
        }
        Some(self.inner(at, names))
    }

    /// Returns the innermost module that these names lead to from a module.
    fn inner<'n>(&self, module: String, names: impl Iterator<Item = &'n str>) -> String {
        let mut at = module;
        for name in names {
            let inner = joined(&at, name);
            if !self.files.contains_key(&inner) {
                break;
            }
            at = inner;
        }
        at
    }

    /// Returns the modules that `use` lines bring in, by the names that they have here.
    fn brought<'u>(&self, module: &str, used: &'u [(String, String)]) -> BTreeMap<&'u str, String> {
        let named = |(path, name): &'u (String, String)| {
            let target = self.resolved(module, path)?;
            let last = path.rsplit("::").next()?;
            (target.rsplit("::").next() == Some(last)).then_some((name.as_str(), target))
        };
        used.iter().filter_map(named).collect()
    }

    /// Returns the files that no module is made of, but for the program's own and those of tests.
    pub fn unknown(&self, sources: &[Source]) -> Vec<Offence> {
        let known: BTreeSet<&str> = self.files.values().map(|source| source.path.as_str()).collect();
        let is_apart = |path: &str| path == "src/main.rs" || path.contains("/tests/") || self.of_tests.contains(path);
        let unknown = sources.iter().filter(|source| !known.contains(source.path.as_str()) && !is_apart(&source.path));
        unknown.map(|source| source.offence(0, "no module of this file was found")).collect()
    }

    /// Returns every import by which a file reaches itself.
    pub fn loops(&self) -> Vec<Offence> {
        let imports = self.imports();
        let mut found = Vec::new();
        for (file, targets) in &imports {
            for target in targets {
                if reached(target, &imports).contains(file) {
                    let what = format!("it imports {target}, which imports it in turn");
                    found.push(Offence { path: (*file).to_owned(), line: 1, what });
                }
            }
        }
        found
    }
}

/// Returns all files that are imported from this one, directly or not.
fn reached<'s>(from: &'s str, imports: &BTreeMap<&'s str, BTreeSet<&'s str>>) -> BTreeSet<&'s str> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        for target in imports.get(file).into_iter().flatten() {
            if reached.insert(*target) {
                next.push(target);
            }
        }
    }
    reached
}

/// A module that is declared with a file of its own.
struct Declared {
    name: String,
    /// Where `#[path]` says that the file is.
    named: Option<String>,
    is_of_tests: bool,
}

/// Returns the modules that a file declares with files of their own.
fn declared(source: &Source) -> Vec<Declared> {
    let lines: Vec<(&str, &str)> = source.code.lines().zip(source.text.lines()).collect();
    let mut found = Vec::new();
    for (index, (code, _)) in lines.iter().enumerate() {
        let Some((before, name)) = code.trim().trim_end_matches(';').rsplit_once(' ') else { continue };
        let is_module = before == "mod" || before.starts_with("pub") && before.ends_with(" mod");
        if !code.ends_with(';') || !is_module {
            continue;
        }
        let above = index.checked_sub(1).and_then(|above| lines.get(above));
        let (code_above, text_above) = above.copied().unwrap_or_default();
        let named = text_above.trim().strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]"));
        let is_of_tests = code_above.contains("cfg(test)");
        found.push(Declared { name: name.to_owned(), named: named.map(str::to_owned), is_of_tests });
    }
    found
}

/// Returns the code of a file without its module of tests.
fn code_of(source: &Source) -> &str {
    let end = source.text.find("#[cfg(test)]\nmod tests {").unwrap_or(source.code.len());
    source.code.get(..end).unwrap_or(&source.code)
}

/// Returns the paths of `use` lines, each in full, and the names that they bring in.
fn used_in(source: &Source) -> Vec<(String, String)> {
    let code = code_of(source);
    let mut found = Vec::new();
    for at in occurrences(code, "use ") {
        let line = code.get(at + 4..).unwrap_or_default();
        expand("", line.split(';').next().unwrap_or_default(), &mut found);
    }
    found
}

/// Returns the paths in the middle of code.
fn paths_in(source: &Source) -> Vec<String> {
    let code = code_of(source);
    let mut found = Vec::new();
    for root in ["crate::", "super::", "self::"] {
        found.extend(occurrences(code, root).map(|at| whole_path(code.get(at..).unwrap_or_default())));
    }
    let places = code.match_indices("::").map(|(at, _)| at);
    let inner = places.map(|at| whole_path(last_name(code.get(..at).unwrap_or_default(), code, at)));
    found.extend(inner);
    found
}

/// Returns code from the name on that ends before `at`.
fn last_name<'c>(before: &str, code: &'c str, at: usize) -> &'c str {
    let length = before.chars().rev().take_while(|character| in_a_name(*character)).map(char::len_utf8).sum::<usize>();
    code.get(at - length..).unwrap_or_default()
}

fn whole_path(code: &str) -> String {
    code.chars().take_while(|character| in_a_name(*character) || *character == ':').collect()
}

/// Takes braces of a `use` apart.
fn expand(prefix: &str, tree: &str, found: &mut Vec<(String, String)>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, tree.rsplit("::").next().unwrap_or(tree)));
        let path = format!("{prefix}{}", path.trim());
        let path = path.strip_suffix("::self").unwrap_or(&path).to_owned();
        let name = if name == "self" { path.rsplit("::").next().unwrap_or(name) } else { name.trim() }.to_owned();
        if !name.is_empty() {
            found.push((path, name));
        }
        return;
    };
    let (prefix, mut depth, mut from) = (format!("{prefix}{}", head.trim()), 0, 0);
    let body = rest.rsplit_once('}').map_or(rest, |(body, _)| body);
    for (at, character) in body.char_indices().chain([(body.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, body.get(from..at).unwrap_or_default(), found);
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// Whether a module stands in another one, or is it.
fn is_within(module: &str, outer: &str) -> bool {
    outer.is_empty() || module == outer || module.strip_prefix(outer).is_some_and(|rest| rest.starts_with("::"))
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

fn joined(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

#[test]
fn a_loop_is_found_however_it_is_spelled() {
    let file = |path, text| Source::new(path, text);
    let sources = [
        file("src/lib.rs", "mod a;\npub mod b;\n#[path = \"odd/place.rs\"]\nmod c;\n#[cfg(test)]\nmod tests;"),
        file("src/a.rs", "use crate::b::{self as outer, First as F};\nmod own;\nfn f() { outer::inner::deep() }"),
        file("src/a/own.rs", "use super::A; // a child may know its parent"),
        file("src/b/mod.rs", "pub mod inner;"),
        file("src/b/inner.rs", "fn f() { super::super::c::g() }"),
        file("src/odd/place.rs", "use crate::a::own;\n#[cfg(test)]\nmod tests {\n use crate::b::inner; }"),
        file("src/tests.rs", "use crate::a::A;"),
    ];
    let imports = Modules::of(&sources).imports();
    let of = |path| imports.get(path).into_iter().flatten().copied().collect::<Vec<_>>();
    assert_eq!(of("src/a.rs"), ["src/b/inner.rs", "src/b/mod.rs"]);
    assert_eq!(of("src/b/inner.rs"), ["src/odd/place.rs"]);
    assert_eq!(of("src/odd/place.rs"), ["src/a/own.rs"]);
    assert!(Modules::of(&sources).loops().is_empty());
    let [lib, a, _, outer, inner, place, _] = sources;
    let looped = [lib, a, file("src/a/own.rs", "use crate::b::inner::Deep;"), outer, inner, place];
    let found: Vec<String> = Modules::of(&looped).loops().into_iter().map(|offence| offence.path).collect();
    assert_eq!(found, ["src/a/own.rs", "src/b/inner.rs", "src/odd/place.rs"]);
}
