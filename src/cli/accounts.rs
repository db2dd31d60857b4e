//! `accounts create` and `accounts list`: who may order, and how often.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::clock::fresh_uuid;
use crate::domain::access::{Account, Tier, keys};
use crate::domain::ids::AccountId;
use crate::store::Opener;

use super::error::CliError;
use super::{Shell, output};

pub(super) const HELP: &str = "\
Examples:
  crypto-orders accounts create --name Acme --tier enterprise
  crypto-orders accounts list";

#[derive(Subcommand)]
pub(super) enum Accounts {
    /// Make an account
    #[command(after_help = "\
Examples:
  crypto-orders accounts create --name Acme --tier enterprise
  crypto-orders accounts create --name Acme --tier enterprise --json    {\"account_id\": …}")]
    Create(Create),
    /// List all accounts, oldest first
    #[command(after_help = "Example:\n  crypto-orders accounts list --json")]
    List(List),
}

#[derive(Args)]
pub(super) struct Create {
    /// What you call the customer
    #[arg(long, value_parser = name)]
    name: String,
    /// The tier: how often the account may call
    #[arg(long, value_parser = PossibleValuesParser::new(Tier::ALL.map(Tier::as_str)).try_map(tier))]
    tier: Tier,
    /// Print {"account_id": …} alone
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct List {
    /// Print {"data": [...]} alone
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: Accounts, shell: &mut Shell<'_>) -> Result<(), CliError> {
    match command {
        Accounts::Create(create) => run_create(create, shell).await,
        Accounts::List(list) => run_list(&list, shell).await,
    }
}

async fn run_create(create: Create, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let now = shell.clock.now();
    let account =
        Account { id: AccountId::new(fresh_uuid(now)), name: create.name, tier: create.tier, created_at: now };
    let id = account.id;
    let store = shell.open_store(Opener::Command).await?;
    store.account_insert(account).await.map_err(|error| shell.storage_failed(error))?;
    if create.json {
        return Ok(output::json(shell.out, &json!({ "account_id": id }))?);
    }
    let next = format!("account {id}\nnext: crypto-orders keys create --account {id} --scope account_owner");
    Ok(output::line(shell.out, &next)?)
}

async fn run_list(list: &List, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let accounts =
        shell.open_store(Opener::Command).await?.accounts_list().await.map_err(|error| shell.storage_failed(error))?;
    if list.json {
        let shown = |account: &Account| {
            json!({
                "account_id": account.id,
                "name": account.name,
                "tier": account.tier.as_str(),
                "created_at": account.created_at,
            })
        };
        let data: Vec<_> = accounts.iter().map(shown).collect();
        return Ok(output::json(shell.out, &json!({ "data": data }))?);
    }
    let row = |account: &Account| {
        [account.id.to_string(), account.tier.as_str().to_owned(), account.created_at.to_string(), account.name.clone()]
    };
    let rows: Vec<_> = accounts.iter().map(row).collect();
    Ok(output::table(shell.out, ["account", "tier", "created", "name"], &rows)?)
}

/// A name that shows on one line.
pub(super) fn name(text: &str) -> Result<String, String> {
    keys::name(text).ok_or_else(|| format!("a name has 1 to {} characters on one line", keys::NAME_CHARS_MAX))
}

fn tier(text: String) -> Result<Tier, &'static str> {
    Tier::parse(&text).ok_or("there is no such tier")
}
