//! How fast merchants are told: from a backlog, when idle, and while half of the endpoints hang.
//!
//! `cargo bench --bench webhooks` takes some minutes. The receiver runs beside the server on the same machine, as in
//! the figures that the service promises. Deliveries are counted at the receiver, those of the backlog also in the
//! database: one that is missing ends the run. Nothing here is a test, because a busy machine is no defect.

#![expect(clippy::expect_used, clippy::panic, reason = "a benchmark that went wrong has nothing to tell")]
#![expect(clippy::print_stdout, reason = "its output is the table")]

mod options;
mod receiver;
#[expect(dead_code, reason = "what only the benchmark of load needs")]
#[path = "../site/mod.rs"]
mod site;
#[expect(dead_code, reason = "only the benchmark of the load reads lists")]
#[path = "../load/work.rs"]
mod work;

use std::time::{Duration, Instant};

use options::Options;
use receiver::Receiver;
use site::client::{Connection, Load, Work};
// The tests' PostgreSQL looks for it here.
use site::engines::{self, Database};
use site::machine::{self, Cpu, cores_busy, load_average};
use site::server::{Customer, Server};
use work::{Checkouts, Ipns, Until};

/// How many requests are under way at once while orders are made.
const CONNECTIONS: usize = 64;
/// How many orders are paid one by one while nothing else happens.
const ALONE: usize = 200;
/// The time between two of those, and between two while endpoints hang.
const PAUSE: Duration = Duration::from_millis(50);
/// How many accounts have how many endpoints each, of which every second hangs.
const ACCOUNTS: usize = 100;
const ENDPOINTS_EACH: usize = 10;
/// The first idempotency key and the first payments of orders that are paid one by one: past those of the backlog.
const KEYS_FROM: u64 = 10_000_000;
const PAYMENTS_ALONE: u64 = 8_000_000_000;
const PAYMENTS_AMONG: u64 = 9_000_000_000;
/// After how long without any delivery something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where webhooks are held back, and where they are sent.
const HELD: [(&str, &str); 2] =
    [("CRYPTO_ORDERS_WEBHOOKS_ALLOW_LOCAL", "on"), ("CRYPTO_ORDERS_WEBHOOKS_AUTOMATIC", "off")];
const SENT: [(&str, &str); 1] = [("CRYPTO_ORDERS_WEBHOOKS_ALLOW_LOCAL", "on")];

fn main() {
    let Some(options) = Options::of_arguments() else { return };
    machine::refuse_memory_disk();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let receiver = Receiver::start();
    for kind in options.engines.clone() {
        let Some(database) = Database::fresh(kind) else { continue };
        println!("\n{kind}, load average {}", load_average());
        let run = Run { database, receiver: receiver.clone(), options: options.clone() };
        tokio::task::LocalSet::new().block_on(&runtime, run.all());
    }
}

/// One engine's measurements.
struct Run {
    database: Database,
    receiver: Receiver,
    options: Options,
}

impl Run {
    async fn all(self) {
        self.backlog().await;
        self.half_hanging().await;
    }

