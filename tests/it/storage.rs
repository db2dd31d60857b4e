//! Storage that refuses: a full disk, a read-only or a lost database. What cannot be kept is answered 503,
//! nothing is half-written, and the same process goes on once the cause is gone.
//!
//! SQLite's read-only file and its own bound of pages are in `src/store/refusal_tests.rs`.

use std::fs::{self, File};
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::Command;

use diesel::connection::SimpleConnection;

use crate::engines::{Engine, fresh_folder};
use crate::harness::door::{Door, eventually};
use crate::harness::payment;
use crate::harness::process::{Installed, Process};
use crate::harness::sql::{assert_whole, sqlite, value};
use crate::postgres::Cluster;

/// How many checkouts and IPNs are tried while the storage refuses.
const TRIES: usize = 2;

/// An order whose actor is in memory, and what is tried while the storage refuses.
struct Case<'a> {
    door: &'a Door,
    order: String,
}

impl<'a> Case<'a> {
    async fn begin(door: &'a Door) -> Self {
        let answer = door.checkout("before").await.expect("an answer");
        assert_eq!(answer.code(), 201, "{}", answer.text);
        let order = answer.json()["order_id"].as_str().expect("an order").to_owned();
        let heard = door.ipn(&payment(&order, "pay-1", "waiting")).await.expect("an answer");
        assert_eq!(heard.code(), 200, "{}", heard.text);
        Self { door, order }
    }

    /// Nothing is acknowledged, and everybody is told to come again.
    async fn refused(&self) {
        for number in 0..TRIES {
            let checkout = self.door.checkout(&format!("during-{number}")).await.expect("an answer");
            let ipn = self.door.ipn(&payment(&self.order, "pay-1", "finished")).await.expect("an answer");
            for answer in [checkout, ipn] {
                answer.problem(503, "feature-unavailable");
                assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
            }
        }
        let ready = self.door.until("/readyz", 503).await;
        assert_eq!(ready.problem(503, "feature-unavailable"), "The database cannot be written.");
        assert_eq!(self.door.get("/healthz").await.expect("an answer").code(), 200);
    }

    /// What was refused left nothing behind; sent again, it is taken once.
    async fn recovered(&self, orders: impl Fn() -> String) {
        self.door.until("/readyz", 200).await;
        assert_eq!(orders(), "1");
        for _ in 0..2 {
            let answer = self.door.ipn(&payment(&self.order, "pay-1", "finished")).await.expect("an answer");
            assert_eq!((answer.code(), &answer.json()["order_state"]), (200, &"paid".into()), "{}", answer.text);
        }
        for number in 0..TRIES {
            let answer = self.door.checkout(&format!("during-{number}")).await.expect("an answer");
            assert_eq!((answer.code(), answer.header("idempotent-replayed")), (201, None), "{}", answer.text);
        }
        let events = format!("/v1/billing/crypto-orders/{}/events", self.order);
        let events = self.door.get(&events).await.expect("an answer").json();
        assert_eq!(events["events"].as_array().map(Vec::len), Some(2), "{events}");
    }
}

/// How many orders there are.
const ORDERS: &str = "select count(*) from orders";

/// The whole case on PostgreSQL, in a cluster of its own.
async fn on_postgres(fall_ill: impl Fn(&Cluster, &str), get_well: impl Fn(&Cluster, &str)) {
    let Some(shared) = Cluster::shared() else { return };
    let engine = Engine::Postgres(shared).durable();
    let Engine::Postgres(cluster) = engine else { panic!("durable is the same engine") };
    let installed = Installed::new(engine).await;
    let url = installed.database.url.as_str();
    let server = installed.start().await;
    let case = Case::begin(&installed.door).await;
    fall_ill(cluster, url);
    case.refused().await;
    get_well(cluster, url);
    case.recovered(|| value(engine, url, ORDERS)).await;
    drop(server);
    assert_whole(engine, url);
    assert_eq!(value(engine, url, "select max(times_seen) from received_ipns"), "2");
}

/// Makes writes of these tables fail as on a full disk.
fn fill(url: &str, cluster: &Cluster, trigger: &str) {
    let refuse = "create or replace function full_disk() returns trigger language plpgsql as $$ begin \
                  raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$";
    cluster.sql(url, refuse);
    for table in ["orders", "write_probe"] {
        cluster.sql(url, &trigger.replace("TABLE", table));
    }
}

fn make_room(cluster: &Cluster, url: &str) {
    cluster.sql(url, "drop function full_disk() cascade");
}

#[test]
fn postgres_on_a_full_disk_refuses_and_recovers() {
    let trigger = "create trigger full_disk before insert or update on TABLE for each row execute function full_disk()";
    actix::System::new().block_on(on_postgres(|cluster, url| fill(url, cluster, trigger), make_room));
}

#[test]
fn postgres_whose_disk_is_full_at_the_commit_refuses_and_recovers() {
    let trigger = "create constraint trigger full_disk after insert or update on TABLE deferrable initially deferred \
                   for each row execute function full_disk()";
    actix::System::new().block_on(on_postgres(|cluster, url| fill(url, cluster, trigger), make_room));
}

#[test]
fn a_read_only_postgres_refuses_and_recovers() {
    let set = |cluster: &Cluster, url: &str, value: &str| {
        let (_, name) = url.rsplit_once('/').expect("a name");
        let set = format!("alter database {name} set default_transaction_read_only = {value}");
        cluster.sql(url, &format!("begin read write; {set}; commit"));
        let server = "datname = current_database() and pid <> pg_backend_pid()";
        cluster.sql(url, &format!("select pg_terminate_backend(pid) from pg_stat_activity where {server}"));
    };
    let ill = |cluster: &Cluster, url: &str| set(cluster, url, "on");
    let well = |cluster: &Cluster, url: &str| set(cluster, url, "off");
    actix::System::new().block_on(on_postgres(ill, well));
}

