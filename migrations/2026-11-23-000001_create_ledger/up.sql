-- The ledger. The constraints say what the contract says, so that a bug in the service cannot store nonsense.

CREATE TABLE transactions (
    id                    uuid        NOT NULL CONSTRAINT transactions_pkey PRIMARY KEY,
    stellar_account       text        NOT NULL,
    amount                numeric     NOT NULL,
    asset_code            text        NOT NULL,
    callback_type         text,
    callback_status       text,
    anchor_transaction_id text        CONSTRAINT transactions_anchor_transaction_id_key UNIQUE,
    memo                  text,
    memo_type             text,
    metadata              jsonb,
    status                text        NOT NULL DEFAULT 'pending',
    status_reason         text,
    version               integer     NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    duplicates            bigint      NOT NULL DEFAULT 0,

    CONSTRAINT transactions_stellar_account_check CHECK (stellar_account ~ '^([GC][A-Z2-7]{55}|M[A-Z2-7]{68})$'),
    CONSTRAINT transactions_amount_check CHECK (amount > 0 AND amount <= 922337203685.4775807 AND scale(amount) <= 7),
    CONSTRAINT transactions_asset_code_check CHECK (asset_code ~ '^([A-Z0-9]{1,12}|native)$'),
    CONSTRAINT transactions_callback_type_check
        CHECK (callback_type IN ('deposit', 'withdrawal', 'deposit-exchange', 'withdrawal-exchange')),
    CONSTRAINT transactions_callback_status_check CHECK (callback_status ~ '^[a-z][a-z_]{0,39}$'),
    CONSTRAINT transactions_anchor_transaction_id_check CHECK (octet_length(anchor_transaction_id) BETWEEN 1 AND 255),
    CONSTRAINT transactions_memo_check CHECK (
        CASE memo_type
            WHEN 'text' THEN memo IS NOT NULL AND octet_length(memo) <= 28
            WHEN 'id' THEN memo IS NOT NULL AND memo ~ '^(0|[1-9][0-9]{0,19})$' AND memo::numeric <= 18446744073709551615
            WHEN 'hash' THEN memo IS NOT NULL AND memo ~ '^([0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=)$'
            ELSE memo IS NULL AND memo_type IS NULL
        END),
    CONSTRAINT transactions_metadata_check CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT transactions_status_check CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    CONSTRAINT transactions_status_reason_check CHECK (octet_length(status_reason) <= 500),
    CONSTRAINT transactions_version_check CHECK (version >= 1)
);

COMMENT ON TABLE transactions IS 'One row per business transaction, as it is now.';
COMMENT ON COLUMN transactions.id IS 'UUIDv7, made by the service before its first attempt to store the row.';
COMMENT ON COLUMN transactions.stellar_account IS 'Stellar address: G (account), C (contract) or M (muxed), SEP-23.';
COMMENT ON COLUMN transactions.amount IS 'Exact decimal with the scale it was sent with; at most 7 decimals.';
COMMENT ON COLUMN transactions.asset_code IS 'Asset code of 1 to 12 characters, or native.';
COMMENT ON COLUMN transactions.callback_type IS 'What the anchor reports on: a deposit or a withdrawal, with or without exchange.';
COMMENT ON COLUMN transactions.callback_status IS 'The state of the anchor''s own process, in its words.';
COMMENT ON COLUMN transactions.anchor_transaction_id IS 'The natural key: the anchor''s id. Unique for ever.';
COMMENT ON COLUMN transactions.memo IS 'Stellar memo, as sent.';
COMMENT ON COLUMN transactions.memo_type IS 'text, id or hash; set exactly when memo is.';
COMMENT ON COLUMN transactions.metadata IS 'Free object of the client.';
COMMENT ON COLUMN transactions.status IS 'pending, processing, completed or failed.';
COMMENT ON COLUMN transactions.status_reason IS 'Why it has this status, in the words of whoever set it.';
COMMENT ON COLUMN transactions.version IS 'Number of the latest event; the ETag.';
COMMENT ON COLUMN transactions.created_at IS 'Time of the SQL transaction that stored the row.';
COMMENT ON COLUMN transactions.updated_at IS 'Time of the latest event.';
COMMENT ON COLUMN transactions.duplicates IS
    'Creates that met this row by its natural key. Counting makes their answer a synchronously committed write.';

