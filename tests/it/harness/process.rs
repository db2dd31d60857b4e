//! The real binary as a child process: started, stopped by a signal, killed, started again on the same data.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use crypto_orders::clock::{Clock, fresh_uuid};
use crypto_orders::domain::access::{Account, Scope, Tier};
use crypto_orders::domain::ids::AccountId;
use crypto_orders::store::{Opener, Store};

use super::door::{Door, eventually};
use super::{IPN_SECRET, migrate, mint};
use crate::engines::{Database, Engine, fresh_folder};
use crate::postgres::free_port;

/// A database with an account and its key, on which the binary can be run.
pub struct Installed {
    pub engine: Engine,
    pub database: Database,
    pub door: Door,
    port: u16,
    folder: PathBuf,
}

/// The running binary. Killed when this is dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Installed {
    /// A fresh database with an account and its key.
    pub async fn new(engine: Engine) -> Self {
        let database = tokio::task::spawn_blocking(move || engine.database(migrate)).await.expect("a database");
        let (url, clock) = (database.url.clone(), Clock::system());
        let now = clock.now();
        let open = tokio::task::spawn_blocking(move || Store::open(&url, clock, Opener::Command));
        let store = open.await.expect("opening ends").expect("the store opens");
        let account = AccountId::new(fresh_uuid(now));
        let row = Account { id: account, name: "Test".to_owned(), tier: Tier::Enterprise, created_at: now };
        store.account_insert(row).await.expect("an account");
        let customer = mint(&store, now, Some(account), &[Scope::AccountOwner]).await;
        let port = free_port();
        let door = Door::new(format!("http://127.0.0.1:{port}"), customer);
        Self { engine, database, door, port, folder: fresh_folder("server") }
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The command that serves this database.
    pub fn command(&self) -> Command {
        self.wrapped(Command::new(env!("CARGO_BIN_EXE_crypto-orders")))
    }

    /// The same, for a program that ends by running what stands in `$SERVER`.
    pub fn wrapped(&self, mut command: Command) -> Command {
        let log = File::options().create(true).append(true).open(self.folder.join("log")).expect("a log");
        command.env_clear().current_dir(&self.folder).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("SERVER", env!("CARGO_BIN_EXE_crypto-orders"));
        command.env("CRYPTO_ORDERS_LISTEN", format!("127.0.0.1:{}", self.port));
        command.env("DATABASE_URL", &self.database.url).env("CRYPTO_ORDERS_IPN_SECRET", IPN_SECRET);
        command.env("CRYPTO_ORDERS_RATE_LIMITS", "off").env("CRYPTO_ORDERS_PROVIDER", "none");
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        command
    }

    /// What servers of this database have logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Starts the binary, and waits until it answers.
    pub async fn start(&self) -> Process {
        self.run(self.command()).await
    }

    /// Starts the binary by this command, and waits until it answers.
    pub async fn run(&self, mut command: Command) -> Process {
        let mut process = Process { child: command.spawn().expect("the binary starts"), log: self.folder.join("log") };
        let answers = async || {
            assert!(process.child.try_wait().expect("a child").is_none(), "the server ended: {}", process.log());
            self.door.get("/healthz").await.filter(|answer| answer.code() == 200)
        };
        eventually("the server answers", answers).await;
        process
    }
}

impl Process {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as a power cut would: nothing of its own runs any more.
    pub fn kill(mut self) {
        self.child.kill().expect("the server is killed");
        self.child.wait().expect("the server has ended");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success(), "no signal was sent");
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        eventually("the server ends", async || self.child.try_wait().expect("a child")).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}
