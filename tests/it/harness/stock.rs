//! Orders by the thousand, put into the tables beside the service, as the service would have left them.
//!
//! Their texts are only queued for the search index: the service takes them in by itself.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::{TestApp, eventually};
use crate::harness::sql::run;

/// How many rows one statement takes.
const ROWS: usize = 250;
/// The first minute in which an order was created, in milliseconds: 2026-05-01T00:00:00Z.
pub const FIRST: i64 = 1_777_593_600_000;
/// How many minutes there are in which orders were created.
pub const MINUTES: i64 = 3_000;
/// A minute, in milliseconds.
pub const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440;

/// An order as it stands in the tables.
#[derive(Debug, Clone)]
pub struct Stocked {
    pub id: String,
    pub account: String,
    pub product: &'static str,
    pub status: &'static str,
    pub note: Option<String>,
    pub created_at: i64,
    pub paid_at: Option<i64>,
    pub payments: Vec<String>,
}

/// So many orders of these accounts, newest first as lists show them: many of one moment, of every status,
/// paid at once, within minutes, after days, and by a node whose clock was behind.
pub fn orders(runner: &mut TestRunner, accounts: &[String], count: usize) -> Vec<Stocked> {
    let mut made: Vec<Stocked> = (0..count).map(|number| order(runner, accounts, number)).collect();
    made.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
    made
}

fn order(runner: &mut TestRunner, accounts: &[String], number: usize) -> Stocked {
    let states = vec!["pending", "confirming", "partial", "paid", "paid", "paid", "failed", "cancelled"];
    let products = vec!["solo_manual", "team_manual", "api_scale"];
    let lags = vec![-5, 0, 1, 2, 30, 30, 60, 600, DAY - 1, DAY, DAY + 1, 3 * DAY];
    let choices = (
        any::<u128>(),
        prop::sample::select(accounts.to_vec()),
        prop::sample::select(products),
        prop::sample::select(states),
        0..MINUTES,
        prop::sample::select(lags),
        0..8_u8,
    );
    let (id, account, product, status, minute, lag, kind) = choices.new_tree(runner).expect("an order").current();
    let note = match kind {
        _ if minute < 200 && kind < 4 => Some(format!("Fossil {number}")),
        0 => Some(format!("alpha Beta {number}")),
        1 => Some("One\nTwo".to_owned()),
        2 => Some(format!("Needle-{}", number % 40)),
        3 => Some("Zoë".to_owned()),
        _ => None,
    };
    let created_at = FIRST + minute * MINUTE;
    let paid = status == "paid";
    let payments = if paid { vec![format!("pay-{number}"), format!("kid-{number}")] } else { Vec::new() };
    let paid_at = paid.then_some(created_at + lag * MINUTE);
    Stocked { id: format!("ord_{id:032x}"), account, product, status, note, created_at, paid_at, payments }
}

impl Stocked {
    /// Whether a search should find it.
    pub fn says(&self, text: &str) -> bool {
        let wanted = text.to_lowercase();
        let note = self.note.as_deref().unwrap_or_default();
        [self.id.as_str(), self.product, note].iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    fn row(&self) -> String {
        let text = |text: Option<&str>| text.map_or("null".to_owned(), |text| format!("'{text}'"));
        let at = |time: Option<i64>| time.map_or("null".to_owned(), |millis| format!("{}", millis * 1_000));
        let reason = text((self.status == "failed").then_some("ipn"));
        let check = text((self.status == "paid").then_some("checked"));
        let expires = at((self.status == "pending").then_some(self.created_at + 60 * MINUTE));
        let payment = text(self.payments.first().map(String::as_str));
        let (created, paid, note) = (at(Some(self.created_at)), at(self.paid_at), text(self.note.as_deref()));
        let Self { id, account, product, status, .. } = self;
        format!(
            "('{id}', '{account}', '{product}', 7900, 'USD', '{status}', {reason}, {check}, {payment}, {note}, \
             {expires}, {paid}, {created}, {created}, 1)"
        )
    }

    fn event(&self) -> String {
        let at = self.created_at * 1_000;
        format!("('{}', 1, 'pending', {at}, 'create', {at})", self.id)
    }

    fn payments(&self) -> impl Iterator<Item = String> {
        self.payments.iter().enumerate().map(|(number, payment)| {
            let role = if number == 0 { "bound" } else { "own" };
            format!("('{payment}', '{}', '{role}', 'finished', {})", self.id, self.created_at * 1_000)
        })
    }
}

/// Puts orders into the tables of this node's database.
pub fn put(app: &TestApp, orders: &[Stocked]) {
    let columns = "orders (id, account_id, product, price_cents, price_currency, status, failure_reason, amount_check, \
                   payment_id, customer_note, expires_at, paid_at, created_at, updated_at, version)";
    insert(app, columns, orders.iter().map(Stocked::row));
    insert(app, "order_events (order_id, seq, status, at, source, recorded_at)", orders.iter().map(Stocked::event));
    let columns = "order_payments (payment_id, order_id, role, provider_status, first_seen_at)";
    insert(app, columns, orders.iter().flat_map(Stocked::payments));
}

/// Has the service take these orders' texts into its index, and waits until it has.
pub async fn index(app: &TestApp, orders: &[Stocked]) {
    insert(app, "search_queue (order_id)", orders.iter().map(|order| format!("('{}')", order.id)));
    let queued = || app.database.sql("select count(*) from search_queue");
    eventually("the index", || async { (queued() == "0").then_some(()) }).await;
}

fn insert(app: &TestApp, columns: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    for some in rows.chunks(ROWS) {
        let statement = format!("insert into {columns} values {}", some.join(", "));
        run(app.engine(), &app.database.url, &statement).expect("rows as the service writes them");
    }
}
