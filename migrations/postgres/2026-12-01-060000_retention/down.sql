drop index webhook_deliveries_pings;
drop index webhook_deliveries_undelivered;
drop index webhook_deliveries_delivered;
drop table confirmed_events;
