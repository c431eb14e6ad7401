-- Stores the transaction that a callback is about, if neither its anchor id nor the callback itself is known: insert.sql with one row, and
-- with the time at which it was said. A callback that found a known transaction has left a receipt.
--   $1 owner, $2 id, $3 stellar_account, $4 amount, $5 asset_code, $6 callback_type, $7 callback_status, $8 anchor_transaction_id,
--   $9 memo, $10 memo_type, $11 metadata, $12 idempotency_key, $13 fingerprint, $14 actor, $15 request_id, $16 said at,
--   $17 whether the commit waits for neither disk nor standbys, since confirm.sql follows (durability.rs)
INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, callback_type, callback_status,
                          first_callback_status, anchor_transaction_id, memo, memo_type, metadata,
                          idempotency_key, fingerprint, actor, request_id, callback_at)
SELECT $1, $2, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
 WHERE NOT EXISTS (SELECT FROM callback_receipts r WHERE r.owner = $1 AND r.handle = $12)
ON CONFLICT DO NOTHING
RETURNING created_at, (SELECT set_config('synchronous_commit', 'off', true) WHERE $17);
