//! `keys create`, `keys list`, `keys revoke`. Only here can an operator's key be made.
//!
//! The plaintext of a key is written once, to stdout, and kept nowhere.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

use crate::clock::fresh_key;
use crate::config::span;
use crate::domain::access::keys::NewKey;
use crate::domain::access::{ApiKey, KeyKind, Scope};
use crate::domain::ids::{AccountId, KeyId};
use crate::domain::time::{Span, Timestamp};
use crate::store::Opener;
use crate::store::changeset::AuditEntry;

use super::error::CliError;
use super::{Shell, accounts, output};

pub(super) const HELP: &str = "\
Examples:
  crypto-orders keys create --account 0190… --scope account_owner
  crypto-orders keys create --admin
  crypto-orders keys revoke key_0190…";

#[derive(Subcommand)]
pub(super) enum Keys {
    /// Make a key; its plaintext is shown once
    #[command(after_help = "\
Examples:
  crypto-orders keys create --account 0190… --scope read:billing --scope admin:billing --name shop
  crypto-orders keys create --account 0190… --scope account_owner --expires 90d --json    {\"id\": …, \"plaintext\": …}
  crypto-orders keys create --admin    an operator's: scope driftstack_internal_admin, no account")]
    Create(Create),
    /// List keys, oldest first, without their plaintext
    #[command(after_help = "Example:\n  crypto-orders keys list --account 0190…")]
    List(List),
    /// Revoke a key; running servers refuse it within 5 seconds
    #[command(after_help = "Example:\n  crypto-orders keys revoke key_0190…")]
    Revoke(Revoke),
}

#[derive(Args)]
#[command(group = ArgGroup::new("owner").required(true).args(["account", "admin"]))]
pub(super) struct Create {
    /// The account it acts for (`accounts list` has the ids)
    #[arg(long, value_name = "ID", value_parser = account_id, requires = "scope")]
    account: Option<AccountId>,
    /// Make an operator's key, for everything under /v1/admin
    #[arg(long, conflicts_with_all = ["scope", "test"])]
    admin: bool,
    /// What it may be used for; again, or with commas, for more
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(Scope::ALL.map(Scope::as_str)).try_map(scope))]
    scope: Vec<Scope>,
    /// What you call it
    #[arg(long, default_value = "from the command line", value_parser = accounts::name)]
    name: String,
    /// Make a ds_test_ key in place of a ds_live_ one
    #[arg(long)]
    test: bool,
    /// When it ends by itself: a length of time (90d) or a time (2027-01-01T00:00:00Z)
    #[arg(long, value_name = "WHEN", value_parser = expiry)]
    expires: Option<Expiry>,
    /// Print {"id": …, "plaintext": …} alone
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct List {
    /// Only those of this account
    #[arg(long, value_name = "ID", value_parser = account_id)]
    account: Option<AccountId>,
    /// Print {"data": [...]} alone
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Revoke {
    /// The key's id (`keys list` has it), not its plaintext
    #[arg(value_name = "KEY_ID", value_parser = key_id)]
    id: KeyId,
}

/// When a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expiry {
    After(Span),
    At(Timestamp),
}

pub(super) async fn run(command: Keys, shell: &mut Shell<'_>) -> Result<(), CliError> {
    match command {
        Keys::Create(create) => run_create(create, shell).await,
        Keys::List(list) => run_list(&list, shell).await,
        Keys::Revoke(revoke) => run_revoke(&revoke, shell).await,
    }
}

async fn run_create(create: Create, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let now = shell.clock.now();
    let expires_at = expires_at(create.expires, now)?;
    let store = shell.open_store(Opener::Command).await?;
    let kind = if create.test { KeyKind::Test } else { KeyKind::Live };
    let NewKey { key, plaintext } = match create.account {
        Some(account) => {
            let known = store.account_load(account).await.map_err(|error| shell.storage_failed(error))?;
            if known.is_none() {
                let message = format!("there is no account {account}: `crypto-orders accounts list` shows them all");
                return Err(CliError::NotFound(message));
            }
            NewKey::of_account(account, kind, create.scope, fresh_key(now))
        }
        None => NewKey::of_operator(fresh_key(now)),
    };
    let key = ApiKey { name: create.name, expires_at, ..key };
    let id = key.id;
    let audit = created(&key);
    store.key_insert_audited(key, audit).await.map_err(|error| shell.storage_failed(error))?;
    if create.json {
        return Ok(output::json(shell.out, &json!({ "id": id, "plaintext": plaintext.reveal() }))?);
    }
    let shown = format!("{}\nid {id}; the key itself is shown only now, so keep it", plaintext.reveal());
    Ok(output::line(shell.out, &shown)?)
}

