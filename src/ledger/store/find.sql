-- Transactions of one owner by their ids, with one lookup in the index for each id: for `id = ANY (…)` PostgreSQL would read all rows of
-- the owner while the table is almost empty, and keep that plan.
--   $1 ids; $2 owner
SELECT t.id, t.stellar_account, t.amount, t.asset_code, t.callback_type, t.callback_status, t.anchor_transaction_id, t.memo,
       t.memo_type, t.metadata, t.status, t.status_reason, t.version, t.write_id, t.created_at, t.updated_at
  FROM unnest($1::uuid[]) AS wanted (id),
       LATERAL (SELECT * FROM transactions t WHERE t.owner = $2 AND t.id = wanted.id LIMIT 1) t;
