//! The machine's own PgBouncer before the tests' cluster. Nothing is installed here: `tests/run` does that.

use std::fs;
use std::io::{self, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::engines::fresh_folder;
use crate::harness::door::eventually;
use crate::postgres::{Cluster, free_port};

/// Where systems have it; on Debian it is not on everybody's path.
const PLACES: [&str; 2] = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"];
/// From this minor version on its pools by transaction know prepared statements.
const PREPARES_FROM: u32 = 21;

/// A running PgBouncer; it ends when this is dropped.
pub struct PgBouncer {
    /// How it pools.
    pub mode: &'static str,
    port: u16,
    child: Child,
    folder: PathBuf,
}

impl PgBouncer {
    /// One with so many connections for a database, pooling by transaction if it can, by session otherwise. None if the
    /// machine has none: the test is to be skipped, which has been said then.
    pub async fn start(cluster: &Cluster, connections: usize) -> Option<Self> {
        let program = program()?;
        let version = version(program);
        let folder = fresh_folder("pgbouncer");
        let port = free_port();
        let (mode, prepares) =
            if version < PREPARES_FROM { ("session", "") } else { ("transaction", "max_prepared_statements = 200\n") };
        let (users, settings) = (folder.join("users"), folder.join("settings.ini"));
        fs::write(&users, "\"postgres\" \"\"\n").expect("the users can be written");
        let said = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = {mode}\n{prepares}\
             default_pool_size = {connections}\nlogfile = {}\n",
            cluster.port(),
            users.display(),
            folder.join("log").display(),
        );
        fs::write(&settings, said).expect("the settings can be written");
        cluster.give(&folder);
        // It refuses to run as root, as the server does.
        let mut command = cluster.command(program, &folder);
        command.arg("-q").arg(&settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("PgBouncer runs");
        let bouncer = Self { mode, port, child, folder };
        eventually("PgBouncer listens", async || TcpStream::connect(("127.0.0.1", port)).ok()).await;
        Some(bouncer)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// The machine's PgBouncer.
fn program() -> Option<&'static str> {
    let found = PLACES.into_iter().find(|place| Path::new(place).is_file());
    if found.is_none() {
        let missing = "there is no PgBouncer: tests/run installs it";
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{missing}");
        // Not `eprintln`, which a passing test keeps to itself.
        drop(writeln!(io::stderr(), "\n!!! SKIPPED: PostgreSQL behind PgBouncer. {missing}\n"));
    }
    found
}

/// Its minor version.
fn version(program: &str) -> u32 {
    let told = Command::new(program).arg("--version").output().expect("PgBouncer runs");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let minor = told.lines().next().and_then(|line| line.strip_prefix("PgBouncer 1.")?.split('.').next());
    minor.and_then(|minor| minor.parse().ok()).unwrap_or_else(|| panic!("no version: {told}"))
}
