-- Which of the standbys that count have what this server had flushed when it was asked first: all that was committed before, and perhaps
-- a little of what others have just committed.
--   $1 the standbys that count, by application_name; $2 the position of the first look, NULL in that look
SELECT looked.position,
       current_setting('synchronous_commit') IN ('on', 'remote_apply') AND count(standby.pid) > 0 AS may_be,
       coalesce(array_agg(DISTINCT standby.application_name)
                FILTER (WHERE standby.flush_lsn - '0/0'::pg_lsn >= looked.position), '{}') AS confirmed_by
  FROM (SELECT standby.pid, standby.application_name, standby.flush_lsn
          FROM pg_stat_replication standby
         WHERE standby.application_name = ANY ($1) AND standby.sync_state IN ('sync', 'quorum')) standby
 RIGHT JOIN (SELECT coalesce($2, (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint) AS position) looked ON true
 GROUP BY looked.position;
