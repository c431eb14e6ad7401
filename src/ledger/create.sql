-- The second half of the create statement. Before it, create.rs binds the request into two relations:
--   item (id, stellar_account, amount, asset_code, callback_type, callback_status, anchor_transaction_id, memo, memo_type, metadata, ord)
--   request (client, key, fingerprint, actor, request_id, single, required, synchronous, may_write)
-- `used` and `known` write, although they only look: their answer must be as durable as the row they answer with.
), used AS (
    UPDATE idempotency_keys k SET replays = k.replays + 1, last_used_at = now()
      FROM request r WHERE k.client = r.client AND k.key = r.key AND r.may_write
    RETURNING k.*
), known AS (
    UPDATE transactions t SET duplicates = t.duplicates + 1
      FROM item i, request r
     WHERE t.anchor_transaction_id = i.anchor_transaction_id AND r.may_write AND NOT EXISTS (SELECT FROM used)
    RETURNING t.*, i.ord, array_remove(ARRAY[
        CASE WHEN t.stellar_account <> i.stellar_account THEN 'stellar_account' END,
        CASE WHEN t.amount <> i.amount THEN 'amount' END,
        CASE WHEN t.asset_code <> i.asset_code THEN 'asset_code' END,
        CASE WHEN t.callback_type IS DISTINCT FROM i.callback_type THEN 'callback_type' END,
        CASE WHEN t.memo IS DISTINCT FROM i.memo THEN 'memo' END,
        CASE WHEN t.memo_type IS DISTINCT FROM i.memo_type THEN 'memo_type' END,
        CASE WHEN t.metadata IS DISTINCT FROM i.metadata THEN 'metadata' END], NULL) AS conflicting
), created AS (
    INSERT INTO transactions (id, stellar_account, amount, asset_code, callback_type, callback_status,
                              anchor_transaction_id, memo, memo_type, metadata)
    SELECT i.id, i.stellar_account, i.amount, i.asset_code, i.callback_type, i.callback_status,
           i.anchor_transaction_id, i.memo, i.memo_type, i.metadata
      FROM item i, request r
     WHERE r.may_write AND NOT EXISTS (SELECT FROM used) AND NOT EXISTS (SELECT FROM known)
    RETURNING *
), history AS (
    INSERT INTO transaction_events (transaction_id, version, kind, status, callback_status, actor, request_id, at)
    SELECT c.id, c.version, 'created', c.status, c.callback_status, r.actor, r.request_id, c.created_at
      FROM created c, request r
), remembered AS (
    INSERT INTO idempotency_keys (client, key, fingerprint, transaction_ids, created)
    SELECT r.client, r.key, r.fingerprint, a.ids, a.created
      FROM request r,
           (SELECT array_agg(i.id ORDER BY i.ord) AS ids, true AS created FROM item i JOIN created c ON c.id = i.id
            UNION ALL
            SELECT ARRAY[k.id], false FROM known k, request r WHERE r.single AND k.conflicting = '{}') a
     WHERE r.key IS NOT NULL AND a.ids IS NOT NULL
)
SELECT a.*, r.synchronous, r.new_settings
  FROM request r, (
    SELECT 'created' AS origin, i.ord, '{}'::text[] AS conflicting, NULL::bytea AS fingerprint, true AS key_created,
           c.id, c.stellar_account, c.amount, c.asset_code, c.callback_type, c.callback_status, c.anchor_transaction_id,
           c.memo, c.memo_type, c.metadata, c.status, c.status_reason, c.version, c.created_at, c.updated_at
      FROM created c JOIN item i ON i.id = c.id
    UNION ALL
    SELECT 'known', k.ord, k.conflicting, NULL, false,
           k.id, k.stellar_account, k.amount, k.asset_code, k.callback_type, k.callback_status, k.anchor_transaction_id,
           k.memo, k.memo_type, k.metadata, k.status, k.status_reason, k.version, k.created_at, k.updated_at
      FROM known k
    UNION ALL
    SELECT 'used', u.ord, '{}', k.fingerprint, k.created,
           t.id, t.stellar_account, t.amount, t.asset_code, t.callback_type, t.callback_status, t.anchor_transaction_id,
           t.memo, t.memo_type, t.metadata, t.status, t.status_reason, t.version, t.created_at, t.updated_at
      FROM used k, unnest(k.transaction_ids) WITH ORDINALITY AS u (id, ord) JOIN transactions t ON t.id = u.id
  ) a
 ORDER BY a.ord
