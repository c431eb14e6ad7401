-- insert.sql, followed by confirm.sql if all rows were stored, in one round trip (the procedure is in the migration).
--   $1 owner; of each row: $2 id, $3 stellar_account, $4 amount, $5 asset_code, $6 callback_type, $7 callback_status,
--   $8 anchor_transaction_id, $9 memo, $10 memo_type, $11 metadata, $12 idempotency_key, $13 fingerprint, $14 actor, $15 request_id;
--   $16 the standbys that count, by application_name; $17 the number of this call (the session has it as synapse.stored from the commit on)
CALL create_confirmed($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, NULL, NULL, NULL, NULL);
