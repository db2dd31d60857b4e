//! A throw-away PostgreSQL for the tests, from the machine's own binaries.
//!
//! It never touches a server that runs already: every [`Cluster`] has its own folder and its own port on
//! the loopback. One is shared by all tests of the binary; a test that stops or kills its server starts
//! one of its own. `postgres/programs.rs` finds the binaries and the user to run them as.

mod programs;

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::sql_types::Integer;
use diesel::{IntoSql, select};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use crate::engines::fresh_folder;
use programs::Programs;

/// The owner of everything in a cluster.
const SUPERUSER: &str = "postgres";
/// The database that every test's own is a copy of.
const TEMPLATE: &str = "template_orders";

/// What the server promises about a commit.
#[derive(Clone, Copy)]
enum Promise {
    /// It is there as long as the machine runs: enough for logic, and much faster.
    UntilPowerFails,
    /// It is on the disk.
    OnDisk,
}

/// A running server with its folder. Both are gone when this is dropped, or when the test process ends
/// in any way.
pub struct Cluster {
    programs: Programs,
    folder: PathBuf,
    port: u16,
    watchdog: Child,
    databases: AtomicU32,
    template: OnceLock<()>,
}

impl Cluster {
    /// The cluster that all tests of this process share; commits do not wait for the disk. None if the
    /// machine has no PostgreSQL: the test is to be skipped, which has been said then.
    ///
    /// # Panics
    /// If the machine has none although `CI=true`.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED.get_or_init(|| Programs::find().map(|found| Self::launch(found, Promise::UntilPowerFails))).as_ref()
    }

    /// A cluster of the caller's own whose commits are on the disk, to stop and to kill. None as above.
    pub fn durable() -> Option<Self> {
        Programs::find().map(|found| Self::launch(found, Promise::OnDisk))
    }

    /// The URL of a fresh database, a copy of the one that `migrate` made on the first call.
    pub fn database(&self, migrate: impl FnOnce(&str)) -> String {
        self.template.get_or_init(|| self.make_template(migrate));
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.administer(&format!("create database {name} template {TEMPLATE}"));
        self.url(&name)
    }

    /// Removes a database of [`Self::database`], and whoever is still connected.
    pub fn discard(&self, url: &str) {
        let (_, name) = url.rsplit_once('/').expect("the URL names a database");
        let mut psql = self.psql(&self.url("postgres"), &format!("drop database if exists {name} with (force)"));
        // Best effort, for the disk's sake: the server may be down, and all of it goes in the end.
        drop(psql.output());
    }

    /// Runs SQL in the database of that URL and gives what it prints, unaligned.
    pub fn sql(&self, url: &str, sql: &str) -> String {
        self.try_sql(url, sql).unwrap_or_else(|complaint| panic!("psql refuses {sql:?}: {complaint}"))
    }

    /// As [`Self::sql`], with the complaint of the server where it refuses.
    pub fn try_sql(&self, url: &str, sql: &str) -> Result<String, String> {
        let output = self.psql(url, sql).output().expect("psql runs");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
    }

    /// Stops the server in good order; whoever is connected is cut off.
    pub fn stop(&self) {
        self.control(&["stop", "-w", "-m", "fast"]).expect("the server stops");
    }

    /// Stops the server as a crash does: nothing is flushed, the next start recovers.
    pub fn crash(&self) {
        self.control(&["stop", "-w", "-m", "immediate"]).expect("the server stops");
    }

    /// Starts the server again after [`Self::stop`] or [`Self::crash`], on the same port.
    pub fn start(&self) {
        if let Err(complaint) = self.try_start() {
            panic!("the server does not start: {complaint}");
        }
    }

    /// The port that the server listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A program, to be run in that folder by the user that runs the server.
    pub fn command(&self, program: &str, folder: &Path) -> Command {
        self.programs.command(program, folder)
    }

    /// Makes a folder the property of that user.
    pub fn give(&self, folder: &Path) {
        self.programs.give(folder);
    }

    /// The URL of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }

    fn launch(programs: Programs, promise: Promise) -> Self {
        let folder = fresh_folder("postgres");
        programs.give(&folder);
        // Before anything is started, so that nothing started can be left behind.
        let watchdog = watch(&programs, &folder);
        make_data(&programs, &folder, promise);
        let mut cluster =
            Self { programs, folder, port: 0, watchdog, databases: AtomicU32::new(0), template: OnceLock::new() };
        let mut complaint = String::new();
        for _ in 0..5 {
            cluster.port = free_port();
            match cluster.try_start() {
                Ok(()) => return cluster,
                // Somebody else may have taken the port meanwhile.
                Err(refused) => complaint = refused,
            }
        }
        panic!("PostgreSQL does not start: {complaint}");
    }

    fn try_start(&self) -> Result<(), String> {
        let log = self.folder.join("log");
        let log = log.to_str().expect("the folder's name is text");
        let started = self.control(&["start", "-w", "-t", "60", "-l", log, "-o", &format!("-p {}", self.port)]);
        started.map_err(|complaint| format!("{complaint}\n{}", fs::read_to_string(log).unwrap_or_default()))
    }

    fn control(&self, arguments: &[&str]) -> Result<(), String> {
        let mut pg_ctl = self.programs.command("pg_ctl", &self.folder);
        pg_ctl.arg("-D").arg(data(&self.folder)).args(arguments);
        // The server inherits these: a pipe would stay open, and its reader waiting, as long as it runs.
        let status = pg_ctl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let status = status.expect("pg_ctl runs");
        if status.success() { Ok(()) } else { Err(format!("pg_ctl {arguments:?}: {status}")) }
    }

    fn make_template(&self, migrate: impl FnOnce(&str)) {
        // A migration that panicked in another test may have left a half.
        self.administer(&format!("drop database if exists {TEMPLATE} with (force)"));
        self.administer(&format!("create database {TEMPLATE}"));
        migrate(&self.url(TEMPLATE));
        // A connection on its way out would keep the template from being copied.
        self.administer(&format!("alter database {TEMPLATE} allow_connections false"));
        let cut = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{TEMPLATE}'");
        self.administer(&cut);
    }

    fn administer(&self, sql: &str) {
        self.sql(&self.url("postgres"), sql);
    }

    fn psql(&self, url: &str, sql: &str) -> Command {
        let mut psql = self.programs.psql();
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).stdin(Stdio::null());
        psql
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The watchdog's sign: it stops the server, removes the folder, and only then ends.
        drop(self.watchdog.stdin.take());
        drop(self.watchdog.wait());
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// What the watchdog runs, with the folder and the command that stops its server as arguments. It tries
/// again because `initdb` or `pg_ctl` may outlive the killed process by a moment, and write meanwhile.
const WATCHDOG: &str = r#"
trap "" HUP INT TERM
cd /
cat >/dev/null
folder=$1
shift
for attempt in 1 2 3 4 5 6 7 8 9; do
    "$@"
    rm -rf "$folder" && exit
    sleep 1
