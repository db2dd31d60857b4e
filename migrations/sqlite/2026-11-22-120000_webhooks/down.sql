drop table webhook_deliveries;
drop table webhook_endpoints;
delete from outbox_events where event_type = 'test.ping';
