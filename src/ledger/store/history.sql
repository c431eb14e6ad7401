-- One page of a transaction's history, oldest first. Version 1 is made from the transaction's own row, and comes with every page: if it is
-- missing, there is no such transaction.
--   $1 owner; of each token: $2 transaction, $3 version, $4 write; $5 the transaction, $6 after which version, $7 how many
SELECT token.visible, token.in_recovery, event.version, event.kind, event.status, event.status_reason, event.callback_status, event.actor,
       event.request_id, event.at
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
       (SELECT 1 AS version, 'created' AS kind, 'pending' AS status, NULL::text AS status_reason,
               t.first_callback_status AS callback_status, t.actor, t.request_id, t.created_at AS at
          FROM transactions t
         WHERE t.owner = $1 AND t.id = $5)
       UNION ALL
       (SELECT e.version, e.kind, e.status, e.status_reason, e.callback_status, e.actor, e.request_id, e.at
          FROM transaction_events e
         WHERE e.owner = $1 AND e.transaction_id = $5 AND e.version > $6
         ORDER BY e.version
         LIMIT $7)
       ) event ON true;
