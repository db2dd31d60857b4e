//! Puts the house together: the only file that knows everybody.
//!
//! `cli/serve.rs` starts it, and so do the tests. At the end it stops taking requests, lets the mailboxes
//! and the writer finish, and only then lets go of the database.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use actix_web::dev::ServerHandle;
use tokio::task::JoinHandle;

use crate::actors::OrderError;
use crate::actors::bell::Bell;
use crate::actors::checkout::CheckoutDesk;
use crate::actors::courier::{self, Courier, CourierActor, Finish};
use crate::actors::directory::OrderDirectory;
use crate::actors::idempotency::IdempotencyActor;
use crate::actors::intake::Intake;
use crate::actors::order::{Asked, Surroundings};
use crate::actors::payments::{CreationShares, Minima, PaymentDesk, ProviderPauses, Searches};
use crate::actors::poller::{Poller, PollerActor};
use crate::actors::sweeper::{Lookout, SweepRequest, Sweeper, SweeperActor, Swept};
use crate::actors::waiting::ChangeBoard;
use crate::actors::wake::Wake;
use crate::clock::{Clock, random_bytes};
use crate::config::Settings;
use crate::http::{self, Parts, Shared};
use crate::provider::client::Client;
use crate::provider::simulator::Simulator;
use crate::store::Store;
use crate::webhooks::names::Names;
use crate::webhooks::send::Sender;

/// How often idle order actors are let go.
const RETIRE_EVERY: Duration = Duration::from_millis(500);

/// The running service.
pub struct App {
    local_addr: SocketAddr,
    shared: Arc<Shared>,
    server: ServerHandle,
    ended: JoinHandle<io::Result<()>>,
    sweeping: Addr<SweeperActor>,
    polling: Option<Addr<PollerActor>>,
    delivering: Delivering,
    retiring: JoinHandle<()>,
    actors: Actors,
    store: Store,
    simulator: Option<Simulator>,
    playing: Option<JoinHandle<()>>,
}

/// The courier, on a thread of its own: however many receivers there are, orders do not wait for them.
struct Delivering {
    courier: Courier,
    address: Addr<CourierActor>,
    arbiter: Arbiter,
}

/// What is there already, outside of the service.
pub struct Outside {
    /// A simulated provider: one that outlives a node, or serves two.
    pub simulator: Option<Simulator>,
    /// Who knows where merchants' endpoints lead.
    pub names: Names,
}

/// The directory of order actors, the sweeper, and the thread of the background actors.
struct Actors {
    arbiter: Arbiter,
    directory: OrderDirectory,
    sweeper: Sweeper,
    bell: Bell,
}

impl App {
    /// Starts everything on an open store; requests are answered from here on.
    ///
    /// # Errors
    /// The address cannot be listened on, or the provider's settings cannot be used.
    pub fn start(settings: Settings, clock: Clock, store: Store) -> io::Result<Self> {
        let simulator = simulator(&settings, &clock)?;
        Self::start_with(settings, clock, store, Outside { simulator, names: Names::System })
    }

