-- Shards are for several writers; a SQLite file has one.
select 1;
