//! A database as it is after a while: 100 000 orders with all that belongs to them, known to the planner.
//!
//! One order a minute up to now, most of them settled, over 500 accounts; of every other table as many rows.

use crypto_orders::domain::attention::AttentionKind;
use crypto_orders::domain::time::Timestamp;

use crate::engines::Engine;
use crate::harness::TestApp;
use crate::harness::sql::run;

/// How many orders there are.
pub const ORDERS: i64 = 100_000;
/// How many accounts have some; the first of them is the test's own.
const ACCOUNTS: i64 = 500;
const MINUTE_MICROS: i64 = 60_000_000;

/// The id of the order of this number; the last one is the newest.
pub fn order(number: i64) -> String {
    format!("ord_{number:032x}")
}

/// The endpoint of the test's own account that has deliveries.
pub fn hook() -> String {
    format!("whk_00000000-0000-7000-8000-{ACCOUNTS:012x}")
}

/// The delivery of the event of this number.
pub fn delivery(number: i64) -> String {
    format!("wdl_00000000-0000-7000-8000-{number:012x}")
}

/// What each row is made of, in an engine's own words.
struct Words {
    engine: Engine,
    account: String,
    now: Timestamp,
}

impl Words {
    /// The number of the row in hexadecimal digits.
    fn hex(&self, digits: usize) -> String {
        match self.engine {
            Engine::Sqlite => format!("printf('%0{digits}x', i)"),
            Engine::Postgres(_) => format!("lpad(to_hex(i), {digits}, '0')"),
        }
    }

    fn uuid(&self) -> String {
        format!("'00000000-0000-7000-8000-' || {}", self.hex(12))
    }

    fn order(&self) -> String {
        format!("'ord_' || {}", self.hex(32))
    }

    /// One account in as many has every order whose number is a multiple.
    fn account(&self) -> String {
        let digits =
            self.hex(12).replace("i)", &format!("i % {ACCOUNTS})")).replace("(i,", &format!("(i % {ACCOUNTS},"));
        let other = format!("'00000000-0000-7000-8000-' || {digits}");
        format!("case when i % {ACCOUNTS} = 0 then '{}' else {other} end", self.account)
    }

    fn created(&self) -> String {
        format!("{} - ({ORDERS} - i) * {MINUTE_MICROS}", self.now.micros())
    }

    fn day(&self) -> String {
        match self.engine {
            Engine::Sqlite => "strftime('%Y-%m-%d', created_at / 1000000, 'unixepoch')".to_owned(),
            Engine::Postgres(_) => {
                "to_char(to_timestamp(created_at / 1000000) at time zone 'utc', 'YYYY-MM-DD')".to_owned()
            }
        }
    }

    /// One statement that fills a table, row by row of the numbers for which `which` holds.
    fn fill(&self, table: &str, columns: &[(&str, &str)], which: &str) -> String {
        let names = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let values = columns.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(", ");
        let numbers = match self.engine {
            Engine::Sqlite => {
                format!("with recursive n (i) as (select 1 union all select i + 1 from n where i < {ORDERS})")
            }
            Engine::Postgres(_) => format!("with n (i) as (select generate_series(1::bigint, {ORDERS}))"),
        };
        format!("insert into {table} ({names}) {numbers} select {values} from n where {which};\n")
    }
}

const STATUS: &str = "case i % 97 when 0 then 'pending' when 1 then 'confirming' when 2 then 'partial' \
                      when 3 then 'failed' when 4 then 'cancelled' else 'paid' end";
const PAID: &str = "i % 97 > 4";

/// Fills the database of a node, and has the engine look at what is in it.
pub fn fill(app: &TestApp) {
    let engine = app.engine();
    let words = Words { engine, account: app.account.to_string(), now: app.clock.now() };
    let statements = [
        orders(&words),
        ledgers(&words),
        keys(&words),
        notices(&words),
        endpoints(&words),
        events(&words),
        deliveries(&words),
        totals(&words),
    ]
    .concat();
    let around = match engine {
        Engine::Sqlite => format!("pragma synchronous = off; begin; {statements} commit;"),
        Engine::Postgres(_) => format!("begin; set local synchronous_commit = off; {statements} commit;"),
    };
    run(engine, &app.database.url, &around).expect("rows");
    run(engine, &app.database.url, "analyze").expect("statistics");
}

