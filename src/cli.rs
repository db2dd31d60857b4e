//! The command line: arguments to a command, a result to stdout, an error with its exit code to stderr.
//!
//! Every command reads the same settings from the same places. Nothing but results is written to
//! stdout, so that scripts can read it. Each command has its own file below `cli/`.

mod accounts;
mod call;
mod doctor;
mod error;
mod export;
mod first_start;
mod import;
mod ipn;
mod keys;
mod output;
mod progress;
mod seed;
mod serve;
mod settings;
mod simulate;
mod sweep;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::clock::Clock;
use crate::config::{LogSettings, Setting, Settings, Sources, load};
use crate::store::{Opener, Store};
use crate::telemetry;

use error::CliError;
use settings::SettingsFlags;

const EXAMPLES_AND_CODES: &str = "\
Examples:
  crypto-orders                                      serve, with SQLite under ./data
  crypto-orders accounts create --name Acme --tier enterprise
  crypto-orders simulate pay ord_…

Exit codes:
  0  done
  1  failed
  2  wrong arguments or settings
  3  the storage is unavailable
  4  there is no such account, key or order
  5  no server answers";

/// Takes crypto payments through NOWPayments: orders created once, moved by evidence, never lost.
#[derive(Parser)]
#[command(name = "crypto-orders", version, after_help = EXAMPLES_AND_CODES)]
struct Cli {
    #[command(flatten)]
    settings: SettingsFlags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service (also what happens without a command)
    #[command(after_help = serve::HELP, after_long_help = serve::long_help())]
    Serve,
    /// Customer accounts
    #[command(after_help = accounts::HELP)]
    Accounts {
        #[command(subcommand)]
        command: accounts::Accounts,
    },
    /// API keys of customers and operators
    #[command(after_help = keys::HELP)]
    Keys {
        #[command(subcommand)]
        command: keys::Keys,
    },
    /// Check the configuration before going live, each fault with its fix
    #[command(after_help = doctor::HELP)]
    Doctor(doctor::Doctor),
    /// Fail pending orders that are old, once, by hand
    #[command(after_help = sweep::HELP)]
    Sweep(sweep::Sweep),
    /// Fill an empty database with believable orders
    #[command(after_help = seed::HELP)]
    Seed(seed::Seed),
    /// Write all orders, or everything there is, to a file or to stdout
    #[command(after_help = export::HELP)]
    Export(export::Export),
    /// Read a full export into an empty database
    #[command(after_help = import::HELP)]
    Import(import::Import),
    /// Play the provider by single notifications
    #[command(after_help = ipn::HELP)]
    Ipn {
        #[command(subcommand)]
        command: ipn::Ipn,
    },
    /// Pay orders at the simulated provider, or serve it alone
    #[command(after_help = simulate::HELP)]
    Simulate(simulate::Simulate),
}

/// What every command works with.
struct Shell<'a> {
    settings: Settings,
    clock: Clock,
    out: &'a mut dyn Write,
}

impl Shell<'_> {
    /// Opens the database; its migrations run first, and block.
    async fn open_store(&self, opener: Opener) -> Result<Store, CliError> {
        let (url, clock) = (self.settings.database_url.clone(), self.clock.clone());
        let opened = tokio::task::spawn_blocking(move || Store::open(&url, clock, opener)).await;
        match opened {
            Ok(store) => store.map_err(|error| self.storage_failed(error)),
            Err(_) => Err(CliError::Failed("opening the database came to an end without an answer".to_owned())),
        }
    }

    /// A failure of the storage, with the database it is about.
    fn storage_failed(&self, source: crate::store::StoreError) -> CliError {
        CliError::Storage { database: self.settings.database_shown(), source }
    }
}

