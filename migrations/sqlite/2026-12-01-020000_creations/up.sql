-- Payments that could not be made yet, and what operators are told of them.

-- Why the newest try to make the order's payment came to nothing, and when that is raised; null once it was raised, and
-- of every order that has its address.
alter table provider_work add column last_error text;
alter table provider_work add column raise_at bigint;

create index provider_work_unaddressed on provider_work (raise_at, order_id) where raise_at is not null;

-- The provider's own reason, where an item has one.
alter table attention_items add column detail text;
