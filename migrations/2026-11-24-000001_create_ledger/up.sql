-- The ledger: one row per transaction, and what happened to it after its create. docs/ledger.md gives the reasons.
--
-- Every key begins with the owner, so that a distributed PostgreSQL can keep all rows of an owner on one worker (Citus:
-- create_distributed_table('transactions', 'owner'), then 'transaction_events'). Text that is compared is COLLATE "C": a unique index with
-- a libc collation breaks if the next primary has another glibc. The constraints check what the API promises as far as that is cheap. The
-- exact grammars (Stellar addresses, asset codes, memos) are checked by the service alone, since a regular expression for each column would
-- cost a quarter of an insert.

CREATE TABLE transactions (
    owner                 text COLLATE "C" NOT NULL,
    id                    uuid             NOT NULL,
    stellar_account       text COLLATE "C" NOT NULL,
    amount                numeric          NOT NULL,
    asset_code            text COLLATE "C" NOT NULL,
    callback_type         text COLLATE "C",
    callback_status       text COLLATE "C",
    anchor_transaction_id text COLLATE "C",
    memo                  text COLLATE "C",
    memo_type             text COLLATE "C",
    metadata              json,
    status                text COLLATE "C" NOT NULL DEFAULT 'pending',
    status_reason         text COLLATE "C",
    version               integer          NOT NULL DEFAULT 1,
    write_id              uuid             NOT NULL,
    created_at            timestamptz      NOT NULL DEFAULT statement_timestamp(),
    updated_at            timestamptz      NOT NULL DEFAULT statement_timestamp(),
    idempotency_key       text COLLATE "C",
    item                  smallint         NOT NULL DEFAULT 0,
    fingerprint           bytea,
    first_callback_status text COLLATE "C",
    callback_at           timestamptz,
    actor                 text COLLATE "C" NOT NULL,
    request_id            text COLLATE "C" NOT NULL,

    CONSTRAINT transactions_pkey PRIMARY KEY (owner, id),
    CONSTRAINT transactions_owner_check CHECK (octet_length(owner) BETWEEN 1 AND 64),
    CONSTRAINT transactions_stellar_account_check CHECK (octet_length(stellar_account) IN (56, 69)),
    CONSTRAINT transactions_amount_check CHECK (amount > 0 AND amount <= 922337203685.4775807 AND scale(amount) <= 7),
    CONSTRAINT transactions_asset_code_check CHECK (octet_length(asset_code) BETWEEN 1 AND 12),
    CONSTRAINT transactions_callback_type_check
        CHECK (callback_type IN ('deposit', 'withdrawal', 'deposit-exchange', 'withdrawal-exchange')),
    CONSTRAINT transactions_callback_status_check CHECK (octet_length(callback_status) BETWEEN 1 AND 40),
    CONSTRAINT transactions_anchor_transaction_id_check CHECK (octet_length(anchor_transaction_id) BETWEEN 1 AND 255),
    CONSTRAINT transactions_memo_check CHECK (
        CASE memo_type
            WHEN 'text' THEN memo IS NOT NULL AND octet_length(memo) <= 28
            WHEN 'id' THEN memo IS NOT NULL AND octet_length(memo) <= 20
            WHEN 'hash' THEN memo IS NOT NULL AND octet_length(memo) IN (44, 64)
            ELSE memo IS NULL AND memo_type IS NULL
        END),
    CONSTRAINT transactions_metadata_check CHECK (json_typeof(metadata) = 'object'),
    CONSTRAINT transactions_status_check CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    CONSTRAINT transactions_status_reason_check CHECK (octet_length(status_reason) <= 500),
    CONSTRAINT transactions_version_check CHECK (version >= 1),
    CONSTRAINT transactions_key_check CHECK (
        CASE WHEN idempotency_key IS NULL THEN fingerprint IS NULL AND item = 0
             ELSE octet_length(idempotency_key) BETWEEN 1 AND 264 AND octet_length(fingerprint) = 32 AND item BETWEEN 0 AND 999
        END),
    CONSTRAINT transactions_handle_check CHECK (idempotency_key IS NOT NULL OR anchor_transaction_id IS NOT NULL)
);

