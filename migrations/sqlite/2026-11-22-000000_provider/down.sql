drop table provider_pace;
drop table provider_work;
alter table order_payments drop column pay_address;
alter table order_payments drop column payin_extra_id;
alter table order_payments drop column network;
alter table order_payments drop column purchase_id;
alter table order_payments drop column decimals;
