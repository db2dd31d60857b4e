-- Payments that this service makes at the provider, and what is still to be asked of it.

-- How a payment is paid, as the provider answered its creation.
alter table order_payments add column pay_address text;
alter table order_payments add column payin_extra_id text;
alter table order_payments add column network text;
alter table order_payments add column purchase_id text;
alter table order_payments add column decimals bigint;

-- One row for each order of which the provider is still to be asked something: a payment to be made, or news.
-- Whoever asks claims the row first; asked_at is set while a creation may have happened unheard.
create table provider_work (
    order_id text collate "C" not null,
    due_at bigint not null,
    claim text not null,
    claimed_until bigint not null,
    asked_at bigint,
    tries bigint not null,
    primary key (order_id)
);

create index provider_work_by_due on provider_work (due_at, order_id);

-- When the next question may be asked, over all nodes.
create table provider_pace (
    id bigint not null,
    next_at bigint not null,
    primary key (id)
);
insert into provider_pace (id, next_at) values (1, 0);
