//! What operators ask, with what they are promised: contract section 4, and the runbook's look-ups.
//!
//! Each question is asked about many different things, taken from all over the database.

use crate::site::engines::Database;

/// The p99 that a list, a look-up and a statistic is promised, in microseconds.
const USUAL: u32 = 20_000;
/// That of a substring search.
const SEARCH: u32 = 100_000;
/// How many different things each question is about.
const KINDS: u64 = 60;

/// One kind of request.
pub struct Question {
    /// What it is called in the table.
    pub name: &'static str,
    /// The p99 it is promised, in microseconds.
    pub promised_micros: u32,
    /// What is asked, in turn.
    pub paths: Vec<String>,
}

/// Things that are in the database, from all over it.
pub struct Samples {
    ids: Vec<String>,
    payments: Vec<String>,
    accounts: Vec<String>,
    times: Vec<String>,
}

impl Samples {
    /// Looks for some.
    pub fn of(database: &Database) -> Self {
        let orders = database.number("select count(*) from orders");
        // Versions and cents repeat in patterns; the milliseconds of the creation do not.
        let every = (orders / KINDS / 8).max(1);
        let spread = format!("(created_at / 1000) % {every} = 0");
        let column = |sql: &str| database.column(sql);
        let limit = KINDS;
        Self {
            ids: column(&format!("select id from orders where {spread} limit {limit}")),
            payments: column(&format!(
                "select payment_id from orders where payment_id is not null and {spread} limit {limit}"
            )),
            accounts: column("select id from accounts order by id"),
            times: column(&format!("select created_at from orders where {spread} limit {limit}")),
        }
    }
}

/// All questions.
pub fn all(samples: &Samples) -> Vec<Question> {
    [lists(samples), look_ups(samples), statistics(samples), searches(samples), pages(samples)]
        .into_iter()
        .flatten()
        .collect()
}

fn question(name: &'static str, promised_micros: u32, rest: Vec<String>) -> Question {
    assert!(!rest.is_empty(), "{name}: nothing to ask");
    let paths = rest.into_iter().map(|rest| format!("/v1/admin/crypto-orders{rest}")).collect();
    Question { name, promised_micros, paths }
}

fn lists(samples: &Samples) -> Vec<Question> {
    let statuses = ["pending", "confirming", "partial", "paid", "failed", "cancelled"];
    let before = |times: &[String]| times.iter().map(|time| iso(time)).collect::<Vec<_>>();
    let times = before(&samples.times);
    let each_account = |rest: &str| samples.accounts.iter().map(|id| format!("?account_id={id}{rest}")).collect();
    let by_both = samples.accounts.iter().flat_map(|id| statuses.map(|s| format!("?account_id={id}&status={s}")));
    let of_a_day = |what: &str| -> Vec<String> {
        times.iter().map(|at| format!("?{what}_after={}&{what}_before={at}", day_before(at))).collect()
    };
    vec![
        question("list: newest", USUAL, vec![String::new()]),
        question("list: older pages", USUAL, times.iter().map(|at| format!("?created_before={at}")).collect()),
        question("list: each status", USUAL, statuses.map(|status| format!("?status={status}")).to_vec()),
        question("list: each account", USUAL, each_account("")),
        question("list: account, status", USUAL, by_both.collect()),
        question("list: created on a day", USUAL, of_a_day("created")),
        question("list: paid on a day", USUAL, of_a_day("paid")),
        question("list: paid since", USUAL, times.iter().map(|at| format!("?paid_after={at}")).collect()),
    ]
}

fn look_ups(samples: &Samples) -> Vec<Question> {
    let each = |rest: &str| samples.ids.iter().map(|id| format!("/{id}{rest}")).collect();
    let payments = samples.payments.iter().map(|payment| format!("?payment_id={payment}"));
    vec![
        question("payment id", USUAL, payments.collect()),
        question("one order", USUAL, each("")),
        question("its events", USUAL, each("/events")),
        question("its IPNs", USUAL, each("/ipns")),
    ]
}

fn statistics(samples: &Samples) -> Vec<Question> {
    let keys = samples.accounts.iter().map(|id| format!("/idempotency-metrics?account_id={id}"));
    vec![
        question("stats", USUAL, vec!["/stats".to_owned()]),
        question("daily, 90 days", USUAL, vec!["/daily?days=90".to_owned()]),
        question("pending-age", USUAL, vec!["/pending-age".to_owned()]),
        question("idempotency-metrics", USUAL, vec!["/idempotency-metrics".to_owned()]),
        question("keys of an account", USUAL, keys.collect()),
        question("attention", USUAL, vec!["/attention".to_owned()]),
        question("CSV, 1000 rows", 100_000, vec![".csv".to_owned()]),
    ]
}

fn searches(samples: &Samples) -> Vec<Question> {
    let tail = |id: &String| id.get(id.len().saturating_sub(8)..).unwrap_or(id).to_owned();
    let search = |text: String| format!("?search={text}");
    let words = ["solo_manual", "api_scale", "ord_0", "manual"].map(|word| search(word.to_owned()));
    let absent = ["zzzzqqqq", "no-such-note-anywhere", "0123456789abcdef"].map(|word| search(word.to_owned()));
    let filtered = ["solo", "api"].map(|word| format!("?search={word}&status=failed"));
    vec![
        question("search: end of an id", SEARCH, samples.ids.iter().map(tail).map(search).collect()),
        question("search: common words", SEARCH, words.to_vec()),
        question("search: absent words", SEARCH, absent.to_vec()),
        question("search: two letters", SEARCH, ["ap", "zz", "so"].map(|word| search(word.to_owned())).to_vec()),
        question("search: with a status", SEARCH, filtered.to_vec()),
    ]
}

/// The same as pages, which only show what is asked above.
fn pages(samples: &Samples) -> Vec<Question> {
    let page = |name, paths: Vec<String>| Question { name, promised_micros: USUAL, paths };
    let one = |path: &str| vec![path.to_owned()];
    let statuses = ["pending", "paid", "failed"].map(|status| format!("/admin/orders?status={status}"));
    let accounts = samples.accounts.iter().map(|id| format!("/admin/idempotency?account_id={id}"));
    vec![
        page("page: overview", one("/admin")),
        page("page: orders", one("/admin/orders")),
        page("page: orders, each status", statuses.to_vec()),
        page("page: an order", samples.ids.iter().map(|id| format!("/admin/orders/{id}")).collect()),
        page("page: sweep", one("/admin/sweep")),
        page("page: attention", one("/admin/attention")),
        page("page: dead letters", one("/admin/dead-letters")),
        page("page: audit log", one("/admin/audit-log")),
        page("page: keys of an account", accounts.collect()),
    ]
}

/// Microseconds since the epoch as the wire writes them.
fn iso(micros: &str) -> String {
    let micros: i64 = micros.parse().expect("a time");
    crypto_orders::domain::time::Timestamp::from_micros(micros).to_string()
}

fn day_before(time: &str) -> String {
    use crypto_orders::domain::time::{Span, Timestamp};
    Timestamp::parse(time).expect("a time").before(Span::hours(24)).to_string()
}
