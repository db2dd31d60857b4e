//! The SQLite file and what lies beside it: who may read it, and that it is the one that was opened.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::engines::Engine;
use crate::harness::process::{Installed, Process};
use crate::harness_program::Site;

/// The permission bits of a file or folder.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

/// The database's files while a server runs, by what is added to their name.
const FILES: [&str; 4] = ["orders.db", "orders.db-wal", "orders.db-shm", "orders.lock"];

#[test]
fn nobody_but_its_owner_reads_the_database_whatever_the_umask() {
    actix::System::new().block_on(async {
        let installed = Installed::new(Engine::Sqlite).await;
        let made = Path::new(installed.database.url.trim_start_matches("sqlite://")).with_file_name("made");
        let url = format!("sqlite://{}/here/orders.db", made.display());
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask 000; exec \"$SERVER\" serve"]);
        let mut command = installed.wrapped(shell);
        let server = installed.run({
            command.env("DATABASE_URL", url);
            command
        });
        let server = server.await;
        for folder in [made.clone(), made.join("here")] {
            assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        }
        for file in FILES {
            assert_eq!(mode(&made.join("here").join(file)), 0o600, "{file}");
        }
        drop(server);
    });
}

#[test]
fn files_that_others_could_read_fail_in_the_doctor_and_are_closed_at_the_next_start() {
    let site = Site::empty().with("DATABASE_URL", "sqlite://here/orders.db").with("CRYPTO_ORDERS_PROVIDER", "none");
    let folder = site.folder.join("here");
    site.run(&["accounts", "create", "--name", "Acme", "--tier", "enterprise"]).printed();
    assert!(site.run(&["doctor"]).stdout.contains("ok    database "), "what a command makes is its owner's alone");
    fs::set_permissions(folder.join("orders.db"), PermissionsExt::from_mode(0o644)).expect("our file");
    let shown = site.run(&["doctor"]);
    let told = "FAIL  database           others than their owner can read here/orders.db";
    assert!(shown.code == Some(1) && shown.stdout.contains(told), "{shown:?}");
    assert!(shown.stdout.contains("fix: run `chmod 600`"), "{shown:?}");
    let server = site.serve(&[]);
    for file in FILES {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    let ended = server.stop("TERM");
    assert!(ended.stderr.contains("others could read this file; now only its owner can"), "{ended:?}");
    assert!(site.run(&["doctor"]).stdout.contains("ok    database "));
}

/// A site with a database in a folder of its own, and an account in it.
fn site_with_account() -> (Site, PathBuf) {
    let site = Site::empty().with("DATABASE_URL", "sqlite://here/orders.db").with("CRYPTO_ORDERS_PROVIDER", "none");
    create_account(&site, "before");
    let file = site.folder.join("here/orders.db");
    (site, file)
}

fn create_account(site: &Site, name: &str) {
    site.run(&["accounts", "create", "--name", name, "--tier", "enterprise"]).printed();
}

fn remove_log(file: &Path) {
    for ending in ["db-wal", "db-shm"] {
        fs::remove_file(file.with_extension(ending)).expect("it is left");
    }
}

#[test]
fn a_backup_beside_the_log_of_a_killed_server_is_refused_until_the_log_is_gone() {
    let (site, file) = site_with_account();
    assert_eq!(site.serve(&[]).stop("TERM").code, Some(0));
    let backup = file.with_extension("backup");
    fs::copy(&file, &backup).expect("a backup");
    let server = site.serve(&[]);
    create_account(&site, "after");
    server.stop("KILL");
    // An ordinary start recovers what the killed server has left.
    let server = site.serve(&[]);
    assert!(site.run(&["accounts", "list"]).printed().contains("after"));
    create_account(&site, "again");
    server.stop("KILL");

    fs::copy(&backup, &file).expect("a restore");
    for command in [&["serve"][..], &["accounts", "list"]] {
        let refused = site.run(command).refusal(3);
        assert!(refused.contains("orders.db-wal is not the log of the database file beside it"), "{refused}");
        assert!(refused.contains("delete the -wal and the -shm beside it"), "{refused}");
    }
    remove_log(&file);
    let server = site.serve(&[]);
    let accounts = site.run(&["accounts", "list"]).printed();
    assert!(accounts.contains("before") && !accounts.contains("after"), "{accounts}");
    assert_eq!(server.stop("TERM").code, Some(0));
}

#[test]
fn a_database_of_which_only_the_log_is_left_is_refused() {
    let (site, file) = site_with_account();
    let server = site.serve(&[]);
    create_account(&site, "after");
    server.stop("KILL");
    let kept = file.with_extension("kept");
    fs::rename(&file, &kept).expect("moved away");
    let refused = site.run(&["serve"]).refusal(3);
    assert!(refused.contains("orders.db-wal is not the log"), "{refused}");
    fs::rename(&kept, &file).expect("put back");
    let server = site.serve(&[]);
    assert!(site.run(&["accounts", "list"]).printed().contains("after"));
    assert_eq!(server.stop("TERM").code, Some(0));
}

#[test]
fn a_database_is_served_by_one_name() {
    let (site, file) = site_with_account();
    let other = site.folder.join("other");
    fs::create_dir(&other).expect("a folder");
    let by = |name: &str| ["serve".to_owned(), "--database-url".to_owned(), format!("sqlite://other/{name}")];
    let serve = |name: &str| site.run(&by(name).each_ref().map(String::as_str)).refusal(3);

    std::os::unix::fs::symlink(&file, other.join("link.db")).expect("a link");
    let server = site.serve(&[]);
    let refused = serve("link.db");
    assert!(refused.contains("another server is already running on"), "{refused}");
    assert_eq!(server.stop("TERM").code, Some(0));

    fs::hard_link(&file, other.join("orders.db")).expect("a second name");
    let refused = serve("orders.db");
    assert!(refused.contains("has another name too") && refused.contains("the folder is what is"), "{refused}");
    fs::remove_file(other.join("orders.db")).expect("a name");
    assert_eq!(site.serve(&[]).stop("TERM").code, Some(0));
}

/// What was taken before the file was lost, and that nothing is acknowledged afterwards.
async fn loses(installed: &Installed, lose: impl FnOnce(&Path)) -> Process {
    let file = Path::new(installed.database.url.trim_start_matches("sqlite://"));
    let server = installed.start().await;
    let taken = installed.door.checkout("before").await.expect("an answer");
    assert_eq!(taken.code(), 201, "{}", taken.text);
    lose(file);
    let refused = installed.door.checkout("after").await.expect("an answer");
    refused.problem(503, "feature-unavailable");
    installed.door.until("/readyz", 503).await;
    server
}

#[test]
fn a_database_that_is_replaced_or_deleted_while_it_is_served_takes_no_more_orders() {
    actix::System::new().block_on(async {
        let installed = Installed::new(Engine::Sqlite).await;
        let replace = |file: &Path| {
            fs::copy(file, file.with_extension("copy")).expect("a copy");
            fs::rename(file.with_extension("copy"), file).expect("a restore without a stop");
        };
        let server = loses(&installed, replace).await;
        assert!(server.log().contains("was replaced or deleted while it was served"), "{}", server.log());
        server.kill();

        let installed = Installed::new(Engine::Sqlite).await;
        loses(&installed, |file| fs::remove_file(file).expect("deleted")).await.kill();

        // Everything that was acknowledged is still there if only the log's name is gone.
        let installed = Installed::new(Engine::Sqlite).await;
        let mut server = loses(&installed, |file| fs::remove_file(file.with_extension("db-wal")).expect("a log")).await;
        server.signal("TERM");
        assert!(server.ended().await.success(), "{}", server.log());
        let again = installed.start().await;
        let replayed = installed.door.checkout("before").await.expect("an answer");
        assert_eq!(replayed.header("idempotent-replayed"), Some("1"), "{}", replayed.text);
        drop(again);
    });
}

#[test]
fn a_database_that_was_replaced_while_it_was_served_does_not_get_the_former_log() {
    let (site, file) = site_with_account();
    let server = site.serve(&[]);
    create_account(&site, "after");
    fs::copy(&file, file.with_extension("copy")).expect("a copy");
    fs::rename(file.with_extension("copy"), &file).expect("a restore without a stop");
    let lock = file.with_extension("lock");
    while !fs::read_to_string(&lock).expect("the record").contains("only") {
        std::thread::yield_now();
    }
    server.stop("TERM");
    let refused = site.run(&["serve"]).refusal(3);
    assert!(refused.contains("orders.db-wal is not the log"), "{refused}");
    remove_log(&file);
    assert_eq!(site.serve(&[]).stop("TERM").code, Some(0));
}
