//! Unsettled orders by the thousand, put into the tables beside the service, each with its question due.

use crate::harness::TestApp;
use crate::harness::sql::run;

/// The id of a payment is this and its order's number.
const PAYMENT: i64 = 700_000;

/// Puts so many orders into the tables, two days old and of the statuses that are asked about slowly; answers their
/// payments, longest due first.
///
/// All at once: the timers of the service go on meanwhile, and must not meet the half of them.
pub fn put(app: &TestApp, count: i64) -> Vec<String> {
    let now = app.clock.now().micros();
    let created = now - 2 * 86_400_000_000;
    let account = app.account;
    let id = "'ord_00000000000000000000000000' || cast(100000 + n as text)";
    let payment = format!("cast({PAYMENT} + n as text)");
    let status = "case n % 3 when 0 then 'failed' when 1 then 'cancelled' else 'confirming' end";
    let tables = [
        (
            "orders (id, account_id, product, price_cents, price_currency, status, failure_reason, payment_id, \
             created_at, updated_at, version)",
            format!(
                "{id}, '{account}', 'solo_manual', 7900, 'USD', {status}, case n % 3 when 0 then 'expired' end, \
                 {payment}, {created}, {created}, 1"
            ),
        ),
        (
            "order_events (order_id, seq, status, at, source, recorded_at)",
            format!("{id}, 1, 'pending', {created}, 'create', {created}"),
        ),
        (
            "order_payments (payment_id, order_id, role, provider_status, received, first_seen_at)",
            format!("{payment}, {id}, 'bound', 'waiting', '0', {created}"),
        ),
        (
            "provider_work (order_id, due_at, claim, claimed_until, tries)",
            // The last order is the one that waits longest: its place in the queue is not that of its id.
            format!("{id}, {now} - (n + 1) * 1000, '', 0, 0"),
        ),
    ];
    let numbers = format!("with recursive r (n) as (select 0 union all select n + 1 from r where n + 1 < {count})");
    let inserts = tables.map(|(columns, values)| format!("{numbers} insert into {columns} select {values} from r"));
    let statements = format!("begin; {}; commit", inserts.join("; "));
    run(app.engine(), &app.database.url, &statements).expect("rows as the service writes them");
    (0..count).rev().map(|nth| (PAYMENT + nth).to_string()).collect()
}
