//! Which plans are good: those that find their rows by an index, and never walk a large table.
//!
//! A statement is explained without its values, as a prepared one is planned for any of them, and with
//! those it was sent with. PostgreSQL is asked as it comes, not as the service sets its connections: an
//! index must be the better way, not the only one that is left.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use serde_json::Value;

use super::record::Statement;
use crate::engines::{Database, Engine};
use crate::harness::migrate;
use crate::harness::sql::lines;

/// Tables that may be read from end to end, and why that costs the same at any number of orders.
const SMALL: &[(&str, &str)] = &[
    ("accounts", "a row per customer"),
    ("order_totals", "a row per day, status, product, currency and writer"),
    ("witness_totals", "a row per day, witness and writer"),
    ("idempotency_totals", "a row per customer and writer"),
    ("refused_ipns", "the newest 1 000 are kept"),
    ("service_secrets", "a row per kind of secret"),
    ("sessions", "a row per operator who signed in within twelve hours"),
    ("search_queue", "only what the last seconds have left; one row is asked for"),
];

/// Where statements are explained.
pub enum Judge {
    /// The file, and an empty one: in use SQLite has no statistics, and plans as if there were nothing to know.
    Sqlite { known: String, unknown: Database },
    /// A connection whose settings are PostgreSQL's own.
    Postgres(Box<AsyncPgConnection>),
}

#[derive(QueryableByName)]
struct PostgresPlan {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    plan: String,
}

impl Judge {
    /// A judge of plans over this database.
    pub async fn new(engine: Engine, url: &str) -> Self {
        match engine {
            Engine::Sqlite => Self::Sqlite { known: url.to_owned(), unknown: engine.database(migrate) },
            Engine::Postgres(_) => {
                let mut conn = AsyncPgConnection::establish(url).await.expect("PostgreSQL answers");
                conn.batch_execute("set enable_seqscan = on; set jit = off").await.expect("settings");
                Self::Postgres(Box::new(conn))
            }
        }
    }

    /// What is wrong with the plan of a statement.
    pub async fn complaints(&mut self, statement: &Statement) -> Vec<String> {
        match self {
            Self::Sqlite { known, unknown } => {
                let spelled = [statement.sql.clone(), filled(statement)];
                let complaints = |url| spelled.iter().flat_map(move |sql| of_sqlite(url, sql));
                complaints(known).chain(complaints(&unknown.url)).collect()
            }
            Self::Postgres(conn) => of_postgres(conn, statement).await,
        }
    }
}

/// The statement with its values in their places.
fn filled(statement: &Statement) -> String {
    let mut values = statement.values.iter();
    let mut quote = None;
    let mut text = String::new();
    for character in statement.sql.chars() {
        match (character, quote) {
            ('?', None) => text.push_str(&values.next().expect("a value for each place").literal()),
            ('\'' | '"' | '`', None) => {
                quote = Some(character);
                text.push(character);
            }
            (other, open) => {
                quote = open.filter(|&open| open != other);
                text.push(other);
            }
        }
    }
    assert!(values.next().is_none(), "a place for each value: {statement:?}");
    text
}

fn of_sqlite(url: &str, sql: &str) -> Vec<String> {
    let plan = lines(Engine::Sqlite, url, &format!("explain query plan {sql}"));
    // A walk along an index is good where it ends with the page: nothing is left out on the way or sorted after.
    let (words, sorts) = (sql.to_lowercase(), plan.iter().any(|line| line == "USE TEMP B-TREE FOR ORDER BY"));
    let bounded = words.contains(" limit ") && !leaves_rows_out(&words) && !sorts;
    let bad = |line: &&String| line.strip_prefix("SCAN ").is_some_and(|scan| !is_good_scan(scan, bounded));
    plan.iter().filter(bad).cloned().collect()
}

/// Whether a statement has conditions other than those that make a part of an index: something is null, or is not, or
/// is a dead letter.
fn leaves_rows_out(words: &str) -> bool {
    let Some((_, conditions)) = words.split_once(" where ") else { return false };
    let conditions = conditions.split(" order by ").next().unwrap_or_default();
    let of_index = |condition: &str| {
        let condition = condition.trim_matches(['(', ')', ' ']);
        let dead = condition.ends_with("webhook_deliveries.status = 'dlq'");
        dead || condition.ends_with(" is null") || condition.ends_with(" is not null")
    };
    !conditions.split(" and ").all(of_index)
}

/// Judges a line of SQLite's that began with `SCAN`.
fn is_good_scan(scan: &str, bounded: bool) -> bool {
    let (name, how) = scan.split_once(' ').unwrap_or((scan, ""));
    let small = SMALL.iter().any(|(table, _)| *table == name);
    let made_up = scan.starts_with('(') || scan == "CONSTANT ROW";
    // The index of texts says after the colon what it looks for; nothing there means everything.
    let by_text = how.strip_prefix("VIRTUAL TABLE INDEX ").is_some_and(|index| !index.ends_with(':'));
    let by_index = how.starts_with("USING INDEX") || how.starts_with("USING COVERING INDEX");
    small || made_up || by_text || by_index && bounded
}

async fn of_postgres(conn: &mut AsyncPgConnection, statement: &Statement) -> Vec<String> {
    let sql = &statement.sql;
    conn.batch_execute(&format!("prepare asked as {sql}")).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let values = statement.values.iter().map(super::values::Value::literal).collect::<Vec<_>>().join(", ");
    let values = if values.is_empty() { values } else { format!("({values})") };
    let mut complaints = Vec::new();
    for mode in ["force_generic_plan", "force_custom_plan"] {
        conn.batch_execute(&format!("set plan_cache_mode = {mode}")).await.expect("a mode");
        let explain = format!("explain (format json, costs off) execute asked{values}");
        let plans: Vec<PostgresPlan> =
            diesel::sql_query(&explain).load(conn).await.unwrap_or_else(|error| panic!("{sql} {explain}: {error}"));
        for plan in plans {
            let plan: Value = serde_json::from_str(&plan.plan).expect("a plan");
            judge_node(&plan[0]["Plan"], Reach::All, &mut complaints);
        }
    }
    conn.batch_execute("deallocate asked").await.expect("it is forgotten");
    complaints
}

/// How much of what a node finds is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// All of it.
    All,
    /// As much as the page holds.
    Page,
}

fn judge_node(node: &Value, reach: Reach, complaints: &mut Vec<String>) {
    let text = |field: &str| node[field].as_str().unwrap_or_default();
    let (kind, table) = (text("Node Type"), text("Relation Name"));
    let small = SMALL.iter().any(|(known, _)| *known == table);
    let walks = kind.ends_with("Index Scan") || kind == "Index Only Scan";
    if kind == "Seq Scan" && !small {
        complaints.push(format!("Seq Scan on {table}"));
    }
    // A walk along an index is good where it ends with the page: nothing is left out on the way.
    let bounded = reach == Reach::Page && node["Filter"].is_null();
    if walks && !small && node["Index Cond"].is_null() && !bounded {
        complaints.push(format!("all of {} may be walked", text("Index Name")));
    }
    let below = match kind {
        "Limit" => Reach::Page,
        // These look at everything before they let go of the first row.
        "Sort" | "Aggregate" | "Hash" | "Bitmap Heap Scan" => Reach::All,
        _ => reach,
    };
    for child in node["Plans"].as_array().into_iter().flatten() {
        judge_node(child, below, complaints);
    }
}
