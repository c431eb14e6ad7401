-- The position of this server in the history of the cluster.
-- The timeline of a standby is that of its WAL receiver, which may be a moment ahead of what is replayed. A standby that was promoted
-- keeps, until it is restarted, the position up to which it had replayed: there its new timeline begins. After a restart the same function
-- may return where a crash recovery ended, which means nothing here; but such a server has received nothing.
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
