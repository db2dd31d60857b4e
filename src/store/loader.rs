//! Reads single orders for everybody: what waits is read in one go.
//!
//! The mirror of group commit. While one batch is being read the next one gathers by itself, so under load
//! the cost of a read is shared, and an idle service answers at once. It has a connection of its own, opened again when
//! it is lost.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::sqlite::Purpose;
use super::sqlite::file::ServedFile;
use super::{StoreError, postgres, sqlite};
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::supervision::contained;

/// How many reads may wait; past that the caller waits for a place.
const LOADER_QUEUE_MAX: usize = 4_096;
/// How many orders one read takes.
const BATCH_MAX: usize = 128;
/// How long PostgreSQL may take over one read.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

type Found = Result<Option<Order>, StoreError>;

/// The handle to the loader. Clones share it.
#[derive(Clone)]
pub struct Loader(mpsc::Sender<Wanted>);

struct Wanted {
    id: OrderId,
    answer: oneshot::Sender<Found>,
}

/// Where the loader reads.
pub enum Source {
    /// The file, by a connection of its own.
    Sqlite {
        /// The file.
        file: ServedFile,
        /// Open, unless it failed.
        conn: Option<Box<sqlite::Conn>>,
    },
    /// A connection of its own.
    Postgres {
        /// Where.
        database_url: String,
        /// Open, unless it was lost.
        conn: Option<Box<postgres::Conn>>,
    },
}

impl Loader {
    /// A loader, and the loop that must be run for it.
    pub fn new(source: Source) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(LOADER_QUEUE_MAX);
        (Self(sender), run(source, receiver))
    }

    /// One order with its log and payments.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub async fn order(&self, id: OrderId) -> Found {
        let gone = || StoreError::Unavailable("the store is closed".to_owned());
        let (answer, answered) = oneshot::channel();
        self.0.send(Wanted { id, answer }).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn run(mut source: Source, mut wanted: mpsc::Receiver<Wanted>) {
    let mut batch = Vec::new();
    while wanted.recv_many(&mut batch, BATCH_MAX).await > 0 {
        if contained("loader", answer(&mut source, &mut batch)).await.is_none() {
            batch.clear();
            source.close();
        }
    }
}

async fn answer(source: &mut Source, batch: &mut Vec<Wanted>) {
    let ids = batch.iter().map(|wanted| wanted.id.to_string()).collect();
    let together = source.read(ids).await;
    for Wanted { id, answer } in batch.drain(..) {
        let found = match &together {
            Ok(orders) => Ok(orders.get(&id).cloned()),
            // One order that cannot be read must not take the others with it.
            Err(StoreError::Broken(_)) => source.read(vec![id.to_string()]).await.map(|mut one| one.remove(&id)),
            Err(error) => Err(error.clone()),
        };
        // Nobody to hear it is no failure: the caller gave up.
        drop(answer.send(found));
    }
}

impl Source {
    /// Forgets the connection; the next read opens another.
    fn close(&mut self) {
        match self {
            Self::Sqlite { conn, .. } => *conn = None,
            Self::Postgres { conn, .. } => *conn = None,
        }
    }

    async fn read(&mut self, ids: Vec<String>) -> Result<HashMap<OrderId, Order>, StoreError> {
        let orders = match self {
            Self::Sqlite { file, conn } => {
                let mut open = match conn.take() {
                    Some(open) => open,
                    None => Box::new(sqlite::Conn::new(file.connect(Purpose::Read)?)),
                };
                let orders = sqlite::orders::orders_load(&mut open, ids).await;
                // A connection that failed is not used again: the next read opens a fresh one.
                if !matches!(orders, Err(StoreError::Unavailable(_))) {
                    *conn = Some(open);
                }
                orders?
            }
            Self::Postgres { database_url, conn } => {
                // A connection may have been lost since its last use; a read can simply be tried again.
                let known = conn.is_some();
                match read_postgres(database_url, conn, ids.clone()).await {
                    Err(StoreError::Unavailable(_)) if known => read_postgres(database_url, conn, ids).await?,
                    answered => answered?,
                }
            }
        };
        Ok(orders.into_iter().map(|order| (order.id, order)).collect())
    }
}

/// Reads, and keeps the connection only if it answered.
async fn read_postgres(
    database_url: &str,
    conn: &mut Option<Box<postgres::Conn>>,
    ids: Vec<String>,
) -> Result<Vec<Order>, StoreError> {
    let mut open = match conn.take() {
        Some(open) => open,
        None => Box::new(postgres::connect(database_url).await?),
    };
    let late = |_| StoreError::Unavailable("PostgreSQL did not answer in time".to_owned());
    let orders =
        tokio::time::timeout(READ_TIMEOUT, postgres::orders::orders_load(&mut open, ids)).await.map_err(late)?;
    if !matches!(orders, Err(StoreError::Unavailable(_))) {
        *conn = Some(open);
    }
    orders
}