done
"#;

/// Starts the shell that tidies up behind this process.
///
/// It waits for the end of its input, whose other end only this process holds: so it also notices when
/// the process is killed, or ends with the shared cluster in a static that nobody drops.
fn watch(programs: &Programs, folder: &Path) -> Child {
    let pg_ctl = programs.command("pg_ctl", folder);
    let mut shell = Command::new("sh");
    shell.args(["-c", WATCHDOG, "watchdog"]).arg(folder).arg(pg_ctl.get_program()).args(pg_ctl.get_args());
    shell.arg("-D").arg(data(folder)).args(["stop", "-w", "-m", "immediate"]);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    programs::in_a_group_of_its_own(&mut shell);
    shell.spawn().expect("sh runs")
}

/// Makes the cluster's files and settings.
fn make_data(programs: &Programs, folder: &Path, promise: Promise) {
    // The first that this PostgreSQL knows: a collation that is not bytewise shows where a query
    // relies on bytewise order without saying so.
    let locales: [&[&str]; 3] = [
        &["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"],
        &["--locale=en_US.UTF-8"],
        &["--locale=C"],
    ];
    let mut complaint = String::new();
    let made = locales.iter().any(|locale| {
        let mut initdb = programs.command("initdb", folder);
        initdb.arg("-D").arg(data(folder)).args(["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync"]);
        let output = initdb.args(*locale).stdin(Stdio::null()).output().expect("initdb runs");
        complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success()
    });
    assert!(made, "initdb fails: {complaint}");
    let settings = data(folder).join("postgresql.auto.conf");
    let common = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 300\n";
    let promised = match promise {
        Promise::UntilPowerFails => "fsync = off\nfull_page_writes = off\n",
        Promise::OnDisk => "fsync = on\n",
    };
    fs::write(settings, format!("{common}{promised}")).expect("the settings can be written");
}

/// A port that nobody listens on, below those that the system gives to connections: while a server is
/// stopped, nobody may get its port by chance.
pub fn free_port() -> u16 {
    let tries = || u16::try_from(RandomState::new().hash_one(0) % 12_000).map_or(20_000, |offset| 20_000 + offset);
    std::iter::repeat_with(tries)
        .take(100)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one port in a hundred is free")
}

#[test]
fn the_driver_of_the_service_reaches_a_database_by_its_url() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.database(|_| ());
    let answer = actix::System::new().block_on(async {
        let mut connection = AsyncPgConnection::establish(&url).await.expect("PostgreSQL accepts");
        select(1_i32.into_sql::<Integer>()).get_result::<i32>(&mut connection).await.expect("PostgreSQL answers")
    });
    cluster.discard(&url);
    assert_eq!(answer, 1);
}

#[test]
fn a_durable_cluster_keeps_over_a_crash_what_was_committed() {
    let Some(cluster) = Cluster::durable() else { return };
    let url = cluster.database(|_| ());
    assert_eq!(cluster.sql(&url, "show fsync"), "on");
    cluster.sql(&url, "create table marks (mark bigint)");
    cluster.sql(&url, "insert into marks values (7)");
    cluster.crash();
    cluster.start();
    assert_eq!(cluster.sql(&url, "select mark from marks"), "7");
}

#[test]
fn a_stopped_server_refuses_and_comes_back_at_the_same_place() {
    let Some(cluster) = Cluster::durable() else { return };
    let url = cluster.database(|_| ());
    cluster.stop();
    assert!(TcpStream::connect(("127.0.0.1", cluster.port)).is_err());
    cluster.start();
    assert_eq!(cluster.sql(&url, "select 1"), "1");
}

#[test]
fn nothing_is_left_of_a_dropped_cluster() {
    let Some(cluster) = Cluster::durable() else { return };
    let (folder, port) = (cluster.folder.clone(), cluster.port);
    drop(cluster);
    assert!(!folder.exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
