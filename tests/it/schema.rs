//! The schema: alike on both engines, append-only where it must be, refused when a newer program made it,
//! made once by nodes that start together. That it has an index under every question is shown in `plans.rs`.

use std::process::{Command, Stdio};

use crypto_orders::clock::Clock;
use crypto_orders::store::{Opener, Store};

use crate::engines::Engine;
use crate::harness::door::eventually;
use crate::harness::migrate;
use crate::harness::process::Installed;
use crate::harness::sql::{lines, run, value};
use crate::postgres::Cluster;

on_both_engines![
    the_log_of_an_order_takes_no_change_of_its_past,
    a_database_of_a_newer_program_is_refused_with_its_reason,
];

#[test]
fn both_engines_have_the_same_tables_and_columns() {
    let Some(cluster) = Cluster::shared() else { return };
    let postgres = Engine::Postgres(cluster);
    let (one, other) = (Engine::Sqlite.database(migrate), postgres.database(migrate));
    // The search index is a table of its own only on SQLite.
    let ours = "not like '%order_search_fts%' and m.name not like 'sqlite_%' and m.name not like '__diesel%'";
    let of_sqlite = format!(
        "select m.name || '.' || c.name || ' ' || case when c.\"notnull\" or c.pk > 0 then 'not null' else 'null' end \
         from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table' and m.name {ours}"
    );
    let of_postgres = "select table_name || '.' || column_name || ' ' || \
         case is_nullable when 'NO' then 'not null' else 'null' end from information_schema.columns \
         where table_schema = 'public' and table_name not like '\\_\\_diesel%'";
    let sorted = |mut lines: Vec<String>| {
        lines.sort_unstable();
        lines
    };
    let of_sqlite = sorted(lines(Engine::Sqlite, &one.url, &of_sqlite));
    assert!(of_sqlite.contains(&"orders.payment_id null".to_owned()), "{of_sqlite:?}");
    assert_eq!(of_sqlite, sorted(lines(postgres, &other.url, of_postgres)));
}

async fn the_log_of_an_order_takes_no_change_of_its_past(engine: Engine) {
    let database = engine.database(migrate);
    let columns = "(order_id, seq, status, at, source, recorded_at)";
    let row = "values ('ord_1', 1, 'pending', 1, 'create', 1)";
    run(engine, &database.url, &format!("insert into order_events {columns} {row}")).expect("a first event");
    let mut attempts = vec![
        "update order_events set at = 2".to_owned(),
        "delete from order_events".to_owned(),
        format!("insert into order_events {columns} {row}"),
        format!("insert into order_events {columns} {row} on conflict (order_id, seq) do update set at = 2"),
    ];
    match engine {
        Engine::Sqlite => {
            attempts.push(format!("insert or replace into order_events {columns} {row}"));
            attempts.push(format!("replace into order_events {columns} {row}"));
            attempts.push("update or replace order_events set at = 2".to_owned());
        }
        Engine::Postgres(_) => attempts.push("truncate order_events".to_owned()),
    }
    for attempt in attempts {
        assert!(run(engine, &database.url, &attempt).is_err(), "{attempt}");
        let left = value(engine, &database.url, "select order_id || seq || status || at from order_events");
        assert_eq!(left, "ord_11pending1", "{attempt}");
    }
}

async fn a_database_of_a_newer_program_is_refused_with_its_reason(engine: Engine) {
    let installed = Installed::new(engine).await;
    let future = "insert into __diesel_schema_migrations (version) values ('20990101000000')";
    run(engine, &installed.database.url, future).expect("a migration of the future");
    let refused = installed.command().stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("it ends");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{told}");
    assert!(told.contains("migrated by a newer version of this program"), "{told}");
    assert!(told.contains("20990101000000"), "{told}");
}

#[test]
fn a_second_server_on_one_file_ends_with_the_reason() {
    actix::System::new().block_on(async {
        let installed = Installed::new(Engine::Sqlite).await;
        let server = installed.start().await;
        let refused = installed.command().stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("it ends");
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(3), "{told}");
        assert!(told.contains("another server is already running on"), "{told}");
        assert_eq!(installed.door.get("/readyz").await.expect("an answer").code(), 200);
        drop(server);
    });
}

/// Servers on PostgreSQL; on SQLite a server and commands, which are not kept out by its lock.
#[test]
fn programs_that_start_together_on_an_empty_database_all_succeed() {
    let mut databases: Vec<_> = (0..5).map(|_| (Engine::Sqlite, Engine::Sqlite.database(|_| ()))).collect();
    if let Some(cluster) = Cluster::shared() {
        let own = Engine::Postgres(cluster).durable();
        databases.extend((0..3).map(|_| (own, own.database(|_| ()))));
    }
    for (engine, database) in databases {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| migrate(&database.url));
            }
        });
        let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite")).expect("a folder");
        let run = value(engine, &database.url, "select count(*) from __diesel_schema_migrations");
        assert_eq!(run, folders.count().to_string());
    }
}

/// What the kernel counts for this process: threads and open files.
fn held() -> [usize; 2] {
    ["/proc/self/task", "/proc/self/fd"].map(|list| std::fs::read_dir(list).expect("a list of the kernel's").count())
}

const CHILD: &str = "schema::a_store_that_is_closed_gives_everything_back";

/// In a process of its own, because the kernel counts what all tests hold.
#[test]
fn a_store_that_is_closed_gives_everything_back() {
    if let Ok(url) = std::env::var("OPEN_AND_CLOSE") {
        return actix::System::new().block_on(open_and_close(&url));
    }
    let mut engines = vec![Engine::Sqlite];
    engines.extend(Cluster::shared().map(Engine::Postgres));
    for engine in engines {
        let database = engine.database(migrate);
        let mut alone = Command::new(std::env::current_exe().expect("this program"));
        let output = alone.args(["--exact", CHILD]).env("OPEN_AND_CLOSE", &database.url).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

async fn open_and_close(url: &str) {
    let once = async || {
        let owned = url.to_owned();
        let open = tokio::task::spawn_blocking(move || Store::open(&owned, Clock::system(), Opener::Server));
        // The last one's lock is let go with it; each has read and written.
        let store = open.await.expect("opening ends").expect("the store opens");
        store.probe().await.expect("a write");
        store.accounts_list().await.expect("a read");
    };
    once().await;
    let before = eventually("the first is closed", async || settled().await).await;
    for _ in 0..50 {
        once().await;
    }
    let gone = async || (held().iter().zip(before).all(|(now, before)| *now <= before)).then_some(());
    eventually("all are closed", gone).await;
}

/// The numbers, once two looks see the same.
async fn settled() -> Option<[usize; 2]> {
    let first = held();
    tokio::task::yield_now().await;
    (first == held()).then_some(first)
}
