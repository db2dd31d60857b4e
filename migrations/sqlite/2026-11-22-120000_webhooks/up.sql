-- Whom merchants have told about: their endpoints, and what is on its way to each.

-- One row an endpoint. Its secrets are kept as they are: deliveries are signed with them.
create table webhook_endpoints (
    id text not null,
    account_id text not null,
    url text not null,
    secret text not null,
    prev_secret text,
    prev_secret_until bigint,
    events text not null,
    description text,
    status text not null,
    consecutive_failures bigint not null,
    last_success_at bigint,
    last_failure_at bigint,
    disabled_at bigint,
    deleted_at bigint,
    delivered bigint not null,
    failed bigint not null,
    dlq bigint not null,
    created_at bigint not null,
    primary key (id)
) without rowid;

create index webhook_endpoints_by_account on webhook_endpoints (account_id, created_at, id) where deleted_at is null;
-- Those that an account ever had, for the deliveries of an order.
create index webhook_endpoints_ever on webhook_endpoints (account_id);

-- One row for each event on its way to an endpoint, and where it stands. While it waits or is attempted, due_at says
-- when somebody is to look at it: the next attempt, or the end of the lease of whoever attempts it now. turn says in
-- which order it goes. Pings are of no order.
create table webhook_deliveries (
    id text not null,
    webhook_id text not null,
    event_id text not null,
    order_id text,
    event_type text not null,
    event_at bigint not null,
    turn text not null,
    status text not null,
    attempts bigint not null,
    due_at bigint,
    lease text not null,
    last_response_status bigint,
    last_response_excerpt text,
    last_error text,
    delivered_at bigint,
    created_at bigint not null,
    primary key (id)
);

create unique index webhook_deliveries_by_event on webhook_deliveries (webhook_id, event_id);
create index webhook_deliveries_by_created on webhook_deliveries (webhook_id, created_at, id);
create index webhook_deliveries_by_status on webhook_deliveries (webhook_id, status, created_at, id);
create index webhook_deliveries_dlq on webhook_deliveries (created_at, id) where status = 'dlq';
create index webhook_deliveries_due on webhook_deliveries (webhook_id, turn, due_at, event_at, id) where due_at is not null;
create index webhook_deliveries_waiting on webhook_deliveries (webhook_id, order_id) where due_at is not null;
create index webhook_deliveries_catching_up on webhook_deliveries (webhook_id) where turn = 'catch_up' and status = 'in_flight';