COMMENT ON TABLE transactions IS 'One row per business transaction: its create whole (key and author in it), and its status as it is now.';
COMMENT ON COLUMN transactions.owner IS 'The tenant whose transaction it is. All names below are unique per owner.';
COMMENT ON COLUMN transactions.id IS 'UUIDv7, made by the service before its first attempt to store the row.';
COMMENT ON COLUMN transactions.stellar_account IS 'Stellar address: G (account), C (contract) or M (muxed), SEP-23.';
COMMENT ON COLUMN transactions.amount IS 'Exact decimal with the scale it was sent with; at most 7 decimals.';
COMMENT ON COLUMN transactions.asset_code IS 'Asset code of 1 to 12 characters, or native.';
COMMENT ON COLUMN transactions.callback_type IS 'What the anchor reports on: a deposit or a withdrawal, with or without exchange.';
COMMENT ON COLUMN transactions.callback_status IS 'The state of the anchor''s own process, in its words, as it is now.';
COMMENT ON COLUMN transactions.anchor_transaction_id IS 'The natural key: the anchor''s id. Unique for ever.';
COMMENT ON COLUMN transactions.memo IS 'Stellar memo, as sent.';
COMMENT ON COLUMN transactions.memo_type IS 'text, id or hash; set exactly when memo is.';
COMMENT ON COLUMN transactions.metadata IS 'Free object of the client, in the order of its keys as sent (json, not jsonb: a replay is the same body).';
COMMENT ON COLUMN transactions.status IS 'pending, processing, completed or failed.';
COMMENT ON COLUMN transactions.status_reason IS 'Why it has this status, in the words of whoever set it.';
COMMENT ON COLUMN transactions.version IS 'Number of the latest write: 1 is the create, 2 and on stand in transaction_events.';
COMMENT ON COLUMN transactions.write_id IS
    'Which write made this version: the id itself for version 1, then that of the event. With version it is the ETag and the token.';
COMMENT ON COLUMN transactions.created_at IS
    'Time of the statement that stored the row: after its SQL transaction could be seen as open, unlike now() (see X-Settled-Until in docs/ledger.md).';
COMMENT ON COLUMN transactions.updated_at IS 'Time of the latest write.';
COMMENT ON COLUMN transactions.idempotency_key IS 'The handle of the request that created it; NULL where the anchor id alone was its handle.';
COMMENT ON COLUMN transactions.item IS 'Its place in that request: 0 for a single create, 0 to n-1 in a batch.';
COMMENT ON COLUMN transactions.fingerprint IS 'SHA-256 of method, path and canonical body of that request.';
COMMENT ON COLUMN transactions.first_callback_status IS 'callback_status at version 1.';
COMMENT ON COLUMN transactions.callback_at IS 'When the anchor said the latest of what is known from its callbacks, by its own clock; NULL before the first.';
COMMENT ON COLUMN transactions.actor IS 'Who created it: api:<client>, or callback:<source>.';
COMMENT ON COLUMN transactions.request_id IS 'X-Request-Id of the request that created it.';

-- Each index with the statements (src/ledger/store) that need it. The primary key: find.sql, find_seen.sql, change.sql, callback.sql,
-- history.sql.
-- The index by key: insert.sql and the like, create_confirmed, lookup.sql, list.sql by key. Partial, so that a row without a key costs
-- nothing.
CREATE UNIQUE INDEX transactions_key_idx ON transactions (owner, idempotency_key, item) WHERE idempotency_key IS NOT NULL;
-- insert.sql and the like, create_confirmed, lookup.sql, list.sql by anchor id.
CREATE UNIQUE INDEX transactions_anchor_idx ON transactions (owner, anchor_transaction_id) WHERE anchor_transaction_id IS NOT NULL;
-- list.sql by time and stats.sql, and list.sql by account. The predicate of each index holds for every row, and is only repeated by the
-- statement that is to use the index. Without it, PostgreSQL would take one of these instead of the primary key, or of the other one, while
-- the table is almost empty or was never analysed (all cost the same then), and keep that plan when the table has grown.
CREATE INDEX transactions_created_idx ON transactions (owner, created_at, id) WHERE created_at > '-infinity';
CREATE INDEX transactions_account_idx ON transactions (owner, stellar_account, created_at, id) WHERE stellar_account > '';

