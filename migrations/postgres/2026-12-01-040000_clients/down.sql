alter table webhook_deliveries drop column attempt_due_at;
