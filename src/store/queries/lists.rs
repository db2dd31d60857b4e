//! Pages of orders, newest first, for every combination of filters. Compiled once for each engine.
//!
//! Nothing here depends on what a planner knows or guesses: statistics may be absent or old, and a prepared
//! statement may have been planned when the tables were empty. So each statement has one index that fits it.
//!
//! * A *walk* goes along one of four indexes, chosen by account and status, between two places. Both places
//!   and the order name all columns of that index (`(status, created_at, id) < (?, ?, ?)`), so no other
//!   index brings the rows in this order, and the walk begins and ends exactly there.
//! * A span of *payment* means status paid, which is never left. Nearly all orders created inside the span
//!   were paid inside it too, so they are walked; those created before it (*stragglers*) come from the
//!   indexes over `paid_at`, which tell those paid within a day of their creation from the few others.
//! * A *search* walks some thousands of the newest orders first, because a common text is found there at
//!   once. What a rare text still lacks comes from the trigram index, below the place where the walk ended.
//! * A *payment* is one order's at most, which is read and judged here.
//!
//! `+column` keeps an index from being used for that column, on both engines.

use diesel::sql_types::{BigInt, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::statement::{Orders, Statement};
use super::walks::{BY_ACCOUNT, BY_ACCOUNT_STATUS, BY_CREATED, BY_STATUS};
use super::{Conn, OF_CANDIDATES, SNAPSHOT, bulk, orders as details, search};
use crate::domain::ids::{AccountId, OrderId, PaymentId};
use crate::domain::order::StatusName;
use crate::domain::time::{Span, Timestamp};
use crate::store::StoreError;
use crate::store::filter::{LinePage, OrderFilter, OrderPage, Page, Position, SearchReach};
use crate::store::rows::broken;
use crate::store::tables::OrderRow;

/// By how much the clocks of two nodes may differ: so much may an order seem paid before it was created.
const SKEW: Span = Span::minutes(10);
/// A straggler paid later than this has an index of its own, `orders_paid_late`.
const LATE_MICROS: i64 = 86_400_000_000;
/// How many orders a search walks before it asks the trigram index, and how many more for each one asked for.
const WALKED: usize = 4_000;
const WALKED_EACH: usize = 4;
/// How many of the newest orders a search of one or two characters looks at (contract, section 4).
const NEWEST_ORDERS: usize = 10_000;

/// A page of orders as they were at one moment, each with its log and payments.
pub async fn orders_page(conn: &mut Conn, filter: &OrderFilter, page: Page) -> Result<OrderPage, StoreError> {
    conn.batch_execute(SNAPSHOT).await?;
    let found = detailed(conn, filter, page).await;
    conn.batch_execute("COMMIT").await?;
    found
}

async fn detailed(conn: &mut Conn, filter: &OrderFilter, page: Page) -> Result<OrderPage, StoreError> {
    let Found { rows, next, search } = find(conn, filter, page).await?;
    Ok(OrderPage { orders: details::with_details(conn, rows).await?, next, search })
}

/// A page of orders without their logs and payments, for exports.
pub async fn lines_page(conn: &mut Conn, filter: &OrderFilter, page: Page) -> Result<LinePage, StoreError> {
    conn.batch_execute(SNAPSHOT).await?;
    let found = find(conn, filter, page).await;
    conn.batch_execute("COMMIT").await?;
    let Found { rows, next, search } = found?;
    Ok(LinePage { lines: rows.into_iter().map(OrderRow::into_line).collect(), next, search })
}

struct Found {
    rows: Vec<OrderRow>,
    next: Option<Position>,
    search: SearchReach,
}

async fn find(conn: &mut Conn, filter: &OrderFilter, page: Page) -> Result<Found, StoreError> {
    let mut asked = Asked::of(filter, page);
    let wanted = filter.search.as_deref().map(search::folded);
    let mut reach = SearchReach::Whole;
    if let Some(text) = wanted.as_deref().filter(|text| search::is_short(text)) {
        reach = SearchReach::Newest;
        asked.span.from = asked.span.from.max(newest(conn).await?);
        asked.search = Some(text.to_owned());
    }
    let mut rows = match (&filter.payment_id, wanted) {
        // A span of payment asks for paid orders; no order of another status is one.
        _ if filter.is_paid_span() && filter.status.is_some_and(|status| status != StatusName::Paid) => Vec::new(),
        (Some(payment), wanted) => paid_by(conn, &Asked { search: wanted, ..asked }, payment).await?,
        (None, Some(text)) if reach == SearchReach::Whole => searched(conn, asked, text).await?,
        (None, Some(_)) => bulk::orders_read(conn, asked.walk(&asked.span)).await?,
        (None, None) if filter.is_paid_span() => paid_within(conn, &asked).await?,
        (None, None) => bulk::orders_read(conn, asked.walk(&asked.span)).await?,
    };
    let more = rows.len() > page.limit;
    rows.truncate(page.limit);
    let last = rows.last().filter(|_| more);
    let next = last.map(position).transpose()?;
    Ok(Found { rows, next, search: reach })
}

fn position(row: &OrderRow) -> Result<Position, StoreError> {
    let id = OrderId::parse(&row.id).ok_or_else(|| broken("id", &row.id))?;
    Ok(Position { created_at: Timestamp::from_micros(row.created_at), id })
}

/// A place in the order of the list: when an order was created, and its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    created_at: i64,
    id: String,
}

