//! The release binary as a child process, as a user would run it, and its customer.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::Connection;
use super::engines::Database;
use super::machine::memory_mb;

/// The secret that IPNs are signed with.
pub const IPN_SECRET: &str = "a-secret-for-the-benchmark-only";
/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with the settings of this run.
fn program(database: &Database) -> Command {
    with_settings(Command::new(env!("CARGO_BIN_EXE_crypto-orders")), database)
}

fn with_settings(mut program: Command, database: &Database) -> Command {
    program.current_dir(database.folder()).env("DATABASE_URL", database.url());
    program.env("CRYPTO_ORDERS_IPN_SECRET", IPN_SECRET).env("CRYPTO_ORDERS_RATE_LIMITS", "off");
    // How fast a provider makes payments is not what is measured.
    program.env("CRYPTO_ORDERS_PROVIDER", "none");
    program
}

/// Who checks out.
pub struct Customer {
    /// The key.
    pub plaintext: String,
}

impl Customer {
    /// Makes an account and its key by the command line; the first command also makes the tables.
    pub fn create(database: &Database) -> Self {
        let account = command(database, &["accounts", "create", "--name", "load", "--tier", "enterprise"]);
        let account = account.get("account_id").and_then(Value::as_str).expect("an account has an id");
        let key = command(database, &["keys", "create", "--account", account, "--scope", "account_owner"]);
        let plaintext = key.get("plaintext").and_then(Value::as_str).expect("a key has a plaintext");
        Self { plaintext: plaintext.to_owned() }
    }
}

/// What a command answers as JSON.
pub fn command(database: &Database, arguments: &[&str]) -> Value {
    let output = program(database).args(arguments).arg("--json").output().expect("the binary runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the command answers JSON")
}

/// A running server; killed with this, if it was not stopped.
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it on a free port; its log goes into a file beside the database.
    pub fn start(database: &Database) -> Self {
        Self::start_with(database, &[])
    }

    /// The same with these variables in its environment.
    pub fn start_with(database: &Database, variables: &[(&str, &str)]) -> Self {
        let mut serve = program(database);
        serve.arg("serve").envs(variables.iter().copied());
        Self::spawn(serve, database)
    }

    /// Starts another service in its place, with the same settings.
    pub fn start_other(program: Command, database: &Database) -> Self {
        Self::spawn(with_settings(program, database), database)
    }

    fn spawn(mut serve: Command, database: &Database) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a port is free");
        let log = File::create(database.folder().join("log")).expect("a log");
        serve.env("CRYPTO_ORDERS_LISTEN", address.to_string());
        let child = serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the binary runs");
        Self { child, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it holds in memory now.
    pub fn resident_mb(&self) -> u64 {
        memory_mb(self.id(), "VmRSS")
    }

    /// The most it ever held.
    pub fn peak_mb(&self) -> u64 {
        memory_mb(self.id(), "VmHWM")
    }

    /// Waits until it answers this request with 200.
    pub async fn first_answer(&self, request: &str) {
        let began = Instant::now();
        loop {
            if let Ok(mut connection) = Connection::open(self.address).await
                && let Ok(answer) = connection.send(request.as_bytes()).await
                && answer.status == 200
            {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the server does not answer");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Asks it to stop, as an operator does, and waits; answers how long that took.
    pub fn stop(mut self) -> Duration {
        let began = Instant::now();
        let asked = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().expect("kill runs");
        assert!(asked.success(), "the server had ended by itself");
        let status = self.child.wait().expect("the server ends");
        assert!(status.success(), "the server ended with {status}");
        began.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already if it was stopped.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
