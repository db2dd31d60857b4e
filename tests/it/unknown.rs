//! Commits whose outcome nobody knows: PostgreSQL cuts connections at any moment, under load.

use crate::engines::Engine;
use crate::harness::TestApp;
use crate::harness::door::Door;
use crate::harness::load::{Load, OnRefusal, settle};
use crate::harness::sql::{assert_whole, value};
use crate::postgres::Cluster;

/// How often all connections of the service are cut.
const CUTS: usize = 40;

#[test]
fn cut_connections_make_no_second_order_no_second_payment_and_no_stale_memory() {
    let Some(cluster) = Cluster::shared() else { return };
    actix::System::new().block_on(async {
        let app = TestApp::spawn(Engine::Postgres(cluster)).await;
        let url = app.database.url.clone();
        let door = Door::of(&app);
        let load = Load::start(&door, "cut", OnRefusal::NextKey);
        let mut acknowledged = 0;
        for _ in 0..CUTS {
            // Between two cuts somebody is served, so that every cut meets connections at work.
            acknowledged += 4;
            load.reached(acknowledged).await;
            cut(cluster, &url).await;
        }
        let bills = load.finish().await;
        door.until("/readyz", 200).await;
        assert_memory_is_what_is_stored(&app, &url).await;
        settle(&door, &bills).await;
        assert_memory_is_what_is_stored(&app, &url).await;
        assert_whole(Engine::Postgres(cluster), &url);
        assert_eq!(cluster.sql(&url, "select count(*) from orders"), bills.len().to_string());
    });
}

/// Cuts off everybody else who is connected to that database.
async fn cut(cluster: &'static Cluster, url: &str) {
    let url = url.to_owned();
    let others = "datname = current_database() and pid <> pg_backend_pid()";
    let cut = format!("select count(pg_terminate_backend(pid)) from pg_stat_activity where {others}");
    tokio::task::spawn_blocking(move || cluster.sql(&url, &cut)).await.expect("psql runs");
}

/// What the service says of each order is what the database holds; an actor that remembers otherwise would
/// change it back, so every one is asked for a change.
async fn assert_memory_is_what_is_stored(app: &TestApp, url: &str) {
    let Engine::Postgres(cluster) = app.engine() else { panic!("this test is PostgreSQL's") };
    let stored = cluster.sql(url, "select id || ' ' || status from orders order by id");
    for line in stored.lines() {
        let (order, status) = line.split_once(' ').expect("an id and a status");
        let path = format!("/v1/billing/crypto-orders/{order}");
        let body = serde_json::json!({ "customer_note": "looked at" });
        let answer = app.call(reqwest::Method::PATCH, &path, &body).await;
        assert_eq!((answer.code(), &answer.json()["status"]), (200, &status.into()), "{}", answer.text);
        let events = format!("select count(*) from order_events where order_id = '{order}'");
        assert_eq!(app.steps(order).await.len().to_string(), value(app.engine(), url, &events));
    }
}