/// What the audit log tells of a new key; never the key itself.
fn created(key: &ApiKey) -> AuditEntry {
    let input =
        json!({ "name": key.name, "account_id": key.account_id, "scopes": scopes(key), "expires_at": key.expires_at });
    audited("api_key.created", key.id, input, key.created_at)
}

fn audited(action: &'static str, key: KeyId, input: Value, at: Timestamp) -> AuditEntry {
    let (input, result) = (input.to_string(), "{}".to_owned());
    AuditEntry { actor: None, action, target: key.to_string(), input, result, ip: None, at }
}

fn expires_at(expiry: Option<Expiry>, now: Timestamp) -> Result<Option<Timestamp>, CliError> {
    let at = expiry.map(|expiry| match expiry {
        Expiry::After(span) => now.after(span),
        Expiry::At(at) => at,
    });
    match at {
        Some(at) if at <= now => Err(CliError::Usage(format!("--expires {at} is past: name a later time"))),
        at => Ok(at),
    }
}

async fn run_list(list: &List, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let store = shell.open_store(Opener::Command).await?;
    let keys = store.keys_list(list.account).await.map_err(|error| shell.storage_failed(error))?;
    if list.json {
        let data: Vec<Value> = keys.iter().map(resource).collect();
        return Ok(output::json(shell.out, &json!({ "data": data }))?);
    }
    let now = shell.clock.now();
    let row = |key: &ApiKey| {
        let owner = key.account_id.map_or("(operator)".to_owned(), |id| id.to_string());
        [key.id.to_string(), owner, state(key, now).to_owned(), scopes(key).join(","), key.name.clone()]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    Ok(output::table(shell.out, ["key", "account", "state", "scopes", "name"], &rows)?)
}

fn state(key: &ApiKey, now: Timestamp) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.has_expired(now) {
        "expired"
    } else if key.replaced_by.is_some() {
        "replaced"
    } else {
        "active"
    }
}

fn scopes(key: &ApiKey) -> Vec<&'static str> {
    key.scopes.iter().map(|scope| scope.as_str()).collect()
}

/// The key resource of the contract (section 1).
fn resource(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "key_prefix": key.key_prefix,
        "scopes": scopes(key),
        "account_id": key.account_id,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
        "expires_at": key.expires_at,
        "created_at": key.created_at,
        "replaced_by": key.replaced_by,
    })
}

async fn run_revoke(revoke: &Revoke, shell: &mut Shell<'_>) -> Result<(), CliError> {
    let store = shell.open_store(Opener::Command).await?;
    let now = shell.clock.now();
    let audit = audited("api_key.revoked", revoke.id, json!({}), now);
    let known = store.key_revoke_audited(revoke.id, audit).await.map_err(|error| shell.storage_failed(error))?;
    if !known {
        let message = format!("there is no key {}: `crypto-orders keys list` shows them all", revoke.id);
        return Err(CliError::NotFound(message));
    }
    Ok(output::line(shell.out, &format!("revoked {}; running servers refuse it within 5 seconds", revoke.id))?)
}

fn account_id(text: &str) -> Result<AccountId, &'static str> {
    AccountId::parse(text).ok_or("an account id is a UUID: `crypto-orders accounts list` shows them all")
}

fn key_id(text: &str) -> Result<KeyId, &'static str> {
    KeyId::parse(text).ok_or("a key id is key_<uuid>: `crypto-orders keys list` shows them all")
}

fn scope(text: String) -> Result<Scope, &'static str> {
    Scope::parse(&text).ok_or("there is no such scope")
}

fn expiry(text: &str) -> Result<Expiry, &'static str> {
    let at = || Timestamp::parse(text).map(Expiry::At);
    span(text).map(Expiry::After).or_else(at).ok_or("a length of time such as 90d, or 2027-01-01T00:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_after_a_while_or_at_a_time_but_never_in_the_past() {
        let now = Timestamp::from_millis(1_765_000_000_000);
        assert_eq!(expires_at(Some(expiry("1h").unwrap()), now).unwrap(), Some(now.after(Span::hours(1))));
        let at = Timestamp::parse("2100-01-01T00:00:00Z");
        assert_eq!(expires_at(Some(expiry("2100-01-01T00:00:00Z").unwrap()), now).unwrap(), at);
        assert!(expires_at(Some(expiry("2020-01-01T00:00:00Z").unwrap()), now).is_err());
        assert!(expires_at(Some(expiry("0s").unwrap()), now).is_err());
        assert!(expiry("soon").is_err());
    }

    #[test]
    fn a_listed_key_shows_neither_hash_nor_plaintext() {
        let NewKey { key, plaintext } = NewKey::of_operator(fresh_key(Timestamp::from_millis(0)));
        let shown = resource(&key).to_string();
        assert!(!shown.contains(plaintext.reveal()) && !shown.contains(&key.key_hash), "{shown}");
    }
}
