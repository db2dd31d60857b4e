drop sequence writer_shards;
