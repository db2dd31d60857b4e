//! Nodes whose provider is the simulator: always the same seed, so that a test sees the same each time.
//!
//! A second node and a restarted one keep the first one's simulator: the provider does not end with them.

use crypto_orders::app::App;
use crypto_orders::clock::Clock;
use crypto_orders::config::{Provider, SIMULATOR_PATH, Secret, Settings, Sources, load};
use crypto_orders::provider::simulator::Simulator;

use super::responder::Responder;
use super::{IPN_SECRET, TestApp};
use crate::engines::Engine;

/// The simulator's seed.
const SEED: u64 = 1;

impl TestApp {
    /// A node whose provider is the simulator.
    pub async fn simulated(engine: Engine) -> Self {
        Self::simulated_with(engine, |_| {}).await
    }

    /// The same with settings that were changed by `set`.
    pub async fn simulated_with(engine: Engine, set: impl FnOnce(&mut Settings)) -> Self {
        Self::spawn_with(engine, |settings| {
            choose_simulator(settings);
            set(settings);
        })
        .await
    }

    /// The same, and the way to the simulator goes through our hands.
    pub async fn wired_with(engine: Engine, set: impl FnOnce(&mut Settings)) -> (Self, Responder) {
        let wire = Responder::start().await;
        let app = Self::simulated_with(engine, |settings| {
            through(&wire)(settings);
            set(settings);
        })
        .await;
        wire.stand_before(app.base());
        (app, wire)
    }

    /// The provider of a node that was started by [`TestApp::simulated`].
    pub fn simulator(&self) -> &Simulator {
        self.app.simulator().expect("a simulated node")
    }
}

/// Changes the settings, and makes a simulator if they ask for it.
pub fn fresh(clock: Clock, set: impl FnOnce(&mut Settings)) -> impl FnOnce(&mut Settings) -> Option<Simulator> {
    move |settings| {
        set(settings);
        (settings.provider == Provider::Simulator).then(|| simulator(clock))
    }
}

/// The settings of a node beside this one, at the same simulator.
pub fn shared<F: FnOnce(&mut Settings)>(app: &App, set: F) -> impl FnOnce(&mut Settings) -> Option<Simulator> + use<F> {
    let simulator = app.simulator().cloned();
    move |settings| {
        if simulator.is_some() {
            choose_simulator(settings);
        }
        set(settings);
        simulator
    }
}

/// The settings of this node once more, at the address under which its simulator knows it.
pub fn kept<F: FnOnce(&mut Settings)>(app: &App, set: F) -> impl FnOnce(&mut Settings) -> Option<Simulator> + use<F> {
    let address = app.local_addr();
    shared(app, move |settings| {
        if settings.provider == Provider::Simulator {
            *settings = settings.clone().listening_on(address);
        }
        set(settings);
    })
}

/// Lets the settings reach the simulator through this wire.
pub fn through(wire: &Responder) -> impl FnOnce(&mut Settings) + use<> {
    let url = format!("{}{SIMULATOR_PATH}", wire.origin());
    move |settings| settings.nowpayments.url = Some(url)
}

fn choose_simulator(settings: &mut Settings) {
    let flags = vec![("provider", "simulator".to_owned())];
    let simulated = load(&Sources { flags, ..Sources::default() }).expect("settings");
    settings.provider = simulated.provider;
    settings.nowpayments = simulated.nowpayments;
}

fn simulator(clock: Clock) -> Simulator {
    Simulator::new(SEED, clock, Some(Secret::new(IPN_SECRET.to_owned()))).expect("a simulator")
}
