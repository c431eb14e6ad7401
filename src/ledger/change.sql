-- The second half of the change statement. Before it, change.rs binds the request into one relation:
--   request (id, expected, status, reason, change_id, actor, request_id, required, allowed_from, synchronous, may_write)
-- Columns are named: a prepared statement fails for ever once `*` means another number of them (a migration).
-- `unchanged` writes, although it only looks: a refusal, too, must not come from a primary that has been cut off.
), changed AS (
    UPDATE transactions t
       SET status = r.status, status_reason = r.reason, version = t.version + 1, updated_at = now()
      FROM request r
     WHERE t.id = r.id AND r.may_write AND t.version = r.expected
       AND t.status = ANY (r.allowed_from)
    RETURNING t.id, t.stellar_account, t.amount, t.asset_code, t.callback_type, t.callback_status, t.anchor_transaction_id,
              t.memo, t.memo_type, t.metadata, t.status, t.status_reason, t.version, t.created_at, t.updated_at
), history AS (
    INSERT INTO transaction_events
           (transaction_id, version, kind, status, status_reason, callback_status, actor, request_id, change_id, at)
    SELECT c.id, c.version, 'status_changed', c.status, c.status_reason, c.callback_status,
           r.actor, r.request_id, r.change_id, c.updated_at
      FROM changed c, request r
), unchanged AS (
    UPDATE transactions t SET duplicates = t.duplicates + 1
      FROM request r
     WHERE t.id = r.id AND r.may_write AND NOT EXISTS (SELECT FROM changed)
    RETURNING t.id, t.stellar_account, t.amount, t.asset_code, t.callback_type, t.callback_status, t.anchor_transaction_id,
              t.memo, t.memo_type, t.metadata, t.status, t.status_reason, t.version, t.created_at, t.updated_at
)
SELECT a.*, r.synchronous, r.new_settings
  FROM request r, (SELECT true AS changed, c.* FROM changed c UNION ALL SELECT false, u.* FROM unchanged u) a
