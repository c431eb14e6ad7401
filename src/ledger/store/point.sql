-- The position of this server in the history of the cluster.
-- The timeline of a standby is that of its WAL receiver, which may be a moment ahead of what is replayed. A standby that was promoted
-- keeps, until it is restarted, the position up to which it had replayed: there its new timeline begins. After a restart the same function
-- may return where a crash recovery ended, which means nothing here; but such a server has received nothing.
SELECT s.standby,
       CASE WHEN s.standby THEN (SELECT received_tli FROM pg_stat_wal_receiver)
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int
       END AS timeline,
       -- At the beginning of a page the header is left out, as in question.sql (src/db/probe).
       (CASE WHEN s.standby THEN coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0'::pg_lsn
             WHEN p.inserted % current_setting('wal_block_size')::int = 24 THEN p.inserted - 24
             WHEN p.inserted % pg_size_bytes(current_setting('wal_segment_size')) = 40 THEN p.inserted - 40
             ELSE p.inserted
        END)::bigint AS lsn,
       CASE WHEN NOT s.standby AND pg_last_wal_receive_lsn() IS NOT NULL
            THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint
       END AS promoted_at
  FROM (SELECT pg_is_in_recovery() AS standby) s,
       LATERAL (SELECT CASE WHEN NOT s.standby THEN pg_current_wal_insert_lsn() - '0/0'::pg_lsn END AS inserted) p;
