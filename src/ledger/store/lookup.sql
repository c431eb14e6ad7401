-- The rows that kept creates from being stored by insert.sql or insert_all.sql: for each create the row under its key and item number, and
-- the row under its anchor id. Every key that was ever used has an item 0, so a single create finds a batch there, and a batch a single
-- create.
-- The answers are reported to clients as the outcome of a write, so the statement commits something itself: on a primary that is cut off, a
-- plain SELECT could acknowledge a row that no standby ever got.
--   $1 whether the commit waits for neither disk nor standbys, since confirm.sql follows (durability.rs);
--   $2 keys and $3 anchor ids, of each create either or both; $4 item numbers; $5 owner
WITH proof AS MATERIALIZED (
    SELECT pg_logical_emit_message(true, 'synapse', ''), (SELECT set_config('synchronous_commit', 'off', true) WHERE $1)
)
SELECT asked.place, found.by_key, found.fingerprint, found.first_callback_status,
       found.id, found.stellar_account, found.amount, found.asset_code, found.callback_type, found.callback_status,
       found.anchor_transaction_id, found.memo, found.memo_type, found.metadata, found.status, found.status_reason,
       found.version, found.write_id, found.created_at, found.updated_at
  FROM proof,
       unnest($2::text[], $3::text[], $4::smallint[])
           WITH ORDINALITY AS asked (idempotency_key, anchor_transaction_id, item, place),
       LATERAL (
           (SELECT true AS by_key, t.*
              FROM transactions t
             WHERE t.owner = $5 AND t.idempotency_key = asked.idempotency_key AND t.item = asked.item
             LIMIT 1)
           UNION ALL
           (SELECT false, t.*
              FROM transactions t
             WHERE t.owner = $5 AND t.anchor_transaction_id = asked.anchor_transaction_id
             LIMIT 1)
       ) found;
