-- Counts the transactions of one owner, and adds their amounts, in one statement, and so in one snapshot. It reads all rows of the period,
-- so its cost grows with them; statement_timeout bounds it.
-- The assets of a day (of the whole period, if not by day) come with those of the most transactions first, and only so many of them.
--   $1 owner; of each token: $2 transaction, $3 version, $4 write; by $5 day, $6 asset, $7 status; $8 from, $9 to; $10 how many assets
SELECT token.visible, token.in_recovery, told.day, told.asset_code, told.status, told.count, told.total_amount::text, told.of_asset,
       told.total_of_asset::text, told.of_day, told.place
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
       SELECT ranked.*,
              dense_rank() OVER (PARTITION BY ranked.day ORDER BY ranked.of_asset DESC, ranked.asset_code) AS place
         FROM (SELECT counted.*,
                      (sum(counted.count) OVER (PARTITION BY counted.day, counted.asset_code))::bigint AS of_asset,
                      sum(counted.total_amount) OVER (PARTITION BY counted.day, counted.asset_code) AS total_of_asset,
                      (sum(counted.count) OVER (PARTITION BY counted.day))::bigint AS of_day
                 FROM (SELECT CASE WHEN $5 THEN (t.created_at AT TIME ZONE 'UTC')::date END AS day,
                              CASE WHEN $6 THEN t.asset_code END AS asset_code,
                              CASE WHEN $7 THEN t.status END AS status,
                              count(*) AS count, sum(t.amount) AS total_amount
                         FROM transactions t
                        WHERE t.owner = $1
                          AND t.created_at > '-infinity' -- chooses the index (see the migration)
                          AND t.created_at >= $8 AND t.created_at < $9
                        GROUP BY 1, 2, 3) counted) ranked
       ) told ON told.place <= $10
 ORDER BY told.day, told.place, told.status;
