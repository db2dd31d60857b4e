//! `doctor`: checks the configuration before the first customer does, each fault with what mends it.
//!
//! Every check stands on a line of its own, in a fixed order, and none waits for another's verdict; what
//! has to ask over a network is bounded and asked beside the rest. It changes nothing but what opening the
//! database changes. No line shows a secret. `doctor signature` explains one refused IPN, and
//! `doctor refused` lists those that were kept; each check is in the file of what it looks at.

mod account;
mod finding;
mod machine;
mod minima;
mod public;
mod refused;
mod signature;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::config::unfit_for_production;
use crate::store::{Opener, Store};

use super::error::CliError;
use super::{Shell, output};
use finding::{Finding, Grade};

pub(super) const HELP: &str = "\
Examples:
  crypto-orders doctor
  crypto-orders doctor --production --json
  crypto-orders doctor signature --body ipn.json --sig 8994…
  crypto-orders doctor refused --limit 5

It ends with 0 if nothing FAILs, else with 1.";

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Doctor {
    /// Print {"fit": …, "checks": [...]} alone
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    about: Option<About>,
}

#[derive(Subcommand)]
enum About {
    /// Tell who signed a body, and what, or why nobody can have
    #[command(after_help = signature::HELP)]
    Signature(signature::Signature),
    /// List the newest bodies that were refused
    #[command(after_help = "\
Examples:
  crypto-orders doctor refused
  crypto-orders doctor refused --limit 100")]
    Refused(refused::Refused),
}

pub(super) async fn run(doctor: &Doctor, shell: &mut Shell<'_>) -> Result<(), CliError> {
    match &doctor.about {
        Some(About::Signature(signature)) => signature::run(signature, shell),
        Some(About::Refused(refused)) => refused::run(refused, shell).await,
        None => check(doctor, shell).await,
    }
}

async fn check(doctor: &Doctor, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let opened = shell.open_store(Opener::Command).await;
    let settings = &shell.settings;
    let (clock, public_url, account) =
        tokio::join!(machine::clock(settings, &shell.clock), public::url(settings), account::findings(settings),);
    let mut findings = vec![Finding::ok("settings", "read: each is known, and its value makes sense".to_owned())];
    findings.extend([machine::database(&opened, settings).await, machine::open_files(), clock]);
    findings.extend([machine::ipn_secret(settings), public_url, public::callback(settings)]);
    findings.extend(account);
    findings.extend(stored(opened.as_ref().ok(), shell).await);
    if settings.production {
        findings.extend(public::proxies(settings));
        findings.extend(unfit_for_production(settings).into_iter().map(refused_in_production));
    }
    show(doctor, &findings, shell)?;
    let failed = findings.iter().filter(|finding| finding.grade == Grade::Fail).count();
    match failed {
        0 => Ok(()),
        failed => Err(CliError::Failed(format!("{failed} of {} checks FAIL", findings.len()))),
    }
}

/// What the database tells; nothing where it cannot be opened, which is told already.
async fn stored(store: Option<&Store>, shell: &Shell<'_>) -> Vec<Finding> {
    let Some(store) = store else { return Vec::new() };
    let now = shell.clock.now();
    vec![refused::lately(store, now).await, machine::development_keys(store, &shell.settings, now).await]
}

/// A sentence of `unfit_for_production`: what is unfit, a colon, what to set instead.
fn refused_in_production(sentence: String) -> Finding {
    let (found, fix) = sentence.split_once(": ").unwrap_or((&sentence, "see `crypto-orders serve --help`"));
    Finding::fail("production", format!("`serve --production` refuses this: {found}"), fix)
}

fn show(doctor: &Doctor, findings: &[Finding], shell: &mut Shell<'_>) -> Result<(), CliError> {
    let fit = findings.iter().all(|finding| finding.grade != Grade::Fail);
    if doctor.json {
        return Ok(output::json(shell.out, &json!({ "fit": fit, "checks": findings }))?);
    }
    let mut lines: Vec<String> = findings.iter().map(Finding::shown).collect();
    let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let [ok, warn, fail] = [Grade::Ok, Grade::Warn, Grade::Fail].map(count);
    lines.push(format!("\n{ok} ok, {warn} warn, {fail} FAIL"));
    Ok(output::line(shell.out, &lines.join("\n"))?)
}