impl Place {
    /// Before all orders of that moment.
    fn at(created_at: i64) -> Self {
        Self { created_at, id: String::new() }
    }

    fn of(row: &OrderRow) -> Self {
        Self { created_at: row.created_at, id: row.id.clone() }
    }
}

/// From a place up to another, which is not part of it.
#[derive(Debug, Clone)]
struct Places {
    from: Place,
    below: Place,
}

/// Paid from then on, and before then.
#[derive(Debug, Clone, Copy)]
struct Paid {
    from: i64,
    before: i64,
}

/// The index that a walk goes along, and how its columns begin.
struct Path {
    table: &'static str,
    columns: &'static str,
    order: &'static str,
    beginning: Vec<String>,
}

impl Path {
    fn of(account: Option<AccountId>, status: Option<StatusName>) -> Self {
        let [table, columns, order] = match (account, status) {
            (None, None) => {
                [BY_CREATED, "(orders.created_at, orders.id)", " order by orders.created_at desc, orders.id desc"]
            }
            (Some(_), None) => [
                BY_ACCOUNT,
                "(orders.account_id, orders.created_at, orders.id)",
                " order by orders.account_id desc, orders.created_at desc, orders.id desc",
            ],
            (None, Some(_)) => [
                BY_STATUS,
                "(orders.status, orders.created_at, orders.id)",
                " order by orders.status desc, orders.created_at desc, orders.id desc",
            ],
            (Some(_), Some(_)) => [
                BY_ACCOUNT_STATUS,
                "(orders.account_id, orders.status, orders.created_at, orders.id)",
                " order by orders.account_id desc, orders.status desc, orders.created_at desc, orders.id desc",
            ],
        };
        let account = account.map(|account| account.to_string());
        let status = status.map(|status| status.as_str().to_owned());
        Self { table, columns, order, beginning: account.into_iter().chain(status).collect() }
    }

    /// The condition that an order lies between these places of the index. Both begin alike, so all between
    /// them do.
    fn between<T>(&self, statement: Statement<T>, places: &Places) -> Statement<T> {
        let statement = self.place(statement.sql(self.columns).sql(" < ("), &places.below);
        self.place(statement.sql(") and ").sql(self.columns).sql(" >= ("), &places.from).sql(")")
    }

    fn place<T>(&self, statement: Statement<T>, place: &Place) -> Statement<T> {
        let begun = self.beginning.iter().fold(statement, |statement, value| statement.text(value).sql(", "));
        begun.number(place.created_at).sql(", ").text(&place.id)
    }
}

/// What is asked for, as statements need it.
struct Asked {
    path: Path,
    span: Places,
    paid: Option<Paid>,
    /// Folded.
    search: Option<String>,
    /// One more than the page holds, which tells whether there is more.
    rows: usize,
}

impl Asked {
    fn of(filter: &OrderFilter, page: Page) -> Self {
        let begin = filter.created_after.map_or(i64::MIN, Timestamp::micros);
        let end = Place::at(filter.created_before.map_or(i64::MAX, Timestamp::micros));
        let after = page.after.map(|place| Place { created_at: place.created_at.micros(), id: place.id.to_string() });
        let below = after.map_or(end.clone(), |after| after.min(end));
        let paid = Paid {
            from: filter.paid_after.map_or(i64::MIN, Timestamp::micros),
            before: filter.paid_before.map_or(i64::MAX, Timestamp::micros),
        };
        let paid = Some(paid).filter(|_| filter.is_paid_span());
        let status = if paid.is_some() { Some(StatusName::Paid) } else { filter.status };
        Self {
            path: Path::of(filter.account, status),
            span: Places { from: Place::at(begin), below },
            paid,
            search: None,
            rows: page.limit.saturating_add(1),
        }
    }

    /// Walks along the index between these places.
    fn walk(&self, places: &Places) -> Orders {
        let statement = self.path.between(Orders::select().sql(self.path.table), places);
        let statement = self.paid(statement);
        let statement = match &self.search {
            Some(text) => search::containing(statement, text),
            None => statement,
        };
        self.first(statement)
    }

    /// Those of the candidates that are asked for and lie between these places. `candidates` answers `id`.
    fn among(&self, candidates: Statement<Text>, places: &Places) -> Orders {
        let statement = Orders::select().sql(" from (").part(candidates).sql(OF_CANDIDATES).sql(" and ");
        self.first(self.paid(self.path.between(statement, places)))
    }

    fn paid<T>(&self, statement: Statement<T>) -> Statement<T> {
        let Some(paid) = self.paid else { return statement };
        let statement = statement.sql(" and +orders.paid_at >= ").number(paid.from);
        statement.sql(" and +orders.paid_at < ").number(paid.before)
    }

