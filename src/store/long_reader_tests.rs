//! A reader that stays open on a SQLite file keeps its write-ahead log from starting again, and nothing else.

use std::sync::{Arc, Weak};

use diesel::connection::SimpleConnection;

use super::Opener;
use super::changeset::Committed;
use super::refusal_tests::Ill;
use super::sqlite::checkpoints::{Checkpoints, Log, Round};
use super::sqlite::file::ServedFile;
use super::sqlite::{Purpose, connect};

/// More pages than a log may have before it is to start again.
const FILL: &str = "CREATE TABLE filler (body); INSERT INTO filler VALUES (zeroblob(80000000))";

/// A round of a checkpointer of our own.
async fn round(ill: &Ill, log: Log) -> Round {
    let (file, _) = ServedFile::prepare(&ill.folder.join("orders.db"), Opener::Command).unwrap();
    let writer = ill.store.access.writer.clone();
    let runtime = tokio::runtime::Handle::current();
    let round = move || {
        let alive: Weak<()> = Arc::downgrade(&Arc::new(()));
        Checkpoints { file, alive, writer, runtime }.round(&mut None, log)
    };
    tokio::task::spawn_blocking(round).await.unwrap().unwrap()
}

/// A round that finds the log held; the store's own checkpointer is at it too, and may be in the way.
async fn held(ill: &Ill, log: Log) {
    for _ in 0..1_000 {
        match round(ill, log).await {
            Round::Held { pages } => return assert!(pages > 16_384, "{pages}"),
            Round::StartsAgain => panic!("the log starts again below a reader"),
            Round::Copied => {}
        }
    }
    panic!("no round copies");
}

#[tokio::test]
async fn a_reader_that_stays_open_holds_the_log_and_not_the_writer() {
    let ill = Ill::new("long-reader");
    let mut reader = connect(&ill.folder.join("orders.db"), Purpose::Read).unwrap();
    reader.batch_execute("BEGIN; SELECT count(*) FROM orders").unwrap();
    ill.on_the_writer(FILL).await;
    for log in [Log::Grows, Log::Rests] {
        // Neither the writer nor this checkpoint waits for the reader: both would only find it still there.
        held(&ill, log).await;
        let (_, taken) = ill.place().await;
        assert_eq!(taken, Ok(Committed::Done));
    }
    reader.batch_execute("ROLLBACK").unwrap();
    let log = ill.folder.join("orders.db-wal");
    let mut rounds = 0;
    while std::fs::metadata(&log).unwrap().len() > 0 {
        round(&ill, Log::Rests).await;
        rounds += 1;
        assert!(rounds < 1_000, "the log is never emptied");
    }
    let (_, taken) = ill.place().await;
    assert_eq!(taken, Ok(Committed::Done));
}
