-- One page of a search: the rows that match among at most 20,000 that are looked at, in the order of an index, so that a page costs the
-- same however large the table is. list.rs makes the other forms of this text: ascending, and by another index.
-- If fewer rows match than were wanted, and 20,000 were looked at, the last of these ends the page: it comes as a place without a
-- transaction. A full page does not look for it (PostgreSQL then leaves out the second branch of UNION ALL).
--   $1 owner; of each token: $2 transaction, $3 version, $4 write; $5, $6 the place where the page before ended;
--   $7 from, $8 to; $9 statuses, $10 asset_code, $11 stellar_account, $12 callback_type, $13 anchor_transaction_id,
--   $14 idempotency_key, $15 and $16 bounds of the amount (each of these or NULL); $17 how many
SELECT token.visible, token.in_recovery, page.place_created_at, page.place_id,
       page.id, page.stellar_account, page.amount, page.asset_code, page.callback_type, page.callback_status,
       page.anchor_transaction_id, page.memo, page.memo_type, page.metadata, page.status, page.status_reason,
       page.version, page.write_id, page.created_at, page.updated_at
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
       (SELECT t.created_at AS place_created_at, t.id AS place_id, t.*
          FROM (SELECT *
                  FROM transactions t
                 WHERE t.owner = $1
                   AND t.created_at > '-infinity' -- chooses the index (see the migration); list.rs replaces this condition
                   AND (t.created_at, t.id) < ($5, $6) AND t.created_at >= $7 AND t.created_at < $8
                 ORDER BY t.created_at DESC, t.id DESC
                 LIMIT 20000) t
         WHERE ($9::text[] IS NULL OR t.status = ANY ($9))
           AND ($10::text IS NULL OR t.asset_code = $10)
           AND ($11::text IS NULL OR t.stellar_account = $11)
           AND ($12::text IS NULL OR t.callback_type = $12)
           AND ($13::text IS NULL OR t.anchor_transaction_id = $13)
           AND ($14::text IS NULL OR t.idempotency_key = $14)
           AND ($15::numeric IS NULL OR t.amount >= $15)
           AND ($16::numeric IS NULL OR t.amount <= $16)
         ORDER BY t.created_at DESC, t.id DESC
         LIMIT $17)
       UNION ALL
       (SELECT last.created_at, last.id, (NULL::transactions).*
          FROM (SELECT t.created_at, t.id
                  FROM transactions t
                 WHERE t.owner = $1
                   AND t.created_at > '-infinity' -- chooses the index (see the migration); list.rs replaces this condition
                   AND (t.created_at, t.id) < ($5, $6) AND t.created_at >= $7 AND t.created_at < $8
                 ORDER BY t.created_at DESC, t.id DESC
                OFFSET 19999 LIMIT 1) last)
       ) page ON true
 LIMIT $17;
