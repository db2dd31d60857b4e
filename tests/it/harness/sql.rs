//! Looks into the database beside the service, and holds it to what must be true of it at any moment.

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, select};

use crate::engines::Engine;

/// The one value that a query answers, as text; empty for null.
pub fn value(engine: Engine, url: &str, query: &str) -> String {
    match engine {
        Engine::Sqlite => {
            let text = diesel::dsl::sql::<Nullable<Text>>(&format!("cast(({query}) as text)"));
            let value: Option<String> = select(text).get_result(&mut sqlite(url)).expect("SQLite answers");
            value.unwrap_or_default()
        }
        Engine::Postgres(cluster) => cluster.sql(url, query),
    }
}

/// The lines of text that a query answers; of a query plan on SQLite, its sentences.
pub fn lines(engine: Engine, url: &str, query: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text, column_name = "detail")]
        line: String,
    }
    match engine {
        Engine::Sqlite => {
            let named = if query.starts_with("explain") {
                query.to_owned()
            } else {
                format!("with l (detail) as ({query}) select detail from l")
            };
            let lines: Vec<Line> = diesel::sql_query(named).load(&mut sqlite(url)).expect("SQLite answers");
            lines.into_iter().map(|line| line.line).collect()
        }
        Engine::Postgres(cluster) => cluster.sql(url, query).lines().map(str::to_owned).collect(),
    }
}

/// Runs statements; answers the complaint if they are refused.
pub fn run(engine: Engine, url: &str, statements: &str) -> Result<(), String> {
    match engine {
        Engine::Sqlite => sqlite(url).batch_execute(statements).map_err(|error| error.to_string()),
        Engine::Postgres(cluster) => cluster.try_sql(url, statements).map(drop),
    }
}

/// A connection of our own to the file.
pub fn sqlite(url: &str) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(url.trim_start_matches("sqlite://")).expect("SQLite opens");
    conn.batch_execute("pragma busy_timeout = 10000").expect("a time-out");
    conn
}

/// What counts to nothing in a database where nothing is half-written.
const OFFENCES: &[(&str, &str)] = &[
    (
        "orders whose key was used for another",
        "select count(*) from orders o where exists \
        (select 1 from idempotency_keys k where k.account_id = o.account_id) and not exists \
        (select 1 from idempotency_keys k where k.order_id = o.id)",
    ),
    (
        "keys without their order",
        "select count(*) from idempotency_keys k where not exists \
        (select 1 from orders o where o.id = k.order_id)",
    ),
    (
        "keyed creates that were not counted",
        "select (select count(*) from idempotency_keys) - \
        (select coalesce(sum(first_writes), 0) from idempotency_totals where account_id = '')",
    ),
    (
        "orders without a log",
        "select count(*) from orders o where not exists \
        (select 1 from order_events e where e.order_id = o.id)",
    ),
    (
        "logs without an order",
        "select count(*) from order_events e where not exists \
        (select 1 from orders o where o.id = e.order_id)",
    ),
    (
        "logs with a gap",
        "select count(*) from (select order_id from order_events group by order_id \
        having min(seq) <> 1 or max(seq) <> count(*)) g",
    ),
    (
        "steps backwards",
        "select count(*) from order_events a join order_events b \
        on b.order_id = a.order_id and b.seq = a.seq + 1 where \
        case b.status when 'pending' then 0 when 'confirming' then 1 when 'partial' then 2 else 3 end <= \
        case a.status when 'pending' then 0 when 'confirming' then 1 when 'partial' then 2 else 3 end",
    ),
    (
        "orders that differ from their log",
        "select count(*) from orders o where o.status <> \
        (select e.status from order_events e where e.order_id = o.id order by e.seq desc limit 1)",
    ),
    (
        "totals that differ from the orders",
        "select count(*) from \
        (select status, count(*) as n, sum(price_cents) as cents from orders group by status) o left join \
        (select status, sum(orders) as n, sum(cents) as cents from order_totals where day <> '' group by status) t \
        on t.status = o.status where t.n is null or t.n <> o.n or t.cents <> o.cents",
    ),
    (
        "totals of orders that are not there",
        "select (select coalesce(sum(orders), 0) from order_totals where day <> '') - \
        (select count(*) from orders)",
    ),
    (
        "totals over all days that differ from the sum of the days",
        "select count(*) from \
        (select status, product, currency, sum(case when day = '' then orders else -orders end) as n, \
        sum(case when day = '' then cents else -cents end) as cents, \
        sum(case when day = '' then paid_after_ms else -paid_after_ms end) as after from order_totals \
        group by status, product, currency) t where t.n <> 0 or t.cents <> 0 or t.after <> 0",
    ),
    (
        "moves that were not counted by their witness",
        "select count(*) from (select witness, sum(n) as n from \
        (select witness, 1 as n from order_events where witness is not null union all \
        select witness, -moves from witness_totals where day = '') m group by witness having sum(n) <> 0) w",
    ),
    (
        "counters of moves over all days that differ from the sum of the days",
        "select count(*) from (select witness, sum(case when day = '' then moves else -moves end) as n, \
        sum(case when day = '' then lag_ms else -lag_ms end) as lag from witness_totals group by witness) t \
        where t.n <> 0 or t.lag <> 0",
    ),
    (
        "paid orders that were not announced once",
        "select count(*) from orders o where o.status = 'paid' and 1 <> \
        (select count(*) from outbox_events e where e.order_id = o.id and e.event_type = 'crypto.order.paid')",
    ),
    (
        "paid orders without their IPN",
        "select count(*) from orders o where o.status = 'paid' and not exists \
        (select 1 from received_ipns i where i.order_id = o.id and i.outcome = 'applied')",
    ),
    (
        "deliveries of no event",
        "select count(*) from webhook_deliveries d where not exists \
        (select 1 from outbox_events o where o.id = d.event_id)",
    ),
    (
        "endpoints whose counts differ from their deliveries",
        "select count(*) from webhook_endpoints e where \
        e.delivered <> (select count(*) from webhook_deliveries d where d.webhook_id = e.id \
        and d.status = 'delivered') or \
        e.dlq <> (select count(*) from webhook_deliveries d where d.webhook_id = e.id and d.status = 'dlq') or \
        e.failed <> (select count(*) from webhook_deliveries d where d.webhook_id = e.id and \
        (d.status = 'failed' or (d.status = 'in_flight' and d.attempts > 0)))",
    ),
];

/// Asserts that nothing is half-written, in a database whose checkouts all had keys.
pub fn assert_whole(engine: Engine, url: &str) {
    for (offence, query) in OFFENCES {
        assert_eq!(value(engine, url, query), "0", "{offence}");
    }
    if matches!(engine, Engine::Sqlite) {
        assert_eq!(value(engine, url, "select integrity_check from pragma_integrity_check"), "ok");
    }
}
