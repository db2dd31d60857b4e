//! The plain service's database: its tables, its connections, and one statement for each thing that it does.
//!
//! A write is a single statement, which PostgreSQL commits by itself, on the disk, before it answers.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use actix_web::rt;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Error, NoTls, Row, Statement};

const TABLES: &str = "
create table orders (
    id uuid primary key,
    account_id bigint not null,
    product text not null,
    price_cents bigint not null check (price_cents > 0),
    price_currency text not null,
    pay_currency text not null,
    status text not null default 'pending',
    payment_id bigint,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null default now() + interval '1 hour',
    paid_at timestamptz
);
create unique index one_order_a_payment on orders (payment_id) where payment_id is not null;
create index next_to_expire on orders (expires_at) where status = 'pending';
create table order_events (
    order_id uuid not null references orders,
    seq integer not null,
    kind text not null,
    payload jsonb not null,
    at timestamptz not null default now(),
    primary key (order_id, seq)
);
create table checkout_keys (
    account_id bigint not null,
    key text not null,
    body_digest bytea not null,
    order_id uuid not null,
    primary key (account_id, key)
);";

/// What [`Order::of_row`] reads, in its order.
const COLUMNS: &str = "o.id::text, o.product, o.price_cents, o.price_currency, o.pay_currency, o.status, o.created_at, o.expires_at, o.paid_at";

/// A key that is taken already makes neither an order nor an event, and returns no row.
const MAKE: &str = "
with taken as (
    insert into checkout_keys (account_id, key, body_digest, order_id) values ($1, $2, $3, $4::text::uuid)
    on conflict do nothing returning order_id
), made as (
    insert into orders (id, account_id, product, price_cents, price_currency, pay_currency)
    select order_id, $1, $5, $6, $7, $8 from taken returning *
), noted as (
    insert into order_events (order_id, seq, kind, payload) select id, 1, 'created', $9::text::jsonb from made
)
select {columns} from made o";

const REPLAY: &str = "
select {columns}, k.body_digest from checkout_keys k join orders o on o.id = k.order_id
where k.account_id = $1 and k.key = $2";

/// Of two IPNs at once the second waits for the first one's row, and then finds it pending no more.
const SETTLE: &str = "
with settled as (
    update orders set status = 'paid', payment_id = $2, paid_at = now()
    where id = $1::text::uuid and status = 'pending' returning id
)
insert into order_events (order_id, seq, kind, payload)
select id, (select max(seq) + 1 from order_events where order_id = $1::text::uuid), 'paid', $3::text::jsonb from settled";

const STATE: &str = "select status, payment_id from orders where id = $1::text::uuid";

const SHOW: &str = "
select {columns}, (
    select json_agg(json_build_object('seq', seq, 'kind', kind, 'at', at) order by seq)::text
    from order_events where order_id = o.id
)
from orders o where o.id = $1::text::uuid and o.account_id = $2";

const EXPIRE: &str = "
with expired as (
    update orders set status = 'expired' where status = 'pending' and expires_at < now() returning id
)
insert into order_events (order_id, seq, kind, payload)
select id, (select max(seq) + 1 from order_events where order_id = id), 'expired', '{}' from expired";

/// How often orders are looked for that nobody paid in time.
const SWEPT_EVERY: Duration = Duration::from_secs(30);

/// The body of a checkout.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purchase {
    /// What is bought.
    pub product: String,
    /// Its price, in the currency's minor unit.
    pub price_cents: i64,
    /// The price's currency.
    pub price_currency: String,
    /// The coin it is paid in.
    pub pay_currency: String,
}

/// A checkout as it is written.
pub struct Checkout<'a> {
    /// Who buys.
    pub account: i64,
    /// The idempotency key.
    pub key: &'a str,
    /// The order's id, if it is a new one.
    pub order: &'a str,
    /// The body, its keys sorted.
    pub body: &'a str,
    /// What the body says.
    pub purchase: &'a Purchase,
}

/// What became of a checkout.
pub enum Outcome {
    /// There is a new order.
    New(Order),
    /// The key has made this order before.
    Repeated(Order),
    /// The key has been used with another body.
    Reused,
}

/// An order as it is answered.
#[derive(Serialize)]
pub struct Order {
    order_id: String,
    product: String,
    price_cents: i64,
    price_currency: String,
    pay_currency: String,
    status: String,
    created_at: String,
    expires_at: String,
    paid_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Box<RawValue>>,
}

