-- What the pages for people need: who is signed in, and what the addresses of buyers' pages are made with.

-- One row a session of an operator. Its tokens are kept as hashes; the one before the newest is good for a moment more,
-- because pages ask for several things at once. The form token is no secret towards whoever has the session.
create table sessions (
    id text not null,
    key_id text not null,
    token_hash text not null,
    prev_token_hash text,
    form_token text not null,
    rotated_at bigint not null,
    created_at bigint not null,
    expires_at bigint not null,
    primary key (id)
) without rowid;

create unique index sessions_by_token on sessions (token_hash);
create index sessions_by_prev_token on sessions (prev_token_hash) where prev_token_hash is not null;
create index sessions_by_expiry on sessions (expires_at);

-- Secrets that all nodes of a service share; each is made once, by whichever node needs it first.
create table service_secrets (
    name text not null,
    secret text not null,
    created_at bigint not null,
    primary key (name)
) without rowid;

-- The accounts whose idempotency keys are misused most.
create index idempotency_totals_replayed on idempotency_totals (body_mismatches, replays, account_id)
    where replays > 0 and account_id <> '';
