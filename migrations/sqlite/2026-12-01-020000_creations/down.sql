alter table attention_items drop column detail;
drop index provider_work_unaddressed;
alter table provider_work drop column raise_at;
alter table provider_work drop column last_error;
