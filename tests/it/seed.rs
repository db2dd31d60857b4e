//! What `seed` makes: the same from the same arguments, and a database that the service can serve.

use serde_json::Value;

use crate::archive::{at, exported, fresh, imported};
use crate::engines::Engine;
use crate::harness_program::{Ended, Site};

on_both_engines![
    the_same_seed_makes_the_same_database,
    a_server_serves_what_a_seed_made,
    what_concerns_no_order_is_raised_once_for_all_of_them,
];

const UNTIL: &str = "2026-05-12T00:00:00Z";

fn seed(site: &Site, number: &str) -> Ended {
    site.run(&["seed", "--orders", "400", "--seed", number, "--until", UNTIL, "--json"])
}

async fn the_same_seed_makes_the_same_database(engine: Engine) {
    let made = async |number: &str| {
        let database = fresh(engine).await;
        let ended = seed(&at(&database.url), number);
        assert_eq!(ended.stderr, "", "no progress bar in a pipe");
        ended.printed();
        exported(&database.url)
    };
    let first = made("7").await;
    assert_eq!(made("7").await, first);
    assert_ne!(made("8").await, first);
    assert_eq!(first.matches("{\"kind\":\"order\"").count(), 400);
    for witness in ["ipn", "poll"] {
        assert!(first.contains(&format!("\"witness\":\"{witness}\"")), "some moves by {witness}");
    }
    let again = imported(engine, &first).await;
    assert_eq!(exported(&again.url), first);
    assert!(first.contains("\"crypto.order.paid\"") && first.contains("\"crypto.order.failed\""));
    let waiting = again.sql("select count(*) from webhook_deliveries");
    assert_eq!(waiting, "0", "what a seed tells of is sent to nobody");
}

async fn a_server_serves_what_a_seed_made(engine: Engine) {
    let site = Site::on(engine).await.with("CRYPTO_ORDERS_SWEEPER_AUTOMATIC", "off");
    let made = seed(&site, "7").json();
    let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
    let server = site.serve(&[]);
    let list = server.get("/v1/admin/crypto-orders?limit=200", &text("operator_key")).await.json();
    let orders = list["orders"].as_array().cloned().unwrap_or_default();
    assert_eq!(orders.len(), 200);
    let paid = orders.iter().filter(|order| order["status"] == "paid").count();
    assert!((120..180).contains(&paid), "{paid} of 200 are paid");
    assert!(orders.windows(2).all(|pair| pair[0]["created_at"].as_str() > pair[1]["created_at"].as_str()));
    let own = server.get("/v1/billing/crypto-orders?limit=100", &text("customer_key")).await.json();
    assert_eq!(own["orders"].as_array().map(Vec::len), Some(100));
    let word = orders[3]["order_id"].as_str().unwrap_or_default();
    let path = format!("/v1/admin/crypto-orders?search={word}");
    assert_eq!(server.get(&path, &text("operator_key")).await.json()["orders"][0]["order_id"], Value::from(word));
    drop(server);

    let refused = site.run(&["serve", "--production"]).refusal(2);
    assert!(refused.contains("key"), "{refused}");
    let refused = site.run(&["seed", "--orders", "1", "--production"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

async fn what_concerns_no_order_is_raised_once_for_all_of_them(engine: Engine) {
    let database = fresh(engine).await;
    at(&database.url).run(&["seed", "--orders", "1500", "--seed", "7", "--until", UNTIL, "--json"]).printed();
    let raised =
        database.sql("select count(*) || '/' || max(order_id) || '/' from attention_items where kind = 'ipn_silence'");
    assert_eq!(raised, "1//");
    let times: u32 =
        database.sql("select max(count) from attention_items where kind = 'ipn_silence'").parse().expect("a number");
    assert!(1 < times, "one item for {times} moves");
}
