-- Stores the transactions of one batch, all of them or none: if a handle exists already, the statement fails (unique_violation), and
-- lookup.sql then finds the row that has the handle. The text is the same for every number of rows, and needs one round trip.
--   $1 owner, $2 idempotency_key, $3 fingerprint, $4 actor, $5 request_id, which all rows share;
--   of each row: $6 item, $7 id, $8 stellar_account, $9 amount, $10 asset_code, $11 callback_type, $12 callback_status,
--   $13 anchor_transaction_id, $14 memo, $15 memo_type, $16 metadata;
--   $17 whether the commit waits for neither disk nor standbys, since confirm.sql follows (durability.rs)
INSERT INTO transactions (owner, idempotency_key, fingerprint, actor, request_id,
                          item, id, write_id, stellar_account, amount, asset_code, callback_type, callback_status,
                          first_callback_status, anchor_transaction_id, memo, memo_type, metadata)
SELECT $1, $2, $3, $4, $5,
       item, id, id, stellar_account, amount, asset_code, callback_type, callback_status,
       callback_status, anchor_transaction_id, memo, memo_type, metadata
  FROM unnest($6::smallint[], $7::uuid[], $8::text[], $9::numeric[], $10::text[], $11::text[], $12::text[],
              $13::text[], $14::text[], $15::text[], $16::json[])
       AS asked (item, id, stellar_account, amount, asset_code, callback_type, callback_status,
                 anchor_transaction_id, memo, memo_type, metadata)
RETURNING created_at, (SELECT set_config('synchronous_commit', 'off', true) WHERE $17);
