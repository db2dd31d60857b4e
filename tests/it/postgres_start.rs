//! What a start asks of PostgreSQL: an encoding, the trigrams wherever they are, and nothing of a session.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

use crate::engines::Engine;
use crate::harness::process::Installed;
use crate::harness_program::{Site, eventually};
use crate::postgres::Cluster;

/// A database of its own that is made by this, and that a command may use.
fn made(cluster: &Cluster, name: &str, how: &str) -> (Site, String) {
    let url = cluster.database(crate::harness::migrate);
    let (server, _) = url.rsplit_once('/').expect("the URL names a database");
    cluster.sql(&url, &format!("create database {name} {how}"));
    let made = format!("{server}/{name}");
    (Site::empty().with("DATABASE_URL", &made).with("CRYPTO_ORDERS_PROVIDER", "none"), made)
}

#[test]
fn a_database_of_another_encoding_is_refused_and_fails_in_the_doctor() {
    let Some(cluster) = Cluster::shared() else { return };
    let latin = "encoding 'LATIN1' template template0 locale_provider libc lc_collate 'C' lc_ctype 'C'";
    let (site, url) = made(cluster, "latin", latin);
    let refused = site.run(&["serve"]).refusal(3);
    assert!(refused.contains("the encoding of the database is LATIN1, and it must be UTF8"), "{refused}");
    let shown = site.run(&["doctor"]);
    assert!(shown.code == Some(1) && shown.stdout.contains("FAIL  database "), "{shown:?}");
    assert!(shown.stdout.contains("LATIN1, and it must be UTF8"), "{shown:?}");
    assert_eq!(cluster.sql(&url, "select count(*) from pg_tables where schemaname = 'public'"), "0");
    cluster.discard(&url);
}

#[test]
fn the_trigrams_are_found_in_whatever_schema_they_are() {
    let Some(cluster) = Cluster::shared() else { return };
    let (site, url) = made(cluster, "elsewhere", "template template0");
    cluster.sql(&url, "create schema extensions; create extension pg_trgm schema extensions");
    site.run(&["accounts", "create", "--name", "Acme", "--tier", "enterprise"]).printed();
    assert_eq!(cluster.sql(&url, "select count(*) from pg_indexes where indexdef like '%gin_trgm_ops%'"), "1");
    assert_eq!(cluster.sql(&url, "select count(*) from pg_tables where schemaname = 'extensions'"), "0");
    cluster.discard(&url);
}

#[test]
fn why_the_server_cannot_be_reached_is_told_without_the_password() {
    let port = crate::postgres::free_port();
    let url = format!("postgres://shop:hidden-word@127.0.0.1:{port}/shop");
    let refused = Site::empty().with("DATABASE_URL", &url).run(&["accounts", "list"]).refusal(3);
    assert!(refused.contains("Connection refused") && !refused.contains("hidden-word"), "{refused}");
    let refused = Site::empty().with("DATABASE_URL", &format!("{url}?pgbouncer=true")).run(&["accounts", "list"]);
    let refused = refused.refusal(3);
    assert!(refused.contains("unknown option `pgbouncer`") && !refused.contains("hidden-word"), "{refused}");
}

#[test]
fn a_start_waits_for_who_migrates_says_so_and_keeps_no_lock_of_its_own() {
    let Some(cluster) = Cluster::shared() else { return };
    actix::System::new().block_on(async {
        let installed = Installed::new(Engine::Postgres(cluster)).await;
        let url = &installed.database.url;
        let mut other = AsyncPgConnection::establish(url).await.expect("PostgreSQL accepts");
        other.batch_execute("select pg_advisory_lock(109343314834543)").await.expect("the lock of the migrations");
        let mut server = installed.command().spawn().expect("the program runs");
        eventually("the start says that it waits", async || {
            installed.log().contains("waiting for another process that holds the lock").then_some(())
        })
        .await;
        assert!(installed.door.get("/healthz").await.is_none(), "it does not serve yet");
        other.batch_execute("select pg_advisory_unlock(109343314834543)").await.expect("given back");
        installed.door.until("/readyz", 200).await;
        let taken = installed.door.checkout("first").await.expect("an answer");
        assert_eq!(taken.code(), 201, "{}", taken.text);
        assert_eq!(cluster.sql(url, "select count(*) from pg_locks where locktype = 'advisory'"), "0");
        server.kill().expect("killed");
        server.wait().expect("ended");
    });
}
