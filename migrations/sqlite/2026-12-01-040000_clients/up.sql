-- What clients read of a delivery beyond what the courier needs.

-- When the newest attempt was due, kept when that attempt begins: due_at then says when its lease ends, and nothing once
-- the delivery is over. Deliveries that were attempted before have none.
alter table webhook_deliveries add column attempt_due_at bigint;
