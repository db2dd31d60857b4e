//! Unsettled orders by the thousand, put into the tables beside the service, each with its question due.

use crate::harness::TestApp;
use crate::harness::sql::run;

/// How many rows one statement takes.
const ROWS: usize = 500;

/// Puts so many orders into the tables, two days old and of the statuses that are asked about slowly; answers their
/// payments, longest due first.
pub fn put(app: &TestApp, count: i64) -> Vec<String> {
    let now = app.clock.now().micros();
    let created = now - 2 * 86_400_000_000;
    let (mut orders, mut events, mut payments, mut works) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let statuses = [("failed", "'expired'"), ("cancelled", "null"), ("confirming", "null")];
    for (nth, (status, reason)) in (0..count).zip(statuses.into_iter().cycle()) {
        // The last order is the one that waits longest: its place in the queue is not that of its id.
        let (id, payment, due) = (format!("ord_{nth:032x}"), 700_000 + nth, now - (nth + 1) * 1_000);
        let account = app.account.to_string();
        orders.push(format!(
            "('{id}', '{account}', 'solo_manual', 7900, 'USD', '{status}', {reason}, '{payment}', {created}, {created}, 1)"
        ));
        events.push(format!("('{id}', 1, 'pending', {created}, 'create', {created})"));
        payments.push(format!("('{payment}', '{id}', 'bound', 'waiting', '0', {created})"));
        works.push(format!("('{id}', {due}, '', 0, 0)"));
    }
    let columns = "orders (id, account_id, product, price_cents, price_currency, status, failure_reason, payment_id, \
                   created_at, updated_at, version)";
    insert(app, columns, &orders);
    insert(app, "order_events (order_id, seq, status, at, source, recorded_at)", &events);
    insert(app, "order_payments (payment_id, order_id, role, provider_status, received, first_seen_at)", &payments);
    // Longest due first: the poller's own timer may go off before all of them are there.
    works.reverse();
    insert(app, "provider_work (order_id, due_at, claim, claimed_until, tries)", &works);
    (0..count).rev().map(|nth| (700_000 + nth).to_string()).collect()
}

fn insert(app: &TestApp, columns: &str, rows: &[String]) {
    for some in rows.chunks(ROWS) {
        let statement = format!("insert into {columns} values {}", some.join(", "));
        run(app.engine(), &app.database.url, &statement).expect("rows as the service writes them");
    }
}
