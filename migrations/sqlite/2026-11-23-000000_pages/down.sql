drop table service_secrets;
drop table sessions;