    /// A backlog of one endpoint, worked off after a start; then single orders on the idle server.
    async fn backlog(&self) {
        let customer = Customer::create(&self.database);
        let server = Server::start_with(&self.database, &HELD);
        listens(&server).await;
        endpoint(&server, &customer, &self.receiver.well(0)).await;
        self.pay(&server, &customer).await;
        server.stop();
        let waiting = "select count(*) from webhook_deliveries where status = 'pending'";
        assert_eq!(self.database.number(waiting), self.options.backlog, "each paid order is to be told");
        self.receiver.clear();
        let began = Instant::now();
        let server = Server::start_with(&self.database, &SENT);
        let mut memory_mb = Vec::new();
        let cpu = Cpu::of(server.id(), self.database.postmaster());
        let last = self.until_arrived(self.options.backlog, || memory_mb.push(server.resident_mb())).await;
        let wall = last.duration_since(began);
        let busy = cores_busy(&cpu, &Cpu::of(server.id(), self.database.postmaster()), wall);
        let mark = |tenths: usize| memory_mb.get(memory_mb.len() * tenths / 10).copied().unwrap_or_default();
        println!(
            "backlog of {}: {} deliveries a second from the start of the program (at least 2000); server {}%, \
             receiver {}%, PostgreSQL {}% of a core; memory after 1, 5 and 9 tenths of the time: {}, {} and {} MB",
            self.options.backlog,
            rate(self.options.backlog, wall),
            busy[0],
            busy[1],
            busy[2],
            mark(1),
            mark(5),
            mark(9),
        );
        self.recorded("delivered", self.options.backlog).await;
        println!("memory after it: {} MB", server.resident_mb());
        self.alone(&server, &customer).await;
        server.stop();
    }

    /// The time from an IPN's answer to the delivery's arrival, one order after the other.
    async fn alone(&self, server: &Server, customer: &Customer) {
        self.receiver.clear();
        let paid = paid_slowly(server, &[customer], ALONE, PAYMENTS_ALONE).await;
        self.until_arrived(u64::try_from(ALONE).expect("a count"), || ()).await;
        let late = self.lateness(&paid);
        println!(
            "idle, {ALONE} orders one by one: first attempt {} after the commit is answered, p99 {} (under 100 ms)",
            millis(per_mille(&late, 500)),
            millis(per_mille(&late, 990))
        );
    }

    /// A thousand endpoints of which half never answer.
    async fn half_hanging(&self) {
        let customers: Vec<Customer> = (0..ACCOUNTS).map(|_| Customer::create(&self.database)).collect();
        let server = Server::start_with(&self.database, &SENT);
        listens(&server).await;
        for (account, customer) in customers.iter().enumerate() {
            for number in 0..ENDPOINTS_EACH {
                let number = account * ENDPOINTS_EACH + number;
                let well = number.is_multiple_of(2);
                let url = if well { self.receiver.well(number) } else { self.receiver.hanging(number) };
                endpoint(&server, customer, &url).await;
            }
        }
        self.receiver.clear();
        let orders = usize::try_from(self.options.orders).expect("a count");
        let customers: Vec<&Customer> = customers.iter().collect();
        let paid = paid_slowly(&server, &customers, orders, PAYMENTS_AMONG).await;
        let well = self.options.orders * u64::try_from(ENDPOINTS_EACH / 2).expect("a count");
        self.until_arrived(well, || ()).await;
        let late = self.lateness(&paid);
        let hanging = self.receiver.arrived().hanging;
        println!(
            "{} endpoints of which half hang ({hanging} attempts hung): the others' first attempt {}, p99 {} (under 1000 ms), \
             the last {}; memory {} MB",
            ACCOUNTS * ENDPOINTS_EACH,
            millis(per_mille(&late, 500)),
            millis(per_mille(&late, 990)),
            millis(per_mille(&late, 1_000)),
            server.resident_mb()
        );
        server.stop();
    }

    /// Makes as many orders as the backlog is to have, and pays them all.
    async fn pay(&self, server: &Server, customer: &Customer) {
        let load = Load { address: server.address(), connections: CONNECTIONS };
        let mut checkouts = Checkouts::new(customer);
        checkouts.until = Until::Made(self.options.backlog);
        load.run(&mut checkouts).await;
        let mut ipns = Ipns::settling(checkouts.orders());
        let measured = load.run(&mut ipns).await;
        println!("{} orders paid, {} a second, each with a delivery to queue", ipns.paid(), measured.rate());
    }

