-- Where this server is in the history of the cluster.
-- The timeline of a standby is the receiver's, which may be ahead of what is replayed by a moment. A standby that was promoted keeps the
-- position up to which it had replayed, until it is restarted: there its timeline begins. After a restart the same function may tell where
-- a crash recovery ended, which means nothing here; but then it has received nothing.
SELECT s.standby,
       CASE WHEN s.standby THEN (SELECT received_tli FROM pg_stat_wal_receiver)
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int
       END AS timeline,
       (CASE WHEN s.standby THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_insert_lsn() END
         - '0/0'::pg_lsn)::bigint AS lsn,
       CASE WHEN NOT s.standby AND pg_last_wal_receive_lsn() IS NOT NULL
            THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint
       END AS promoted_at
  FROM (SELECT pg_is_in_recovery() AS standby) s;