impl Order {
    fn of_row(row: &Row) -> Self {
        let time = |time: SystemTime| DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true);
        Self {
            order_id: row.get(0),
            product: row.get(1),
            price_cents: row.get(2),
            price_currency: row.get(3),
            pay_currency: row.get(4),
            status: row.get(5),
            created_at: time(row.get(6)),
            expires_at: time(row.get(7)),
            paid_at: row.get::<_, Option<SystemTime>>(8).map(time),
            events: None,
        }
    }
}

/// One connection, its statements prepared.
struct Session {
    client: Client,
    make: Statement,
    replay: Statement,
    settle: Statement,
    state: Statement,
    show: Statement,
}

impl Session {
    async fn open(url: &str) -> Result<Self, Error> {
        let client = connect(url).await?;
        let prepare = |sql: &str| {
            let (client, sql) = (&client, sql.replace("{columns}", COLUMNS));
            async move { client.prepare(&sql).await }
        };
        Ok(Self {
            make: prepare(MAKE).await?,
            replay: prepare(REPLAY).await?,
            settle: prepare(SETTLE).await?,
            state: prepare(STATE).await?,
            show: prepare(SHOW).await?,
            client,
        })
    }
}

/// The connections of one worker.
pub struct Ledger {
    sessions: Vec<Rc<Session>>,
}

impl Ledger {
    /// Opens so many.
    pub async fn open(url: &str, connections: usize) -> Result<Self, Error> {
        let mut sessions = Vec::new();
        for _ in 0..connections {
            sessions.push(Rc::new(Session::open(url).await?));
        }
        Ok(Self { sessions })
    }

    /// Writes a checkout.
    pub async fn make(&self, checkout: &Checkout<'_>) -> Result<Outcome, Error> {
        let Checkout { account, key, order, body, purchase } = checkout;
        let Purchase { product, price_cents, price_currency, pay_currency } = purchase;
        let session = self.least_busy();
        let digest = Sha256::digest(body.as_bytes()).to_vec();
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 9] =
            [account, key, &digest, order, product, price_cents, price_currency, pay_currency, body];
        if let Some(row) = session.client.query_opt(&session.make, &values).await? {
            return Ok(Outcome::New(Order::of_row(&row)));
        }
        let row = session.client.query_one(&session.replay, &[account, key]).await?;
        let same = row.get::<_, Vec<u8>>(9) == digest;
        Ok(if same { Outcome::Repeated(Order::of_row(&row)) } else { Outcome::Reused })
    }

    /// Settles an order with a payment. Returns its status, or none if it does not exist or another payment paid it.
    pub async fn settle(&self, order: &str, payment: i64, ipn: &str) -> Result<Option<String>, Error> {
        let session = self.least_busy();
        if session.client.execute(&session.settle, &[&order, &payment, &ipn]).await? == 1 {
            return Ok(Some("paid".to_owned()));
        }
        let row = session.client.query_opt(&session.state, &[&order]).await?;
        let same = row.filter(|row| row.get::<_, Option<i64>>(1) == Some(payment));
        Ok(same.map(|row| row.get(0)))
    }

    /// Returns an order with its events; none if the account has no such order.
    pub async fn show(&self, order: &str, account: i64) -> Result<Option<Order>, Error> {
        let session = self.least_busy();
        let row = session.client.query_opt(&session.show, &[&order, &account]).await?;
        let events = |row: &Row| RawValue::from_string(row.get(9)).ok();
        Ok(row.map(|row| Order { events: events(&row), ..Order::of_row(&row) }))
    }

    /// The connection on which the fewest statements are under way. Several at once on one are sent without waiting
    /// for each other's answers.
    fn least_busy(&self) -> Rc<Session> {
        let least = self.sessions.iter().min_by_key(|session| Rc::strong_count(session));
        least.expect("there are connections").clone()
    }
}

/// Makes the tables, and from then on expires what nobody pays.
pub async fn keep(url: &str) -> Result<(), Error> {
    let client = connect(url).await?;
    client.batch_execute(TABLES).await?;
    rt::spawn(async move {
        loop {
            rt::time::sleep(SWEPT_EVERY).await;
            client.execute(EXPIRE, &[]).await.expect("PostgreSQL runs as long as its client");
        }
    });
    Ok(())
}

async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Ends when the client is dropped; what breaks before, each statement tells.
    rt::spawn(async move { drop(connection.await) });
    Ok(client)
}
