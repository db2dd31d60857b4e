//! How fast and how big the service is on its own: checkouts, IPNs, lists, search, memory, start.
//!
//! Rates are also told per flush of the disk, measured in the same run, so that machines can be compared.

use std::time::{Duration, Instant};

use crate::options::Options;
use crate::site::client::{Load, Measured, Work};
use crate::site::engines::{Database, Kind};
use crate::site::machine::{Cpu, cores_busy, flushes_per_second, load_average};
use crate::site::server::{Customer, Server};
use crate::table::{self, Machine, Row};
use crate::work::{Checkouts, Ipns, Lists, Until};

/// How many requests are under way at once.
const CONNECTIONS: usize = 64;
/// How long checkouts are made, unless something else was asked for.
const SPAN: Duration = Duration::from_secs(8);
/// What the first requests of a fresh server cost is not the rate.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long the server idles before its memory is read.
const IDLE: Duration = Duration::from_secs(10);
/// How long the search index may take to catch up before that.
const SEARCH_PATIENCE: Duration = Duration::from_secs(600);

/// What our tables hold after so many acknowledged checkouts and IPNs.
pub fn counts(made: u64, paid: u64) -> [(&'static str, u64); 7] {
    [
        ("select count(*) from orders", made),
        ("select count(*) from idempotency_keys", made),
        ("select count(*) from orders where status = 'paid'", paid),
        ("select count(*) from received_ipns", paid),
        ("select count(*) from order_payments", paid),
        ("select count(*) from order_events", made + paid),
        ("select sum(orders) from order_totals where day <> ''", made),
    ]
}

/// One engine's measurements.
pub struct Run {
    flushes: u64,
    database: Database,
    options: Options,
}

impl Run {
    /// Prepares them; none where the machine lacks that engine.
    pub fn prepare(kind: Kind, options: &Options) -> Option<Self> {
        let database = Database::fresh(kind)?;
        let run = Self { flushes: flushes_per_second(database.folder()), database, options: options.clone() };
        println!("\n{}, {} flushes of the disk a second, one after the other", run.database.kind(), run.flushes);
        Some(run)
    }

    /// Makes all of them.
    pub async fn all(self) {
        let customer = Customer::create(&self.database);
        let server = Server::start(&self.database);
        server.first_answer("GET /healthz HTTP/1.1\r\nhost: load\r\n\r\n").await;
        println!("memory of the fresh server: {} MB", server.resident_mb());
        let mut checkouts = Checkouts::new(&customer);
        table::head();
        checkouts.until = Until::at(WARM_UP);
        self.load(&server, None, &mut checkouts).await;
        checkouts.until = Until::at(self.options.seconds.unwrap_or(SPAN));
        self.load(&server, Some(Row::checkouts(self.database.kind())), &mut checkouts).await;
        let mut ipns = Ipns::settling(checkouts.orders());
        self.load(&server, Some(Row::ipns(self.database.kind())), &mut ipns).await;
        self.load(&server, Some(Row::lists()), &mut Lists::new(&customer)).await;
        self.confirm(checkouts.made(), ipns.paid());
        self.wait_for_search("after these steps").await;
        checkouts.until = Until::Made(self.options.orders);
        if checkouts.made() < self.options.orders {
            self.load(&server, Some(Row::filling()), &mut checkouts).await;
            self.confirm(checkouts.made(), ipns.paid());
            self.wait_for_search("after filling").await;
        }
        tokio::time::sleep(IDLE).await;
        println!("memory after {} orders, idle: {} MB (at most 150)", checkouts.made(), server.resident_mb());
        println!("the most it ever was: {} MB", server.peak_mb());
        self.restart(server, &customer).await;
        self.confirm(checkouts.made(), ipns.paid());
    }

    /// Runs one step at full speed and shows it, if it has a row.
    async fn load<W: Work + 'static>(&self, server: &Server, row: Option<Row>, work: &mut W) {
        let cpu = || Cpu::of(server.id(), self.database.postmaster());
        let (before, began) = (cpu(), Instant::now());
        let load = Load { address: server.address(), connections: CONNECTIONS };
        let measured: Measured = load.run(work).await;
        let busy = cores_busy(&before, &cpu(), began.elapsed());
        if let Some(row) = row {
            row.show(&measured, &Machine { flushes: self.flushes, busy, load: load_average() });
        }
    }

    fn confirm(&self, made: u64, paid: u64) {
        self.database.confirm(&counts(made, paid));
    }

    /// How far the search index was behind, and for how long.
    async fn wait_for_search(&self, when: &str) {
        let behind = || self.database.number("select count(*) from search_queue");
        let (first, began) = (behind(), Instant::now());
        while behind() > 0 {
            assert!(began.elapsed() < SEARCH_PATIENCE, "the search index does not catch up");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("search {when}: {first} orders behind, caught up in {} ms", began.elapsed().as_millis());
    }

    async fn restart(&self, server: Server, customer: &Customer) {
        let stopped = server.stop();
        let began = Instant::now();
        let server = Server::start(&self.database);
        server.first_answer("GET /healthz HTTP/1.1\r\nhost: load\r\n\r\n").await;
        let alive = began.elapsed();
        server.first_answer(&Lists::request(customer)).await;
        let listed = began.elapsed();
        println!(
            "stop {} ms; start to the first /healthz {} ms, to the first list {} ms (at most 300)",
            stopped.as_millis(),
            alive.as_millis(),
            listed.as_millis()
        );
        server.stop();
    }
}
