drop index received_ipns_other;
drop index received_ipns_by_content;
alter table received_ipns drop column content_sha256;
