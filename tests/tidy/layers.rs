//! The rule of direction: which module of the crate may use which.
//!
//! It looks at every path through the crate's root, in `use` lines and in the middle of code alike.

use super::source::{Offence, Source, in_a_name, occurrences};

/// Every top-level module, and those it may use besides itself. `domain` knows nobody; only `app` and
/// the program around it know everybody.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("config", &["domain", "clock"]),
    ("dial", &["domain"]),
    ("telemetry", &["config", "clock", "domain", "repeats"]),
    ("repeats", &["clock", "domain"]),
    ("supervision", &[]),
    ("store", &["domain", "clock", "repeats", "supervision"]),
    ("provider", &["domain", "clock", "config", "dial"]),
    ("webhooks", &["domain", "clock", "config", "dial"]),
    ("actors", &["domain", "clock", "config", "store", "provider", "webhooks", "supervision"]),
    ("http", &["domain", "clock", "config", "store", "provider", "webhooks", "actors", "repeats"]),
    ("app", &["domain", "clock", "config", "telemetry", "store", "provider", "webhooks", "actors", "http"]),
    (
        "cli",
        &["domain", "clock", "config", "telemetry", "dial", "store", "provider", "webhooks", "actors", "http", "app"],
    ),
    ("main", &["domain", "clock", "config", "telemetry", "store", "app", "cli"]),
    ("lib", &[]),
];

/// Uses of a module that this file's module may not know.
pub fn offences(source: &Source) -> Vec<Offence> {
    let own = module_of(&source.path);
    let Some((_, allowed)) = MAY_USE.iter().find(|(module, _)| *module == own) else {
        return vec![source.offence(0, format!("`{own}` has no place in MAY_USE yet"))];
    };
    used(source)
        .into_iter()
        .filter(|(_, module)| module != own && !allowed.contains(&module.as_str()))
        .map(|(at, module)| source.offence(at, format!("`{own}` may not use `{module}`")))
        .collect()
}

/// The top-level module of a path under `src`.
fn module_of(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let first = inside.split('/').next().unwrap_or(inside);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// Every name that is reached through the crate's root, and where.
fn used(source: &Source) -> Vec<(usize, String)> {
    let code = &source.code;
    let roots = ["crate::", "crypto_orders::"];
    let mut found: Vec<(usize, String)> = roots
        .iter()
        .flat_map(|root| occurrences(code, root).map(|at| (at, at + root.len())))
        .flat_map(|(at, end)| names(code.get(end..).unwrap_or_default()).into_iter().map(move |name| (at, name)))
        .collect();
    found.extend(through_super(source));
    found
}

/// The names that follow a root: one, or those of a `{…}` group.
fn names(after: &str) -> Vec<String> {
    let Some(group) = after.strip_prefix('{') else {
        return first_name(after).into_iter().collect();
    };
    let mut depth = 1_usize;
    let mut found = Vec::new();
    let mut expects_name = true;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => expects_name = true,
            _ if expects_name && in_a_name(character) => {
                found.extend(first_name(group.get(at..).unwrap_or_default()));
                expects_name = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|character| in_a_name(*character)).collect();
    (!name.is_empty()).then_some(name)
}

/// Chains of `super::` long enough to come out of their own top-level module at another one.
fn through_super(source: &Source) -> Vec<(usize, String)> {
    let depth = source.path.trim_end_matches("/mod.rs").matches('/').count();
    let climb = "super::".repeat(depth);
    occurrences(&source.code, &climb)
        .flat_map(|at| {
            let after = source.code.get(at + climb.len()..).unwrap_or_default().trim_start_matches("super::");
            names(after).into_iter().map(move |name| (at, name))
        })
        .filter(|(_, name)| MAY_USE.iter().any(|(module, _)| module == name))
        .collect()
}

#[test]
fn a_use_against_the_direction_is_found_however_it_is_written() {
    for bad in [
        "use crate::store::Store;",
        "fn f() { crate::store::open() }",
        "use crate::{domain::order::{Order, Status}, store};",
        "use crypto_orders::store;",
        "use super::super::store::Store;",
        "use super::super::{ids, store};",
    ] {
        let found = offences(&Source::new("src/domain/order.rs", bad));
        assert_eq!(found.len(), 1, "{bad}");
        assert!(found.iter().all(|offence| offence.what == "`domain` may not use `store`"), "{bad}");
    }
    assert_eq!(offences(&Source::new("src/store/mod.rs", "use crate::config::Settings;")).len(), 1);
    assert_eq!(offences(&Source::new("src/shelves.rs", "")).len(), 1, "a new module needs its place");
}

#[test]
fn a_use_along_the_direction_is_left_alone() {
    for (path, good) in [
        ("src/domain/order.rs", "use crate::domain::ids::OrderId; // crate::store"),
        ("src/domain/order.rs", "use super::{ids, money}; pub(crate) fn f() {}"),
        ("src/store/queries/orders.rs", "use super::Conn; use crate::{clock::Clock, domain::{order, ids::OrderId}};"),
        ("src/http/mod.rs", "use crate::actors::directory::Directory; use crate::store::Store;"),
        ("src/main.rs", "use crypto_orders::cli;"),
    ] {
        assert!(offences(&Source::new(path, good)).is_empty(), "{path}: {good}");
    }
}
