-- All tables of the service. Portable columns: text ids and JSON, bigint for money, counters and times
-- (microseconds since the epoch), coin decimals as text.

-- Customers.
create table accounts (
    id text not null,
    name text not null,
    tier text not null,
    created_at bigint not null,
    primary key (id)
) without rowid;

-- Keys of customers and operators; only a SHA-256 of each is kept.
create table api_keys (
    id text not null,
    account_id text,
    name text not null,
    key_prefix text not null,
    key_hash text not null,
    scopes text not null,
    last_used_at bigint,
    revoked_at bigint,
    expires_at bigint,
    created_at bigint not null,
    primary key (id)
) without rowid;

-- One row an order: where it stands now.
create table orders (
    id text not null,
    account_id text not null,
    product text not null,
    price_cents bigint not null,
    price_currency text not null,
    pay_currency text,
    status text not null,
    failure_reason text,
    amount_check text,
    owed text,
    payment_id text,
    customer_note text,
    internal_note text,
    expires_at bigint,
    due_at bigint,
    paid_at bigint,
    created_at bigint not null,
    updated_at bigint not null,
    version bigint not null,
    primary key (id)
) without rowid;

-- The append-only log of each order; triggers refuse every change.
create table order_events (
    order_id text not null,
    seq bigint not null,
    status text not null,
    at bigint not null,
    source text not null,
    provider_status text,
    payment_id text,
    actor text,
    recorded_at bigint not null,
    primary key (order_id, seq)
) without rowid;

-- The ledger: every payment of every order. The primary key makes a payment one order's only.
create table order_payments (
    payment_id text not null,
    order_id text not null,
    role text not null,
    parent_payment_id text,
    provider_status text not null,
    coin text,
    pay_amount text,
    received text,
    provider_at bigint,
    first_seen_at bigint not null,
    primary key (payment_id)
) without rowid;

-- Keys of checkouts with what was first asked under them and how often they came again.
create table idempotency_keys (
    account_id text not null,
    key text not null,
    order_id text not null,
    product text not null,
    price_cents bigint not null,
    price_currency text not null,
    first_seen_at bigint not null,
    last_seen_at bigint not null,
    replays bigint not null,
    body_mismatches bigint not null,
    primary key (account_id, key)
) without rowid;

-- Counters of keys by account, in rows of each writer's own (shard).
create table idempotency_totals (
    account_id text not null,
    shard bigint not null,
    first_writes bigint not null,
    replays bigint not null,
    body_mismatches bigint not null,
    primary key (account_id, shard)
) without rowid;

-- Orders by creation day, status, product and currency, in rows of each writer's own (shard).
create table order_totals (
    day text not null,
    status text not null,
    product text not null,
    currency text not null,
    shard bigint not null,
    orders bigint not null,
    cents bigint not null,
    paid_after_ms bigint not null,
    primary key (day, status, product, currency, shard)
) without rowid;

-- Every verified IPN, raw, with what became of it. A body seen again only counts.
create table received_ipns (
    body_sha256 text not null,
    order_id text,
    payment_id text not null,
    payment_status text not null,
    verified_form text not null,
    verified_secret bigint not null,
    outcome text not null,
    times_seen bigint not null,
    received_at bigint not null,
    last_received_at bigint not null,
    raw_body text not null,
    primary key (body_sha256)
);

-- The newest bodies that did not verify, apart from all orders.
create table refused_ipns (
    id text not null,
    reason text not null,
    ip text,
    at bigint not null,
    body text not null,
    primary key (id)
) without rowid;

-- What was raised to the operator. One open item per kind, order and payment; empty text where none.
create table attention_items (
    id text not null,
    kind text not null,
    order_id text not null,
    payment_id text not null,
    count bigint not null,
    first_at bigint not null,
    last_at bigint not null,
    resolved_at bigint,
    resolved_by text,
    resolution_note text,
    primary key (id)
) without rowid;

-- What merchants are to be told, with the exact bytes.
create table outbox_events (
    id text not null,
    account_id text not null,
    order_id text not null,
    event_type text not null,
    body text not null,
    created_at bigint not null,
    primary key (id)
) without rowid;

-- Every admin write.
create table audit_log (
    id text not null,
    actor text,
    action text not null,
    target text not null,
    input text not null,
    result text not null,
    ip text,
    at bigint not null,
    primary key (id)
) without rowid;

-- Orders whose text the search index has yet to take in.
create table search_queue (
    order_id text not null,
    primary key (order_id)
) without rowid;

-- The searched text of each order, case folded by the program.
create table order_search (
    id integer primary key,
    order_id text not null,
    body text not null
);

-- One row that readiness checks overwrite.
create table write_probe (
    id integer not null,
    at bigint not null,
    primary key (id)
);

create index api_keys_by_prefix on api_keys (key_prefix);
create index api_keys_by_account on api_keys (account_id, created_at);
create index orders_by_created on orders (created_at, id);
create index orders_by_account on orders (account_id, created_at, id);
create index orders_by_status on orders (status, created_at, id);
create index orders_by_paid on orders (paid_at, id) where paid_at is not null;
create index orders_by_due on orders (due_at, id) where due_at is not null;
create index order_payments_by_order on order_payments (order_id, first_seen_at);
create index idempotency_keys_by_account on idempotency_keys (account_id, first_seen_at, key);
create index idempotency_keys_by_age on idempotency_keys (first_seen_at);
create index received_ipns_by_order on received_ipns (order_id, received_at) where order_id is not null;
create unique index attention_items_open on attention_items (kind, order_id, payment_id) where resolved_at is null;
create index attention_items_by_last on attention_items (last_at, id);
create index outbox_events_by_account on outbox_events (account_id, created_at, id);
create index audit_log_by_time on audit_log (at, id);
create unique index order_search_by_order on order_search (order_id);

-- The log is append-only: no row is changed, removed or replaced, by whatever connection.
create trigger order_events_no_update before update on order_events
begin select raise(abort, 'order_events is append-only'); end;
create trigger order_events_no_delete before delete on order_events
begin select raise(abort, 'order_events is append-only'); end;
create trigger order_events_no_replace before insert on order_events
when exists (select 1 from order_events where order_id = new.order_id and seq = new.seq)
begin select raise(abort, 'order_events is append-only'); end;

-- The search index over order_search, by trigrams; the program folds case before it writes and asks.
create virtual table order_search_fts using fts5 (body, content = 'order_search', content_rowid = 'id', tokenize = 'trigram case_sensitive 1', columnsize = 0);
create trigger order_search_added after insert on order_search
begin insert into order_search_fts (rowid, body) values (new.id, new.body); end;
create trigger order_search_removed after delete on order_search
begin insert into order_search_fts (order_search_fts, rowid, body) values ('delete', old.id, old.body); end;
create trigger order_search_changed after update on order_search
begin
    insert into order_search_fts (order_search_fts, rowid, body) values ('delete', old.id, old.body);
    insert into order_search_fts (rowid, body) values (new.id, new.body);
end;
