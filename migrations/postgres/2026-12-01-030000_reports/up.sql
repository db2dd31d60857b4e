-- One report is one report in every spelling: it is known by what it says, and no longer by its bytes alone. Rows of
-- before have no hash of that and are known by their bytes, until the same bytes come again.
alter table received_ipns add column content_sha256 text collate "C";

create unique index received_ipns_by_content on received_ipns (content_sha256) where content_sha256 is not null;

-- Verified bodies that are about no payment, counted on the overview.
create index received_ipns_other on received_ipns (received_at) where outcome = 'other';
