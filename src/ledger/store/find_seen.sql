-- find.sql for reads with consistency tokens: it also says whether the writes that they name can be seen, in the same snapshot, so that
-- what is read is never older than what was checked. For a read without tokens this text would take 1.5 times as long.
--   $1 owner; of each token: $2 transaction, $3 version, $4 write; $5 ids
SELECT token.visible, token.in_recovery,
       found.id, found.stellar_account, found.amount, found.asset_code, found.callback_type, found.callback_status,
       found.anchor_transaction_id, found.memo, found.memo_type, found.metadata, found.status, found.status_reason,
       found.version, found.write_id, found.created_at, found.updated_at
  FROM (SELECT ARRAY(
           SELECT EXISTS (
                      SELECT FROM transactions t
                       WHERE t.owner = $1 AND t.id = named.transaction_id
                         AND (t.version = named.version AND t.write_id = named.write_id
                              OR t.version > named.version AND (
                                  named.version = 1 AND t.id = named.write_id
                                  OR EXISTS (SELECT FROM transaction_events e
                                              WHERE e.owner = $1 AND e.transaction_id = named.transaction_id
                                                AND e.version = named.version AND e.write_id = named.write_id))))
             FROM unnest($2::uuid[], $3::integer[], $4::uuid[]) WITH ORDINALITY
                  AS named (transaction_id, version, write_id, place)
            ORDER BY named.place) AS visible,
              pg_is_in_recovery() AS in_recovery) token
  LEFT JOIN (
       SELECT t.*
         FROM unnest($5::uuid[]) AS wanted (id),
              LATERAL (SELECT * FROM transactions t WHERE t.owner = $1 AND t.id = wanted.id LIMIT 1) t
       ) found ON true;