#[test]
fn a_postgres_that_was_stopped_is_missed_and_found_again() {
    actix::System::new().block_on(on_postgres(|cluster, _| cluster.stop(), |cluster, _| cluster.start()));
}

#[test]
fn a_postgres_that_crashed_is_missed_and_found_again() {
    actix::System::new().block_on(on_postgres(|cluster, _| cluster.crash(), |cluster, _| cluster.start()));
}

/// As a restart of PostgreSQL does to all connections while nobody uses them.
#[test]
fn connections_that_were_lost_while_nothing_happened_refuse_nobody() {
    let Some(cluster) = Cluster::shared() else { return };
    actix::System::new().block_on(async {
        let installed = Installed::new(Engine::Postgres(cluster)).await;
        let server = installed.start().await;
        let door = &installed.door;
        let others = "datname = current_database() and pid <> pg_backend_pid()";
        let lose = || {
            let cut = format!("select count(pg_terminate_backend(pid)) from pg_stat_activity where {others}");
            assert_ne!(cluster.sql(&installed.database.url, &cut), "0", "connections were open");
        };
        let placed = door.checkout("before").await.expect("an answer");
        let order = placed.json()["order_id"].as_str().expect("an order").to_owned();
        lose();
        let answer = door.checkout("after").await.expect("an answer");
        assert_eq!(answer.code(), 201, "{}", answer.text);
        lose();
        let answer = door.ipn(&payment(&order, "pay-1", "finished")).await.expect("an answer");
        assert_eq!((answer.code(), &answer.json()["order_state"]), (200, &"paid".into()), "{}", answer.text);
        for path in ["/v1/billing/crypto-orders", "/v1/webhooks", "/readyz"] {
            lose();
            let answer = door.get(path).await.expect("an answer");
            assert_eq!(answer.code(), 200, "{path}: {}", answer.text);
        }
        assert!(!server.log().contains("a group of commits failed"), "{}", server.log());
    });
}

#[test]
fn a_file_that_another_program_keeps_locked_refuses_and_recovers() {
    actix::System::new().block_on(async {
        let installed = Installed::new(Engine::Sqlite).await;
        let url = installed.database.url.as_str();
        let server = installed.start().await;
        let case = Case::begin(&installed.door).await;
        let mut other = sqlite(url);
        other.batch_execute("begin immediate").expect("the lock");
        case.refused().await;
        other.batch_execute("rollback").expect("the lock is given back");
        case.recovered(|| value(Engine::Sqlite, url, ORDERS)).await;
        drop(server);
        assert_whole(Engine::Sqlite, url);
    });
}

/// A small disk of the server's own, gone with it: nobody else sees the mount.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    const MOUNT_AND_SERVE: &str = "mount -t tmpfs -o size=16m small \"$DISK\" && cp \"$FROM\"* \"$DISK\" && \
                                   DATABASE_URL=\"sqlite://$DISK/orders.db\" exec \"$SERVER\" serve";

    /// None where this user may not mount anything, which is said loudly.
    fn find() -> Option<Self> {
        let folder = fresh_folder("disk");
        let try_it = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "small"]).arg(&folder).output();
        if try_it.is_ok_and(|output| output.status.success()) {
            return Some(Self { folder });
        }
        // Not `eprintln`, which a passing test keeps to itself.
        drop(writeln!(stderr(), "\n!!! SKIPPED: a really full disk. This user may not mount a small one.\n"));
        None
    }

    fn command(&self, installed: &Installed) -> Command {
        let mut unshare = Command::new("unshare");
        unshare.args(["-rm", "sh", "-c", Self::MOUNT_AND_SERVE]);
        let mut command = installed.wrapped(unshare);
        command.env("DISK", &self.folder).env("FROM", installed.database.url.trim_start_matches("sqlite://"));
        command
    }

    /// The disk as that process sees it.
    fn seen_by(&self, server: &Process) -> PathBuf {
        let below_root = self.folder.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(server.id().to_string()).join("root").join(below_root)
    }

    /// A copy of the database outside, to look into.
    fn copy(&self, server: &Process) -> String {
        for file in ["orders.db", "orders.db-wal"] {
            fs::copy(self.seen_by(server).join(file), self.folder.join(file)).expect("a copy");
        }
        format!("sqlite://{}/orders.db", self.folder.display())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

#[test]
fn sqlite_on_a_full_disk_refuses_and_recovers() {
    let Some(disk) = SmallDisk::find() else { return };
    actix::System::new().block_on(async {
        let installed = Installed::new(Engine::Sqlite).await;
        // What prepared the database closes it in the background; before that a copy would be torn.
        let log = format!("{}-wal", installed.database.url.trim_start_matches("sqlite://"));
        eventually("the file is closed", async || (!Path::new(&log).exists()).then_some(())).await;
        let server = installed.run(disk.command(&installed)).await;
        let case = Case::begin(&installed.door).await;
        let filler = disk.seen_by(&server).join("filler");
        let mut file = File::create(&filler).expect("a file");
        // Smaller and smaller pieces, until not even a byte fits.
        for piece in [1_048_576, 4_096, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
        case.refused().await;
        fs::remove_file(&filler).expect("room");
        drop(file);
        case.recovered(|| value(Engine::Sqlite, &disk.copy(&server), ORDERS)).await;
        assert_whole(Engine::Sqlite, &disk.copy(&server));
    });
}
