-- Changes the callback_status of a transaction, unless the anchor has said something later already. If two callbacks were said in the same
-- second, the one that arrives later counts: senders count whole seconds.
-- The row is locked first, for the reasons that change.sql gives. If the callback says what is known already, only its time is noted, and
-- the version stays. The receipt keeps every callback from being applied a second time. That includes one that said nothing new: sent again
-- later and signed anew, it would otherwise count as the latest word.
--   $1 owner, $2 transaction, $3 callback_status (null: it says none, and nothing changes), $4 said at, $5 the id of this write, $6 actor,
--   $7 request_id, $8 handle, $9 fingerprint,
--   $10 whether the commit waits for neither disk nor standbys, since confirm.sql follows (durability.rs)
WITH stored AS MATERIALIZED (
    SELECT t.* FROM transactions t WHERE t.owner = $1 AND t.id = $2 FOR UPDATE
), noted AS (
    UPDATE transactions t
       SET callback_status = $3, callback_at = $4,
           version = CASE WHEN stored.callback_status IS DISTINCT FROM $3 THEN stored.version + 1 ELSE stored.version END,
           write_id = CASE WHEN stored.callback_status IS DISTINCT FROM $3 THEN $5 ELSE stored.write_id END,
           updated_at = CASE WHEN stored.callback_status IS DISTINCT FROM $3 THEN greatest(now(), stored.updated_at)
                             ELSE stored.updated_at END
      FROM stored
     WHERE t.owner = $1 AND t.id = $2 AND $3 IS NOT NULL AND coalesce(stored.callback_at <= $4, true)
    RETURNING t.*, stored.callback_status IS DISTINCT FROM $3 AS changed
), event AS (
    INSERT INTO transaction_events (owner, transaction_id, version, write_id, kind, status, status_reason, callback_status,
                                    actor, request_id, at)
    SELECT owner, id, version, write_id, 'callback', status, status_reason, callback_status, $6, $7, updated_at
      FROM noted
     WHERE changed
), receipt AS (
    INSERT INTO callback_receipts (owner, handle, fingerprint, transaction_id, write_id)
    SELECT $1, $8, $9, $2, (SELECT $5 FROM noted WHERE changed)
      FROM stored
), confirmed_later AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true) WHERE $10
)
SELECT told.changed, told.id, told.stellar_account, told.amount, told.asset_code, told.callback_type, told.callback_status,
       told.anchor_transaction_id, told.memo, told.memo_type, told.metadata, told.status, told.status_reason, told.version,
       told.write_id, told.created_at, told.updated_at
  FROM (SELECT n.* FROM noted n
        UNION ALL
        SELECT s.*, false FROM stored s WHERE NOT EXISTS (SELECT FROM noted)) told
  LEFT JOIN confirmed_later ON true;
