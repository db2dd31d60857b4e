//! How long operators wait: every list, look-up and statistic at 10 000 orders and at 1 000 000.
//!
//! `cargo bench --bench admin` seeds both sizes on each engine and asks one request after the other, as a
//! person does; `-- --engine sqlite --orders N` narrows it. Each answer is checked for its status and, where
//! that is known, for its size: a wrong one ends the run. The ratio of the two sizes is measured in one run.
//! Nothing here is a test, because a busy machine is no defect.

#![expect(clippy::expect_used, clippy::panic, reason = "a benchmark that went wrong has nothing to tell")]
#![expect(clippy::print_stdout, reason = "its output is the table")]

mod options;
mod questions;
#[expect(dead_code, reason = "what only the benchmark of load needs")]
#[path = "../site/mod.rs"]
mod site;
mod table;

use std::time::{Duration, Instant};

use options::Options;
use questions::{Question, Samples};
use site::client::Connection;
// The tests' PostgreSQL looks for it here.
use site::engines::{self, Database};
use site::machine;
use site::server::{self, Server};
use table::{Export, Timed};

/// How often each question is asked.
const ASKED: usize = 300;
/// Answers that are not counted: a fresh connection's statements are prepared by them.
const WARM_UP: usize = 20;
/// How long the search index may take to catch up with what was seeded.
const SEARCH_PATIENCE: Duration = Duration::from_secs(900);

fn main() {
    let Some(options) = Options::of_arguments() else { return };
    machine::refuse_memory_disk();
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for kind in options.engines {
        let mut measured = Vec::new();
        for orders in [options.small, options.large] {
            let Some(database) = Database::fresh(kind) else { continue };
            measured.push(runtime.block_on(measure(&database, orders)));
        }
        if let [small, large] = &measured[..] {
            table::show(kind, [options.small, options.large], [small, large]);
        }
    }
}

/// What one size came to.
pub struct Measured {
    timed: Vec<Timed>,
    export: Export,
}

async fn measure(database: &Database, orders: u64) -> Measured {
    seed(database, orders);
    let key = server::command(database, &["keys", "create", "--admin"]);
    let key = key.get("plaintext").and_then(serde_json::Value::as_str).expect("a key has a plaintext").to_owned();
    let server = Server::start(database);
    server.first_answer("GET /readyz HTTP/1.1\r\nhost: load\r\n\r\n").await;
    let credentials = Credentials { cookie: sign_in(&server, &key).await, key };
    let samples = Samples::of(database);
    let mut timed = Vec::new();
    for question in questions::all(&samples) {
        timed.push(ask(&server, &credentials, &question).await);
    }
    let export = stream(&server, &credentials.key, orders).await;
    server.stop();
    Measured { timed, export }
}

/// Fills the database by the program's own command.
fn seed(database: &Database, orders: u64) {
    let began = Instant::now();
    let count = orders.to_string();
    server::command(database, &["seed", "--orders", &count, "--seed", "7"]);
    let seconds = began.elapsed().as_millis();
    while database.number("select count(*) from search_queue") > 0 {
        assert!(began.elapsed() < SEARCH_PATIENCE, "the search index does not catch up");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(database.number("select count(*) from orders"), orders);
    println!("{}: {orders} orders seeded in {seconds} ms", database.kind());
}

/// What lets an operator in.
struct Credentials {
    /// To the API.
    key: String,
    /// To the pages.
    cookie: String,
}

impl Credentials {
    /// The line of a request's head that lets it in.
    fn header(&self, path: &str) -> String {
        let Self { key, cookie } = self;
        if path.starts_with("/v1") { format!("authorization: Bearer {key}") } else { format!("cookie: {cookie}") }
    }
}

async fn sign_in(server: &Server, key: &str) -> String {
    let base = format!("http://{}", server.address());
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let request = client.build().expect("a client").post(format!("{base}/admin/sign-in")).header("origin", &base);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(format!("key={key}"));
    let answer = request.send().await.expect("the server answers");
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok());
    cookie.and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_owned()
}

async fn ask(server: &Server, credentials: &Credentials, question: &Question) -> Timed {
    let mut connection = Connection::open(server.address()).await.expect("the server listens");
    let mut micros = Vec::with_capacity(ASKED);
    for (index, path) in question.paths.iter().cycle().take(ASKED.saturating_add(WARM_UP)).enumerate() {
        let header = credentials.header(path);
        let request = format!("GET {path} HTTP/1.1\r\nhost: load\r\n{header}\r\n\r\n");
        let began = Instant::now();
        let answer = connection.send(request.as_bytes()).await.expect("the server answers");
        let took = began.elapsed();
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(answer.body));
        if WARM_UP <= index {
            micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        }
    }
    Timed::new(question, micros)
}

/// Reads the whole export as fast as it comes.
async fn stream(server: &Server, key: &str, orders: u64) -> Export {
    let url = format!("http://{}/v1/admin/crypto-orders.csv?all=1", server.address());
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let began = Instant::now();
    let mut answer = client.get(url).bearer_auth(key).send().await.expect("the server answers");
    assert_eq!(answer.status(), 200);
    let (mut bytes, mut ends) = (0_u64, 0_u64);
    while let Some(chunk) = answer.chunk().await.expect("the export is whole") {
        bytes += u64::try_from(chunk.len()).expect("a length");
        ends += u64::try_from(chunk.iter().filter(|byte| **byte == b'\r').count()).expect("a count");
    }
    let took = began.elapsed();
    // Notes may hold line ends of their own, so there are at least as many as rows and a head.
    assert!(orders < ends, "{ends} lines for {orders} orders");
    Export::new(orders, bytes, took)
}
