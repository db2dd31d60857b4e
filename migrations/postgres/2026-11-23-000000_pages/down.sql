drop index idempotency_totals_replayed;
drop table service_secrets;
drop table sessions;