/// The orders with their logs and their searched texts.
fn orders(words: &Words) -> String {
    let (id, account, created) = (words.order(), words.account(), words.created());
    let paid_at = format!("case when {PAID} then {created} + 300000000 end");
    let due_at = format!("case when i % 97 = 0 then {created} + 3600000000 end");
    let check = format!("case when {PAID} then 'checked' end");
    let payment = format!("case when {PAID} then 'pay-' || i end");
    let order = words.fill(
        "orders",
        &[
            ("id", &id),
            ("account_id", &account),
            ("product", "case i % 2 when 0 then 'solo_manual' else 'team_manual' end"),
            ("price_cents", "7900"),
            ("price_currency", "'USD'"),
            ("status", STATUS),
            ("failure_reason", "case when i % 97 = 3 then 'expired' end"),
            ("amount_check", &check),
            ("payment_id", &payment),
            ("customer_note", "case when i % 10 = 0 then 'table ' || i end"),
            ("expires_at", &due_at),
            ("due_at", &due_at),
            ("paid_at", &paid_at),
            ("created_at", &created),
            ("updated_at", &created),
            ("version", "1"),
        ],
        "true",
    );
    let event = |seq: &str, status: &str, source: &str, which: &str| {
        let columns = [
            ("order_id", id.as_str()),
            ("seq", seq),
            ("status", status),
            ("at", &created),
            ("source", source),
            ("recorded_at", &created),
        ];
        words.fill("order_events", &columns, which)
    };
    let text = format!("{id} || ' solo_manual' || case when i % 10 = 0 then ' table ' || i else '' end");
    let search = words.fill("order_search", &[("order_id", &id), ("body", &text)], "true");
    [order, event("1", "'pending'", "'create'", "true"), event("2", "'paid'", "'ipn'", PAID), search].concat()
}

/// Payments, and the IPNs that told of them.
fn ledgers(words: &Words) -> String {
    let (id, created, sha256) = (words.order(), words.created(), words.hex(64));
    let payments = words.fill(
        "order_payments",
        &[
            ("payment_id", "'pay-' || i"),
            ("order_id", &id),
            ("role", "'bound'"),
            ("provider_status", "'finished'"),
            ("first_seen_at", &created),
        ],
        "true",
    );
    let ipns = words.fill(
        "received_ipns",
        &[
            ("body_sha256", &sha256),
            ("order_id", &id),
            ("payment_id", "'pay-' || i"),
            ("payment_status", "'finished'"),
            ("verified_form", "'raw'"),
            ("verified_secret", "0"),
            ("outcome", "'applied'"),
            ("times_seen", "1"),
            ("received_at", &created),
            ("last_received_at", &created),
            ("raw_body", "'{}'"),
        ],
        "true",
    );
    payments + &ipns
}

/// Keys of checkouts, and keys of the API.
fn keys(words: &Words) -> String {
    let (id, account, created) = (words.order(), words.account(), words.created());
    let key_id = format!("'key_' || {}", words.uuid());
    let prefix = format!("'ds_live_' || {}", words.hex(8));
    let used = words.fill(
        "idempotency_keys",
        &[
            ("account_id", &account),
            ("key", "'key-' || i"),
            ("order_id", &id),
            ("product", "'solo_manual'"),
            ("price_cents", "7900"),
            ("price_currency", "'USD'"),
            ("first_seen_at", &created),
            ("last_seen_at", &created),
            ("replays", "0"),
            ("body_mismatches", "0"),
        ],
        "true",
    );
    let keys = words.fill(
        "api_keys",
        &[
            ("id", &key_id),
            ("account_id", &account),
            ("name", "'key ' || i"),
            ("key_prefix", &prefix),
            ("key_hash", "'none'"),
            ("scopes", "'read'"),
            ("created_at", &created),
        ],
        "true",
    );
    used + &keys
}

