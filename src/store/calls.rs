//! What can be asked of the store: each call runs one of `queries/` on whichever engine it has.
//!
//! What is asked of webhooks is in `webhook_calls.rs`, by the same two macros.

use tokio::sync::oneshot;

use super::archive::{Beside, BesidePage, OrdersPage, Window};
use super::changeset::{AuditEntry, Changeset, CommitError, Committed, KeyRecord};
use super::filter::{Due, DueOrder, DuePage, LinePage, OrderFilter, OrderPage, Page, Position};
use super::records::{AttentionFilter, AttentionItem, KeptIpn, KeptRefusal, Resolution, Resolved, Stretch};
use super::totals::{AccountUsage, DayCount, OrderTotal, PendingAges, WitnessTotal};
use super::work::{Claim, Pace, ProviderWork};
use super::writer::SideWork;
use super::{Access, Engine, IdempotencyTotals, KeyUsage, RefusedIpn, Store, StoreError, postgres, sqlite};
use crate::domain::access::{Account, ApiKey};
use crate::domain::idempotency::IdempotencyKey;
use crate::domain::ids::{AccountId, AttentionId, KeyId, OrderId, PaymentId};
use crate::domain::order::Order;
use crate::domain::time::{Span, Timestamp};

/// A read, on a connection of the readers.
macro_rules! read {
    ($access:expr, $module:ident :: $query:ident ( $($argument:expr),* )) => {
        match &$access.engine {
            Engine::Sqlite(readers) => {
                readers.run(move |conn| Box::pin(async move { sqlite::$module::$query(conn, $($argument),*).await })).await
            }
            Engine::Postgres(connections) => {
                connections
                    .run(move |conn| Box::pin(async move { postgres::$module::$query(conn, $($argument),*).await }))
                    .await
            }
        }
    };
}

/// A small write: on SQLite it goes through the writer's connection, the only one that writes.
macro_rules! write {
    ($access:expr, $module:ident :: $query:ident ( $($argument:expr),* )) => {
        match &$access.engine {
            Engine::Sqlite(_) => {
                let (answer, answered) = oneshot::channel();
                let work: SideWork = Box::new(move |conn| Box::pin(async move {
                    drop(answer.send(sqlite::$module::$query(conn, $($argument),*).await));
                }));
                $access.writer.aside(work).await?;
                answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the database cannot be opened".to_owned())))
            }
            Engine::Postgres(connections) => {
                connections
                    .run(move |conn| Box::pin(async move { postgres::$module::$query(conn, $($argument),*).await }))
                    .await
            }
        }
    };
}

pub(super) use {read, write};

/// How many rows to ask for.
pub(super) fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl Access {
    /// Takes queued orders into the search index; answers how many there were.
    pub(super) async fn search_feed(&self, limit: i64) -> Result<usize, StoreError> {
        // Most looks find nothing: they must not take a place between the writer's groups.
        if !read!(self, search::search_waits())? {
            return Ok(0);
        }
        write!(self, search::search_feed(limit))
    }

    pub(super) async fn refused_ipn_keep(&self, id: String, refused: RefusedIpn) -> Result<(), StoreError> {
        write!(self, upkeep::refused_ipn_keep(id, &refused))
    }
}

