-- What the operators' lists and statistics are answered from.

-- The total over all days, under the empty day: statistics then cost the same in the tenth year.
insert into order_totals (day, status, product, currency, shard, orders, cents, paid_after_ms)
    select '', status, product, currency, shard, sum(orders), sum(cents), sum(paid_after_ms)
    from order_totals group by status, product, currency, shard;

-- An account's orders in one status.
create index orders_by_account_status on orders (account_id, status, created_at, id);
-- What was paid in a span of time, in the order of the list.
drop index orders_by_paid;
create index orders_by_paid on orders (paid_at, created_at, id) where paid_at is not null;
-- The few that were paid more than a day after they were created.
create index orders_paid_late on orders ((paid_at - created_at), paid_at, created_at, id)
    where paid_at - created_at >= 86400000000;

-- The pages of each list.
drop index api_keys_by_account;
create index api_keys_by_account on api_keys (account_id, created_at, id);
drop index received_ipns_by_order;
create index received_ipns_by_order on received_ipns (order_id, received_at, body_sha256) where order_id is not null;
drop index attention_items_by_last;
create index attention_items_open_by_first on attention_items (first_at, id) where resolved_at is null;
create index attention_items_open_by_kind on attention_items (kind, first_at, id) where resolved_at is null;
create index attention_items_resolved_by_first on attention_items (first_at, id) where resolved_at is not null;
create index attention_items_resolved_by_kind on attention_items (kind, first_at, id) where resolved_at is not null;
create index audit_log_by_target on audit_log (target, at, id);
create index audit_log_by_actor on audit_log (actor, at, id);

-- The key that takes this one's place, once it was rotated.
alter table api_keys add column replaced_by text;
-- The keys of an account that may still be good, which are counted before one more is made.
create index api_keys_unended on api_keys (account_id) where revoked_at is null and replaced_by is null;

-- What arrived in another coin than the payment's: never part of the sum, but money all the same.
alter table order_payments add column other_coin text;
alter table order_payments add column other_received text;