    /// The same with what is outside.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn start_with(settings: Settings, clock: Clock, store: Store, outside: Outside) -> io::Result<Self> {
        let Outside { simulator, names } = outside;
        let listener = TcpListener::bind(settings.listen)?;
        let local_addr = listener.local_addr()?;
        let settings = settings.listening_on(local_addr);
        let client = Client::new(&settings).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let actors = Actors::start(&settings, &clock, &store, client);
        let delivering = Delivering::start(actors.courier_surroundings(&settings), names.clone())?;
        let sweeper = actors.sweeper.clone();
        let sweeping = SweeperActor::start_in_arbiter(&actors.arbiter.handle(), move |_| SweeperActor(sweeper));
        let payments = actors.poller().map(|poller| poller.payments.clone());
        let polling = actors.poller().cloned().map(|poller| {
            let arbiter = actors.arbiter.handle();
            PollerActor::start_in_arbiter(&arbiter, move |_| PollerActor(poller))
        });
        let desk = actors.desk(&settings, &clock, &store);
        let intake = Intake { directory: actors.directory.clone(), store: store.clone(), clock: clock.clone() };
        let playing =
            simulator.as_ref().filter(|_| !clock.is_manual()).cloned().map(|simulator| actix::spawn(simulator.run()));
        let shared = Arc::new(Shared::new(Parts {
            settings: Arc::new(settings),
            clock,
            store: store.clone(),
            orders: actors.directory.clone(),
            desk,
            intake,
            sweeper: actors.sweeper.clone(),
            payments,
            simulator: simulator.clone(),
            courier: actors.bell.clone(),
            names: names.clone(),
        }));
        let serving = http::serve(listener, shared.clone())?;
        let (server, ended) = (serving.handle(), actix::spawn(serving));
        let retiring = actix::spawn(retire_idle(actors.directory.clone()));
        Ok(Self {
            local_addr,
            shared,
            server,
            ended,
            sweeping,
            polling,
            delivering,
            retiring,
            actors,
            store,
            simulator,
            playing,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The sweep by hand, and the counters of the clock's.
    #[must_use]
    pub fn sweeper(&self) -> &Sweeper {
        &self.actors.sweeper
    }

    /// The provider in the box, where it is the provider.
    #[must_use]
    pub fn simulator(&self) -> Option<&Simulator> {
        self.simulator.as_ref()
    }

    /// Lets the sweeper look now, and waits until it has.
    pub async fn wake_sweeper(&self) {
        if self.sweeping.send(Wake).await.is_err() {
            tracing::warn!("the sweeper has stopped");
        }
    }

    /// Who asks the provider, with its counters; nobody where no provider is configured.
    #[must_use]
    pub fn poller(&self) -> Option<&Poller> {
        self.actors.poller()
    }

    /// Lets the poller look now, and waits until it has.
    pub async fn wake_poller(&self) {
        if let Some(polling) = &self.polling
            && polling.send(Wake).await.is_err()
        {
            tracing::warn!("the poller has stopped");
        }
    }

    /// Who tells merchants, with its counters.
    #[must_use]
    pub fn courier(&self) -> &Courier {
        &self.delivering.courier
    }

    /// Lets the courier look now, and waits until everything due was attempted and recorded.
    pub async fn wake_courier(&self) {
        if self.delivering.address.send(Wake).await.is_err() {
            tracing::warn!("the courier has stopped");
        }
    }

    /// Serves until the first sign to stop, and on for this delay, which a further sign ends; then ends in an orderly
    /// way.
    pub async fn run_until(self, mut signs: impl AsyncFnMut(), delay: Duration) {
        signs().await;
        if !delay.is_zero() {
            tracing::info!("about to stop: requests are served on while balancers take notice");
            self.drain();
            drop(tokio::time::timeout(delay, signs()).await);
        }
        self.stop().await;
    }

    /// Says that this node is about to stop, and serves on: `/readyz` answers 503, and no connection is kept after its
    /// answer.
    pub fn drain(&self) {
        self.shared.drain();
    }

    /// Stops taking requests, finishes what is in the mailboxes, flushes the writer.
    pub async fn stop(self) {
        tracing::info!("stopping: requests in flight are finished");
        self.actors.directory.close_waiting();
        self.delivering.courier.halt();
        self.retiring.abort();
        self.playing.iter().for_each(JoinHandle::abort);
        // Whoever was to get no answer would hold the end up.
        self.simulator.iter().for_each(Simulator::let_go);
        // Graceful: connections are not taken any more, and every request in flight is answered first.
        self.server.stop(true).await;
        if let Ok(Err(error)) = self.ended.await {
            tracing::warn!(%error, "the server did not end cleanly");
        }
        self.delivering.stop().await;
        self.store.flush().await;
        self.actors.stop();
        tracing::info!("stopped");
    }
}

impl Delivering {
    fn start(surroundings: courier::Surroundings, names: Names) -> io::Result<Self> {
        let sender = Sender::new(surroundings.settings.reach, names).map_err(io::Error::other)?;
        let (courier, recorder) = Courier::new(surroundings, sender);
        let arbiter = Arbiter::new();
        let actor = CourierActor::new(courier.clone(), recorder);
        let address = CourierActor::start_in_arbiter(&arbiter.handle(), move |_| actor);
        Ok(Self { courier, address, arbiter })
    }

    async fn stop(self) {
        if self.address.send(Finish).await.is_err() {
            tracing::warn!("the courier has stopped before its time");
        }
        self.arbiter.stop();
        drop(self.arbiter.join());
    }
}

impl Actors {
    fn start(settings: &Settings, clock: &Clock, store: &Store, client: Option<Client>) -> Self {
        let bell = Bell::default();
        let surroundings = Surroundings {
            store: store.clone(),
            clock: clock.clone(),
            rules: settings.orders.rules,
            changes: ChangeBoard::new(store.clone(), &settings.descriptors),
            provider: if client.is_some() { Asked::FromTimeToTime } else { Asked::Never },
            courier: bell.clone(),
        };
        let directory = OrderDirectory::new(surroundings);
        let pauses = ProviderPauses::new(clock.clone());
        let payments = client.map(|client| PaymentDesk {
            minima: Minima::new(client.clone(), clock.clone(), settings.nowpayments.payout_currency.clone()),
            client,
            directory: directory.clone(),
            store: store.clone(),
            clock: clock.clone(),
            default_coin: settings.orders.pay_currency.clone(),
            searches: Searches::default(),
            shares: CreationShares::new(&settings.rate_limits, pauses.clone(), clock.clone()),
            pauses,
        });
        let poller = payments.map(|payments| Poller {
            payments,
            settings: settings.poller,
            counters: Arc::default(),
            memory: Arc::default(),
        });
        let late_payments = settings.orders.rules.late_payments;
        let sweeper = Sweeper {
            directory: directory.clone(),
            store: store.clone(),
            clock: clock.clone(),
            settings: settings.sweeper,
            idempotency: settings.idempotency,
            retention: settings.retention,
            lookout: Lookout { poller, late_payments, waiting: Arc::default() },
            counters: Arc::default(),
        };
        Self { arbiter: Arbiter::new(), directory, sweeper, bell }
    }

    /// Who takes checkouts, with the keys that are in use.
    fn desk(&self, settings: &Settings, clock: &Clock, store: &Store) -> CheckoutDesk {
        let keys = IdempotencyActor::new(store.clone(), clock.clone(), settings.idempotency);
        CheckoutDesk {
            directory: self.directory.clone(),
            keys: IdempotencyActor::start_in_arbiter(&self.arbiter.handle(), move |_| keys),
            store: store.clone(),
            clock: clock.clone(),
            orders: Arc::new(settings.orders.clone()),
            idempotency: settings.idempotency,
            payments: self.poller().map(|poller| poller.payments.clone()),
        }
    }

    fn courier_surroundings(&self, settings: &Settings) -> courier::Surroundings {
        courier::Surroundings {
            store: self.sweeper.store.clone(),
            clock: self.sweeper.clock.clone(),
            settings: settings.webhooks,
            places: settings.descriptors.deliveries_max(),
            bell: self.bell.clone(),
        }
    }

    fn poller(&self) -> Option<&Poller> {
        self.sweeper.lookout.poller.as_ref()
    }

    fn stop(self) {
        self.arbiter.stop();
        // What was in its mailboxes is done: its callers were answered before the server ended.
        drop(self.arbiter.join());
    }
}

/// Sweeps once without a server, for the command line.
///
/// # Errors
/// The orders cannot be read or changed.
pub async fn sweep_once(
    settings: &Settings,
    clock: &Clock,
    store: &Store,
    request: SweepRequest,
) -> Result<Swept, OrderError> {
    let actors = Actors::start(settings, clock, store, None);
    let swept = actors.sweeper.sweep(request).await;
    store.flush().await;
    actors.stop();
    swept
}

/// The provider in the box, if it is the provider, and no other simulator is. Its ids never repeat those of an earlier
/// start.
fn simulator(settings: &Settings, clock: &Clock) -> io::Result<Option<Simulator>> {
    if !settings.has_simulator_inside() {
        return Ok(None);
    }
    let seed = u64::from_be_bytes(random_bytes());
    Simulator::new(seed, clock.clone(), settings.ipn_secrets.first().cloned()).map(Some)
}

async fn retire_idle(directory: OrderDirectory) {
    let mut ticks = tokio::time::interval(RETIRE_EVERY);
    loop {
        ticks.tick().await;
        directory.retire_idle();
    }
}