    /// Waits until so many deliveries were answered; answers when the last came.
    async fn until_arrived(&self, wanted: u64, mut meanwhile: impl FnMut()) -> Instant {
        let (mut seen, mut moved) = (0, Instant::now());
        loop {
            let arrived = u64::try_from(self.receiver.arrived().first.len()).expect("a count");
            if wanted <= arrived {
                return self.receiver.arrived().first.values().max().copied().expect("something came");
            }
            if seen < arrived {
                (seen, moved) = (arrived, Instant::now());
            }
            assert!(moved.elapsed() < PATIENCE, "only {arrived} of {wanted} deliveries came");
            meanwhile();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the database says the same as the receiver.
    async fn recorded(&self, status: &str, wanted: u64) {
        let began = Instant::now();
        let sql = format!("select count(*) from webhook_deliveries where status = '{status}'");
        while self.database.number(&sql) < wanted {
            assert!(began.elapsed() < PATIENCE, "what was delivered is not recorded");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How long after its order's payment was answered each delivery came, sorted.
    fn lateness(&self, paid: &[(String, Instant)]) -> Vec<Duration> {
        let arrived = self.receiver.arrived();
        let answered = |order: &str| paid.iter().find(|(id, _)| id == order).map(|(_, at)| *at);
        let mut late: Vec<Duration> = arrived
            .orders
            .iter()
            .filter_map(|((order, _), at)| Some(at.saturating_duration_since(answered(order)?)))
            .collect();
        late.sort_unstable();
        late
    }
}

async fn listens(server: &Server) {
    server.first_answer("GET /healthz HTTP/1.1\r\nhost: load\r\n\r\n").await;
}

/// Makes an endpoint that hears of everything.
async fn endpoint(server: &Server, customer: &Customer, url: &str) {
    let body = format!(r#"{{"url":"{url}","events":["crypto.order.paid","crypto.order.failed"]}}"#);
    let request = format!(
        "POST /v1/webhooks HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        customer.plaintext,
        body.len()
    );
    let mut connection = Connection::open(server.address()).await.expect("the server listens");
    let answer = connection.send(request.as_bytes()).await.expect("the server answers");
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(answer.body));
}

/// Orders of these customers in turn, made and paid one by one with a pause between, each with the time of its answer;
/// payments are numbered from `first`.
async fn paid_slowly(server: &Server, customers: &[&Customer], orders: usize, first: u64) -> Vec<(String, Instant)> {
    let load = Load { address: server.address(), connections: 1 };
    let mut checkouts: Vec<Checkouts> = customers.iter().map(|customer| Checkouts::new(customer)).collect();
    let mut ids = Vec::new();
    let each = orders.div_ceil(customers.len());
    for made in &mut checkouts {
        made.begin_at(KEYS_FROM);
        made.until = Until::Made(u64::try_from(each).expect("a count") + KEYS_FROM);
        load.run(made).await;
        ids.push(made.orders().to_vec());
    }
    let in_turn = (0..each).flat_map(|round| ids.iter().filter_map(move |own| own.get(round)));
    let mut connection = Connection::open(server.address()).await.expect("the server listens");
    let mut paid = Vec::new();
    for (number, order) in (0_u64..).zip(in_turn.take(orders)) {
        let mut ipns = Ipns::paying(first + number, order);
        let mut request = Vec::new();
        assert!(ipns.next(&mut request), "there is one IPN");
        let answer = connection.send(&request).await.expect("the server answers");
        ipns.heard(&answer);
        paid.push((String::from_utf8_lossy(order).into_owned(), Instant::now()));
        tokio::time::sleep(PAUSE).await;
    }
    paid
}

fn rate(count: u64, wall: Duration) -> u64 {
    count * 1_000 / u64::try_from(wall.as_millis()).unwrap_or(1).max(1)
}

/// The time under which so many per mille of these lie, sorted as they are.
fn per_mille(sorted: &[Duration], share: usize) -> Duration {
    let index = (sorted.len() * share / 1_000).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

fn millis(span: Duration) -> String {
    format!("{}.{} ms", span.as_millis(), span.subsec_micros() / 100 % 10)
}