/// Endpoints for webhooks, of which most were deleted.
fn endpoints(words: &Words) -> String {
    let (account, created) = (words.account(), words.created());
    let id = format!("'whk_' || {}", words.uuid());
    let deleted = format!("case when i % 5000 > 0 then {created} end");
    words.fill(
        "webhook_endpoints",
        &[
            ("id", &id),
            ("account_id", &account),
            ("url", "'https://93.184.215.14/hooks'"),
            ("secret", "'whsec_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"),
            ("events", "'crypto.order.paid'"),
            // None is sent anything while the test looks.
            ("status", "'paused'"),
            ("consecutive_failures", "0"),
            ("deleted_at", &deleted),
            ("delivered", "0"),
            ("failed", "0"),
            ("dlq", "0"),
            ("created_at", &created),
        ],
        "true",
    )
}

/// What is raised to operators, and what they did.
fn notices(words: &Words) -> String {
    let (id, created, uuid) = (words.order(), words.created(), words.uuid());
    let key_id = format!("'key_' || {uuid}");
    let resolved = format!("case when i % 9 > 0 then {created} end");
    let kinds = AttentionKind::ALL.iter().enumerate();
    let kinds: String = kinds.map(|(number, kind)| format!(" when {number} then '{}'", kind.as_str())).collect();
    let kind = format!("case i % {}{kinds} end", AttentionKind::ALL.len());
    let attention = words.fill(
        "attention_items",
        &[
            ("id", &uuid),
            ("kind", &kind),
            ("order_id", &id),
            ("payment_id", "'pay-' || i"),
            ("count", "1"),
            ("first_at", &created),
            ("last_at", &created),
            ("resolved_at", &resolved),
        ],
        "true",
    );
    let audit = words.fill(
        "audit_log",
        &[
            ("id", &uuid),
            ("actor", &key_id),
            ("action", "'crypto_order.note_updated'"),
            ("target", &id),
            ("input", "'{}'"),
            ("result", "'{}'"),
            ("at", &created),
        ],
        "true",
    );
    attention + &audit
}

/// An event of each order.
fn events(words: &Words) -> String {
    let (id, account, created, uuid) = (words.order(), words.account(), words.created(), words.uuid());
    words.fill(
        "outbox_events",
        &[
            ("id", &uuid),
            ("account_id", &account),
            ("order_id", &id),
            ("event_type", "'crypto.order.paid'"),
            ("body", "'{}'"),
            ("created_at", &created),
        ],
        "true",
    )
}

/// Every second event on its way or arrived, each account's to one of its endpoints; of the others the retention has
/// removed the deliveries.
fn deliveries(words: &Words) -> String {
    let (id, created, uuid) = (words.order(), words.created(), words.uuid());
    let delivered = format!("case when i % 50 not in (0, 10) then {created} end");
    let one = format!("i % {ACCOUNTS} + {ACCOUNTS}");
    let one = words.hex(12).replace("i)", &format!("{one})")).replace("(i,", &format!("({one},"));
    let (hook, delivery) = (format!("'whk_00000000-0000-7000-8000-' || {one}"), format!("'wdl_' || {uuid}"));
    let removed = words.fill("confirmed_events", &[("event_id", &uuid), ("webhook_id", &hook)], "i % 2 = 1");
    let kept = words.fill(
        "webhook_deliveries",
        &[
            ("id", &delivery),
            ("webhook_id", &hook),
            ("event_id", &uuid),
            ("order_id", &id),
            ("event_type", "'crypto.order.paid'"),
            ("event_at", &created),
            ("turn", "'in_order'"),
            ("status", "case i % 50 when 0 then 'dlq' when 10 then 'failed' else 'delivered' end"),
            ("attempts", "1"),
            ("lease", "''"),
            ("delivered_at", &delivered),
            ("created_at", &created),
        ],
        "i % 2 = 0",
    );
    [removed, kept].concat()
}

/// The totals of these orders.
fn totals(words: &Words) -> String {
    let totals = |day: &str| {
        format!(
            "insert into order_totals (day, status, product, currency, shard, orders, cents, paid_after_ms) \
             select {day}, status, product, price_currency, 0, count(*), sum(price_cents), \
             sum(coalesce(paid_at - created_at, 0)) / 1000 from orders group by 1, 2, 3, 4;\n"
        )
    };
    totals(&words.day()) + &totals("''")
}
