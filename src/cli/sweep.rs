//! `sweep`: what support does to pending orders that nobody will pay any more, once and by hand.
//!
//! It is not the clock's sweep: an order that it fails has the reason `swept`.

use clap::Args;
use serde_json::json;

use crate::actors::OrderError;
use crate::actors::order::Operation;
use crate::actors::sweeper::{SweepMode, SweepRequest, Swept};
use crate::app;
use crate::config::span;
use crate::domain::time::{Span, Timestamp};
use crate::store::Opener;

use super::error::CliError;
use super::{Shell, output};

pub(super) const HELP: &str = "\
Examples:
  crypto-orders sweep --dry-run
  crypto-orders sweep --older-than 60m --limit 100 --json";

/// The oldest age that may be named: 525 600 minutes.
const OLDER_THAN_MAX: Span = Span::hours(24 * 365);

#[derive(Args)]
pub(super) struct Sweep {
    /// Sweep pending orders created longer ago than this; the pay window without it
    #[arg(long, value_name = "TIME", value_parser = age)]
    older_than: Option<Span>,
    /// Sweep at most so many, oldest first
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Only tell what would be swept
    #[arg(long)]
    dry_run: bool,
    /// Print {"expired": …, "capped": …, "created_until": …, "order_ids": [...]} alone
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(sweep: &Sweep, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let created_until = created_until(sweep, shell)?;
    let input = json!({ "created_until": created_until, "limit": sweep.limit, "dry_run": sweep.dry_run });
    let request = SweepRequest {
        created_until,
        limit: usize::from(sweep.limit),
        mode: if sweep.dry_run { SweepMode::DryRun } else { SweepMode::Real },
        operation: Operation { actor: None, action: "crypto_order.swept", input: input.to_string(), ip: None },
    };
    let store = shell.open_store(Opener::Command).await?;
    let swept = app::sweep_once(&shell.settings, &shell.clock, &store, request).await;
    let swept = swept.map_err(|error| failed(error, shell))?;
    show(sweep, &swept, created_until, shell)
}

/// Younger orders may still be paid; the same bounds as at the route.
fn created_until(sweep: &Sweep, shell: &Shell<'_>) -> Result<Timestamp, CliError> {
    let pay_window = shell.settings.orders.pay_window;
    let older_than = sweep.older_than.unwrap_or(pay_window);
    if older_than < pay_window || OLDER_THAN_MAX < older_than {
        let minutes = pay_window.as_millis().div_euclid(60_000);
        return Err(CliError::Usage(format!(
            "--older-than lies between the pay window ({minutes}m) and 365d: a younger order may still be paid"
        )));
    }
    Ok(shell.clock.now().before(older_than))
}

fn failed(error: OrderError, shell: &Shell<'_>) -> CliError {
    match error {
        OrderError::NotRead(source) => shell.storage_failed(source),
        other => CliError::Failed(format!("the sweep did not finish; run it again: {other}")),
    }
}

fn show(sweep: &Sweep, swept: &Swept, created_until: Timestamp, shell: &mut Shell<'_>) -> Result<(), CliError> {
    if sweep.json {
        let result = json!({
            "expired": swept.order_ids.len(),
            "capped": swept.capped,
            "dry_run": sweep.dry_run,
            "created_until": created_until,
            "order_ids": swept.order_ids,
        });
        return Ok(output::json(shell.out, &result)?);
    }
    let verb = if sweep.dry_run { "would sweep" } else { "swept" };
    let mut lines = vec![format!("{verb} {} order(s)", swept.order_ids.len())];
    lines.extend(swept.order_ids.iter().map(|id| format!("  {id}")));
    if swept.capped {
        lines.push("more are left: run it again, or with a larger --limit".to_owned());
    }
    Ok(output::line(shell.out, &lines.join("\n"))?)
}

fn age(text: &str) -> Result<Span, &'static str> {
    span(text).ok_or("a length of time such as 60m, 24h or 7d")
}
