//! `serve`: settles what only a server needs, starts the app, and waits for the signal to stop.
//!
//! What the app is made of is `app.rs`'s affair.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::App;
use crate::config::{
    Descriptors, IpnSecretOrigin, Provider, SETTINGS, Settings, settle_ipn_secret, unfit_for_production,
};
use crate::store::{Opener, Store};

use super::error::CliError;
use super::{Shell, first_start, output};

/// How many descriptors a process usually has.
const DESCRIPTORS_USUAL: usize = 1_024;

pub(super) const HELP: &str = "\
Examples:
  crypto-orders serve
  crypto-orders serve --listen 127.0.0.1:9000 --database-url sqlite:///var/lib/crypto-orders/orders.db
  crypto-orders serve --config /etc/crypto-orders.toml --production

--help lists all settings.";

/// The examples, and every setting with its variable.
pub(super) fn long_help() -> String {
    let mut help =
        HELP.replace("\n\n--help lists all settings.", "\n\nAll settings, as key in the file and variable:\n");
    for setting in SETTINGS {
        help.push_str(&format!("\n  {}  {}\n      {}\n", setting.key, setting.variable(), setting.meaning));
        if !setting.default.is_empty() {
            help.push_str(&format!("      default: {}\n", setting.default));
        }
    }
    help
}

pub(super) async fn run(shell: &mut Shell<'_>) -> Result<(), CliError> {
    let deaf = |error| CliError::Failed(format!("signals cannot be listened for: {error}"));
    ignore_other_signals().map_err(deaf)?;
    let store = open_fit_store(shell).await?;
    let origin = settle_ipn_secret(&mut shell.settings)?;
    shell.settings.descriptors = raised_descriptors();
    let mut signs = StopSigns::listen().map_err(deaf)?;
    let app = App::start(shell.settings.clone(), shell.clock.clone(), store.clone())
        .map_err(|error| start_failed(&error, &shell.settings))?;
    let settings = shell.settings.clone().listening_on(app.local_addr());
    tell(&settings, &origin);
    // Only now: keys that are shown once are not spent on a start that fails.
    welcome(store, &settings, &origin, shell).await?;
    app.run_until(async || signs.received().await, settings.shutdown_delay.as_duration()).await;
    Ok(())
}

/// The descriptors of this process, as many as it may have.
fn raised_descriptors() -> Descriptors {
    let raised = Descriptors::raise().unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files cannot be read; {DESCRIPTORS_USUAL} are assumed");
        Descriptors::new(DESCRIPTORS_USUAL)
    });
    tracing::info!(
        limit = raised.limit(),
        connections = raised.connections_max(),
        pages = raised.streams_max(),
        waiting = raised.waiters_max(),
        webhooks = raised.deliveries_max(),
        "open files are shared out"
    );
    raised
}

/// Shows what a first start made.
async fn welcome(
    store: Store,
    settings: &Settings,
    origin: &IpnSecretOrigin,
    shell: &mut Shell<'_>,
) -> Result<(), CliError> {
    let banner = first_start::prepare(&store, settings, origin, &shell.clock).await;
    let Some(banner) = banner.map_err(|error| shell.storage_failed(error))? else { return Ok(()) };
    if output::line(shell.out, &banner).is_err() {
        tracing::warn!("the keys of the first start could not be shown; make others with `crypto-orders keys create`");
    }
    Ok(())
}

/// Opens the database. In production everything that is unfit is told at once, its keys included.
async fn open_fit_store(shell: &Shell<'_>) -> Result<Store, CliError> {
    if !shell.settings.production {
        return shell.open_store(Opener::Server).await;
    }
    let mut unfit = unfit_for_production(&shell.settings);
    let opened = shell.open_store(Opener::Server).await;
    if let Ok(store) = &opened {
        let left = first_start::keys_left(store, shell.clock.now()).await;
        for id in left.map_err(|error| shell.storage_failed(error))? {
            unfit.push(format!(
                "{id}, a key made at the first start of a development server, still works: \
                 crypto-orders keys revoke {id}"
            ));
        }
    }
    if unfit.is_empty() { opened } else { Err(CliError::NotForProduction(unfit)) }
}