/// Runs the program with the arguments and the environment of this process.
#[must_use]
pub fn run() -> ExitCode {
    let parsed = Cli::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers on stdout. A reader that went away needs none.
            let _printed = error.print();
            return if error.use_stderr() { ExitCode::from(error::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match execute(cli, &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        // `… | head` has read enough: the work itself is done.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _shown = writeln!(io::stderr(), "error: {}", error.told());
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(cli: Cli, out: &mut dyn Write) -> Result<(), CliError> {
    let sources =
        Sources { file: cli.settings.config.clone(), environment: environment(), flags: cli.settings.given() };
    let settings = load(&sources)?;
    telemetry::start(&log_of(&cli, &settings));
    let mut shell = Shell { settings, clock: Clock::system(), out };
    actix::System::new().block_on(async {
        match cli.command.unwrap_or(Command::Serve) {
            Command::Serve => Box::pin(serve::run(&mut shell)).await,
            Command::Accounts { command } => accounts::run(command, &mut shell).await,
            Command::Keys { command } => keys::run(command, &mut shell).await,
            Command::Doctor(doctor) => Box::pin(doctor::run(&doctor, &mut shell)).await,
            Command::Sweep(sweep) => sweep::run(&sweep, &mut shell).await,
            Command::Seed(seed) => seed::run(&seed, &mut shell).await,
            Command::Export(export) => export::run(&export, &mut shell).await,
            Command::Import(import) => import::run(import, &mut shell).await,
            Command::Ipn { command: ipn::Ipn::Send(send) } => Box::pin(ipn::run(&send, &mut shell)).await,
            Command::Simulate(simulate) => simulate::run(&simulate, &mut shell).await,
        }
    })
}

/// The doctor tells in its own lines what the calls it makes would log; a filter that was asked for adds to them.
fn log_of(cli: &Cli, settings: &Settings) -> LogSettings {
    let mut log = settings.log.clone();
    let is_usual = Setting::find("log.filter").is_some_and(|setting| setting.default == log.filter);
    if is_usual && matches!(cli.command, Some(Command::Doctor(_))) {
        log.filter = "error".to_owned();
    }
    log
}

/// The environment. What is not UTF-8 is no value of ours; its replaced characters make it refused.
fn environment() -> Vec<(String, String)> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_arguments_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_s_help_has_an_example() {
        fn check(command: &mut clap::Command) {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{}:\n{help}", command.get_name());
            assert!(help.contains("crypto-orders "), "{}:\n{help}", command.get_name());
            for inner in command.get_subcommands_mut().filter(|inner| inner.get_name() != "help") {
                check(inner);
            }
        }
        check(&mut Cli::command());
    }

    #[test]
    fn serve_s_help_names_every_setting() {
        let help = serve::long_help();
        for setting in crate::config::SETTINGS {
            assert!(help.contains(&setting.variable()), "{}", setting.key);
        }
    }

    #[test]
    fn no_command_is_serve_and_settings_stand_on_either_side() {
        let flags = |line: &str| parse(line).unwrap().settings.given();
        assert!(parse("crypto-orders").unwrap().command.is_none());
        let expected = vec![("listen", "127.0.0.1:1".to_owned())];
        assert_eq!(flags("crypto-orders --listen 127.0.0.1:1"), expected);
        assert_eq!(flags("crypto-orders serve --listen 127.0.0.1:1"), expected);
        assert_eq!(flags("crypto-orders --listen 127.0.0.1:1 keys list"), expected);
        assert_eq!(flags("crypto-orders --production"), vec![("production", "on".to_owned())]);
    }

    #[test]
    fn a_key_is_an_operator_s_or_an_account_s_and_never_without_a_scope() {
        let account = "--account 0f0e0d0c-0b0a-4908-8706-050403020100";
        assert!(parse("crypto-orders keys create --admin --json").is_ok());
        assert!(parse(&format!("crypto-orders keys create {account} --scope account_owner --json")).is_ok());
        assert!(parse(&format!("crypto-orders keys create {account} --scope read,write --test --expires 90d")).is_ok());
        for wrong in ["", " --account x --scope read", " --admin --test", " --scope read", " --admin --scope read"] {
            assert!(parse(&format!("crypto-orders keys create{wrong}")).is_err(), "{wrong}");
        }
        assert!(parse(&format!("crypto-orders keys create {account}")).is_err());
        assert!(parse(&format!("crypto-orders keys create {account} --scope reed")).is_err());
        assert!(parse(&format!("crypto-orders keys create --admin {account}")).is_err());
    }
}