CREATE TABLE transaction_events (
    owner           text COLLATE "C" NOT NULL,
    transaction_id  uuid             NOT NULL,
    version         integer          NOT NULL,
    write_id        uuid             NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    status          text COLLATE "C" NOT NULL,
    status_reason   text COLLATE "C",
    callback_status text COLLATE "C",
    actor           text COLLATE "C" NOT NULL,
    request_id      text COLLATE "C" NOT NULL,
    at              timestamptz      NOT NULL DEFAULT now(),

    -- history.sql; and find_seen.sql, list.sql and stats.sql, which look up a token's write in it.
    CONSTRAINT transaction_events_pkey PRIMARY KEY (owner, transaction_id, version),
    -- change.sql: an attempt that was given up and runs late must not make its change a second time. change.rs finds an earlier attempt by
    -- it.
    CONSTRAINT transaction_events_write_key UNIQUE (owner, transaction_id, write_id),
    CONSTRAINT transaction_events_transaction_fkey FOREIGN KEY (owner, transaction_id) REFERENCES transactions (owner, id),
    CONSTRAINT transaction_events_version_check CHECK (version >= 2),
    CONSTRAINT transaction_events_kind_check CHECK (kind IN ('status_changed', 'callback')),
    CONSTRAINT transaction_events_status_check CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    CONSTRAINT transaction_events_status_reason_check CHECK (octet_length(status_reason) <= 500)
);

COMMENT ON TABLE transaction_events IS 'What happened after the create: version 2 and on, without gaps. Rows are only added. Version 1 is told from the transaction.';
COMMENT ON COLUMN transaction_events.owner IS 'The owner of the transaction.';
COMMENT ON COLUMN transaction_events.transaction_id IS 'The transaction.';
COMMENT ON COLUMN transaction_events.version IS '2, 3, … without gaps.';
COMMENT ON COLUMN transaction_events.write_id IS
    'Made by the service before its first attempt at this change: finding it means that an earlier attempt committed.';
COMMENT ON COLUMN transaction_events.kind IS 'status_changed or callback.';
COMMENT ON COLUMN transaction_events.status IS 'The status from this version on.';
COMMENT ON COLUMN transaction_events.status_reason IS 'The reason given for it.';
COMMENT ON COLUMN transaction_events.callback_status IS 'The anchor''s status from this version on.';
COMMENT ON COLUMN transaction_events.actor IS 'Who did it: api:<client>, or callback:<source>.';
COMMENT ON COLUMN transaction_events.request_id IS 'X-Request-Id of the request that did it.';
COMMENT ON COLUMN transaction_events.at IS 'Time of the SQL transaction that stored the row.';

CREATE TABLE callback_receipts (
    owner           text COLLATE "C" NOT NULL,
    handle          text COLLATE "C" NOT NULL,
    fingerprint     bytea            NOT NULL,
    transaction_id  uuid             NOT NULL,
    write_id        uuid,

    -- callback.sql, receive.sql, callback.rs: a callback is applied once, whatever the answer to it was.
    CONSTRAINT callback_receipts_pkey PRIMARY KEY (owner, handle),
    CONSTRAINT callback_receipts_transaction_fkey FOREIGN KEY (owner, transaction_id) REFERENCES transactions (owner, id),
    CONSTRAINT callback_receipts_handle_check CHECK (octet_length(handle) BETWEEN 1 AND 264),
    CONSTRAINT callback_receipts_fingerprint_check CHECK (octet_length(fingerprint) = 32)
);

COMMENT ON TABLE callback_receipts IS
    'Every callback that met a known transaction, changed or not. One that created a transaction stands in that, as its idempotency_key.';
COMMENT ON COLUMN callback_receipts.owner IS 'The owner of the transaction.';
COMMENT ON COLUMN callback_receipts.handle IS 'callback/<webhook-id>.';
COMMENT ON COLUMN callback_receipts.fingerprint IS 'SHA-256 of its canonical body.';
COMMENT ON COLUMN callback_receipts.transaction_id IS 'The transaction that it met.';
COMMENT ON COLUMN callback_receipts.write_id IS 'The event that it made. NULL: it said nothing new.';
