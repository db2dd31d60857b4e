//! SQLite refuses to write: what the store says of it, that nothing is half-written, and that it gets well.
//!
//! A full disk and a read-only file are put on the writer's own connection, where alone they act; the same
//! over HTTP, with a disk that is really full, is in `tests/it/storage.rs`.

use std::path::PathBuf;

use diesel_async::SimpleAsyncConnection;
use tokio::sync::oneshot;

use super::changeset::{Changeset, CommitError, Committed, OrderChange};
use super::writer::SideWork;
use super::{Opener, Store, StoreError};
use crate::clock::{Clock, fresh_uuid};
use crate::domain::catalogue::ProductCode;
use crate::domain::ids::{AccountId, OrderId};
use crate::domain::money::{Currency, Price};
use crate::domain::order::{NewOrder, Order};
use crate::domain::time::{Span, Timestamp};

/// A store over a file of its own.
pub(super) struct Ill {
    pub(super) store: Store,
    pub(super) folder: PathBuf,
}

impl Ill {
    pub(super) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("crypto-orders-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        let url = format!("sqlite://{}/orders.db", folder.display());
        Self { store: Store::open(&url, Clock::system(), Opener::Server).unwrap(), folder }
    }

    /// Runs SQL on the writer's own connection.
    pub(super) async fn on_the_writer(&self, sql: &'static str) {
        let (answer, answered) = oneshot::channel();
        let work: SideWork = Box::new(move |conn| {
            Box::pin(async move { drop(answer.send(SimpleAsyncConnection::batch_execute(conn, sql).await)) })
        });
        self.store.access.writer.aside(work).await.unwrap();
        answered.await.unwrap().unwrap();
    }

    /// Places an order with a note so long that the file must grow.
    pub(super) async fn place(&self) -> (OrderId, Result<Committed, CommitError>) {
        let now = Timestamp::from_millis(1_778_587_200_000);
        let order = Order::place(
            NewOrder {
                id: OrderId::new(fresh_uuid(now)),
                account_id: AccountId::new(fresh_uuid(now)),
                product: ProductCode::parse("solo_manual").unwrap(),
                price: Price { cents: 7_900, currency: Currency::parse("USD").unwrap() },
                pay_currency: None,
                customer_note: Some("n".repeat(20_000)),
                pay_window: Span::seconds(3_600),
            },
            now,
        );
        let mut changeset = Changeset::new(now);
        changeset.order = Some(OrderChange { before: None, after: order.clone() });
        (order.id, self.store.commit(changeset).await)
    }

    async fn falls_ill_and_gets_well(&self, ailment: &'static str, cure: &'static str) {
        self.on_the_writer(ailment).await;
        for _ in 0..3 {
            let (id, outcome) = self.place().await;
            assert!(matches!(outcome, Err(CommitError::Unavailable(_))), "{outcome:?}");
            assert_eq!(self.store.order_load(id).await.unwrap(), None);
        }
        self.on_the_writer(cure).await;
        let (id, outcome) = self.place().await;
        assert_eq!(outcome, Ok(Committed::Done));
        assert!(self.store.order_load(id).await.unwrap().is_some());
        self.store.probe().await.unwrap();
    }
}

impl Drop for Ill {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

#[tokio::test]
async fn a_full_file_takes_nothing_and_takes_again_once_there_is_room() {
    // The smallest bound that SQLite takes is the size that the file has already.
    let ill = Ill::new("full");
    ill.falls_ill_and_gets_well("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000").await;
}

#[tokio::test]
async fn a_read_only_file_takes_nothing_says_so_and_takes_again_once_it_may_be_written() {
    let ill = Ill::new("read-only");
    ill.on_the_writer("PRAGMA query_only = ON").await;
    assert!(matches!(ill.store.probe().await, Err(StoreError::Unavailable(_))));
    ill.falls_ill_and_gets_well("PRAGMA query_only = ON", "PRAGMA query_only = OFF").await;
}

#[tokio::test]
async fn a_transaction_that_was_left_open_does_not_outlive_the_next_group() {
    let ill = Ill::new("left-open");
    ill.on_the_writer("BEGIN IMMEDIATE").await;
    let (_, refused) = ill.place().await;
    assert!(matches!(refused, Err(CommitError::Unavailable(_))), "{refused:?}");
    let (_, taken) = ill.place().await;
    assert_eq!(taken, Ok(Committed::Done));
}

#[tokio::test]
async fn an_order_that_cannot_be_read_takes_no_other_with_it() {
    let ill = Ill::new("broken");
    let (broken, _) = ill.place().await;
    let (whole, _) = ill.place().await;
    ill.on_the_writer("UPDATE orders SET status = 'nonsense' WHERE id = (SELECT min(id) FROM orders)").await;
    // Asked for at once, so that they are read in one go.
    let loads = [broken, whole, broken, whole].map(|id| ill.store.order_load(id));
    let mut loads = futures_util::future::join_all(loads).await;
    loads.sort_by_key(Result::is_ok);
    assert!(matches!(loads[..2], [Err(StoreError::Broken(_)), Err(StoreError::Broken(_))]), "{loads:?}");
    assert!(loads[2..].iter().all(|load| load.as_ref().is_ok_and(Option::is_some)), "{loads:?}");
}

#[tokio::test]
async fn a_writer_that_meets_a_fault_of_its_own_goes_on_with_the_next_work() {
    let ill = Ill::new("panic");
    let work: SideWork = Box::new(|_| Box::pin(async { panic!("a fault of the test's") }));
    ill.store.access.writer.aside(work).await.unwrap();
    let (id, taken) = ill.place().await;
    assert_eq!(taken, Ok(Committed::Done));
    assert!(ill.store.order_load(id).await.unwrap().is_some());
    ill.store.probe().await.unwrap();
}
