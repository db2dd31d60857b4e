-- For development only: the service never goes back.
drop table write_probe;
drop table order_search;
drop table search_queue;
drop table audit_log;
drop table outbox_events;
drop table attention_items;
drop table refused_ipns;
drop table received_ipns;
drop table order_totals;
drop table idempotency_totals;
drop table idempotency_keys;
drop table order_payments;
drop table order_events;
drop table orders;
drop table api_keys;
drop table accounts;
drop function order_events_refuse;