/// What an operator should know of a start.
fn tell(settings: &Settings, origin: &IpnSecretOrigin) {
    tracing::info!(address = %settings.listen, database = settings.database_shown(), "listening on {}", settings.listen);
    match settings.provider {
        Provider::Simulator => tell_of_simulator(settings, origin),
        Provider::None => tracing::warn!(
            "no provider makes payments: checkouts get no address to pay to; set CRYPTO_ORDERS_PROVIDER to live, and \
             CRYPTO_ORDERS_NOWPAYMENTS_API_KEY"
        ),
        Provider::Sandbox => tracing::warn!("payments are made at the provider's SANDBOX and are worth nothing"),
        Provider::Live => tracing::info!("payments are made at NOWPayments"),
    }
    match origin {
        IpnSecretOrigin::Configured => {}
        IpnSecretOrigin::Generated(path) => {
            tracing::info!(path = %path.display(), "IPNs are verified by a generated secret, for development");
        }
        IpnSecretOrigin::Missing => {
            tracing::warn!("no IPN secret is set: IPNs are answered 404 until CRYPTO_ORDERS_IPN_SECRET is");
        }
    }
}

/// Nobody is to take a simulated payment for money.
fn tell_of_simulator(settings: &Settings, origin: &IpnSecretOrigin) {
    if !settings.has_simulator_inside() {
        tracing::warn!("PAYMENTS ARE SIMULATED, by the simulator at nowpayments.url, and worth nothing");
        return;
    }
    tracing::warn!("PAYMENTS ARE SIMULATED and worth nothing; pay them with `crypto-orders simulate pay <order>`");
    if !settings.listens_on_loopback() {
        tracing::warn!("whoever reaches {} can pay orders with money that is worth nothing", settings.listen);
    }
    if *origin == IpnSecretOrigin::Missing {
        tracing::warn!("without an IPN secret the simulator sends no IPNs, as the provider has it");
    }
}

/// Why the app did not start, as an error of the command line.
fn start_failed(error: &io::Error, settings: &Settings) -> CliError {
    if error.kind() == io::ErrorKind::InvalidInput {
        return CliError::Failed(format!(
            "the provider cannot be spoken to: {error}; check nowpayments.url and nowpayments.api_key"
        ));
    }
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "end what listens there, or set --listen to another port",
        io::ErrorKind::AddrNotAvailable => "set --listen to an address of this machine, or to 0.0.0.0 for all of them",
        io::ErrorKind::PermissionDenied => "ports under 1024 need rights of their own: set --listen to a higher one",
        _ => "set --listen to an address and a port that are free on this machine",
    };
    CliError::Failed(format!("cannot listen on {}: {error}; {advice}", settings.listen))
}

/// SIGTERM and Ctrl-C, heard from the moment this is made: whoever sends one while the server is still
/// starting gets an orderly end too.
struct StopSigns {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
}

impl StopSigns {
    fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        return Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? });
        #[cfg(not(unix))]
        Ok(Self {})
    }

    async fn received(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _heard = tokio::signal::ctrl_c().await;
    }
}

/// Goes on at signals that would end the process by default: a terminal that closes and a script that rotates logs send
/// them.
#[cfg(unix)]
fn ignore_other_signals() -> io::Result<()> {
    for (kind, name) in [
        (SignalKind::hangup(), "SIGHUP"),
        (SignalKind::user_defined1(), "SIGUSR1"),
        (SignalKind::user_defined2(), "SIGUSR2"),
    ] {
        let mut signals = signal(kind)?;
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                tracing::info!(
                    signal = name,
                    "a signal was ignored; SIGTERM stops the server, and a start reads settings"
                );
            }
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn ignore_other_signals() -> io::Result<()> {
    Ok(())
}
