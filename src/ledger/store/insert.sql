-- Stores one transaction, or several of one owner: insert.rs repeats the row of VALUES, each with parameters of its own except $1.
-- A row whose handle exists already is skipped and not returned (lookup.sql then finds the row that has the handle), and so is a row that
-- repeats another one of the same statement. If another SQL transaction is storing the handle right now, the statement waits for it, up to
-- lock_timeout.
--   $1 owner; of each row: $2 id, $3 stellar_account, $4 amount, $5 asset_code, $6 callback_type, $7 callback_status,
--   $8 anchor_transaction_id, $9 memo, $10 memo_type, $11 metadata, $12 idempotency_key, $13 fingerprint, $14 actor, $15 request_id
INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, callback_type, callback_status,
                          first_callback_status, anchor_transaction_id, memo, memo_type, metadata,
                          idempotency_key, fingerprint, actor, request_id)
VALUES
    ($1, $2, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT DO NOTHING
RETURNING id, created_at;
