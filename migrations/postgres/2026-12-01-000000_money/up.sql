-- What a payment was worth, money under words that are not known, and where it stood before it failed.

-- What the provider says of the worth of the money: on arrival (major units of the price's currency), as it is paid
-- out, and its fees.
alter table order_payments add column paid_at_fiat text;
alter table order_payments add column outcome_amount text;
alter table order_payments add column outcome_currency text;
alter table order_payments add column fee_amount text;
alter table order_payments add column fee_currency text;

-- Money that was reported under a word that is not known.
alter table order_payments add column unclear_status text;
alter table order_payments add column unclear_coin text;
alter table order_payments add column unclear_received text;

-- While provider_status is a failure: the word on the way to money that it ended, and the provider's newest time of it.
alter table order_payments add column ended_status text;
alter table order_payments add column ended_at bigint;
