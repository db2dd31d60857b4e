//! Ours beside a plain service in the same run: both are asked the same, by turns.
//!
//! In each round every service gets a fresh database and a fresh process. Who comes first changes with the round, and
//! ratios are made within a round, so that a machine that grows slower or faster affects all alike.

use std::time::{Duration, Instant};

use crate::figures::{Figures, Step, Target};
use crate::options::Options;
use crate::peer;
use crate::ratio_table;
use crate::site::client::{Load, Work};
use crate::site::engines::{Database, Kind};
use crate::site::machine::{Cpu, cores_busy};
use crate::site::server::{Customer, Server};
use crate::sizes;
use crate::work::{Checkouts, Ipns, Reads, Until};

/// How long a step takes, unless something else was asked for.
const SPAN: Duration = Duration::from_secs(3);
/// How long each kind of request is made before anything is measured, and by how many connections.
const WARM_UP: Duration = Duration::from_secs(1);
const WARM_UP_CONNECTIONS: usize = 64;

/// Measures all of them, and prints the table.
pub async fn compare(options: &Options) {
    let is_wanted = |target: &Target| match target {
        Target::Plain => true,
        Target::Ours(kind) => options.engines.contains(kind),
    };
    let mut targets: Vec<Target> = Target::ALL.into_iter().filter(is_wanted).collect();
    let span = options.seconds.unwrap_or(SPAN);
    let mut rounds = Vec::new();
    for round in 1..=options.rounds {
        let mut figures = Vec::new();
        for target in &targets {
            println!("round {round} of {}: {target}", options.rounds);
            let Some(mut service) = MeasuredService::start(*target).await else { return };
            service.three_steps(WARM_UP_CONNECTIONS, WARM_UP).await;
            for connections in &options.connections {
                figures.extend(service.three_steps(*connections, span).await);
            }
            service.stop();
        }
        rounds.push(figures);
        targets.rotate_left(1);
    }
    ratio_table::show(&rounds, &options.connections, span);
}

/// A running service with what it has acknowledged.
struct MeasuredService {
    place: Place,
    customer: Customer,
    checkouts: Checkouts,
    paid: u64,
}

impl MeasuredService {
    /// Starts it; none where the machine has no PostgreSQL.
    async fn start(target: Target) -> Option<Self> {
        let kind = match target {
            Target::Plain => Kind::Postgres,
            Target::Ours(kind) => kind,
        };
        let database = Database::fresh(kind)?;
        let (customer, server) = match target {
            Target::Plain => {
                let customer = Customer { plaintext: peer::API_KEY.to_owned() };
                (customer, Server::start_other(peer::command(), &database))
            }
            Target::Ours(_) => (Customer::create(&database), Server::start(&database)),
        };
        server.first_answer("GET /healthz HTTP/1.1\r\nhost: load\r\n\r\n").await;
        let checkouts = Checkouts::new(&customer);
        Some(Self { place: Place { target, database, server }, customer, checkouts, paid: 0 })
    }

    /// Makes orders so long, pays them all, and reads them so long.
    async fn three_steps(&mut self, connections: usize, span: Duration) -> [Figures; 3] {
        let known = self.checkouts.orders().len();
        self.checkouts.until = Until::at(span);
        let made = self.place.measure(Step::Checkouts, connections, &mut self.checkouts).await;
        let orders = self.checkouts.orders().get(known..).unwrap_or_default();
        let mut ipns = Ipns::settling_after(self.paid, orders);
        let paid = self.place.measure(Step::Ipns, connections, &mut ipns).await;
        self.paid += ipns.paid();
        let mut reads = Reads::new(&self.customer, orders, span);
        let read = self.place.measure(Step::Reads, connections, &mut reads).await;
        [made, paid, read]
    }

    /// Counts what was acknowledged, and stops it.
    fn stop(self) {
        let Self { place: Place { target, database, server }, checkouts, paid, .. } = self;
        let made = checkouts.made();
        match target {
            Target::Plain => database.confirm(&peer::counts(made, paid)),
            Target::Ours(_) => database.confirm(&sizes::counts(made, paid)),
        }
        server.stop();
    }
}

/// Where a service runs.
struct Place {
    target: Target,
    database: Database,
    server: Server,
}

impl Place {
    async fn measure<W: Work + 'static>(&self, step: Step, connections: usize, work: &mut W) -> Figures {
        let postmaster = self.database.postmaster();
        let cpu = || Cpu::of(self.server.id(), postmaster);
        let (before, began) = (cpu(), Instant::now());
        let measured = Load { address: self.server.address(), connections }.run(work).await;
        let (after, wall) = (cpu(), began.elapsed());
        let [_, generator, _] = cores_busy(&before, &after, wall);
        Figures {
            target: self.target,
            step,
            connections,
            rate: measured.rate(),
            p99_micros: measured.per_mille(990).into(),
            cpu_micros: after.served_micros(&before) / measured.count().max(1),
            generator,
        }
    }
}
