-- Changes a status, if the stored version is the expected one and the transition is allowed from there.
-- The row is locked first, whatever its version: the statement waits for a change that is being committed right now (up to lock_timeout),
-- and then compares, changes or returns the latest state, never an older one that a snapshot still shows. Since a lock is written to the
-- log, a refusal ends with a commit too, which a primary that was replaced cannot make.
--   $1 owner, $2 transaction, $3 to which status, $4 reason, $5 the id of this write, $6 (true) from any version, else $7 from this one,
--   $8 with this identity of the write (from the ETag), $9 from which statuses, $10 actor, $11 request_id,
--   $12 whether the commit waits for neither disk nor standbys, since confirm.sql follows (durability.rs)
WITH stored AS MATERIALIZED (
    SELECT t.* FROM transactions t WHERE t.owner = $1 AND t.id = $2 FOR UPDATE
), changed AS (
    UPDATE transactions t
       SET status = $3, status_reason = $4, version = stored.version + 1, write_id = $5,
           updated_at = greatest(now(), stored.updated_at)
      FROM stored
     WHERE t.owner = $1 AND t.id = $2
       AND ($6 OR stored.version = $7 AND right(stored.write_id::text, 6) = $8)
       AND stored.status = ANY ($9)
    RETURNING t.*
), event AS (
    INSERT INTO transaction_events (owner, transaction_id, version, write_id, kind, status, status_reason, callback_status,
                                    actor, request_id, at)
    SELECT owner, id, version, write_id, 'status_changed', status, status_reason, callback_status, $10, $11, updated_at
      FROM changed
), confirmed_later AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true) WHERE $12
)
SELECT told.changed, told.id, told.stellar_account, told.amount, told.asset_code, told.callback_type, told.callback_status,
       told.anchor_transaction_id, told.memo, told.memo_type, told.metadata, told.status, told.status_reason, told.version,
       told.write_id, told.created_at, told.updated_at
  FROM (SELECT true AS changed, c.* FROM changed c
        UNION ALL
        SELECT false, s.* FROM stored s WHERE NOT EXISTS (SELECT FROM changed)) told
  LEFT JOIN confirmed_later ON true;
