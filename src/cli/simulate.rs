//! `simulate`: the provider in the box, alone on a port of its own, and the payer who uses it.
//!
//! `simulate pay` speaks to a running server, which has the simulator inside unless its settings name
//! another provider. It waits until all is told, so that the next command already finds the order moved.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Deserialize;

use crate::clock::random_bytes;
use crate::config::{SIMULATOR_PATH, known_ipn_secret, local_url};
use crate::provider::simulator::{CONTROL_PATH, Scenario, Simulator};

use super::call::{client, not_sent};
use super::error::CliError;
use super::{Shell, output};

pub(super) const HELP: &str = "\
Examples:
  crypto-orders simulate pay ord_0190…
  crypto-orders simulate pay ord_0190… --scenario partial
  crypto-orders simulate --at 127.0.0.1:8081 --seed 7

The server of a developer's machine has the simulator inside; `simulate` alone is for one that is to
outlive the server. Its payments are worth nothing.";

/// How often is asked whether all is told.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// How often at the most: a minute.
const LOOKS_MAX: usize = 400;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Simulate {
    /// Where it listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    at: SocketAddr,
    /// The same seed and the same requests give the same bytes; any without it
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    #[command(subcommand)]
    command: Option<Play>,
}

#[derive(Subcommand)]
enum Play {
    /// Pay an order at the simulator of a running server, and watch what is told
    #[command(after_help = "\
Examples:
  crypto-orders simulate pay ord_0190…
  crypto-orders simulate pay ord_0190… --scenario overpaid
  crypto-orders simulate pay ord_0190… --scenario late --as-scripted
  crypto-orders simulate pay --payment 5745459419 --scenario refund

Scenarios: pending, success, slow, partial, partial-then-top-up, overpaid, late, wrong-asset, refund,
failed, expired, duplicates, out-of-order, silent.")]
    Pay(Pay),
    /// Say what becomes of the next payment that is made at the simulator
    #[command(after_help = "\
Examples:
  crypto-orders simulate next lost-answer
  crypto-orders simulate next success

Scenarios: those of `simulate pay`, which then pay as soon as the payment is made; and lost-answer,
time-out, time-out-unmade, rate-limited, html-error.")]
    Next(Next),
}

#[derive(Args)]
struct Pay {
    /// The order; its newest payment is paid
    #[arg(required_unless_present = "payment", conflicts_with = "payment")]
    order: Option<String>,
    /// This payment, whichever order it is for
    #[arg(long, value_name = "PAYMENT_ID")]
    payment: Option<String>,
    /// What the payer does
    #[arg(long, value_name = "NAME", default_value = "success", value_parser = payers_scenario)]
    scenario: Scenario,
    /// At the times of the scenario, minutes or hours apart, and without waiting for them
    #[arg(long)]
    as_scripted: bool,
    /// The server; without it the one that listens by the same settings
    #[arg(long)]
    url: Option<String>,
}

#[derive(Args)]
struct Next {
    /// What becomes of it
    #[arg(value_name = "NAME", value_parser = scenario)]
    scenario: Scenario,
    /// The server; without it the one that listens by the same settings
    #[arg(long)]
    url: Option<String>,
}

fn scenario(name: &str) -> Result<Scenario, String> {
    Scenario::parse(name).ok_or_else(|| format!("the scenarios are {}", Scenario::ALL.map(Scenario::as_str).join(", ")))
}

/// One of those in which somebody pays, or does not.
fn payers_scenario(name: &str) -> Result<Scenario, String> {
    match Scenario::parse(name) {
        Some(scenario) if scenario.is_of_creation() => Err(format!(
            "it is about how a payment is made, and this one is made already; use `crypto-orders simulate next {name}`"
        )),
        Some(scenario) => Ok(scenario),
        None => {
            let payers = Scenario::ALL.into_iter().filter(|scenario| !scenario.is_of_creation());
            Err(format!("the scenarios are {}", payers.map(Scenario::as_str).collect::<Vec<_>>().join(", ")))
        }
    }
}

pub(super) async fn run(simulate: &Simulate, shell: &mut Shell<'_>) -> Result<(), CliError> {
    match &simulate.command {
        None => serve(simulate, shell).await,
        Some(Play::Pay(pay)) => Box::pin(self::pay(pay, shell)).await,
        Some(Play::Next(next)) => {
            let stage = Stage::of(next.url.as_deref(), shell)?;
            let body = serde_json::json!({ "scenario": next.scenario.as_str() });
            stage.ask("/next", Some(&body)).await?;
            Ok(output::line(shell.out, &format!("the next payment: {}", next.scenario.as_str()))?)
        }
    }
}

