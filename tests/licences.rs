//! What we build upon: every crate of the lock file under a licence we accept, and from the registry.
//!
//! It asks `cargo metadata` and judges the licence expressions itself, so that no further tool has to be
//! compiled. It never goes to the network: `cargo fetch --locked` has brought every crate before.

#![expect(clippy::expect_used, reason = "what cannot be judged fails the test")]

use std::iter::Peekable;
use std::process::Command;
use std::str::SplitWhitespace;

use serde::Deserialize;

/// The licences a crate may be taken under: those the lock file needs, each of them permissive. A new
/// one is added once it has been read. The two of fonts let them be embedded in programs and documents.
const ACCEPTED: &[&str] = &[
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "OFL-1.1",
    "Ubuntu-font-1.0",
    "Unicode-3.0",
    "Zlib",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[test]
fn every_crate_comes_under_a_licence_we_accept() {
    let refused: String = packages()
        .iter()
        .filter(|package| !package.license.as_deref().is_some_and(acceptable))
        .map(|package| format!("\n  {} {}: {:?}", package.name, package.version, package.license))
        .collect();
    let remedy = "take another crate, or read the licence and add it to ACCEPTED";
    assert!(refused.is_empty(), "not under an accepted licence; {remedy}:{refused}");
}

#[test]
fn every_crate_but_our_own_comes_from_the_registry() {
    let strange: String = packages()
        .iter()
        .filter(|package| package.name != env!("CARGO_PKG_NAME"))
        .filter(|package| !package.source.as_deref().is_some_and(is_registry))
        .map(|package| format!("\n  {} {}: {:?}", package.name, package.version, package.source))
        .collect();
    assert!(strange.is_empty(), "neither git nor path dependencies; use a released version:{strange}");
}

#[test]
fn an_expression_is_acceptable_if_some_choice_of_it_is() {
    for good in [
        "MIT",
        "GPL-3.0-only OR MIT",
        "MIT/Apache-2.0",
        "Unlicense / MIT",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0-only",
        "(MIT OR GPL-3.0-only) AND Unicode-3.0",
        "MIT AND (ISC AND (Zlib OR GPL-3.0-only))",
        "GPL-3.0-only AND MIT OR ISC",
    ] {
        assert!(acceptable(good), "{good}");
    }
}

#[test]
fn an_expression_without_an_acceptable_choice_is_refused() {
    for bad in [
        "GPL-3.0-only",
        "AGPL-3.0-only OR SSPL-1.0",
        "MIT AND GPL-3.0-only",
        "GPL-3.0-only AND (MIT OR ISC)",
        "MIT OR ISC AND GPL-3.0-only OR",
        "MIT WITH Strange-exception",
        "(MIT",
        "MIT)",
        "MIT Apache-2.0",
        "",
    ] {
        assert!(!acceptable(bad), "{bad}");
    }
}

#[test]
fn a_source_other_than_the_registry_is_told_apart() {
    assert!(is_registry("registry+https://registry.example/index"));
    assert!(!is_registry("git+https://git.example/fork?rev=1#abcdef"));
    assert!(!is_registry("path+file:///somewhere"));
}

fn packages() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "run `cargo fetch --locked` first, it brings every platform's crates: {complaint}"
    );
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    assert!(metadata.packages.len() > 1, "cargo names no dependencies: nothing would be judged");
    metadata.packages
}

fn is_registry(source: &str) -> bool {
    source.starts_with("registry+") || source.starts_with("sparse+")
}

/// Whether an SPDX expression, or the old form with `/` for `OR`, leaves a choice that we accept.
fn acceptable(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    any_of(&mut words) == Some(true) && words.next().is_none()
}

/// `a OR b OR …`; none where the expression does not read. Every part is read, whatever came before.
fn any_of(words: &mut Peekable<SplitWhitespace>) -> Option<bool> {
    let mut verdict = all_of(words)?;
    while words.next_if_eq(&"OR").is_some() {
        verdict |= all_of(words)?;
    }
    Some(verdict)
}

/// `a AND b AND …`, which binds tighter.
fn all_of(words: &mut Peekable<SplitWhitespace>) -> Option<bool> {
    let mut verdict = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        verdict &= one(words)?;
    }
    Some(verdict)
}

/// A licence, perhaps with an exception, or a group.
fn one(words: &mut Peekable<SplitWhitespace>) -> Option<bool> {
    if words.next_if_eq(&"(").is_some() {
        let verdict = any_of(words)?;
        return words.next_if_eq(&")").map(|_| verdict);
    }
    let licence = words.next().filter(|word| !["AND", "OR", "WITH", "(", ")"].contains(word))?;
    let exception = if words.next_if_eq(&"WITH").is_some() { Some(words.next()?) } else { None };
    // This exception only takes duties away; others are judged when one is met.
    Some(ACCEPTED.contains(&licence) && exception.is_none_or(|exception| exception == "LLVM-exception"))
}
