-- What the retention of deliveries needs; and the search folds texts by NFKC from here on.

-- Events that an endpoint has confirmed, and whose deliveries the retention has removed: a catch-up leaves them out.
create table confirmed_events (
    event_id text collate "C" not null,
    webhook_id text collate "C" not null,
    primary key (event_id, webhook_id)
);

-- Deliveries that are over, by what their retention counts from.
create index webhook_deliveries_delivered on webhook_deliveries (delivered_at, id) where status = 'delivered';
create index webhook_deliveries_undelivered on webhook_deliveries (created_at, id) where due_at is null and status <> 'delivered';
create index webhook_deliveries_pings on webhook_deliveries (created_at, id) where order_id is null and due_at is null;

-- Only texts with other characters than ASCII's are folded otherwise than before.
insert into search_queue (order_id) select order_id from order_search
    where length(body) <> octet_length(body) on conflict do nothing;