/// Serves until it is told to end.
async fn serve(simulate: &Simulate, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let secret = known_ipn_secret(&shell.settings)?;
    if secret.is_none() {
        tracing::warn!(
            "no IPN secret is known here, and no IPN is sent without one: set CRYPTO_ORDERS_IPN_SECRET, or start the \
             server first in this folder"
        );
    }
    if !simulate.at.ip().to_canonical().is_loopback() {
        tracing::warn!("whoever reaches {} can pay orders with money that is worth nothing", simulate.at);
    }
    let not_started = |error: std::io::Error| {
        CliError::Failed(format!("cannot listen on {}: {error}; set --at to an address that is free", simulate.at))
    };
    let listener = TcpListener::bind(simulate.at).map_err(not_started)?;
    let url = local_url(listener.local_addr().map_err(not_started)?);
    let seed = simulate.seed.unwrap_or_else(|| u64::from_be_bytes(random_bytes()));
    let simulator = Simulator::new(seed, shell.clock.clone(), secret).map_err(not_started)?;
    let server = simulator.serve(listener).map_err(not_started)?;
    let told = format!(
        "the simulated provider (seed {seed}) answers at {url}{SIMULATOR_PATH}\n\
         start the server with CRYPTO_ORDERS_PROVIDER=simulator CRYPTO_ORDERS_NOWPAYMENTS_URL={url}{SIMULATOR_PATH},\n\
         and pay with: crypto-orders simulate pay <order> --url {url}"
    );
    output::line(shell.out, &told)?;
    server.await.map_err(not_started)
}

/// What the simulator will do.
#[derive(Deserialize)]
struct Plan {
    payment_id: String,
    from: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    after_ms: i64,
    payment_status: String,
}

/// How far it is.
#[derive(Deserialize)]
struct Stand {
    payment_status: String,
    ahead: u64,
    told: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    at: String,
    payment_status: String,
    answer: Option<u16>,
}

async fn pay(pay: &Pay, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let stage = Stage::of(pay.url.as_deref(), shell)?;
    let body = serde_json::json!({
        "order": pay.order, "payment": pay.payment, "scenario": pay.scenario.as_str(), "instantly": !pay.as_scripted,
    });
    let plan: Plan = stage.read(&stage.ask("/pay", Some(&body)).await?)?;
    output::line(shell.out, &format!("payment {}: {}", plan.payment_id, pay.scenario.as_str()))?;
    if !pay.as_scripted {
        return watch(&stage, &plan, pay.scenario, shell).await;
    }
    for step in &plan.steps {
        let seconds = step.after_ms.div_euclid(1000);
        output::line(shell.out, &format!("  in {seconds} s: {}", step.payment_status))?;
    }
    Ok(())
}

/// Shows each IPN with its answer until nothing is ahead.
async fn watch(stage: &Stage, plan: &Plan, scenario: Scenario, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let mut shown = 0;
    for _ in 0..LOOKS_MAX {
        let stand: Stand = stage.read(&stage.ask(&format!("/payments/{}", plan.payment_id), None).await?)?;
        // All times are written alike, so that their texts sort as they do.
        let told: Vec<_> = stand.told.iter().filter(|told| plan.from <= told.at).collect();
        for told in told.iter().skip(shown) {
            shown += 1;
            let word = &told.payment_status;
            match told.answer {
                Some(status) if (200..300).contains(&status) => {
                    output::line(shell.out, &format!("  IPN {word}: {status}"))?;
                }
                answer => return Err(refused(word, answer)),
            }
        }
        if stand.ahead == 0 {
            let silence = match scenario {
                Scenario::Silent => "; no IPN tells: the poller finds it within minutes",
                _ => "",
            };
            return Ok(output::line(shell.out, &format!("the payment is {}{silence}", stand.payment_status))?);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(CliError::Failed(
        "the simulator has not come to the end of the scenario; the server's log says more".to_owned(),
    ))
}

/// An IPN that the server did not take, and what to do about it.
fn refused(word: &str, answer: Option<u16>) -> CliError {
    let how = answer.map_or_else(|| "did not answer".to_owned(), |status| format!("answered {status}"));
    let why = match answer {
        Some(401 | 404) => "its IPN secret must be the simulator's; the simulator tries again",
        _ => "the simulator tries again, and the server's log says why",
    };
    CliError::Failed(format!("the server {how} to the IPN {word}: {why}"))
}

/// Where the simulator is directed.
struct Stage {
    client: reqwest::Client,
    base: String,
}

impl Stage {
    fn of(url: Option<&str>, shell: &Shell<'_>) -> Result<Self, CliError> {
        let base = url.map_or_else(|| local_url(shell.settings.listen), |url| url.trim_end_matches('/').to_owned());
        Ok(Self { client: client()?, base })
    }

    /// Asks, and answers the body of what succeeded.
    async fn ask(&self, path: &str, body: Option<&serde_json::Value>) -> Result<String, CliError> {
        let url = format!("{}{CONTROL_PATH}{path}", self.base);
        let request = match body {
            Some(body) => self.client.post(url).header("content-type", "application/json").body(body.to_string()),
            None => self.client.get(url),
        };
        let answer = request.send().await.map_err(|error| not_sent(&error, &self.base))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| not_sent(&error, &self.base))?;
        if status.is_success() {
            return Ok(text);
        }
        let refusal: Refusal = self.read(&text)?;
        if refusal.kind.is_some() {
            let why = "has no simulator inside: its setting provider names another, or is none, or nowpayments.url \
                       names another simulator";
            return Err(CliError::Failed(format!("the server at {} {why}", self.base)));
        }
        Err(if status.as_u16() == 404 { CliError::NotFound(refusal.detail) } else { CliError::Usage(refusal.detail) })
    }

    fn read<'t, T: Deserialize<'t>>(&self, text: &'t str) -> Result<T, CliError> {
        serde_json::from_str(text)
            .map_err(|_| CliError::Failed(format!("what answers at {} is no simulator: {text}", self.base)))
    }
}

/// What the simulator says no with; a problem of the server itself has a kind.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    detail: String,
}
