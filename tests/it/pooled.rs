//! PostgreSQL behind a pooler: nothing of the service stays on a connection from one transaction to the next.

mod pgbouncer;
mod pooler;

use serde_json::{Value, json};

use crate::engines::run;
use crate::harness::door::Door;
use crate::harness::{IPN_SECRET, payment};
use crate::harness_program::Site;
use crate::postgres::Cluster;
use pgbouncer::PgBouncer;
use pooler::Pooler;

/// Counts the locks that stayed in this database; others of the cluster are other tests'.
const LOCKS: &str = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
    where d.datname = current_database() and l.locktype = 'advisory'";

/// An empty database of this name; answers its URL.
fn empty(cluster: &Cluster, name: &str) -> String {
    cluster.sql(&cluster.url("postgres"), &format!("create database {name} template template0"));
    cluster.url(name)
}

/// Where the program reaches this database through a pooler on that port.
fn through(port: u16, name: &str) -> Site {
    let url = format!("postgres://postgres@127.0.0.1:{port}/{name}");
    let site = Site::empty().with("DATABASE_URL", &url).with("CRYPTO_ORDERS_IPN_SECRET", IPN_SECRET);
    site.with("CRYPTO_ORDERS_PROVIDER", "none").with("CRYPTO_ORDERS_RATE_LIMITS", "off")
}

/// A key of a fresh account, made by commands.
fn customer(site: &Site) -> String {
    let made = site.run(&["accounts", "create", "--name", "Acme", "--tier", "enterprise", "--json"]).json();
    let account = made["account_id"].as_str().expect("an id").to_owned();
    let made = site.run(&["keys", "create", "--account", &account, "--scope", "account_owner", "--json"]).json();
    made["plaintext"].as_str().expect("a key").to_owned()
}

/// Takes so many orders at once at this address and has them paid.
async fn takes_orders(address: &str, key: &str, name: &str, orders: usize) {
    let door = Door::new(format!("http://{address}"), key.to_owned());
    door.until("/readyz", 200).await;
    let one = async |number: usize| {
        let placed = door.checkout(&format!("{name}-{number}")).await.expect("an answer");
        assert_eq!(placed.code(), 201, "{}", placed.text);
        let order = placed.json()["order_id"].as_str().expect("an order").to_owned();
        let told = door.ipn(&payment(&order, &format!("{name}{number}"), "finished")).await.expect("an answer");
        assert_eq!(told.json(), json!({ "received": true, "order_state": "paid" }), "{}", told.text);
        let read = door.get(&format!("/v1/billing/crypto-orders/{order}")).await.expect("an answer");
        assert_eq!((read.code(), &read.json()["status"]), (200, &Value::from("paid")), "{}", read.text);
    };
    futures_util::future::join_all((0..orders).map(one)).await;
    let listed = door.get("/v1/billing/crypto-orders").await.expect("an answer");
    assert_eq!(listed.code(), 200, "{}", listed.text);
    door.until("/readyz", 200).await;
}

#[test]
fn two_nodes_behind_a_pooler_by_transaction_with_three_connections_migrate_take_orders_and_start_again() {
    let Some(cluster) = Cluster::shared() else { return };
    run(async {
        let url = empty(cluster, "pooled");
        let pooler = Pooler::start(cluster.port(), "pooled", 3);
        let site = through(pooler.port(), "pooled");
        let key = customer(&site);
        let first = site.serve(&[]);
        takes_orders(&first.address, &key, "first", 8).await;
        let second = site.serve(&[]);
        tokio::join!(takes_orders(&first.address, &key, "both", 8), takes_orders(&second.address, &key, "beside", 8),);
        let ended = first.stop("TERM");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let again = site.serve(&[]);
        takes_orders(&again.address, &key, "again", 8).await;
        let connected = "select count(*) from pg_stat_activity where datname = 'pooled'";
        // The first was opened to see what the server says of itself, and closed.
        let connections: usize = cluster.sql(&cluster.url("postgres"), connected).parse().expect("a number");
        assert!((1..=4).contains(&connections), "{connections} connections");
        assert_eq!(cluster.sql(&url, LOCKS), "0");
        assert_eq!(cluster.sql(&url, "select count(*) from orders where status = 'paid'"), "32");
        for server in [second, again] {
            let ended = server.stop("TERM");
            assert!(ended.code == Some(0) && !ended.stderr.contains("ERROR"), "{ended:?}");
        }
        cluster.discard(&url);
    });
}

#[test]
fn a_node_behind_the_machines_pgbouncer_migrates_takes_orders_and_starts_again() {
    let Some(cluster) = Cluster::shared() else { return };
    run(async {
        // By session a node has two connections of its own beside its pool of eight.
        let Some(bouncer) = PgBouncer::start(cluster, 12).await else { return };
        let url = empty(cluster, "bounced");
        let site = through(bouncer.port(), "bounced");
        let key = customer(&site);
        for name in ["first", "again"] {
            let node = site.serve(&[]);
            takes_orders(&node.address, &key, name, 8).await;
            let ended = node.stop("TERM");
            assert_eq!(ended.code, Some(0), "{}: {ended:?}", bouncer.mode);
        }
        assert_eq!(cluster.sql(&url, "select count(*) from orders where status = 'paid'"), "16");
        cluster.discard(&url);
    });
}