CREATE INDEX transactions_created_at_id_idx ON transactions (created_at, id);
CREATE INDEX transactions_stellar_account_idx ON transactions (stellar_account, created_at, id);
CREATE INDEX transactions_status_idx ON transactions (status, created_at, id);

CREATE TABLE transaction_events (
    transaction_id  uuid        NOT NULL CONSTRAINT transaction_events_transaction_id_fkey REFERENCES transactions (id),
    version         integer     NOT NULL,
    kind            text        NOT NULL,
    status          text        NOT NULL,
    status_reason   text,
    callback_status text,
    actor           text        NOT NULL,
    request_id      text        NOT NULL,
    change_id       uuid        CONSTRAINT transaction_events_change_id_key UNIQUE,
    at              timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT transaction_events_pkey PRIMARY KEY (transaction_id, version),
    CONSTRAINT transaction_events_version_check CHECK (version >= 1),
    CONSTRAINT transaction_events_kind_check CHECK (kind IN ('created', 'status_changed', 'callback')),
    CONSTRAINT transaction_events_change_id_check CHECK ((kind = 'created') = (change_id IS NULL)),
    CONSTRAINT transaction_events_status_check CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    CONSTRAINT transaction_events_request_id_check CHECK (request_id ~ '^[A-Za-z0-9._-]{1,64}$')
);

COMMENT ON TABLE transaction_events IS 'The history: everything of a transaction that ever changed. Rows are only added.';
COMMENT ON COLUMN transaction_events.transaction_id IS 'The transaction.';
COMMENT ON COLUMN transaction_events.version IS '1, 2, 3, … without gaps.';
COMMENT ON COLUMN transaction_events.kind IS 'created, status_changed or callback.';
COMMENT ON COLUMN transaction_events.status IS 'The status from this version on.';
COMMENT ON COLUMN transaction_events.status_reason IS 'The reason given for it.';
COMMENT ON COLUMN transaction_events.callback_status IS 'The anchor''s status from this version on.';
COMMENT ON COLUMN transaction_events.actor IS 'Who did it: api:<client>.';
COMMENT ON COLUMN transaction_events.request_id IS 'X-Request-Id of the request that did it.';
COMMENT ON COLUMN transaction_events.change_id IS
    'Made by the service before its first attempt at this change: finding it means that an earlier attempt committed.';
COMMENT ON COLUMN transaction_events.at IS 'Time of the SQL transaction that stored the row.';

CREATE TABLE idempotency_keys (
    client          text        NOT NULL,
    key             text        NOT NULL,
    fingerprint     bytea       NOT NULL,
    transaction_ids uuid[]      NOT NULL,
    created         boolean     NOT NULL,
    replays         bigint      NOT NULL DEFAULT 0,
    first_used_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (client, key),
    CONSTRAINT idempotency_keys_key_check CHECK (key ~ '^[A-Za-z0-9._:-]{1,255}$'),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK (octet_length(fingerprint) = 32),
    CONSTRAINT idempotency_keys_transaction_ids_check CHECK (cardinality(transaction_ids) BETWEEN 1 AND 500)
);

COMMENT ON TABLE idempotency_keys IS 'Which request a key stands for, and what came of it. Written in the statement that stores the transactions.';
COMMENT ON COLUMN idempotency_keys.client IS 'Whose key it is.';
COMMENT ON COLUMN idempotency_keys.key IS 'Idempotency-Key of the first request.';
COMMENT ON COLUMN idempotency_keys.fingerprint IS 'SHA-256 of method, path and canonical body of that request.';
COMMENT ON COLUMN idempotency_keys.transaction_ids IS 'The transactions that answered it, in the order of the request.';
COMMENT ON COLUMN idempotency_keys.created IS 'False where the request met a transaction that existed (natural key).';
COMMENT ON COLUMN idempotency_keys.replays IS 'Repeats so far. Counting makes their answer a synchronously committed write.';
COMMENT ON COLUMN idempotency_keys.first_used_at IS 'When the key was stored.';
COMMENT ON COLUMN idempotency_keys.last_used_at IS 'When it was last repeated.';
