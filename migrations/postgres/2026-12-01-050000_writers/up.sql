-- Writers get their shard of the totals in turn, without a lock that outlives a transaction.
create sequence writer_shards minvalue 0 maxvalue 63 start 0 cycle;
