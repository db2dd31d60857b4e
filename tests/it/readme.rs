//! What the README promises, held against the program and the tree.
//!
//! The walk is run as a newcomer pastes it; only the program's path and the port are this test's own.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crypto_orders::config::SETTINGS;
use serde_json::Value;

use crate::harness_program::{PROGRAM, Site};

/// The heading under which the walk stands.
const WALK: &str = "## From checkout to paid";

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands under a heading, up to the next one.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, after) = page.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    after.split("\n## ").next().unwrap_or(after)
}

/// The lines of the first block of shell commands.
fn commands(section: &str) -> Vec<&str> {
    let (_, block) = section.split_once("```bash\n").expect("a block of commands");
    block.lines().take_while(|line| *line != "```").collect()
}

#[test]
fn the_walk_leads_from_checkout_to_paid_as_it_is_pasted() {
    let site = Site::empty();
    let server = site.serve(&[]);
    let readme = page("README.md");
    let mut bash = site.command("bash");
    bash.env("CRYPTO_ORDERS_LISTEN", &server.address).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut bash = bash.spawn().expect("bash runs");
    let mut terminal = bash.stdin.take().expect("stdin is piped");
    for line in commands(section(&readme, WALK)) {
        // Line by line: each must be whole by itself.
        assert!(site.command("bash").args(["-n", "-c", line]).status().expect("bash runs").success(), "{line}");
        let line = line.replace("target/release/crypto-orders", PROGRAM).replace("127.0.0.1:8080", &server.address);
        writeln!(terminal, "{line}").expect("bash reads");
    }
    drop(terminal);
    let output = bash.wait_with_output().expect("an end");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let answers: Vec<Value> = printed
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    let [checkout, order, log] = &answers[..] else { panic!("three answers, not:\n{printed}") };
    assert!(checkout["payment_address"].is_string() && checkout["pay_amount"].is_number(), "{printed}");
    assert_eq!(order["status"], "paid", "{printed}");
    assert!(printed.contains("\nthe payment is finished\n"), "{printed}");
    let steps = log["events"].as_array().into_iter().flatten();
    let steps: Vec<_> = steps.map(|event| [&event["status"], &event["source"]]).collect();
    assert_eq!(steps, [["pending", "create"], ["confirming", "ipn"], ["paid", "ipn"]], "{printed}");
    assert!(log["events"][1]["at"].is_string(), "{printed}");
}

#[test]
fn the_table_of_settings_is_the_program_s() {
    let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    let rows: String = SETTINGS
        .iter()
        .map(|setting| {
            let (key, variable, default) = (code(setting.key), code(&setting.variable()), code(setting.default));
            format!("| {key} | {variable} | {default} | {} |\n", setting.meaning)
        })
        .collect();
    let table = format!("| key | variable | default | meaning |\n|---|---|---|---|\n{rows}\n");
    assert!(section(&page("README.md"), "## Settings").contains(&table), "the README's table is to be:\n\n{table}");
}

#[test]
fn the_code_map_names_every_part_of_src_and_nothing_else() {
    let readme = page("README.md");
    let map = section(&readme, "## Code map");
    let first_cells = map.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next());
    let named: BTreeSet<String> = first_cells.flat_map(paths).filter(|path| path.starts_with("src/")).collect();
    let entries = fs::read_dir(top().join("src")).expect("src can be read");
    let there: BTreeSet<String> = entries
        .map(|entry| {
            let entry = entry.expect("src can be read");
            let slash = if entry.path().is_dir() { "/" } else { "" };
            format!("src/{}{slash}", entry.file_name().to_string_lossy())
        })
        .collect();
    assert_eq!(named, there);
}

#[test]
fn every_file_that_the_pages_name_exists() {
    for name in [
        "README.md",
        "docs/admin-api-pagination.md",
        "docs/admin-csv-export.md",
        "docs/idempotency-keys.md",
        "docs/operations.md",
        "docs/crypto-orders-ops-runbook.md",
        "docs/webhooks.md",
        "docs/licences/fonts.md",
    ] {
        let page = page(name);
        let ours = |path: &String| ["src/", "tests/", "migrations/", "docs/"].iter().any(|top| path.starts_with(top));
        let absent: Vec<String> = paths(&page).filter(ours).filter(|path| !top().join(path).exists()).collect();
        assert!(absent.is_empty(), "{name} names what is not there: {absent:?}");
        let links = page.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let folder: PathBuf = top().join(name).parent().expect("a folder").to_owned();
        let broken: Vec<&str> =
            links.filter(|link| !link.is_empty() && !link.contains("://") && !folder.join(link).exists()).collect();
        assert!(broken.is_empty(), "{name} links to what is not there: {broken:?}");
    }
}

#[test]
fn the_exit_codes_of_the_pages_are_those_of_the_help() {
    let help = Site::empty().run(&["--help"]).printed();
    let (_, codes) = help.split_once("Exit codes:\n").expect("exit codes");
    let page = page("docs/operations.md");
    let table = section(&page, "## Exit codes");
    let lines: Vec<&str> = codes.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    for line in &lines {
        let (code, meaning) = line.split_once("  ").expect("a code and its meaning");
        assert!(table.contains(&format!("| {code} | {meaning} |")), "{line}");
    }
    assert_eq!(table.matches("\n| ").count(), lines.len() + 1, "a row for each code, below its titles:\n{table}");
}

/// What stands between backticks.
fn paths(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}