impl Store {
    /// Answers once the changeset is durable, or why it is not.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn commit(&self, changeset: Changeset) -> Result<Committed, CommitError> {
        self.access.writer.commit(changeset).await
    }

    /// Waits until everything handed to the writer so far is answered.
    pub async fn flush(&self) {
        let (done, was_done) = oneshot::channel::<()>();
        let work: SideWork = Box::new(move |_| Box::pin(async move { drop(done) }));
        if self.access.writer.aside(work).await.is_ok() {
            // The sender is dropped once its turn has come, whether or not the engine runs side work.
            drop(was_done.await);
        }
    }

    /// One order with its log and payments.
    pub async fn order_load(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.access.loader.order(id).await
    }

    /// When an order last changed: asked often, by whoever has the order itself already.
    pub async fn order_updated_at(&self, id: OrderId) -> Result<Option<Timestamp>, StoreError> {
        read!(self.access, orders::order_updated_at(id))
    }

    /// A page of orders, newest first.
    pub async fn orders_page(&self, filter: OrderFilter, page: Page) -> Result<OrderPage, StoreError> {
        read!(self.access, lists::orders_page(&filter, page))
    }

    /// A page of orders without their logs and payments, newest first.
    pub async fn lines_page(&self, filter: OrderFilter, page: Page) -> Result<LinePage, StoreError> {
        read!(self.access, lists::lines_page(&filter, page))
    }

    /// The place of the newest order of a window, where a walk through it ends.
    pub async fn archive_end(&self, window: Window) -> Result<Option<Position>, StoreError> {
        read!(self.access, archive_pages::orders_end(&window))
    }

    /// How many orders a window has.
    pub async fn archive_count(&self, window: Window) -> Result<i64, StoreError> {
        read!(self.access, archive_pages::orders_count(&window))
    }

    /// A page of whole orders, oldest first, after one place (if any) and up to another.
    pub async fn archive_orders(
        &self,
        window: Window,
        between: (Option<Position>, Position),
        limit: usize,
    ) -> Result<OrdersPage, StoreError> {
        read!(self.access, archive_pages::archive_orders(&window, between, rows(limit)))
    }

    /// A page of what stands beside the orders, after this key.
    pub async fn archive_beside(&self, which: Beside, after: String, limit: usize) -> Result<BesidePage, StoreError> {
        read!(self.access, archive_pages::archive_beside(which, &after, rows(limit)))
    }

    /// The order of a payment, bound or in the ledger.
    pub async fn payment_owner(&self, payment: PaymentId) -> Result<Option<OrderId>, StoreError> {
        read!(self.access, orders::payment_owner(&payment))
    }

    /// Orders with which the clock has something to do, longest due first.
    pub async fn orders_due(&self, which: Due, page: DuePage) -> Result<Vec<DueOrder>, StoreError> {
        read!(self.access, orders::orders_due(which, page))
    }

    /// Pending orders created up to then, oldest first.
    pub async fn pending_created_until(&self, until: Timestamp, limit: usize) -> Result<Vec<OrderId>, StoreError> {
        read!(self.access, orders::pending_created_until(until, rows(limit)))
    }

    /// The totals over all days, one of each status, product and currency that has orders.
    pub async fn order_totals(&self) -> Result<Vec<OrderTotal>, StoreError> {
        read!(self.access, totals::order_totals())
    }

    /// How many orders of each of these UTC days stand where now; sorted by day and by the status's name.
    pub async fn day_counts(&self, first: String, last: String) -> Result<Vec<DayCount>, StoreError> {
        read!(self.access, totals::day_counts(&first, &last))
    }

    /// The counters of moves: those of all days first, then those of each of these UTC days.
    pub async fn witness_totals(&self, first: String, last: String) -> Result<Vec<WitnessTotal>, StoreError> {
        read!(self.access, totals::witness_totals(&first, &last))
    }

    /// Pending orders by their age, and by whether this pay window is over.
    pub async fn pending_ages(&self, now: Timestamp, pay_window: Span) -> Result<PendingAges, StoreError> {
        read!(self.access, totals::pending_ages(now, pay_window))
    }

    /// How long it took until those orders were paid that were paid last, newest first.
    pub async fn paid_lately(&self, limit: usize) -> Result<Vec<Span>, StoreError> {
        read!(self.access, totals::paid_lately(rows(limit)))
    }

    /// Takes the right to ask the provider about an order; answers the order's row, or none if somebody else
    /// asks just now.
    pub async fn work_claim(&self, id: OrderId, claim: Claim) -> Result<Option<ProviderWork>, StoreError> {
        let now = self.clock.now();
        write!(self.access, work::work_claim(id, &claim, now))
    }

    /// Writes an order's row if the claim of this token still holds it; answers whether it did.
    pub async fn work_update(&self, held: String, row: ProviderWork) -> Result<bool, StoreError> {
        write!(self.access, work::work_update(&held, &row))
    }

    /// Forgets an order of which nothing is to be asked any more, if the claim of this token still holds it.
    pub async fn work_end(&self, id: OrderId, held: String) -> Result<(), StoreError> {
        write!(self.access, work::work_end(id, &held))
    }

    /// Orders about which the provider is to be asked now, longest due first, without those somebody is at.
    pub async fn work_due(&self, now: Timestamp, limit: usize) -> Result<Vec<OrderId>, StoreError> {
        read!(self.access, work::work_due(now, rows(limit)))
    }

    /// Gives a row to each order that may still bring news and has none, paid ones if they were paid that lately;
    /// answers how many there were.
    pub async fn work_adopt(&self, now: Timestamp, paid_within: Span) -> Result<usize, StoreError> {
        write!(self.access, work::work_adopt(now, paid_within))
    }

    /// Raises orders that have had no address for too long, some at once; answers how many rows that were.
    pub async fn unaddressed_raise(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        if !read!(self.access, unaddressed::unaddressed_waits(now))? {
            return Ok(0);
        }
        write!(self.access, unaddressed::unaddressed_raise(now, rows(limit)))
    }

    /// Counts questions that did not wait for the pace.
    pub async fn pace_push(&self, now: Timestamp, asked: Pace) -> Result<(), StoreError> {
        write!(self.access, work::pace_push(now, asked))
    }

    /// Takes as much of the pace of all nodes as is free; answers how many questions may be asked at once.
    pub async fn pace_take(&self, now: Timestamp, asked: Pace) -> Result<i64, StoreError> {
        write!(self.access, work::pace_take(now, asked))
    }

    /// What the first use of a key was.
    pub async fn key_record(&self, account: AccountId, key: IdempotencyKey) -> Result<Option<KeyRecord>, StoreError> {
        read!(self.access, idempotency::key_record(account, &key))
    }

    /// Counters of idempotency keys: of one account, or of all.
    pub async fn idempotency_totals(&self, account: Option<AccountId>) -> Result<IdempotencyTotals, StoreError> {
        read!(self.access, idempotency::idempotency_totals(account))
    }

    /// The accounts whose keys came with another body most often, then those with the most replays.
    pub async fn idempotency_busiest(&self, limit: usize) -> Result<Vec<AccountUsage>, StoreError> {
        read!(self.access, idempotency::idempotency_busiest(limit))
    }

    /// An account's keys, newest first, after the place (`first_seen_at`, key).
    pub async fn idempotency_keys(
        &self,
        account: AccountId,
        limit: usize,
        after: Option<(Timestamp, String)>,
    ) -> Result<Vec<KeyUsage>, StoreError> {
        read!(self.access, idempotency::idempotency_keys(account, rows(limit), after))
    }

    /// Forgets up to `limit` keys first seen before then; answers how many.
    pub async fn keys_forget(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        write!(self.access, idempotency::keys_forget(before, rows(limit)))
    }

    /// Verified IPNs that were judged for this order, newest first.
    pub async fn ipns_of_order(&self, order: OrderId, stretch: Stretch) -> Result<Vec<KeptIpn>, StoreError> {
        read!(self.access, records::ipns_of_order(order, stretch))
    }

    /// Attention items, newest first.
    pub async fn attention_page(
        &self,
        filter: AttentionFilter,
        stretch: Stretch,
    ) -> Result<Vec<AttentionItem>, StoreError> {
        read!(self.access, attention::attention_page(filter, stretch))
    }

    /// Resolves an open attention item and audits it. A second time changes nothing.
    pub async fn attention_resolve(
        &self,
        id: AttentionId,
        resolution: Resolution,
        audit: AuditEntry,
    ) -> Result<Resolved, StoreError> {
        write!(self.access, attention::attention_resolve(id, resolution, audit))
    }

    /// The keys that begin with these 16 characters.
    pub async fn keys_by_prefix(&self, prefix: String) -> Result<Vec<ApiKey>, StoreError> {
        read!(self.access, access::keys_by_prefix(&prefix))
    }

    /// One account.
    pub async fn account_load(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        read!(self.access, access::account_load(id))
    }

    /// All accounts, oldest first.
    pub async fn accounts_list(&self) -> Result<Vec<Account>, StoreError> {
        read!(self.access, access::accounts_list())
    }

    /// Keeps a new account.
    pub async fn account_insert(&self, account: Account) -> Result<(), StoreError> {
        write!(self.access, access::account_insert(&account))
    }

    /// All keys, oldest first, of one account or of all.
    pub async fn keys_list(&self, account: Option<AccountId>) -> Result<Vec<ApiKey>, StoreError> {
        read!(self.access, access::keys_list(account))
    }

    /// Keeps a new key.
    pub async fn key_insert(&self, key: ApiKey) -> Result<(), StoreError> {
        write!(self.access, access::key_insert(&key))
    }

    /// One key.
    pub async fn key_load(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        read!(self.access, access::key_load(id))
    }

    /// An account's keys, newest first, after the place (`created_at`, id).
    pub async fn keys_page(
        &self,
        account: AccountId,
        limit: usize,
        after: Option<(Timestamp, KeyId)>,
    ) -> Result<Vec<ApiKey>, StoreError> {
        read!(self.access, access::keys_page(account, rows(limit), after))
    }

    /// Keeps an account's new key, unless it has so many good ones already; answers whether it did.
    pub async fn key_issue(&self, key: ApiKey, active_max: usize) -> Result<bool, StoreError> {
        write!(self.access, access::key_issue(&key, rows(active_max)))
    }

    /// Puts a key in another's place; false if that one is no longer good, or has a successor.
    pub async fn key_replace(
        &self,
        old: KeyId,
        grace_expires_at: Timestamp,
        successor: ApiKey,
    ) -> Result<bool, StoreError> {
        write!(self.access, access::key_replace(old, grace_expires_at, &successor))
    }

    /// Revokes a key; false if there is none of that id. A second time changes nothing.
    pub async fn key_revoke(&self, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
        write!(self.access, access::key_revoke(id, now))
    }

    /// Notes that a key was used.
    pub async fn key_used(&self, id: KeyId, now: Timestamp) -> Result<(), StoreError> {
        write!(self.access, access::key_used(id, now))
    }

    /// Keeps a refused body among the newest 1 000. Never waits: past its bound it is dropped.
    pub fn refused_ipn_keep(&self, refused: RefusedIpn) {
        if self.refused.try_send(refused).is_err() {
            tracing::debug!("more refused IPNs than can be kept");
        }
    }

    /// The newest refused bodies that are kept, newest first.
    pub async fn refused_ipns_newest(&self, limit: usize) -> Result<Vec<KeptRefusal>, StoreError> {
        read!(self.access, upkeep::refused_ipns_newest(rows(limit)))
    }

    /// How many of the bodies that are kept were refused at this time or later.
    pub async fn refused_ipns_since(&self, since: Timestamp) -> Result<i64, StoreError> {
        read!(self.access, upkeep::refused_ipns_since(since))
    }

    /// How many verified bodies about no payment first came at this time or later.
    pub async fn other_ipns_since(&self, since: Timestamp) -> Result<i64, StoreError> {
        read!(self.access, upkeep::other_ipns_since(since))
    }

    /// Uses what every order uses: the writer, the loader and a connection of the readers.
    ///
    /// # Errors
    /// [`StoreError`] of the first of them by which an order could not be taken.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let access = &self.access;
        let unknown = OrderId::new(uuid::Uuid::nil());
        let (written, loaded, read) =
            tokio::join!(access.writer.probe(self.clock.now()), access.loader.order(unknown), async {
                read!(access, upkeep::probe_read())
            },);
        let of = |part: &'static str| {
            move |error| match error {
                StoreError::Unavailable(cause) => StoreError::Unavailable(format!("{part}: {cause}")),
                error => StoreError::Unavailable(format!("{part}: {error}")),
            }
        };
        written.map_err(of("the writer"))?;
        loaded.map_err(of("the loader"))?;
        read.map_err(of("the readers"))
    }
}
