//! `kill -9` of the real server under load, over and over: what was acknowledged is there, nothing is half.

use std::hash::{BuildHasher, RandomState};

use crate::engines::Engine;
use crate::harness::load::{Load, OnRefusal, settle};
use crate::harness::process::Installed;
use crate::harness::sql::{assert_whole, value};

/// How often each engine's server is killed.
const KILLS: usize = 20;

on_both_engines![what_was_acknowledged_outlives_twenty_kills_and_nothing_is_half_written];

async fn what_was_acknowledged_outlives_twenty_kills_and_nothing_is_half_written(engine: Engine) {
    let installed = Installed::new(engine.durable()).await;
    let mut keys = 0;
    let mut server = installed.start().await;
    for kill in 0..KILLS {
        let load = Load::start(&installed.door, &format!("kill-{kill}"), OnRefusal::GoHome);
        load.reached(a_random_moment()).await;
        server.kill();
        let bills = load.finish().await;
        server = installed.start().await;
        settle(&installed.door, &bills).await;
        keys += bills.len();
    }
    drop(server);
    assert_whole(installed.engine, &installed.database.url);
    // Every key of every round came to one order, and there are no others.
    assert_eq!(value(installed.engine, &installed.database.url, "select count(*) from orders"), keys.to_string());
}

/// After how many acknowledged requests the power goes: a different one each time.
fn a_random_moment() -> usize {
    usize::try_from(20 + RandomState::new().hash_one(0) % 150).expect("a small number")
}