    fn first(&self, statement: Orders) -> Orders {
        statement.sql(self.path.order).sql(" limit ").number(rows_of(self.rows))
    }

    /// Whether this order is asked for; the same conditions as above, for a row that was read.
    fn means(&self, row: &OrderRow) -> bool {
        let begins = [&row.account_id, &row.status];
        let place = Place::of(row);
        let paid = |span: Paid| row.paid_at.is_some_and(|at| span.from <= at && at < span.before);
        self.path.beginning.iter().all(|value| begins.contains(&value))
            && (self.span.from <= place && place < self.span.below)
            && self.paid.is_none_or(paid)
            && self.search.as_deref().is_none_or(|text| search::is_in(row, text))
    }
}

fn rows_of(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The order of a payment, if it is asked for.
async fn paid_by(conn: &mut Conn, asked: &Asked, payment: &PaymentId) -> Result<Vec<OrderRow>, StoreError> {
    let Some(owner) = details::payment_owner(conn, payment).await? else { return Ok(Vec::new()) };
    let one = Orders::select().sql(" from orders where id = ").text(&owner.to_string());
    let mut rows: Vec<OrderRow> = bulk::orders_read(conn, one).await?;
    rows.retain(|row| asked.means(row));
    Ok(rows)
}

/// Orders that contain a text long enough for the trigram index.
async fn searched(conn: &mut Conn, asked: Asked, text: String) -> Result<Vec<OrderRow>, StoreError> {
    let candidates = search::candidates(&text);
    let mut asked = Asked { search: Some(text), ..asked };
    let walked = WALKED.saturating_add(asked.rows.saturating_mul(WALKED_EACH));
    let end = nth(conn, &asked.path, &asked.span, walked).await?;
    let Places { from, below } = asked.span.clone();
    let near = Places { from: end.clone().unwrap_or_else(|| from.clone()), below };
    let mut rows = bulk::orders_read(conn, asked.walk(&near)).await?;
    if let Some(end) = end.filter(|_| rows.len() < asked.rows) {
        asked.rows = asked.rows.saturating_sub(rows.len());
        rows.extend(bulk::orders_read(conn, asked.among(candidates, &Places { from, below: end })).await?);
    }
    Ok(rows)
}

/// Orders paid in a span of time.
async fn paid_within(conn: &mut Conn, asked: &Asked) -> Result<Vec<OrderRow>, StoreError> {
    let Some(paid) = asked.paid else { return Ok(Vec::new()) };
    let Places { from, below } = asked.span.clone();
    let begin = Place::at(paid.from);
    let end = Place::at(paid.before.saturating_add(SKEW.as_millis().saturating_mul(1_000)));
    let inside = Places { from: from.clone().max(begin.clone()), below: below.clone().min(end) };
    let mut rows = bulk::orders_read(conn, asked.walk(&inside)).await?;
    let before = Places { from, below: below.min(begin) };
    if rows.len() < asked.rows && before.from < before.below {
        rows.extend(bulk::orders_read(conn, asked.among(stragglers(paid, &before), &before)).await?);
        rows.truncate(asked.rows);
    }
    Ok(rows)
}

/// Orders created between these places, which lie before the span in which they were paid. The first part
/// reads a day of payments at most, the second the few orders that were paid later than a day.
fn stragglers(paid: Paid, places: &Places) -> Statement<Text> {
    let created = |statement: Statement<Text>| {
        let statement = statement.sql(" and +created_at >= ").number(places.from.created_at);
        statement.sql(" and +created_at <= ").number(places.below.created_at)
    };
    let soon = Statement::new("select id from orders where paid_at >= ").number(paid.from).sql(" and paid_at < ");
    let soon = soon.number(paid.before.min(paid.from.saturating_add(LATE_MICROS)));
    let soon = created(soon.sql(" and paid_at - created_at < 86400000000"));
    // Spelled out, as the index is: a bound number would not show that the index holds them all.
    let late = soon.sql(" union all select id from orders where paid_at - created_at >= 86400000000");
    let late = late.sql(" and +paid_at >= ").number(paid.from).sql(" and +paid_at < ").number(paid.before);
    created(late)
}

/// The place of the oldest order that a short search looks at.
async fn newest(conn: &mut Conn) -> Result<Place, StoreError> {
    let all = Places { from: Place::at(i64::MIN), below: Place::at(i64::MAX) };
    let oldest = nth(conn, &Path::of(None, None), &all, NEWEST_ORDERS).await?;
    Ok(oldest.unwrap_or(all.from))
}

/// The place of the last of so many orders, if there are as many between these places.
async fn nth(conn: &mut Conn, path: &Path, places: &Places, count: usize) -> Result<Option<Place>, StoreError> {
    let statement = Statement::<(BigInt, Text)>::new("select orders.created_at, orders.id");
    let statement = path.between(statement.sql(path.table), places).sql(path.order).sql(" limit 1 offset ");
    let mut found: Vec<(i64, String)> = statement.number(rows_of(count.saturating_sub(1))).load(conn).await?;
    Ok(found.pop().map(|(created_at, id)| Place { created_at, id }))
}
